//! The circumstances: what the machine is, and what happened on it meanwhile. The one list of them for pages.

use std::collections::BTreeMap;

use domain::{Digest, Drift, Environment, StableEnvironment, VolatileEnvironment, units};
use maud::{Markup, html};

use super::facts;

pub(super) fn section(environment: &Environment, id: Option<&Digest>) -> Markup {
    let Environment { stable, volatile } = environment;
    html! {
        section {
            h2 { "Environment" @if let Some(id) = id { " " code { (id.short()) } } }
            p.note { "What should be the same in every run that is compared with this one: those of the same id." }
            (facts(&stable_facts(stable)))
        }
        section {
            h2 { "Meanwhile" }
            (facts(&volatile_facts(volatile)))
            @if volatile.drift.is_empty() { p.note { "No fact of the environment is known to have changed." } }
            @else { (drift(&volatile.drift)) }
        }
    }
}

fn stable_facts(stable: &StableEnvironment) -> Vec<(&'static str, String)> {
    let StableEnvironment {
        agent_version,
        runtime_version,
        runtime_build,
        runtime_sha256,
        provider,
        provider_options,
        cpu_model,
        isa,
        cores,
        memory_bytes,
        kernel,
        governor,
        boost,
        huge_pages,
        affinity,
        variables,
    } = stable;
    vec![
        ("Processor", format!("{cpu_model}, {cores} cores")),
        ("Instruction set", isa.join(", ")),
        ("Memory", known(memory_bytes.map(units::bytes))),
        ("Runtime", format!("onnxruntime {runtime_version} {runtime_build}").trim_end().to_owned()),
        ("Runtime library", known((!runtime_sha256.is_empty()).then(|| format!("sha256 {runtime_sha256}")))),
        ("Provider", [provider.clone(), pairs(provider_options)].join(" ").trim_end().to_owned()),
        ("Kernel", kernel.clone()),
        ("Governor", known(governor.clone())),
        ("Frequency boost", known(boost.map(|on| if on { "on" } else { "off" }.to_owned()))),
        ("Huge pages", known(huge_pages.clone())),
        ("Confined to processors", affinity.clone().unwrap_or_else(|| "all".to_owned())),
        ("Variables", if variables.is_empty() { "none".to_owned() } else { pairs(variables) }),
        ("Agent", agent_version.clone()),
    ]
}

fn volatile_facts(volatile: &VolatileEnvironment) -> Vec<(&'static str, String)> {
    let VolatileEnvironment {
        foreign_cpu_share,
        processor_wait_share,
        involuntary_switches,
        load_average,
        autogroup_raised,
        cpu_pressure,
        memory_pressure,
        io_pressure,
        frequency_start_mhz,
        frequency_end_mhz,
        temperature_start_c,
        temperature_end_c,
        throttle_events,
        available_bytes,
        drift: _,
    } = volatile;
    let pressure = |share: &Option<f64>| known(share.map(units::percent));
    let celsius = |degrees: &f64| format!("{degrees:.1} C");
    vec![
        (
            "Other processes",
            known(foreign_cpu_share.map(|share| format!("{} of all processors", units::percent(share)))),
        ),
        ("Runner waited for a processor", known(processor_wait_share.map(units::percent))),
        ("Involuntary switches", known(involuntary_switches.map(|count| count.to_string()))),
        ("Load average before", known(load_average.map(|load| format!("{load:.2}")))),
        ("Own scheduling group", if *autogroup_raised { "raised" } else { "not raised" }.to_owned()),
        ("Tasks waited for processors", pressure(cpu_pressure)),
        ("Tasks waited for memory", pressure(memory_pressure)),
        ("Tasks waited for I/O", pressure(io_pressure)),
        (
            "Mean frequency",
            from_to(frequency_start_mhz.as_ref(), frequency_end_mhz.as_ref(), |mhz| format!("{mhz} MHz")),
        ),
        ("Hottest zone", from_to(temperature_start_c.as_ref(), temperature_end_c.as_ref(), celsius)),
        ("Throttled", known(throttle_events.map(|count| format!("{count} times")))),
        ("Memory available before", known(available_bytes.map(units::bytes))),
    ]
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

/// What a platform does not tell is never 0.
fn known(fact: Option<String>) -> String {
    fact.unwrap_or_else(|| "not known".to_owned())
}

fn from_to<T>(from: Option<&T>, to: Option<&T>, show: impl Fn(&T) -> String) -> String {
    match (from, to) {
        (None, None) => known(None),
        (from, to) => format!("{} to {}", known(from.map(&show)), known(to.map(&show))),
    }
}

fn pairs(pairs: &BTreeMap<String, String>) -> String {
    pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
}
