//! NVIDIA's Jetson boards: which of their rails add up to the board, and which feed which.
//!
//! The table is per board, because rails of one name mean different things and a sum over all of them counts some twice. A
//! board that is not in it has rails and no total. How a monitor is read: see [`super::ina`].

use std::sync::Arc;

use domain::Scope;

use super::hwmon::chips;
use super::ina::{self, Monitor, Survey};
use super::sysfs::{self, Channel, Found};
use super::{Absent, Probed, Root};

const MODEL: &str = "/proc/device-tree/model";

/// A reading beyond three times what the board's largest power mode allows is in another unit.
const MARGIN: f64 = 3.0;

/// One kind of board.
#[derive(Debug, PartialEq)]
pub(super) struct Board {
    /// Parts of the model's name in lower case, any of which tells it.
    known_by: &'static [&'static str],
    /// What adds up to the board: the first of which every rail is there.
    totals: &'static [Total],
    /// (parent, its children).
    inside: &'static [(&'static str, &'static [&'static str])],
    /// The parent of every rail that is not listed.
    rest_inside: Option<&'static str>,
    /// Rails of a total that may read 0 on a running board: their part is switched off, or below one step of the sensor.
    may_be_zero: &'static [&'static str],
    /// What its largest power mode allows, in watts.
    mode_w: f64,
}

#[derive(Debug, PartialEq)]
struct Total {
    rails: &'static [&'static str],
    scope: Scope,
}

const VDD_IN: Total = Total { rails: &["VDD_IN"], scope: Scope::Module };
/// Module and carrier of a TX1 or TX2 are fed in parallel.
const VDD_IN_AND_MUX: Total = Total { rails: &["VDD_IN", "VDD_MUX"], scope: Scope::DcInput };

/// The more special name comes first.
const BOARDS: &[Board] = &[
    Board {
        known_by: &["thor"],
        totals: &[
            Total { rails: &["VIN"], scope: Scope::DcInput },
            Total { rails: &["VDD_GPU", "VDD_CPU_SOC_MSS", "VIN_SYS_5V0"], scope: Scope::Module },
        ],
        inside: &[],
        rest_inside: Some("VIN"),
        may_be_zero: &["VDD_GPU"],
        mode_w: 130.0,
    },
    Board {
        known_by: &["agx orin"],
        totals: &[Total { rails: &["VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"], scope: Scope::Module }],
        inside: &[("VIN_SYS_5V0", &["VDDQ_VDD2_1V8AO"])],
        rest_inside: None,
        may_be_zero: &["VDD_CPU_CV"],
        mode_w: 60.0,
    },
    Board {
        known_by: &["orin nano", "orin nx"],
        totals: &[VDD_IN],
        inside: &[],
        rest_inside: Some("VDD_IN"),
        may_be_zero: &[],
        mode_w: 40.0,
    },
    Board {
        known_by: &["xavier nx"],
        totals: &[VDD_IN],
        inside: &[],
        rest_inside: Some("VDD_IN"),
        may_be_zero: &[],
        mode_w: 20.0,
    },
    Board {
        known_by: &["agx xavier", "jetson agx"],
        totals: &[Total { rails: &["GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V"], scope: Scope::Module }],
        inside: &[],
        rest_inside: None,
        may_be_zero: &["GPU", "CV"],
        mode_w: 50.0,
    },
    Board {
        known_by: &["tx2 nx"],
        totals: &[VDD_IN],
        inside: &[],
        rest_inside: Some("VDD_IN"),
        may_be_zero: &[],
        mode_w: 20.0,
    },
    Board {
        known_by: &["tx2", "quill"],
        totals: &[VDD_IN_AND_MUX, VDD_IN],
        inside: &[("VDD_MUX", &["VDD_5V0_IO_SYS", "VDD_3V3_SYS", "VDD_3V3_IO_SLP", "VDD_1V8_IO", "VDD_3V3_SYS_M2"])],
        rest_inside: Some("VDD_IN"),
        may_be_zero: &[],
        mode_w: 20.0,
    },
    Board {
        known_by: &["tx1"],
        totals: &[VDD_IN_AND_MUX, VDD_IN],
        inside: &[("VDD_MUX", &["VDD_5V_IO_SYS", "VDD_3V3_SYS", "VDD_3V3_IO", "VDD_1V8_IO", "VDD_M2_IN"])],
        rest_inside: Some("VDD_IN"),
        may_be_zero: &[],
        mode_w: 15.0,
    },
    Board {
        known_by: &["jetson nano"],
        totals: &[Total { rails: &["POM_5V_IN"], scope: Scope::Module }],
        inside: &[],
        rest_inside: Some("POM_5V_IN"),
        may_be_zero: &[],
        mode_w: 10.0,
    },
];

/// What a rail of some label is on a board.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place {
    pub(super) scope: Scope,
    /// Position of the rail that feeds it.
    pub(super) parent: Option<usize>,
    /// Whether a reading of 0 is none.
    pub(super) powered: bool,
    pub(super) greatest_w: Option<f64>,
}

pub(super) fn probe(root: &Arc<dyn Root>) -> Probed {
    sysfs::probe(root, find)
}

/// The board by its device tree, if it is a Jetson that is known.
pub(super) fn board(root: &dyn Root) -> Option<&'static Board> {
    by_model(&model(root)?)
}

pub(super) fn is_jetson(root: &dyn Root) -> bool {
    model(root).is_some_and(|model| by_model(&model).is_some() || model.contains("nvidia") || model.contains("jetson"))
}

/// In lower case, with spaces for hyphens: the same board was `jetson-agx` and `Jetson AGX` in its time.
fn model(root: &dyn Root) -> Option<String> {
    Some(root.read(MODEL).ok()?.to_lowercase().replace(['-', '_'], " "))
}

fn by_model(model: &str) -> Option<&'static Board> {
    BOARDS.iter().find(|board| board.known_by.iter().any(|part| model.contains(part)))
}

/// What rails with these labels are on a board, and which of them add up to it.
pub(super) fn arrange(board: Option<&Board>, labels: &[&str]) -> (Vec<Place>, Option<Vec<usize>>) {
    let unknown = Place { scope: Scope::Rail, parent: None, powered: false, greatest_w: None };
    let Some(board) = board else { return (vec![unknown; labels.len()], None) };
    let position = |label: &str| labels.iter().position(|&other| other == label);
    let complete = |total: &'static Total| {
        let rails: Option<Vec<usize>> = total.rails.iter().map(|label| position(label)).collect();
        rails.map(|rails| (total.scope, rails))
    };
    let total = board.totals.iter().find_map(complete);
    let counted = |index: usize| total.as_ref().filter(|(_, rails)| rails.contains(&index)).map(|(scope, _)| *scope);
    let place = |(index, &label): (usize, &&str)| {
        let named = board.inside.iter().find(|(_, children)| children.contains(&label)).map(|(parent, _)| *parent);
        // What is counted stands beside the others that are, whatever feeds it.
        let parent = if counted(index).is_some() { None } else { named.or(board.rest_inside).and_then(position) };
        Place {
            scope: counted(index).unwrap_or(Scope::Rail),
            parent: parent.filter(|&parent| parent != index),
            powered: counted(index).is_some() && !board.may_be_zero.contains(&label),
            greatest_w: Some(board.mode_w * MARGIN),
        }
    };
    (labels.iter().enumerate().map(place).collect(), total.map(|(_, rails)| rails))
}

/// The monitors of this machine: every INA3221, and on a Jetson the other INA monitors as well.
pub(super) fn find(root: &Arc<dyn Root>) -> Result<Found, Absent> {
    let board = board(root.as_ref());
    let on_jetson = is_jetson(root.as_ref());
    let mut survey = Survey::default();
    let mut names = Vec::new();
    for chip in chips(root.as_ref()) {
        if chip.name == "ina3221" || (on_jetson && ina::CHIPS.contains(&chip.name.as_str())) {
            survey.add(root, &chip);
            names.push(chip.name);
        }
    }
    if names.is_empty() {
        survey.add_old(root);
    }
    let Survey { mut monitors, mut facts, mut dropped, denied } = survey;
    if on_jetson {
        // NVIDIA names every channel of an INA3221 that feeds something.
        for nameless in
            monitors.extract_if(.., |monitor| monitor.label.is_empty() && monitor.chip.starts_with("ina3221"))
        {
            dropped.insert(nameless.channel.rail.key, "without a name".to_owned());
        }
    }
    if monitors.is_empty() {
        return Err(absent(&dropped.into_iter().collect::<Vec<_>>(), denied));
    }
    // Thor's INA238 measures the board's input, and its device tree gives it no name.
    if board.is_some_and(|board| board.totals.iter().any(|total| total.rails == ["VIN"])) {
        let unnamed = |monitor: &&mut Monitor| monitor.label.is_empty() && monitor.chip.starts_with("ina238");
        if let Some(monitor) = monitors.iter_mut().find(unnamed) {
            "VIN".clone_into(&mut monitor.label);
            monitor.channel.rail.key = format!("{}/VIN", monitor.chip);
        }
    }
    let labels: Vec<&str> = monitors.iter().map(|monitor| monitor.label.as_str()).collect();
    let (places, total) = arrange(board, &labels);
    facts.extend(dropped.into_iter().map(|(place, reason)| (format!("{place}/dropped"), reason)));
    if total.is_none() {
        let why = if board.is_some() { "a rail of its sum is missing" } else { "this board's rails are not known" };
        facts.insert("total".to_owned(), format!("none: {why}"));
    }
    let keys: Vec<String> = monitors.iter().map(|monitor| monitor.channel.rail.key.clone()).collect();
    let channel = |(monitor, place): (Monitor, Place)| {
        let Monitor { mut channel, .. } = monitor;
        let Place { scope, parent, powered, greatest_w } = place;
        channel.rail.scope = scope;
        channel.rail.parent = parent.map(|parent| keys[parent].clone());
        channel.rail.greatest_w = greatest_w;
        Channel { powered, ..channel }
    };
    let channels: Vec<Channel> = monitors.into_iter().zip(places).map(channel).collect();
    let poll = ina::poll(channels.iter().map(|channel| &channel.rail));
    let name = if names.is_empty() || names.iter().any(|name| name == "ina3221") {
        "ina3221".to_owned()
    } else {
        names.swap_remove(0)
    };
    Ok(Found { name, poll, facts, channels, total })
}

fn absent(dropped: &[(String, String)], denied: bool) -> Absent {
    let reason = if dropped.is_empty() {
        "no INA monitor under /sys/class/hwmon or /sys/bus/i2c/drivers/ina3221x".to_owned()
    } else {
        let dropped: Vec<_> = dropped.iter().map(|(place, reason)| format!("{place} {reason}")).collect();
        format!("INA monitors without a rail: {}", dropped.join(", "))
    };
    let hint = denied.then(|| "in a container, /sys must be shown to it with the rights of the host".to_owned());
    Absent { source: "ina3221", reason, hint }
}

#[cfg(test)]
mod tests;
