//! First come, first served: runs in order of campaign and position, each to the first free device that its selector
//! admits, preferably not the one on which it failed before: another device tells a model's fault from a device's. All runs
//! of a cell go to one device, that of the first: a difference between boards is no variation from run to run. A run that
//! asks for a cool device waits until one is.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::Duration,
};

use domain::{DeviceId, Labels, ThermalGate};

use crate::store::{Grant, ReadyClass, ReadyRun};

/// A device that is connected and holds no lease.
#[derive(Debug, Clone)]
pub(crate) struct IdleDevice {
    pub(crate) id: DeviceId,
    /// Of the session that a grant is for.
    pub(crate) epoch: i64,
    /// Effective: see [`domain::device::effective_labels`].
    pub(crate) labels: Labels,
    /// Gets nothing before this time of the monotonic clock, since it failed just now.
    pub(crate) rests_until: Duration,
    /// Is too hot before this time of the monotonic clock for runs that wait until it is cool; zero = it is cool.
    pub(crate) cools_until: Duration,
    /// It has a thermometer, and is still to learn at which temperature it rests.
    pub(crate) rest_unknown: bool,
}

impl IdleDevice {
    pub(crate) fn is_hot(&self, now: Duration) -> bool {
        self.cools_until > now
    }

    /// Whether its heat admits a run with this gate. A device without a thermometer is never hot: its agent refuses what it
    /// can't vouch for.
    fn admits(&self, gate: ThermalGate, now: Duration) -> bool {
        match gate {
            ThermalGate::Off => true,
            ThermalGate::Auto => !self.is_hot(now),
            ThermalGate::Required => !self.is_hot(now) && !self.rest_unknown,
        }
    }
}

/// All that a decision rests on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Snapshot {
    pub(crate) devices: Vec<IdleDevice>,
    pub(crate) classes: Vec<ReadyClass>,
    /// In order of campaign and position.
    pub(crate) runs: Vec<ReadyRun>,
}

/// What shall happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Give the run to the device.
    Grant(Grant),
}

/// Decides. `now` is the monotonic clock.
pub(crate) fn plan(snapshot: &Snapshot, now: Duration) -> Vec<Effect> {
    let rested: Vec<_> = snapshot.devices.iter().filter(|device| device.rests_until <= now).collect();
    let mut queues: HashMap<i64, VecDeque<&IdleDevice>> = snapshot
        .classes
        .iter()
        .map(|class| {
            (class.id, rested.iter().copied().filter(|device| class.selector.matches(&device.labels)).collect())
        })
        .collect();
    let mut taken = HashSet::new();
    let mut bound = HashMap::new();
    let mut effects = Vec::new();
    for run in &snapshot.runs {
        let Some(queue) = queues.get_mut(&run.class) else { continue };
        // Every class has its own queue of the same devices: drop those that went to another class meanwhile.
        queue.retain(|device| !taken.contains(&device.id));
        let only = run.bound_to.or_else(|| bound.get(&run.cell).copied());
        let fits = |device: &IdleDevice| device.admits(run.gate, now) && only.is_none_or(|only| device.id == only);
        let other = queue.iter().position(|device| fits(device) && Some(device.id) != run.tried_on);
        let choice = other.or_else(|| queue.iter().position(|device| fits(device)));
        let Some(device) = choice.and_then(|index| queue.remove(index)) else { continue };
        taken.insert(device.id);
        bound.insert(run.cell, device.id);
        effects.push(Effect::Grant(Grant { run: run.id, device: device.id, epoch: device.epoch }));
    }
    effects
}

#[cfg(test)]
pub(super) mod tests {
    use domain::RunId;
    use uuid::Uuid;

    use super::*;

    pub(in crate::scheduler) fn device(number: u128, labels: &str) -> IdleDevice {
        let labels = labels
            .split(',')
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        IdleDevice {
            id: DeviceId(Uuid::from_u128(number)),
            epoch: 1,
            labels,
            rests_until: Duration::ZERO,
            cools_until: Duration::ZERO,
            rest_unknown: false,
        }
    }

    pub(in crate::scheduler) fn run(id: i64, class: i64) -> ReadyRun {
        ReadyRun { id: RunId(id), class, cell: id, bound_to: None, tried_on: None, gate: ThermalGate::Auto }
    }

    pub(in crate::scheduler) fn class(id: i64, selector: &str) -> ReadyClass {
        ReadyClass { id, selector: selector.parse().expect("a selector") }
    }

    fn granted(devices: &[IdleDevice], classes: &[ReadyClass], runs: &[ReadyRun]) -> Vec<(i64, u128)> {
        let snapshot = Snapshot { devices: devices.to_vec(), classes: classes.to_vec(), runs: runs.to_vec() };
        plan(&snapshot, Duration::from_secs(100))
            .into_iter()
            .map(|Effect::Grant(grant)| (grant.run.0, grant.device.0.as_u128()))
            .collect()
    }

    #[test]
    fn runs_go_out_in_order_to_devices_that_match() {
        let devices = [device(1, "class=pi"), device(2, "class=orin"), device(3, "class=pi")];
        let classes = [class(1, "class=pi"), class(2, "any")];
        assert_eq!(granted(&devices, &classes, &[run(1, 1), run(2, 2), run(3, 1)]), [(1, 1), (2, 2), (3, 3)]);
    }

    #[test]
    fn a_run_without_a_device_does_not_hold_up_the_next() {
        let classes = [class(1, "class=orin"), class(2, "any")];
        assert_eq!(granted(&[device(1, "class=pi")], &classes, &[run(1, 1), run(2, 2)]), [(2, 1)]);
    }

    #[test]
    fn a_retry_prefers_another_device_and_takes_the_same_if_there_is_no_other() {
        let retried = ReadyRun { tried_on: Some(DeviceId(Uuid::from_u128(1))), ..run(1, 1) };
        let classes = [class(1, "any")];
        assert_eq!(granted(&[device(1, ""), device(2, "")], &classes, &[retried]), [(1, 2)]);
        assert_eq!(granted(&[device(1, "")], &classes, &[retried]), [(1, 1)]);
    }

    #[test]
    fn the_runs_of_a_cell_go_to_one_device() {
        let devices = [device(1, ""), device(2, "")];
        let classes = [class(1, "any")];
        let of_cell_7 = |id| ReadyRun { cell: 7, ..run(id, 1) };
        assert_eq!(granted(&devices, &classes, &[of_cell_7(1), of_cell_7(2), run(3, 1)]), [(1, 1), (3, 2)]);
        let bound = |id, to| ReadyRun { bound_to: Some(DeviceId(Uuid::from_u128(to))), ..of_cell_7(id) };
        assert_eq!(granted(&devices, &classes, &[bound(1, 2)]), [(1, 2)]);
        assert_eq!(granted(&devices, &classes, &[bound(1, 3)]), [], "its device is away or busy");
        let retried = ReadyRun { tried_on: Some(DeviceId(Uuid::from_u128(2))), ..bound(1, 2) };
        assert_eq!(granted(&devices, &classes, &[retried]), [(1, 2)], "others of the cell are measured there");
    }

    #[test]
    fn a_device_that_just_failed_rests() {
        let resting = IdleDevice { rests_until: Duration::from_secs(101), ..device(1, "") };
        assert_eq!(granted(&[resting], &[class(1, "any")], &[run(1, 1)]), []);
    }

    #[test]
    fn a_run_that_asks_for_a_cool_device_waits_for_one() {
        let classes = [class(1, "any")];
        let hot = || IdleDevice { cools_until: Duration::from_secs(101), ..device(1, "") };
        let gated = |gate| ReadyRun { gate, ..run(1, 1) };
        for (gate, expected) in
            [(ThermalGate::Auto, vec![]), (ThermalGate::Required, vec![]), (ThermalGate::Off, vec![(1, 1)])]
        {
            assert_eq!(granted(&[hot()], &classes, &[gated(gate)]), expected, "{gate:?}");
            assert_eq!(granted(&[device(1, "")], &classes, &[gated(gate)]), [(1, 1)], "{gate:?}");
        }
        assert_eq!(granted(&[hot(), device(2, "")], &classes, &[run(1, 1)]), [(1, 2)], "another one is cool");
        let bound = ReadyRun { bound_to: Some(DeviceId(Uuid::from_u128(1))), ..run(1, 1) };
        assert_eq!(granted(&[hot(), device(2, "")], &classes, &[bound, run(2, 1)]), [(2, 2)]);
    }

    #[test]
    fn a_run_that_must_know_the_temperature_of_rest_waits_until_it_is_learnt() {
        let learning = || IdleDevice { rest_unknown: true, ..device(1, "") };
        let granted = |gate| granted(&[learning()], &[class(1, "any")], &[ReadyRun { gate, ..run(1, 1) }]);
        assert_eq!(granted(ThermalGate::Required), []);
        assert_eq!(granted(ThermalGate::Auto), [(1, 1)]);
    }

    #[test]
    fn nothing_comes_of_nothing() {
        assert_eq!(granted(&[], &[class(1, "any")], &[run(1, 1)]), []);
        assert_eq!(granted(&[device(1, "")], &[], &[]), []);
    }
}
