//! A Raspberry Pi 5's power chip, asked through the firmware: current and voltage of each of its rails.
//!
//! They are what the chip gives out. What it takes in is not told, nor what USB, fan, drives and its own losses take: the sum of
//! the rails is the total of scope `rail`, and never that of the board.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use domain::{Rail, RailKind, Scope};

use super::{Absent, Fault, PowerSource, Probed, ReadError, Reading, Root, SourceInfo};
use crate::stopwatch;

const SOURCE: &str = "pi-pmic";
const COMMAND: &str = "pmic_read_adc";
/// The firmware takes a few milliseconds, and public tools ask no more often.
const POLL: Duration = Duration::from_millis(200);
/// It feeds what runs this: it never carries nothing.
const PROCESSOR: &str = "VDD_CORE";
/// The whole board draws no more than 27 W, its supply's.
const GREATEST_W: f64 = 30.0;
const AGAIN: &str = "start the agent again, or connect an external meter, see --power-meter";

pub(super) fn probe(root: &Arc<dyn Root>) -> Probed {
    let absent = |reason: String, hint: Option<&str>| Absent { source: SOURCE, reason, hint: hint.map(str::to_owned) };
    let unknown = |error: &str| {
        absent(
            format!("the firmware knows no `{COMMAND}` ({error}): before the Pi 5 there is no sensor"),
            Some("connect an external meter, see --power-meter"),
        )
    };
    let text = root.gencmd(COMMAND).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => absent(
            "the firmware's mailbox may not be asked".to_owned(),
            Some("add the agent's user to the group `video`"),
        ),
        io::ErrorKind::NotFound => absent("no firmware of a Raspberry Pi".to_owned(), None),
        io::ErrorKind::Unsupported => unknown(&error.to_string()),
        // What went wrong once proves nothing about the board.
        _ => absent(format!("the firmware does not answer `{COMMAND}` ({error})"), Some(AGAIN)),
    })?;
    if text.starts_with("error=") {
        return Err(unknown(&text));
    }
    let told = Told::parse(&text);
    // The rails found now are the total of every run to come: half of them would be taken for the whole.
    if told.watts.is_empty() || told.unpaired > 0 {
        let reason = format!("the firmware's answer to `{COMMAND}` tells currents without their voltages, or none");
        return Err(absent(reason, Some(AGAIN)));
    }
    let rails = told.watts.keys().map(|stem| Rail {
        greatest_w: Some(GREATEST_W),
        ..Rail::new(format!("{SOURCE}/{stem}"), Scope::Rail, RailKind::Gauge { window: None })
    });
    // Whole tenths: the supply under load wanders by more, and a fact belongs to the fingerprint.
    let input = told.volts.get("EXT5V").map(|volts| ("ext5v".to_owned(), format!("{volts:.1} V")));
    Ok(Box::new(PowerChip {
        root: Arc::clone(root),
        info: SourceInfo { name: SOURCE.to_owned(), poll: POLL, facts: input.into_iter().collect(), remote: false },
        rails: rails.collect(),
        total: (0..told.watts.len()).collect(),
        stems: told.watts.into_keys().collect(),
    }))
}

struct PowerChip {
    root: Arc<dyn Root>,
    info: SourceInfo,
    rails: Vec<Rail>,
    total: Vec<usize>,
    stems: Vec<String>,
}

impl PowerSource for PowerChip {
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
        let begin_ns = stopwatch::monotonic_ns();
        let told = match self.root.gencmd(COMMAND) {
            Ok(text) => Ok(Told::parse(&text)),
            Err(error) => match error.kind() {
                // The mailbox asked twice already.
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Err(Fault::Interrupted),
                io::ErrorKind::NotFound => return Err(ReadError::Gone(format!("the firmware's mailbox: {error}"))),
                _ => return Err(ReadError::Failed(format!("the firmware does not answer `{COMMAND}`: {error}"))),
            },
        };
        let end_ns = stopwatch::monotonic_ns();
        for (rail, stem) in self.stems.iter().enumerate() {
            // A rail that is missing from an answer was cut off with it.
            let watts =
                told.as_ref().map_err(|fault| *fault).and_then(|told| told.watts.get(stem).ok_or(Fault::Broken));
            let value = watts.copied().and_then(plausible);
            let value = if stem == PROCESSOR && value == Ok(0.0) { Err(Fault::Zero) } else { value };
            readings.push(Reading { rail, begin_ns, end_ns, value });
        }
        Ok(())
    }
}

/// Rails of parts that are not used carry nothing: 0 W is a value here.
fn plausible(watts: f64) -> Result<f64, Fault> {
    match watts {
        _ if !watts.is_finite() => Err(Fault::NotANumber),
        _ if watts < 0.0 => Err(Fault::Negative),
        _ if watts > GREATEST_W => Err(Fault::UnitSuspect),
        _ => Ok(watts),
    }
}

/// An answer, by the rails' names without `_A` and `_V`: the numbers in brackets of a pair are not alike.
#[derive(Debug, Default, PartialEq)]
struct Told {
    /// Of rails with both current and voltage.
    watts: BTreeMap<String, f64>,
    /// Of all that tell one.
    volts: BTreeMap<String, f64>,
    /// Currents without a voltage: what follows them was cut off.
    unpaired: usize,
}

impl Told {
    fn parse(text: &str) -> Self {
        let (mut amperes, mut volts) = (BTreeMap::new(), BTreeMap::new());
        for (name, value, unit) in text.lines().filter_map(line) {
            let side = if unit == 'A' { &mut amperes } else { &mut volts };
            side.insert(name.to_owned(), value);
        }
        let watts = amperes.iter().filter_map(|(name, amperes)| Some((name.clone(), amperes * volts.get(name)?)));
        let watts: BTreeMap<_, _> = watts.collect();
        Self { unpaired: amperes.len() - watts.len(), watts, volts }
    }
}

/// Of `VDD_CORE_A current(7)=10.87674000A`: name, value and unit, if the three agree.
fn line(line: &str) -> Option<(&str, f64, char)> {
    let (label, rest) = line.trim().split_once(char::is_whitespace)?;
    let (kind, value) = rest.trim().split_once('=')?;
    let unit = value.chars().last()?;
    let name = label.strip_suffix(unit)?.strip_suffix('_')?;
    let agrees = match unit {
        'A' => kind.starts_with("current("),
        'V' => kind.starts_with("volt("),
        _ => false,
    };
    let value = value.strip_suffix(unit)?.parse().ok()?;
    (agrees && kind.ends_with(')')).then_some((name, value, unit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::power::DirectoryRoot;

    const ANSWER: &str = "     VDD_CORE_A current(7)=2.00000000A\n  0V8_AON_A current(16)=0.50000000A\n   VDD_CORE_V volt(15)=0.90000000V\n  0V8_AON_V volt(19)=0.80000000V\n  EXT5V_V volt(24)=5.06788000V\n";

    fn tree(answer: &str) -> (tempfile::TempDir, Arc<dyn Root>) {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::create_dir_all(directory.path().join("gencmd")).expect("created");
        std::fs::write(directory.path().join("gencmd/pmic_read_adc"), answer).expect("written");
        let root: Arc<dyn Root> = Arc::new(DirectoryRoot::tree(directory.path()));
        (directory, root)
    }

    #[test]
    fn pairs_are_found_by_name_and_a_voltage_alone_is_no_rail() {
        let told = Told::parse(ANSWER);
        let watts: Vec<_> = told.watts.iter().map(|(name, watts)| (name.as_str(), (watts * 1e6).round())).collect();
        assert_eq!(watts, [("0V8_AON", 400_000.0), ("VDD_CORE", 1_800_000.0)]);
        assert_eq!(told.volts.get("EXT5V"), Some(&5.067_88));
    }

    #[test]
    fn rails_are_read_and_a_cut_answer_is_a_gap() {
        let (directory, root) = tree(ANSWER);
        let mut source = probe(&root).map_err(|absent| absent.reason).expect("a Pi 5");
        assert_eq!(source.rails().len(), 2);
        assert_eq!(source.total(), Some(&[0, 1][..]));
        let mut readings = Vec::new();
        source.read(&mut readings).expect("read");
        assert!(readings.iter().all(|reading| reading.value.is_ok()), "{readings:?}");
        std::fs::write(directory.path().join("gencmd/pmic_read_adc"), &ANSWER[..60]).expect("written");
        readings.clear();
        source.read(&mut readings).expect("read");
        assert!(readings.iter().all(|reading| reading.value == Err(Fault::Broken)), "{readings:?}");
    }

    #[test]
    fn a_processor_that_draws_nothing_is_a_fault_and_another_part_is_not() {
        let (directory, root) = tree(ANSWER);
        let mut source = probe(&root).map_err(|absent| absent.reason).expect("a Pi 5");
        let off = ANSWER.replace("=2.0", "=0.0").replace("=0.50", "=0.00");
        std::fs::write(directory.path().join("gencmd/pmic_read_adc"), off).expect("written");
        let mut readings = Vec::new();
        source.read(&mut readings).expect("read");
        assert_eq!((readings[0].value, readings[1].value), (Ok(0.0), Err(Fault::Zero)));
    }

    #[test]
    fn half_an_answer_is_never_taken_for_the_whole_board() {
        let (_directory, root) = tree(&ANSWER[..ANSWER.find("  0V8_AON_V").expect("there")]);
        let absent = probe(&root).map(|_| ()).expect_err("half");
        assert!(absent.reason.contains("without their voltages"), "{}", absent.reason);
    }

    #[test]
    fn a_firmware_that_is_busy_is_a_gap_and_no_older_pi() {
        let (directory, root) = tree(ANSWER);
        let mut source = probe(&root).map_err(|absent| absent.reason).expect("a Pi 5");
        for (errno, is_gap) in [("EAGAIN", true), ("EINTR", true), ("EIO", false)] {
            std::fs::write(directory.path().join("gencmd/pmic_read_adc@errno"), errno).expect("written");
            let mut readings = Vec::new();
            assert_eq!(source.read(&mut readings).is_ok(), is_gap, "{errno}");
            assert_eq!(readings.len(), if is_gap { 2 } else { 0 });
            assert!(readings.iter().all(|reading| reading.value == Err(Fault::Interrupted)), "{readings:?}");
            let absent = probe(&root).map(|_| ()).expect_err("no answer");
            assert!(!absent.reason.contains("before the Pi 5"), "{}", absent.reason);
        }
    }

    #[test]
    fn an_older_pi_has_no_sensor_and_says_what_to_do() {
        let (_directory, root) = tree("error=1 error_msg=\"Command not registered\"");
        let absent = probe(&root).map(|_| ()).expect_err("no sensor");
        assert!(absent.hint.is_some_and(|hint| hint.contains("external meter")));
        let empty: Arc<dyn Root> = Arc::new(DirectoryRoot::tree("/nonexistent"));
        assert_eq!(probe(&empty).map(|_| ()).expect_err("no Pi").reason, "no firmware of a Raspberry Pi");
    }

    #[test]
    fn a_real_answer_sums_to_what_its_lines_say() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/fixtures/pi5");
        let Ok(files) = std::fs::read_dir(path) else {
            println!("skipped: no shared fixtures");
            return;
        };
        let texts = files.filter_map(|file| std::fs::read_to_string(file.ok()?.path()).ok());
        let full = texts.map(|text| Told::parse(&text)).find(|told| told.watts.len() == 12).expect("a full answer");
        let sum: f64 = full.watts.values().sum();
        assert!((sum - 10.799_894).abs() < 1e-5, "{sum}");
        assert_eq!(full.volts.len() - full.watts.len(), 2, "EXT5V and BATT tell a voltage only");
    }
}
