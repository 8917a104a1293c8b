//! A share of successes with its interval.

use statrs::function::erf::erf_inv;

use crate::cast::Real;

/// Both ends of an interval, in the unit of what it is of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    pub low: f64,
    pub high: f64,
}

/// Wilson's score interval of a share, without continuity correction (Wilson 1927, JASA 22(158)): within 0..=1, and sensible
/// even where all or none succeed. The same as `scipy.stats.binomtest(..).proportion_ci(.., method="wilson")`.
///
/// `None` without trials, with more successes than trials, or if `confidence` is not strictly between 0 and 1.
pub fn wilson(successes: u64, trials: u64, confidence: f64) -> Option<Bounds> {
    if trials == 0 || successes > trials || !(confidence > 0.0 && confidence < 1.0) {
        return None;
    }
    let (n, share) = (trials.real(), successes.real() / trials.real());
    let squared = 2.0 * erf_inv(confidence).powi(2);
    let center = (share + squared / (2.0 * n)) / (1.0 + squared / n);
    let variance = share * (1.0 - share) / n + squared / (4.0 * n * n);
    let half = (squared * variance).sqrt() / (1.0 + squared / n);
    // At both ends the formula is exact, but its floating point is not.
    let low = if successes == 0 { 0.0 } else { (center - half).max(0.0) };
    let high = if successes == trials { 1.0 } else { (center + half).min(1.0) };
    Some(Bounds { low, high })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn intervals_agree_with_scipy() {
        for (successes, trials, confidence, low, high) in GOLDEN {
            let found = wilson(successes, trials, confidence).expect("defined");
            assert!((found.low - low).abs() < 1e-12, "{successes}/{trials}: {found:?}, not {low}");
            assert!((found.high - high).abs() < 1e-12, "{successes}/{trials}: {found:?}, not {high}");
        }
    }

    #[test]
    fn undefined_intervals_are_none() {
        for (successes, trials, confidence) in [(0, 0, 0.95), (2, 1, 0.95), (1, 2, 0.0), (1, 2, 1.0), (1, 2, f64::NAN)]
        {
            assert_eq!(wilson(successes, trials, confidence), None, "{successes} {trials} {confidence}");
        }
    }

    proptest! {
        #[test]
        fn interval_contains_the_share_and_mirrors(trials in 1_u64..100_000, part in 0.0..=1.0, confidence in 0.01..0.999) {
            let successes = crate::cast::whole(trials.real() * part);
            let found = wilson(successes, trials, confidence).expect("defined");
            let share = successes.real() / trials.real();
            prop_assert!(0.0 <= found.low && found.low <= share && share <= found.high && found.high <= 1.0);
            let mirrored = wilson(trials - successes, trials, confidence).expect("defined");
            prop_assert!((mirrored.low - (1.0 - found.high)).abs() < 1e-12);
        }
    }

    /// Successes, trials, confidence, low, high: scipy 1.17.1, `binomtest(..).proportion_ci(.., method="wilson")`.
    const GOLDEN: [(u64, u64, f64, f64, f64); 10] = [
        (0, 10, 0.95, 0.0, 0.277_532_799_862_889_26),
        (1, 10, 0.95, 0.017_876_213_095_072_896, 0.404_150_026_795_238_5),
        (9, 10, 0.95, 0.595_849_973_204_761_5, 0.982_123_786_904_927_1),
        (10, 10, 0.95, 0.722_467_200_137_110_9, 1.0),
        (1, 1, 0.95, 0.206_549_314_377_237_45, 1.0),
        (775, 872, 0.95, 0.866_163_069_320_461_7, 0.907_949_634_721_792_2),
        (758, 872, 0.99, 0.837_050_857_434_638, 0.895_904_323_939_672_5),
        (5, 7, 0.5, 0.588_847_694_700_716_3, 0.813_570_224_075_394_3),
        (49_999, 50_000, 0.95, 0.999_886_710_298_608_8, 0.999_996_469_500_177_2),
        (902, 1000, 0.9, 0.885_433_366_092_961, 0.916_397_246_342_271_6),
    ];
}
