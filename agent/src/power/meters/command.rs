//! Any program that prints what a meter reads: the bridge to instruments whose makers offer a library in another language. One
//! child for as long as the source lives; it is ended with its whole process group when the source is dropped.
//!
//! A line is `WATTS` or `T,WATTS` or `T,WATTS,RECEIVED/EXPECTED`, ended by a newline. T: seconds by the program's own clock, from
//! any origin, when the reading was taken; `-` = now. RECEIVED/EXPECTED: samples behind the line, where an instrument can lose
//! some. Lines that begin with `#`, and empty ones, are left out. Anything else is counted as a gap. For instance:
//!
//! | instrument | a line | what it is |
//! |---|---|---|
//! | Monsoon | `12.500,4.2131,2498/2500` | half a second at 5 kHz, two samples lost; above 0.5 % the line is a gap |
//! | Joulescope | `1.500,2.6010` | `p_avg` of one block of statistics (or [`super::joulescope`], which needs no script) |
//! | Otii | `4.000,0.2091` | mean of a channel's statistics over the last second (or [`super::otii`]) |
//! | PTDaemon | `1615916458.123,22.95` | `Watts` at `Time` (or [`super::ptd`]) |
//! | SCPI | `-,22.95` | the answer to `:NUMERIC:NORMAL:VALUE? 1` |

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use domain::{Rail, RailKind, Scope};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::super::{Absent, Fault, PowerSource, Probed, ReadError, Reading, SourceInfo};
use super::alignment::{Alignment, Arrived, Placed, nanoseconds};
use super::feed::{Fed, Feed};
use super::joulescope::Joulescope;
use super::value;
use crate::stopwatch;

/// The program writes when it likes; this is only how often its queue is emptied.
const POLL: Duration = Duration::from_millis(500);
/// An instrument on USB takes some seconds to be found and opened.
const FIRST_LINE: Duration = Duration::from_secs(15);
/// Between two starts of a program that dies.
const RESTART_NS: i64 = 10_000_000_000;
/// Without a line for so long the meter is stale, as a plug would be.
const STALE_NS: i64 = 3_000_000_000;
/// The longest line that means anything; a Joulescope's has 250 bytes.
const LINE_LIMIT_BYTES: u64 = 1_024;
/// Monsoon's own bound: more loss than this spoils the mean.
const LOSS_LIMIT: f64 = 0.005;

/// What a program prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Watts,
    Joulescope,
}

/// One line as it was understood.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Line {
    /// By the program's clock; `None` = when it came.
    pub(super) meter_ns: Option<i64>,
    pub(super) value: Result<f64, Fault>,
}

pub(super) fn open(words: &[String], scope: Scope) -> Probed {
    let rail = |program: &str| Rail::new(format!("command@{program}/power"), scope, RailKind::Gauge { window: None });
    Ok(Box::new(start("command", Format::Watts, words, rail)?))
}

pub(super) fn open_joulescope(words: &[String], scope: Scope) -> Probed {
    let rail = |_: &str| Rail::new("joulescope/energy", scope, RailKind::Counter { range_j: None });
    Ok(Box::new(start("joulescope", Format::Joulescope, words, rail)?))
}

fn start(
    source: &'static str,
    format: Format,
    words: &[String],
    rail: impl Fn(&str) -> Rail,
) -> Result<Program, Absent> {
    let absent = |reason: String| {
        let hint =
            "run the program by hand: it must print lines such as `1.5,4.25` (seconds, watts) without being asked";
        Absent { source, reason, hint: Some(hint.to_owned()) }
    };
    let running = Running::start(words, format).map_err(|error| absent(format!("it can't be started: {error}")))?;
    match running.feed.first(FIRST_LINE) {
        Ok(true) => {}
        Ok(false) => return Err(absent(format!("it printed no reading within {} s", FIRST_LINE.as_secs()))),
        Err(why) => return Err(absent(why)),
    }
    let program = words.first().map_or("", |program| program.rsplit('/').next().unwrap_or(program));
    let info = SourceInfo { name: source.to_owned(), poll: POLL, facts: BTreeMap::new(), remote: true };
    let fed = Fed { info, rails: vec![rail(program)], feed: Arc::clone(&running.feed) };
    let started_ns = stopwatch::monotonic_ns();
    Ok(Program { words: words.to_vec(), format, fed, running, started_ns, told: false, heard_ns: started_ns })
}

/// The source: a running program, and how to start it again.
struct Program {
    words: Vec<String>,
    format: Format,
    fed: Fed,
    running: Running,
    started_ns: i64,
    /// Whether its end was told.
    told: bool,
    /// When something was last read.
    heard_ns: i64,
}

impl PowerSource for Program {
    fn info(&self) -> &SourceInfo {
        self.fed.info()
    }

    fn rails(&self) -> &[Rail] {
        self.fed.rails()
    }

    fn total(&self) -> Option<&[usize]> {
        self.fed.total()
    }

    fn read(&mut self, readings: &mut Vec<Reading>) -> Result<(), ReadError> {
        let before = readings.len();
        match self.fed.read(readings) {
            // First its last words; from then on the caller may ask to start it again.
            Err(ReadError::Failed(why)) if self.told => Err(ReadError::Gone(why)),
            Err(error) => {
                self.told = true;
                Err(error)
            }
            Ok(()) => {
                let now_ns = stopwatch::monotonic_ns();
                if readings.len() > before {
                    self.heard_ns = now_ns;
                } else if now_ns - self.heard_ns >= STALE_NS {
                    self.heard_ns = now_ns;
                    readings.push(Reading { rail: 0, begin_ns: now_ns, end_ns: now_ns, value: Err(Fault::Stale) });
                }
                Ok(())
            }
        }
    }

    fn clock_offset_ns(&self) -> Option<u64> {
        self.fed.clock_offset_ns()
    }

    fn recheck(&mut self) -> Result<(), ReadError> {
        let now_ns = stopwatch::monotonic_ns();
        if now_ns - self.started_ns < RESTART_NS {
            return Err(ReadError::Gone(format!("`{}` ended a moment ago", self.words.join(" "))));
        }
        self.started_ns = now_ns;
        let started = Running::start(&self.words, self.format);
        self.running = started.map_err(|error| ReadError::Gone(format!("it can't be started again: {error}")))?;
        self.fed.feed = Arc::clone(&self.running.feed);
        self.told = false;
        Ok(())
    }
}

/// A child. The threads that listen to it end with its pipes; nobody waits for them, since somebody may hold a pipe open.
struct Running {
    child: Child,
    feed: Arc<Feed>,
}

impl Running {
    fn start(words: &[String], format: Format) -> std::io::Result<Self> {
        let (program, arguments) = words.split_first().ok_or(std::io::ErrorKind::InvalidInput)?;
        let mut child = Command::new(program)
            .args(arguments)
            // Python keeps back what it prints into a pipe.
            .env("PYTHONUNBUFFERED", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own: a shell's children end with it.
            .process_group(0)
            .spawn()?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let feed = Arc::new(Feed::default());
        // From here on an error ends the child again.
        let running = Self { child, feed };
        let pushed = Arc::clone(&running.feed);
        let thread = std::thread::Builder::new().name("furlong-meter".to_owned());
        thread.spawn(move || listen(stdout, stderr, format, &pushed))?;
        Ok(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A process that already ended can't be ended again.
        if let Ok(group) = i32::try_from(self.child.id()) {
            killpg(Pid::from_raw(group), Signal::SIGKILL).unwrap_or_default();
        }
        self.child.wait().map(drop).unwrap_or_default();
    }
}

/// Reads the child's lines until there are none.
fn listen(stdout: Option<ChildStdout>, stderr: Option<ChildStderr>, format: Format, feed: &Feed) {
    let complaint = stderr.and_then(|stderr| {
        std::thread::Builder::new().name("furlong-meter".to_owned()).spawn(move || last_line(stderr)).ok()
    });
    if let Some(stdout) = stdout {
        let mut lines = Lines { reader: BufReader::new(stdout), buffer: Vec::new() };
        let mut listener = Listener::new(format);
        while let Some(line) = lines.next() {
            listener.take(line, stopwatch::monotonic_ns(), feed);
        }
        listener.finish(feed);
    }
    let words = complaint.and_then(|thread| thread.join().ok()).unwrap_or_default();
    feed.end(match words.as_str() {
        "" => "the program ended without a word on its standard error".to_owned(),
        words => format!("the program ended; its last words: {words}"),
    });
}

/// Understands lines and puts them on the device's clock.
struct Listener {
    format: Format,
    joulescope: Joulescope,
    alignment: Alignment,
    placed: Vec<Placed>,
}

impl Listener {
    fn new(format: Format) -> Self {
        Self { format, joulescope: Joulescope::default(), alignment: Alignment::default(), placed: Vec::new() }
    }

    fn take(&mut self, line: Result<&str, TooLong>, arrival_ns: i64, feed: &Feed) {
        let understood = match (line, self.format) {
            (Ok(line), Format::Watts) => parse(line),
            (Ok(line), Format::Joulescope) => self.joulescope.take(line),
            (Err(TooLong), _) => Some(Line { meter_ns: None, value: Err(Fault::NotANumber) }),
        };
        let Some(Line { meter_ns, value }) = understood else { return };
        match meter_ns {
            Some(meter_ns) => {
                self.alignment.take(Arrived { meter_ns, arrival_ns, value }, &mut self.placed);
                feed.tell_offset(self.alignment.greatest_ns());
            }
            None => self.placed.push(Placed { at_ns: arrival_ns, value }),
        }
        self.push(feed);
    }

    /// Nothing more will come: what was kept back is placed as well as can be.
    fn finish(&mut self, feed: &Feed) {
        self.alignment.finish(&mut self.placed);
        self.push(feed);
    }

    fn push(&mut self, feed: &Feed) {
        for Placed { at_ns, value } in self.placed.drain(..) {
            feed.push(Reading { rail: 0, begin_ns: at_ns, end_ns: at_ns, value });
        }
    }
}

/// `None`: nothing is meant by it.
fn parse(line: &str) -> Option<Line> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let mut fields = line.split(',').map(str::trim);
    let understood = match (fields.next(), fields.next(), fields.next(), fields.next()) {
        (Some(watts), None, ..) | (Some("-"), Some(watts), None, _) => {
            Line { meter_ns: None, value: value::watts_of(watts) }
        }
        (Some(at), Some(watts), counts, None) => match at.parse().ok().and_then(nanoseconds) {
            Some(meter_ns) => Line { meter_ns: Some(meter_ns), value: complete(counts).and(value::watts_of(watts)) },
            None => Line { meter_ns: None, value: Err(Fault::NotANumber) },
        },
        _ => Line { meter_ns: None, value: Err(Fault::NotANumber) },
    };
    Some(understood)
}

/// Whether enough samples are behind a line.
fn complete(counts: Option<&str>) -> Result<(), Fault> {
    let Some(counts) = counts else { return Ok(()) };
    let (received, expected) = counts.split_once('/').ok_or(Fault::NotANumber)?;
    let number = |text: &str| text.parse::<u32>().map_err(|_not_a_count| Fault::NotANumber);
    let (received, expected) = (f64::from(number(received)?), f64::from(number(expected)?));
    if (expected - received).abs() > LOSS_LIMIT * expected { Err(Fault::Broken) } else { Ok(()) }
}

/// A line too long to mean anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct TooLong;

/// Whole lines of bounded length.
struct Lines<R> {
    reader: BufReader<R>,
    buffer: Vec<u8>,
}

impl<R: Read> Lines<R> {
    /// `None`: the end; what stands there without a newline was cut short by it and is thrown away.
    fn next(&mut self) -> Option<Result<&str, TooLong>> {
        let mut too_long = false;
        loop {
            self.buffer.clear();
            let read = self.reader.by_ref().take(LINE_LIMIT_BYTES).read_until(b'\n', &mut self.buffer);
            match (read, self.buffer.last()) {
                (Ok(1..), Some(b'\n')) if too_long => return Some(Err(TooLong)),
                // What is no text is no number either.
                (Ok(1..), Some(b'\n')) => return Some(Ok(std::str::from_utf8(&self.buffer).unwrap_or("?"))),
                (Ok(length), _) if length as u64 == LINE_LIMIT_BYTES => too_long = true,
                _ => return None,
            }
        }
    }
}

/// The last line that was complained, shortened.
fn last_line(stderr: ChildStderr) -> String {
    let mut lines = Lines { reader: BufReader::new(stderr), buffer: Vec::new() };
    let mut last = String::new();
    while let Some(line) = lines.next() {
        if let Some(line) = line.ok().map(str::trim).filter(|line| !line.is_empty()) {
            line.clone_into(&mut last);
        }
    }
    last
}

#[cfg(test)]
mod tests;
