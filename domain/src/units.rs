//! Writes quantities for people, the same way everywhere: three significant digits, SI and binary prefixes as usual.

/// Nanoseconds as `812 ns`, `48.3 us`, `35.2 ms`, `1.20 s`.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub fn duration_ns(ns: u64) -> String {
    match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => three_digits(ns as f64 / 1e3, "us"),
        1_000_000..1_000_000_000 => three_digits(ns as f64 / 1e6, "ms"),
        _ => three_digits(ns as f64 / 1e9, "s"),
    }
}

/// Bytes as `812 B`, `21.9 MiB`, `1.20 GiB`.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub fn bytes(count: u64) -> String {
    const KIB: f64 = 1024.0;
    let count_f = count as f64;
    match count {
        0..1024 => format!("{count} B"),
        1024..0x10_0000 => three_digits(count_f / KIB, "KiB"),
        0x10_0000..0x4000_0000 => three_digits(count_f / KIB / KIB, "MiB"),
        _ => three_digits(count_f / KIB / KIB / KIB, "GiB"),
    }
}

/// A rate as `27.9/s`, `1840/s`.
pub fn per_second(rate: f64) -> String {
    let digits = decimals(rate);
    format!("{rate:.digits$}/s")
}

/// A share (0..1) as `1.3 %`.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// Joules as `840 uJ`, `48.3 mJ`, `1.20 J`, `3.60 kJ`.
pub fn joules(energy: f64) -> String {
    scaled(energy, "J")
}

/// Watts as `4.20 mW`, `6.31 W`, `1.20 kW`.
pub fn watts(power: f64) -> String {
    scaled(power, "W")
}

/// Degrees Celsius as `41.5 °C`: no thermometer of a chip is finer.
pub fn celsius(temperature: f64) -> String {
    format!("{temperature:.1} °C")
}

fn scaled(value: f64, unit: &str) -> String {
    let (scale, prefix) = match value.abs() {
        0.0 => (1.0, ""),
        v if v < 1e-3 => (1e6, "u"),
        v if v < 1.0 => (1e3, "m"),
        v if v < 1e3 => (1.0, ""),
        _ => (1e-3, "k"),
    };
    three_digits(value * scale, &format!("{prefix}{unit}"))
}

fn three_digits(value: f64, unit: &str) -> String {
    let digits = decimals(value);
    format!("{value:.digits$} {unit}")
}

fn decimals(value: f64) -> usize {
    match value.abs() {
        v if v < 10.0 => 2,
        v if v < 100.0 => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_have_three_digits_and_a_unit() {
        assert_eq!(duration_ns(812), "812 ns");
        assert_eq!(duration_ns(48_310), "48.3 us");
        assert_eq!(duration_ns(35_200_000), "35.2 ms");
        assert_eq!(duration_ns(1_200_000_000), "1.20 s");
        assert_eq!(bytes(22_928_619), "21.9 MiB");
        assert_eq!(per_second(1840.2), "1840/s");
        assert_eq!(percent(0.0131), "1.3 %");
        assert_eq!([0.000_84, 0.0483, 1.2, 3_600.0].map(joules), ["840 uJ", "48.3 mJ", "1.20 J", "3.60 kJ"]);
        assert_eq!([0.0, -0.0042, 6.314].map(watts), ["0.00 W", "-4.20 mW", "6.31 W"]);
        assert_eq!(celsius(41.46), "41.5 °C");
    }
}
