//! The circumstances: what the machine is, and what happened on it meanwhile.

use domain::{Digest, Drift, Environment};
use maud::{Markup, html};

use super::facts;

pub(super) fn section(environment: &Environment, id: Option<&Digest>) -> Markup {
    let Environment { stable, volatile } = environment;
    html! {
        section {
            h2 { "Environment" @if let Some(id) = id { " " code { (id.short()) } } }
            p.note { "What should be the same in every run that is compared with this one: those of the same id." }
            (facts(&known(stable.facts())))
        }
        section {
            h2 { "Meanwhile" }
            (facts(&known(volatile.facts())))
            @if volatile.drift.is_empty() { p.note { "No fact of the environment is known to have changed." } }
            @else { (drift(&volatile.drift)) }
        }
    }
}

/// What a platform does not tell is never 0.
fn known(facts: Vec<(&'static str, Option<String>)>) -> Vec<(&'static str, String)> {
    facts.into_iter().map(|(name, fact)| (name, fact.unwrap_or_else(|| "not known".to_owned()))).collect()
}

fn drift(drift: &[Drift]) -> Markup {
    html! {
        div.scroll { table {
            caption { "Changed while measuring" }
            thead { tr { th scope="col" { "Fact" } th scope="col" { "Before" } th scope="col" { "After" } } }
            tbody { @for Drift { what, before, after } in drift { tr { th scope="row" { (what) } td { (before) } td { (after) } } } }
        } }
    }
}
