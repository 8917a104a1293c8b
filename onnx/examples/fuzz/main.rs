//! Feeds broken models to inspection and costs for a while: `cargo run --release -p furlong-onnx --example fuzz -- --seconds 600`.
//!
//! Needs no nightly compiler; `onnx/fuzz` is for those who have one. Ends with 1 after a panic, or if more than 512 MiB were
//! needed at any time. The input that did it is left in the file `fuzz-input.onnx`.

mod check;
mod degenerate;
mod memory;
mod mutate;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

const MOST_MEMORY_MIB: u64 = 512;
const LENGTHS: [u64; 6] = [0, 1, 2, 7, 128, 1 << 40];

#[expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a program of its own, which ends after a time")]
fn main() -> anyhow::Result<ExitCode> {
    let number = |name: &str, default: u64| {
        let value = std::env::args().skip_while(|argument| argument != name).nth(1);
        value.map_or(Ok(default), |value| value.parse().with_context(|| format!("{name} {value}")))
    };
    let (seconds, seed) = (number("--seconds", 10)?, number("--seed", 1)?);
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let seeds = mutate::seeds();
    for (what, model) in degenerate::degenerate(1 << 20) {
        let begin = Instant::now();
        check::check(&model, 1);
        println!("a mebibyte of {what}: {:?}, peak memory so far {:?} MiB", begin.elapsed(), memory::peak_memory_mib());
    }
    let start = Instant::now();
    let (mut executions, mut models, mut slowest) = (0_u64, 0_u64, Duration::ZERO);
    let mut failed = false;
    while start.elapsed() < Duration::from_secs(seconds) && !failed {
        let bytes = mutate::mutated(&seeds, &mut random);
        let length = LENGTHS[random.random_range(0..LENGTHS.len())];
        let begin = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| check::check(&bytes, length)));
        slowest = slowest.max(begin.elapsed());
        executions += 1;
        models += u64::from(outcome.as_ref().is_ok_and(|is_model| *is_model));
        let too_much = executions % 1024 == 0 && memory::peak_memory_mib().is_some_and(|peak| peak > MOST_MEMORY_MIB);
        failed = outcome.is_err() || too_much;
        if failed {
            std::fs::write("fuzz-input.onnx", &bytes).context("cannot keep the input")?;
        }
    }
    let peak = memory::peak_memory_mib();
    failed |= peak.is_some_and(|peak| peak > MOST_MEMORY_MIB);
    println!(
        "seed {seed}: {executions} executions, {models} of them models, slowest {slowest:?}, peak memory {peak:?} MiB, {}",
        if failed { "FAILED" } else { "ok" }
    );
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
