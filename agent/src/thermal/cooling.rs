//! The kernel's cooling devices that slow something down; and what Qualcomm's graphics driver says of its heat.

use domain::ThrottleCause;

use super::StateSeries;
use super::board::Survey;

const CLASS: &str = "/sys/class/thermal";
const KGSL: &str = "/sys/class/kgsl/kgsl-3d0/thermal_pwrlevel";

pub(super) fn survey(survey: &mut Survey) {
    for device in survey.list(CLASS).into_iter().filter(|name| name.starts_with("cooling_device")) {
        let Some(kind) = survey.text(&format!("{CLASS}/{device}/type")).filter(|kind| slows_down(kind)) else {
            continue;
        };
        let series = StateSeries::state(format!("throttle/cooling/{kind}"), ThrottleCause::Thermal);
        // A device that injects idle shows -1 while it does not.
        survey.attribute(series, format!("{CLASS}/{device}/cur_state"), |state| Some(state.max(0.0)));
    }
    let series = StateSeries::state("throttle/kgsl/thermal-pwrlevel", ThrottleCause::Thermal);
    survey.attribute(series, KGSL.to_owned(), |level| Some(level.max(0.0)));
}

/// Fans blow, chargers charge more slowly, displays get darker, surfaces warn: none of them holds back the work.
fn slows_down(kind: &str) -> bool {
    let parts = ["cpufreq", "devfreq", "thermal-cluster", "cpu-isolate", "cpu-hotplug", "intel_powerclamp"];
    kind.ends_with("-throttle-alert") || parts.iter().any(|part| kind.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_slows_the_work_down_counts() {
        for kind in
            ["cpu-throttle-alert", "cpufreq-cpu0", "thermal-cpufreq-1", "devfreq-17000000.gpu", "thermal-cluster-7-0"]
        {
            assert!(slows_down(kind), "{kind}");
        }
        for kind in ["pwm-fan", "Fan", "hot-surface-alert", "battery", "panel0-backlight", "tpu_cooling"] {
            assert!(!slows_down(kind), "{kind}");
        }
    }
}
