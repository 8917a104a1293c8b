//! A coordinator and an agent on this machine: what `demo` and `up` share.

use std::{
    fs::{self, File, OpenOptions},
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use ::toolchain::{Installed, Package, Progress, Source, Toolchain};
use anyhow::Context as _;
use coordinator::{Config, Coordinator, Database};
use domain::{Clock as _, SystemClock};
use indicatif::ProgressBar;
use tokio::{
    process::{Child, Command},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::{
    args::{Timing, Tools},
    exit::CliError,
    output,
};

/// Installs one package unless it is there, and says so on the terminal while it takes time.
pub(crate) fn install(toolchain: &Toolchain, package: Package, source: &Source) -> Result<Installed, CliError> {
    if let Some(installed) = toolchain.installed(package)? {
        return Ok(installed);
    }
    let spinner = ProgressBar::new_spinner();
    spinner.enable_steady_tick(Duration::from_millis(120));
    let mut progress = |progress: Progress| {
        let text = progress.to_string();
        if spinner.is_hidden() { output::note(&text) } else { spinner.set_message(text) }
    };
    let installed = toolchain.install(package, source, &mut progress);
    spinner.finish_and_clear();
    Ok(installed?)
}

/// The tools a local coordinator and agent need, the managed ones installed where none is named.
pub(crate) struct Equipment {
    pub(crate) onnxruntime: PathBuf,
    pub(crate) postgres_bin: PathBuf,
}

impl Equipment {
    pub(crate) fn prepare(data_dir: &Path, tools: &Tools) -> Result<Self, CliError> {
        let toolchain = Toolchain::new(agent::config::toolchain_root(data_dir));
        let source = Source::pip();
        let onnxruntime = match &tools.onnxruntime {
            Some(file) => std::path::absolute(file)?,
            None => install(&toolchain, Package::OnnxRuntime, &source)?.library()?,
        };
        let postgres_bin = match &tools.postgres_bin {
            Some(directory) => directory.clone(),
            None => install(&toolchain, Package::PostgreSql, &source)?.bin_dir()?,
        };
        Ok(Self { onnxruntime, postgres_bin })
    }
}

/// An agent on this machine.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LocalAgent {
    /// `None` = the machine's.
    pub(crate) name: Option<&'static str>,
    /// The board it pretends to be; `None` = it measures this machine.
    pub(crate) simulate: Option<&'static str>,
}

impl LocalAgent {
    fn log(self, data_dir: &Path) -> PathBuf {
        data_dir.join(self.name.map_or_else(|| "agent.log".to_owned(), |name| format!("agent-{name}.log")))
    }
}

/// A coordinator in this process and agents in children of it. Ends with [`Local::stop`].
pub(crate) struct Local {
    pub(crate) address: SocketAddr,
    /// Of the first agent.
    pub(crate) log: PathBuf,
    shutdown: CancellationToken,
    tasks: JoinSet<Result<(), CliError>>,
}

impl Local {
    pub(crate) async fn start(
        data_dir: &Path,
        equipment: &Equipment,
        listen: SocketAddr,
        timing: &Timing,
        agents: &[LocalAgent],
    ) -> Result<Self, CliError> {
        fs::create_dir_all(data_dir).with_context(|| format!("cannot create `{}`", data_dir.display()))?;
        let shutdown = CancellationToken::new();
        let database = Database::Private { bin_dir: equipment.postgres_bin.clone() };
        let config = timing.apply(Config { listen, ..Config::new(data_dir.to_owned(), database) })?;
        let coordinator = start_coordinator(config).await?;
        let address = coordinator.local_addr();
        let log = agents.first().copied().unwrap_or_default().log(data_dir);
        let mut tasks = JoinSet::new();
        let stop = shutdown.clone();
        tasks.spawn(async move {
            coordinator.serve(stop).await.map_err(|error| CliError::from(anyhow::Error::from(error)))
        });
        for &agent in agents {
            let supervisor = Supervisor {
                program: std::env::current_exe()?,
                address,
                data_dir: data_dir.to_owned(),
                onnxruntime: equipment.onnxruntime.clone(),
                log: agent.log(data_dir),
                agent,
            };
            let stop = shutdown.clone();
            tasks.spawn(async move { supervisor.keep_running(stop).await });
        }
        Ok(Self { address, log, shutdown, tasks })
    }

    /// Resolves when the coordinator or the agent ended by itself, which neither should.
    pub(crate) async fn failed(&mut self) -> CliError {
        match self.tasks.join_next().await {
            Some(Ok(Err(error))) => error,
            Some(Err(panic)) => anyhow::Error::from(panic).into(),
            Some(Ok(Ok(()))) | None => anyhow::anyhow!("the coordinator ended by itself").into(),
        }
    }

    /// Stops the agents, then the coordinator and its database.
    pub(crate) async fn stop(mut self) -> Result<(), CliError> {
        self.shutdown.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended.map_err(anyhow::Error::from)??;
        }
        Ok(())
    }
}

pub(crate) async fn start_coordinator(config: Config) -> Result<Coordinator, CliError> {
    Coordinator::start(config, Arc::new(SystemClock::new())).await.map_err(|error| anyhow::Error::from(error).into())
}

/// Keeps one agent process alive.
struct Supervisor {
    program: PathBuf,
    address: SocketAddr,
    data_dir: PathBuf,
    onnxruntime: PathBuf,
    log: PathBuf,
    agent: LocalAgent,
}

impl Supervisor {
    async fn keep_running(&self, stop: CancellationToken) -> Result<(), CliError> {
        /// An agent that can't even start would otherwise be started for ever, unseen.
        const MOST_QUICK_ENDS: u32 = 5;
        const QUICK: Duration = Duration::from_secs(10);
        /// The agent tells its runner to stop and delivers what it has; then it is killed.
        const GRACE: Duration = Duration::from_secs(10);
        let clock = SystemClock::new();
        let mut quick_ends = 0;
        loop {
            let mut child = self.spawn()?;
            // Held here: waiting for a child would close it.
            let lifeline = child.stdin.take();
            let started = clock.monotonic();
            let ended = tokio::select! {
                status = child.wait() => status?,
                () = stop.cancelled() => {
                    // The end of its standard input is the agent's signal to stop.
                    drop(lifeline);
                    if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
                        child.kill().await?;
                    }
                    return Ok(());
                }
            };
            quick_ends = if clock.monotonic().saturating_sub(started) > QUICK { 0 } else { quick_ends + 1 };
            if quick_ends >= MOST_QUICK_ENDS {
                let last = last_lines(&self.log)?;
                return Err(anyhow::anyhow!(
                    "the agent ended {quick_ends} times at once ({ended}); its log ends with:\n{last}"
                )
                .into());
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    fn spawn(&self) -> Result<Child, CliError> {
        let log = open_log(&self.log)?;
        let LocalAgent { name, simulate } = self.agent;
        let child = Command::new(&self.program)
            .arg("agent")
            .arg("--lifeline")
            .args(["--coordinator", &format!("http://{}", self.address)])
            .arg("--data-dir")
            .arg(&self.data_dir)
            .arg("--onnxruntime")
            .arg(&self.onnxruntime)
            .args(name.iter().flat_map(|name| ["--name", name]))
            .args(simulate.iter().flat_map(|board| ["--simulate", board]))
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot start the agent")?;
        Ok(child)
    }
}

fn open_log(path: &Path) -> Result<File, CliError> {
    /// A log that nobody reads must not fill the disk.
    const LIMIT_BYTES: u64 = 10 << 20;
    let keep = path.metadata().is_ok_and(|metadata| metadata.len() < LIMIT_BYTES);
    OpenOptions::new()
        .create(true)
        .write(true)
        .append(keep)
        .truncate(!keep)
        .open(path)
        .with_context(|| format!("cannot write `{}`", path.display()))
        .map_err(CliError::from)
}

fn last_lines(path: &Path) -> io::Result<String> {
    let text = String::from_utf8_lossy(&fs::read(path)?).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    Ok(lines[lines.len().saturating_sub(10)..].join("\n"))
}

/// Sends the log of this process to a file, so that the terminal stays readable; `RUST_LOG` chooses what.
pub(crate) fn log_to_file(path: &Path) -> Result<(), CliError> {
    let file = open_log(path)?;
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_unset| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(std::sync::Mutex::new(file)).init();
    Ok(())
}
