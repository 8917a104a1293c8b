//! What Shelly's plugs answer: the second generation and later (`Switch.GetStatus`), and the first (`/status`).

use serde_json::Value;

use super::super::Fault;
use super::plug::{Answer, Maker, number};

/// The counter is in Wh with three decimals.
pub(super) static GEN2: Maker =
    Maker { name: "shelly", path: "/rpc/Switch.GetStatus?id=0", quantum_w: 0.1, quantum_j: 3.6, parse: second };

/// The counter is in whole watt minutes.
pub(super) static GEN1: Maker =
    Maker { name: "shelly1", path: "/status", quantum_w: 0.01, quantum_j: 60.0, parse: first };

fn second(status: &Value) -> Option<Answer> {
    // Meters without a switch call it `act_power`, and those with transformers give it a sign.
    let watts = number(status, "/apower").or_else(|| number(status, "/act_power"))?;
    let off = status.get("output").and_then(Value::as_bool) == Some(false);
    let measured =
        ["/voltage", "/current", "/pf", "/freq", "/aenergy/minute_ts"].map(|pointer| number(status, pointer)).to_vec();
    Some(Answer {
        watts,
        // What is switched off draws nothing: the power is one from before.
        doubt: (off && watts > 0.0).then_some(Fault::Stale),
        joules: number(status, "/aenergy/total").map(|watt_hours| watt_hours * 3_600.0),
        measured,
    })
}

fn first(status: &Value) -> Option<Answer> {
    let meter = status.pointer("/meters/0")?;
    let valid = meter.get("is_valid").and_then(Value::as_bool).unwrap_or(true);
    Some(Answer {
        watts: number(meter, "/power")?,
        doubt: (!valid).then_some(Fault::Stale),
        joules: number(meter, "/total").map(|watt_minutes| watt_minutes * 60.0),
        measured: vec![number(meter, "/counters/0")],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gen2(text: &str) -> Option<Answer> {
        second(&serde_json::from_str(text).expect("JSON"))
    }

    fn gen1(text: &str) -> Option<Answer> {
        first(&serde_json::from_str(text).expect("JSON"))
    }

    #[test]
    fn the_second_generation_gives_watts_and_watt_hours() {
        let answer = gen2(r#"{"output":true,"apower":8.2,"voltage":231.9,"aenergy":{"total":5.125,"minute_ts":60}}"#);
        let answer = answer.expect("parsed");
        assert_eq!((answer.watts, answer.doubt, answer.joules), (8.2, None, Some(18_450.0)));
    }

    #[test]
    fn a_plug_that_is_off_and_still_claims_power_is_stale() {
        let answer = gen2(r#"{"output":false,"apower":47.11,"aenergy":{"total":5.125}}"#).expect("parsed");
        assert_eq!(answer.doubt, Some(Fault::Stale));
    }

    #[test]
    fn the_first_generation_says_whether_it_believes_itself() {
        let answer = gen1(r#"{"meters":[{"power":88.2,"is_valid":true,"total":12345}]}"#).expect("parsed");
        assert_eq!((answer.watts, answer.doubt, answer.joules), (88.2, None, Some(740_700.0)));
        let answer = gen1(r#"{"meters":[{"power":88.2,"is_valid":false}]}"#).expect("parsed");
        assert_eq!((answer.doubt, answer.joules), (Some(Fault::Stale), None));
    }

    #[test]
    fn an_answer_without_power_is_none_of_shelly() {
        assert_eq!(gen2(r#"{"code":404,"message":"No handler"}"#), None);
        assert_eq!(gen1(r#"{"meters":[]}"#), None);
        assert_eq!(gen2(r#"{"apower":"8.2"}"#), None);
    }
}
