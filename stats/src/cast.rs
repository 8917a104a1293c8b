//! Counts and ranks as floating point and back: the only places where a conversion may round.

/// A count, or a value in nanoseconds; exact below 2^53.
pub(crate) trait Real {
    fn real(self) -> f64;
}

impl Real for usize {
    #[expect(clippy::cast_precision_loss, reason = "no slice has 2^53 values")]
    fn real(self) -> f64 {
        self as f64
    }
}

impl Real for u64 {
    #[expect(clippy::cast_precision_loss, reason = "2^53 ns are 104 days; beyond, the relative error is 1e-16")]
    fn real(self) -> f64 {
        self as f64
    }
}

/// The integer part; zero for a negative number or NaN, and the greatest integer if it is beyond that.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float to integer cast saturates")]
pub(crate) fn whole(value: f64) -> u64 {
    value as u64
}

/// The index of a 1-based rank, held within a slice of `len` values; `len` must not be zero.
#[expect(clippy::cast_possible_truncation, reason = "held below a usize first")]
pub(crate) fn index_of_rank(rank: f64, len: usize) -> usize {
    (whole(rank).saturating_sub(1).min(len as u64) as usize).min(len.saturating_sub(1))
}
