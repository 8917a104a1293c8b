//! Tells from a runner's end whose fault it was. Pure.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Duration;

use domain::{AttemptPhase, Failure, FailureKind};
use nix::sys::signal::Signal;

use super::events::BadEvent;
use crate::session::KillReason;

/// What C++ and Rust write to standard error before they abort for lack of memory.
const OUT_OF_MEMORY_WORDS: [&str; 4] = ["bad_alloc", "memory allocation of", "Cannot allocate memory", "out of memory"];

/// Why the supervisor killed the runner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    Killed(KillReason),
    TimedOut(Duration),
    Garbage(BadEvent),
}

/// What is known beside the exit status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Evidence {
    pub(super) phase: AttemptPhase,
    pub(super) stderr_tail: String,
    pub(super) peak_rss_bytes: Option<u64>,
    pub(super) memory_ran_out: bool,
}

/// The failure of a runner that left no report.
pub(super) fn classify(why_killed: Option<End>, status: Option<ExitStatus>, evidence: Evidence) -> Failure {
    let exit_code = status.and_then(|status| status.code());
    let signal = status.and_then(|status| status.signal());
    let (kind, message) = match (why_killed, signal) {
        (Some(End::Killed(KillReason::Cancelled(reason))), _) => (FailureKind::Cancelled, reason),
        (Some(End::Killed(KillReason::LeaseLost)), _) => {
            (FailureKind::Infra, "the lease was lost and the device was wanted for another attempt".to_owned())
        }
        (Some(End::Killed(KillReason::Stopped)), _) => (FailureKind::Infra, "the agent was stopped".to_owned()),
        (Some(End::TimedOut(limit)), _) => {
            (FailureKind::Timeout, format!("the runner was killed after its {limit:?} while {}", evidence.phase))
        }
        (Some(End::Garbage(bad)), _) => {
            (FailureKind::Infra, format!("the runner wrote to its report pipe what no runner writes: {bad}"))
        }
        (None, Some(signal)) => by_signal(signal, &evidence),
        (None, None) => {
            let code = exit_code.map_or_else(|| "no".to_owned(), |code| code.to_string());
            (FailureKind::Model, format!("the runner exited with code {code} without a report"))
        }
    };
    let Evidence { phase, stderr_tail, peak_rss_bytes, memory_ran_out: _ } = evidence;
    Failure { kind, message, stderr_tail, exit_code, signal, peak_rss_bytes, phase }
}

/// The runner's own failure, with what only its supervisor knows.
pub(super) fn complete(failure: Failure, status: Option<ExitStatus>, evidence: Evidence) -> Failure {
    let Failure { kind, message, stderr_tail, exit_code, signal, peak_rss_bytes, phase } = failure;
    Failure {
        kind,
        message,
        stderr_tail: if stderr_tail.is_empty() { evidence.stderr_tail } else { stderr_tail },
        exit_code: exit_code.or_else(|| status.and_then(|status| status.code())),
        signal: signal.or_else(|| status.and_then(|status| status.signal())),
        peak_rss_bytes: peak_rss_bytes.max(evidence.peak_rss_bytes),
        phase,
    }
}

fn by_signal(signal: i32, evidence: &Evidence) -> (FailureKind, String) {
    let phase = evidence.phase;
    let name = Signal::try_from(signal).map_or_else(|_| format!("signal {signal}"), |signal| signal.to_string());
    let out_of_words = OUT_OF_MEMORY_WORDS.iter().any(|words| evidence.stderr_tail.contains(words));
    match Signal::try_from(signal) {
        Ok(Signal::SIGKILL) if evidence.memory_ran_out => {
            (FailureKind::OutOfMemory, format!("the kernel killed the runner for lack of memory while {phase}"))
        }
        Ok(Signal::SIGABRT) if out_of_words => {
            (FailureKind::OutOfMemory, format!("the runner aborted for lack of memory while {phase}"))
        }
        Ok(Signal::SIGSEGV | Signal::SIGABRT | Signal::SIGBUS | Signal::SIGILL | Signal::SIGFPE | Signal::SIGSYS) => {
            (FailureKind::Model, format!("the runner crashed with {name} while {phase}"))
        }
        _ => (
            FailureKind::Infra,
            format!("the runner was killed by signal {signal} ({name}) from outside while {phase}"),
        ),
    }
}
