//! What heat and power make of a run. Energy that is missing is no objection: the figure's place says why there is none.

use domain::{
    CellSpec, CooldownOutcome, Measurement, Regime, Statistics, ThermalGate, ThrottleVerdict, VerdictLevel, units,
};
use energy::InvalidTrace;

use super::Court;

#[cfg(test)]
mod tests;

/// All but [`throttling`].
pub(super) fn judge(
    court: &mut Court,
    cell: &CellSpec,
    measurement: &Measurement,
    statistics: &Statistics,
    problem: Option<&InvalidTrace>,
) {
    if let Some(problem) = problem {
        let message = format!("what the sensors told can't be used: {problem}");
        court.object(VerdictLevel::Suspect, "telemetry-unreadable", (0.0, 0.0, ""), message);
    }
    cooldown(court, cell, statistics);
    let pins = measurement.telemetry.iter().flat_map(|telemetry| &telemetry.pinned);
    for pin in pins.filter(|pin| !pin.held()) {
        let message = format!(
            "{} was to be {}; it was {} before measuring and {} after",
            pin.what, pin.wanted, pin.before, pin.after
        );
        court.object(VerdictLevel::Suspect, "environment-drift", (0.0, 0.0, ""), message);
    }
}

/// Held back, a device has left what a cool start was to show: such a run is invalid. Warmed up until nothing changes, being
/// held back is what was asked for.
pub(super) fn throttling(court: &mut Court, cell: &CellSpec, measurement: &Measurement, statistics: &Statistics) {
    if cell.environment.regime != Regime::Burst {
        return;
    }
    let known = statistics.heat.as_ref().filter(|heat| heat.throttle != ThrottleVerdict::Unknown);
    if let Some(heat) = known {
        if heat.throttle == ThrottleVerdict::Throttled {
            let signals = measurement.telemetry.iter().flat_map(|telemetry| &telemetry.throttle);
            #[expect(clippy::cast_precision_loss, reason = "a count")]
            let events = signals.fold(0_u64, |sum, signal| sum.saturating_add(signal.events)) as f64;
            let message = format!("the device was held back while it was measured ({})", heat.evidence.join("; "));
            court.object(VerdictLevel::Invalid, "throttled", (events, 0.0, "events"), message);
        }
        return;
    }
    let events = measurement.environment.volatile.throttle_events.unwrap_or(0);
    if events > 0 {
        #[expect(clippy::cast_precision_loss, reason = "a count")]
        let evidence = (events as f64, 0.0, "events");
        let message = format!("the hardware throttled {events} times while measuring");
        court.object(VerdictLevel::Suspect, "throttled", evidence, message);
    }
}

fn cooldown(court: &mut Court, cell: &CellSpec, statistics: &Statistics) {
    let cooldown = statistics.heat.as_ref().and_then(|heat| heat.cooldown);
    let degrees = |value: Option<f64>| value.map_or_else(|| "an unknown temperature".to_owned(), units::celsius);
    match cooldown.map(|cooldown| (cooldown.outcome, cooldown)) {
        Some((CooldownOutcome::Timeout, cooldown)) => {
            let evidence = (cooldown.start_c.unwrap_or(0.0), cooldown.reference_c.unwrap_or(0.0), "°C");
            let message = format!(
                "the device was waited for {:.0} s and was at {} when the run began; at rest it is at {}",
                cooldown.waited.as_secs_f64(),
                degrees(cooldown.start_c),
                degrees(cooldown.reference_c)
            );
            court.object(VerdictLevel::Suspect, "not-cool", evidence, message);
        }
        // Nobody who waited is no better than nobody who knew.
        None | Some((CooldownOutcome::NoReference | CooldownOutcome::NoSensor, _))
            if cell.environment.thermal_gate == ThermalGate::Required =>
        {
            let message = "a cool device is required, and nothing tells whether it was".to_owned();
            court.object(VerdictLevel::Invalid, "not-cool", (0.0, 0.0, ""), message);
        }
        None
        | Some((
            CooldownOutcome::Cool | CooldownOutcome::NoReference | CooldownOutcome::NoSensor | CooldownOutcome::Off,
            _,
        )) => {}
    }
}
