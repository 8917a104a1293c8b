//! How large the cache may grow.

/// Dozens of models for edge devices, and still a small part of a desktop's disk.
const MOST_BYTES: u64 = 20 << 30;

/// Unless somebody says otherwise: 20 GiB, or four fifths of what is free or held already if that is less. What is held counts
/// as free, or else the limit would shrink with every start.
pub(super) fn default_bytes(free_bytes: u64, held_bytes: u64) -> u64 {
    ((free_bytes.saturating_add(held_bytes)) / 5).saturating_mul(4).min(MOST_BYTES)
}

/// A number of bytes as people write it: `20GiB`, `500 MB`, `1.5G`, `1048576`. `K`, `M`, `G` and `T` alone, like `KiB` to
/// `TiB`, are powers of 1024; `KB` to `TB` are powers of 1000.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let invalid = || format!("`{text}` is no size: it looks like 20GiB, 500MB or 1048576");
    let digits = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (number, unit) = (&text[..digits], text[digits..].trim());
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        _ => return Err(invalid()),
    };
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor).ok_or_else(invalid);
    }
    let number: f64 = number.parse().map_err(|_what| invalid())?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a limit need not be exact to the byte; there is no sign, and a float saturates"
    )]
    Ok((number * factor as f64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("0", 0),
            ("1048576", 1 << 20),
            ("20GiB", 20 << 30),
            ("20 g", 20 << 30),
            ("500MB", 500_000_000),
            ("1.5 KiB", 1536),
            ("2tb", 2_000_000_000_000),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for bad in ["", "GiB", "-1", "1.2.3G", "5 parsecs", "99999999999T"] {
            assert!(parse_size(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_small_disk_is_not_filled_and_a_start_does_not_shrink_the_cache() {
        assert_eq!(default_bytes(1 << 40, 0), 20 << 30);
        assert_eq!(default_bytes(10_000, 0), 8_000);
        assert_eq!(default_bytes(2_000, 8_000), 8_000);
    }
}
