//! What a device told of power, heat and clocks beside one run. Bounds every list; the trace itself stays shut.

use std::time::Duration;

use domain::{Cooldown, CooldownOutcome, Pin, Telemetry, ThrottleCause, ThrottleSignal, Window, Windows};

use super::field::{
    InvalidMessage, enumerator, named, optional_finite, optional_share, optional_text, present, wire_ns, within,
};
use crate::pb;

/// Signals of throttling, and settings, that one run may name: no board has as many.
const LIST_LIMIT: usize = 256;

impl From<Telemetry> for pb::Telemetry {
    fn from(telemetry: Telemetry) -> Self {
        let Telemetry { power, no_power, trace, windows, cooldown, throttle, pinned, simulated } = telemetry;
        Self {
            power: power.map(Into::into),
            no_power: no_power.unwrap_or_default(),
            trace,
            windows: Some(windows.into()),
            cooldown: cooldown.map(Into::into),
            throttle: throttle.into_iter().map(Into::into).collect(),
            pinned: pinned.into_iter().map(Into::into).collect(),
            simulated: simulated.unwrap_or_default(),
        }
    }
}

impl TryFrom<pb::Telemetry> for Telemetry {
    type Error = InvalidMessage;

    fn try_from(telemetry: pb::Telemetry) -> Result<Self, InvalidMessage> {
        let pb::Telemetry { power, no_power, trace, windows, cooldown, throttle, pinned, simulated } = telemetry;
        within("telemetry.trace", trace.len(), crate::TRACE_LIMIT_BYTES, "bytes")?;
        within("telemetry.throttle", throttle.len(), LIST_LIMIT, "signals")?;
        within("telemetry.pinned", pinned.len(), LIST_LIMIT, "settings")?;
        Ok(Self {
            power: power.map(domain::PowerRecord::try_from).transpose()?,
            no_power: optional_text(no_power),
            trace,
            windows: present("telemetry.windows", windows)?.try_into()?,
            cooldown: cooldown.map(Cooldown::try_from).transpose()?,
            throttle: throttle.into_iter().map(ThrottleSignal::try_from).collect::<Result<_, _>>()?,
            pinned: pinned.into_iter().map(Pin::try_from).collect::<Result<_, _>>()?,
            simulated: optional_text(simulated),
        })
    }
}

impl From<Windows> for pb::Windows {
    fn from(windows: Windows) -> Self {
        let Windows { idle_before, idle_after, warm_up, ranging, measuring } = windows;
        Self {
            idle_before: idle_before.map(Into::into),
            idle_after: idle_after.map(Into::into),
            warm_up: warm_up.map(Into::into),
            ranging: ranging.map(Into::into),
            measuring: measuring.map(Into::into),
        }
    }
}

impl TryFrom<pb::Windows> for Windows {
    type Error = InvalidMessage;

    fn try_from(windows: pb::Windows) -> Result<Self, InvalidMessage> {
        let pb::Windows { idle_before, idle_after, warm_up, ranging, measuring } = windows;
        let window = |field, window: Option<pb::Window>| window.map(|it| self::window(field, it)).transpose();
        Ok(Self {
            idle_before: window("windows.idle_before", idle_before)?,
            idle_after: window("windows.idle_after", idle_after)?,
            warm_up: window("windows.warm_up", warm_up)?,
            ranging: window("windows.ranging", ranging)?,
            measuring: window("windows.measuring", measuring)?,
        })
    }
}

impl From<Window> for pb::Window {
    fn from(window: Window) -> Self {
        let Window { begin_ns, end_ns } = window;
        Self { begin_ns, end_ns }
    }
}

fn window(field: &'static str, window: pb::Window) -> Result<Window, InvalidMessage> {
    let pb::Window { begin_ns, end_ns } = window;
    // Its length must be a number too: far apart, the two would overflow whoever subtracts them.
    match end_ns.checked_sub(begin_ns) {
        Some(length) if length >= 0 => Ok(Window { begin_ns, end_ns }),
        Some(_) => {
            Err(InvalidMessage::malformed(field, format!("its end {end_ns} is before its beginning {begin_ns}")))
        }
        None => Err(InvalidMessage::malformed(field, format!("{begin_ns} to {end_ns} ns is longer than 292 years"))),
    }
}

impl From<Cooldown> for pb::Cooldown {
    fn from(cooldown: Cooldown) -> Self {
        let Cooldown { reference_c, start_c, waited, outcome } = cooldown;
        let outcome = match outcome {
            CooldownOutcome::Cool => pb::CooldownOutcome::Cool,
            CooldownOutcome::Timeout => pb::CooldownOutcome::Timeout,
            CooldownOutcome::NoReference => pb::CooldownOutcome::NoReference,
            CooldownOutcome::NoSensor => pb::CooldownOutcome::NoSensor,
            CooldownOutcome::Off => pb::CooldownOutcome::Off,
        };
        Self { reference_c, start_c, waited_ns: wire_ns(waited), outcome: outcome.into() }
    }
}

impl TryFrom<pb::Cooldown> for Cooldown {
    type Error = InvalidMessage;

    fn try_from(cooldown: pb::Cooldown) -> Result<Self, InvalidMessage> {
        let pb::Cooldown { reference_c, start_c, waited_ns, outcome } = cooldown;
        let outcome = match enumerator("cooldown.outcome", outcome)? {
            pb::CooldownOutcome::Cool => CooldownOutcome::Cool,
            pb::CooldownOutcome::Timeout => CooldownOutcome::Timeout,
            pb::CooldownOutcome::NoReference => CooldownOutcome::NoReference,
            pb::CooldownOutcome::NoSensor => CooldownOutcome::NoSensor,
            pb::CooldownOutcome::Off => CooldownOutcome::Off,
            pb::CooldownOutcome::Unspecified => return Err(InvalidMessage::Missing("cooldown.outcome")),
        };
        Ok(Self {
            reference_c: optional_finite("cooldown.reference_c", reference_c)?,
            start_c: optional_finite("cooldown.start_c", start_c)?,
            waited: Duration::from_nanos(waited_ns),
            outcome,
        })
    }
}

impl From<ThrottleSignal> for pb::ThrottleSignal {
    fn from(signal: ThrottleSignal) -> Self {
        let ThrottleSignal { name, cause, events, share } = signal;
        let cause = match cause {
            ThrottleCause::Thermal => pb::ThrottleCause::Thermal,
            ThrottleCause::PowerLimit => pb::ThrottleCause::PowerLimit,
            ThrottleCause::Supply => pb::ThrottleCause::Supply,
        };
        Self { name, cause: cause.into(), events, share }
    }
}

impl TryFrom<pb::ThrottleSignal> for ThrottleSignal {
    type Error = InvalidMessage;

    fn try_from(signal: pb::ThrottleSignal) -> Result<Self, InvalidMessage> {
        let pb::ThrottleSignal { name, cause, events, share } = signal;
        let cause = match enumerator("throttle.cause", cause)? {
            pb::ThrottleCause::Thermal => ThrottleCause::Thermal,
            pb::ThrottleCause::PowerLimit => ThrottleCause::PowerLimit,
            pb::ThrottleCause::Supply => ThrottleCause::Supply,
            pb::ThrottleCause::Unspecified => return Err(InvalidMessage::Missing("throttle.cause")),
        };
        Ok(Self { name: named("throttle.name", name)?, cause, events, share: optional_share("throttle.share", share)? })
    }
}

impl From<Pin> for pb::Pin {
    fn from(pin: Pin) -> Self {
        let Pin { what, found, wanted, before, after } = pin;
        Self { what, found, wanted, before, after }
    }
}

impl TryFrom<pb::Pin> for Pin {
    type Error = InvalidMessage;

    fn try_from(pin: pb::Pin) -> Result<Self, InvalidMessage> {
        let pb::Pin { what, found, wanted, before, after } = pin;
        Ok(Self { what: named("pinned.what", what)?, found, wanted, before, after })
    }
}
