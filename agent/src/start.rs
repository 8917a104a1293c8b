//! Puts an agent together: identity, runtime library, facts, spool, cache; then lets the driver drive.

use std::path::Path;
use std::sync::Arc;

use domain::{Clock as _, DeviceFacts, IdSource as _, RandomIds, SystemClock};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::attempt::{Workshop, create_empty};
use crate::cache::Cache;
use crate::config::Config;
use crate::driver::{Driver, Work};
use crate::error::AgentError;
use crate::identity::{self, Identity};
use crate::link::Address;
use crate::runner::raise_own_session;
use crate::session::Session;
use crate::simulate::{Board, BoardError, Profile};
use crate::spool::Spool;
use crate::station::{Station, StationConfig};
use crate::wire::Introduction;
use crate::{probe, runtime};

#[cfg(test)]
mod tests;

/// Runs an agent until `shutdown`. A coordinator that can't be reached is no error: it is dialled until it can.
pub async fn run(config: Config, shutdown: CancellationToken) -> Result<(), AgentError> {
    // The runner raises itself above everybody: whoever reads the sensors meanwhile must not wait for what it leaves over.
    let raised = raise_own_session();
    let address = Address::parse(&config.coordinator)
        .map_err(|why| AgentError::Address { text: config.coordinator.clone(), why })?;
    let (clock, ids) = (SystemClock::new(), RandomIds);
    let data_dir = std::path::absolute(&config.data_dir).map_err(directory_error(&config.data_dir))?;
    // Held until the end: the lock is what keeps a second agent away.
    let identity = Identity::claim(&data_dir, &clock, &ids)?;
    let library = runtime::find_library(&config)?;
    let runtime = runtime::probe(&config.runner_command, &library).await?;
    // Lives as long as this agent.
    let board = config.simulate.as_deref().map(|name| start_board(name, &data_dir)).transpose()?;
    let station = Station::open(StationConfig {
        meters: config.meters,
        may_pin: config.may_pin,
        directory: Some(data_dir.clone()),
        simulated: board.as_ref().map(Board::simulated),
    });
    // Before anything is measured: what a killed agent changed on this board is put back.
    station.recover();
    let facts = DeviceFacts {
        runtime_version: Some(runtime.version),
        providers: runtime.providers,
        power_sensors: station.sources(),
        no_power_reason: station.no_power_reason(),
        ..board.as_ref().map_or_else(probe::facts, Board::facts)
    };
    let (spool, survivors) = Spool::open(data_dir.join("spool"))?;
    let scratch = data_dir.join("scratch");
    create_empty(&scratch).map_err(directory_error(&scratch))?;
    let cache_dir = data_dir.join("cache");
    let cache = Cache::open(cache_dir.clone(), config.cache_limit, clock.now()).map_err(directory_error(&cache_dir))?;
    info!(
        cache_limit_bytes = cache.limit_bytes(),
        device = config.name,
        device.id = %identity.device,
        coordinator = config.coordinator,
        runtime = facts.runtime_version,
        power = station.sources().join(", "),
        undelivered = survivors.len(),
        raised,
        "agent starts"
    );
    let seed = ids.uuid(clock.now()).as_u64_pair().1;
    let heat = station.watch();
    let driver = Driver {
        session: Session::new(ChaCha8Rng::seed_from_u64(seed), address.is_loopback(), survivors, clock.monotonic()),
        spool,
        workshop: Arc::new(Workshop {
            channel: address.channel(),
            cache,
            runner: config.runner_command,
            library,
            toolchain_root: config.toolchain_root,
            station,
            readings: config.readings,
            scratch,
        }),
        introduction: Introduction {
            device: identity.device,
            name: config.name,
            labels: config.labels,
            facts,
            boot_id: identity::boot_id(),
        },
        work: Work::new(heat),
        clock,
        ids,
    };
    driver.run(shutdown).await
}

fn start_board(name: &str, data_dir: &Path) -> Result<Board, AgentError> {
    Ok(Board::start(Profile::named(name).map_err(BoardError::from)?, &data_dir.join("board"))?)
}

fn directory_error(path: &Path) -> impl FnOnce(std::io::Error) -> AgentError {
    let path = path.to_owned();
    move |source| AgentError::Directory { path, source }
}
