//! What a cell asks of the device itself, before anything is fetched or started. A condition that is not met is refused:
//! a figure taken in another power mode than its label says would be worse than none.

use std::path::Path;

use domain::{AttemptPhase, CellSpec, EnvironmentRule, Failure, FailureKind};

use crate::probe;

/// Refuses a cell whose conditions this device, seen below `root`, does not meet.
pub(crate) fn check(cell: &CellSpec, root: &Path) -> Result<(), Failure> {
    // Resting and cooling need a thermometer, and wait for the part that reads one.
    let EnvironmentRule { governor, max_start_temp_c: _, cooldown: _ } = &cell.environment;
    if let Some(wanted) = governor {
        match probe::governor(root) {
            Some(actual) if actual == *wanted => {}
            Some(actual) => {
                return Err(unsupported(format!(
                    "the cell asks for the governor `{wanted}`, and this device runs `{actual}`; set it (`cpupower frequency-set -g {wanted}`), or leave `environment.governor` out"
                )));
            }
            None => {
                return Err(unsupported(format!(
                    "the cell asks for the governor `{wanted}`, and this device's kernel sets no frequency; leave `environment.governor` out"
                )));
            }
        }
    }
    match &cell.power_mode {
        Some(mode) => Err(unsupported(format!(
            "the cell asks for the power mode `{mode}`, which this version of the agent can neither set nor read; leave `power_mode` out, and name the mode in a label of the device"
        ))),
        None => Ok(()),
    }
}

fn unsupported(message: String) -> Failure {
    Failure::without_runner(FailureKind::Unsupported, AttemptPhase::Preparing, message)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use domain::ModelRef;

    use super::*;

    fn cell(governor: Option<&str>, power_mode: Option<&str>) -> CellSpec {
        let mut cell = CellSpec::new(ModelRef::nameless());
        cell.environment.governor = governor.map(str::to_owned);
        cell.power_mode = power_mode.map(str::to_owned);
        cell
    }

    #[test]
    fn conditions_are_met_or_refused_with_what_is_there() {
        let root = tempfile::tempdir().expect("a directory");
        let refused = |cell| check(&cell, root.path()).expect_err("refused");
        assert!(check(&cell(None, None), root.path()).is_ok());
        assert!(refused(cell(Some("performance"), None)).message.contains("sets no frequency"));

        let policy = root.path().join("sys/devices/system/cpu/cpufreq/policy0");
        fs::create_dir_all(&policy).expect("creates");
        fs::write(policy.join("scaling_governor"), "schedutil\n").expect("writes");
        let failure = refused(cell(Some("performance"), None));
        assert_eq!(failure.kind, FailureKind::Unsupported);
        assert!(failure.message.contains("`performance`") && failure.message.contains("`schedutil`"), "{failure:?}");
        assert!(check(&cell(Some("schedutil"), None), root.path()).is_ok());
        assert!(refused(cell(None, Some("15W"))).message.contains("`15W`"));
    }
}
