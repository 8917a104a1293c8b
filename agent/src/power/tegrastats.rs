//! NVIDIA's `tegrastats`, where the monitors themselves can't be read: one process that prints a line at each interval.
//!
//! Never one process a reading, and not started at all where [`super::jetson`] has a total.

mod line;

use std::io::{self, BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use domain::{Rail, RailKind};

use self::line::Line;
use super::jetson::{self, Place};
use super::sysfs::judged;
use super::{Absent, PowerSource, Probed, ReadError, Reading, Root, SourceInfo};
use crate::stopwatch;

const NAME: &str = "tegrastats";

/// Each line walks all of sysfs: twice a second stays well under a hundredth of a core.
const INTERVAL: Duration = Duration::from_millis(500);
/// The first line comes after one interval; a board that just booted takes longer.
const FIRST_LINE: Duration = Duration::from_secs(5);
/// Half a minute of lines: nobody is behind for longer.
const QUEUE: usize = 64;
/// The longest line known has 700 bytes.
const LINE_LIMIT_BYTES: u64 = 16 << 10;

pub(super) fn probe(root: &Arc<dyn Root>) -> Probed {
    let absent = |reason: &str, hint: Option<&str>| Absent {
        source: NAME,
        reason: reason.to_owned(),
        hint: hint.map(str::to_owned),
    };
    if jetson::find(root).is_ok_and(|found| found.total.is_some()) {
        return Err(absent("tegrastats is not needed: the monitors themselves are read", None));
    }
    let (feed, first) = match Feed::begin(root) {
        Ok(begun) => begun,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(absent("no program tegrastats", None)),
        Err(error) => return Err(absent(&format!("tegrastats tells nothing ({error})"), None)),
    };
    if first.rails.is_empty() {
        let hint = "on some releases it shows rails to root only";
        return Err(absent("tegrastats prints no rails", Some(hint)));
    }
    Ok(Box::new(Tegrastats::new(Arc::clone(root), feed, first)))
}

struct Tegrastats {
    root: Arc<dyn Root>,
    feed: Feed,
    info: SourceInfo,
    rails: Vec<Rail>,
    /// As the lines call them.
    names: Vec<String>,
    powered: Vec<bool>,
    total: Option<Vec<usize>>,
}

impl Tegrastats {
    fn new(root: Arc<dyn Root>, feed: Feed, first: Line) -> Self {
        let names: Vec<String> = first.rails.into_iter().map(|(name, _)| name).collect();
        let labels: Vec<&str> = names.iter().map(String::as_str).collect();
        let (places, total) = jetson::arrange(jetson::board(root.as_ref()), &labels);
        let key = |name: &str| format!("{NAME}/{name}");
        let rail = |(name, place): (&String, &Place)| {
            let Place { scope, parent, powered: _, greatest_w } = *place;
            Rail {
                parent: parent.map(|parent| key(&names[parent])),
                native: Some(INTERVAL),
                // Printed in whole milliwatts.
                quantum: Some(1e-3),
                greatest_w,
                ..Rail::new(key(name), scope, RailKind::Gauge { window: None })
            }
        };
        let rails = names.iter().zip(&places).map(rail).collect();
        let powered = places.iter().map(|place| place.powered).collect();
        let info = SourceInfo { name: NAME.to_owned(), poll: INTERVAL, facts: [].into(), remote: true };
        Self { root, feed, info, rails, names, powered, total }
    }

    /// A line with every rail: one that was cut short says nothing.
    fn take(&self, at_ns: i64, text: &str, readings: &mut Vec<Reading>) {
        let line = Line::parse(text);
        let watts = |name: &String| line.rails.iter().find(|(other, _)| other == name).map(|(_, watts)| *watts);
        let Some(all) = self.names.iter().map(watts).collect::<Option<Vec<f64>>>() else { return };
        readings.extend(all.into_iter().enumerate().map(|(rail, watts)| Reading {
            rail,
            begin_ns: at_ns,
            end_ns: at_ns,
            value: judged(watts, &self.rails[rail], self.powered[rail]),
        }));
    }
}

impl PowerSource for Tegrastats {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn rails(&self) -> &[Rail] {
        &self.rails
    }

    fn total(&self) -> Option<&[usize]> {
        self.total.as_deref()
    }

    fn read(&mut self, readings: &mut Vec<Reading>) -> Result<(), ReadError> {
        loop {
            match self.feed.next() {
                Ok(Some((at_ns, text))) => self.take(at_ns, &text, readings),
                Ok(None) => return Ok(()),
                Err(error) => return Err(ReadError::Gone(format!("tegrastats ended ({error})"))),
            }
            if matches!(self.feed, Feed::File(_)) {
                return Ok(());
            }
        }
    }

    fn recheck(&mut self) -> Result<(), ReadError> {
        let gone = |error: io::Error| ReadError::Gone(format!("tegrastats does not start again ({error})"));
        (self.feed, _) = Feed::begin(&self.root).map_err(gone)?;
        Ok(())
    }
}

/// Where lines come from.
enum Feed {
    Process(Process),
    /// What stands for it in a tree.
    File(Arc<dyn Root>),
}

impl Feed {
    /// Starts it and waits for the first line.
    fn begin(root: &Arc<dyn Root>) -> io::Result<(Self, Line)> {
        if root.real() {
            let process = Process::start(NAME)?;
            let first = process.wait_for_line()?;
            return Ok((Self::Process(process), first));
        }
        let first = last_line(&root.tool(NAME, &[])?);
        Ok((Self::File(Arc::clone(root)), Line::parse(&first)))
    }

    /// The next line that is there, with when it came.
    fn next(&self) -> io::Result<Option<(i64, String)>> {
        match self {
            Self::Process(process) => match process.lines.try_recv() {
                Ok(line) => Ok(Some(line)),
                Err(TryRecvError::Empty) => Ok(None),
                Err(TryRecvError::Disconnected) => Err(io::ErrorKind::BrokenPipe.into()),
            },
            Self::File(root) => Ok(Some((stopwatch::monotonic_ns(), last_line(&root.tool(NAME, &[])?)))),
        }
    }
}

fn last_line(text: &str) -> String {
    text.lines().last().unwrap_or_default().to_owned()
}

/// A running tegrastats. Ends with it.
struct Process {
    child: Child,
    lines: Receiver<(i64, String)>,
    reader: Option<JoinHandle<()>>,
}

impl Process {
    fn start(program: &str) -> io::Result<Self> {
        let mut child = Command::new(program)
            .args(["--interval", &INTERVAL.as_millis().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (sender, lines) = sync_channel(QUEUE);
        let stdout = child.stdout.take();
        let reader = std::thread::spawn(move || {
            if let Some(stdout) = stdout {
                forward(BufReader::new(stdout), &sender);
            }
        });
        Ok(Self { child, lines, reader: Some(reader) })
    }

    fn wait_for_line(&self) -> io::Result<Line> {
        let (_, text) = self.lines.recv_timeout(FIRST_LINE).map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Line::parse(&text))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already; either way it is waited for.
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
        if let Some(reader) = self.reader.take() {
            // The pipe has ended. A panic of the reader is on record already.
            reader.join().unwrap_or_default();
        }
    }
}

/// Hands on each line with the moment it came, until the pipe ends. A last line without its end is no line.
fn forward(mut lines: impl io::BufRead, sender: &SyncSender<(i64, String)>) {
    let mut line = Vec::new();
    loop {
        line.clear();
        match lines.by_ref().take(LINE_LIMIT_BYTES).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) if line.last() != Some(&b'\n') => {}
            Ok(_) => {
                let text = String::from_utf8_lossy(&line).into_owned();
                // A full queue means that nobody reads: the line is a gap.
                let _full = sender.try_send((stopwatch::monotonic_ns(), text));
            }
        }
    }
}

#[cfg(test)]
mod tests;
