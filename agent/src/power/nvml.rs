//! NVIDIA's graphics cards: through NVML where its library is, else through `nvidia-smi` once a second.
//!
//! A card is one consumer of the machine, so its scope is that of a rail; the total is that of all cards. On most Jetsons NVML
//! answers and supports none of this: then there is no source here.

mod library;
mod smi;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::{Rail, RailKind, Scope};

use self::library::{Api, Device, Status};
use super::sysfs::judged;
use super::{Absent, Fault, PowerSource, Probed, ReadError, Reading, Root, SourceInfo};
use crate::stopwatch;

/// The counter moves on every 20 to 100 ms, and so does the gauge.
const NATIVE: Duration = Duration::from_millis(100);
/// The gauge is a mean over the last second.
const WINDOW: Duration = Duration::from_secs(1);
/// Cards exceed their limit for moments; more than twice is another unit.
const MARGIN: f64 = 2.0;

pub(super) fn probe(root: &Arc<dyn Root>) -> Probed {
    // A tree stands for another machine, on which this one's library knows nothing.
    let why = if root.real() {
        match Api::load().and_then(Nvml::new) {
            Ok(source) => return Ok(Box::new(source)),
            Err(why) => why,
        }
    } else {
        "no library of NVIDIA's driver".to_owned()
    };
    smi::probe(root).map_err(|absent| Absent { reason: format!("{why}; {}", absent.reason), ..absent })
}

#[derive(Debug)]
struct Nvml {
    api: Api,
    info: SourceInfo,
    rails: Vec<Rail>,
    cards: Vec<Card>,
    total: Vec<usize>,
}

#[derive(Debug, Clone)]
struct Card {
    uuid: String,
    device: Device,
    /// Whether it counts energy; else it tells power.
    counts: bool,
}

impl Nvml {
    /// The cards that tell energy or power; why there is none.
    fn new(api: Api) -> Result<Self, String> {
        let (mut cards, mut rails, mut last) = (Vec::new(), Vec::new(), None);
        for (uuid, device) in api.devices().map_err(|status| format!("NVML lists no card ({status})"))? {
            let (kind, quantum) = match (api.energy_j(device), api.power_w(device)) {
                (Ok(_), _) => (RailKind::Counter { range_j: None }, 1e-3),
                (Err(_), Ok(_)) => (RailKind::Gauge { window: Some(WINDOW) }, 1e-3),
                (Err(status), Err(_)) => {
                    last = Some(status);
                    continue;
                }
            };
            let counts = matches!(kind, RailKind::Counter { .. });
            rails.push(card_rail("nvml", &uuid, kind, NATIVE, quantum, api.limit_w(device).ok()));
            cards.push(Card { uuid, device, counts });
        }
        if cards.is_empty() {
            return Err(last.map_or_else(
                || "NVML knows no card".to_owned(),
                |status| format!("NVML answers, but tells neither energy nor power ({status})"),
            ));
        }
        let info = SourceInfo { name: "nvml".to_owned(), poll: NATIVE, facts: BTreeMap::new(), remote: false };
        let total = (0..rails.len()).collect();
        Ok(Self { api, info, rails, cards, total })
    }
}

impl PowerSource for Nvml {
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
        for (rail, card) in self.cards.iter().enumerate() {
            let begin_ns = stopwatch::monotonic_ns();
            let value = if card.counts { self.api.energy_j(card.device) } else { self.api.power_w(card.device) };
            let end_ns = stopwatch::monotonic_ns();
            let value = match value {
                Ok(value) => judged(value, &self.rails[rail], false),
                Err(status) if status.gone() => {
                    return Err(ReadError::Gone(format!("NVML lost {} ({status})", card.uuid)));
                }
                Err(_status) => Err(Fault::Broken),
            };
            readings.push(Reading { rail, begin_ns, end_ns, value });
        }
        Ok(())
    }

    fn recheck(&mut self) -> Result<(), ReadError> {
        let gone = |why: String| ReadError::Gone(why);
        self.api.initialise().map_err(|status| gone(format!("NVML does not start again ({status})")))?;
        let found: BTreeMap<String, Device> = self
            .api
            .devices()
            .map_err(|status: Status| gone(format!("NVML lists no card ({status})")))?
            .into_iter()
            .collect();
        for card in &mut self.cards {
            card.device = *found.get(&card.uuid).ok_or_else(|| gone(format!("NVML no longer lists {}", card.uuid)))?;
        }
        Ok(())
    }
}

/// The rail of one card.
fn card_rail(source: &str, uuid: &str, kind: RailKind, native: Duration, quantum: f64, limit_w: Option<f64>) -> Rail {
    Rail {
        native: Some(native),
        quantum: Some(quantum),
        greatest_w: limit_w.map(|limit_w| limit_w * MARGIN),
        ..Rail::new(format!("{source}/{uuid}"), Scope::Rail, kind)
    }
}

#[cfg(test)]
mod tests;
