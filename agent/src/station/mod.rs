//! The agent's sensors, as an attempt uses them: waits until the board is cool, listens while the runner works, and says
//! afterwards what was heard ([`domain::Telemetry`]). Who touches a sensor is [`thread`] alone.

mod keeper;
mod listing;
mod recording;
mod thread;
mod visit;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use domain::{Heat, PowerRule};
use tokio::sync::watch;

use crate::power::{Absent, PowerSource, Root, meters::MeterSpec};
use crate::{pinning, power, thermal};
use keeper::Pace;
use thread::{Command, Sensors};

pub use listing::{SensorListing, list};
pub(crate) use recording::Marks;
pub(crate) use visit::Visit;

/// Commands that may wait: each attempt sends a handful.
const COMMANDS: usize = 16;

/// What an agent listens with.
#[derive(Debug, Clone)]
pub struct StationConfig {
    /// Meters outside of the board.
    pub meters: Vec<MeterSpec>,
    /// Whether settings of the board may be changed for a run.
    pub may_pin: bool,
    /// Where what is learnt of the board is kept, and what was changed on it; `None` = nowhere, and nothing is changed.
    pub directory: Option<PathBuf>,
    /// The simulated board; `None` = this machine.
    pub simulated: Option<Simulated>,
}

/// A simulated board that this process runs.
#[derive(Debug, Clone)]
pub struct Simulated {
    /// Its profile's name.
    pub board: String,
    /// The tree that stands for its `/`.
    pub tree: PathBuf,
    /// Where its runner tells its load and is told its pace.
    pub pace: PathBuf,
}

/// The agent's sensors. Cheap to clone; they are left alone when the last clone is gone.
#[derive(Debug, Clone)]
pub struct Station {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    root: Arc<dyn Root>,
    commands: SyncSender<Command>,
    heat: watch::Receiver<Option<Heat>>,
    /// Best first.
    sources: Vec<SourceFacts>,
    absent: Vec<Absent>,
    config: StationConfig,
}

/// What is known of a source without reading it.
#[derive(Debug, Clone)]
struct SourceFacts {
    name: String,
    poll: Duration,
}

impl Station {
    /// Finds the sensors and begins to look at the board's heat.
    pub fn open(config: StationConfig) -> Self {
        let root = config.root();
        let found = power::discover(&root, &config.meters);
        let (commands, orders) = sync_channel(COMMANDS);
        let (told, heat) = watch::channel(None);
        let memory = config.directory.as_deref().map(|directory| directory.join("thermal.json"));
        let pace = if config.simulated.is_some() { Pace::SIMULATED } else { Pace::BOARD };
        let sources = found.sources.iter().map(|source| SourceFacts::of(source.as_ref())).collect();
        let sensors = Sensors {
            sources: found.sources,
            probe: thermal::discover(&root),
            keeper: thread::keeper(pace, memory.as_deref()),
            memory,
            heat: told,
            commands: orders,
        };
        // It ends when the last sender is gone.
        std::thread::Builder::new()
            .name("sensors".to_owned())
            .spawn(move || sensors.run())
            .map_or_else(|error| tracing::error!(%error, "no thread for the sensors: nothing is heard"), drop);
        Self { inner: Arc::new(Inner { root, commands, heat, sources, absent: found.absent, config }) }
    }

    /// Names of the sources found, best first, e.g. `rapl`.
    pub(crate) fn sources(&self) -> Vec<String> {
        self.inner.sources.iter().map(|source| source.name.clone()).collect()
    }

    /// Why there is no power reading, in one line; `None` if there is one.
    pub(crate) fn no_power_reason(&self) -> Option<String> {
        self.inner.sources.is_empty().then(|| power::why_none(&self.inner.absent))
    }

    /// As last looked at.
    pub(crate) fn heat(&self) -> Option<Heat> {
        *self.inner.heat.borrow()
    }

    /// For whoever waits for the heat to change.
    pub(crate) fn watch(&self) -> watch::Receiver<Option<Heat>> {
        self.inner.heat.clone()
    }

    pub(crate) fn simulated(&self) -> Option<&Simulated> {
        self.inner.config.simulated.as_ref()
    }

    /// Where a killed agent's changes to the board are written down.
    pub(crate) fn journal(&self) -> Option<PathBuf> {
        Some(self.inner.config.directory.as_deref()?.join("pins.json"))
    }

    /// Whether runs may change settings of the board.
    pub(crate) fn may_pin(&self) -> bool {
        self.inner.config.may_pin
    }

    /// Puts back what a killed agent changed on this board.
    pub(crate) fn recover(&self) {
        let Some(journal) = self.journal() else { return };
        if let Err(error) = pinning::recover(self.root(), &journal) {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "settings that an earlier agent changed on this board can't be put back"
            );
        }
    }

    pub(crate) fn root(&self) -> &Arc<dyn Root> {
        &self.inner.root
    }

    /// Position of the source that a cell asks for: the best one for `auto`, none for `off`. An error names those there are.
    fn choose(&self, rule: Option<&PowerRule>) -> Result<Option<usize>, String> {
        let sources = &self.inner.sources;
        match rule.map(|rule| rule.source.as_str()) {
            None | Some(PowerRule::AUTO) => Ok((!sources.is_empty()).then_some(0)),
            Some(PowerRule::OFF) => Ok(None),
            Some(wanted) => match sources.iter().position(|source| source.name == wanted) {
                Some(index) => Ok(Some(index)),
                None if sources.is_empty() => Err(format!(
                    "the cell asks for the power source `{wanted}`, and this device has none: {}",
                    power::why_none(&self.inner.absent)
                )),
                None => Err(format!(
                    "the cell asks for the power source `{wanted}`, and this device has {}; name one of them, or leave `power.source` out",
                    self.sources().join(", ")
                )),
            },
        }
    }

    /// Best effort: a thread that is gone hears nothing.
    fn command(&self, command: Command) {
        self.inner.commands.send(command).unwrap_or_default();
    }
}

impl SourceFacts {
    fn of(source: &dyn PowerSource) -> Self {
        Self { name: source.info().name.clone(), poll: source.info().poll }
    }
}

impl StationConfig {
    /// Of this machine, with its own sensors alone, and nothing kept or changed.
    pub fn local() -> Self {
        Self { meters: Vec::new(), may_pin: false, directory: None, simulated: None }
    }

    fn root(&self) -> Arc<dyn Root> {
        match &self.simulated {
            Some(simulated) => Arc::new(power::DirectoryRoot::tree(&simulated.tree)),
            None => Arc::new(power::DirectoryRoot::real()),
        }
    }
}
