//! Every try at the run, with the evidence of those that failed.

use domain::{AttemptState, Failure, Timestamp, units};
use maud::{Markup, html};

use crate::store::AttemptRecord;

pub(super) fn list(attempts: &[AttemptRecord]) -> Markup {
    html! {
        @if attempts.is_empty() { p.note { "None yet." } }
        ol.attempts { @for attempt in attempts { li {
            strong { (attempt.id) } " on " (attempt.device_name) ", leased " (attempt.leased_at) ": " (outcome(&attempt.state))
        } } }
    }
}

fn outcome(state: &AttemptState) -> Markup {
    let ended = |word: &str, at: &Timestamp| html! { span class={ "badge " (word) } { (word) } " " (at) };
    match state {
        AttemptState::Leased { .. } => html! { span.badge.active { "leased" } },
        AttemptState::Running { phase, .. } => html! { span.badge.active { (phase) } },
        AttemptState::Done { ended_at, .. } => ended("done", ended_at),
        AttemptState::Lost { ended_at, .. } => ended("lost", ended_at),
        AttemptState::Cancelled { ended_at, .. } => ended("cancelled", ended_at),
        AttemptState::Failed { ended_at, failure, .. } => html! { (ended("failed", ended_at)) (evidence(failure)) },
    }
}

fn evidence(failure: &Failure) -> Markup {
    let Failure { kind, message, stderr_tail, exit_code, signal, peak_rss_bytes, phase } = failure;
    html! {
        p.warning { (kind) " failure while " (phase) ": " (message) }
        p.note {
            @if let Some(code) = exit_code { "exit code " (code) ". " }
            @if let Some(signal) = signal { "signal " (signal) ". " }
            @if let Some(bytes) = peak_rss_bytes { "peak RSS " (units::bytes(*bytes)) "." }
        }
        @if !stderr_tail.is_empty() { details { summary { "Standard error" } pre { (stderr_tail) } } }
    }
}
