//! What a cell asks of the device itself, before anything is fetched or started. A condition that can't be met is refused:
//! a figure taken in another power mode than its label says would be worse than none.

use std::sync::Arc;

use domain::{AttemptPhase, CellSpec, EnvironmentRule, Failure, FailureKind};

use crate::pinning::{FIXED_PERFORMANCE, Pinned, Subject, Wanted, governors, offered_governors, power_mode_name};
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

/// The power mode first: each has other processors.
fn wanted(cell: &CellSpec, root: &Arc<dyn Root>) -> Result<Vec<Wanted>, Failure> {
    let EnvironmentRule { governor, max_start_temp_c: _, cooldown: _, thermal_gate: _, regime: _ } = &cell.environment;
    let mut all = Vec::new();
    if let Some(mode) = &cell.power_mode {
        all.push(power_mode(mode, root.as_ref())?);
    }
    if let Some(governor) = governor {
        if governors(root.as_ref()).is_empty() {
            return Err(unsupported(format!(
                "the cell asks for the governor `{governor}`, and this device's kernel sets no frequency; leave `environment.governor` out"
            )));
        }
        let offered = offered_governors(root.as_ref()).filter(|offered| !offered.contains(governor));
        if let Some(offered) = offered {
            return Err(unsupported(format!(
                "the cell asks for the governor `{governor}`, and this device's kernel has {}; ask for one of them, or leave `environment.governor` out",
                offered.join(", ")
            )));
        }
        all.push(Wanted { subject: Subject::Governor, value: governor.clone() });
    }
    Ok(all)
}

fn power_mode(mode: &str, root: &dyn Root) -> Result<Wanted, Failure> {
    let told = root.tool("nvpmodel", &["-q"]);
    // Android's programs lie there, and nobody else's.
    if told.is_err() && mode == FIXED_PERFORMANCE && root.list("/system/bin").is_ok() {
        return Ok(Wanted { subject: Subject::FixedPerformance, value: mode.to_owned() });
    }
    let refused = |error| {
        unsupported(format!(
            "the cell asks for the power mode `{mode}`, and this device tells none (`nvpmodel -q`: {error}); leave `power_mode` out, and name the mode in a label of the device"
        ))
    };
    let value = power_mode_name(root, &told.map_err(refused)?, mode).map_err(|error| {
        unsupported(format!(
            "the cell asks for the power mode `{mode}`, and {error}; name one that it has, or leave `power_mode` out"
        ))
    })?;
    Ok(Wanted { subject: Subject::JetsonPowerMode, value })
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
        fs::write(policy.join("scaling_available_governors"), "schedutil performance \n").expect("writes");
        assert!(refused(&bound, cell(Some("turbo"), None)).contains("has schedutil, performance"));

        let free = station(root.path(), true);
        let governor = || fs::read_to_string(policy.join("scaling_governor")).expect("read");
        let pinned = meet(&cell(Some("performance"), None), &free).expect("set");
        assert_eq!(governor().trim(), "performance");
        drop(pinned);
        assert_eq!(governor().trim(), "schedutil");
    }

    #[test]
    fn a_power_mode_is_named_as_the_board_names_it() {
        let root = tempfile::tempdir().expect("a directory");
        let put = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("creates");
            fs::write(path, text).expect("writes");
        };
        put("tool/nvpmodel_-q", "NV Power Mode: MODE_15W\n2\n");
        put("etc/nvpmodel.conf", "< POWER_MODEL ID=0 NAME=MAXN >\n< POWER_MODEL ID=2 NAME=MODE_15W >\n");
        let bound = station(root.path(), false);
        for asked in ["MODE_15W", "15W", "2"] {
            let pins = meet(&cell(None, Some(asked)), &bound).expect("met").read_back();
            assert!(pins[0].held() && pins[0].wanted == "MODE_15W", "{asked}: {pins:?}");
        }
        let refused = |mode| meet(&cell(None, Some(mode)), &bound).map(|_| ()).expect_err("refused").message;
        assert!(refused("30W").contains("MAXN, MODE_15W"), "{}", refused("30W"));
        assert!(refused("0").contains("`MAXN`") && refused("0").contains("--pin"), "{}", refused("0"));
        assert!(refused("fixed-performance").contains("MAXN, MODE_15W"), "no phone");
    }
}
