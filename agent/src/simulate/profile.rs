//! The boards that can be simulated, in numbers.
//!
//! Every number is chosen, none is measured: watts and clocks lie where makers and the press put such a board, the slowness
//! spreads the boards apart, and all times of heat are compressed to a few seconds, where a real heat sink has minutes, so
//! that a demonstration sees a board warm up, throttle and cool down.

use domain::DeviceFacts;

/// One board.
#[derive(Debug, PartialEq)]
pub(crate) struct Profile {
    /// As `--simulate` and selectors spell it.
    pub(crate) name: &'static str,
    /// As people do.
    pub(super) title: &'static str,
    pub(super) family: Family,
    /// What the firmware says the board is.
    pub(super) model: &'static str,
    pub(super) arch: &'static str,
    pub(super) os: &'static str,
    pub(super) isa: &'static [&'static str],
    /// Logical processors, by frequency domain: the last one of each.
    pub(super) last_cores: &'static [u32],
    pub(super) memory_bytes: u64,
    /// How much longer an inference takes than this machine's fastest.
    pub(super) slowness: f64,
    /// Of the fastest processor, when it is cool.
    pub(super) clock_mhz: f64,
    /// At rest, and with one inference after the other.
    pub(super) idle_w: f64,
    pub(super) busy_w: f64,
    pub(super) ambient_c: f64,
    /// Kelvin per watt from die to board, and from board to air.
    pub(super) die_k_per_w: f64,
    pub(super) board_k_per_w: f64,
    /// Time constants in seconds, each mass alone towards the next.
    pub(super) die_s: f64,
    pub(super) board_s: f64,
    /// Degrees of the die at which its clock falls, how many below that it rises again, and to what share it falls.
    pub(super) throttle_c: f64,
    pub(super) hysteresis_c: f64,
    pub(super) throttled_clock: f64,
}

/// Which files its sensors are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Jetson,
    RaspberryPi,
    Phone,
    Mac,
}

/// All boards.
pub(super) static PROFILES: [Profile; 4] = [
    Profile {
        name: "jetson-orin-nano",
        title: "NVIDIA Jetson Orin Nano",
        family: Family::Jetson,
        model: "NVIDIA Jetson Orin Nano Developer Kit",
        arch: "aarch64",
        os: "linux",
        isa: &["asimd", "fphp", "asimdhp", "asimddp"],
        last_cores: &[3, 5],
        memory_bytes: 8 << 30,
        slowness: 3.0,
        clock_mhz: 1510.4,
        idle_w: 4.8,
        busy_w: 10.5,
        ambient_c: 24.0,
        die_k_per_w: 1.5,
        board_k_per_w: 3.2,
        die_s: 0.7,
        board_s: 4.0,
        throttle_c: 99.0,
        hysteresis_c: 4.0,
        throttled_clock: 0.75,
    },
    Profile {
        name: "rpi5",
        title: "Raspberry Pi 5",
        family: Family::RaspberryPi,
        model: "Raspberry Pi 5 Model B Rev 1.0",
        arch: "aarch64",
        os: "linux",
        isa: &["asimd", "fphp", "asimdhp", "asimddp"],
        last_cores: &[3],
        memory_bytes: 8 << 30,
        slowness: 6.0,
        clock_mhz: 2400.0,
        idle_w: 2.8,
        busy_w: 8.0,
        ambient_c: 24.0,
        // Without the active cooler: it comes to its limit within seconds, and that is what it is here for.
        die_k_per_w: 2.0,
        board_k_per_w: 6.0,
        die_s: 0.8,
        board_s: 5.0,
        throttle_c: 80.0,
        hysteresis_c: 4.0,
        throttled_clock: 0.625,
    },
    Profile {
        name: "snapdragon-8g3",
        title: "Snapdragon 8 Gen 3 phone",
        family: Family::Phone,
        model: "Qualcomm Technologies, Inc. Pineapple QRD",
        arch: "aarch64",
        os: "android",
        isa: &["asimd", "fphp", "asimdhp", "asimddp", "sve", "sve2", "i8mm", "bf16"],
        last_cores: &[1, 4, 6, 7],
        memory_bytes: 12 << 30,
        slowness: 2.5,
        clock_mhz: 3302.4,
        idle_w: 1.1,
        busy_w: 6.5,
        // It lies on a table in the sun.
        ambient_c: 26.0,
        die_k_per_w: 4.0,
        board_k_per_w: 3.0,
        die_s: 0.6,
        board_s: 6.0,
        throttle_c: 85.0,
        hysteresis_c: 5.0,
        throttled_clock: 0.7,
    },
    Profile {
        name: "mac-m2",
        title: "Apple M2",
        family: Family::Mac,
        model: "Mac14,2",
        arch: "aarch64",
        os: "macos",
        isa: &["asimd", "fphp", "asimdhp", "asimddp", "i8mm", "bf16"],
        last_cores: &[3, 7],
        memory_bytes: 16 << 30,
        slowness: 1.5,
        clock_mhz: 3504.0,
        idle_w: 0.4,
        busy_w: 11.0,
        ambient_c: 24.0,
        die_k_per_w: 1.5,
        board_k_per_w: 4.5,
        die_s: 0.6,
        board_s: 8.0,
        throttle_c: 98.0,
        hysteresis_c: 4.0,
        throttled_clock: 0.8,
    },
];

/// A name that no board has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no board that can be simulated is called `{name}`\nhint: there are {}", names())]
pub struct UnknownBoard {
    name: String,
}

/// For the command line: the name, if there is such a board.
pub(crate) fn parse_board(text: &str) -> Result<String, UnknownBoard> {
    Profile::named(text).map(|profile| profile.name.to_owned())
}

fn names() -> String {
    PROFILES.iter().map(|profile| profile.name).collect::<Vec<_>>().join(", ")
}

impl Profile {
    pub(crate) fn named(name: &str) -> Result<&'static Self, UnknownBoard> {
        PROFILES.iter().find(|profile| profile.name == name).ok_or_else(|| UnknownBoard { name: name.to_owned() })
    }

    /// The die's temperature at rest.
    pub(super) fn rest_c(&self) -> f64 {
        self.ambient_c + self.idle_w * (self.die_k_per_w + self.board_k_per_w)
    }

    pub(super) fn cores(&self) -> u32 {
        self.last_cores.last().map_or(1, |last| last + 1)
    }

    /// Puts the board's facts over this machine's.
    pub(super) fn facts(&self, host: DeviceFacts) -> DeviceFacts {
        DeviceFacts {
            arch: self.arch.to_owned(),
            os: self.os.to_owned(),
            cpu_model: format!("simulated {}", self.title),
            cores: self.cores(),
            memory_bytes: self.memory_bytes,
            isa: self.isa.iter().map(|&extension| extension.to_owned()).collect(),
            simulated: Some(self.name.to_owned()),
            ..host
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_board_is_told_which_there_are() {
        let error = parse_board("rpi4").expect_err("there is none").to_string();
        assert!(error.contains("`rpi4`") && error.contains("rpi5") && error.contains("mac-m2"), "{error}");
        assert_eq!(parse_board("rpi5").as_deref(), Ok("rpi5"));
    }

    #[test]
    fn the_facts_say_that_it_is_simulated() {
        let host = DeviceFacts { kernel: "6.1".to_owned(), cores: 2, ..DeviceFacts::default() };
        let facts = Profile::named("jetson-orin-nano").expect("a board").facts(host);
        assert_eq!(facts.simulated.as_deref(), Some("jetson-orin-nano"));
        assert!(facts.cpu_model.starts_with("simulated "), "{}", facts.cpu_model);
        assert_eq!((facts.cores, facts.arch.as_str(), facts.kernel.as_str()), (6, "aarch64", "6.1"));
    }

    #[test]
    fn every_board_can_be_hot_and_cool_and_draws_more_when_it_works() {
        for profile in &PROFILES {
            assert!(profile.rest_c() < profile.throttle_c - profile.hysteresis_c, "{}", profile.name);
            assert!(profile.idle_w < profile.busy_w && profile.slowness >= 1.0, "{}", profile.name);
            assert!((0.0..1.0).contains(&profile.throttled_clock), "{}", profile.name);
        }
    }
}
