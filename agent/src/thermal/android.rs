//! Android's thermal service, as `dumpsys` prints it: the system's own word for its heat, and temperatures where the kernel's
//! zones are closed to this user.

use std::sync::Arc;
use std::time::Duration;

use domain::ThrottleCause;

use super::board::Survey;
use super::{Role, StateSeries, zones};

/// `dumpsys` costs a process and some 50 ms of its time.
const PACE: Duration = Duration::from_secs(5);

const HEADING: &str = "Current temperatures from HAL:";

/// From 0 (none) to 6 (shutdown).
pub(super) fn throttling(survey: &mut Survey) {
    let root = Arc::clone(&survey.root);
    let ask = move || root.tool("dumpsys", &["thermalservice"]).ok().as_deref().and_then(status);
    if ask().is_some() {
        let series = StateSeries::state("throttle/android/thermal-status", ThrottleCause::Thermal);
        survey.question(vec![series], move |values| values.push(ask()), PACE);
    }
}

/// Those of processors and of the skin count.
pub(super) fn temperatures(survey: &mut Survey) {
    let root = Arc::clone(&survey.root);
    let ask = move || root.tool("dumpsys", &["thermalservice"]).map(|text| thermometers(&text)).unwrap_or_default();
    let found = ask();
    if found.is_empty() {
        return;
    }
    let series = found.iter().map(|one| zones::series(&one.name, one.role)).collect();
    let question = move |values: &mut Vec<Option<f64>>| {
        let now = ask();
        let told = |name: &str| now.iter().find(|one| one.name == name).and_then(|one| one.degrees);
        values.extend(found.iter().map(|one| told(&one.name)));
    };
    survey.question(series, question, PACE);
}

/// One line of the service.
#[derive(Debug, Clone, PartialEq)]
struct Thermometer {
    name: String,
    role: Role,
    degrees: Option<f64>,
}

/// `Thermal Status: 2`. One that somebody overrode for a test tells nothing.
fn status(text: &str) -> Option<f64> {
    if text.lines().any(|line| line.trim() == "IsStatusOverride: true") {
        return None;
    }
    let level: u8 = text.lines().find_map(|line| line.trim().strip_prefix("Thermal Status:"))?.trim().parse().ok()?;
    (level <= 6).then_some(f64::from(level))
}

/// Those of the service's last section on temperatures: what is cached may be hours old.
fn thermometers(text: &str) -> Vec<Thermometer> {
    let lines = text.lines().map(str::trim).skip_while(|line| *line != HEADING).skip(1);
    lines.map_while(|line| line.strip_prefix("Temperature{")).filter_map(thermometer).collect()
}

/// `mValue=62.500004, mType=0, mName=CPU0, mStatus=0}`. `None`: a voltage, a current, or of no known type.
fn thermometer(line: &str) -> Option<Thermometer> {
    let field = |key: &str| line.trim_end_matches('}').split(", ").find_map(|field| field.strip_prefix(key));
    let role = match field("mType=")? {
        // Processor, graphics processor, skin, neural processors.
        "0" | "1" | "3" | "9" | "10" => Role::Zone,
        // Battery, socket of the charger, power amplifier.
        "2" | "4" | "5" => Role::OtherZone,
        _ => return None,
    };
    let degrees = field("mValue=").and_then(|value| value.parse().ok()).and_then(zones::plausible);
    Some(Thermometer { name: field("mName=")?.to_owned(), role, degrees })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVICE: &str = "IsStatusOverride: false\nThermal Status: 2\nCached temperatures:\n\
        \tTemperature{mValue=99.0, mType=0, mName=old, mStatus=0}\nHAL Ready: true\nCurrent temperatures from HAL:\n\
        \tTemperature{mValue=-5700.0, mType=-1, mName=unknown, mStatus=0}\n\
        \tTemperature{mValue=4200.0, mType=6, mName=vbat, mStatus=0}\n\
        \tTemperature{mValue=41.5, mType=3, mName=skin, mStatus=2}\n\
        \tTemperature{mValue=NaN, mType=0, mName=CPU7, mStatus=0}\n\
        \tTemperature{mValue=31.0, mType=2, mName=battery, mStatus=0}\n\
        Current cooling devices from HAL:\n\tCoolingDevice{mValue=0, mType=5, mName=tpu_cooling}\n";

    #[test]
    fn the_services_status_is_one_of_seven() {
        assert_eq!(status(SERVICE), Some(2.0));
        assert_eq!(status("Thermal Status: 7"), None);
        assert_eq!(status("IsStatusOverride: true\nThermal Status: 3"), None);
        assert_eq!(status("dumpsys: can't find service"), None);
    }

    #[test]
    fn thermometers_are_those_of_now_that_measure_heat() {
        let one = |name: &str, role, degrees| Thermometer { name: name.to_owned(), role, degrees };
        let expected = [
            one("skin", Role::Zone, Some(41.5)),
            one("CPU7", Role::Zone, None),
            one("battery", Role::OtherZone, Some(31.0)),
        ];
        assert_eq!(thermometers(SERVICE), expected);
        assert_eq!(thermometers("Thermal Status: 0\nCached temperatures:\nHAL Ready: false\n"), []);
    }
}
