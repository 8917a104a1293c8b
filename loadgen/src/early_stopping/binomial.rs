//! The lower tail of the binomial distribution, and a search along it.
//!
//! A tail is a sum of weights divided by the sum of all weights, and each weight is a ratio times its neighbour. So no
//! factorial or gamma function is needed, whose logarithms would cost eight digits at 8 Mi queries; all terms are positive,
//! and the result is good to some 13 digits.

use domain::Percentile;

use super::CONFIDENCE;

/// Standard normal quantile of [`CONFIDENCE`].
const Z: f64 = 2.326_347_874_040_841;
/// A term so small beside its sum ends it: what follows falls geometrically, and is below 1e-15 of the sum.
const NEGLIGIBLE: f64 = 1e-20;

/// True if a system with exactly `p` good queries would have at most `over` bad ones in `queries` with a chance of at most
/// 1 - [`CONFIDENCE`].
pub(super) fn is_improbable(p: Percentile, queries: u64, over: u64) -> bool {
    if over >= queries {
        return false;
    }
    let (n, over, odds) = (float(queries), float(over), bad_fraction(p) / p.fraction());
    // Weights relative to that of `over` bad queries; an infinite sum means that this one is deep in the other tail.
    let lower = 1.0 + sum(f64::INFINITY, over, |term| (over - term) / (n - over + term + 1.0) / odds);
    // lower / (lower + upper) <= 1 - c
    let enough = lower * CONFIDENCE / (1.0 - CONFIDENCE);
    enough.is_finite() && sum(enough, n - over, |term| (n - over - term) / (over + term + 1.0) * odds) >= enough
}

/// Sums up to `terms` terms, of which the first is `ratio(0)` and each next one `ratio` times the last, until `enough` is reached
/// or nothing more comes.
fn sum(enough: f64, terms: f64, ratio: impl Fn(f64) -> f64) -> f64 {
    let (mut total, mut weight, mut term) = (0.0, 1.0, 0.0);
    while term < terms {
        weight *= ratio(term);
        total += weight;
        if total >= enough || weight < NEGLIGIBLE * total {
            break;
        }
        term += 1.0;
    }
    total
}

/// The smallest number from `least` on for which `holds`, which must hold for all greater ones too; fast near `guess`.
pub(super) fn first(guess: u64, least: u64, holds: impl Fn(u64) -> bool) -> u64 {
    // It fails below `low` and holds at `high`.
    let (mut low, mut high) = (least, guess.max(least));
    let mut step = 1;
    if holds(high) {
        while low < high {
            let probe = high.saturating_sub(step).max(low);
            if !holds(probe) {
                low = probe + 1;
                break;
            }
            high = probe;
            step *= 2;
        }
    } else {
        while !holds(high) {
            low = high + 1;
            high += step;
            step *= 2;
        }
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// `n_min(over)` by the normal approximation: n q - z sqrt(n p q) = over, solved for n.
pub(super) fn queries_estimate(p: Percentile, over: u64) -> u64 {
    let (p, q) = (p.fraction(), bad_fraction(p));
    let spread = Z * (p * q).sqrt();
    let root = (spread + (spread * spread + 4.0 * q * float(over)).sqrt()) / (2.0 * q);
    whole(root * root)
}

/// The most over-latency queries by the normal approximation.
pub(super) fn over_estimate(p: Percentile, queries: u64) -> u64 {
    let (n, p, q) = (float(queries), p.fraction(), bad_fraction(p));
    whole(n * q - Z * (n * p * q).sqrt())
}

/// 1 - p, without the digits that this difference would lose near p = 1.
pub(super) fn bad_fraction(p: Percentile) -> f64 {
    f64::from(1_000_000 - p.millionths()) / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "counts of queries are far below 2^52")]
pub(super) fn float(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a guess: the cast saturates")]
fn whole(count: f64) -> u64 {
    count as u64
}
