//! Runs a platform's own tool, bounded in time and in what it may print.

use std::io::{self, Read as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::stopwatch;

/// `dumpsys` on a busy phone takes two seconds.
const PATIENCE: Duration = Duration::from_secs(10);
/// Beyond this nothing of interest follows.
const OUTPUT_LIMIT_BYTES: u64 = 1 << 20;

/// What `program` prints; an error with the end of its complaint if it fails.
pub(super) fn run(program: &str, arguments: &[&str]) -> io::Result<String> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let reader = |pipe: Option<Box<dyn io::Read + Send>>| {
        std::thread::spawn(move || {
            let mut text = Vec::new();
            pipe.map_or(Ok(0), |pipe| pipe.take(OUTPUT_LIMIT_BYTES).read_to_end(&mut text)).unwrap_or_default();
            String::from_utf8_lossy(&text).into_owned()
        })
    };
    let printed = reader(stdout.map(|pipe| Box::new(pipe) as _));
    let complained = reader(stderr.map(|pipe| Box::new(pipe) as _));
    let begin = stopwatch::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if stopwatch::now() - begin > PATIENCE {
            child.kill().unwrap_or_default();
            child.wait()?;
            return Err(io::Error::new(io::ErrorKind::TimedOut, format!("`{program}` took longer than {PATIENCE:?}")));
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let text = printed.join().unwrap_or_default();
    if status.success() {
        return Ok(text);
    }
    let complaint = complained.join().unwrap_or_default();
    Err(io::Error::other(format!("`{program}` ended with {status}: {}", complaint.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_prints_fails_or_is_not_there() {
        assert_eq!(run("echo", &["one", "two"]).expect("printed"), "one two\n");
        let failed = run("sh", &["-c", "echo why >&2; exit 3"]).expect_err("failed");
        assert!(failed.to_string().contains("why"), "{failed}");
        assert_eq!(run("furlong-no-such-tool", &[]).expect_err("absent").kind(), io::ErrorKind::NotFound);
    }
}
