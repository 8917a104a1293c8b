//! Spoils the campaigns of the corpus for a while: `fuzz_campaign --seconds 600 --seed 1`; `--file PATH` reads one file.
//!
//! Ends with 1 if one makes the reader panic, or if memory grew beyond 512 MiB; a panic prints the file that did it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool for developers")]

#[path = "../tests/campaign/fixture.rs"]
mod fixture;
#[path = "../tests/campaign/mutate.rs"]
mod mutate;

use std::{panic, process::ExitCode, time::Duration};

use furlong_domain::{Clock as _, SystemClock};

/// Most of the memory that reading may take, on a board with 1 GB.
const MEMORY_LIMIT_KIB: u64 = 512 << 10;

fn main() -> ExitCode {
    let option = |name: &str| {
        let mut arguments = std::env::args().skip_while(|argument| argument != name);
        arguments.nth(1).and_then(|value| value.parse::<u64>().ok())
    };
    let time = Duration::from_secs(option("--seconds").unwrap_or(60));
    let seed = option("--seed").unwrap_or(1);
    if let Some(path) = std::env::args().skip_while(|argument| argument != "--file").nth(1) {
        let text = std::fs::read_to_string(&path).expect("the file can be read");
        let campaign = mutate::exercise(&text, &fixture::includes(), &fixture::catalog());
        println!("a campaign: {campaign}, peak memory {} MiB", peak_kib() >> 10);
        return ExitCode::SUCCESS;
    }
    let folders = ["good", "bad", "golden"].iter();
    let files: Vec<String> = folders.flat_map(|folder| fixture::corpus(folder)).map(|(_, text)| text).collect();
    let (includes, catalog) = (fixture::includes(), fixture::catalog());
    let mut mutator = mutate::Mutator::new(&files, fixture::corpus("good").len(), seed);
    let clock = SystemClock::new();
    let (mut executions, mut campaigns, mut slowest) = (0_u64, 0_u64, Duration::ZERO);
    while clock.monotonic() < time {
        let text = mutator.next_text();
        let before = clock.monotonic();
        match panic::catch_unwind(|| mutate::exercise(&text, &includes, &catalog)) {
            Ok(campaign) => campaigns += u64::from(campaign),
            Err(_reported) => {
                eprintln!("--- this file panicked, seed {seed}, execution {executions} ---\n{text}");
                return ExitCode::FAILURE;
            }
        }
        slowest = slowest.max(clock.monotonic().saturating_sub(before));
        executions += 1;
    }
    let peak = peak_kib();
    println!("{executions} executions, {campaigns} campaigns, slowest {slowest:?}, peak memory {} MiB", peak >> 10);
    if peak > MEMORY_LIMIT_KIB { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Greatest resident size so far; 0 where the system does not tell.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
