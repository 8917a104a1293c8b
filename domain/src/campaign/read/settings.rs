//! How the session and the runner's process are set up, and under which conditions.

use super::{
    file,
    load::{duration, period, scaled},
    texts,
};
use crate::{
    AccuracyRule, Affinity, EnvironmentRule, Evaluation, OnBadExample, Optimization, Postprocessing, PowerMethod,
    PowerRule, Precision, Preprocessing, Regime, Settings, Task, ThermalGate,
    campaign::{Placed, node::Node, shape::Check},
};

const OPTIMIZATIONS: [Optimization; 4] =
    [Optimization::All, Optimization::Extended, Optimization::Basic, Optimization::Disabled];

pub(super) fn settings(cell: &Node) -> Settings {
    let default = Settings::default();
    let optimization = cell.get("optimization").and_then(Node::text);
    Settings {
        inter_threads: cell.get("inter_threads").and_then(Node::small).unwrap_or(default.inter_threads),
        spinning: cell.get("spinning").and_then(Node::flag).unwrap_or(default.spinning),
        optimization: OPTIMIZATIONS
            .into_iter()
            .find(|known| Some(known.name()) == optimization)
            .unwrap_or(default.optimization),
        arena: cell.get("arena").and_then(Node::flag).unwrap_or(default.arena),
        affinity: cell.get("affinity").and_then(Node::text).and_then(Affinity::parse).unwrap_or(default.affinity),
        variables: texts(cell.get("variables")),
    }
}

pub(super) fn environment(cell: &Node, check: &mut Check) -> EnvironmentRule {
    EnvironmentRule {
        governor: cell.at_path(&["environment", "governor"]).and_then(Node::text).map(str::to_owned),
        max_start_temp_c: cell.at_path(&["environment", "max_start_temp_c"]).and_then(Node::small),
        cooldown: period(cell, &["environment", "cooldown"]),
        thermal_gate: named(cell, &["environment", "thermal_gate"], &ThermalGate::ALL, ThermalGate::name),
        regime: regime(cell, check),
    }
}

fn regime(cell: &Node, check: &mut Check) -> Regime {
    let regime = cell.at_path(&["environment", "regime"]);
    let window = cell.at_path(&["environment", "plateau_window"]);
    if regime.and_then(Node::text) == Some("sustained") {
        return Regime::Sustained { plateau: window.and_then(duration).unwrap_or(Regime::PLATEAU) };
    }
    // A later rule that says `burst` leaves an earlier window without effect, and means to.
    if let Some(window) = window.filter(|window| regime.is_none_or(|regime| regime.source == window.source)) {
        let message = "environment.plateau_window stands in a cell whose regime is `burst`, which waits for no plateau";
        check.problem(window.at, message, "say `regime: sustained` beside it, or remove it");
    }
    Regime::Burst
}

/// The value of that name, checked before; its default where there is none.
fn named<T: Copy + Default>(node: &Node, path: &[&str], all: &[T], name: impl Fn(T) -> &'static str) -> T {
    let text = node.at_path(path).and_then(Node::text);
    all.iter().copied().find(|value| Some(name(*value)) == text).unwrap_or_default()
}

pub(super) fn power(node: &Node) -> PowerRule {
    let default = PowerRule::default();
    PowerRule {
        source: node.get("source").and_then(Node::text).map_or(default.source, str::to_owned),
        rate_hz: node.get("rate_hz").and_then(Node::small),
        idle_window: node.get("idle_window").and_then(duration).unwrap_or(default.idle_window),
        method: named(node, &["method"], &PowerMethod::ALL, PowerMethod::name),
    }
}

/// What the model's card decides is left at its default: see [`super::super::resolve`].
pub(super) fn accuracy(node: &Node, files: &mut Vec<Placed<String>>) -> AccuracyRule {
    let default = AccuracyRule::default();
    let task = node.get("task").and_then(Node::text).filter(|task| *task != AccuracyRule::FROM_MODEL);
    let ratio = node.get("min_ratio").and_then(Node::decimal).and_then(|ratio| scaled(ratio, 1e6));
    let evaluation = node.get("dataset").map(|dataset| Evaluation {
        task: task.and_then(|task| Task::parse(task).ok()).unwrap_or(Task::TensorClassification),
        dataset: file(dataset, files),
        examples: node.get("examples").and_then(Node::small),
        checked_examples: node.get("checked_examples").and_then(Node::small).unwrap_or(Evaluation::CHECKED_EXAMPLES),
        on_bad_example: match node.get("on_bad_example").and_then(Node::text) {
            Some("skip") => OnBadExample::Skip,
            _ => OnBadExample::Fail,
        },
        preprocessing: Preprocessing::default(),
        postprocessing: Postprocessing::default(),
    });
    AccuracyRule {
        task: task.map(str::to_owned),
        min_ratio_millionths: ratio.and_then(|ratio| u32::try_from(ratio).ok()),
        reference: node
            .get("ref")
            .and_then(Node::text)
            .and_then(|text| Precision::parse(text).ok())
            .unwrap_or(default.reference),
        evaluation,
    }
}
