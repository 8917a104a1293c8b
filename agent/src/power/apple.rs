//! An Apple chip's power as `powermetrics` tells it: a model of its processors, graphics and neural engine, and no sensor.
//!
//! One process for the agent's whole life, which prints a document at each interval; it needs root, and this agent never asks
//! for more rights than it was started with.

use std::io::{self, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::time::Duration;

use domain::{Rail, RailKind, Scope};
use quick_xml::Reader;
use quick_xml::events::Event;

use super::{Absent, Fault, PowerSource, Probed, ReadError, Reading, Root, SourceInfo};
use crate::stopwatch;

const NAME: &str = "powermetrics";
const INTERVAL: Duration = Duration::from_millis(500);
const ARGUMENTS: [&str; 6] = ["-f", "plist", "-i", "500", "--samplers", "cpu_power,gpu_power,ane_power,thermal"];
/// Half a minute of documents: nobody is behind for longer.
const QUEUE: usize = 64;
/// A document of the largest chip has some 200 kB.
const DOCUMENT_LIMIT_BYTES: usize = 4 << 20;
/// Energies are told in whole millijoules.
const QUANTUM_W: f64 = 1e-3 / 0.5;
/// The largest chip of two dies.
const GREATEST_W: f64 = 400.0;
/// Rails by the document's keys.
const RAILS: [&str; 3] = ["cpu", "gpu", "ane"];

pub(super) fn probe(root: &Arc<dyn Root>) -> Probed {
    let absent = |reason: &str, hint: Option<&str>| Absent {
        source: NAME,
        reason: reason.to_owned(),
        hint: hint.map(str::to_owned),
    };
    let feed = if root.real() {
        if !cfg!(target_os = "macos") {
            return Err(absent("no macOS", None));
        }
        if !nix::unistd::geteuid().is_root() {
            let hint = "run the agent as root, or connect an external meter, see --power-meter";
            return Err(absent("powermetrics tells power to root only", Some(hint)));
        }
        Feed::start().map_err(|error| absent(&format!("powermetrics can't be started ({error})"), None))?
    } else {
        match root.tool(NAME, &[]) {
            Ok(text) if Document::parse(&text).is_some() => Feed::Tree(None),
            Ok(_) => return Err(absent("powermetrics prints no document", None)),
            Err(_) => return Err(absent("no powermetrics", None)),
        }
    };
    let rail = |name: &&str| Rail {
        native: Some(INTERVAL),
        quantum: Some(QUANTUM_W),
        greatest_w: Some(GREATEST_W),
        ..Rail::new(format!("{NAME}/{name}"), Scope::ModelEstimate, RailKind::Gauge { window: Some(INTERVAL) })
    };
    Ok(Box::new(Powermetrics {
        root: Arc::clone(root),
        info: SourceInfo { name: NAME.to_owned(), poll: INTERVAL, facts: [].into(), remote: true },
        rails: RAILS.iter().map(rail).collect(),
        total: (0..RAILS.len()).collect(),
        feed,
    }))
}

struct Powermetrics {
    root: Arc<dyn Root>,
    info: SourceInfo,
    rails: Vec<Rail>,
    total: Vec<usize>,
    feed: Feed,
}

impl PowerSource for Powermetrics {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn rails(&self) -> &[Rail] {
        &self.rails
    }

    fn total(&self) -> Option<&[usize]> {
        Some(&self.total)
    }

    fn read(&mut self, readings: &mut Vec<Reading>) -> Result<(), ReadError> {
        loop {
            match self.feed.next(self.root.as_ref()) {
                Ok(Some((at_ns, document))) => {
                    readings.extend(document.watts().into_iter().enumerate().map(|(rail, value)| Reading {
                        rail,
                        begin_ns: at_ns,
                        end_ns: at_ns,
                        value,
                    }));
                }
                Ok(None) => return Ok(()),
                Err(error) => return Err(ReadError::Gone(format!("powermetrics ended ({error})"))),
            }
        }
    }

    fn recheck(&mut self) -> Result<(), ReadError> {
        if self.root.real() {
            self.feed =
                Feed::start().map_err(|error| ReadError::Failed(format!("powermetrics can't be started ({error})")))?;
        }
        Ok(())
    }
}

/// What of one document is wanted. Energies in millijoules over `elapsed_ns`, which is a little more than was asked for.
#[derive(Debug, Clone, PartialEq, Default)]
struct Document {
    elapsed_ns: f64,
    energies_mj: [Option<f64>; 3],
    pressure: Option<String>,
}

impl Document {
    /// `None` if it is none, or was cut short before its processors' energy. Some versions of the tool break the last lines
    /// of a document: what stands before them is kept.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\0');
        if !text.starts_with("<?xml") {
            return None;
        }
        let mut document = Self::default();
        each_scalar(text, |path, value| match path {
            "elapsed_ns" => document.elapsed_ns = value.parse().unwrap_or(0.0),
            "thermal_pressure" => document.pressure = Some(value.to_owned()),
            "processor/cpu_energy" => document.energies_mj[0] = value.parse().ok(),
            "processor/gpu_energy" => document.energies_mj[1] = value.parse().ok(),
            "processor/ane_energy" => document.energies_mj[2] = value.parse().ok(),
            // Older versions tell the graphics processor in its own part alone.
            "gpu/gpu_energy" => document.energies_mj[1] = document.energies_mj[1].or(value.parse().ok()),
            _ => {}
        });
        (document.elapsed_ns > 0.0 && document.energies_mj[0].is_some()).then_some(document)
    }

    /// By the energies and the time that really went by, not by the rounded powers. A part that is not told is no part that
    /// draws nothing; and processors that draw nothing print no document: then their counter stands still.
    fn watts(&self) -> [Result<f64, Fault>; 3] {
        let mut values = self.energies_mj.map(|energy| {
            let watts = energy.ok_or(Fault::NotANumber)? / 1e3 / (self.elapsed_ns / 1e9);
            match watts {
                _ if !watts.is_finite() => Err(Fault::NotANumber),
                _ if watts < 0.0 => Err(Fault::Negative),
                _ if watts > GREATEST_W => Err(Fault::UnitSuspect),
                _ => Ok(watts),
            }
        });
        if values[0] == Ok(0.0) {
            values[0] = Err(Fault::Zero);
        }
        values
    }
}

/// Calls `visit` with the path of keys and the text of each scalar, as far as the document can be read. What stands in arrays
/// is left out.
fn each_scalar(text: &str, mut visit: impl FnMut(&str, &str)) {
    let mut reader = Reader::from_str(text);
    // Keys of the dictionaries around, and the key that waits for its value.
    let (mut around, mut key): (Vec<String>, Option<String>) = (Vec::new(), None);
    let (mut arrays, mut value) = (0_u32, String::new());
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Start(tag) => match tag.name().as_ref() {
                b"dict" => around.push(key.take().unwrap_or_default()),
                b"array" => arrays += 1,
                _ => value.clear(),
            },
            Event::Text(text) => value.push_str(&String::from_utf8_lossy(&text)),
            Event::End(tag) => match tag.name().as_ref() {
                b"dict" => drop(around.pop()),
                b"array" => arrays = arrays.saturating_sub(1),
                b"key" => key = Some(std::mem::take(&mut value)),
                b"integer" | b"real" | b"string" if arrays == 0 => {
                    if let Some(key) = key.take() {
                        let outer = around.iter().skip(1).map(String::as_str);
                        let path: Vec<&str> = outer.chain([key.as_str()]).collect();
                        visit(&path.join("/"), value.trim());
                    }
                }
                _ => {}
            },
            Event::Eof => return,
            _ => {}
        }
    }
}

/// Where documents come from.
enum Feed {
    Process {
        child: Child,
        documents: Receiver<(i64, Vec<u8>)>,
    },
    /// A tree shows the newest document for as long as it is that: the text read last is remembered, for two documents may
    /// hold the same energies.
    Tree(Option<String>),
}

impl Feed {
    fn start() -> io::Result<Self> {
        let mut child = Command::new(NAME)
            .args(ARGUMENTS)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let (sender, documents) = sync_channel(QUEUE);
        std::thread::Builder::new()
            .name(NAME.to_owned())
            .spawn(move || read_documents(BufReader::new(stdout), &sender))?;
        Ok(Self::Process { child, documents })
    }

    /// The next document that was not handed out yet.
    fn next(&mut self, root: &dyn Root) -> io::Result<Option<(i64, Document)>> {
        match self {
            Self::Process { documents, .. } => loop {
                match documents.try_recv() {
                    Ok((at_ns, bytes)) => {
                        if let Some(document) = Document::parse(&String::from_utf8_lossy(&bytes)) {
                            return Ok(Some((at_ns, document)));
                        }
                    }
                    Err(TryRecvError::Empty) => return Ok(None),
                    Err(TryRecvError::Disconnected) => return Err(io::ErrorKind::UnexpectedEof.into()),
                }
            },
            Self::Tree(last) => {
                let text = root.tool(NAME, &[])?;
                if last.as_ref() == Some(&text) {
                    return Ok(None);
                }
                let document = Document::parse(&text);
                *last = Some(text);
                Ok(document.map(|document| (stopwatch::monotonic_ns(), document)))
            }
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        if let Self::Process { child, .. } = self {
            child.kill().unwrap_or_default();
            let _reaped = child.wait();
        }
    }
}

/// Documents are separated by NUL, which comes before the next one: a document is whole when its successor begins, or when
/// it says its end.
fn read_documents(mut pipe: impl io::BufRead, sender: &SyncSender<(i64, Vec<u8>)>) {
    let mut document = Vec::new();
    loop {
        let mut line = Vec::new();
        match pipe.read_until(b'\n', &mut line) {
            Ok(count) if count > 0 && document.len() + count <= DOCUMENT_LIMIT_BYTES => {}
            _ => return,
        }
        if let Some(begin) = line.iter().position(|byte| *byte == 0) {
            document.clear();
            line.drain(..=begin);
        }
        let ends = line.windows(8).any(|window| window == b"</plist>");
        document.append(&mut line);
        // Nobody listens any more, or is half a minute behind: then a document is lost, which is a gap.
        if ends && sender.try_send((stopwatch::monotonic_ns(), std::mem::take(&mut document))).is_err() {
            document.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::power::DirectoryRoot;

    const DOCUMENT: &str = "<?xml version=\"1.0\"?>\n<plist version=\"1.0\">\n<dict>\n<key>elapsed_ns</key><integer>500000000</integer>\n<key>processor</key><dict><key>clusters</key><array><dict><key>cpu_energy</key><integer>7</integer></dict></array><key>cpu_energy</key><integer>1500</integer><key>gpu_energy</key><integer>250</integer><key>ane_energy</key><integer>0</integer></dict>\n<key>thermal_pressure</key><string>Nominal</string>\n</dict>\n</plist>\n";

    #[test]
    fn power_is_energy_over_the_time_that_went_by() {
        let document = Document::parse(DOCUMENT).expect("a document");
        assert_eq!(document.watts(), [Ok(3.0), Ok(0.5), Ok(0.0)]);
        assert_eq!(document.pressure.as_deref(), Some("Nominal"));
    }

    #[test]
    fn a_part_that_is_not_told_and_a_counter_that_stands_still_are_no_values() {
        let without = DOCUMENT.replace("<key>ane_energy</key><integer>0</integer>", "");
        assert_eq!(Document::parse(&without).expect("a document").watts()[2], Err(Fault::NotANumber));
        let frozen = DOCUMENT.replace("1500", "0");
        assert_eq!(Document::parse(&frozen).expect("a document").watts()[0], Err(Fault::Zero));
    }

    #[test]
    fn what_is_cut_short_or_broken_at_its_end_is_told_as_far_as_it_goes() {
        let at = DOCUMENT.find("<key>thermal").expect("there");
        let broken = format!("{}<key>idle_ratio</real></dict>", &DOCUMENT[..at]);
        assert_eq!(Document::parse(&broken).expect("kept").energies_mj[0], Some(1500.0));
        assert_eq!(Document::parse(&DOCUMENT[..120]), None);
        assert_eq!(Document::parse("no document"), None);
        for end in 0..DOCUMENT.len() {
            let _whole_or_not = Document::parse(&DOCUMENT[..end]);
        }
    }

    #[test]
    fn documents_are_cut_where_they_end() {
        let stream = format!("torn</dict>\n\0{DOCUMENT}\0{DOCUMENT}\0<?xml half");
        let (sender, documents) = sync_channel(8);
        read_documents(BufReader::new(stream.as_bytes()), &sender);
        drop(sender);
        let read: Vec<_> = documents.iter().map(|(_, bytes)| String::from_utf8_lossy(&bytes).into_owned()).collect();
        assert_eq!(read.len(), 2, "{read:?}");
        assert!(read.iter().all(|text| Document::parse(text).is_some()));
    }

    #[test]
    fn a_document_without_a_number_is_counted_once_too() {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::create_dir_all(directory.path().join("tool")).expect("created");
        let broken = DOCUMENT.replace("<integer>250<", "<integer>nan<");
        std::fs::write(directory.path().join("tool/powermetrics"), broken).expect("written");
        let root = DirectoryRoot::tree(directory.path());
        let mut feed = Feed::Tree(None);
        let mut told = || feed.next(&root).expect("read").map(|(_, document)| document.watts()[1]);
        assert_eq!((told(), told()), (Some(Err(Fault::NotANumber)), None));
    }

    #[test]
    fn a_document_is_counted_once() {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::create_dir_all(directory.path().join("tool")).expect("created");
        let put = |text: &str| std::fs::write(directory.path().join("tool/powermetrics"), text).expect("written");
        put(DOCUMENT);
        let root: Arc<dyn Root> = Arc::new(DirectoryRoot::tree(directory.path()));
        let mut source = probe(&root).map_err(|absent| absent.reason).expect("a Mac");
        let mut count = || {
            let mut readings = Vec::new();
            source.read(&mut readings).expect("read");
            readings.len()
        };
        assert_eq!((count(), count()), (3, 0));
        put(&DOCUMENT.replace("<dict>\n<key>elapsed", "<dict>\n<key>is_delta</key><true/><key>elapsed"));
        assert_eq!((count(), count()), (3, 0), "another document with the same energies");
        put(&DOCUMENT.replace("1500", "1600"));
        assert_eq!((count(), count()), (3, 0));
    }

    #[test]
    fn real_documents_keep_their_invariant() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/fixtures/mac-powermetrics");
        let mut checked = 0;
        for file in ["powermetrics-output-m1.xml", "powermetrics-output-m1-2.xml"] {
            let Ok(text) = std::fs::read_to_string(format!("{folder}/{file}")) else {
                println!("skipped: no shared fixtures");
                return;
            };
            for part in text.split('\0').filter(|part| part.contains("<?xml")) {
                let document = Document::parse(part).expect("a document");
                let mut told_mw = None;
                each_scalar(part.trim_start(), |path, value| {
                    if path == "processor/cpu_power" {
                        told_mw = value.parse::<f64>().ok();
                    }
                });
                let watts = document.watts()[0].expect("a value");
                let told = told_mw.expect("cpu_power") / 1e3;
                assert!((watts - told).abs() <= 0.01 * told + 0.002, "{file}: {watts} W and {told} W");
                checked += 1;
            }
        }
        assert!(checked > 0);
    }
}
