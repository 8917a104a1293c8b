//! One Python process from start to end: its own process group, bounded output, a time limit, and nothing left behind.
//!
//! The process reads its stdin to the end on a thread of its own (`leash.py`, `variant.py`): if this program dies, however
//! it does, the pipe closes and the whole group ends itself.

use std::collections::VecDeque;
use std::io::{self, Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// Of stderr: a traceback's last lines.
const TAIL_BYTES: usize = 4096;
/// Of stdout: an answer is some kilobytes, a pip's output is nothing.
const OUTPUT_LIMIT_BYTES: u64 = 16 << 20;

/// How a process ended that was given its time.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr_tail: String,
}

/// What a process came to.
#[derive(Debug)]
pub(crate) enum End {
    Exited(Output),
    TimedOut { stderr_tail: String },
}

/// Runs a command, gives it `input` and then an open stdin, and waits at most `limit`. An error is one of starting it.
pub(crate) fn run(command: &mut Command, input: &[u8], limit: Duration) -> io::Result<End> {
    let child = command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut group = Group { child };
    let (Some(mut stdin), Some(stdout), Some(stderr)) =
        (group.child.stdin.take(), group.child.stdout.take(), group.child.stderr.take())
    else {
        return Err(io::Error::other("the process has no pipes"));
    };
    let (sender, receiver) = sync_channel(1);
    thread::scope(|scope| {
        let tail = scope.spawn(|| tail(stderr));
        scope.spawn(move || {
            let mut bytes = Vec::new();
            // What was read before an error is judged by whoever parses it.
            stdout.take(OUTPUT_LIMIT_BYTES).read_to_end(&mut bytes).unwrap_or_default();
            // Nobody listens any more when the time was over.
            sender.send(bytes).unwrap_or_default();
        });
        // A process that does not read its job ends by itself, and then tells why.
        stdin.write_all(input).and_then(|()| stdin.flush()).unwrap_or_default();
        let answered = receiver.recv_timeout(limit);
        if answered.is_err() {
            group.kill();
        }
        let status = group.child.wait()?;
        // What it started and left behind would keep stderr open.
        group.kill();
        drop(stdin);
        let stderr_tail = tail.join().unwrap_or_default();
        Ok(match answered {
            Ok(stdout) => End::Exited(Output { status, stdout, stderr_tail }),
            Err(_timeout) => End::TimedOut { stderr_tail },
        })
    })
}

/// Kills the group when dropped, so that a panic leaves nothing behind either.
struct Group {
    child: Child,
}

impl Group {
    fn kill(&self) {
        if let Ok(pid) = i32::try_from(self.child.id()) {
            // No such group: everybody has ended.
            killpg(Pid::from_raw(pid), Signal::SIGKILL).unwrap_or_default();
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // After `wait`, the group's number may belong to somebody else.
        if matches!(self.child.try_wait(), Ok(None)) {
            self.kill();
            self.child.wait().map(drop).unwrap_or_default();
        }
    }
}

/// Reads to the end and keeps the last bytes.
fn tail(mut stderr: ChildStderr) -> String {
    let mut kept = VecDeque::with_capacity(2 * TAIL_BYTES);
    let mut buffer = [0; TAIL_BYTES];
    while let Ok(count @ 1..) = stderr.read(&mut buffer) {
        kept.extend(&buffer[..count]);
        let excess = kept.len().saturating_sub(TAIL_BYTES);
        kept.drain(..excess);
    }
    let text = String::from_utf8_lossy(kept.make_contiguous()).trim().to_owned();
    if text.is_empty() { "nothing".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use std::io::BufRead as _;

    use super::*;
    use crate::scripts::LEASH;

    const LIMIT: Duration = Duration::from_mins(1);

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn output_and_last_words_are_kept() {
        let script = "read line; echo \"got $line\"; i=0; while [ $i -lt 2000 ]; do echo \"line $i\" >&2; i=$((i+1)); done; exit 3";
        let End::Exited(output) = run(&mut shell(script), b"a job\n", LIMIT).expect("started") else {
            panic!("timed out");
        };
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(3), &b"got a job\n"[..]));
        assert!(output.stderr_tail.ends_with("line 1999") && output.stderr_tail.len() <= TAIL_BYTES);
    }

    #[test]
    fn what_takes_too_long_is_killed_with_what_it_started() {
        let directory = tempfile::tempdir().expect("a directory");
        let pid_file = directory.path().join("pid");
        let script = format!("sleep 600 & echo $! > '{}'; echo working >&2; wait", pid_file.display());
        let end = run(&mut shell(&script), b"", Duration::from_millis(500)).expect("started");
        let End::TimedOut { stderr_tail } = end else { panic!("ended: {end:?}") };
        assert_eq!(stderr_tail, "working");
        let pid = std::fs::read_to_string(pid_file).expect("written").trim().parse().expect("a number");
        assert!(within_seconds(|| is_gone(Pid::from_raw(pid))), "the grandchild lives");
    }

    fn within_seconds(mut condition: impl FnMut() -> bool) -> bool {
        (0..1000).any(|_| {
            let holds = condition();
            if !holds {
                thread::park_timeout(Duration::from_millis(10));
            }
            holds
        })
    }

    /// Dead, or dead and not yet waited for by whoever inherited it.
    fn is_gone(pid: Pid) -> bool {
        let state = std::fs::read_to_string(format!("/proc/{pid}/stat"));
        state.is_ok_and(|text| text.contains(") Z")) || nix::sys::signal::kill(pid, None).is_err()
    }

    #[test]
    fn a_module_on_the_leash_ends_with_its_caller() {
        let mut child = Command::new("python3")
            .args(["-I", "-u", "-c", LEASH, "http.server", "--bind", "127.0.0.1", "0"])
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("started");
        let mut line = String::new();
        io::BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("read");
        assert!(line.contains("127.0.0.1"), "the module runs: {line}");
        drop(child.stdin.take());
        let mut group = Group { child };
        assert!(
            within_seconds(|| group.child.try_wait().expect("waited for").is_some()),
            "the module outlives its caller"
        );
    }
}
