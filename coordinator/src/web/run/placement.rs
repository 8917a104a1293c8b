//! Where the operators ran.

use domain::{OperatorTime, PlacedNode, Placement, ProviderShare, Requirement, units};
use maud::{Markup, html};

/// Operators listed; the rest has little time.
const OPERATORS: usize = 15;

/// `problem`: why it is not known.
pub(super) fn section(required: Option<&Requirement>, placement: Option<&Placement>, problem: Option<&str>) -> Markup {
    html! {
        section {
            h2 { "Placement" }
            @if let Some(Requirement { provider, min_share_millionths }) = required {
                p { "Required: at least " (units::percent(f64::from(*min_share_millionths) / 1e6)) " of nodes and time on " (provider) "." }
            }
            @match placement {
                Some(placement) => (known(placement)),
                None => p.note { "Where the operators ran is not known: " (problem.unwrap_or("it was not recorded")) "." },
            }
        }
    }
}

fn known(placement: &Placement) -> Markup {
    let Placement { calls, nodes, nodes_left_out, providers, operators } = placement;
    let total_ns = providers.iter().map(|share| share.time_ns).fold(0, u64::saturating_add);
    html! {
        (provider_table(placement, providers))
        (operator_table(operators, total_ns))
        p.note {
            @if operators.len() > OPERATORS { "The " (OPERATORS) " of " (operators.len()) " operators that took most time. " }
            "From a profiling pass of its own (calls: " (calls) "): the times are for comparing operators, not for quoting."
        }
        details {
            summary { "Nodes in order of execution (" (nodes.len()) ")" }
            (node_table(nodes))
            @if *nodes_left_out > 0 { p.note { (nodes_left_out) " more were not kept." } }
        }
    }
}

fn provider_table(placement: &Placement, providers: &[ProviderShare]) -> Markup {
    html! {
        div.scroll { table {
            caption.hidden { "Nodes and time by provider" }
            thead { tr {
                th scope="col" { "Provider" } th.number scope="col" { "Nodes" } th.number scope="col" { "Share of nodes" }
                th.number scope="col" { "Time of a call" } th.number scope="col" { "Share of time" }
            } }
            tbody { @for ProviderShare { provider, nodes, time_ns } in providers { tr {
                th scope="row" { (provider) }
                td.number { (nodes) }
                td.number { (units::percent(placement.share_of_nodes(provider))) }
                td.number { (units::duration_ns(*time_ns)) }
                td.number { (units::percent(placement.share_of_time(provider))) }
            } } }
        } }
    }
}

fn operator_table(operators: &[OperatorTime], total_ns: u64) -> Markup {
    html! {
        div.scroll { table {
            caption.hidden { "Operators by time" }
            thead { tr {
                th scope="col" { "Operator" } th scope="col" { "Provider" } th.number scope="col" { "Nodes" }
                th.number scope="col" { "Time of a call" } th.number scope="col" { "Share of time" }
            } }
            tbody { @for OperatorTime { operator, provider, nodes, time_ns } in operators.iter().take(OPERATORS) { tr {
                th scope="row" { (operator) }
                td { (provider) }
                td.number { (nodes) }
                td.number { (units::duration_ns(*time_ns)) }
                td.number { (units::percent(share(*time_ns, total_ns))) }
            } } }
        } }
    }
}

fn node_table(nodes: &[PlacedNode]) -> Markup {
    html! {
        div.scroll { table {
            caption.hidden { "Nodes in order of execution" }
            thead { tr {
                th scope="col" { "Node" } th scope="col" { "Operator" } th scope="col" { "Provider" } th.number scope="col" { "Time of a call" }
            } }
            tbody { @for PlacedNode { name, operator, provider, time_ns } in nodes { tr {
                th scope="row" { (name) } td { (operator) } td { (provider) } td.number { (units::duration_ns(*time_ns)) }
            } } }
        } }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share to a digit")]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}
