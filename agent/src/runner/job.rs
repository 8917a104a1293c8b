//! One job from its arrival to its report.

use std::error::Error;
use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use std::time::Duration;

use analysis::samples;
use domain::{
    AttemptPhase, CellSpec, Clock as _, Environment, Failure, FailureKind, Measurement, OutputCheck, Placement,
    PowerRule, Regime, RunMode, Scenario, StopReason, SystemClock, Timestamp, VolatileEnvironment,
};
use loadgen::{Choice, ORDER_SEED, WarmUp};
use proto::pb;

use super::environment::{self, Probe, Watch};
use super::evaluate::{self, EvaluateError, Evaluated, Files};
use super::fault::Fault;
use super::fingerprint;
use super::input::{self, InputError, InputSpec, Query};
use super::load::{self, Load};
use super::model_file::{self, ModelFileError};
use super::pipe::{self, Events};
use super::process::ConfineError;
use super::report::{self, HistogramError};
use super::runtime::{Bound, Callable, Engine, EngineError, Model, RuntimeError, SessionSetup, Source, probe_library};
use super::{measure, process};
use crate::simulate::Pace;
use crate::{probe, stopwatch};

/// The agent is gone, or can't be reached: nobody reads the code.
const NO_AGENT: u8 = 3;

/// The whole child process, `<program> runner [--fault MODEL=FAULT].. [probe LIBRARY]`. Without `probe` it takes one job
/// from standard input and reports on standard output; a report that was delivered ends with code 0, even if it is a
/// failure's.
pub fn main() -> ExitCode {
    let mut arguments: Vec<_> = std::env::args_os().skip(2).collect();
    let mut faults = Vec::new();
    while arguments.len() >= 2 && arguments[0] == OsStr::new("--fault") {
        faults.push(arguments[1].to_string_lossy().into_owned());
        arguments.drain(..2);
    }
    match arguments.as_slice() {
        [] => run_job(&faults),
        [word, library] if word == OsStr::new("probe") => print_facts(Path::new(library)),
        _ => {
            complain("usage: runner [probe LIBRARY]");
            ExitCode::from(2)
        }
    }
}

/// Prints version and providers as one line of JSON, or the reason why not on standard error.
fn print_facts(library: &Path) -> ExitCode {
    let outcome = process::take_stdout().map_err(|error| error.to_string()).and_then(|mut stdout| {
        let facts = probe_library(library).map_err(|error| explain(&error))?;
        let line = serde_json::to_string(&facts).map_err(|error| error.to_string())?;
        writeln!(stdout, "{line}").map_err(|error| error.to_string())
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            complain(&why);
            ExitCode::FAILURE
        }
    }
}

fn run_job(faults: &[String]) -> ExitCode {
    let autogroup_raised = process::stand_apart();
    match receive().and_then(|job| job.map(|(job, events)| work(job, events, autogroup_raised, faults)).transpose()) {
        Ok(Some(())) => ExitCode::SUCCESS,
        Ok(None) => ExitCode::from(NO_AGENT),
        Err(error) => {
            complain(&format!("the agent can't be reached: {error}"));
            ExitCode::from(NO_AGENT)
        }
    }
}

/// Takes the pipes and the job; `None` if the agent is gone.
fn receive() -> io::Result<Option<(pb::RunnerJob, Events)>> {
    let events = Events::new(process::take_stdout()?);
    let Some(job) = pipe::read_job(&mut io::stdin().lock())? else { return Ok(None) };
    process::end_with_stdin()?;
    Ok(Some((job, events)))
}

fn work(job: pb::RunnerJob, mut events: Events, autogroup_raised: bool, faults: &[String]) -> io::Result<()> {
    let outcome = match Job::try_from(job).and_then(|job| job.execute(&mut events, autogroup_raised, faults)) {
        Ok(measurement) => Ok(measurement),
        Err(JobError::Pipe(error)) => return Err(error),
        Err(error) => Err(Failure {
            peak_rss_bytes: Some(process::resident_bytes().0).filter(|&bytes| bytes > 0),
            ..Failure::without_runner(error.kind(), events.phase(), explain(&error))
        }),
    };
    events.report(outcome)
}

/// One job, checked.
struct Job {
    mode: RunMode,
    cell: CellSpec,
    library: PathBuf,
    model: PathBuf,
    tokenizer: Option<PathBuf>,
    /// The text or the tensors the cell names.
    input_file: Option<PathBuf>,
    dataset: Option<PathBuf>,
    memory_limit_bytes: u64,
    readings: Option<PathBuf>,
    /// Of a simulated board: where its pace is told.
    pace: Option<PathBuf>,
    /// What the environment is read below.
    root: PathBuf,
}

impl TryFrom<pb::RunnerJob> for Job {
    type Error = JobError;

    fn try_from(job: pb::RunnerJob) -> Result<Self, JobError> {
        let mode = proto::run_mode("job.mode", job.mode)?;
        let pb::RunnerJob {
            cell,
            runtime_library,
            model,
            tokenizer,
            input_file,
            memory_limit_bytes,
            readings,
            mode: _,
            dataset,
            pace,
            root,
        } = job;
        let optional = |path: String| (!path.is_empty()).then(|| PathBuf::from(path));
        Ok(Self {
            mode,
            dataset: optional(dataset),
            cell: cell.ok_or(proto::InvalidMessage::Missing("job.cell"))?.try_into()?,
            library: optional(runtime_library).ok_or(proto::InvalidMessage::Missing("job.runtime_library"))?,
            model: optional(model).ok_or(proto::InvalidMessage::Missing("job.model"))?,
            tokenizer: optional(tokenizer),
            input_file: optional(input_file),
            memory_limit_bytes,
            readings: optional(readings),
            pace: optional(pace),
            root: optional(root).unwrap_or_else(|| PathBuf::from("/")),
        })
    }
}

impl Job {
    fn execute(&self, events: &mut Events, autogroup_raised: bool, faults: &[String]) -> Result<Measurement, JobError> {
        let cell = &self.cell;
        events.enter(AttemptPhase::Loading)?;
        process::limit_memory(self.memory_limit_bytes).map_err(JobError::Limit)?;
        let affinity = process::confine(&cell.settings.affinity)?;
        let probe = Probe::open(self.readings.as_deref(), &self.root).map_err(JobError::Readings)?;
        if !self.model.exists() {
            return Err(JobError::NoModel { path: self.model.clone() });
        }
        model_file::check_model(&self.model)?;
        let (engine, runtime_load) = stopwatch::timed(|| Engine::load(&self.library));
        let engine = engine?;
        let source = Source::File(&self.model);
        let (model, session_load) = stopwatch::timed(|| engine.open(source, &SessionSetup::of(cell)));
        let model = model?;
        let known = environment::Known {
            cell,
            root: &self.root,
            library: &self.library,
            runtime_version: engine.version(),
            runtime_build: engine.build(),
            provider: model.provider(),
            affinity,
        };
        let environment = environment::describe(&known).map_err(JobError::Library)?;
        let loaded = Loaded { engine, model, environment, probe, runtime_load, session_load, autogroup_raised };
        match self.mode {
            RunMode::Performance => self.measure(loaded, events, faults),
            RunMode::Accuracy => self.evaluate(loaded, events),
        }
    }

    /// The cell's load.
    fn measure(&self, loaded: Loaded, events: &mut Events, faults: &[String]) -> Result<Measurement, JobError> {
        let cell = &self.cell;
        let Loaded { engine, model, mut environment, probe, runtime_load, session_load, autogroup_raised } = loaded;
        let specs = model.inputs().to_vec();
        let queries = input::queries(cell, &specs, self.tokenizer.as_deref(), self.input_file.as_deref())?;
        let mut model = model.bind(&queries, &cell.state)?;

        events.enter(AttemptPhase::WarmingUp)?;
        if let Some(fault) = Fault::of(faults, &cell.model.name) {
            fault.happen();
        }
        let pace = self.pace.as_deref().map(Pace::open).transpose().map_err(JobError::Pace)?;
        let choice = order(cell, model.queries());
        let worked = match &pace {
            None => self.work(&model, choice, &probe, autogroup_raised, events)?,
            Some(pace) => self.work(&pace.around(&model), choice, &probe, autogroup_raised, events)?,
        };
        if let Some(pace) = pace {
            pace.finish().map_err(JobError::Pace)?;
        }
        let Worked { warmup_iterations, started_at, load, volatile, resident } = worked;
        let Load { recording, rate, trials } = load;
        environment.volatile = volatile;
        let (peak_rss_bytes, end_rss_bytes) = resident;
        model.nan_after()?;
        let check = self.check(&mut model, &specs, &queries)?;

        let first_inference = model.first_inference();
        let (inputs, outputs) = model.describe();
        // Its memory is wanted by the profiled session.
        drop(model);
        let (placement, placement_problem) = self.placement(&engine, &queries);
        Ok(Measurement {
            started_at,
            measured: recording.measured,
            issuing: recording.issuing,
            stop: recording.stop,
            samples: samples::encode(&recording.latencies_ns)?,
            slip: recording.slips_ns.as_deref().map(samples::encode).transpose()?,
            rate,
            trials,
            histogram: report::histogram(&recording.latencies_ns)?,
            runtime_load,
            session_load,
            first_inference,
            warmup_iterations,
            peak_rss_bytes,
            end_rss_bytes,
            samples_per_query: cell.samples_per_query(),
            environment,
            placement,
            placement_problem,
            inputs,
            outputs,
            accuracy: None,
            check,
            telemetry: None,
        })
    }

    /// Warms the board up until its temperature has settled, if that is what is measured. Returns how many inferences it took.
    fn settle<C: Callable>(&self, model: &C, choice: &mut Choice) -> Result<u32, JobError> {
        let Regime::Sustained { plateau } = self.cell.environment.regime else { return Ok(0) };
        Ok(measure::settle(model, plateau, || probe::temperature_c(&self.root), choice)?)
    }

    /// Warms up and measures. Nothing of a simulated board's pace is compiled into a real one's loops.
    fn work<C: Callable>(
        &self,
        model: &C,
        mut choice: Choice,
        probe: &Probe,
        autogroup_raised: bool,
        events: &mut Events,
    ) -> Result<Worked, JobError> {
        let cell = &self.cell;
        let base = stopwatch::Base::take();
        let (mut warmup_iterations, shortest) = measure::warm_up(model, WarmUp::new(cell.warmup), &mut choice)?;
        let guard = self.guard();
        let ranging = if guard.is_zero() {
            None
        } else {
            std::thread::sleep(guard);
            warmup_iterations += self.settle(model, &mut choice)?;
            events.enter(AttemptPhase::Measuring)?;
            let Load { recording, .. } = load::carry(cell, model, &mut choice, shortest)?;
            std::thread::sleep(guard);
            Some((recording.begun, recording.begun + recording.measured))
        };
        // After the pause: a board that was to be warm has cooled in it.
        warmup_iterations += self.settle(model, &mut choice)?;

        events.enter(AttemptPhase::Measuring)?;
        let started_at = SystemClock::new().now();
        let watch = Watch::start(probe);
        let load = load::carry(cell, model, &mut choice, shortest)?;
        let recording = &load.recording;
        let volatile = watch.finish(recording.measured, autogroup_raised);
        std::thread::sleep(guard);
        let resident = process::resident_bytes();
        events.marks(pb::Marks {
            begin_ns: base.ns(recording.begun),
            end_ns: base.ns(recording.begun + recording.measured),
            warm_up_begin_ns: Some(base.begin_ns()),
            ranging_begin_ns: ranging.map(|(begin, _)| base.ns(begin)),
            ranging_end_ns: ranging.map(|(_, end)| base.ns(end)),
        })?;
        Ok(Worked { warmup_iterations, started_at, load, volatile, resident })
    }

    /// Time without work around each pass, by MLPerf Power's rules 10 s; zero if there is one pass only.
    fn guard(&self) -> Duration {
        const GUARD: Duration = Duration::from_secs(10);
        let twice = self.cell.power.as_ref().is_some_and(PowerRule::measures_twice);
        if twice { GUARD } else { Duration::ZERO }
    }

    /// What the outputs are held against others with. After measuring, in the session that was measured.
    fn check(&self, model: &mut Bound, specs: &[InputSpec], queries: &[Query]) -> Result<OutputCheck, JobError> {
        let Some(first) = queries.first() else { return Ok(OutputCheck::default()) };
        // With a state, an answer depends on what was asked before: nobody else's is comparable.
        let (inputs, fingerprints) = if self.cell.state.is_empty() {
            (Some(fingerprint::inputs(first)), fingerprint::of(&model.answer(specs, first)?))
        } else {
            (None, Vec::new())
        };
        let predictions = match self.files()? {
            Some(files) => {
                let bench = evaluate::Bench::new(&self.cell, specs, files)?;
                let timed = |query: &Query| Ok((model.answer(specs, query)?, Duration::ZERO));
                bench.check(&mut { timed })?
            }
            None => Vec::new(),
        };
        Ok(OutputCheck { inputs, fingerprints, predictions })
    }

    /// Every example of the data set, once.
    fn evaluate(&self, loaded: Loaded, events: &mut Events) -> Result<Measurement, JobError> {
        let Loaded { engine: _, mut model, mut environment, probe, runtime_load, session_load, autogroup_raised } =
            loaded;
        let specs = model.inputs().to_vec();
        let files = self.files()?.ok_or(EvaluateError::NothingAsked)?;
        let bench = evaluate::Bench::new(&self.cell, &specs, files)?;
        events.enter(AttemptPhase::Measuring)?;
        let started_at = SystemClock::new().now();
        let watch = Watch::start(&probe);
        let mut tell = || events.enter(AttemptPhase::Measuring);
        let pace = self.pace.as_deref().map(Pace::open).transpose().map_err(JobError::Pace)?;
        let mut ask = |query: &Query| {
            let (outputs, took) = model.answer(query)?;
            Ok((outputs, pace.as_ref().map_or(took, |pace| pace.stretch(took))))
        };
        let Evaluated { record, latencies_ns } = bench.evaluate(&mut ask, &mut tell)?;
        if let Some(pace) = pace {
            pace.finish().map_err(JobError::Pace)?;
        }
        environment.volatile = watch.finish(record.elapsed, autogroup_raised);
        let (peak_rss_bytes, end_rss_bytes) = process::resident_bytes();
        Ok(Measurement {
            started_at,
            measured: record.elapsed,
            issuing: record.elapsed,
            stop: StopReason::Satisfied,
            samples: samples::encode(&latencies_ns)?,
            histogram: report::histogram(&latencies_ns)?,
            runtime_load,
            session_load,
            first_inference: Duration::from_nanos(latencies_ns.first().copied().unwrap_or(0)),
            peak_rss_bytes,
            end_rss_bytes,
            samples_per_query: self.cell.samples_per_query(),
            environment,
            inputs: specs.iter().map(|input| format!("{}: {}", input.name, input.describe())).collect(),
            outputs: model.describe_outputs(),
            accuracy: Some(Box::new(record)),
            ..Measurement::of(samples::encode(&latencies_ns)?)
        })
    }

    /// The files of the cell's evaluation; `None` if it has none.
    fn files(&self) -> Result<Option<Files<'_>>, EvaluateError> {
        let rule = self.cell.accuracy.as_ref();
        let Some(evaluation) = rule.and_then(|rule| rule.evaluation.as_ref()) else { return Ok(None) };
        let path = || evaluation.dataset.path.clone();
        let dataset = self.dataset.as_deref().ok_or_else(|| EvaluateError::NoFile { path: path() })?;
        Ok(Some(Files { dataset, tokenizer: self.tokenizer.as_deref() }))
    }

    /// Where operators run, in a session of its own. A measurement is not lost because this fails.
    fn placement(&self, engine: &Engine, queries: &[Query]) -> (Option<Placement>, Option<String>) {
        /// Calls of a profile, and the time after which fewer are enough.
        const CALLS: u32 = 11;
        const BUDGET: Duration = Duration::from_secs(10);
        let (source, setup) = (Source::File(&self.model), SessionSetup::of(&self.cell));
        // The agent gives every runner a directory of its own to work in.
        let profiled = engine.profile(source, &setup, queries, &self.cell.state, CALLS, BUDGET, Path::new("."));
        match profiled {
            Ok(placement) => (Some(placement), None),
            Err(error) => (None, Some(explain(&error))),
        }
    }
}

/// What every mode begins with.
struct Loaded {
    engine: Engine,
    model: Model,
    environment: Environment,
    probe: Probe,
    runtime_load: Duration,
    session_load: Duration,
    autogroup_raised: bool,
}

/// What the measured loops came to, and what was seen meanwhile.
struct Worked {
    warmup_iterations: u32,
    started_at: Timestamp,
    load: Load,
    volatile: VolatileEnvironment,
    /// Bytes of memory: the most, and now.
    resident: (u64, u64),
}

/// The order in which a cell's scenario takes its queries. A query of several samples is made ready as one; a block of
/// samples therefore begins at a multiple of its size, and not anywhere as `LoadGen`'s does.
fn order(cell: &CellSpec, queries: usize) -> Choice {
    match cell.scenario {
        Scenario::Offline => Choice::in_order(queries),
        Scenario::SingleStream | Scenario::MultiStream { .. } | Scenario::Server { .. } => {
            Choice::uniform(queries, ORDER_SEED)
        }
    }
}

/// Why a job has no measurement.
#[derive(Debug, thiserror::Error)]
enum JobError {
    #[error("the job is not one of this version")]
    Message(#[from] proto::InvalidMessage),
    #[error("the model file {} is not there", path.display())]
    NoModel { path: PathBuf },
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    #[error(transparent)]
    Input(#[from] InputError),
    #[error(transparent)]
    Evaluate(Box<EvaluateError>),
    #[error(transparent)]
    ModelFile(#[from] ModelFileError),
    #[error(transparent)]
    Confine(#[from] ConfineError),
    #[error("the recorded readings can't be read")]
    Readings(#[source] io::Error),
    #[error("the simulated board does not tell its pace")]
    Pace(#[source] io::Error),
    #[error("the runtime's library can't be read")]
    Library(#[source] io::Error),
    #[error(transparent)]
    Encode(#[from] samples::EncodeError),
    #[error(transparent)]
    Histogram(#[from] HistogramError),
    #[error("the system refused to bound the runner's memory")]
    Limit(#[source] io::Error),
    #[error("the agent can't be reached")]
    Pipe(#[from] io::Error),
}

impl From<EvaluateError> for JobError {
    fn from(error: EvaluateError) -> Self {
        match error {
            EvaluateError::Agent(error) => Self::Pipe(error),
            error => Self::Evaluate(Box::new(error)),
        }
    }
}

impl JobError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Message(_)
            | Self::NoModel { .. }
            | Self::Limit(_)
            | Self::Pipe(_)
            | Self::Encode(_)
            | Self::Histogram(_)
            | Self::Confine(_)
            | Self::Readings(_)
            | Self::Pace(_)
            | Self::Library(_)
            | Self::Engine(EngineError::Library(_)) => FailureKind::Infra,
            Self::Engine(EngineError::Runtime(error)) | Self::Runtime(error) => error.kind(),
            Self::Input(error) => error.kind(),
            Self::Evaluate(error) => error.kind(),
            Self::ModelFile(error) => error.kind(),
        }
    }
}

/// The error and its causes, in one sentence.
pub(super) fn explain(error: &dyn Error) -> String {
    let mut sentence = error.to_string().trim().to_owned();
    let mut cause = error.source();
    while let Some(error) = cause {
        sentence.push_str(": ");
        // The runtime ends some of its messages with a newline.
        sentence.push_str(error.to_string().trim());
        cause = error.source();
    }
    sentence
}

/// To standard error, which the agent keeps the end of; where that is closed there is nobody to tell.
fn complain(message: &str) {
    writeln!(io::stderr(), "{message}").unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_without_its_parts_is_named_and_the_agents_fault() {
        let error = Job::try_from(pb::RunnerJob::default()).map(|_| ()).expect_err("no cell");
        assert_eq!(error.kind(), FailureKind::Infra);
        assert!(explain(&error).contains("job.cell"), "{}", explain(&error));
    }
}
