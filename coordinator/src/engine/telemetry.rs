//! What an agent may tell of power and heat beside a run, so that it can be kept, compared and replayed. Sizes and numbers
//! are checked where the message is read; what follows from them is `analysis`'.

use domain::{EnergyFigure, HeatFigure, Pin, PowerRecord, Rail, Statistics, Telemetry, ThrottleSignal};

/// Greatest length of a name or a fact of a sensor in bytes: the longest path below `/sys` fits.
const NAME_LIMIT_BYTES: usize = 1024;
/// Greatest length of a sentence for people in bytes.
const SENTENCE_LIMIT_BYTES: usize = 4 * 1024;
/// Greatest number of facts of a sensor, and of kinds of faults.
const FACTS_LIMIT: usize = 256;

/// What is wrong with it, in a few words. `simulated`: the board that the device itself says to be.
pub(super) fn flaw(telemetry: &Telemetry, simulated: Option<&str>) -> Option<String> {
    if telemetry.simulated.as_deref() != simulated {
        let board = |board: Option<&str>| board.map_or_else(|| "no".to_owned(), |board| format!("the `{board}`"));
        let (told, device) = (board(telemetry.simulated.as_deref()), board(simulated));
        return Some(format!(
            "its readings come from {told} simulated board, and its device is {device} simulated board"
        ));
    }
    if let Some(PowerRecord { faults, facts, .. }) = &telemetry.power
        && faults.len().max(facts.len()) > FACTS_LIMIT
    {
        return Some(format!("its power source tells more than {FACTS_LIMIT} facts or faults"));
    }
    if telemetry.no_power.as_ref().is_some_and(|why| why.len() > SENTENCE_LIMIT_BYTES) {
        return Some("the reason for which there are no readings is no sentence".to_owned());
    }
    // The trace holds the same names: one that is stored otherwise than it was sent would no longer be found there.
    let name = names(telemetry).into_iter().find(|name| name.len() > NAME_LIMIT_BYTES || name.contains('\0'))?;
    let shown: String = name.chars().take(40).map(|letter| if letter.is_control() { '?' } else { letter }).collect();
    Some(format!("a sensor or a signal has no proper name: `{shown}`"))
}

fn names(telemetry: &Telemetry) -> Vec<&str> {
    let Telemetry { power, no_power: _, trace: _, windows: _, cooldown: _, throttle, pinned, simulated: _ } = telemetry;
    let mut names: Vec<&str> = throttle.iter().map(|ThrottleSignal { name, .. }| name.as_str()).collect();
    for Pin { what, found, wanted, before, after } in pinned {
        names.extend([what, found, wanted, before, after].map(String::as_str));
    }
    if let Some(PowerRecord { source, rails, total, faults, facts, .. }) = power {
        names.push(source);
        for Rail { key, parent, .. } in rails {
            names.push(key);
            names.extend(parent.as_deref());
        }
        names.extend(total.iter().chain(faults.keys()).map(String::as_str));
        names.extend(facts.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]));
    }
    names
}

/// False if JSON could not hold the energy or the heat, and no reader would find a number where it expects one.
pub(super) fn is_storable(statistics: &Statistics) -> bool {
    let all_finite = |numbers: &[Option<f64>]| numbers.iter().flatten().all(|number| number.is_finite());
    let energy = statistics.energy.as_ref().is_none_or(|figure| {
        let EnergyFigure { mean_w, gross_j, per_inference_j, net_j, net_low_j, net_high_j, uncertainty, .. } = figure;
        let EnergyFigure { coverage, idle_before_w, idle_after_w, quantum_w, rails, mlperf, .. } = figure;
        let idle = [*idle_before_w, *idle_after_w, *quantum_w];
        let net = [*net_j, *net_low_j, *net_high_j];
        all_finite(&[Some(*mean_w), Some(*coverage), *gross_j, *per_inference_j, *uncertainty])
            && all_finite(&net)
            && all_finite(&idle)
            && rails.iter().all(|rail| all_finite(&[rail.mean_w, rail.joules]))
            && mlperf
                .as_ref()
                .is_none_or(|power| all_finite(&[Some(power.ranging_w), Some(power.testing_w), Some(power.value)]))
    });
    let heat = statistics.heat.as_ref().is_none_or(|figure| {
        let HeatFigure { start_c, end_c, max_c, clock_median_mhz, clock_p5_mhz, .. } = figure;
        all_finite(&[*start_c, *end_c, *max_c, *clock_median_mhz, *clock_p5_mhz])
    });
    energy && heat
}

#[cfg(test)]
mod tests {
    use domain::{RailKind, Scope};

    use super::*;

    fn telemetry(rail: &str) -> Telemetry {
        let power = PowerRecord {
            source: "ina3221".to_owned(),
            rails: vec![Rail::new(rail, Scope::DcInput, RailKind::Gauge { window: None })],
            total: vec![rail.to_owned()],
            poll: std::time::Duration::from_millis(20),
            polls: 1,
            overruns: 0,
            skipped: 0,
            cost: std::time::Duration::ZERO,
            faults: std::collections::BTreeMap::new(),
            facts: std::collections::BTreeMap::new(),
            clock_offset_ns: None,
        };
        Telemetry { power: Some(power), ..Telemetry::default() }
    }

    #[test]
    fn readings_of_a_simulated_board_are_no_readings_of_a_real_one() {
        let board = |board: Option<&str>| Telemetry { simulated: board.map(str::to_owned), ..telemetry("VDD_IN") };
        assert_eq!(flaw(&board(None), None), None);
        assert_eq!(flaw(&board(Some("rpi5")), Some("rpi5")), None);
        for (told, device) in [(Some("rpi5"), None), (None, Some("rpi5")), (Some("rpi5"), Some("rpi4"))] {
            assert!(flaw(&board(told), device).is_some(), "{told:?} {device:?}");
        }
    }

    #[test]
    fn a_name_that_can_not_be_kept_as_it_is_spoils_a_report() {
        assert_eq!(flaw(&telemetry("ina3221@1-0040/VDD_IN"), None), None);
        for name in ["VDD\0IN".to_owned(), "x".repeat(NAME_LIMIT_BYTES + 1)] {
            let why = flaw(&telemetry(&name), None).expect("refused");
            assert!(why.len() < 200 && !why.contains('\0'), "{why}");
        }
    }
}
