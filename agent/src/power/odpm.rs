//! The energy counters of Pixel phones (on-device power monitor): two chips that count what their supplies deliver.
//!
//! They lie behind the battery, so that charging does not matter. They do not cover the whole phone: the total is that of the
//! chip and its memory, of scope `rail`. A supply is found by its chip's and its own name, for channels have the same numbers on
//! both chips, and another supply from phone to phone.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use domain::{Rail, RailKind, Scope};

use super::sysfs::{denied, scaled, unique};
use super::{Absent, Attribute, Fault, PowerSource, Probed, ReadError, Reading, Root, SourceInfo};
use crate::stopwatch;

const NAME: &str = "odpm";
const DEVICES: &str = "/sys/bus/iio/devices";
/// A refresh takes 1 to 2 ms of the bus: ten a second are enough for a counter.
const POLL: Duration = Duration::from_millis(100);
/// The driver refuses to refresh more often, and shows what it has.
const NATIVE: Duration = Duration::from_millis(50);
/// Counters count microwatt-seconds.
const UNIT_J: f64 = 1e-6;

/// Supplies that make up the chip and its memory: of the processor's three clusters, the interconnect, the memory interface and
/// the graphics processor. Each has a converter of its own, none feeds another.
const CHIP: [&str; 6] = ["VDD_CPUCL0", "VDD_CPUCL1", "VDD_CPUCL2", "VDD_INT", "VDD_MIF", "VDD_G3D"];
/// Belongs to the chip as well, but not every phone tells it.
const NEURAL: &str = "VDD_TPU";

pub(super) fn probe(root: &Arc<dyn Root>) -> Probed {
    let chips = find(root)?;
    let rail = |(chip, name): (&Chip, &String)| Rail {
        native: Some(NATIVE),
        quantum: Some(UNIT_J),
        ..Rail::new(format!("{}/{name}", chip.key), Scope::Rail, RailKind::Counter { range_j: None })
    };
    let rails: Vec<Rail> =
        chips.iter().flat_map(|chip| chip.names.iter().map(move |name| (chip, name))).map(rail).collect();
    let total = total(&chips);
    let info = SourceInfo { name: NAME.to_owned(), poll: POLL, facts: BTreeMap::new(), remote: false };
    Ok(Box::new(Odpm { root: Arc::clone(root), info, rails, total, chips }))
}

/// `None` unless everything in [`CHIP`] is told, exactly once.
fn total(chips: &[Chip]) -> Option<Vec<usize>> {
    let domains: Vec<Option<&str>> = chips.iter().flat_map(|chip| &chip.names).map(|name| converted(name)).collect();
    let whole = CHIP.iter().all(|part| domains.iter().filter(|domain| **domain == Some(part)).count() == 1);
    let counts = |domain: Option<&str>| domain.is_some_and(|domain| CHIP.contains(&domain) || domain == NEURAL);
    let counted = domains.iter().enumerate().filter(|(_, domain)| counts(**domain)).map(|(index, _)| index);
    whole.then(|| counted.collect())
}

/// Of `S2M_VDD_CPUCL2`, a converter (S) of the main (M) or the second (S) chip, what it feeds: `VDD_CPUCL2`. A converter's number
/// means another thing on another phone.
fn converted(name: &str) -> Option<&str> {
    let (converter, domain) = name.split_once('_')?;
    let number = converter.strip_prefix('S')?.strip_suffix(['M', 'S'])?;
    number.parse::<u32>().is_ok().then_some(domain)
}

fn find(root: &Arc<dyn Root>) -> Result<Vec<Chip>, Absent> {
    let absent = |reason: String, hint: Option<&str>| Absent { source: NAME, reason, hint: hint.map(str::to_owned) };
    let (mut chips, mut keys, mut problem) = (Vec::new(), BTreeMap::new(), None);
    for device in root.list(DEVICES).unwrap_or_default() {
        let path = format!("{DEVICES}/{device}/energy_value");
        let (attribute, text) = match root.open(&path).and_then(|attribute| Ok((attribute.read()?, attribute))) {
            Ok((text, attribute)) => (attribute, text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => {
                problem.get_or_insert((path, error));
                continue;
            }
        };
        let Some(told) = Told::parse(&text) else { continue };
        let name = root.read(&format!("{DEVICES}/{device}/name"));
        let key = unique(&mut keys, name.map_or_else(|_unnamed| NAME.to_owned(), |name| format!("{NAME}@{name}")));
        let names: Vec<String> = told.energies.iter().map(|(name, _)| (*name).to_owned()).collect();
        let begins = vec![0; names.len()];
        chips.push(Chip { key, attribute, names, time: told.time, begins });
    }
    // By name, whichever was found first at this boot.
    chips.sort_by(|a: &Chip, b| a.key.cmp(&b.key));
    match problem {
        _ if !chips.is_empty() => Ok(chips),
        Some((path, error)) if denied(&error) => Err(absent(
            format!("permission to read {path} is denied"),
            Some("the counters are root's: run the agent as root"),
        )),
        Some((path, error)) => Err(absent(format!("{path} can't be read ({error})"), None)),
        None => Err(absent(format!("no energy_value under {DEVICES}"), None)),
    }
}

struct Odpm {
    root: Arc<dyn Root>,
    info: SourceInfo,
    rails: Vec<Rail>,
    total: Option<Vec<usize>>,
    chips: Vec<Chip>,
}

/// One of the two monitors, with its supplies in the order of its rails.
#[derive(Debug)]
struct Chip {
    key: String,
    attribute: Attribute,
    names: Vec<String>,
    /// Of its last answer, by its own clock.
    time: u64,
    /// What each counter had when it began anew, in its own unit; at first 0.
    begins: Vec<u64>,
}

impl PowerSource for Odpm {
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
        let mut first = 0;
        for chip in &mut self.chips {
            chip.read(first, readings)?;
            first += chip.names.len();
        }
        Ok(())
    }

    fn recheck(&mut self) -> Result<(), ReadError> {
        let found = find(&self.root).map_err(|absent| ReadError::Gone(absent.reason))?;
        let same = |(before, now): (&Chip, &Chip)| before.key == now.key && before.names == now.names;
        // All or nothing: a source of which half is found would make another total.
        if found.len() != self.chips.len() || !self.chips.iter().zip(&found).all(same) {
            return Err(ReadError::Gone("the power monitors that are found now are others".to_owned()));
        }
        for (chip, now) in self.chips.iter_mut().zip(found) {
            // What was known of its clock stays: it tells whether the counters began anew meanwhile.
            chip.attribute = now.attribute;
        }
        Ok(())
    }
}

impl Chip {
    /// One look at the chip is one reading of each of its rails, of which `first` is the first one.
    fn read(&mut self, first: usize, readings: &mut Vec<Reading>) -> Result<(), ReadError> {
        let begin_ns = stopwatch::monotonic_ns();
        let text = self.text()?;
        let end_ns = stopwatch::monotonic_ns();
        let told = match &text {
            Ok(text) => Told::parse(text).ok_or(Fault::NotANumber),
            Err(fault) => Err(*fault),
        };
        if let Ok(told) = &told {
            self.renew(told);
        }
        for (index, name) in self.names.iter().enumerate() {
            let energy = told.as_ref().map_err(|fault| *fault).and_then(|told| told.energy(name).ok_or(Fault::Broken));
            // Since a counter begins anew at 0, one that fell below its begin is shown as that: it was reset once more.
            let counted = energy.map(|energy| energy.saturating_sub(self.begins[index]));
            let value = counted.and_then(|counted| i64::try_from(counted).map_err(|_huge| Fault::Sentinel));
            readings.push(Reading {
                rail: first + index,
                begin_ns,
                end_ns,
                value: value.map(|value| scaled(value, UNIT_J)),
            });
        }
        Ok(())
    }

    /// A clock that goes back belongs to counters that began anew, and they may have overtaken their old values since. From
    /// there on they are counted from 0, so that nobody takes the difference of two beginnings for energy.
    fn renew(&mut self, told: &Told) {
        if told.time < self.time {
            tracing::warn!(monitor = %self.key, before = self.time, now = told.time, "the energy counters began anew");
            for (begin, name) in self.begins.iter_mut().zip(&self.names) {
                *begin = told.energy(name).unwrap_or(0);
            }
        }
        self.time = told.time;
    }

    fn text(&self) -> Result<Result<String, Fault>, ReadError> {
        let transient =
            |error: &io::Error| matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted);
        let mut text = self.attribute.read();
        if text.as_ref().is_err_and(transient) {
            text = self.attribute.read();
        }
        match text {
            Ok(text) => Ok(Ok(text)),
            Err(error) if transient(&error) => Ok(Err(Fault::Interrupted)),
            Err(error) if gone(&error) => Err(ReadError::Gone(format!("{} ({error})", self.key))),
            Err(_broken) => Ok(Err(Fault::Broken)),
        }
    }
}

fn gone(error: &io::Error) -> bool {
    use nix::errno::Errno;
    error.raw_os_error().is_some_and(|raw| [Errno::ENOENT, Errno::ENODEV].iter().any(|errno| *errno as i32 == raw))
}

/// What a chip shows.
#[derive(Debug, PartialEq)]
struct Told<'text> {
    /// Of its own clock, in milliseconds on most kernels.
    time: u64,
    /// Microwatt-seconds by the supplies' names, in the chip's order.
    energies: Vec<(&'text str, u64)>,
}

impl<'text> Told<'text> {
    /// `None` if it does not begin with a time. Lines that are none of a channel are left out: their rails are missing then.
    fn parse(text: &'text str) -> Option<Self> {
        let (first, rest) = text.split_once('\n')?;
        let time = first.trim().strip_prefix("t=")?.parse().ok()?;
        Some(Self { time, energies: rest.lines().filter_map(channel).collect() })
    }

    fn energy(&self, name: &str) -> Option<u64> {
        self.energies.iter().find(|(other, _)| *other == name).map(|(_, energy)| *energy)
    }
}

/// `CH5(T=473848)[S4M_VDD_CPUCL0], 113447446`
fn channel(line: &str) -> Option<(&str, u64)> {
    let (number, rest) = line.trim().strip_prefix("CH")?.split_once("(T=")?;
    let (time, rest) = rest.split_once(")[")?;
    let (name, energy) = rest.split_once("], ")?;
    let digits = |text: &str| text.parse::<u64>().is_ok();
    (digits(number) && digits(time) && !name.is_empty()).then_some((name, energy.parse().ok()?))
}

#[cfg(test)]
mod tests;
