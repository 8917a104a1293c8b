//! The frame of every page, and the small pieces that several pages show alike.

use domain::{CampaignState, DeviceState, RunState, VerdictLevel, units};
use maud::{DOCTYPE, Markup, html};

use crate::{engine::DeviceView, store::RunCounts};

/// What distinguishes a page's frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page<'a> {
    pub(super) title: &'a str,
    /// Loads itself again every 2 s.
    pub(super) refresh: bool,
}

pub(super) fn page(page: Page<'_>, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                @if page.refresh { meta http-equiv="refresh" content="2"; }
                title { (page.title) " - Furlong" }
                link rel="stylesheet" href="/style.css";
            }
            body {
                header {
                    a.brand href="/" { "Furlong" }
                    nav aria-label="Main" { a href="/" { "Campaigns" } a href="/devices" { "Devices" } }
                }
                main { h1 { (page.title) } (body) }
            }
        }
    }
}

pub(super) fn run_badge(state: RunState) -> Markup {
    html! { span class={ "badge " (state.name()) } { (state.name()) } }
}

pub(super) fn campaign_badge(state: CampaignState) -> Markup {
    html! { span class={ "badge " (state.name()) } { (state.name()) } }
}

pub(super) fn device_badge(state: DeviceState) -> Markup {
    html! { span class={ "badge " (state.name()) } { (state.name()) } }
}

pub(super) fn verdict_badge(level: VerdictLevel) -> Markup {
    html! { span class={ "badge " (level.name()) } { (level.name()) } }
}

/// No figure of a simulated board stands anywhere without it.
pub(super) fn simulated(board: &str) -> Markup {
    html! { span class="badge simulated" title=(format!("a simulated {board}: its readings come from no board")) { "simulated" } }
}

/// How hot a device is, and when it will be cool enough for runs that wait until it is.
pub(super) fn heat(view: &DeviceView) -> Markup {
    html! {
        @if let Some((heat, told)) = view.record.heat {
            (units::celsius(heat.temperature_c))
            @if view.state == DeviceState::Offline { " " span.note { "at " (told) } }
            @else if !heat.cool {
                " " span.note {
                    "cooling"
                    @if let Some(wait) = heat.wait { ", ready in ~" (wait.as_secs()) " s" }
                }
            }
        } @else { span.note { "not known" } }
    }
}

/// How far a campaign has come: a bar of done, failed and active runs, with the same in words.
pub(super) fn progress(runs: &RunCounts) -> Markup {
    let share = |count: u32| f64::from(count) * 100.0 / f64::from(runs.total.max(1));
    let words = [
        (runs.done, "done"),
        (runs.failed, "failed"),
        (runs.cancelled, "cancelled"),
        (runs.active, "active"),
        (runs.ready, "ready"),
    ]
    .iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, word)| format!("{count} {word}"))
    .collect::<Vec<_>>()
    .join(", ");
    html! {
        div.progress role="img" aria-label=(format!("{words} of {} runs", runs.total)) {
            @for (count, class) in [(runs.done, "done"), (runs.failed, "failed"), (runs.cancelled, "cancelled"), (runs.active, "active")] {
                @if count > 0 { span class=(class) style=(format!("width:{:.2}%", share(count))) {} }
            }
        }
        p.note { (words) " of " (runs.total) " runs" }
    }
}

pub(super) fn device_table(devices: &[DeviceView]) -> Markup {
    html! {
        @if devices.is_empty() {
            p.note { "No agent has connected yet. Start one with " code { "furlong agent" } "." }
        } @else {
            div.scroll { table {
                caption.hidden { "Devices" }
                thead { tr {
                    th scope="col" { "Device" } th scope="col" { "State" } th scope="col" { "Run" } th scope="col" { "Temperature" } th scope="col" { "Processor" }
                    th.number scope="col" { "Cores" } th scope="col" { "Runtime" } th scope="col" { "Labels" } th scope="col" { "Last heard" }
                } }
                tbody { @for view @ DeviceView { record, state } in devices { tr {
                    th scope="row" { (record.name) @if let Some(board) = &record.facts.simulated { " " (simulated(board)) } }
                    td { (device_badge(*state)) }
                    td { @if let Some(run) = record.current_run { a href=(format!("/r/{}", run.0)) { (run) } } }
                    td { (heat(view)) }
                    td { (record.facts.cpu_model) " " span.note { (record.facts.arch) ", " (record.facts.os) } }
                    td.number { @if record.facts.cores > 0 { (record.facts.cores) } @else { span.note { "not known" } } }
                    td { @if let Some(version) = &record.facts.runtime_version { "onnxruntime " (version) } @else { span.note { "none found" } } }
                    td { @for (key, value) in &record.labels { code { (key) "=" (value) } " " } }
                    td { (record.last_seen) }
                } } }
            } }
        }
    }
}
