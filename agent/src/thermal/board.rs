//! Everything that is read on one device, in one order, and the search for what has moved.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::Quantity;

use super::aside::Aside;
use super::attribute::Number;
use super::{Role, StateProbe, StateSeries};
use crate::power::Root;
use crate::stopwatch;

/// Between two searches for what is gone: a search reads hundreds of files.
const SEARCH_NS: i64 = 10_000_000_000;

/// Reads the values of one or several series.
pub(super) trait Sensor: Send {
    /// Appends one value for each of its series.
    fn poll(&mut self, now_ns: i64, values: &mut Vec<Option<f64>>);

    /// Whether what it read exists no longer where it was.
    fn gone(&self) -> bool {
        false
    }
}

/// A sensor with the series it reads.
pub(super) struct Group {
    series: Vec<StateSeries>,
    sensor: Box<dyn Sensor>,
}

/// What was found so far, each series under a name of its own.
pub(super) struct Survey {
    pub(super) root: Arc<dyn Root>,
    names: BTreeMap<String, u32>,
    groups: Vec<Group>,
}

/// Looks for everything.
type Find = fn(&mut Survey);

/// The state of one device.
pub(super) struct Board {
    root: Arc<dyn Root>,
    find: Find,
    series: Vec<StateSeries>,
    groups: Vec<Group>,
    next_search_ns: i64,
}

impl Board {
    pub(super) fn find(root: &Arc<dyn Root>, find: Find) -> Self {
        let groups = found(root, find);
        let series = groups.iter().flat_map(|group| group.series.iter().cloned()).collect();
        Self { root: Arc::clone(root), find, series, groups, next_search_ns: i64::MIN }
    }

    /// Everything once, and then a search for what is gone, at most every ten seconds.
    pub(super) fn poll_at(&mut self, now_ns: i64, values: &mut Vec<Option<f64>>) {
        values.clear();
        for Group { series, sensor } in &mut self.groups {
            let end = values.len() + series.len();
            sensor.poll(now_ns, values);
            // A sensor that tells too much or too little must not shift the others.
            values.resize(end, None);
        }
        if self.next_search_ns <= now_ns && self.groups.iter().any(|group| group.sensor.gone()) {
            self.next_search_ns = now_ns + SEARCH_NS;
            self.search();
        }
    }

    fn search(&mut self) {
        let mut now = found(&self.root, self.find);
        for group in self.groups.iter_mut().filter(|group| group.sensor.gone()) {
            let Some(index) = now.iter().position(|found| found.series == group.series) else { continue };
            group.sensor = now.swap_remove(index).sensor;
            let name = group.series.first().map_or("", |series| series.name.as_str());
            tracing::info!(series = name, "a sensor of the board's state was found again");
        }
    }
}

impl StateProbe for Board {
    fn series(&self) -> &[StateSeries] {
        &self.series
    }

    fn poll(&mut self, values: &mut Vec<Option<f64>>) {
        self.poll_at(stopwatch::monotonic_ns(), values);
    }
}

impl Survey {
    /// Names of a directory; none if it is not there.
    pub(super) fn list(&self, path: &str) -> Vec<String> {
        self.root.list(path).unwrap_or_default()
    }

    /// A small text that is not empty.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        self.root.read(path).ok().filter(|text| !text.is_empty())
    }

    /// Adds a sensor; a name that exists already becomes `NAME#2`.
    pub(super) fn add(&mut self, mut series: Vec<StateSeries>, sensor: impl Sensor + 'static) {
        for StateSeries { name, quantity: _, role: _ } in &mut series {
            let count = self.names.entry(name.clone()).and_modify(|count| *count += 1).or_insert(1);
            if *count > 1 {
                *name = format!("{name}#{count}");
            }
        }
        self.groups.push(Group { series, sensor: Box::new(sensor) });
    }

    /// Adds one attribute if it can be read, and says whether it could. `convert`: what its number means, if anything.
    pub(super) fn attribute(
        &mut self,
        series: StateSeries,
        path: String,
        convert: impl FnMut(f64) -> Option<f64> + Send + 'static,
    ) -> bool {
        let opened = Number::open(&self.root, path);
        opened.map(|number| self.add(vec![series], Converted { number, convert })).is_ok()
    }

    /// Adds a question to a tool of the platform, asked at most every `pace`. A tool may take seconds, for which nothing else
    /// must wait; the files that stand for one in a tree are read at every look.
    pub(super) fn question(
        &mut self,
        series: Vec<StateSeries>,
        question: impl FnMut(&mut Vec<Option<f64>>) + Send + 'static,
        pace: Duration,
    ) {
        if self.root.real() {
            self.add(series, Aside::new(question, pace));
        } else {
            self.add(series, Question(question));
        }
    }

    /// Whether any series has this role.
    pub(super) fn has(&self, role: Role) -> bool {
        self.groups.iter().any(|group| group.series.iter().any(|series| series.role == role))
    }

    /// How long to wait between two questions that cost something: a file of a tree costs nothing.
    pub(super) fn pace(&self, real: Duration) -> Duration {
        if self.root.real() { real } else { Duration::ZERO }
    }
}

impl StateSeries {
    pub(super) fn new(name: impl Into<String>, quantity: Quantity, role: Role) -> Self {
        Self { name: name.into(), quantity, role }
    }

    /// Of a state that is not 0 while the device is held back.
    pub(super) fn state(name: impl Into<String>, cause: domain::ThrottleCause) -> Self {
        Self::new(name, Quantity::State, Role::ThrottleState(cause))
    }
}

fn found(root: &Arc<dyn Root>, find: Find) -> Vec<Group> {
    let mut survey = Survey { root: Arc::clone(root), names: BTreeMap::new(), groups: Vec::new() };
    find(&mut survey);
    survey.groups
}

/// An attribute's number, and what it means.
pub(super) struct Converted<F> {
    pub(super) number: Number,
    pub(super) convert: F,
}

impl<F: FnMut(f64) -> Option<f64> + Send> Sensor for Converted<F> {
    fn poll(&mut self, _now_ns: i64, values: &mut Vec<Option<f64>>) {
        values.push(self.number.read().and_then(&mut self.convert));
    }

    fn gone(&self) -> bool {
        self.number.gone()
    }
}

/// A sensor that is asked more seldom than at every look; in between it tells nothing.
pub(super) struct Paced<S> {
    sensor: S,
    every_ns: i64,
    next_ns: i64,
}

impl<S: Sensor> Paced<S> {
    pub(super) fn new(sensor: S, every: Duration) -> Self {
        Self { sensor, every_ns: i64::try_from(every.as_nanos()).unwrap_or(i64::MAX), next_ns: i64::MIN }
    }
}

impl<S: Sensor> Sensor for Paced<S> {
    fn poll(&mut self, now_ns: i64, values: &mut Vec<Option<f64>>) {
        // What it leaves out, the board fills up with nothing.
        if self.next_ns <= now_ns {
            self.next_ns = now_ns.saturating_add(self.every_ns);
            self.sensor.poll(now_ns, values);
        }
    }

    fn gone(&self) -> bool {
        self.sensor.gone()
    }
}

/// A question to firmware or to a tool, with what its answer means; a lost answer tells nothing.
pub(super) struct Question<F>(pub(super) F);

impl<F: FnMut(&mut Vec<Option<f64>>) + Send> Sensor for Question<F> {
    fn poll(&mut self, _now_ns: i64, values: &mut Vec<Option<f64>>) {
        (self.0)(values);
    }
}
