//! `nvidia-smi -q -x`, where NVML's library can't be loaded but its tool runs (some containers).
//!
//! Knows the names that power had in the versions of its document; takes a card's own and never its module's or memory's.

use std::sync::Arc;
use std::time::Duration;

use domain::{Rail, RailKind};
use quick_xml::Reader;
use quick_xml::events::Event;

use super::{WINDOW, card_rail};
use crate::power::sysfs::judged;
use crate::power::{Absent, Fault, PowerSource, Probed, ReadError, Reading, Root, SourceInfo};
use crate::stopwatch;

const NAME: &str = "nvidia-smi";
const ARGUMENTS: [&str; 2] = ["-q", "-x"];

/// A process each time: no more often, at the price of a tenth of a second of one core.
const POLL: Duration = Duration::from_secs(1);
/// Printed with two digits.
const QUANTUM_W: f64 = 0.01;

/// One card of the document.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Card {
    pub(super) uuid: String,
    /// Watts; `None` = not told.
    pub(super) power_w: Option<f64>,
    pub(super) greatest_limit_w: Option<f64>,
}

pub(super) fn probe(root: &Arc<dyn Root>) -> Probed {
    let absent = |reason: String| Absent { source: "nvml", reason, hint: None };
    let text = root.tool(NAME, &ARGUMENTS).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => absent("no nvidia-smi".to_owned()),
        _ => absent(format!("nvidia-smi tells nothing ({error})")),
    })?;
    let cards = parse(&text).ok_or_else(|| absent("nvidia-smi -q -x prints no whole document".to_owned()))?;
    let telling: Vec<Card> = cards.into_iter().filter(|card| card.power_w.is_some()).collect();
    if telling.is_empty() {
        return Err(absent("no card tells its power to nvidia-smi".to_owned()));
    }
    let gauge = RailKind::Gauge { window: Some(WINDOW) };
    let rail = |card: &Card| card_rail(NAME, &card.uuid, gauge, POLL, QUANTUM_W, card.greatest_limit_w);
    let rails: Vec<Rail> = telling.iter().map(rail).collect();
    let info = SourceInfo { name: NAME.to_owned(), poll: POLL, facts: [].into(), remote: true };
    let total = (0..rails.len()).collect();
    let uuids = telling.into_iter().map(|card| card.uuid).collect();
    Ok(Box::new(Smi { root: Arc::clone(root), info, rails, uuids, total }))
}

struct Smi {
    root: Arc<dyn Root>,
    info: SourceInfo,
    rails: Vec<Rail>,
    uuids: Vec<String>,
    total: Vec<usize>,
}

impl PowerSource for Smi {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn rails(&self) -> &[Rail] {
        &self.rails
    }

    fn total(&self) -> Option<&[usize]> {
        Some(&self.total)
    }

    fn read(&mut self, readings: &mut Vec<Reading>) -> Result<(), ReadError> {
        let begin_ns = stopwatch::monotonic_ns();
        let text = match self.root.tool(NAME, &ARGUMENTS) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(ReadError::Gone("nvidia-smi is no longer there".to_owned()));
            }
            // A run that failed is a gap of every card.
            Err(_) => String::new(),
        };
        let end_ns = stopwatch::monotonic_ns();
        let cards = parse(&text).unwrap_or_default();
        for (rail, uuid) in self.uuids.iter().enumerate() {
            let told = cards.iter().find(|card| card.uuid == *uuid).ok_or(Fault::Stale);
            let value = told
                .and_then(|card| card.power_w.ok_or(Fault::NotANumber))
                .and_then(|power_w| judged(power_w, &self.rails[rail], false));
            readings.push(Reading { rail, begin_ns, end_ns, value });
        }
        Ok(())
    }
}

/// The document's cards; `None` if it is cut short or no such document.
pub(super) fn parse(text: &str) -> Option<Vec<Card>> {
    let mut reader = Reader::from_str(text);
    let mut path: Vec<String> = Vec::new();
    let mut cards: Vec<Card> = Vec::new();
    // By how good the name is: the mean over a second, the older name for it, the moment.
    let mut best = usize::MAX;
    let mut whole = false;
    loop {
        match reader.read_event().ok()? {
            Event::Start(element) => {
                path.push(String::from_utf8_lossy(element.name().as_ref()).into_owned());
                if path_is(&path, &["nvidia_smi_log", "gpu"]) {
                    cards.push(Card::default());
                    best = usize::MAX;
                }
            }
            Event::End(_) => {
                whole = path == ["nvidia_smi_log"];
                path.pop();
            }
            Event::Text(text) => {
                let text = text.decode().ok()?;
                let ["nvidia_smi_log", "gpu", within @ ..] = &path.iter().map(String::as_str).collect::<Vec<_>>()[..]
                else {
                    continue;
                };
                let card = cards.last_mut()?;
                match within {
                    ["uuid"] => text.trim().clone_into(&mut card.uuid),
                    ["gpu_power_readings" | "power_readings", "max_power_limit"] => {
                        card.greatest_limit_w = watts(&text);
                    }
                    ["gpu_power_readings" | "power_readings", name] => {
                        let names = ["average_power_draw", "power_draw", "instant_power_draw"];
                        if let (Some(rank), Some(power_w)) =
                            (names.iter().position(|other| other == name), watts(&text))
                            && rank < best
                        {
                            (best, card.power_w) = (rank, Some(power_w));
                        }
                    }
                    _ => {}
                }
            }
            Event::Eof => return whole.then_some(cards),
            _ => {}
        }
    }
}

fn path_is(path: &[String], wanted: &[&str]) -> bool {
    path.iter().eq(wanted)
}

/// Of `67.03 W`; `N/A`, `[Not Supported]` and notes about deprecation are none.
fn watts(text: &str) -> Option<f64> {
    text.trim().strip_suffix(" W")?.parse().ok().filter(|watts: &f64| watts.is_finite())
}
