//! `verify`: computes a stored run's statistics, energy and verdict once more, here, from its raw samples and readings.

use std::io::{self, Write};

use domain::{CellSpec, Measurement, RunId, Statistics, Verdict, units};
use proto::pb;
use serde::Serialize;

use super::trace;
use crate::{
    args::VerifyArgs,
    client::Client,
    exit::CliError,
    output::{self, Answer, facts},
};

#[derive(Debug, Serialize)]
struct Verification {
    run: String,
    samples: usize,
    /// Bytes of the readings beside it.
    trace_bytes: usize,
    /// Statistics and verdict, as JSON, are the same to the byte.
    identical: bool,
    stored_version: u32,
    /// The version of the formulas in this program.
    version: u32,
    differences: Vec<String>,
}

impl Answer for Verification {
    const SCHEMA: &'static str = "furlong.verification/v1";

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        let outcome = if self.identical { "identical to the byte" } else { "NOT the same" };
        facts(
            out,
            &[
                ("run", self.run.clone()),
                ("samples", self.samples.to_string()),
                ("readings", if self.trace_bytes > 0 { units::bytes(self.trace_bytes as u64) } else { String::new() }),
                ("formulas", format!("version {} stored, version {} here", self.stored_version, self.version)),
                ("statistics and verdict", outcome.to_owned()),
                ("differences", self.differences.join("\n")),
            ],
        )
    }
}

/// Exit code 1 if they differ.
pub(super) async fn verify(args: VerifyArgs) -> Result<(), CliError> {
    let client = Client::connect(&args.connection.coordinator).await?;
    let request = pb::GetRunRequest { id: args.run.0, with_samples: true };
    let detail = client.results().get_run(request).await?.into_inner();
    let readings = trace::readings(&client, args.run).await?;
    let verification = replay(args.run, detail, readings.map(|(_, trace)| trace).unwrap_or_default())?;
    let identical = verification.identical;
    output::write(&verification, args.output.output)?;
    if identical {
        return Ok(());
    }
    Err(anyhow::anyhow!("{} does not follow from its samples: see the differences above", args.run).into())
}

fn replay(id: RunId, detail: pb::RunDetail, trace: Vec<u8>) -> Result<Verification, CliError> {
    let pb::RunDetail { run, latency_ns, slip_ns, .. } = detail;
    let run = run.unwrap_or_default();
    let no_result = || CliError::Invalid(format!("{id} has no result to verify: `furlong show {id}` says why"));
    let mut measurement = Measurement::try_from(run.measurement.ok_or_else(no_result)?).map_err(anyhow::Error::from)?;
    let cell = CellSpec::try_from(run.spec.ok_or_else(no_result)?).map_err(anyhow::Error::from)?;
    let stored = Statistics::try_from(run.statistics.ok_or_else(no_result)?).map_err(anyhow::Error::from)?;
    let verdict = Verdict::try_from(run.verdict.ok_or_else(no_result)?).map_err(anyhow::Error::from)?;
    let trace_bytes = trace.len();
    // The run comes without its readings, as it comes without its samples.
    if let Some(telemetry) = &mut measurement.telemetry {
        telemetry.trace = trace;
    }
    let slips = measurement.slip.as_ref().map(|_| slip_ns.as_slice());
    let mut again = analysis::replay(&cell, &measurement, &latency_ns, slips).map_err(anyhow::Error::from)?;
    // What other runs' outputs say against this one does not follow from its samples.
    let by_others = verdict.reasons.iter().filter(|reason| analysis::outputs::CODES.contains(&reason.code.as_str()));
    again.verdict.object(by_others.cloned());
    let mut differences = Vec::new();
    for (what, stored, again) in
        [("statistics", text(&stored)?, text(&again.statistics)?), ("verdict", text(&verdict)?, text(&again.verdict)?)]
    {
        if stored != again {
            differences.push(format!("{what} stored: {stored}\n{what} again:  {again}"));
        }
    }
    Ok(Verification {
        run: id.to_string(),
        samples: latency_ns.len(),
        trace_bytes,
        identical: differences.is_empty(),
        stored_version: stored.version,
        version: Statistics::VERSION,
        differences,
    })
}

fn text(value: &impl Serialize) -> Result<String, CliError> {
    serde_json::to_string(value).map_err(|error| CliError::Internal(error.into()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use domain::{
        ModelRef, PowerRecord, Quantity, Rail, RailKind, Scope, Series, Telemetry, ThrottleCause, ThrottleSignal,
        Window, Windows,
    };

    use super::*;

    /// A second of queries at 5 W, as a coordinator would answer it, and the readings beside it.
    fn answered() -> (pb::RunDetail, Vec<u8>) {
        let latencies = vec![10_000_000; 100];
        let times_ns: Vec<i64> = (-20..=120).map(|reading| reading * 10_000_000).collect();
        let values = (0..times_ns.len()).map(|reading| if reading % 2 == 0 { 4.9 } else { 5.1 }).collect();
        let series = Series { name: "VDD_IN".to_owned(), quantity: Quantity::Power, times_ns, values };
        let power = PowerRecord {
            source: "ina3221".to_owned(),
            rails: vec![Rail::new("VDD_IN", Scope::DcInput, RailKind::Gauge { window: None })],
            total: vec!["VDD_IN".to_owned()],
            poll: Duration::from_millis(10),
            polls: 141,
            overruns: 0,
            skipped: 0,
            cost: Duration::from_millis(1),
            faults: BTreeMap::new(),
            facts: BTreeMap::new(),
            clock_offset_ns: None,
        };
        let telemetry = Telemetry {
            power: Some(power),
            trace: energy::trace::encode(&[series]).expect("encodes"),
            windows: Windows { measuring: Some(Window { begin_ns: 0, end_ns: 1_000_000_000 }), ..Windows::default() },
            throttle: vec![ThrottleSignal {
                name: "soctherm/oc3".to_owned(),
                cause: ThrottleCause::Thermal,
                events: 0,
                share: None,
            }],
            ..Telemetry::default()
        };
        let mut measurement = Measurement {
            measured: Duration::from_secs(1),
            issuing: Duration::from_millis(990),
            telemetry: Some(Box::new(telemetry)),
            ..Measurement::of(analysis::samples::encode(&latencies).expect("encodes"))
        };
        let model =
            ModelRef { name: "m".to_owned(), sha256: domain::Digest::of(b"m"), size_bytes: 1, ..ModelRef::nameless() };
        let cell = CellSpec::new(model);
        let analysis = analysis::analyse(&cell, &measurement).expect("sound");
        assert!(analysis.statistics.energy.is_some());
        let trace = std::mem::take(&mut measurement.telemetry.as_mut().expect("set").trace);
        let run = pb::Run {
            spec: Some(cell.into()),
            measurement: Some(measurement.into()),
            statistics: Some(analysis.statistics.into()),
            verdict: Some(analysis.verdict.into()),
            ..pb::Run::default()
        };
        (pb::RunDetail { run: Some(run), latency_ns: latencies, ..pb::RunDetail::default() }, trace)
    }

    #[test]
    fn energy_follows_from_the_readings_and_from_no_others() {
        let (detail, trace) = answered();
        let verification = replay(RunId(1), detail.clone(), trace).expect("replays");
        assert_eq!(verification.differences, Vec::<String>::new());
        let silence = energy::trace::encode(&[]).expect("encodes");
        let verification = replay(RunId(1), detail, silence).expect("replays");
        assert!(!verification.identical && verification.differences[0].contains("energy"));
    }
}
