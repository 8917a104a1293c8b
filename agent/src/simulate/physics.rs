//! A board as physics sees it: power from load, heat from power, and a clock that falls when it gets too hot. Pure, and the
//! same for the same steps.
//!
//! Two masses in a row, the die and the board around it, each with a heat capacity and a resistance towards the next; the
//! last one is the air. Energy is neither made nor lost: what flows out of one mass flows into the next.

use std::time::Duration;

use super::profile::Profile;

/// Longest step of the integration: a hundredth of the shortest time constant there is.
const STEP_S: f64 = 0.005;

/// The state of one board.
#[derive(Debug, Clone)]
pub(super) struct Physics {
    profile: &'static Profile,
    die_c: f64,
    board_c: f64,
    /// Since the beginning.
    seconds: f64,
    joules: f64,
    watts: f64,
    throttled: bool,
    /// How often it began to be.
    throttle_events: u64,
}

impl Physics {
    /// At rest: idle for ever.
    pub(super) fn at_rest(profile: &'static Profile) -> Self {
        Self {
            profile,
            die_c: profile.rest_c(),
            board_c: profile.ambient_c + profile.idle_w * profile.board_k_per_w,
            seconds: 0.0,
            joules: 0.0,
            watts: profile.idle_w,
            throttled: false,
            throttle_events: 0,
        }
    }

    /// Lets time pass, with this share (0..1) of it at work.
    pub(super) fn step(&mut self, time: Duration, utilisation: f64) {
        let utilisation = utilisation.clamp(0.0, 1.0);
        let mut left_s = time.as_secs_f64();
        while left_s > 0.0 {
            let step_s = left_s.min(STEP_S);
            self.short_step(step_s, utilisation);
            left_s -= step_s;
        }
    }

    fn short_step(&mut self, step_s: f64, utilisation: f64) {
        let Profile { ambient_c, die_k_per_w, board_k_per_w, die_s, board_s, idle_w, busy_w, .. } = *self.profile;
        // With the clock falls the voltage: dynamic power falls with more than the first power of it.
        self.watts = idle_w + utilisation * (busy_w - idle_w) * self.clock_ratio().powi(2);
        let out_of_die_w = (self.die_c - self.board_c) / die_k_per_w;
        let out_of_board_w = (self.board_c - ambient_c) / board_k_per_w;
        self.die_c += (self.watts - out_of_die_w) * step_s * die_k_per_w / die_s;
        self.board_c += (out_of_die_w - out_of_board_w) * step_s * board_k_per_w / board_s;
        self.seconds += step_s;
        self.joules += self.watts * step_s;
        self.throttle();
    }

    /// Off only some degrees below the temperature at which it goes on: else it would flutter.
    fn throttle(&mut self) {
        let Profile { throttle_c, hysteresis_c, .. } = *self.profile;
        if !self.throttled && self.die_c >= throttle_c {
            self.throttled = true;
            self.throttle_events += 1;
        } else if self.throttled && self.die_c < throttle_c - hysteresis_c {
            self.throttled = false;
        }
    }

    /// Of the clock at which it runs when it is cool.
    pub(super) fn clock_ratio(&self) -> f64 {
        if self.throttled { self.profile.throttled_clock } else { 1.0 }
    }

    /// How much longer an inference takes than on this machine.
    pub(super) fn slowdown(&self) -> f64 {
        self.profile.slowness / self.clock_ratio()
    }

    pub(super) fn look(&self) -> Look {
        Look {
            seconds: self.seconds,
            watts: self.watts,
            joules: self.joules,
            die_c: self.die_c,
            board_c: self.board_c,
            clock_mhz: self.profile.clock_mhz * self.clock_ratio(),
            throttled: self.throttled,
            throttle_events: self.throttle_events,
        }
    }
}

/// What sensors can see of a board.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Look {
    /// Since the beginning, as are joules.
    pub(super) seconds: f64,
    pub(super) watts: f64,
    pub(super) joules: f64,
    pub(super) die_c: f64,
    pub(super) board_c: f64,
    pub(super) clock_mhz: f64,
    pub(super) throttled: bool,
    pub(super) throttle_events: u64,
}

#[cfg(test)]
mod tests {
    use super::super::profile::PROFILES;
    use super::*;

    const TICK: Duration = Duration::from_millis(50);

    fn named(name: &str) -> &'static Profile {
        Profile::named(name).expect("a profile")
    }

    /// Temperatures of die and board so long after full load began on a board at rest: e^(At) of the two coupled linear
    /// equations, by the formula for 2 by 2 matrices.
    fn closed_form(profile: &Profile, seconds: f64) -> (f64, f64) {
        let Profile { ambient_c, die_k_per_w, board_k_per_w, die_s, board_s, idle_w, busy_w, .. } = *profile;
        let [a, b] = [-1.0 / die_s, 1.0 / die_s];
        let c = board_k_per_w / die_k_per_w / board_s;
        let d = -c - 1.0 / board_s;
        let middle = f64::midpoint(a, d);
        let root = (middle * middle - (a * d - b * c)).sqrt();
        let (cosh, sinh) = ((root * seconds).cosh(), (root * seconds).sinh() / root);
        let decay = (middle * seconds).exp();
        let end = (ambient_c + busy_w * (die_k_per_w + board_k_per_w), ambient_c + busy_w * board_k_per_w);
        let begin = (ambient_c + idle_w * (die_k_per_w + board_k_per_w), ambient_c + idle_w * board_k_per_w);
        let away = (begin.0 - end.0, begin.1 - end.1);
        let die = decay * ((cosh + sinh * (a - middle)) * away.0 + sinh * b * away.1);
        let board = decay * (sinh * c * away.0 + (cosh + sinh * (d - middle)) * away.1);
        (end.0 + die, end.1 + board)
    }

    #[test]
    fn it_warms_up_as_the_closed_form_says() {
        let profile = named("jetson-orin-nano");
        let mut physics = Physics::at_rest(profile);
        for tick in 1..=400_u32 {
            physics.step(TICK, 1.0);
            let (die_c, board_c) = closed_form(profile, f64::from(tick) * TICK.as_secs_f64());
            let look = physics.look();
            assert!((look.die_c - die_c).abs() < 0.1, "tick {tick}: {} instead of {die_c}", look.die_c);
            assert!((look.board_c - board_c).abs() < 0.1, "tick {tick}: {} instead of {board_c}", look.board_c);
        }
    }

    #[test]
    fn energy_is_neither_made_nor_lost() {
        for profile in &PROFILES {
            let mut physics = Physics::at_rest(profile);
            let begin = physics.look();
            let mut given_off_j = 0.0;
            for tick in 0..800_u32 {
                let before = physics.look().board_c;
                physics.step(TICK, f64::from(tick % 7) / 6.0);
                let mean_c = f64::midpoint(before, physics.look().board_c);
                given_off_j += (mean_c - profile.ambient_c) / profile.board_k_per_w * TICK.as_secs_f64();
            }
            let end = physics.look();
            let kept_j = (end.die_c - begin.die_c) * profile.die_s / profile.die_k_per_w
                + (end.board_c - begin.board_c) * profile.board_s / profile.board_k_per_w;
            let relative = (given_off_j + kept_j) / (end.joules - begin.joules) - 1.0;
            assert!(relative.abs() < 1e-3, "{}: {relative}", profile.name);
        }
    }

    #[test]
    fn a_board_at_rest_stays_as_it_is() {
        for profile in &PROFILES {
            let mut physics = Physics::at_rest(profile);
            physics.step(Duration::from_secs(100), 0.0);
            assert!((physics.look().die_c - profile.rest_c()).abs() < 1e-6, "{}", profile.name);
            assert!(!physics.look().throttled, "{}", profile.name);
        }
    }

    /// What the demonstration relies on.
    #[test]
    fn a_raspberry_pi_throttles_without_rests_and_not_with_them() {
        let profile = named("rpi5");
        let mut physics = Physics::at_rest(profile);
        physics.step(Duration::from_secs(25), 1.0);
        assert!(physics.look().throttle_events > 0, "{:?}", physics.look());

        let mut physics = Physics::at_rest(profile);
        for run in 0..10 {
            physics.step(Duration::from_secs(5), 1.0);
            assert_eq!(physics.look().throttle_events, 0, "run {run}: {:?}", physics.look());
            while physics.look().die_c > profile.rest_c() + 2.0 {
                physics.step(TICK, 0.0);
            }
        }
    }

    #[test]
    fn a_throttled_board_is_slower_draws_less_and_recovers() {
        let profile = named("rpi5");
        let mut physics = Physics::at_rest(profile);
        while !physics.look().throttled {
            physics.step(TICK, 1.0);
        }
        physics.step(TICK, 1.0);
        let look = physics.look();
        assert!(look.clock_mhz < profile.clock_mhz && physics.slowdown() > profile.slowness, "{look:?}");
        assert!(look.watts < profile.busy_w, "{look:?}");
        physics.step(Duration::from_mins(1), 0.0);
        assert!(!physics.look().throttled);
        assert!((physics.slowdown() - profile.slowness).abs() < 1e-12);
    }
}
