//! What follows from the sensors of one run.

use domain::{CellSpec, EnergyFigure, HeatFigure, Measurement, PowerRule, RunMode};
use energy::{InvalidTrace, Load, trace};

/// Energy and heat; or why what was recorded can't be used.
#[derive(Debug, Default)]
pub(super) struct Hearing {
    pub(super) energy: Option<EnergyFigure>,
    pub(super) heat: Option<HeatFigure>,
    pub(super) problem: Option<InvalidTrace>,
}

/// Of a run that nobody listened to, nothing.
pub(super) fn hear(cell: &CellSpec, measurement: &Measurement) -> Hearing {
    let Some(telemetry) = measurement.telemetry.as_deref() else { return Hearing::default() };
    // Energy is a load's; a run over a data set has none.
    if measurement.mode() == RunMode::Accuracy {
        return Hearing::default();
    }
    let series = match trace::decode(&telemetry.trace) {
        Ok(series) => series,
        // What the device told of throttling and of its wait stands beside the trace, and is as good without it.
        Err(problem) => {
            return Hearing { energy: None, heat: Some(energy::heat(telemetry, &[])), problem: Some(problem) };
        }
    };
    let load = Load {
        scenario: cell.scenario,
        queries: measurement.samples.count.into(),
        samples_per_query: measurement.samples_per_query,
        mlperf: cell.power.as_ref().is_some_and(PowerRule::measures_twice),
    };
    Hearing {
        energy: energy::figure(telemetry, &series, load),
        heat: Some(energy::heat(telemetry, &series)),
        problem: None,
    }
}
