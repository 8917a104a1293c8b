//! What was read while one run was executed, and its way into [`Telemetry`]. Reads nothing and judges nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::{Cooldown, Pin, PowerRecord, Quantity, Rail, RailKind, Series, Telemetry, Window, Windows};
use energy::EncodeError;

use crate::power::{Fault, Reading, SourceInfo};
use crate::thermal::{self, Role, StateSeries};

/// When the parts of a run began and ended, by the monotonic clock, as the runner says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "the unit comes last")]
pub(crate) struct Marks {
    pub(crate) begin_ns: i64,
    pub(crate) end_ns: i64,
    pub(crate) warm_up_begin_ns: Option<i64>,
    /// Begin and end of the first of two passes.
    pub(crate) ranging_ns: Option<(i64, i64)>,
}

/// One series of readings as it grows.
#[derive(Debug, Default, Clone)]
struct Track {
    times_ns: Vec<i64>,
    values: Vec<f64>,
}

/// Everything read between two moments.
#[derive(Debug)]
pub(super) struct Recording {
    source: Option<Source>,
    series: Vec<StateSeries>,
    /// Time of each look at the state, and what was seen.
    looks: Vec<(i64, Vec<Option<f64>>)>,
}

#[derive(Debug)]
struct Source {
    info: SourceInfo,
    rails: Vec<Rail>,
    total: Vec<usize>,
    poll: Duration,
    tracks: Vec<Track>,
    polls: u64,
    overruns: u64,
    skipped: u64,
    cost: Duration,
    faults: BTreeMap<Fault, u64>,
    clock_offset_ns: Option<u64>,
}

/// What else is known of the run.
#[derive(Debug, Default)]
pub(super) struct Circumstances {
    pub(super) no_power: Option<String>,
    pub(super) idle_before: Option<(i64, i64)>,
    pub(super) idle_after: Option<(i64, i64)>,
    pub(super) cooldown: Option<Cooldown>,
    pub(super) pinned: Vec<Pin>,
    pub(super) simulated: Option<String>,
}

impl Recording {
    /// `source`: what it is, its rails, the positions of those that add up to the device, and the time between two polls.
    pub(super) fn new(source: Option<(SourceInfo, Vec<Rail>, Vec<usize>, Duration)>, series: Vec<StateSeries>) -> Self {
        let source = source.map(|(info, rails, total, poll)| Source {
            tracks: vec![Track::default(); rails.len()],
            info,
            rails,
            total,
            poll,
            polls: 0,
            overruns: 0,
            skipped: 0,
            cost: Duration::ZERO,
            faults: BTreeMap::new(),
            clock_offset_ns: None,
        });
        Self { source, series, looks: Vec::new() }
    }

    /// Takes one poll's readings. `took`: how long it lasted; `skipped`: polls left out before it.
    pub(super) fn take(&mut self, readings: &[Reading], took: Duration, skipped: u64) {
        let Some(source) = &mut self.source else { return };
        source.polls += 1;
        source.skipped += skipped;
        source.overruns += u64::from(took > source.poll / 2);
        for reading in readings {
            let Some(track) = source.tracks.get_mut(reading.rail) else { continue };
            match reading.value {
                Ok(value) if value.is_finite() => {
                    let middle_ns = reading.begin_ns + (reading.end_ns - reading.begin_ns) / 2;
                    // A meter with a clock of its own may repeat itself; time only goes forward.
                    if track.times_ns.last().is_none_or(|&last| last < middle_ns) {
                        track.times_ns.push(middle_ns);
                        track.values.push(value);
                    }
                }
                Ok(_) => *source.faults.entry(Fault::NotANumber).or_default() += 1,
                Err(fault) => *source.faults.entry(fault).or_default() += 1,
            }
        }
    }

    /// The source as a whole could not be read: a gap.
    pub(super) fn miss(&mut self) {
        if let Some(source) = &mut self.source {
            source.polls += 1;
            *source.faults.entry(Fault::Broken).or_default() += 1;
        }
    }

    pub(super) fn look(&mut self, at_ns: i64, values: Vec<Option<f64>>) {
        self.looks.push((at_ns, values));
    }

    pub(super) fn spent(&mut self, cost: Duration, clock_offset_ns: Option<u64>) {
        if let Some(source) = &mut self.source {
            source.cost = cost;
            source.clock_offset_ns = clock_offset_ns;
        }
    }

    /// On the time base of `marks`; without marks (the runner never measured) there is nothing to tell.
    pub(super) fn telemetry(self, marks: &Marks, circumstances: Circumstances) -> Result<Telemetry, EncodeError> {
        let Circumstances { no_power, idle_before, idle_after, cooldown, pinned, simulated } = circumstances;
        let window =
            |(begin, end): (i64, i64)| Window { begin_ns: begin - marks.begin_ns, end_ns: end - marks.begin_ns };
        let windows = Windows {
            idle_before: idle_before.map(window),
            idle_after: idle_after.map(window),
            warm_up: marks.warm_up_begin_ns.map(|begin| window((begin, marks.begin_ns))),
            ranging: marks.ranging_ns.map(window),
            measuring: Some(window((marks.begin_ns, marks.end_ns))),
        };
        let throttle = thermal::throttle_signals(&self.series, &self.looks_at(marks));
        let mut trace = self.state(marks.begin_ns);
        let power = self.source.map(|source| {
            let (record, mut series) = source.record(marks.begin_ns);
            series.append(&mut trace);
            trace = series;
            record
        });
        Ok(Telemetry {
            no_power: no_power.filter(|_| power.is_none()),
            power,
            trace: energy::trace::encode(&trace)?,
            windows,
            cooldown,
            throttle,
            pinned,
            simulated,
        })
    }

    /// The looks within measuring, the last one before and the first one after it.
    fn looks_at(&self, marks: &Marks) -> Vec<Vec<Option<f64>>> {
        let first = self.looks.partition_point(|(at, _)| *at <= marks.begin_ns).saturating_sub(1);
        let last = self.looks.partition_point(|(at, _)| *at < marks.end_ns);
        let within = self.looks.get(first..(last + 1).min(self.looks.len())).unwrap_or_default();
        within.iter().map(|(_, values)| values.clone()).collect()
    }

    fn state(&self, zero_ns: i64) -> Vec<Series> {
        let series = self.series.iter().enumerate().map(|(index, series)| {
            let told = self.looks.iter().filter_map(|(at, values)| Some((at - zero_ns, values.get(index).copied()??)));
            let (times_ns, values) = told.filter(|(_, value)| value.is_finite()).unzip();
            Series { name: series.name.clone(), quantity: series.quantity, times_ns, values }
        });
        // A signal that never changed says so in the throttle signals.
        series.filter(|series| !series.values.is_empty()).collect()
    }
}

impl Source {
    fn record(self, zero_ns: i64) -> (PowerRecord, Vec<Series>) {
        let Self { info, rails, total, poll, tracks, polls, overruns, skipped, cost, faults, clock_offset_ns } = self;
        let series = rails.iter().zip(tracks).map(|(rail, track)| Series {
            name: rail.key.clone(),
            quantity: match rail.kind {
                RailKind::Gauge { .. } => Quantity::Power,
                RailKind::Counter { .. } => Quantity::Energy,
            },
            times_ns: track.times_ns.iter().map(|at| at - zero_ns).collect(),
            values: track.values,
        });
        let series = series.collect();
        let record = PowerRecord {
            source: info.name,
            total: total.iter().filter_map(|&index| Some(rails.get(index)?.key.clone())).collect(),
            rails,
            poll,
            polls,
            overruns,
            skipped,
            cost,
            faults: faults.into_iter().map(|(fault, count)| (fault.name().to_owned(), count)).collect(),
            facts: info.facts,
            clock_offset_ns,
        };
        (record, series)
    }
}

/// The hottest of the zones that count.
pub(super) fn hottest(series: &[StateSeries], values: &[Option<f64>]) -> Option<f64> {
    let zones = series.iter().zip(values).filter(|(series, _)| series.role == Role::Zone);
    zones.filter_map(|(_, value)| *value).reduce(f64::max)
}

#[cfg(test)]
mod tests {
    use domain::Scope;

    use super::*;

    fn reading(at_ns: i64, value: Result<f64, Fault>) -> Reading {
        Reading { rail: 0, begin_ns: at_ns - 10, end_ns: at_ns + 10, value }
    }

    fn recording() -> Recording {
        let info = SourceInfo {
            name: "test".to_owned(),
            poll: Duration::from_millis(100),
            facts: BTreeMap::new(),
            remote: false,
        };
        let rails = vec![Rail::new("in", Scope::DcInput, RailKind::Gauge { window: None })];
        let zone = StateSeries { name: "zone/cpu".to_owned(), quantity: Quantity::Temperature, role: Role::Zone };
        Recording::new(Some((info, rails, vec![0], Duration::from_millis(100))), vec![zone])
    }

    #[test]
    fn a_recording_stands_on_the_time_base_of_measuring() {
        let mut recording = recording();
        recording.take(&[reading(1_000, Ok(5.0))], Duration::from_millis(1), 0);
        recording.take(&[reading(2_000, Err(Fault::Zero))], Duration::from_millis(60), 2);
        recording.take(&[reading(3_000, Ok(6.0))], Duration::from_millis(1), 0);
        recording.take(&[reading(3_000, Ok(6.0))], Duration::from_millis(1), 0);
        recording.look(1_500, vec![Some(40.0)]);
        recording.look(2_500, vec![None]);
        let marks = Marks { begin_ns: 2_000, end_ns: 2_900, warm_up_begin_ns: Some(1_200), ranging_ns: None };
        let told = recording.telemetry(&marks, Circumstances::default()).expect("encoded");
        let power = told.power.expect("a source");
        assert_eq!((power.polls, power.overruns, power.skipped), (4, 1, 2));
        assert_eq!(power.faults, BTreeMap::from([("zero".to_owned(), 1)]), "a fault is a gap and is counted");
        assert_eq!(power.total, ["in"]);
        assert_eq!(told.windows.measuring, Some(Window { begin_ns: 0, end_ns: 900 }));
        assert_eq!(told.windows.warm_up, Some(Window { begin_ns: -800, end_ns: 0 }));
        let series = energy::trace::decode(&told.trace).expect("decoded");
        assert_eq!(
            (series[0].times_ns.as_slice(), series[0].values.as_slice()),
            (&[-1_000, 1_000][..], &[5.0, 6.0][..])
        );
        assert_eq!((series[1].times_ns.as_slice(), series[1].values.as_slice()), (&[-500][..], &[40.0][..]));
    }

    #[test]
    fn the_looks_that_count_reach_around_measuring() {
        let mut recording = recording();
        for (at, value) in [(0, 1.0), (10, 2.0), (20, 3.0), (30, 4.0), (40, 5.0)] {
            recording.look(at, vec![Some(value)]);
        }
        let looks = |begin_ns, end_ns| {
            let marks = Marks { begin_ns, end_ns, warm_up_begin_ns: None, ranging_ns: None };
            let seen = recording.looks_at(&marks);
            seen.iter().filter_map(|values| values[0]).collect::<Vec<_>>()
        };
        assert_eq!(looks(12, 28), [2.0, 3.0, 4.0]);
        assert_eq!(looks(12, 15), [2.0, 3.0]);
        assert_eq!(looks(-5, 99), [1.0, 2.0, 3.0, 4.0, 5.0]);
    }
}
