//! MLPerf Power's method: a ranging pass finds the currents that a meter must be set for, a testing pass of the same load is
//! what counts. The rules are those of its checker (`check.py`) and of its measurement document.

use domain::{EnergyFigure, MlperfPower, PowerRecord, Scenario, Scope, Window, units};

use crate::figure::Load;

/// Shortest measuring that is submitted in practice.
const LEAST_S: f64 = 600.0;
/// A testing pass that takes so much less than the ranging pass was another load.
const LOWER_LIMIT: f64 = 0.05;
/// Of a reading: the meter's driver calls more an error.
const UNCERTAINTY_LIMIT: f64 = 0.01;
/// Between the clocks of meter and device at the start.
const OFFSET_LIMIT_NS: u64 = 400_000_000;

/// What the rules make of a run; `None` without a ranging pass.
pub(crate) fn judge(
    figure: &EnergyFigure,
    ranging_w: Option<f64>,
    measuring: Window,
    record: &PowerRecord,
    load: Load,
) -> Option<MlperfPower> {
    let ranging_w = ranging_w.filter(|_| figure.mean_w > 0.0)?;
    let testing_w = figure.mean_w;
    let mut objections = Vec::new();
    if figure.scope != Scope::Wall {
        objections.push(format!(
            "the scope is {}, and the rules ask for the power of the whole system at the wall",
            figure.scope.name()
        ));
    }
    if testing_w < ranging_w * (1.0 - LOWER_LIMIT) {
        let (testing, ranging) = (units::watts(testing_w), units::watts(ranging_w));
        objections.push(format!(
            "the testing pass took {testing} on average, more than 5 % below the ranging pass's {ranging}"
        ));
    }
    let length_s = measuring.seconds();
    if length_s < LEAST_S {
        objections.push(format!("measuring lasted {length_s:.0} s, {LEAST_S:.0} s are usual"));
    }
    match record.clock_offset_ns {
        Some(offset) if offset >= OFFSET_LIMIT_NS => {
            let offset = units::duration_ns(offset);
            objections.push(format!("the meter's clock is {offset} off, less than 400 ms is allowed"));
        }
        _ => {}
    }
    if let Some(uncertainty) = figure.uncertainty
        && uncertainty > UNCERTAINTY_LIMIT
    {
        let (uncertainty, limit) = (units::percent(uncertainty), units::percent(UNCERTAINTY_LIMIT));
        objections.push(format!("the power is uncertain by {uncertainty}, {limit} are allowed"));
    }
    if figure.gross_j.is_none() {
        objections.push("readings do not cover the testing pass".to_owned());
    }
    let (value, unit) = match load.scenario {
        #[expect(clippy::cast_precision_loss, reason = "queries are below 2^23")]
        Scenario::SingleStream | Scenario::MultiStream { .. } => {
            (testing_w * length_s * 1e3 / load.queries.max(1) as f64, "mJ/query")
        }
        Scenario::Offline | Scenario::Server { .. } => (testing_w, "W"),
    };
    Some(MlperfPower { ranging_w, testing_w, value, unit: unit.to_owned(), objections })
}
