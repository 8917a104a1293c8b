//! What `pyjoulescope_driver statistics` prints: comma-separated statistics of one block a line, with the energy since the
//! instrument began to accumulate. Its energy is a counter, so that a line that is lost costs nothing.

use super::super::Fault;
use super::command::Line;

/// Fields of a line.
const FIELDS: usize = 16;
const SAMPLE: usize = 1;
const POWER: usize = 10;
const ENERGY: usize = 15;
/// Samples that a JS220 and a JS110 count in a second: which of them a device does is told by its own energy.
const RATES_HZ: [f64; 2] = [1e6, 2e6];

/// Reads line after line of one device.
#[derive(Debug, Default)]
pub(super) struct Joulescope {
    device: Option<String>,
    rate_hz: Option<f64>,
    last: Option<Block>,
}

#[derive(Debug, Clone, Copy)]
struct Block {
    /// Its first sample.
    sample: f64,
    joules: f64,
}

impl Joulescope {
    /// `None`: a heading, an empty line, another device's, or the first line, whose length is not known yet.
    pub(super) fn take(&mut self, line: &str) -> Option<Line> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let fields: Vec<&str> = line.split(',').collect();
        let number = |index: usize| fields.get(index)?.parse::<f64>().ok();
        let broken = Some(Line { meter_ns: None, value: Err(Fault::NotANumber) });
        let (Some(sample), Some(watts), Some(joules), FIELDS) =
            (number(SAMPLE), number(POWER), number(ENERGY), fields.len())
        else {
            return broken;
        };
        if !watts.is_finite() || !joules.is_finite() || !sample.is_finite() {
            return broken;
        }
        if self.device.get_or_insert_with(|| fields[0].to_owned()) != fields[0] {
            return None;
        }
        let last = self.last.replace(Block { sample, joules })?;
        let length = sample - last.sample;
        if self.rate_hz.is_none() {
            self.rate_hz = rate(length, watts, joules - last.joules);
        }
        // The energy is that of the block's end, and the sample is its first.
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a sample is counted in 64 bits at most, and saturates here"
        )]
        let meter_ns = self.rate_hz.filter(|_| length > 0.0).map(|rate| ((sample + length) / rate * 1e9) as i64);
        Some(Line { meter_ns, value: Ok(joules) })
    }
}

/// The counting rate at which a block of `length` samples at `watts` makes `joules`: of those known, the nearest by ratio.
/// `None` while nothing flows.
fn rate(length: f64, watts: f64, joules: f64) -> Option<f64> {
    let told = length * watts / joules;
    let distance = |rate: &f64| (told / rate).ln().abs();
    RATES_HZ.into_iter().filter(|rate| distance(rate) < 0.3).min_by(|a, b| distance(a).total_cmp(&distance(b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(device: &str, sample: u64, watts: f64, joules: f64) -> String {
        format!("{device},{sample},0.5,0.01,0.4,0.6,5.1,0.001,5.09,5.11,{watts},0.06,2.2,3.1,0.5,{joules}")
    }

    #[test]
    fn energy_stands_at_the_end_of_its_block() {
        let mut reader = Joulescope::default();
        assert_eq!(reader.take("#device,sampled_id,i_avg"), None);
        assert_eq!(reader.take(&line("u/js220/1", 1_000_000, 2.0, 5.0)), None);
        let second = reader.take(&line("u/js220/1", 1_500_000, 2.0, 6.0));
        assert_eq!(second, Some(Line { meter_ns: Some(2_000_000_000), value: Ok(6.0) }));
    }

    #[test]
    fn the_counting_rate_is_told_by_the_energy() {
        let mut reader = Joulescope::default();
        reader.take(&line("u/js110/1", 2_000_000, 2.0, 5.0));
        let second = reader.take(&line("u/js110/1", 3_000_000, 2.0, 6.0)).expect("read");
        assert_eq!(second.meter_ns, Some(2_000_000_000));
        assert_eq!(rate(500_000.0, 0.0, 0.0), None, "nothing flows");
        assert_eq!(rate(500_000.0, 2.0, 40.0), None, "no instrument counts so slowly");
    }

    #[test]
    fn of_two_devices_the_first_counts() {
        let mut reader = Joulescope::default();
        reader.take(&line("u/js220/1", 0, 2.0, 5.0));
        assert_eq!(reader.take(&line("u/js220/2", 9, 9.0, 90.0)), None);
        assert_eq!(reader.take(&line("u/js220/1", 500_000, 2.0, 6.0)).map(|line| line.value), Some(Ok(6.0)));
    }

    #[test]
    fn what_is_cut_short_or_no_number_is_a_gap() {
        for text in [
            "u/js220/1,1000000,0.5",
            "device u/js220/1 not found",
            &line("u", 1, f64::NAN, 1.0),
            &line("u", 1, 1.0, f64::NAN),
        ] {
            assert_eq!(Joulescope::default().take(text).map(|line| line.value), Some(Err(Fault::NotANumber)), "{text}");
        }
    }

    #[test]
    fn the_recorded_layout_is_read() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/fixtures/external/joulescope-statistics.csv");
        let Ok(text) = std::fs::read_to_string(path) else {
            println!("skipped: no shared fixtures");
            return;
        };
        let mut reader = Joulescope::default();
        let lines: Vec<Line> = text.lines().filter_map(|line| reader.take(line)).collect();
        assert_eq!(lines, [Line { meter_ns: Some(2_000_000_000), value: Ok(3.8547) }]);
    }
}
