//! What somebody found out about a phone's gauge: written once for a device, by hand, and never guessed.

use std::sync::Arc;

use super::Useless;
use crate::power::Root;

/// Lines of `key=value`.
const FILE: &str = "/data/local/tmp/furlong/battery";
pub(super) const HINT: &str =
    "once the unit is known, write `current_unit=uA` (or mA) to /data/local/tmp/furlong/battery";

/// How a gauge's numbers are meant.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Calibration {
    /// Microamperes in a unit of `current_now`: `current_unit=uA` or `mA`.
    pub(super) unit_ua: f64,
    /// Sign of the current while the battery discharges: `discharging=negative` or `positive`; `None` = a magnitude.
    pub(super) negative: Option<bool>,
    /// Step of `charge_counter` in microampere-hours, where that counter is known to count them: `charge_step_uah=1000`.
    pub(super) charge_step_uah: Option<f64>,
}

impl Calibration {
    /// `None` if nobody wrote one. One that was written for another device (`device=`, as `getprop ro.product.device` says it)
    /// or can't be understood is worse than none.
    pub(super) fn of(root: &Arc<dyn Root>) -> Result<Option<Self>, Useless> {
        let Ok(text) = root.read(FILE) else { return Ok(None) };
        let device = root.tool("getprop", &["ro.product.device"]).ok();
        Self::parse(&text, device.as_deref().map(str::trim))
            .map(Some)
            .map_err(|reason| Useless { reason: format!("{FILE} {reason}"), hint: Some(HINT) })
    }

    fn parse(text: &str, device: Option<&str>) -> Result<Self, String> {
        let mut calibration = Self::default();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let unknown = || format!("says `{line}`, which is not understood");
            match line.split_once('=').map(|(key, value)| (key.trim(), value.trim())).ok_or_else(unknown)? {
                ("current_unit", "uA") => calibration.unit_ua = 1.0,
                ("current_unit", "mA") => calibration.unit_ua = 1e3,
                ("discharging", "negative") => calibration.negative = Some(true),
                ("discharging", "positive") => calibration.negative = Some(false),
                ("charge_step_uah", value) => {
                    let step: f64 = value.parse().map_err(|_no_number| unknown())?;
                    calibration.charge_step_uah = Some(step).filter(|step| step.is_finite() && *step > 0.0);
                    calibration.charge_step_uah.ok_or_else(unknown)?;
                }
                ("device", value) if device.is_none_or(|device| device == value) => {}
                ("device", value) => return Err(format!("is of the device `{value}`, and this is another")),
                _ => return Err(unknown()),
            }
        }
        if calibration.unit_ua > 0.0 { Ok(calibration) } else { Err("does not say `current_unit`".to_owned()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Calibration, String> {
        Calibration::parse(text, Some("sunfish"))
    }

    #[test]
    fn a_calibration_says_unit_sign_and_the_counters_step() {
        let all = parsed(
            "# measured on a bench\ndevice=sunfish\ncurrent_unit=mA\ndischarging=negative\ncharge_step_uah=1000\n",
        );
        let expected = Calibration { unit_ua: 1e3, negative: Some(true), charge_step_uah: Some(1000.0) };
        assert_eq!(all, Ok(expected));
        assert_eq!(parsed("current_unit=uA").map(|calibration| calibration.negative), Ok(None));
    }

    #[test]
    fn what_is_not_understood_or_of_another_device_is_refused() {
        for text in ["", "discharging=negative", "current_unit=A", "current_unit", "current_unit=uA\ncharge_step_uah=0"]
        {
            assert!(parsed(text).is_err(), "{text}");
        }
        let other = parsed("device=oriole\ncurrent_unit=uA").expect_err("another");
        assert!(other.contains("oriole"), "{other}");
    }
}
