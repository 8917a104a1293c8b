//! Counters of x86 processors that were slowed down by heat (`thermal_throttle`).

use std::collections::BTreeSet;

use domain::{Quantity, ThrottleCause};

use super::attribute::Number;
use super::board::{Sensor, Survey};
use super::{Role, StateSeries};

const CPU: &str = "/sys/devices/system/cpu";

pub(super) fn survey(survey: &mut Survey) {
    let mut processors: Vec<u32> =
        survey.list(CPU).into_iter().filter_map(|name| name.strip_prefix("cpu")?.parse().ok()).collect();
    processors.sort_unstable();
    for (what, place) in [("core", Place::Core), ("package", Place::Package)] {
        // Every processor repeats its core's and its package's count.
        let mut seen = BTreeSet::new();
        let first = processors.iter().filter(|cpu| seen.insert(place.of(survey, **cpu)));
        let path = |cpu: &u32| format!("{CPU}/cpu{cpu}/thermal_throttle/{what}_throttle_count");
        let counters: Vec<_> = first.filter_map(|cpu| Number::open(&survey.root, path(cpu)).ok()).collect();
        if !counters.is_empty() {
            let role = Role::ThrottleEvents(ThrottleCause::Thermal);
            let series = StateSeries::new(format!("throttle/x86/{what}"), Quantity::Events, role);
            let last = vec![None; counters.len()];
            survey.add(vec![series], Sum { counters, last });
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Place {
    Core,
    Package,
}

impl Place {
    /// What tells a core or a package from the others: its number, or of a core the processors it shows itself as.
    fn of(self, survey: &Survey, cpu: u32) -> String {
        let topology = |file: &str| survey.text(&format!("{CPU}/cpu{cpu}/topology/{file}"));
        match self {
            Self::Core => topology("thread_siblings_list").unwrap_or_else(|| cpu.to_string()),
            Self::Package => topology("physical_package_id").unwrap_or_default(),
        }
    }
}

/// Counters that are told as one. Of one that can't be read now (its processor is switched off) the last count stands.
struct Sum {
    counters: Vec<Number>,
    last: Vec<Option<f64>>,
}

impl Sensor for Sum {
    fn poll(&mut self, _now_ns: i64, values: &mut Vec<Option<f64>>) {
        let mut told = false;
        for (counter, last) in self.counters.iter_mut().zip(&mut self.last) {
            if let Some(count) = counter.read() {
                *last = Some(count);
                told = true;
            }
        }
        values.push(told.then(|| self.last.iter().flatten().sum()));
    }

    fn gone(&self) -> bool {
        self.counters.iter().all(Number::gone)
    }
}
