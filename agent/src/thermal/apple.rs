//! A Mac's thermal pressure, which the system tells whoever asks. Its thermometers are not read here: they need calls into
//! the system's frameworks.

use std::sync::Arc;
use std::time::Duration;

use domain::ThrottleCause;

use super::StateSeries;
use super::board::Survey;

/// A process of some 11 ms.
const PACE: Duration = Duration::from_secs(2);
const LEVEL: &str = "com.apple.system.thermalpressurelevel";

pub(super) fn survey(survey: &mut Survey) {
    let root = Arc::clone(&survey.root);
    let ask = move || root.tool("notifyutil", &["-g", LEVEL]).ok().as_deref().and_then(pressure);
    if ask().is_some() {
        let series = StateSeries::state("throttle/apple/thermal-pressure", ThrottleCause::Thermal);
        survey.question(vec![series], move |values| values.push(ask()), PACE);
    }
}

/// `com.apple.system.thermalpressurelevel 0`: from 0 (nominal) to 4 (sleeping).
fn pressure(text: &str) -> Option<f64> {
    let level: u8 = text.lines().find_map(|line| line.trim().strip_prefix(LEVEL))?.trim().parse().ok()?;
    (level <= 4).then_some(f64::from(level))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_read_and_anything_else_is_none() {
        assert_eq!(pressure("com.apple.system.thermalpressurelevel 2\n"), Some(2.0));
        assert_eq!(pressure("com.apple.system.thermalpressurelevel 255"), None);
        assert_eq!(pressure("Failed 1"), None);
    }
}
