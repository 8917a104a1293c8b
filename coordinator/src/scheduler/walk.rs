//! A seeded random walk: a fleet that comes, goes, heats up, fails and finishes, scheduled by `plan`, its invariants checked after
//! every step.

use std::{collections::HashMap, time::Duration};

use domain::{DeviceId, RunId, ThermalGate};

use super::{
    Effect, IdleDevice, Snapshot, plan,
    plan::tests::{class, device, run},
};
use crate::store::{ReadyClass, ReadyRun};

/// splitmix64 (Steele, Lea, Flood 2014): enough randomness for a walk, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).expect("below a usize")
    }
}

struct World {
    dice: Dice,
    devices: Vec<(IdleDevice, bool)>,
    classes: Vec<ReadyClass>,
    ready: Vec<ReadyRun>,
    active: HashMap<RunId, DeviceId>,
    now: Duration,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let classes = vec![class(0, "any"), class(1, "class=a"), class(2, "class!=a"), class(3, "class=none")];
        let devices = (0..8).map(|number| (device(number, ["class=a", "class=b", ""][dice.below(3)]), true)).collect();
        let ready = (1..=60)
            .map(|id| {
                let class = i64::try_from(dice.below(4)).expect("small");
                ReadyRun { gate: ThermalGate::ALL[dice.below(3)], ..run(id, class) }
            })
            .collect();
        Self { dice, devices, classes, ready, active: HashMap::new(), now: Duration::ZERO }
    }

    fn snapshot(&self) -> Snapshot {
        let busy: Vec<_> = self.active.values().collect();
        let devices = self
            .devices
            .iter()
            .filter(|(device, connected)| *connected && !busy.contains(&&device.id))
            .map(|(device, _)| device.clone())
            .collect();
        Snapshot { devices, classes: self.classes.clone(), runs: self.ready.clone() }
    }

    fn step(&mut self) {
        self.now += Duration::from_millis(100);
        match self.dice.below(4) {
            0 => {
                let number = self.dice.below(self.devices.len());
                self.devices[number].1 ^= true;
            }
            1 | 2 => self.end_one(),
            _ => {}
        }
        self.heat_one();
        let snapshot = self.snapshot();
        let effects = plan(&snapshot, self.now);
        self.check(&snapshot, &effects);
        for Effect::Grant(grant) in effects {
            self.ready.retain(|run| run.id != grant.run);
            self.active.insert(grant.run, grant.device);
        }
    }

    /// A device tells how hot it is.
    fn heat_one(&mut self) {
        let number = self.dice.below(self.devices.len());
        let device = &mut self.devices[number].0;
        let wait = [Duration::ZERO, Duration::from_millis(500)][self.dice.below(2)];
        device.cools_until = if wait.is_zero() { wait } else { self.now + wait };
        device.rest_unknown = self.dice.below(4) == 0;
    }

    /// A run succeeds, or fails and comes back while its device rests.
    fn end_one(&mut self) {
        let mut active: Vec<_> = self.active.keys().copied().collect();
        active.sort();
        if active.is_empty() {
            return;
        }
        let id = active[self.dice.below(active.len())];
        let on = self.active.remove(&id).expect("it is active");
        if self.dice.below(3) == 0 {
            let class = i64::try_from(self.dice.below(3)).expect("small");
            let gate = ThermalGate::ALL[self.dice.below(3)];
            self.ready.push(ReadyRun { tried_on: Some(on), gate, ..run(id.0, class) });
            self.ready.sort_by_key(|run| run.id);
            let device = self.devices.iter_mut().find(|(device, _)| device.id == on).expect("it exists");
            device.0.rests_until = self.now + Duration::from_millis(300);
        }
    }

    /// The rule once more, in other words than the scheduler's.
    fn is_cool_enough(&self, device: &IdleDevice, run: &ReadyRun) -> bool {
        let unlearnt = run.gate == ThermalGate::Required && device.rest_unknown;
        run.gate == ThermalGate::Off || (self.now >= device.cools_until && !unlearnt)
    }

    fn check(&self, snapshot: &Snapshot, effects: &[Effect]) {
        let mut runs = Vec::new();
        let mut devices = Vec::new();
        for Effect::Grant(grant) in effects {
            let run = snapshot.runs.iter().find(|run| run.id == grant.run).expect("only ready runs are granted");
            let device = snapshot.devices.iter().find(|device| device.id == grant.device).expect("only idle devices");
            let class = snapshot.classes.iter().find(|class| class.id == run.class).expect("known class");
            assert!(class.selector.matches(&device.labels), "the selector admits the device");
            assert!(device.rests_until <= self.now, "a resting device gets nothing");
            assert!(self.is_cool_enough(device, run), "a cooling device gets no gated run");
            assert!(!runs.contains(&run.id) && !devices.contains(&device.id), "each is granted once");
            runs.push(run.id);
            devices.push(device.id);
        }
        // Work-conserving: no run waits beside a device that could take it.
        for run in snapshot.runs.iter().filter(|run| !runs.contains(&run.id)) {
            let class = snapshot.classes.iter().find(|class| class.id == run.class).expect("known class");
            let could = snapshot.devices.iter().find(|device| {
                device.rests_until <= self.now
                    && self.is_cool_enough(device, run)
                    && !devices.contains(&device.id)
                    && class.selector.matches(&device.labels)
            });
            assert!(could.is_none(), "run {} waits beside {could:?}", run.id);
        }
    }
}

#[test]
fn a_random_fleet_is_scheduled_soundly() {
    for seed in 0..200 {
        println!("seed {seed}");
        let mut world = World::new(seed);
        for _ in 0..150 {
            world.step();
        }
    }
}
