use std::collections::VecDeque;

use super::*;

/// Answers in order, each for whatever register; what is left out fails as a chip that does not acknowledge.
struct Script(VecDeque<io::Result<u16>>);

impl Registers for Script {
    fn smbus_word(&mut self, _register: u8) -> io::Result<u16> {
        let sent = self.0.pop_front().unwrap_or_else(|| Err(io::Error::from_raw_os_error(nix::libc::ENXIO)));
        sent.map(|value| u16::from_le_bytes(value.to_be_bytes()))
    }
}

fn bus(chip: Chip, text: &str) -> Bus {
    Bus::parse(chip, text).expect("a bus")
}

fn watts(bus: &Bus, full_scale: i32, current: i16, voltage: u16) -> Result<f64, Fault> {
    decode(bus, full_scale, current.cast_unsigned(), voltage).map(|(volts, amperes)| volts * amperes)
}

fn check(expected: f64, found: Result<f64, Fault>) {
    assert!(found.is_ok_and(|found| (found - expected).abs() < 1e-9), "{found:?} instead of {expected}");
}

#[test]
fn registers_are_watts_by_the_sheets_steps() {
    // 5 V is 1250 steps of 4 mV above three flag bits; 100 mV are 10000 steps of 10 uV: 1 A through 0.1 ohm.
    check(5.0, watts(&bus(Chip::Ina219, "i2c-1:0x40,shunt=0.1"), 32_000, 10_000, 1_250 << 3 | 0b010));
    // 12 V is 9600 steps of 1.25 mV; 20 mV are 8000 steps of 2.5 uV: 10 A through 2 milliohms.
    check(120.0, watts(&bus(Chip::Ina226, "i2c-7:0x41,shunt=0.002"), 32_767, 8_000, 9_600));
    // 3.3 V is 2640 steps of 1.25 mV; 0.5 A is 400 steps of 1.25 mA.
    check(1.65, watts(&bus(Chip::Ina260, "i2c-1:0x40"), 32_767, 400, 2_640));
}

#[test]
fn swapped_leads_are_negative_until_the_user_says_so() {
    // 4.25 V and -40 mA.
    let voltage = 1_062 << 3;
    check(-0.169_92, watts(&bus(Chip::Ina219, "i2c-1:0x40,shunt=0.1"), 32_000, -400, voltage));
    check(0.169_92, watts(&bus(Chip::Ina219, "i2c-1:0x40,shunt=0.1,reversed"), 32_000, -400, voltage));
}

#[test]
fn a_current_beyond_the_scale_is_none() {
    let ina219 = bus(Chip::Ina219, "i2c-1:0x40,shunt=0.1");
    // The gain of 1 ends at 40 mV.
    assert_eq!(setting(Chip::Ina219, 0x079F).full_scale, 4_000);
    assert_eq!(watts(&ina219, 4_000, 4_000, 1_250 << 3), Err(Fault::Sentinel));
    assert_eq!(watts(&ina219, 4_000, -4_096, 1_250 << 3), Err(Fault::Sentinel));
    assert_eq!(watts(&bus(Chip::Ina226, "i2c-1:0x40,shunt=0.1"), 32_767, i16::MIN, 9_600), Err(Fault::Sentinel));
}

#[test]
fn the_configuration_at_power_on_is_understood() {
    let microseconds = |chip, configuration| setting(chip, configuration).window.as_micros();
    assert_eq!(setting(Chip::Ina219, 0x399F).full_scale, 32_000);
    assert_eq!(microseconds(Chip::Ina219, 0x399F), 1_064);
    // 128 samples of each.
    assert_eq!(microseconds(Chip::Ina219, 0x3FFF), 2 * 68_096);
    assert_eq!(microseconds(Chip::Ina226, 0x4127), 2_200);
    assert_eq!(microseconds(Chip::Ina260, 0x6127), 2_200);
    // 1024 samples of 8.244 ms.
    assert_eq!(microseconds(Chip::Ina226, 0x4FFF), 2 * 1_024 * 8_244);
    assert!(setting(Chip::Ina226, 0x4127).continuous && !setting(Chip::Ina226, 0x4123).continuous);
}

fn monitor(chip: Chip, text: &str, answers: impl IntoIterator<Item = io::Result<u16>>) -> Result<Monitor, Absent> {
    Monitor::new(&bus(chip, text), Scope::DcInput, Box::new(Script(answers.into_iter().collect())))
}

#[test]
fn a_sleeping_or_strange_chip_is_absent_with_its_reason() {
    let asleep = monitor(Chip::Ina219, "i2c-1:0x40,shunt=0.1", [Ok(0x3998)]).err().expect("absent");
    assert!(asleep.reason.contains("0x3998") && asleep.hint.is_some(), "{asleep:?}");
    let strange = monitor(Chip::Ina226, "i2c-1:0x40,shunt=0.1", [Ok(0x4127), Ok(0xFFFF)]).err().expect("absent");
    assert!(strange.reason.contains("0xffff"), "{strange:?}");
    let silent = monitor(Chip::Ina260, "i2c-1:0x40", []).err().expect("absent");
    assert!(silent.hint.is_some_and(|hint| hint.contains("i2cdetect")));
}

#[test]
fn what_happens_on_the_bus_has_a_name() {
    let error = |errno| Err(io::Error::from_raw_os_error(errno));
    let answers = [Ok(0x399F), Ok(10_000), Ok(1_250 << 3)].into_iter().chain([
        // Once more after EAGAIN.
        error(nix::libc::EAGAIN),
        Ok(10_000),
        Ok(1_250 << 3),
        error(nix::libc::EAGAIN),
        error(nix::libc::EAGAIN),
        error(nix::libc::EIO),
        error(nix::libc::ENODEV),
    ]);
    let mut monitor = monitor(Chip::Ina219, "i2c-1:0x40,shunt=0.1", answers).expect("a monitor");
    assert_eq!(monitor.rails()[0].key, "ina219@i2c-1-0x40");
    assert!(monitor.rails()[0].quantum.is_some_and(|quantum| (quantum - 5e-4).abs() < 1e-12));
    let mut readings = Vec::new();
    for _ in 0..3 {
        monitor.read(&mut readings).expect("read");
    }
    let values: Vec<_> = readings.iter().map(|reading| reading.value).collect();
    check(5.0, values[0]);
    assert_eq!(values[1..], [Err(Fault::Interrupted), Err(Fault::Broken)]);
    assert!(matches!(monitor.read(&mut readings), Err(ReadError::Gone(_))));
}

#[test]
fn a_bus_that_is_not_there_is_told() {
    let absent = open(&bus(Chip::Ina219, "i2c-65535:0x40,shunt=0.1"), Scope::DcInput).err().expect("absent");
    assert_eq!(absent.source, "ina219");
    assert!(absent.hint.is_some());
}
