//! A power monitor of the INA family on a bus that no kernel driver holds. Reads its registers and writes none: what a board's
//! maker or its owner configured stays as it is, and the shunt's resistance is what the user says.
//!
//! Register layouts and steps: Texas Instruments' sheets SBOS448 (INA219), SBOS547 (INA226) and SBOS656 (INA260).

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use domain::{Rail, RailKind, Scope};

use super::super::{Absent, Fault, PowerSource, Probed, ReadError, Reading, SourceInfo};
use super::value;
use crate::stopwatch;

/// A transfer takes about 0.3 ms on a bus of 100 kHz: a hundred polls a second cost 6 % of it.
const POLL_LEAST: Duration = Duration::from_millis(10);

const CONFIGURATION: u8 = 0x00;
/// Of the INA260 the current, of the others the voltage across the shunt.
const CURRENT: u8 = 0x01;
const VOLTAGE: u8 = 0x02;
const MANUFACTURER: u8 = 0xFE;
const TEXAS_INSTRUMENTS: u16 = 0x5449;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chip {
    Ina219,
    Ina226,
    /// With a shunt of its own.
    Ina260,
}

/// Where a monitor is, and how it is wired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bus {
    chip: Chip,
    /// e.g. `i2c-1`.
    name: String,
    address: u16,
    /// Micro-ohms, as the kernel's own drivers count.
    shunt_uohm: u32,
    /// The leads are swapped.
    reversed: bool,
}

impl Chip {
    const fn name(self) -> &'static str {
        match self {
            Self::Ina219 => "ina219",
            Self::Ina226 => "ina226",
            Self::Ina260 => "ina260",
        }
    }
}

impl Bus {
    /// `i2c-N:0xADDRESS[,shunt=OHM][,reversed]`.
    pub(super) fn parse(chip: Chip, text: &str) -> Result<Self, String> {
        let mut parts = text.split(',').map(str::trim);
        let place = parts.next().unwrap_or_default();
        let (name, address) = place.split_once(':').ok_or("it is no i2c-N:0xADDRESS")?;
        let name = name.trim_start_matches("/dev/");
        if name.strip_prefix("i2c-").and_then(|number| number.parse::<u16>().ok()).is_none() {
            return Err(format!("`{name}` is no bus such as i2c-1"));
        }
        let digits = address.strip_prefix("0x").unwrap_or(address);
        // 0x40 to 0x4f are all that these chips can be wired to.
        let address = u16::from_str_radix(digits, 16)
            .ok()
            .filter(|address| (0x40..=0x4f).contains(address))
            .ok_or_else(|| format!("`{address}` is no address from 0x40 to 0x4f"))?;
        let (mut shunt_uohm, mut reversed) = (None, false);
        for part in parts {
            match part.split_once('=') {
                Some(("shunt", ohm)) if chip != Chip::Ina260 => {
                    let uohm = ohm.parse::<f64>().ok().and_then(micro_ohms);
                    shunt_uohm = Some(uohm.ok_or("the shunt is no resistance from 0.000001 to 1000 ohms")?);
                }
                None if part == "reversed" => reversed = true,
                _ => return Err(format!("`{part}` means nothing here")),
            }
        }
        let shunt_uohm = match chip {
            Chip::Ina260 => 2_000,
            Chip::Ina219 | Chip::Ina226 => shunt_uohm.ok_or("the shunt's resistance is missing: ,shunt=OHM")?,
        };
        Ok(Self { chip, name: name.to_owned(), address, shunt_uohm, reversed })
    }

    fn shunt_ohm(&self) -> f64 {
        f64::from(self.shunt_uohm) * 1e-6
    }

    fn key(&self) -> String {
        let Self { chip, name, address, shunt_uohm: _, reversed: _ } = self;
        format!("{}@{name}-{address:#04x}", chip.name())
    }
}

fn micro_ohms(ohm: f64) -> Option<u32> {
    let micro_ohms = (ohm * 1e6).round();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "held against the range just before")]
    (1.0..=1e9).contains(&micro_ohms).then_some(micro_ohms as u32)
}

/// What the configuration register says.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Setting {
    /// Both quantities are measured again and again.
    continuous: bool,
    /// Time over which one value is averaged, and until the next.
    window: Duration,
    /// The largest number of the current's register: beyond it the current is cut off.
    full_scale: i32,
}

fn setting(chip: Chip, configuration: u16) -> Setting {
    let field = |shift: u16, mask: u16| configuration >> shift & mask;
    let continuous = field(0, 7) == 7;
    match chip {
        Chip::Ina219 => {
            // With the highest bit set 2^n samples of 532 us are averaged, else the resolution is less: 84 us to 532 us.
            let conversion = |code: u16| match code {
                8.. => Duration::from_micros(532) * (1 << (code & 7)),
                code => Duration::from_micros([84, 148, 276, 532][usize::from(code & 3)]),
            };
            // The gain's four steps end at 40, 80, 160 and 320 mV, of 10 uV each.
            let full_scale = 4_000 << field(11, 3);
            Setting { continuous, window: conversion(field(7, 15)) + conversion(field(3, 15)), full_scale }
        }
        Chip::Ina226 | Chip::Ina260 => {
            let conversion =
                |code: u16| Duration::from_micros([140, 204, 332, 588, 1_100, 2_116, 4_156, 8_244][usize::from(code)]);
            let samples = [1, 4, 16, 64, 128, 256, 512, 1_024][usize::from(field(9, 7))];
            let window = (conversion(field(6, 7)) + conversion(field(3, 7))) * samples;
            Setting { continuous, window, full_scale: i32::from(i16::MAX) }
        }
    }
}

/// Volts of the bus and amperes, signed; a current at the end of its scale is none.
fn decode(bus: &Bus, full_scale: i32, current: u16, voltage: u16) -> Result<(f64, f64), Fault> {
    let current = i32::from(current.cast_signed());
    if current.abs() >= full_scale {
        return Err(Fault::Sentinel);
    }
    let current = f64::from(current) * if bus.reversed { -1.0 } else { 1.0 };
    Ok(match bus.chip {
        // The lowest three bits are flags.
        Chip::Ina219 => (f64::from(voltage >> 3) * 4e-3, current * 10e-6 / bus.shunt_ohm()),
        Chip::Ina226 => (f64::from(voltage & 0x7FFF) * 1.25e-3, current * 2.5e-6 / bus.shunt_ohm()),
        Chip::Ina260 => (f64::from(voltage & 0x7FFF) * 1.25e-3, current * 1.25e-3),
    })
}

/// Amperes of the current register's lowest bit.
fn step_a(bus: &Bus) -> f64 {
    match bus.chip {
        Chip::Ina219 => 10e-6 / bus.shunt_ohm(),
        Chip::Ina226 => 2.5e-6 / bus.shunt_ohm(),
        Chip::Ina260 => 1.25e-3,
    }
}

/// A chip's registers, sixteen bits each.
trait Registers: Send {
    /// As `SMBus` reads a word: the byte that comes first is the low one.
    fn smbus_word(&mut self, register: u8) -> io::Result<u16>;

    /// As these chips mean it: they send the high byte first.
    fn word(&mut self, register: u8) -> io::Result<u16> {
        Ok(self.smbus_word(register)?.swap_bytes())
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn registers(bus: &Bus) -> io::Result<Box<dyn Registers>> {
    use i2cdev::core::I2CDevice as _;
    use i2cdev::linux::LinuxI2CDevice;

    struct Device(LinuxI2CDevice);

    impl Registers for Device {
        fn smbus_word(&mut self, register: u8) -> io::Result<u16> {
            Ok(self.0.smbus_read_word_data(register)?)
        }
    }

    let Bus { chip: _, name, address, shunt_uohm: _, reversed: _ } = bus;
    Ok(Box::new(Device(LinuxI2CDevice::new(format!("/dev/{name}"), *address)?)))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn registers(_bus: &Bus) -> io::Result<Box<dyn Registers>> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(super) fn open(bus: &Bus, scope: Scope) -> Probed {
    let opened = registers(bus).map_err(|error| refused(bus, &error))?;
    Ok(Box::new(Monitor::new(bus, scope, opened)?))
}

fn refused(bus: &Bus, error: &io::Error) -> Absent {
    let hint = match error.kind() {
        io::ErrorKind::NotFound => "is the bus enabled, and the module i2c-dev loaded?",
        io::ErrorKind::PermissionDenied => "the bus is root's: add the agent's user to the group i2c",
        io::ErrorKind::ResourceBusy => {
            "a kernel driver holds the chip: then it is found under /sys/class/hwmon without this"
        }
        _ => "does a chip answer at this address (`i2cdetect -y N`)?",
    };
    Absent { source: bus.chip.name(), reason: format!("the chip can't be read: {error}"), hint: Some(hint.to_owned()) }
}

struct Monitor {
    info: SourceInfo,
    rails: Vec<Rail>,
    bus: Bus,
    full_scale: i32,
    registers: Box<dyn Registers>,
}

impl Monitor {
    fn new(bus: &Bus, scope: Scope, mut registers: Box<dyn Registers>) -> Result<Self, Absent> {
        let chip = bus.chip;
        let mut word = |register| registers.word(register).map_err(|error| refused(bus, &error));
        let configuration = word(CONFIGURATION)?;
        let absent = |reason: String, hint: &str| Absent { source: chip.name(), reason, hint: Some(hint.to_owned()) };
        if chip != Chip::Ina219 {
            let manufacturer = word(MANUFACTURER)?;
            if manufacturer != TEXAS_INSTRUMENTS {
                let reason = format!("the chip calls its maker {manufacturer:#06x}, and not {TEXAS_INSTRUMENTS:#06x}");
                return Err(absent(reason, "is it another chip?"));
            }
        }
        let Setting { continuous, window, full_scale } = setting(chip, configuration);
        if !continuous {
            let reason = format!("the chip does not measure all the time (configuration {configuration:#06x})");
            return Err(absent(
                reason,
                "whoever configured it last must let it measure current and voltage continuously",
            ));
        }
        let (current, voltage) = (word(CURRENT)?, word(VOLTAGE)?);
        let volts = decode(bus, full_scale, current, voltage).map_or(0.0, |(volts, _)| volts);
        let rail = Rail {
            native: Some(window),
            quantum: (volts > 0.0).then_some(volts * step_a(bus)),
            ..Rail::new(bus.key(), scope, RailKind::Gauge { window: Some(window) })
        };
        let facts = BTreeMap::from([
            (format!("{}/configuration", bus.key()), format!("{configuration:#06x}")),
            (format!("{}/shunt_uohm", bus.key()), bus.shunt_uohm.to_string()),
        ]);
        let info = SourceInfo { name: chip.name().to_owned(), poll: window.max(POLL_LEAST), facts, remote: false };
        Ok(Self { info, rails: vec![rail], bus: bus.clone(), full_scale, registers })
    }

    fn watts(&mut self) -> io::Result<Result<f64, Fault>> {
        let current = self.registers.word(CURRENT)?;
        let voltage = self.registers.word(VOLTAGE)?;
        let decoded = decode(&self.bus, self.full_scale, current, voltage);
        Ok(decoded.and_then(|(volts, amperes)| value::watts(volts * amperes, None)))
    }
}

impl PowerSource for Monitor {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn rails(&self) -> &[Rail] {
        &self.rails
    }

    fn total(&self) -> Option<&[usize]> {
        Some(&[0])
    }

    fn read(&mut self, readings: &mut Vec<Reading>) -> Result<(), ReadError> {
        let passing =
            |error: &io::Error| matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted);
        let mut begin_ns = stopwatch::monotonic_ns();
        let mut read = self.watts();
        if read.as_ref().is_err_and(passing) {
            begin_ns = stopwatch::monotonic_ns();
            read = self.watts();
        }
        let end_ns = stopwatch::monotonic_ns();
        let value = match read {
            Ok(value) => value,
            Err(error) if passing(&error) => Err(Fault::Interrupted),
            // ENODEV: the adapter was unplugged. Many adapters answer ENXIO for a chip that does not acknowledge once.
            Err(error) if error.raw_os_error() == Some(nix::libc::ENODEV) => {
                return Err(ReadError::Gone(format!("{}: {error}", self.bus.key())));
            }
            Err(_) => Err(Fault::Broken),
        };
        readings.push(Reading { rail: 0, begin_ns, end_ns, value });
        Ok(())
    }

    fn recheck(&mut self) -> Result<(), ReadError> {
        self.registers =
            registers(&self.bus).map_err(|error| ReadError::Gone(format!("{}: {error}", self.bus.key())))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
