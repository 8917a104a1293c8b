//! `verify`: computes a stored run's statistics and verdict once more, here, from its raw samples.

use std::io::{self, Write};

use domain::{CellSpec, Measurement, RunId, Statistics, Verdict};
use proto::pb;
use serde::Serialize;

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
    let verification = replay(args.run, detail)?;
    let identical = verification.identical;
    output::write(&verification, args.output.output)?;
    if identical {
        return Ok(());
    }
    Err(anyhow::anyhow!("{} does not follow from its samples: see the differences above", args.run).into())
}

fn replay(id: RunId, detail: pb::RunDetail) -> Result<Verification, CliError> {
    let pb::RunDetail { run, latency_ns, slip_ns, .. } = detail;
    let run = run.unwrap_or_default();
    let no_result = || CliError::Invalid(format!("{id} has no result to verify: `furlong show {id}` says why"));
    let measurement = Measurement::try_from(run.measurement.ok_or_else(no_result)?).map_err(anyhow::Error::from)?;
    let cell = CellSpec::try_from(run.spec.ok_or_else(no_result)?).map_err(anyhow::Error::from)?;
    let stored = Statistics::try_from(run.statistics.ok_or_else(no_result)?).map_err(anyhow::Error::from)?;
    let verdict = Verdict::try_from(run.verdict.ok_or_else(no_result)?).map_err(anyhow::Error::from)?;
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
        identical: differences.is_empty(),
        stored_version: stored.version,
        version: Statistics::VERSION,
        differences,
    })
}

fn text(value: &impl Serialize) -> Result<String, CliError> {
    serde_json::to_string(value).map_err(|error| CliError::Internal(error.into()))
}
