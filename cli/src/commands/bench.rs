//! `bench overhead`: what Furlong's own loop costs on a trivial graph, against the raw call in the same process; and
//! [`sampler`].

mod sampler;

use std::{
    io::{self, Write},
    path::PathBuf,
};

use ::toolchain::{Package, Source, Toolchain};
use agent::runner::bench::{OverheadReport, overhead as measure_overhead};
use serde::Serialize;

use crate::{
    args::{DataDir, Output},
    exit::CliError,
    local,
    output::{self, Answer, facts},
};

/// Elements of the graph's one addition: small enough that nothing but the call is left.
const ELEMENTS: u32 = 16;

#[derive(Serialize)]
#[serde(transparent)]
struct Overhead(OverheadReport);

impl Answer for Overhead {
    const SCHEMA: &'static str = "furlong.bench-overhead/v1";

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        let OverheadReport {
            runtime_version, calls, raw_ns, harness_ns, added_ns, ratio, recorded_p50_ns, rounds, ..
        } = &self.0;
        let us = |ns: f64| format!("{:.3} us", ns / 1e3);
        facts(
            out,
            &[
                ("graph", format!("f32[{ELEMENTS}] + itself, ONNX Runtime {runtime_version}, 1 thread")),
                ("rounds", format!("{} of {calls} calls each, raw and harness in turn; medians", rounds.len())),
                ("raw call", us(*raw_ns)),
                (
                    "measured loop",
                    format!("{} a call, of which the recorded latency is {}", us(*harness_ns), us(*recorded_p50_ns)),
                ),
                ("harness cost", format!("{} a call, ratio {ratio:.3}", us(*added_ns))),
            ],
        )
    }
}

pub(super) use sampler::sampler;

pub(super) fn overhead(
    data_dir: &DataDir,
    onnxruntime: Option<PathBuf>,
    calls: u32,
    rounds: u32,
    format: &Output,
) -> Result<(), CliError> {
    let library = library(data_dir, onnxruntime)?;
    let model = onnx::samples::add(ELEMENTS.into());
    let report = measure_overhead(&library, &model, calls, rounds).map_err(anyhow::Error::from)?;
    output::write(&Overhead(report), format.output)
}

fn library(data_dir: &DataDir, onnxruntime: Option<PathBuf>) -> Result<PathBuf, CliError> {
    if let Some(file) = onnxruntime {
        return Ok(std::path::absolute(file)?);
    }
    let toolchain = Toolchain::new(agent::config::toolchain_root(&data_dir.path()));
    Ok(local::install(&toolchain, Package::OnnxRuntime, &Source::pip())?.library()?)
}
