//! The judgement, with the number behind every reason.

use domain::{Reason, Verdict, units};
use maud::{Markup, html};

use crate::web::layout::verdict_badge;

pub(super) fn section(verdict: &Verdict) -> Markup {
    html! {
        section {
            h2 { "Verdict" }
            p {
                (verdict_badge(verdict.level)) " at tier " code { (verdict.tier.name()) }
                @if verdict.reasons.is_empty() { ": nothing speaks against it." }
            }
            @if !verdict.reasons.is_empty() { (reasons(&verdict.reasons)) }
        }
    }
}

fn reasons(reasons: &[Reason]) -> Markup {
    html! {
        div.scroll { table {
            caption.hidden { "Reasons against the run" }
            thead { tr {
                th scope="col" { "Reason" } th scope="col" { "Makes it" } th scope="col" { "Because" }
                th.number scope="col" { "Value" } th.number scope="col" { "Threshold" }
            } }
            tbody { @for Reason { code, message, level, value, threshold, unit } in reasons { tr {
                th scope="row" { code { (code) } }
                td { (verdict_badge(*level)) }
                td.wide { (message) }
                td.number { (quantity(*value, unit)) }
                td.number { (quantity(*threshold, unit)) }
            } } }
        } }
    }
}

/// `-` where there is nothing to count.
fn quantity(value: f64, unit: &str) -> String {
    match unit {
        "" => "-".to_owned(),
        "share" => units::percent(value),
        "ratio" => format!("x{value:.2}"),
        "ns" => duration(value),
        "s" => duration(value * 1e9),
        unit => {
            let number = format!("{value:.2}");
            format!("{} {unit}", number.trim_end_matches('0').trim_end_matches('.'))
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates, and 0 is the least")]
fn duration(ns: f64) -> String {
    units::duration_ns(ns.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_told_in_its_unit() {
        for (value, unit, expected) in [
            (0.125, "share", "12.5 %"),
            (1.2, "ratio", "x1.20"),
            (35_200_000.0, "ns", "35.2 ms"),
            (1.5, "s", "1.50 s"),
            (100.0, "queries", "100 queries"),
            (0.0, "events", "0 events"),
            (0.0, "", "-"),
        ] {
            assert_eq!(quantity(value, unit), expected);
        }
    }
}
