//! Temperatures: the kernel's thermal zones, monitors of processors under `/sys/class/hwmon`, and where both are silent, what
//! a Raspberry Pi's firmware or Android's thermal service says.
//!
//! A device of which no thermometer is known to be at the chip counts those whose place is not known. Drives' own thermometers
//! are never read: each reading is a command that wakes the drive.

use domain::Quantity;

use super::attribute::Number;
use super::board::{Converted, Survey};
use super::kind::Kind;
use super::{Role, StateSeries, android, raspberry};

const ZONES: &str = "/sys/class/thermal";
const MONITORS: &str = "/sys/class/hwmon";
/// Android's programs lie there, and nobody else's.
const ANDROID: &str = "/system/bin";

/// Nothing that still computes is colder or hotter.
const COLDEST_C: f64 = -40.0;
const HOTTEST_C: f64 = 150.0;

/// A thermometer that can be read.
struct Thermometer {
    name: String,
    kind: Kind,
    number: Number,
    /// Of the unit it is told in.
    unit: Unit,
}

pub(super) fn survey(survey: &mut Survey) {
    let mut found = zones(survey);
    let monitors = monitors(survey, &found);
    found.extend(monitors);
    let (unknown, known): (Vec<_>, Vec<_>) = found.into_iter().partition(|one| one.kind == Kind::Unknown);
    for one in known {
        let role = if one.kind == Kind::Chip { Role::Zone } else { Role::OtherZone };
        add(survey, one, role);
    }
    if !survey.has(Role::Zone) {
        raspberry::temperature(survey);
    }
    if !survey.has(Role::Zone) {
        android::temperatures(survey);
    }
    let role = if survey.has(Role::Zone) { Role::OtherZone } else { Role::Zone };
    for one in unknown {
        add(survey, one, role);
    }
}

fn add(survey: &mut Survey, one: Thermometer, role: Role) {
    let Thermometer { name, kind: _, number, mut unit } = one;
    survey.add(vec![series(&name, role)], Converted { number, convert: move |raw| unit.degrees(raw) });
}

/// A temperature's series, named by whether it counts.
pub(super) fn series(name: &str, role: Role) -> StateSeries {
    let prefix = if role == Role::Zone { "zone" } else { "other-zone" };
    StateSeries::new(format!("{prefix}/{name}"), Quantity::Temperature, role)
}

/// A temperature that a device can have.
pub(super) fn plausible(degrees: f64) -> Option<f64> {
    (COLDEST_C..=HOTTEST_C).contains(&degrees).then_some(degrees)
}

/// The kernel's zones, by their types.
fn zones(survey: &Survey) -> Vec<Thermometer> {
    // The kernel's interface asks for thousandths of a degree; phones' vendors do as they like.
    let unit = if survey.root.list(ANDROID).is_ok() { Unit::Guessed(1.0) } else { Unit::Thousandths };
    let directories = survey.list(ZONES).into_iter().filter(|name| name.starts_with("thermal_zone"));
    let found = directories.filter_map(|directory| {
        let name = survey.text(&format!("{ZONES}/{directory}/type"))?;
        let kind = Kind::of(&name);
        let number = || Number::open(&survey.root, format!("{ZONES}/{directory}/temp")).ok();
        (kind != Kind::Absurd).then(number)?.map(|number| Thermometer { name, kind, number, unit })
    });
    found.collect()
}

/// Monitors of processors that are not one of the zones once more.
fn monitors(survey: &Survey, zones: &[Thermometer]) -> Vec<Thermometer> {
    let is_zone = |name: &str| zones.iter().any(|zone| zone.name.replace('-', "_") == name.replace('-', "_"));
    let mut found = Vec::new();
    for directory in survey.list(MONITORS) {
        let directory = format!("{MONITORS}/{directory}");
        let Some(name) = survey.text(&format!("{directory}/name")) else { continue };
        let (channel, kind) = match name.as_str() {
            // The whole package: each core's reading would interrupt that core.
            "coretemp" if !is_zone("x86_pkg_temp") => {
                (labelled(survey, &directory, &["Package id", "Physical id"]), Kind::Chip)
            }
            // Tctl is above the real temperature on some chips, by as much as 27 degrees.
            "k10temp" | "zenpower" => (labelled(survey, &directory, &["Tdie", "Tctl"]), Kind::Chip),
            // The kernel shows zones here a second time.
            name if name.ends_with("_thermal") && !is_zone(name) => (Some(1), Kind::of(name)),
            _ => continue,
        };
        let path = format!("{directory}/temp{}_input", channel.unwrap_or(1));
        if let Ok(number) = Number::open(&survey.root, path)
            && kind != Kind::Absurd
        {
            found.push(Thermometer { name, kind, number, unit: Unit::Thousandths });
        }
    }
    found
}

/// The channel whose label begins with the first of `labels` that any channel has.
fn labelled(survey: &Survey, directory: &str, labels: &[&str]) -> Option<u32> {
    /// More than any chip's package readings: they come first.
    const CHANNELS: u32 = 16;
    let found: Vec<(u32, String)> = (1..=CHANNELS)
        .filter_map(|channel| Some((channel, survey.text(&format!("{directory}/temp{channel}_label"))?)))
        .collect();
    labels.iter().find_map(|label| Some(found.iter().find(|(_, text)| text.starts_with(label))?.0))
}

/// What a thermometer counts in.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Unit {
    Thousandths,
    /// Degrees, tenths or thousandths: as many degrees as one step was found to be so far.
    Guessed(f64),
}

impl Unit {
    /// Degrees, if they are ones. A guess gets finer whenever it would make an absurd heat, and never coarser again.
    fn degrees(&mut self, raw: f64) -> Option<f64> {
        match self {
            // No chip is a quarter of a degree below zero to the thousandth: a small negative number is an errno, or -256.
            Self::Thousandths if raw < 0.0 && raw > -1e3 => None,
            Self::Thousandths => plausible(raw / 1e3),
            Self::Guessed(step) => {
                // Cold is no evidence but for what is below zero in any coarser unit: -256 is a block that is switched off.
                let evidence = if raw < -HOTTEST_C * 10.0 { -raw } else { raw };
                *step = [1.0, 0.1, 0.001]
                    .into_iter()
                    .find(|finer| finer <= step && evidence * finer <= HOTTEST_C)
                    .unwrap_or(0.001);
                plausible(raw * *step)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(unit: Unit, raw: &[f64], expected: &[Option<f64>]) {
        let mut unit = unit;
        let told: Vec<_> =
            raw.iter().map(|raw| unit.degrees(*raw).map(|degrees| (degrees * 1e3).round() / 1e3)).collect();
        assert_eq!(told, expected, "{raw:?}");
    }

    #[test]
    fn a_board_tells_thousandths_of_a_degree() {
        check(
            Unit::Thousandths,
            &[50_050.0, 800.0, -39_000.0, -256_000.0, -256.0, -5.0, 151_000.0],
            &[Some(50.05), Some(0.8), Some(-39.0), None, None, None, None],
        );
    }

    #[test]
    fn a_phones_unit_is_guessed_and_gets_finer_only() {
        let guessed = Unit::Guessed(1.0);
        check(guessed, &[37.0, 38.0], &[Some(37.0), Some(38.0)]);
        check(guessed, &[312.0, 141.0], &[Some(31.2), Some(14.1)]);
        check(guessed, &[41_500.0, 120.0], &[Some(41.5), Some(0.12)]);
        check(guessed, &[-256.0, 36.0], &[None, Some(36.0)]);
        check(guessed, &[-5_000.0, 2_000.0], &[Some(-5.0), Some(2.0)]);
        check(guessed, &[9e9], &[None]);
    }
}
