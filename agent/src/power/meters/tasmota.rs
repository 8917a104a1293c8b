//! What plugs with Tasmota answer. Their steps are 1 W, and at a low power factor they contradict themselves.

use serde_json::Value;

use super::super::Fault;
use super::plug::{Answer, Maker, number};

/// The counter is in kWh with three decimals.
pub(super) static TASMOTA: Maker =
    Maker { name: "tasmota", path: "/cm?cmnd=Status%208", quantum_w: 1.0, quantum_j: 3.6e6 * 0.001, parse };

fn parse(status: &Value) -> Option<Answer> {
    let energy = status.pointer("/StatusSNS/ENERGY")?;
    let watts = number(energy, "/Power")?;
    let (apparent, factor) = (number(energy, "/ApparentPower"), number(energy, "/Factor"));
    let contradicts = apparent.zip(factor).is_some_and(|(apparent, factor)| contradicts(watts, apparent, factor));
    Some(Answer {
        watts,
        doubt: contradicts.then_some(Fault::UnitSuspect),
        joules: number(energy, "/Total").map(|kilowatt_hours| kilowatt_hours * 3.6e6),
        measured: vec![apparent, factor, number(energy, "/Voltage"), number(energy, "/Current")],
    })
}

/// Active power is apparent power times the factor: within rounding (1 W, 1 VA, 0.01) and a tenth.
fn contradicts(watts: f64, apparent_va: f64, factor: f64) -> bool {
    (watts - apparent_va * factor).abs() > 2.0 + 0.01 * apparent_va + 0.1 * watts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(energy: &str) -> Option<Answer> {
        parse(&serde_json::from_str(&format!(r#"{{"StatusSNS":{{"ENERGY":{energy}}}}}"#)).expect("JSON"))
    }

    #[test]
    fn an_answer_gives_watts_and_kilowatt_hours() {
        let answer = parsed(r#"{"Total":0.003,"Power":18,"ApparentPower":25,"Factor":0.72,"Voltage":239}"#);
        let answer = answer.expect("parsed");
        assert_eq!((answer.watts, answer.doubt), (18.0, None));
        assert!((answer.joules.expect("a counter") - 10_800.0).abs() < 1e-6);
    }

    #[test]
    fn a_plug_that_contradicts_itself_is_not_believed() {
        // 25 VA at a factor of 0.06 are 1.5 W.
        let answer = parsed(r#"{"Power":26,"ApparentPower":25,"Factor":0.06}"#).expect("parsed");
        assert_eq!(answer.doubt, Some(Fault::UnitSuspect));
        // Steps of 1 W alone make no contradiction.
        for (watts, apparent, factor) in [(3.0, 6.0, 0.41), (1.0, 5.0, 0.28), (60.0, 61.0, 1.0)] {
            assert!(!contradicts(watts, apparent, factor), "{watts} {apparent} {factor}");
        }
    }

    #[test]
    fn an_answer_without_power_is_none_of_tasmota() {
        assert_eq!(parsed(r#"{"Total":0.003}"#), None);
        assert_eq!(parse(&serde_json::json!({"Command": "Unknown"})), None);
    }
}
