//! What the looks at one run say of throttling, pure.

use domain::ThrottleSignal;

use super::{Role, StateSeries};

/// Before the name of every series that tells of throttling.
const PREFIX: &str = "throttle/";

/// Signals that prove something when they are met, and nothing when they are not: firmware holds a processor back below the
/// kernel's limit, idle is injected on some chips only, and the supply's alarm knows no heat. Where nothing else tells, silence
/// of these must not read as "was not held back".
const ONE_SIDED: [&str; 3] = ["cpufreq/", "cooling/intel_powerclamp", "rpi-volt/"];

/// From the looks at one run, in order of time, the first and the last at its begin and end. A signal that was told but did
/// not happen has no events; one that was not told at all is left out.
pub(crate) fn throttle_signals(series: &[StateSeries], polled: &[Vec<Option<f64>>]) -> Vec<ThrottleSignal> {
    let signals = series.iter().enumerate().filter_map(|(index, StateSeries { name, quantity: _, role })| {
        let told = polled.iter().filter_map(|values| values.get(index).copied().flatten());
        let told = told.filter(|value| value.is_finite());
        let (cause, (events, share)) = match role {
            Role::ThrottleEvents(cause) => (*cause, (grown(told)?, None)),
            Role::ThrottleState(cause) => (*cause, met(told)?),
            Role::Zone | Role::OtherZone | Role::ProcessorClock | Role::OtherClock => return None,
        };
        let name = name.strip_prefix(PREFIX).unwrap_or(name).to_owned();
        let silent = events == 0 && ONE_SIDED.iter().any(|prefix| name.starts_with(prefix));
        (!silent).then_some(ThrottleSignal { name, cause, events, share })
    });
    signals.collect()
}

/// How much a counter grew. One that fell was reset: what it shows then has happened since. `None`: fewer than two looks.
fn grown(told: impl Iterator<Item = f64>) -> Option<u64> {
    let values: Vec<f64> = told.collect();
    let growth = values.windows(2).map(|pair| if pair[1] >= pair[0] { pair[1] - pair[0] } else { pair[1].max(0.0) });
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sum of counts, never negative")]
    (values.len() >= 2).then(|| growth.sum::<f64>() as u64)
}

/// Whether a state was met, and at which share of the looks. `None`: no look.
fn met(told: impl Iterator<Item = f64>) -> Option<(u64, Option<f64>)> {
    let (looks, met) = told.fold((0_u32, 0_u32), |(looks, met), value| (looks + 1, met + u32::from(value != 0.0)));
    (looks > 0).then(|| (u64::from(met > 0), Some(f64::from(met) / f64::from(looks))))
}

#[cfg(test)]
mod tests {
    use domain::{Quantity, ThrottleCause};

    use super::*;

    fn series(name: &str, role: Role) -> StateSeries {
        StateSeries::new(format!("throttle/{name}"), Quantity::State, role)
    }

    fn check(name: &str, role: Role, looks: &[Option<f64>], expected: Option<(u64, Option<f64>)>) {
        let polled: Vec<_> = looks.iter().map(|look| vec![*look]).collect();
        let told = throttle_signals(&[series(name, role)], &polled);
        assert_eq!(told.first().map(|signal| (signal.events, signal.share)), expected, "{name} {looks:?}");
        assert!(told.iter().all(|signal| signal.name == name));
    }

    #[test]
    fn a_counter_tells_how_much_it_grew_even_over_a_reset() {
        let events = Role::ThrottleEvents(ThrottleCause::PowerLimit);
        check("soctherm/oc3", events, &[Some(5.0), None, Some(7.0), Some(10.0)], Some((5, None)));
        check("soctherm/oc3", events, &[Some(5.0), Some(5.0)], Some((0, None)));
        check("soctherm/oc3", events, &[Some(5.0), Some(8.0), Some(2.0), Some(3.0)], Some((6, None)));
        check("soctherm/oc3", events, &[Some(5.0), None], None);
    }

    #[test]
    fn a_state_tells_at_which_share_of_the_looks_it_was_met() {
        let state = Role::ThrottleState(ThrottleCause::Thermal);
        check("cooling/x", state, &[Some(0.0), Some(3.0), None, Some(0.0), Some(1.0)], Some((1, Some(0.5))));
        check("cooling/x", state, &[Some(0.0)], Some((0, Some(0.0))));
        check("cooling/x", state, &[None, Some(f64::NAN), None], None);
        check("cooling/x", state, &[], None);
    }

    #[test]
    fn silence_of_a_signal_that_can_not_see_everything_is_no_evidence() {
        let state = Role::ThrottleState(ThrottleCause::PowerLimit);
        check("cpufreq/policy0", state, &[Some(0.0), Some(0.0)], None);
        check("cpufreq/policy0", state, &[Some(0.0), Some(1.0)], Some((1, Some(0.5))));
    }

    #[test]
    fn temperatures_and_clocks_are_no_signals() {
        let series =
            [Role::Zone, Role::OtherZone, Role::ProcessorClock, Role::OtherClock].map(|role| series("x", role));
        assert_eq!(throttle_signals(&series, &vec![vec![Some(1.0); 4]; 3]), []);
    }
}
