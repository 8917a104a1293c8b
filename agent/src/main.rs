//! The slim agent for boards. Wires the command line to the library.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use furlong_agent::args::AgentArgs;
use furlong_agent::config;
use furlong_agent::toolchain_command::ToolchainCommand;
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
    /// Manage the ONNX Runtime library that is fetched by name
    Toolchain {
        #[command(subcommand)]
        command: ToolchainCommand,
        /// Furlong's data directory [default: the system's or the user's own]
        #[arg(long, value_name = "DIR", global = true)]
        data_dir: Option<PathBuf>,
    },
}

fn main() -> anyhow::Result<ExitCode> {
    // Before anything else, and unknown to clap: the runner's process holds nothing that could disturb a measurement.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == "runner") {
        return Ok(furlong_agent::runner::main());
    }
    let Cli { command, agent } = Cli::parse();
    if let Some(Command::Toolchain { command, data_dir }) = command {
        let root = config::toolchain_root(&data_dir.unwrap_or_else(config::default_data_dir));
        command.run(&toolchain::Toolchain::new(root), &mut std::io::stdout().lock())?;
        return Ok(ExitCode::SUCCESS);
    }
    let agent = agent.ok_or_else(|| anyhow::anyhow!("--coordinator URL is missing"))?;
    furlong_agent::logging::to_stderr();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let shutdown = CancellationToken::new();
        let signals = furlong_agent::signals::until_stopped()?;
        let agent = furlong_agent::run(agent.into_config()?, shutdown.clone());
        tokio::pin!(agent);
        tokio::select! {
            ended = &mut agent => return Ok(ended.map(|()| ExitCode::SUCCESS)?),
            () = signals => shutdown.cancel(),
        }
        Ok(agent.await.map(|()| ExitCode::SUCCESS)?)
    })
}
