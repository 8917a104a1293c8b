//! The slim agent for boards. Wires the command line to the library.

use std::{io::Write as _, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use furlong_agent::{
    args::{AgentArgs, SensingArgs},
    config,
    toolchain_command::ToolchainCommand,
};
use tokio_util::sync::CancellationToken;

#[derive(Parser)]
#[command(version, about = "Furlong's agent: measures models on this device for a coordinator")]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    agent: Option<AgentArgs>,
}

#[derive(Subcommand)]
enum Command {
    /// Show the sensors of this device, one reading of each, and why others were not found
    Sensors(SensingArgs),
    /// Manage the ONNX Runtime library that is fetched by name
    Toolchain {
        #[command(subcommand)]
        command: ToolchainCommand,
        /// Furlong's data directory [default: the system's or the user's own]
        #[arg(long, value_name = "DIR", global = true)]
        data_dir: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    // Before anything else, and unknown to clap: the runner's process holds nothing that could disturb a measurement.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == "runner") {
        return furlong_agent::runner::main();
    }
    // The chain of causes is printed once, here.
    let complain = |error: anyhow::Error| writeln!(std::io::stderr(), "error: {error:#}").unwrap_or_default();
    serve().map_err(complain).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}

fn serve() -> anyhow::Result<()> {
    let Cli { command, agent } = Cli::parse();
    if let Some(Command::Sensors(sensing)) = command {
        write!(std::io::stdout().lock(), "{}", sensing.list()?)?;
        return Ok(());
    }
    if let Some(Command::Toolchain { command, data_dir }) = command {
        let root = config::toolchain_root(&data_dir.unwrap_or_else(config::default_data_dir));
        command.run(&toolchain::Toolchain::new(root), &mut std::io::stdout().lock())?;
        return Ok(());
    }
    let agent = agent.ok_or_else(|| anyhow::anyhow!("--coordinator URL is missing"))?;
    furlong_agent::logging::to_stderr();
    let config = agent.into_config()?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let (shutdown, signals) = (CancellationToken::new(), furlong_agent::signals::until_stopped()?);
        let mut agent = std::pin::pin!(furlong_agent::run(config, shutdown.clone()));
        tokio::select! {
            ended = &mut agent => return Ok(ended?),
            () = signals => shutdown.cancel(),
        }
        Ok(agent.await?)
    })
}
