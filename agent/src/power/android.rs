//! What an Android phone tells of its battery to a shell: `dumpsys battery`, where the gauge itself is closed to this user or
//! nobody knows its unit.
//!
//! It tells no current, only the charge that is left, in steps of minutes. So this source counts: charge times voltage since it
//! was found. The unit is checked by the capacity that charge and level make together, and not believed. It owns no words of
//! heat: see [`crate::thermal`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::{Rail, RailKind, Scope};

use super::{Absent, Fault, PowerSource, Probed, ReadError, Reading, Root, SourceInfo, battery};
use crate::stopwatch;

const NAME: &str = "dumpsys-battery";
/// A process and some 50 ms of its time for each look: half a hundredth of one core.
const POLL: Duration = Duration::from_secs(10);
/// A gauge counts in steps of 1 to 10 mAh, and does not tell in which: the coarsest counts.
const STEP_C: f64 = 36.0;
/// Coulombs in a microampere-hour.
const UNIT_C: f64 = 3.6e-3;
/// Phones and tablets draw less.
const GREATEST_W: f64 = 60.0;
/// Of one cell or two. Set-top boxes tell 13, having no battery.
const MILLIVOLTS: std::ops::RangeInclusive<i64> = 2_500..=10_000;
/// Microampere-hours of a full battery, from a small phone to a large tablet. Outside, the charge has another unit.
const CAPACITY_UAH: std::ops::RangeInclusive<f64> = 5e5..=3e7;
/// Android's word for a battery that discharges.
const DISCHARGING: i64 = 3;

pub(super) fn probe(root: &Arc<dyn Root>) -> Probed {
    let absent = |reason: &str, hint: Option<&str>| Absent {
        source: NAME,
        reason: reason.to_owned(),
        hint: hint.map(str::to_owned),
    };
    let text = root.tool("dumpsys", &["battery"]).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => absent("no dumpsys: this is no Android", None),
        _ => absent(&format!("dumpsys battery tells nothing ({error})"), None),
    })?;
    if battery::probe(root).is_ok() {
        return Err(absent("dumpsys battery is not needed: the gauge itself is read", None));
    }
    let state = State::parse(&text).ok_or_else(|| absent("dumpsys battery prints no state", None))?;
    let charge = match state.charge() {
        Ok(charge) => charge,
        Err(Useless::Stopped) => {
            return Err(absent("dumpsys battery shows what somebody set", Some("run `dumpsys battery reset`")));
        }
        Err(Useless::NoBattery) => return Err(absent("dumpsys battery tells of no battery", None)),
        Err(Useless::NoCharge) => {
            let hint = "connect an external meter, see --power-meter";
            return Err(absent("dumpsys battery tells no charge, or in an unknown unit", Some(hint)));
        }
    };
    let rail = Rail {
        quantum: Some(STEP_C * charge.volts),
        greatest_w: Some(GREATEST_W),
        ..Rail::new(format!("{NAME}/charge-counter"), Scope::Battery, RailKind::Counter { range_j: None })
    };
    let info = SourceInfo { name: NAME.to_owned(), poll: POLL, facts: BTreeMap::new(), remote: true };
    Ok(Box::new(ChargeCounter { root: Arc::clone(root), info, rails: [rail], joules: 0.0, last: None }))
}

struct ChargeCounter {
    root: Arc<dyn Root>,
    info: SourceInfo,
    rails: [Rail; 1],
    /// Drawn since it was found, while nothing charged the battery.
    joules: f64,
    /// `None` before the first look, and after one at which the battery was charged.
    last: Option<Charge>,
}

impl PowerSource for ChargeCounter {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn rails(&self) -> &[Rail] {
        &self.rails
    }

    fn total(&self) -> Option<&[usize]> {
        Some(&[0])
    }

    fn read(&mut self, readings: &mut Vec<Reading>) -> Result<(), ReadError> {
        let begin_ns = stopwatch::monotonic_ns();
        let text = match self.root.tool("dumpsys", &["battery"]) {
            Ok(text) => Ok(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(ReadError::Gone("dumpsys is no longer there".to_owned()));
            }
            // A busy phone's service may be late: a gap, which the next look bridges.
            Err(_late) => Err(Fault::Stale),
        };
        let end_ns = stopwatch::monotonic_ns();
        let state = text.and_then(|text| State::parse(&text).ok_or(Fault::Broken));
        let value = state.and_then(|state| self.count(&state));
        readings.push(Reading { rail: 0, begin_ns, end_ns, value });
        Ok(())
    }
}

impl ChargeCounter {
    /// The joules drawn until now. A gauge that corrects itself upwards makes them fall, which is refused as a reset.
    fn count(&mut self, state: &State) -> Result<f64, Fault> {
        let charge = state.charge().map_err(|useless| match useless {
            Useless::Stopped => Fault::Stale,
            Useless::NoBattery | Useless::NoCharge => Fault::UnitSuspect,
        })?;
        if state.powered || state.status != DISCHARGING {
            self.last = None;
            return Err(Fault::Charging);
        }
        if let Some(last) = self.last.replace(charge) {
            self.joules += (last.coulombs - charge.coulombs) * (last.volts + charge.volts) / 2.0;
        }
        Ok(self.joules)
    }
}

/// What is left in a battery.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Charge {
    coulombs: f64,
    volts: f64,
}

/// Why a state tells no charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Useless {
    /// Somebody set it by `dumpsys battery set` or `unplug`, and it does not move.
    Stopped,
    NoBattery,
    /// None, or in a unit that is not known.
    NoCharge,
}

/// What the battery service prints.
#[derive(Debug, Clone, Copy, PartialEq)]
struct State {
    stopped: bool,
    powered: bool,
    present: bool,
    /// 2 = charging, 3 = discharging, 4 = not charging, 5 = full.
    status: i64,
    /// Share (0..1) of a full battery.
    level: Option<f64>,
    millivolts: i64,
    microampere_hours: Option<i64>,
}

impl State {
    /// `None` if it is no state of a battery.
    fn parse(text: &str) -> Option<Self> {
        // Makers append lines of their own, among them old values of the same names: the first one of exactly that name counts,
        // and none in a log.
        let lines = || text.lines().map(str::trim).take_while(|line| !line.starts_with('['));
        let field = |key: &str| lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).map(str::trim);
        let number = |key: &str| field(key)?.parse::<i64>().ok();
        let supplies = ["AC powered", "USB powered", "Wireless powered", "Dock powered"];
        Some(Self {
            stopped: lines().any(|line| line.starts_with("(UPDATES STOPPED")),
            powered: supplies.iter().any(|supply| field(supply) == Some("true")),
            present: field("present") != Some("false"),
            status: number("status")?,
            level: number("level").zip(number("scale")).and_then(|(level, scale)| share(level, scale)),
            millivolts: number("voltage")?,
            microampere_hours: number("Charge counter"),
        })
    }

    fn charge(&self) -> Result<Charge, Useless> {
        let Self { stopped, present, level, millivolts, microampere_hours, powered: _, status: _ } = *self;
        if stopped {
            return Err(Useless::Stopped);
        }
        if !present || !MILLIVOLTS.contains(&millivolts) {
            return Err(Useless::NoBattery);
        }
        let (Some(charge), Some(level)) = (microampere_hours.and_then(exact), level) else {
            return Err(Useless::NoCharge);
        };
        if !CAPACITY_UAH.contains(&(charge / level)) {
            return Err(Useless::NoCharge);
        }
        let volts = exact(millivolts).ok_or(Useless::NoBattery)? / 1e3;
        Ok(Charge { coulombs: charge * UNIT_C, volts })
    }
}

/// Of a level that tells something: at some hundredths a whole percent is too coarse to check a unit by.
fn share(level: i64, scale: i64) -> Option<f64> {
    let share = exact(level)? / exact(scale)?;
    (0.05..=1.0).contains(&share).then_some(share)
}

/// Batteries' numbers fit into 32 bits; one that does not stands for an error.
fn exact(number: i64) -> Option<f64> {
    i32::try_from(number).ok().map(f64::from)
}

#[cfg(test)]
mod tests;
