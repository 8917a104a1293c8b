//! Rails whose readings are integers in sysfs: what INA monitors, other hwmon chips and RAPL have in common.
//!
//! Owns how an attribute is read and what a failed reading is called, and finds the sensors again under another number. Knows
//! no chip and no board: those hand in a function that finds.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use domain::Rail;
use nix::errno::Errno;

use super::root::Attribute;
use super::{Absent, Fault, PowerSource, Probed, ReadError, Reading, Root, SourceInfo};
use crate::stopwatch;

/// Polls in a row that end in EAGAIN before a block counts as switched off, and is asked once a poll instead of twice.
const GATED_AFTER: u32 = 3;

/// Numbers that drivers hand out for errors: -EINVAL, -ENODATA, and a 32-bit register that holds its lowest value.
const SENTINELS: [i64; 4] = [-22, -61, 0x8000_0000, -0x8000_0000];

/// A current in mA at the end of the INA3221's scale behind 5 mOhm, which limits and unread channels show.
const SENTINEL_MILLIAMPERES: i64 = 32_760;

/// An unsigned 16-bit register with every bit set, taken for watts.
const SENTINEL_W: f64 = 65_535.0;

/// One attribute that holds an integer, kept open.
#[derive(Debug)]
pub(super) struct Integer {
    root: Arc<dyn Root>,
    path: String,
    /// `None`: it could not be opened yet, which a gated block may come to.
    attribute: Option<Attribute>,
    /// Polls in a row that ended in EAGAIN or EINTR.
    refused: u32,
}

/// What a rail's number is made of.
#[derive(Debug)]
pub(super) enum Measure {
    /// Power is the product. The two are not measured at the same instant: nothing better is told.
    Product {
        millivolts: Integer,
        milliamperes: Integer,
    },
    /// Power by the chip itself; where it is a magnitude, the current beside it has the sign.
    Power {
        power: Integer,
        unit_w: f64,
        sign: Option<Integer>,
    },
    Energy {
        energy: Integer,
        unit_j: f64,
    },
}

/// A rail and how it is read.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) rail: Rail,
    pub(super) measure: Measure,
    /// Whether it feeds something that always draws: a reading of exactly 0 W is none.
    pub(super) powered: bool,
}

/// The sensors of one source as they are found now.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) name: String,
    pub(super) poll: Duration,
    pub(super) facts: BTreeMap<String, String>,
    pub(super) channels: Vec<Channel>,
    pub(super) total: Option<Vec<usize>>,
}

/// Looks for a source's sensors.
pub(super) type Find = fn(&Arc<dyn Root>) -> Result<Found, Absent>;

/// The source of what `find` finds.
pub(super) fn probe(root: &Arc<dyn Root>, find: Find) -> Probed {
    let Found { name, poll, facts, channels, total } = find(root)?;
    let rails = channels.iter().map(|channel| channel.rail.clone()).collect();
    let info = SourceInfo { name, poll, facts, remote: false };
    Ok(Box::new(Source { root: Arc::clone(root), find, info, rails, channels, total }))
}

#[derive(Debug)]
struct Source {
    root: Arc<dyn Root>,
    find: Find,
    info: SourceInfo,
    rails: Vec<Rail>,
    channels: Vec<Channel>,
    total: Option<Vec<usize>>,
}

impl PowerSource for Source {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn rails(&self) -> &[Rail] {
        &self.rails
    }

    fn total(&self) -> Option<&[usize]> {
        self.total.as_deref()
    }

    fn read(&mut self, readings: &mut Vec<Reading>) -> Result<(), ReadError> {
        for (rail, channel) in self.channels.iter_mut().enumerate() {
            let begin_ns = stopwatch::monotonic_ns();
            let value = channel.measure.read()?;
            let end_ns = stopwatch::monotonic_ns();
            let value = value.and_then(|value| judged(value, &channel.rail, channel.powered));
            readings.push(Reading { rail, begin_ns, end_ns, value });
        }
        Ok(())
    }

    fn recheck(&mut self) -> Result<(), ReadError> {
        let found = (self.find)(&self.root).map_err(|absent| ReadError::Gone(absent.reason))?;
        let mut by_key: BTreeMap<_, _> =
            found.channels.into_iter().map(|channel| (channel.rail.key.clone(), channel.measure)).collect();
        // All or nothing: a source of which half is found would make another total.
        if let Some(missing) = self.rails.iter().find(|rail| !by_key.contains_key(&rail.key)) {
            return Err(ReadError::Gone(format!("{} is no longer found", missing.key)));
        }
        for channel in &mut self.channels {
            let Some(measure) = by_key.remove(&channel.rail.key) else { continue };
            let (before, now) = (channel.measure.path(), measure.path());
            if before != now {
                tracing::info!(rail = %channel.rail.key, %before, %now, "a power sensor has another path");
            }
            channel.measure = measure;
        }
        Ok(())
    }
}

impl Integer {
    /// Opens it. A block that is switched off now is no error, for it may come back.
    pub(super) fn open(root: &Arc<dyn Root>, path: String) -> io::Result<Self> {
        let attribute = match root.open(&path) {
            Ok(attribute) => Some(attribute),
            Err(error) if transient(&error) => None,
            Err(error) => return Err(error),
        };
        Ok(Self { root: Arc::clone(root), path, attribute, refused: 0 })
    }

    /// Opens it and reads it once: an error if it can't be read at all, a fault if it can but holds no number.
    pub(super) fn tried(root: &Arc<dyn Root>, path: String) -> io::Result<(Self, Result<i64, Fault>)> {
        let mut integer = Self::open(root, path)?;
        let value = match integer.text() {
            Ok(text) => number(&text),
            Err(error) if transient(&error) => Err(Fault::Interrupted),
            Err(error) => return Err(error),
        };
        Ok((integer, value))
    }

    fn text(&mut self) -> io::Result<String> {
        if let Some(attribute) = &self.attribute {
            return attribute.read();
        }
        let attribute = self.root.open(&self.path)?;
        let text = attribute.read();
        self.attribute = Some(attribute);
        text
    }

    pub(super) fn read(&mut self) -> Result<Result<i64, Fault>, ReadError> {
        let mut text = self.text();
        // Once again and no more: five retries at each poll of a gated block cost tens of milliseconds.
        if self.refused < GATED_AFTER && text.as_ref().is_err_and(transient) {
            text = self.text();
        }
        match text {
            Ok(text) => {
                self.refused = 0;
                let value = number(&text);
                if value == Err(Fault::NotANumber) {
                    tracing::debug!(path = %self.path, %text, "a sensor shows no number");
                }
                Ok(value)
            }
            Err(error) if transient(&error) => {
                self.refused = self.refused.saturating_add(1);
                Ok(Err(if self.refused >= GATED_AFTER { Fault::Gated } else { Fault::Interrupted }))
            }
            Err(error) if gone(&error) => {
                Err(ReadError::Gone(format!("{} can no longer be read ({error})", self.path)))
            }
            Err(_broken) => Ok(Err(Fault::Broken)),
        }
    }
}

impl Measure {
    fn read(&mut self) -> Result<Result<f64, Fault>, ReadError> {
        Ok(match self {
            Self::Product { millivolts, milliamperes } => match (millivolts.read()?, milliamperes.read()?) {
                (Ok(millivolts), Ok(milliamperes)) => product_w(millivolts, milliamperes),
                (Err(fault), _) | (_, Err(fault)) => Err(fault),
            },
            Self::Power { power, unit_w, sign } => {
                let power_w = power.read()?.map(|raw| scaled(raw, *unit_w));
                match sign.as_mut().map(Integer::read).transpose()? {
                    Some(Ok(current)) if current < 0 => power_w.map(|power_w| -power_w.abs()),
                    // A current that can't be read leaves open which way the power went.
                    Some(Err(fault)) => Err(fault),
                    Some(Ok(_)) | None => power_w,
                }
            }
            Self::Energy { energy, unit_j } => energy.read()?.map(|raw| scaled(raw, *unit_j)),
        })
    }

    fn path(&self) -> &str {
        match self {
            Self::Product { milliamperes: integer, .. }
            | Self::Power { power: integer, .. }
            | Self::Energy { energy: integer, .. } => &integer.path,
        }
    }
}

/// Watts of a voltage and a current; negative if the current flows backwards.
pub(super) fn product_w(millivolts: i64, milliamperes: i64) -> Result<f64, Fault> {
    if milliamperes.abs() == SENTINEL_MILLIAMPERES {
        return Err(Fault::Sentinel);
    }
    Ok(scaled(millivolts, 1e-3) * scaled(milliamperes, 1e-3))
}

/// A value that this rail can have, or what is wrong with it.
pub(super) fn judged(value: f64, rail: &Rail, powered: bool) -> Result<f64, Fault> {
    let gauge = matches!(rail.kind, domain::RailKind::Gauge { .. });
    if !value.is_finite() {
        Err(Fault::NotANumber)
    } else if gauge && value == SENTINEL_W {
        Err(Fault::Sentinel)
    } else if value < 0.0 {
        Err(Fault::Negative)
    } else if gauge && rail.greatest_w.is_some_and(|greatest_w| value > greatest_w) {
        Err(Fault::UnitSuspect)
    } else if gauge && powered && value == 0.0 {
        Err(Fault::Zero)
    } else {
        Ok(value)
    }
}

/// A whole number and nothing beside it: `32760 ma` is none.
pub(super) fn number(text: &str) -> Result<i64, Fault> {
    match text.parse() {
        Ok(value) if SENTINELS.contains(&value) => Err(Fault::Sentinel),
        Ok(value) => Ok(value),
        Err(_) => Err(Fault::NotANumber),
    }
}

#[expect(clippy::cast_precision_loss, reason = "sensors count to less than 2^53")]
pub(super) fn scaled(raw: i64, unit: f64) -> f64 {
    raw as f64 * unit
}

/// Whether the error is the kernel's "not now".
fn transient(error: &io::Error) -> bool {
    is(error, &[Errno::EAGAIN, Errno::EINTR])
}

/// Whether the sensor was removed, or has another number now.
pub(super) fn gone(error: &io::Error) -> bool {
    is(error, &[Errno::ENOENT, Errno::ENODEV])
}

/// Whether the error is the kernel's "not you".
pub(super) fn denied(error: &io::Error) -> bool {
    is(error, &[Errno::EACCES, Errno::EPERM])
}

fn is(error: &io::Error, errnos: &[Errno]) -> bool {
    error.raw_os_error().is_some_and(|raw| errnos.iter().any(|errno| *errno as i32 == raw))
}

/// Keeps a key that two sensors share apart: the second is `key#2`.
pub(super) fn unique(keys: &mut BTreeMap<String, u32>, key: String) -> String {
    let count = keys.entry(key.clone()).and_modify(|count| *count += 1).or_insert(1);
    if *count == 1 { key } else { format!("{key}#{count}") }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(super) mod tree;
