//! What stops a long-lived process from outside: SIGTERM, SIGINT, and the end of its terminal (SIGHUP).

use std::future::pending;
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens from now on; the future ends with the first signal. A process started to outlive its terminal (`nohup`) does.
pub fn until_stopped() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // Before listening: that would replace the disposition that is asked for.
    let mut hangup = if hangup_is_ignored() { None } else { Some(signal(SignalKind::hangup())?) };
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = received(hangup.as_mut()) => {}
        }
    })
}

async fn received(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => pending().await,
    }
}

/// Linux tells in proc(5), `SigIgn`: bit 0 is SIGHUP. Elsewhere nobody is asked, and the answer is no.
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 != 0)
}

/// Leaves the terminal's session, whose Ctrl-C is for the process that started this one to handle, and gets a scheduling
/// group of its own.
pub fn leave_session() {
    // The leader of a group can't, and has been set apart by whoever made it one.
    let _session = nix::unistd::setsid();
}
