//! One file a command.

mod artifacts;
mod bench;
mod campaign_file;
mod campaigns;
mod coordinator;
mod datasets;
mod demo;
mod devices;
mod eval;
mod init;
mod models;
mod plan;
mod provide;
mod run;
mod submit;
mod toolchain;
mod trace;
mod verify;
mod version;
mod watch;

pub(crate) use eval::EvalArgs;
pub(crate) use run::RunArgs;

use clap::CommandFactory as _;

use crate::{
    args::{BenchCommand, Cli, Command, DevicesCommand, SchemaCommand},
    exit::CliError,
};

pub(crate) async fn run(command: Command) -> Result<(), CliError> {
    match command {
        Command::Demo(args) => demo::demo(args).await,
        Command::Run(args) => run::run(*args).await,
        Command::Eval(args) => eval::eval(*args).await,
        Command::Up(args) => demo::up(args).await,
        Command::Coordinator(args) => coordinator::coordinator(args).await,
        Command::Agent(args) => coordinator::agent(args).await,
        Command::Init(args) => init::init(args).await,
        Command::Plan(args) => plan::plan(args).await,
        Command::Schema(SchemaCommand::Campaign) => crate::output::line(
            &serde_json::to_string_pretty(&domain::campaign::schema()).map_err(anyhow::Error::from)?,
        ),
        Command::Submit(args) => submit::submit(args).await,
        Command::Watch(args) => watch::watch(args).await,
        Command::Cancel(args) => campaigns::cancel(args).await,
        Command::Ls(args) => campaigns::list(args).await,
        Command::Show(args) => campaigns::show(args).await,
        Command::Verify(args) => verify::verify(args).await,
        Command::Trace(args) => trace::trace(args).await,
        Command::Devices(DevicesCommand::Ls(args)) => devices::list(args).await,
        Command::Models(command) => models::run(command).await,
        Command::Datasets(command) => datasets::run(command),
        Command::Artifacts(command) => artifacts::run(command).await,
        Command::Toolchain(args) => toolchain::run(args),
        Command::Bench(BenchCommand::Sampler(args)) => bench::sampler(args).await,
        Command::Bench(BenchCommand::Overhead { data_dir, onnxruntime, calls, rounds, output }) => {
            bench::overhead(&data_dir, onnxruntime, calls, rounds, &output)
        }
        Command::Version => version::version(),
        Command::Completion { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "furlong", &mut script);
            crate::output::line(String::from_utf8_lossy(&script).trim_end())
        }
        // main() starts the runner before anything else; nobody comes here.
        Command::Runner { .. } => Err(CliError::Invalid("the runner is started by an agent".to_owned())),
    }
}
