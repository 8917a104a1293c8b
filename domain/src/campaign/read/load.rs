//! The load pattern, and when a measurement starts and stops.

use std::time::Duration;

use crate::{
    MeasureRule, Percentile, Rate, Scenario, ServerLoad, Tier, Warmup,
    campaign::{measure::Measure, node::Node, shape::Check},
};

const SERVER: &str = "{ server: { target_qps: 20, target_latency: 200ms, percentile: 99 } }";
const TIERS: [Tier; 5] = [Tier::Smoke, Tier::Quick, Tier::Standard, Tier::Official, Tier::Custom];

pub(super) fn scenario(cell: &Node, check: &mut Check) -> Scenario {
    let Some(node) = cell.get("scenario") else { return Scenario::SingleStream };
    scenario_of(node).unwrap_or_else(|missing| {
        let at = node.entries().first().map_or(node.at, |entry| entry.key.at);
        let hint = format!("write `{SERVER}`; `target_qps: max` looks for the greatest rate");
        check.problem(at, format!("scenario `server` needs {}", missing.join(", ")), &hint);
        Scenario::SingleStream
    })
}

/// What its shape allows, or the parameters that are missing.
pub(in crate::campaign) fn scenario_of(node: &Node) -> Result<Scenario, Vec<&'static str>> {
    let (name, body) = match node.entries().first() {
        Some(entry) => (Some(&*entry.key.value), Some(&entry.value)),
        None => (node.text(), None),
    };
    let parameter = |key: &str| body.and_then(|body| body.get(key));
    match name {
        Some("offline") => Ok(Scenario::Offline),
        Some("multi-stream") => {
            let samples = parameter("samples_per_query").and_then(Node::small);
            Ok(Scenario::MultiStream { samples_per_query: samples.unwrap_or(Scenario::DEFAULT_SAMPLES_PER_QUERY) })
        }
        Some("server") => server(parameter),
        _ => Ok(Scenario::SingleStream),
    }
}

fn server<'a>(parameter: impl Fn(&str) -> Option<&'a Node>) -> Result<Scenario, Vec<&'static str>> {
    let load = parameter("target_qps").and_then(Node::text).and_then(|text| match text {
        "max" => Some(ServerLoad::Search),
        rate => Rate::from_millis(scaled(rate.parse().ok()?, 1e3)?).map(ServerLoad::Fixed),
    });
    let target_latency = parameter("target_latency").and_then(duration);
    let percentile = parameter("percentile")
        .and_then(Node::decimal)
        .and_then(|percent| Percentile::from_millionths(u32::try_from(scaled(percent, 1e4)?).ok()?));
    let missing = [
        ("target_qps", load.is_none()),
        ("target_latency", target_latency.is_none()),
        ("percentile", percentile.is_none()),
    ];
    match (load, target_latency, percentile) {
        (Some(load), Some(target_latency), Some(percentile)) => {
            Ok(Scenario::Server { load, target_latency, percentile })
        }
        _ => Err(missing.into_iter().filter(|(_, missing)| *missing).map(|(key, _)| key).collect()),
    }
}

/// In units of `1 / scale`.
pub(super) fn scaled(number: f64, scale: f64) -> Option<u64> {
    let units = (number * scale).round();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, and between 0 and 1e12")]
    (0.0..=1e12).contains(&units).then_some(units as u64)
}

pub(super) fn duration(node: &Node) -> Option<Duration> {
    humantime::parse_duration(node.text()?).ok()
}

pub(super) fn period(cell: &Node, path: &[&str]) -> Option<Duration> {
    cell.at_path(path).and_then(duration)
}

/// A multi-stream query already is a batch: of `samples_per_query`.
pub(super) fn unbatched(batch: &Node, check: &mut Check) {
    if let Some(value) = batch.small().filter(|value| *value > 1) {
        let message = format!("batch is {value} in a multi-stream cell, where it must be 1");
        let hint = format!(
            "samples_per_query is the batch there: `{{ multi-stream: {{ samples_per_query: {value} }} }}`; leave the \
             combination out with `exclude`, or overlay it with `batch: 1`"
        );
        check.problem(batch.at, message, &hint);
    }
}

pub(super) fn warmup(cell: &Node) -> Warmup {
    let default = Warmup::default();
    Warmup {
        min_iterations: cell
            .at_path(&["warmup", "min_iterations"])
            .and_then(Node::small)
            .unwrap_or(default.min_iterations),
        min_duration: period(cell, &["warmup", "min_duration"]).unwrap_or(default.min_duration),
    }
}

pub(super) fn measure(cell: &Node, scenario: &Scenario, check: &mut Check) -> MeasureRule {
    let tier = cell.at_path(&["measure", "tier"]).and_then(Node::text);
    let tier = TIERS.into_iter().find(|known| Some(known.name()) == tier).unwrap_or_default();
    let min_duration = period(cell, &["measure", "min_duration"]);
    let measure = Measure {
        tier,
        min_queries: cell.at_path(&["measure", "min_queries"]).and_then(Node::small),
        min_duration,
        max_duration: period(cell, &["measure", "max_duration"]),
    };
    let rule = measure.rule(scenario);
    // The greatest duration must leave room for the least, which the tier may give.
    if let Some(max) = cell.at_path(&["measure", "max_duration"])
        && rule.max_duration < rule.min_duration
    {
        let message = format!(
            "measure.max_duration ({:?}) is shorter than measure.min_duration ({:?})",
            rule.max_duration, rule.min_duration
        );
        let hint = if min_duration.is_some() {
            String::new()
        } else {
            format!("that least is the one of the tier `{}`", tier.name())
        };
        check.problem(max.at, message, &hint);
    }
    rule
}
