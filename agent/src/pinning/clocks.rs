//! Whether the board's clocks stand still, as `jetson_clocks` makes them: the least one is the greatest.

use super::setting::POLICIES;
use crate::power::Root;
use crate::thermal::{DEVFREQ, graphics_node};

/// `fixed` if that holds for every processor and graphics processor, else `free`; `None` where nothing tells. The memory's clock
/// is shown to root only, and left out.
pub(super) fn state(root: &dyn Root) -> Option<&'static str> {
    let all = |directory: &str, limits: [&str; 2], counts: &dyn Fn(&str) -> bool| {
        let names = root.list(directory).unwrap_or_default().into_iter().filter(|name| counts(name));
        let fixed = names.filter_map(|name| {
            let [least, greatest] = limits.map(|file| root.read(&format!("{directory}/{name}/{file}")));
            Some(least.ok()? == greatest.ok()?)
        });
        // Nothing that tells is not the same as nothing that moves.
        fixed.fold(None, |all: Option<bool>, fixed| Some(all.unwrap_or(true) && fixed))
    };
    let processors = all(POLICIES, ["scaling_min_freq", "scaling_max_freq"], &|name| name.starts_with("policy"))?;
    let graphics = all(DEVFREQ, ["min_freq", "max_freq"], &|name| graphics_node(root, name).is_some());
    Some(if processors && graphics.unwrap_or(true) { "fixed" } else { "free" })
}
