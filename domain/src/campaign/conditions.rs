//! Gates and notifications: from the tree to what they ask.

use super::{node::Node, shape::Check, table};
use crate::{Channel, Gate, Notify, Occasion, OnInconclusive};

pub(super) fn gates(nodes: &[Node], check: &mut Check) -> Vec<Gate> {
    nodes.iter().filter_map(|node| gate(node, check)).collect()
}

fn gate(node: &Node, check: &mut Check) -> Option<Gate> {
    let text = |key: &str| node.get(key).and_then(Node::text);
    let bound = |key: &str| node.get(key).and_then(Node::decimal);
    whole(node, "a gate", &["metric"], check);
    let (baseline, regression) = (text("baseline"), text("max_regression"));
    match (baseline, regression) {
        (Some(_), None) => {
            check.problem(node.at, "a gate with a baseline needs max_regression", "such as `max_regression: 5%`");
        }
        (None, Some(_)) => {
            check.problem(node.at, "a gate with max_regression needs a baseline", "such as `baseline: \"last(main)\"`");
        }
        (None, None) if bound("min").is_none() && bound("max").is_none() => {
            let hint = "give it a baseline and max_regression, or min, or max";
            check.problem(node.at, "a gate without a bound holds for everything", hint);
        }
        _ => {}
    }
    let wrong = bound("min").zip(bound("max")).is_some_and(|(min, max)| min > max);
    if wrong {
        check.problem(node.at, "no value is at least min and at most max of this gate", "");
    }
    Some(Gate {
        metric: text("metric")?.to_owned(),
        baseline: baseline.map(str::to_owned),
        max_regression_millionths: regression.and_then(percent),
        min: bound("min"),
        max: bound("max"),
        on_inconclusive: match text("on_inconclusive") {
            Some("pass") => OnInconclusive::Pass,
            Some("fail") => OnInconclusive::Fail,
            _ => OnInconclusive::default(),
        },
    })
}

/// Parts per million of `5%`.
fn percent(text: &str) -> Option<u32> {
    let share: f64 = text.strip_suffix('%')?.parse().ok()?;
    let millionths = (share * 1e4).round();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, and at most 1000 %")]
    (0.0..=1e7).contains(&millionths).then_some(millionths as u32)
}

pub(super) fn notifications(nodes: &[Node], check: &mut Check) -> Vec<Notify> {
    nodes.iter().filter_map(|node| notification(node, check)).collect()
}

fn notification(node: &Node, check: &mut Check) -> Option<Notify> {
    whole(node, "a notification", &["on"], check);
    let mut channels = Channel::ALL.into_iter().filter_map(|channel| Some((channel, node.get(channel.name())?)));
    let (channel, target) = match (channels.next(), channels.next()) {
        (Some(channel), None) => channel,
        (first, second) => {
            let at = second.or(first).map_or(node.at, |(_, node)| node.at);
            check.problem(at, "a notification goes to exactly one of slack, webhook, email", "write an entry for each");
            return None;
        }
    };
    let wanted = node.get("on").and_then(Node::list).unwrap_or_default();
    let on = Occasion::ALL.into_iter().filter(|known| wanted.iter().any(|node| node.text() == Some(known.name())));
    Some(Notify { channel, target: target.text()?.to_owned(), on: on.collect() })
}

/// Says what is missing.
fn whole(node: &Node, what: &str, needed: &[&str], check: &mut Check) {
    // What is no map at all is reported already.
    if table::is_map(node) {
        for key in needed.iter().filter(|key| node.get(key).is_none()) {
            check.problem(node.at, format!("{what} lacks {key}"), "");
        }
    }
}
