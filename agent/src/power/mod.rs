//! Where power readings come from: one small file a platform, all behind [`PowerSource`], all below an injected [`Root`].
//!
//! A source finds its sensors by name and label, never by number; says of each what it covers; and turns what the sensor
//! says into watts or joules. It integrates nothing and judges nothing: see crate `energy`.

mod android;
mod apple;
mod battery;
mod hwmon;
mod ina;
mod jetson;
mod macmon;
mod mailbox;
pub(crate) mod meters;
mod nvml;
mod odpm;
mod rapl;
mod raspberry;
mod root;
mod snapdragon;
mod sysfs;
mod tegrastats;
mod tool;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::{Rail, RailKind, Scope};

pub(crate) use root::{Attribute, DirectoryRoot, Root};

/// What a source is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SourceInfo {
    /// Its name in campaign files and tables: `ina3221`, `rapl`, `pi-pmic`, `shelly`, ..
    pub(crate) name: String,
    /// Time between two polls that suits it (power.md's table: 1 to 2 times the sensor's own rate).
    pub(crate) poll: Duration,
    /// Facts of the sensors that belong to the fingerprint, e.g. `ina3221@1-0040/samples`.
    pub(crate) facts: BTreeMap<String, String>,
    /// Whether a reading talks to something that may take milliseconds or seconds (a plug, a program).
    pub(crate) remote: bool,
}

/// One way to read the power of this device. Owned by the sampler's thread.
pub(crate) trait PowerSource: Send {
    fn info(&self) -> &SourceInfo;

    /// What is read. The order is that of [`Reading::rail`].
    fn rails(&self) -> &[Rail];

    /// Positions of the rails that add up to the device: never a parent beside its child. `None`: the board is not known.
    fn total(&self) -> Option<&[usize]>;

    /// Reads every rail once and appends what it got; a source with a clock and a buffer of its own may append many, or none.
    /// What is wrong with one rail is said in its reading and is no error.
    fn read(&mut self, readings: &mut Vec<Reading>) -> Result<(), ReadError>;

    /// Greatest offset between this device's clock and the source's own, if it has one.
    fn clock_offset_ns(&self) -> Option<u64> {
        None
    }

    /// Looks for the sensors again, after [`ReadError::Gone`].
    fn recheck(&mut self) -> Result<(), ReadError> {
        Ok(())
    }
}

/// One reading of one rail.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Reading {
    pub(crate) rail: usize,
    /// [`crate::stopwatch::monotonic_ns`] before and after it was taken.
    pub(crate) begin_ns: i64,
    pub(crate) end_ns: i64,
    /// Watts or joules, finite; or what came instead of them.
    pub(crate) value: Result<f64, Fault>,
}

/// What may come instead of a value: each is a gap in the trace, and is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Fault {
    /// The block is switched off (EAGAIN on every read, -256 degrees).
    Gated,
    /// EAGAIN or EINTR twice in a row.
    Interrupted,
    /// A number that stands for an error: -22, -61, `0x8000_0000`, 65535 W, 32760 mA, -1.0 of a meter.
    Sentinel,
    /// No number, or not a finite one.
    NotANumber,
    /// Below zero where the sign is not known to mean anything.
    Negative,
    /// Exactly zero on a rail that feeds a running device.
    Zero,
    /// More than the board can draw: most likely another unit.
    UnitSuspect,
    /// A meter that did not answer, or repeated itself.
    Stale,
    /// EIO, ENODATA and their like.
    Broken,
    /// The charger was plugged or unplugged, or the battery charges.
    Charging,
}

impl Fault {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Gated => "gated",
            Self::Interrupted => "interrupted",
            Self::Sentinel => "sentinel",
            Self::NotANumber => "not-a-number",
            Self::Negative => "negative",
            Self::Zero => "zero",
            Self::UnitSuspect => "unit-suspect",
            Self::Stale => "stale",
            Self::Broken => "broken",
            Self::Charging => "charging",
        }
    }
}

/// Why a whole source can't be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// The sensor was renamed or removed: [`PowerSource::recheck`] may find it again.
    #[error("the sensor is gone: {0}")]
    Gone(String),
    #[error("{0}")]
    Failed(String),
}

/// Why a probe found no source. One line for people, with what to do about it where something can be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Absent {
    /// The source that was looked for, by its name.
    pub(crate) source: &'static str,
    /// e.g. `no ina3221, ina238 or other INA monitor under /sys/class/hwmon`.
    pub(crate) reason: String,
    /// e.g. `the counters are root's: a udev rule may open them (chgrp, chmod g+r on energy_uj)`.
    pub(crate) hint: Option<String>,
}

/// What a probe comes to.
pub(crate) type Probed = Result<Box<dyn PowerSource>, Absent>;

/// The sources of this device, best first, and what was looked for in vain.
pub(crate) struct Discovery {
    pub(crate) sources: Vec<Box<dyn PowerSource>>,
    pub(crate) absent: Vec<Absent>,
}

/// Probes everything, and puts first what covers most of the device; at one scope a counter comes before a gauge. A source
/// without a total (an unknown board) comes after all that have one.
pub(crate) fn discover(root: &Arc<dyn Root>, meters: &[meters::MeterSpec]) -> Discovery {
    let (mut sources, mut absent) = (Vec::new(), Vec::new());
    let outside = meters.iter().map(meters::MeterSpec::open);
    for probed in outside.chain(probes().map(|probe| probe(root))) {
        match probed {
            Ok(source) => sources.push(source),
            Err(reason) => absent.push(reason),
        }
    }
    sources.sort_by_key(|source| {
        let counts = counted(source.as_ref()).any(|rail| matches!(rail.kind, RailKind::Counter { .. }));
        std::cmp::Reverse((source.total().is_some(), scope(source.as_ref()), counts))
    });
    Discovery { sources, absent }
}

type Probe = fn(&Arc<dyn Root>) -> Probed;

fn probes() -> impl Iterator<Item = Probe> {
    // Of two that cover as much, the one that comes first is taken.
    let all: [Probe; 12] = [
        jetson::probe,
        tegrastats::probe,
        raspberry::probe,
        macmon::probe,
        apple::probe,
        rapl::probe,
        hwmon::probe,
        nvml::probe,
        odpm::probe,
        // Before the battery, which shows the same gauge by its general name.
        snapdragon::probe,
        battery::probe,
        android::probe,
    ];
    all.into_iter()
}

/// The narrowest scope of the rails that count; of a source without a total, of all its rails.
pub(crate) fn scope(source: &dyn PowerSource) -> Scope {
    counted(source).map(|rail| rail.scope).min().unwrap_or(Scope::ModelEstimate)
}

fn counted(source: &dyn PowerSource) -> impl Iterator<Item = &Rail> {
    let total = source.total();
    let rails = source.rails().iter().enumerate();
    rails.filter(move |(index, _)| total.is_none_or(|total| total.contains(index))).map(|(_, rail)| rail)
}

/// Sources of particular boards and systems.
const ELSEWHERE: [&str; 7] =
    ["tegrastats", "pi-pmic", "macmon", "powermetrics", "odpm", "qcom-battmgr", "dumpsys-battery"];

/// In one line, for a device without a source.
pub(crate) fn why_none(absent: &[Absent]) -> String {
    // Of boards that this one is not, nobody wants to read; `agent sensors` tells all.
    let told = absent.iter().filter(|absent| absent.hint.is_some() || !ELSEWHERE.contains(&absent.source));
    let reasons: Vec<&str> = told.map(|absent| absent.reason.as_str()).collect();
    format!("no power sensor found: {}", reasons.join("; "))
}
