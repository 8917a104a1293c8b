//! What a cell asks of the device itself, before anything is fetched or started. A condition that can't be met is refused:
//! a figure taken in another power mode than its label says would be worse than none.

use std::sync::Arc;

use domain::{AttemptPhase, CellSpec, EnvironmentRule, Failure, FailureKind};

use crate::pinning::{Pinned, Setting, Wanted, governors};
use crate::power::Root;
use crate::station::Station;

/// Sees to it that this device is as the cell asks, for as long as the answer lives; refuses a cell that asks for what the
/// device lacks, or what this agent may not set. How cool it must be is the [`station`](crate::station)'s.
pub(crate) fn meet(cell: &CellSpec, station: &Station) -> Result<Pinned, Failure> {
    let root = station.root();
    let wanted = wanted(cell, root)?;
    let pinned = Pinned::as_it_is(root, &wanted);
    let unmet: Vec<_> = pinned.read_back().into_iter().filter(|pin| !pin.held()).collect();
    let Some(first) = unmet.first() else { return Ok(pinned) };
    let (what, found, asked) = (&first.what, &first.found, &first.wanted);
    match station.journal().filter(|_| station.may_pin()) {
        Some(journal) => Pinned::make(root, &journal, &wanted).map_err(|error| {
            unsupported(format!(
                "the cell asks for the {what} `{asked}`, and this device is at `{found}`: {}; run the agent with the rights to change it, or leave it out",
                chain(&error)
            ))
        }),
        None => Err(unsupported(format!(
            "the cell asks for the {what} `{asked}`, and this device is at `{found}`; start its agent with --pin to let runs set it, set it by hand, or leave it out"
        ))),
    }
}

fn wanted(cell: &CellSpec, root: &Arc<dyn Root>) -> Result<Vec<Wanted>, Failure> {
    let EnvironmentRule { governor, max_start_temp_c: _, cooldown: _, thermal_gate: _, regime: _ } = &cell.environment;
    let mut all = Vec::new();
    if let Some(governor) = governor {
        let settings = governors(root.as_ref());
        if settings.is_empty() {
            return Err(unsupported(format!(
                "the cell asks for the governor `{governor}`, and this device's kernel sets no frequency; leave `environment.governor` out"
            )));
        }
        all.push(Wanted { what: "governor", settings, value: governor.clone() });
    }
    if let Some(mode) = &cell.power_mode {
        if let Err(error) = root.tool("nvpmodel", &["-q"]) {
            return Err(unsupported(format!(
                "the cell asks for the power mode `{mode}`, and this device tells none (`nvpmodel -q`: {error}); leave `power_mode` out, and name the mode in a label of the device"
            )));
        }
        all.push(Wanted { what: "power mode", settings: vec![Setting::JetsonPowerMode], value: mode.clone() });
    }
    Ok(all)
}

fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn unsupported(message: String) -> Failure {
    Failure::without_runner(FailureKind::Unsupported, AttemptPhase::Preparing, message)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use domain::ModelRef;

    use super::*;
    use crate::station::{Simulated, StationConfig};

    fn cell(governor: Option<&str>, power_mode: Option<&str>) -> CellSpec {
        let mut cell = CellSpec::new(ModelRef::nameless());
        cell.environment.governor = governor.map(str::to_owned);
        cell.power_mode = power_mode.map(str::to_owned);
        cell
    }

    fn station(directory: &Path, may_pin: bool) -> Station {
        let simulated =
            Simulated { board: "none".to_owned(), tree: directory.to_owned(), pace: directory.join("pace") };
        let directory = Some(directory.to_owned());
        Station::open(StationConfig { meters: Vec::new(), may_pin, directory, simulated: Some(simulated) })
    }

    #[test]
    fn conditions_are_met_or_refused_with_what_is_there() {
        let root = tempfile::tempdir().expect("a directory");
        let bound = station(root.path(), false);
        let refused = |station: &Station, cell| meet(&cell, station).map(|_| ()).expect_err("refused").message;
        assert!(meet(&cell(None, None), &bound).is_ok());
        assert!(refused(&bound, cell(Some("performance"), None)).contains("sets no frequency"));
        assert!(refused(&bound, cell(None, Some("15W"))).contains("tells none"));

        let policy = root.path().join("sys/devices/system/cpu/cpufreq/policy0");
        fs::create_dir_all(&policy).expect("creates");
        fs::write(policy.join("scaling_governor"), "schedutil\n").expect("writes");
        let message = refused(&bound, cell(Some("performance"), None));
        assert!(
            message.contains("`performance`") && message.contains("`schedutil`") && message.contains("--pin"),
            "{message}"
        );
        let pins = meet(&cell(Some("schedutil"), None), &bound).expect("met").read_back();
        assert!(pins[0].held(), "{pins:?}");

        let free = station(root.path(), true);
        let governor = || fs::read_to_string(policy.join("scaling_governor")).expect("read");
        let pinned = meet(&cell(Some("performance"), None), &free).expect("set");
        assert_eq!(governor().trim(), "performance");
        drop(pinned);
        assert_eq!(governor().trim(), "schedutil");
    }
}
