//! Faults on purpose, so that tests can see each way a runner may die on the real path from agent to database. Asked for
//! by a hidden flag of the agent, for models by name; no campaign can.

use std::io::{self, Write as _};
use std::process;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{SigHandler, Signal, signal};

/// What goes wrong when the warm-up begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Segfault,
    Abort,
    /// Ends with code 0, and no report.
    Exit,
    /// Writes two GiB to standard error, then goes on.
    Stderr,
    /// Hears no SIGTERM, and does not end within a day.
    Deaf,
}

impl Fault {
    /// Reads `MODEL=FAULT`; the fault if it is meant for this model.
    pub(super) fn of(asked: &[String], model: &str) -> Option<Self> {
        let meant = asked.iter().filter_map(|text| text.split_once('='));
        let fault = meant.filter(|(name, _)| *name == model).map(|(_, fault)| fault).next()?;
        Some(match fault {
            "segfault" => Self::Segfault,
            "abort" => Self::Abort,
            "exit" => Self::Exit,
            "stderr" => Self::Stderr,
            "deaf" => Self::Deaf,
            _ => return None,
        })
    }

    pub(super) fn happen(self) {
        match self {
            Self::Segfault => {
                #[expect(unsafe_code, reason = "a segmentation fault is what is wanted")]
                // SAFETY: none; address 0 is never mapped, and the kernel ends the process here.
                unsafe {
                    std::ptr::null_mut::<u8>().write_volatile(0);
                }
            }
            Self::Abort => process::abort(),
            Self::Exit => process::exit(0),
            Self::Stderr => flood(),
            Self::Deaf => {
                #[expect(unsafe_code, reason = "a runner that ignores SIGTERM is what is wanted")]
                // SAFETY: ignoring a signal runs no handler.
                let _former = unsafe { signal(Signal::SIGTERM, SigHandler::SigIgn) };
                thread::sleep(Duration::from_hours(24));
            }
        }
    }
}

fn flood() {
    const LINE: [u8; 4096] = [b'.'; 4096];
    const LINES: usize = (2 << 30) / LINE.len();
    let mut stderr = io::stderr().lock();
    for _ in 0..LINES {
        if stderr.write_all(&LINE).is_err() {
            return;
        }
    }
    stderr.write_all(b"\nthe flood ends here\n").unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_for_the_model_it_names() {
        let asked = ["bad=segfault".to_owned(), "worse=exit".to_owned(), "odd=unheard-of".to_owned()];
        assert_eq!(Fault::of(&asked, "bad"), Some(Fault::Segfault));
        assert_eq!(Fault::of(&asked, "worse"), Some(Fault::Exit));
        assert_eq!((Fault::of(&asked, "good"), Fault::of(&asked, "odd")), (None, None));
    }
}
