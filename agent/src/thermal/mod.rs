//! The state of the device beside its power: temperatures, clocks, and what tells of throttling. Read below the same
//! [`Root`] as power.
//!
//! Finds everything by its name and type, never by its number, and says what was read. Whether a device is cool or was held
//! back is judged elsewhere (crate `energy`).

mod android;
mod apple;
mod aside;
mod attribute;
mod board;
mod clocks;
mod cooling;
mod counters;
mod kind;
mod limit;
mod monitors;
mod raspberry;
mod signals;
#[cfg(test)]
mod tests;
mod zones;

use std::sync::Arc;

use domain::{Quantity, ThrottleCause};

pub(crate) use clocks::{DEVFREQ, graphics_node};
pub(crate) use signals::throttle_signals;

use crate::power::Root;

/// One series of the state.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StateSeries {
    /// e.g. `zone/cpu-thermal`, `clock/policy0`, `clock/gpu`, `throttle/soctherm/oc3`.
    pub(crate) name: String,
    pub(crate) quantity: Quantity,
    pub(crate) role: Role,
}

/// What a series is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A zone that counts among those of which the hottest is the device's temperature.
    Zone,
    /// A thermometer of something else: a charger, an antenna.
    OtherZone,
    ProcessorClock,
    OtherClock,
    /// A counter of events that only grows, but for a reset.
    ThrottleEvents(ThrottleCause),
    /// A state that is not 0 while the device is held back.
    ThrottleState(ThrottleCause),
}

/// Reads the state. Owned by the sampler's thread.
pub(crate) trait StateProbe: Send {
    /// Everything it reads; the same for the probe's whole life.
    fn series(&self) -> &[StateSeries];

    /// Reads everything once, in the order of [`StateProbe::series`]; `None` = not told now (gated, gone, absurd, or asked for
    /// more seldom than this).
    fn poll(&mut self, values: &mut Vec<Option<f64>>);
}

/// Everything that this device tells.
pub(crate) fn discover(root: &Arc<dyn Root>) -> Box<dyn StateProbe> {
    Box::new(board::Board::find(root, survey))
}

/// Looks for everything, each family in its own file.
fn survey(survey: &mut board::Survey) {
    zones::survey(survey);
    clocks::survey(survey);
    cooling::survey(survey);
    counters::survey(survey);
    monitors::survey(survey);
    raspberry::throttling(survey);
    android::throttling(survey);
    apple::survey(survey);
    limit::survey(survey);
}
