//! What a meter's number is worth. Knows no meter.

use super::super::Fault;

/// Numbers that stand for an error: -1 of `PTDaemon`, errnos, and registers with every bit or the highest one set.
const SENTINELS: [f64; 6] = [-1.0, -22.0, -61.0, 65_535.0, 2_147_483_648.0, -2_147_483_648.0];

/// Watts of something that feeds a running device, or what is wrong with them.
pub(super) fn watts(value: f64, greatest_w: Option<f64>) -> Result<f64, Fault> {
    if !value.is_finite() {
        Err(Fault::NotANumber)
    } else if SENTINELS.contains(&value) {
        Err(Fault::Sentinel)
    } else if value < 0.0 {
        Err(Fault::Negative)
    } else if value == 0.0 {
        Err(Fault::Zero)
    } else if greatest_w.is_some_and(|greatest_w| value > greatest_w) {
        Err(Fault::UnitSuspect)
    } else {
        Ok(value)
    }
}

/// The same of a number as it was printed, with nothing beside it: `4.2 W` is none.
pub(super) fn watts_of(text: &str) -> Result<f64, Fault> {
    watts(text.parse().unwrap_or(f64::NAN), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_no_power_have_a_name() {
        let cases = [
            ("4.25", Ok(4.25)),
            ("nan", Err(Fault::NotANumber)),
            ("inf", Err(Fault::NotANumber)),
            ("4.2 W", Err(Fault::NotANumber)),
            ("", Err(Fault::NotANumber)),
            ("-1.0", Err(Fault::Sentinel)),
            ("-22", Err(Fault::Sentinel)),
            ("65535", Err(Fault::Sentinel)),
            ("-332.2", Err(Fault::Negative)),
            ("0.000", Err(Fault::Zero)),
        ];
        for (text, expected) in cases {
            assert_eq!(watts_of(text), expected, "{text:?}");
        }
        assert_eq!(watts(4_200.0, Some(4_000.0)), Err(Fault::UnitSuspect));
    }
}
