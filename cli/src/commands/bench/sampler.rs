//! `bench sampler`: what listening to the sensors costs. Launches with and without it take turns, so that what drifts on the
//! machine hits both alike.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use agent::args::SensingArgs;
use agent::config::RunnerCommand;
use agent::local::{LocalJob, measure};
use agent::station::Station;
use domain::{CellSpec, MeasureRule, Measurement, ModelRef, RunMode, units};
use serde::Serialize;

use super::library;
use crate::{
    args::SamplerArgs,
    commands::run::explained,
    exit::CliError,
    output::{self, Answer, facts},
};

/// Rows and columns: about a millisecond on one core of a server.
const MATRIX: i64 = 256;

/// What the sampler costs.
#[derive(Debug, Serialize)]
struct SamplerReport {
    model: String,
    source: Option<String>,
    poll_ms: Option<f64>,
    rounds: u32,
    launch_s: f64,
    /// Share of one core that the sampling thread used while it recorded, the greatest of all launches.
    core_share: Option<f64>,
    polls: u64,
    overruns: u64,
    /// Median over launches of p50, without and with the sampler.
    without_p50_ns: f64,
    with_p50_ns: f64,
    /// With over without, and its 95 % interval.
    ratio: f64,
    low: f64,
    high: f64,
}

impl Answer for SamplerReport {
    const SCHEMA: &'static str = "furlong.bench-sampler/v1";

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "latencies in nanoseconds")]
    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        let source = match (&self.source, self.poll_ms) {
            (Some(source), Some(poll)) => format!("{source}, polled every {poll} ms, and the state twice a second"),
            _ => "none on this machine: the state twice a second".to_owned(),
        };
        let cost = self.core_share.map_or_else(
            || "not known: no power source was read".to_owned(),
            |share| {
                format!("{} of one core at most ({} polls, {} late)", units::percent(share), self.polls, self.overruns)
            },
        );
        let time = |ns: f64| units::duration_ns(ns.round() as u64);
        facts(
            out,
            &[
                ("model", self.model.clone()),
                ("source", source),
                (
                    "rounds",
                    format!("{} of {} s each, without and with the sampler in turn", self.rounds, self.launch_s),
                ),
                ("sampler", cost),
                ("p50 without", time(self.without_p50_ns)),
                ("p50 with", time(self.with_p50_ns)),
                ("ratio", format!("{:.4}, 95 % interval {:.4} .. {:.4}", self.ratio, self.low, self.high)),
            ],
        )
    }
}

pub(in crate::commands) async fn sampler(args: SamplerArgs) -> Result<(), CliError> {
    let folder = tempfile::tempdir()?;
    let model = match &args.model {
        Some(file) => std::path::absolute(file)?,
        None => written(folder.path())?,
    };
    let job = LocalJob {
        mode: RunMode::Performance,
        cell: CellSpec {
            measure: MeasureRule { min_queries: 64, min_duration: args.duration, ..MeasureRule::default() },
            ..CellSpec::new(ModelRef { name: "sampled".to_owned(), ..ModelRef::nameless() })
        },
        library: library(&args.data_dir, args.onnxruntime)?,
        model: model.clone(),
        tokenizer: None,
        input_file: None,
        dataset: None,
        readings: None,
    };
    // The board only stands there: its runner works at this machine's own pace.
    let sensing = SensingArgs { meters: Vec::new(), simulate: args.simulate };
    let sensing = sensing.open_unpaced().map_err(|error| CliError::Invalid(error.to_string()))?;
    let command = agent::config::own_runner()?;
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..args.rounds {
        without.push(launch(&job, &command, None).await?);
        with.push(launch(&job, &command, Some(&sensing.station)).await?);
    }
    let report = report(&model, &args.duration, args.rounds, &without, &with)?;
    output::write(&report, args.output.output)
}

fn written(folder: &Path) -> Result<PathBuf, CliError> {
    let path = folder.join("matmul.onnx");
    std::fs::write(&path, onnx::samples::matmul(MATRIX))?;
    Ok(path)
}

async fn launch(job: &LocalJob, command: &RunnerCommand, station: Option<&Station>) -> Result<Measurement, CliError> {
    let measured = measure(job, command, station, |_| {}).await;
    measured.map(|measurement| *measurement).map_err(|failure| explained(&job.model, &failure))
}

#[expect(clippy::cast_precision_loss, reason = "latencies in nanoseconds and counts of polls")]
fn report(
    model: &Path,
    duration: &Duration,
    rounds: u32,
    without: &[Measurement],
    with: &[Measurement],
) -> Result<SamplerReport, CliError> {
    let p50 = |measurements: &[Measurement]| -> Result<Vec<f64>, CliError> {
        let one = |measurement: &Measurement| {
            let latencies = analysis::samples::decode(&measurement.samples).map_err(anyhow::Error::from)?;
            let summary = stats::summarize(&latencies).ok_or_else(|| anyhow::anyhow!("a launch has no samples"))?;
            Ok(summary.p50 as f64)
        };
        measurements.iter().map(one).collect()
    };
    let (without, with_p50) = (p50(without)?, p50(with)?);
    let stats::Ratio { ratio, low, high } =
        stats::log_ratio(&without, &with_p50, 0.95).ok_or_else(|| anyhow::anyhow!("the launches give no ratio"))?;
    let median = |values: &[f64]| stats::median(values).unwrap_or(0.0);
    let records = with.iter().filter_map(|measurement| measurement.telemetry.as_ref()?.power.as_ref());
    let records: Vec<_> = records.collect();
    let share = |record: &&domain::PowerRecord| {
        let recorded = record.poll.as_secs_f64() * record.polls as f64;
        (recorded > 0.0).then(|| record.cost.as_secs_f64() / recorded)
    };
    Ok(SamplerReport {
        model: model.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        source: records.first().map(|record| record.source.clone()),
        poll_ms: records.first().map(|record| record.poll.as_secs_f64() * 1e3),
        rounds,
        launch_s: duration.as_secs_f64(),
        core_share: records.iter().filter_map(share).reduce(f64::max),
        polls: records.iter().map(|record| record.polls).sum(),
        overruns: records.iter().map(|record| record.overruns).sum(),
        without_p50_ns: median(&without),
        with_p50_ns: median(&with_p50),
        ratio,
        low,
        high,
    })
}
