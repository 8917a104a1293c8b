//! What an agent would listen with, for people: every source with one live reading, and every place that was looked at in vain.

use std::fmt;
use std::thread::sleep;
use std::time::Duration;

use domain::RailKind;
use serde::Serialize;

use super::StationConfig;
use crate::power::{self, PowerSource, Reading};
use crate::thermal;

/// A counter tells power between two looks only, and a plug or a program needs time for its first word.
const BETWEEN: Duration = Duration::from_secs(1);

/// Everything found on this device.
#[derive(Debug, Serialize)]
pub struct SensorListing {
    pub sources: Vec<ListedSource>,
    pub state: Vec<ListedState>,
    pub absent: Vec<ListedAbsence>,
}

#[derive(Debug, Serialize)]
pub struct ListedSource {
    pub name: String,
    pub scope: String,
    /// Rails that add up to the device; empty: the board is not known.
    pub total: Vec<String>,
    pub poll_ms: u64,
    pub rails: Vec<ListedRail>,
}

#[derive(Debug, Serialize)]
pub struct ListedRail {
    pub key: String,
    pub scope: String,
    pub kind: &'static str,
    /// Watts now.
    pub watts: Option<f64>,
    /// What came instead.
    pub problem: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct ListedState {
    pub name: String,
    pub value: Option<f64>,
    pub unit: &'static str,
}

#[derive(Debug, Serialize)]
pub struct ListedAbsence {
    pub source: String,
    pub reason: String,
    pub hint: Option<String>,
}

/// Looks at everything once. Takes a second for each source.
pub fn list(config: &StationConfig) -> SensorListing {
    let root = config.root();
    let found = power::discover(&root, &config.meters);
    let mut probe = thermal::discover(&root);
    let mut values = Vec::new();
    probe.poll(&mut values);
    SensorListing {
        sources: found.sources.into_iter().map(|mut source| listed(source.as_mut())).collect(),
        state: probe
            .series()
            .iter()
            .zip(&values)
            .map(|(series, value)| ListedState {
                name: series.name.clone(),
                value: *value,
                unit: series.quantity.unit(),
            })
            .collect(),
        absent: found
            .absent
            .into_iter()
            .map(|absent| ListedAbsence { source: absent.source.to_owned(), reason: absent.reason, hint: absent.hint })
            .collect(),
    }
}

fn listed(source: &mut dyn PowerSource) -> ListedSource {
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let outcome = source.read(&mut first).and_then(|()| {
        sleep(BETWEEN);
        source.read(&mut second)
    });
    let broken = outcome.err().map(|error| error.to_string());
    let rails = source.rails().iter().enumerate().map(|(index, rail)| {
        let of = |readings: &[Reading]| readings.iter().rfind(|reading| reading.rail == index).copied();
        let watts = match (rail.kind, of(&first), of(&second)) {
            (_, _, None) => Err(broken.clone().unwrap_or_else(|| "nothing was told within a second".to_owned())),
            (RailKind::Gauge { .. }, _, Some(now)) => now.value.map_err(|fault| fault.name().to_owned()),
            (RailKind::Counter { .. }, Some(then), Some(now)) => between(then, now),
            (RailKind::Counter { .. }, None, Some(_)) => Err("one reading only".to_owned()),
        };
        let (watts, problem) = match watts {
            Ok(watts) => (Some(watts), None),
            Err(problem) => (None, Some(problem)),
        };
        ListedRail {
            key: rail.key.clone(),
            scope: rail.scope.name().to_owned(),
            kind: if matches!(rail.kind, RailKind::Gauge { .. }) { "gauge" } else { "counter" },
            watts,
            problem,
        }
    });
    let rails = rails.collect();
    let total = source.total().unwrap_or_default();
    ListedSource {
        name: source.info().name.clone(),
        scope: power::scope(source).name().to_owned(),
        total: total.iter().filter_map(|&index| Some(source.rails().get(index)?.key.clone())).collect(),
        poll_ms: u64::try_from(source.info().poll.as_millis()).unwrap_or(u64::MAX),
        rails,
    }
}

#[expect(clippy::cast_precision_loss, reason = "about a second in nanoseconds")]
fn between(then: Reading, now: Reading) -> Result<f64, String> {
    let name = |fault: power::Fault| fault.name().to_owned();
    let (before, after) = (then.value.map_err(name)?, now.value.map_err(name)?);
    let seconds = (now.begin_ns - then.begin_ns) as f64 / 1e9;
    if seconds > 0.0 && after >= before {
        Ok((after - before) / seconds)
    } else {
        Err("the counter wrapped".to_owned())
    }
}

/// To hundredths, without zeros that say nothing.
fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

impl fmt::Display for SensorListing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.sources.is_empty() {
            writeln!(f, "power        none: runs are measured without energy")?;
        }
        for source in &self.sources {
            let total = if source.total.is_empty() {
                "no total: this board's rails are not known".to_owned()
            } else {
                format!("total = {}", source.total.join(" + "))
            };
            writeln!(f, "power        {} ({}, every {} ms; {total})", source.name, source.scope, source.poll_ms)?;
            for rail in &source.rails {
                let reading = match (&rail.watts, &rail.problem) {
                    (Some(watts), _) => format!("{watts:.3} W"),
                    (None, Some(problem)) => problem.clone(),
                    (None, None) => "-".to_owned(),
                };
                writeln!(f, "  {:<40} {:<14} {:<8} {reading}", rail.key, rail.scope, rail.kind)?;
            }
        }
        if self.state.is_empty() {
            writeln!(f, "state        none: no thermometer, clock or throttle signal can be read")?;
        } else {
            writeln!(f, "state")?;
        }
        for state in &self.state {
            let value =
                state.value.map_or_else(|| "-".to_owned(), |value| format!("{} {}", rounded(value), state.unit));
            writeln!(f, "  {:<40} {value}", state.name)?;
        }
        if !self.absent.is_empty() {
            writeln!(f, "not found")?;
        }
        for absent in &self.absent {
            writeln!(f, "  {:<12} {}", absent.source, absent.reason)?;
            if let Some(hint) = &absent.hint {
                writeln!(f, "  {:<12} hint: {hint}", "")?;
            }
        }
        Ok(())
    }
}
