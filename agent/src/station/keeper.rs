//! What an agent learns of its board's heat while nothing runs: the temperature of rest, and how fast it is reached. Pure:
//! it is shown one temperature a second.

use std::time::Duration;

use domain::Heat;
use energy::cooling::{self, Cooling};
use serde::{Deserialize, Serialize};

/// Kept in the agent's data directory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Memory {
    pub(super) reference_c: Option<f64>,
    pub(super) cooling: Option<Cooling>,
}

/// How patiently it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    /// Idle before the temperature of rest is read, and over how long it is then read.
    pub(super) idle: Duration,
    pub(super) window: Duration,
}

impl Pace {
    /// Five minutes, then one more.
    pub(super) const BOARD: Self = Self { idle: Duration::from_mins(5), window: Duration::from_mins(1) };
    /// Time constants of simulated boards are compressed, and so is this.
    pub(super) const SIMULATED: Self = Self { idle: Duration::from_secs(3), window: Duration::from_secs(5) };
}

/// Degrees above the temperature of rest that still count as cool.
pub(super) const MARGIN_C: f64 = 2.0;
/// So many waits in vain in a row, and the surroundings have changed: the temperature of rest is learnt again.
const TIMEOUTS_TO_FORGET: u32 = 3;
/// Readings of one cool-down that are kept: ten minutes.
const COOL_DOWN_LIMIT: usize = 600;

/// Learns.
#[derive(Debug)]
pub(super) struct Keeper {
    pace: Pace,
    memory: Memory,
    /// Since when nothing runs; `None` while something does.
    idle_since: Option<Duration>,
    /// `(seconds since the last run ended, degrees)`, one a second.
    cool_down: Vec<(f64, f64)>,
    /// The last readings at rest.
    rest: Vec<(Duration, f64)>,
    timeouts: u32,
    latest: Option<f64>,
}

impl Keeper {
    pub(super) fn new(pace: Pace, memory: Memory, now: Duration) -> Self {
        Self { pace, memory, idle_since: Some(now), cool_down: Vec::new(), rest: Vec::new(), timeouts: 0, latest: None }
    }

    pub(super) fn memory(&self) -> Memory {
        self.memory
    }

    /// A run begins or ends. Its end is the beginning of a cool-down.
    pub(super) fn attend(&mut self, busy: bool, now: Duration) {
        if busy && self.idle_since.is_some() {
            self.learn_cooling();
        }
        self.idle_since = (!busy).then_some(now);
        self.rest.clear();
        self.cool_down.clear();
    }

    /// A wait for a cool board ended so.
    pub(super) fn waited(&mut self, in_vain: bool) {
        self.timeouts = if in_vain { self.timeouts + 1 } else { 0 };
        if self.timeouts >= TIMEOUTS_TO_FORGET {
            self.memory.reference_c = None;
            self.timeouts = 0;
        }
    }

    /// Shows the hottest zone. Returns whether the memory changed.
    pub(super) fn look(&mut self, now: Duration, temperature_c: Option<f64>) -> bool {
        self.latest = temperature_c;
        let (Some(temperature), Some(since)) = (temperature_c, self.idle_since) else { return false };
        let idle = now.saturating_sub(since);
        if self.cool_down.len() < COOL_DOWN_LIMIT {
            self.cool_down.push((idle.as_secs_f64(), temperature));
        }
        if idle < self.pace.idle || self.memory.reference_c.is_some() {
            return false;
        }
        self.rest.push((now, temperature));
        let begin = now.saturating_sub(self.pace.window);
        self.rest.retain(|(at, _)| *at >= begin);
        let spans = self
            .rest
            .first()
            .is_some_and(|(at, _)| now.saturating_sub(*at) + Duration::from_secs(1) >= self.pace.window);
        if !spans {
            return false;
        }
        let readings: Vec<f64> = self.rest.iter().map(|(_, temperature)| *temperature).collect();
        self.memory.reference_c = cooling::reference(&readings);
        self.memory.reference_c.is_some()
    }

    /// What is told of the board; `None` if nothing tells its temperature.
    pub(super) fn heat(&self) -> Option<Heat> {
        let temperature_c = self.latest?;
        let reference_c = self.memory.reference_c;
        let target = reference_c.map(|reference| reference + MARGIN_C);
        let cool = target.is_none_or(|target| temperature_c <= target);
        let wait = || self.memory.cooling?.wait(temperature_c, target?);
        Some(Heat { temperature_c, reference_c, cool, wait: if cool { Some(Duration::ZERO) } else { wait() } })
    }

    fn learn_cooling(&mut self) {
        if let Some(learnt) = Cooling::learn(self.memory.cooling, &self.cool_down) {
            self.memory.cooling = Some(learnt);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { idle: Duration::from_secs(10), window: Duration::from_secs(10) };

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_temperature_of_rest_is_learnt_when_the_board_is_at_rest() {
        let mut keeper = Keeper::new(PACE, Memory::default(), at(0));
        for second in 0..19 {
            assert!(!keeper.look(at(second), Some(45.0)), "too early at {second} s");
        }
        assert!((19..25).any(|second| keeper.look(at(second), Some(45.0))));
        assert_eq!(keeper.memory().reference_c, Some(45.0));
        assert!(keeper.heat().is_some_and(|heat| heat.cool));
        keeper.look(at(30), Some(60.0));
        assert!(keeper.heat().is_some_and(|heat| !heat.cool));
    }

    #[test]
    fn a_board_that_works_is_not_at_rest() {
        let mut keeper = Keeper::new(PACE, Memory::default(), at(0));
        for second in 0..100 {
            if second % 15 == 0 {
                keeper.attend(true, at(second));
                keeper.attend(false, at(second));
            }
            assert!(!keeper.look(at(second), Some(45.0)));
        }
    }

    #[test]
    fn three_waits_in_vain_mean_that_the_surroundings_changed() {
        let known = Memory { reference_c: Some(30.0), cooling: None };
        let mut keeper = Keeper::new(PACE, known, at(0));
        keeper.waited(true);
        keeper.waited(true);
        keeper.waited(false);
        keeper.waited(true);
        keeper.waited(true);
        assert_eq!(keeper.memory().reference_c, Some(30.0));
        keeper.waited(true);
        assert_eq!(keeper.memory().reference_c, None);
    }

    #[test]
    fn a_cool_down_foretells_the_next() {
        let known = Memory { reference_c: Some(40.0), cooling: None };
        let mut keeper = Keeper::new(PACE, known, at(0));
        keeper.attend(true, at(0));
        keeper.attend(false, at(100));
        for second in 0..60_u32 {
            let temperature = 40.0 + 30.0 * (-f64::from(second) / 20.0).exp();
            keeper.look(at(100 + u64::from(second)), Some(temperature));
        }
        keeper.attend(true, at(160));
        keeper.look(at(170), Some(70.0));
        let wait = keeper.heat().and_then(|heat| heat.wait).expect("foretold").as_secs_f64();
        // 20 s * ln(30 / 2) = 54.2 s.
        assert!((50.0..60.0).contains(&wait), "{wait}");
    }

    #[test]
    fn without_a_thermometer_nothing_is_told() {
        let mut keeper = Keeper::new(PACE, Memory::default(), at(0));
        keeper.look(at(1), None);
        assert_eq!(keeper.heat(), None);
    }
}
