//! The one binary for people and servers. Wires the command line to the layers below.

mod args;
mod artifacts;
mod builtin;
mod client;
mod commands;
mod exit;
mod local;
mod output;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    // Before anything else: the runner's process holds nothing that could disturb a measurement.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == "runner") {
        return agent::runner::main();
    }
    let cli = args::Cli::parse();
    // An agent has one thread, as on a board: it must not disturb what its runner measures, and a runner dies with the
    // thread that started it.
    let mut runtime = match &cli.command {
        args::Command::Agent(_) => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = match runtime.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::note(&format!("error: cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(commands::run(cli.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let text = error.to_string();
            if !text.is_empty() {
                output::note(&text);
            }
            error.code()
        }
    }
}
