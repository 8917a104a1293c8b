//! What monitors of current and voltage under `/sys/class/hwmon` say of throttling: a Jetson's over-current events, alarms of
//! its INA3221, and a Raspberry Pi's alarm of under-voltage where the firmware does not answer.

use domain::{Quantity, ThrottleCause};

use super::board::Survey;
use super::{Role, StateSeries};

const CLASS: &str = "/sys/class/hwmon";

/// Under-voltage, over-current on average, over-current at its peak.
const OVER_CURRENT: [(u32, ThrottleCause); 3] =
    [(1, ThrottleCause::Supply), (2, ThrottleCause::PowerLimit), (3, ThrottleCause::PowerLimit)];

pub(super) fn survey(survey: &mut Survey) {
    for number in survey.list(CLASS) {
        let directory = format!("{CLASS}/{number}");
        match survey.text(&format!("{directory}/name")).as_deref() {
            Some("soctherm_oc") => events(survey, &directory),
            Some("ina3221") => alarms(survey, &directory),
            Some("rpi_volt") => {
                let series = StateSeries::state("throttle/rpi-volt/under-voltage", ThrottleCause::Supply);
                survey.attribute(series, format!("{directory}/in0_lcrit_alarm"), Some);
            }
            _ => {}
        }
    }
}

fn events(survey: &mut Survey, directory: &str) {
    for (number, cause) in OVER_CURRENT {
        // An event that slows nothing down is still a supply that sags, but no more than a peak.
        let slows = survey.text(&format!("{directory}/oc{number}_throt_en")).is_none_or(|enabled| enabled != "0");
        if slows || cause == ThrottleCause::Supply {
            let role = Role::ThrottleEvents(cause);
            let series = StateSeries::new(format!("throttle/soctherm/oc{number}"), Quantity::Events, role);
            survey.attribute(series, format!("{directory}/oc{number}_event_cnt"), |count| {
                (count >= 0.0).then_some(count)
            });
        }
    }
}

/// Of the three channels: the fourth is a sum.
fn alarms(survey: &mut Survey, directory: &str) {
    for channel in 1..=3 {
        let label = survey.text(&format!("{directory}/in{channel}_label")).unwrap_or_else(|| format!("curr{channel}"));
        let enabled = survey.text(&format!("{directory}/in{channel}_enable")).is_none_or(|enabled| enabled != "0");
        if enabled && label != "NC" {
            let series = StateSeries::state(format!("throttle/over-current/{label}"), ThrottleCause::PowerLimit);
            survey.attribute(series, format!("{directory}/curr{channel}_crit_alarm"), Some);
        }
    }
}
