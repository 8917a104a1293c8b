//! The command line of `furlong`.

mod artifacts;
mod models;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use agent::{AgentArgs, args::SensingArgs};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use coordinator::{ArtifactPlace, Config};

pub(crate) use self::artifacts::{ArtifactsCommand, CollectArgs, VerifyArtifactsArgs};
pub(crate) use self::models::{
    AddModelArgs, AttachArgs, BuildArgs, DeclaredArgs, DownloadArgs, ModelArgs, ModelsCommand, RemoveArgs, VariantArgs,
    VariantOptions, VerifyModelArgs,
};
use crate::commands::{EvalArgs, RunArgs};
use crate::exit::CliError;

/// Turns a shelf of edge boards into a measuring instrument: latency, energy and accuracy of ONNX models, with a verdict.
#[derive(Debug, Parser)]
#[command(name = "furlong", version, about, max_term_width = 110, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done; 1 internal error; 2 usage or invalid campaign; 3 finished with failed runs; 4 less accurate \
than the campaign asks for; 8 no coordinator answers; \
130 interrupted (the campaign goes on).";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Measure a real model on this machine, from nothing to a table, in one command
    Demo(DemoArgs),
    /// Measure a model on this machine, without a coordinator
    Run(Box<RunArgs>),
    /// Measure a model's accuracy on this machine, without a coordinator
    Eval(Box<EvalArgs>),
    /// Run a coordinator and an agent on this machine until stopped
    Up(LocalArgs),
    /// Run a coordinator
    Coordinator(CoordinatorArgs),
    /// Run an agent on this device
    Agent(AgentCommand),
    /// Write a commented campaign file to start from, for this machine
    Init(InitArgs),
    /// Check a campaign file and show what it would measure, how long it takes and what is missing; submits nothing
    Plan(PlanArgs),
    /// Submit a campaign file
    Submit(SubmitArgs),
    /// Follow a campaign until it ends
    Watch(CampaignArgs),
    /// Cancel a campaign
    Cancel(CampaignArgs),
    /// List campaigns, newest first
    Ls(ListArgs),
    /// Show a campaign (c-1) or one run (r-1)
    Show(ShowArgs),
    /// Compute a run's statistics and verdict again from its raw samples, and compare
    Verify(VerifyArgs),
    /// Export every reading of power, heat and clocks beside a run
    Trace(TraceArgs),
    /// The fleet
    #[command(subcommand)]
    Devices(DevicesCommand),
    /// The models a campaign can name
    #[command(subcommand)]
    Models(ModelsCommand),
    /// Data sets in their official layouts
    #[command(subcommand)]
    Datasets(DatasetsCommand),
    /// The files the coordinator stores for models and campaigns
    #[command(subcommand)]
    Artifacts(ArtifactsCommand),
    /// The managed ONNX Runtime, PostgreSQL and quickstart model
    Toolchain(ToolchainArgs),
    /// Benchmarks of Furlong itself
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Print the JSON Schema of a file, for editors
    #[command(subcommand)]
    Schema(SchemaCommand),
    /// Print the versions of everything that takes part
    Version,
    /// Print a completion script for a shell
    Completion { shell: Shell },
    /// Measure one attempt (started by an agent)
    #[command(hide = true, disable_help_flag = true)]
    Runner { arguments: Vec<String> },
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    /// With a `schema` field that names its version.
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct Connection {
    /// The coordinator's address
    #[arg(long, value_name = "URL", env = "FURLONG_COORDINATOR", default_value_t = format!("http://{}", Config::DEFAULT_LISTEN))]
    pub(crate) coordinator: String,
}

#[derive(Debug, Args)]
pub(crate) struct Output {
    /// How to write the answer
    #[arg(short, long, value_enum, default_value = "table")]
    pub(crate) output: Format,
}

#[derive(Debug, Args)]
pub(crate) struct DataDir {
    /// Furlong's data directory [default: /var/lib/furlong for root, else the user's own]
    #[arg(long, value_name = "DIR", env = "FURLONG_DATA_DIR", global = true)]
    data_dir: Option<PathBuf>,
}

impl DataDir {
    /// This one.
    pub(crate) fn of(path: PathBuf) -> Self {
        Self { data_dir: Some(path) }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.data_dir.clone().unwrap_or_else(agent::config::default_data_dir)
    }
}

/// Tools a command uses instead of the managed ones.
#[derive(Debug, Args)]
pub(crate) struct Tools {
    /// ONNX Runtime's shared library [default: the managed toolchain's, installed if missing]
    #[arg(long, value_name = "FILE")]
    pub(crate) onnxruntime: Option<PathBuf>,
    /// PostgreSQL's programs [default: the managed toolchain's, installed if missing]
    #[arg(long, value_name = "DIR")]
    pub(crate) postgres_bin: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct LocalArgs {
    #[command(flatten)]
    pub(crate) data_dir: DataDir,
    #[command(flatten)]
    pub(crate) tools: Tools,
    /// Address to serve on; loopback only [default: 127.0.0.1:7717, for `demo` any free port if that is taken]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    #[command(flatten)]
    pub(crate) timing: Timing,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Four simulated boards instead of this machine: latency, energy and heat of a fleet that is not there
    #[arg(long)]
    pub(crate) fleet: bool,
    #[command(flatten)]
    pub(crate) local: LocalArgs,
}

/// How fast a silent agent is noticed.
#[derive(Debug, Args)]
pub(crate) struct Timing {
    /// Seconds between an agent's heartbeats
    #[arg(long, value_name = "SECONDS", default_value_t = Config::DEFAULT_HEARTBEAT.as_secs(), value_parser = clap::value_parser!(u64).range(1..=600))]
    heartbeat: u64,
    /// Seconds after which a silent agent loses its lease; at least two heartbeats
    #[arg(long, value_name = "SECONDS", default_value_t = Config::DEFAULT_LEASE.as_secs(), value_parser = clap::value_parser!(u64).range(2..=3600))]
    lease: u64,
}

impl Timing {
    /// Sets both. An error if a single late heartbeat would cost an agent its lease.
    pub(crate) fn apply(&self, config: Config) -> Result<Config, CliError> {
        if self.lease < 2 * self.heartbeat {
            return Err(CliError::Invalid(format!(
                "--lease {} is shorter than two heartbeats of {} s: one late message would lose a run",
                self.lease, self.heartbeat
            )));
        }
        let (heartbeat, lease) = (Duration::from_secs(self.heartbeat), Duration::from_secs(self.lease));
        Ok(Config { heartbeat, lease, ..config })
    }
}

#[derive(Debug, Args)]
pub(crate) struct CoordinatorArgs {
    #[command(flatten)]
    pub(crate) data_dir: DataDir,
    /// Address to serve gRPC and the pages on
    #[arg(long, value_name = "ADDRESS", default_value_t = Config::DEFAULT_LISTEN)]
    pub(crate) listen: SocketAddr,
    /// Allow an address other than loopback although nothing is encrypted or authenticated yet
    #[arg(long)]
    pub(crate) insecure: bool,
    /// A PostgreSQL server to use instead of a private one
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    pub(crate) database_url: Option<String>,
    /// Where models and attachments are kept: a folder, or `s3://BUCKET/PREFIX` with the usual `AWS_*` variables
    /// [default: `artifacts` in the data directory]
    #[arg(long, value_name = "PLACE")]
    pub(crate) artifacts: Option<ArtifactPlace>,
    /// PostgreSQL's programs for the private server [default: the managed toolchain's, installed if missing]
    #[arg(long, value_name = "DIR")]
    pub(crate) postgres_bin: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) timing: Timing,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct AgentCommand {
    #[command(subcommand)]
    pub(crate) verb: Option<AgentVerb>,
    #[command(flatten)]
    pub(crate) agent: Option<AgentArgs>,
    /// Stop when standard input ends: it is held open by the process that started this one
    #[arg(long, hide = true)]
    pub(crate) lifeline: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AgentVerb {
    /// Show the sensors of this device, one reading of each, and why others were not found
    Sensors {
        #[command(flatten)]
        sensing: SensingArgs,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The file to write
    #[arg(default_value = "campaign.yaml")]
    pub(crate) file: PathBuf,
    /// Write over a file that exists
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SchemaCommand {
    /// Of campaign files: JSON Schema draft 7
    Campaign,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlanFormat {
    Table,
    /// With a `schema` field that names its version.
    Json,
    /// One cell as a campaign file would spell it, with the origin of each value; with --cell
    Yaml,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// The campaign file
    pub(crate) file: PathBuf,
    /// Show one cell with everything it resolves to
    #[arg(long, value_name = "N")]
    pub(crate) cell: Option<u32>,
    /// Plan it however many cells it has
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) connection: Connection,
    /// How to write the answer
    #[arg(short, long, value_enum, default_value = "table")]
    pub(crate) output: PlanFormat,
}

#[derive(Debug, Args)]
pub(crate) struct SubmitArgs {
    /// The campaign file
    pub(crate) file: PathBuf,
    /// Follow it until it ends, then print its table
    #[arg(long)]
    pub(crate) wait: bool,
    /// Submit it however many cells it has
    #[arg(long)]
    pub(crate) yes: bool,
    /// Submitting again with the same key answers the first submission's campaign
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
    #[command(flatten)]
    pub(crate) downloads: DownloadArgs,
    #[command(flatten)]
    pub(crate) connection: Connection,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct CampaignArgs {
    /// e.g. c-1
    pub(crate) campaign: domain::CampaignId,
    #[command(flatten)]
    pub(crate) connection: Connection,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) connection: Connection,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// c-1 for a campaign, r-1 for a run
    pub(crate) id: String,
    /// With `-o json` and a run: every latency sample
    #[arg(long)]
    pub(crate) samples: bool,
    #[command(flatten)]
    pub(crate) connection: Connection,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// e.g. r-1
    pub(crate) run: domain::RunId,
    #[command(flatten)]
    pub(crate) connection: Connection,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TraceFormat {
    /// One reading a line: `time_s,series,unit,value`, in seconds since measuring began
    Csv,
    /// With a `schema` field that names its version.
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct TraceArgs {
    /// e.g. r-1
    pub(crate) run: domain::RunId,
    /// Write to this file, not to standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) connection: Connection,
    /// How to write the readings
    #[arg(short, long, value_enum, default_value = "csv")]
    pub(crate) output: TraceFormat,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DatasetsCommand {
    /// Say what a data set is, how many examples it has and which of them can't be used
    Show(DatasetArgs),
}

#[derive(Debug, Args)]
pub(crate) struct DatasetArgs {
    /// A file or a folder in its official layout, or `builtin:digits`
    pub(crate) path: String,
    /// What the examples are for, e.g. `glue/sst2` or `image-classification`
    #[arg(long, value_parser = parse_task)]
    pub(crate) task: domain::Task,
    #[command(flatten)]
    pub(crate) output: Output,
}

pub(crate) fn parse_task(text: &str) -> Result<domain::Task, String> {
    domain::Task::parse(text).map_err(|unknown| unknown.to_string())
}

#[derive(Debug, Subcommand)]
pub(crate) enum DevicesCommand {
    /// List devices with their state and facts
    Ls(ListArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ToolchainArgs {
    #[command(subcommand)]
    pub(crate) command: ToolchainCommand,
    #[command(flatten)]
    pub(crate) data_dir: DataDir,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ToolchainCommand {
    /// Fetch what is missing with pip, by name and hash
    Install {
        /// Take the wheels from this directory instead (for machines without a network)
        #[arg(long, value_name = "DIR")]
        from: Option<PathBuf>,
        /// The Python whose pip downloads
        #[arg(long, value_name = "FILE", default_value = "python3")]
        python: PathBuf,
    },
    /// List packages, versions and where they lie
    Ls(Output),
    /// Hash every installed file again
    Verify,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// What listening to power, heat and clocks costs: processor time of the sampling thread, and the latency of a model
    /// with and without it, in turn
    Sampler(SamplerArgs),
    /// What the measuring loop costs per call on a trivial graph, against the raw call in the same process
    Overhead {
        #[command(flatten)]
        data_dir: DataDir,
        /// ONNX Runtime's shared library [default: the managed toolchain's]
        #[arg(long, value_name = "FILE")]
        onnxruntime: Option<PathBuf>,
        /// Calls a round
        #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1000..=10_000_000))]
        calls: u32,
        /// Rounds, raw and harness in turn
        #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..=1000))]
        rounds: u32,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Debug, Args)]
pub(crate) struct SamplerArgs {
    #[command(flatten)]
    pub(crate) data_dir: DataDir,
    /// ONNX Runtime's shared library [default: the managed toolchain's]
    #[arg(long, value_name = "FILE")]
    pub(crate) onnxruntime: Option<PathBuf>,
    /// The model [default: a multiplication of matrices that takes about a millisecond]
    #[arg(long, value_name = "FILE")]
    pub(crate) model: Option<PathBuf>,
    /// Read a simulated board's sensors in place of this machine's
    #[arg(long, value_name = "BOARD")]
    pub(crate) simulate: Option<String>,
    /// Launches with and without the sampler
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(2..=1000))]
    pub(crate) rounds: u32,
    /// Length of one launch
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = humantime::parse_duration)]
    pub(crate) duration: Duration,
    #[command(flatten)]
    pub(crate) output: Output,
}
