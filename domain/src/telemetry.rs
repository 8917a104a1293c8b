//! What a device told of its power, heat and clocks while one run was executed: recorded, with nothing that follows from it
//! ([`crate::energy`]). Everything stands on one time base: nanoseconds since measuring began, negative before it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How much of the device a reading covers, from all of it to a guess at a part. Figures of two scopes are never compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// A part of the chip as a model of its maker estimates it: no sensor.
    ModelEstimate,
    /// One supply of a part.
    Rail,
    /// The compute module, without its carrier, fan and drives.
    Module,
    /// What the battery delivers.
    Battery,
    /// The board's input, behind its power supply.
    DcInput,
    /// The socket.
    Wall,
}

impl Scope {
    pub const ALL: [Self; 6] =
        [Self::Wall, Self::DcInput, Self::Battery, Self::Module, Self::Rail, Self::ModelEstimate];

    pub const fn name(self) -> &'static str {
        match self {
            Self::ModelEstimate => "model-estimate",
            Self::Rail => "rail",
            Self::Module => "module",
            Self::Battery => "battery",
            Self::DcInput => "dc-input",
            Self::Wall => "wall",
        }
    }
}

/// What a rail's readings are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RailKind {
    /// Power in watts: the mean over the trailing window, where that is known.
    Gauge { window: Option<Duration> },
    /// Energy in joules since some moment. It starts again at 0 after `range_j`, where it wraps.
    Counter { range_j: Option<f64> },
}

/// One thing that is read: a supply, a domain of a chip, a meter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rail {
    /// Chip, bus address and label: the same after every boot, e.g. `ina3221@1-0040/VDD_IN`.
    pub key: String,
    pub scope: Scope,
    pub kind: RailKind,
    /// Key of the rail that feeds this one: the two are never added.
    pub parent: Option<String>,
    /// Time between two new values of the sensor itself; `None` = not known.
    pub native: Option<Duration>,
    /// Smallest step, in watts or joules.
    pub quantum: Option<f64>,
    /// Greatest relative error of a reading by the sensor's data sheet; `None` = not known.
    pub gain_error: Option<f64>,
    /// Greatest constant error in watts.
    pub offset_error_w: Option<f64>,
    /// Greatest power this rail can carry on this board, in watts: more is a slip of units.
    pub greatest_w: Option<f64>,
}

impl Rail {
    /// A rail of which nothing but its nature is known.
    pub fn new(key: impl Into<String>, scope: Scope, kind: RailKind) -> Self {
        Self {
            key: key.into(),
            scope,
            kind,
            parent: None,
            native: None,
            quantum: None,
            gain_error: None,
            offset_error_w: None,
            greatest_w: None,
        }
    }
}

/// A source of power readings, and how its reading went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PowerRecord {
    /// e.g. `ina3221`, `rapl`, `shelly`.
    pub source: String,
    pub rails: Vec<Rail>,
    /// Keys of the rails that add up to the device. Empty: the board is not known, and there is no total.
    pub total: Vec<String>,
    /// Mean time between two polls as asked for.
    pub poll: Duration,
    pub polls: u64,
    /// Polls that took longer than half their period, and polls left out because of that.
    pub overruns: u64,
    pub skipped: u64,
    /// Processor time the reading took.
    pub cost: Duration,
    /// Readings that are no values, by what was wrong: they are gaps.
    pub faults: BTreeMap<String, u64>,
    /// Facts of the sensor that belong to the fingerprint, e.g. `samples` or `shunt1_uohm`.
    pub facts: BTreeMap<String, String>,
    /// Between the clock of the meter and the device's, if they are two: the greatest offset in nanoseconds.
    pub clock_offset_ns: Option<u64>,
}

/// Everything that was recorded beside one run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Telemetry {
    /// The source whose total counts; `None` with the reason in `no_power`.
    pub power: Option<PowerRecord>,
    pub no_power: Option<String>,
    /// Every [`Series`], compressed: crate `energy` reads it.
    pub trace: Vec<u8>,
    pub windows: Windows,
    pub cooldown: Option<Cooldown>,
    /// What the device tells of throttling, at the beginning and at the end of measuring. Empty: nothing tells.
    pub throttle: Vec<ThrottleSignal>,
    /// Settings that were made for this run and read back; empty: none was asked for.
    pub pinned: Vec<Pin>,
    /// The simulated board these readings come from; `None` = a real device.
    pub simulated: Option<String>,
}

/// Begin and end of a part of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    pub begin_ns: i64,
    pub end_ns: i64,
}

impl Window {
    pub fn seconds(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a run lasts less than 2^52 ns")]
        let length = (self.end_ns - self.begin_ns) as f64;
        length / 1e9
    }
}

/// Which part of the trace is what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Windows {
    /// The idle device before the runner started, and after it ended.
    pub idle_before: Option<Window>,
    pub idle_after: Option<Window>,
    pub warm_up: Option<Window>,
    /// The first of two passes, by MLPerf Power's method.
    pub ranging: Option<Window>,
    /// From the first measured issue to the last completion; begins at 0.
    pub measuring: Option<Window>,
}

/// How the device was waited for before the run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Cooldown {
    /// Degrees Celsius of the hottest zone when the device is at rest, as learnt; `None` = not learnt yet.
    pub reference_c: Option<f64>,
    /// When the run began.
    pub start_c: Option<f64>,
    pub waited: Duration,
    pub outcome: CooldownOutcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CooldownOutcome {
    /// At its temperature of rest.
    Cool,
    /// Waited in vain.
    Timeout,
    /// Its temperature of rest is not known.
    NoReference,
    /// Nothing tells its temperature.
    NoSensor,
    /// The campaign asked not to wait.
    Off,
}

impl CooldownOutcome {
    pub const ALL: [Self; 5] = [Self::Cool, Self::Timeout, Self::NoReference, Self::NoSensor, Self::Off];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Cool => "cool",
            Self::Timeout => "timeout",
            Self::NoReference => "no-reference",
            Self::NoSensor => "no-sensor",
            Self::Off => "off",
        }
    }
}

/// One thing that tells of throttling.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThrottleSignal {
    /// e.g. `soctherm/oc3`, `cooling/cpu-throttle-alert`, `pi/under-voltage`.
    pub name: String,
    pub cause: ThrottleCause,
    /// What happened while measuring: events of a counter, or 1 if a state was met that is not 0.
    pub events: u64,
    /// Share (0..1) of the looks at a state at which it was met; of a counter `None`.
    pub share: Option<f64>,
}

/// What holds a device back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThrottleCause {
    /// Heat.
    Thermal,
    /// A limit of power or current: in some power modes a board lives at it.
    PowerLimit,
    /// The supply or its cable gives too little.
    Supply,
}

impl ThrottleCause {
    pub const ALL: [Self; 3] = [Self::Thermal, Self::PowerLimit, Self::Supply];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Thermal => "thermal",
            Self::PowerLimit => "power-limit",
            Self::Supply => "supply",
        }
    }
}

/// A setting of the device that a run asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// e.g. `governor`, `power-mode`.
    pub what: String,
    /// What it was before, what was asked for, and what was read before and after measuring.
    pub found: String,
    pub wanted: String,
    pub before: String,
    pub after: String,
}

impl Pin {
    pub fn held(&self) -> bool {
        self.before == self.wanted && self.after == self.wanted
    }
}

/// What a series of a trace holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quantity {
    /// Watts.
    Power,
    /// Joules since some moment.
    Energy,
    /// Degrees Celsius.
    Temperature,
    /// Megahertz.
    Frequency,
    /// Events since some moment.
    Events,
    /// A state, 0 = none.
    State,
}

impl Quantity {
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Power => "W",
            Self::Energy => "J",
            Self::Temperature => "°C",
            Self::Frequency => "MHz",
            Self::Events => "events",
            Self::State => "state",
        }
    }
}

/// One series of readings.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// A rail's key, or the name of a zone, a clock or a signal.
    pub name: String,
    pub quantity: Quantity,
    /// Of each reading: the middle of the time it took, since measuring began. Ascending.
    pub times_ns: Vec<i64>,
    /// Finite. As many.
    pub values: Vec<f64>,
}
