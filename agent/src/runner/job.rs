//! One job from its arrival to its report.

use std::error::Error;
use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use domain::{
    AttemptPhase, CellSpec, Clock as _, Failure, FailureKind, InputSource, Measurement, Scenario, SystemClock,
};
use loadgen::{SingleStream, WarmUp};
use proto::pb;

use super::input::{self, InputError};
use super::measure::{self, Choice};
use super::pipe::{self, Events};
use super::report::{self, EncodeError};
use super::runtime::{Engine, EngineError, RuntimeError, Source, probe_library};
use super::{environment, process, stopwatch};

/// The agent is gone, or can't be reached: nobody reads the code.
const NO_AGENT: u8 = 3;

/// The whole child process, `<program> runner [probe LIBRARY]`. Without further arguments it takes one job from standard
/// input and reports on standard output; a report that was delivered ends with code 0, even if it is a failure's.
pub fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(2).collect();
    match arguments.as_slice() {
        [] => run_job(),
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

fn run_job() -> ExitCode {
    let autogroup_raised = process::stand_apart();
    match receive().and_then(|job| job.map(|(job, events)| work(job, events, autogroup_raised)).transpose()) {
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

fn work(job: pb::RunnerJob, mut events: Events, autogroup_raised: bool) -> io::Result<()> {
    let outcome = match Job::try_from(job).and_then(|job| job.execute(&mut events, autogroup_raised)) {
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
    cell: CellSpec,
    library: PathBuf,
    model: PathBuf,
    tokenizer: Option<PathBuf>,
    text: Option<PathBuf>,
    memory_limit_bytes: u64,
}

impl TryFrom<pb::RunnerJob> for Job {
    type Error = JobError;

    fn try_from(job: pb::RunnerJob) -> Result<Self, JobError> {
        let pb::RunnerJob { cell, runtime_library, model, tokenizer, text, memory_limit_bytes } = job;
        let optional = |path: String| (!path.is_empty()).then(|| PathBuf::from(path));
        Ok(Self {
            cell: cell.ok_or(proto::InvalidMessage::Missing("job.cell"))?.try_into()?,
            library: optional(runtime_library).ok_or(proto::InvalidMessage::Missing("job.runtime_library"))?,
            model: optional(model).ok_or(proto::InvalidMessage::Missing("job.model"))?,
            tokenizer: optional(tokenizer),
            text: optional(text),
            memory_limit_bytes,
        })
    }
}

impl Job {
    fn execute(&self, events: &mut Events, autogroup_raised: bool) -> Result<Measurement, JobError> {
        let cell = &self.cell;
        events.enter(AttemptPhase::Loading)?;
        process::limit_memory(self.memory_limit_bytes).map_err(JobError::Limit)?;
        if !self.model.exists() {
            return Err(JobError::NoModel { path: self.model.clone() });
        }
        let (engine, runtime_load) = stopwatch::timed(|| Engine::load(&self.library));
        let engine = engine?;
        let (model, session_load) =
            stopwatch::timed(|| engine.open(Source::File(&self.model), cell.provider, cell.intra_threads));
        let model = model?;
        let environment = environment::describe(engine.version(), engine.build(), model.provider(), autogroup_raised);
        let text = self.text.as_deref().filter(|_| matches!(cell.input, InputSource::Text(_)));
        let queries = input::queries(cell, model.inputs(), self.tokenizer.as_deref(), text)?;
        let model = model.bind(&queries)?;

        events.enter(AttemptPhase::WarmingUp)?;
        let mut choice = Choice::among(model.queries());
        let (warmup_iterations, shortest) = measure::warm_up(&model, WarmUp::new(cell.warmup), &mut choice)?;

        events.enter(AttemptPhase::Measuring)?;
        let expected = expected_queries(cell, shortest.as_nanos());
        let started_at = SystemClock::new().now();
        let watch = environment::Watch::start();
        let recording = match cell.scenario {
            Scenario::SingleStream => {
                measure::single_stream(&model, SingleStream::new(cell.measure), &mut choice, expected)?
            }
        };
        let environment = watch.finish(recording.measured, environment);
        let (peak_rss_bytes, end_rss_bytes) = process::resident_bytes();

        let report::Encoded { summary, samples, histogram } = report::encode(&recording.latencies_ns)?;
        let (inputs, outputs) = model.describe();
        Ok(Measurement {
            started_at,
            measured: recording.measured,
            samples,
            latency: summary,
            histogram,
            runtime_load,
            session_load,
            first_inference: model.first_inference(),
            warmup_iterations,
            peak_rss_bytes,
            end_rss_bytes,
            batch: cell.batch,
            environment,
            inputs,
            outputs,
        })
    }
}

/// How many latencies to make room for: what the rule asks for at the warm-up's fastest.
fn expected_queries(cell: &CellSpec, shortest_ns: u128) -> usize {
    let by_time = cell.measure.min_duration.as_nanos() / shortest_ns.max(1);
    usize::try_from(by_time).unwrap_or(usize::MAX).max(cell.measure.min_queries as usize)
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
    Encode(#[from] EncodeError),
    #[error("the system refused to bound the runner's memory")]
    Limit(#[source] io::Error),
    #[error("the agent can't be reached")]
    Pipe(#[from] io::Error),
}

impl JobError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Message(_)
            | Self::NoModel { .. }
            | Self::Limit(_)
            | Self::Pipe(_)
            | Self::Encode(_)
            | Self::Engine(EngineError::Library(_)) => FailureKind::Infra,
            Self::Engine(EngineError::Runtime(error)) | Self::Runtime(error) => error.kind(),
            Self::Input(error) => error.kind(),
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
