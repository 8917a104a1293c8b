//! `McNemar`'s test: two classifiers that were asked the same questions.

use statrs::function::{erf::erfc, factorial::ln_binomial};

use crate::cast::Real;

/// With fewer discordant pairs than this, the chi-square distribution is a poor likeness of the binomial one (`McNemar` 1947;
/// the customary limit).
const EXACT_BELOW: u64 = 25;

/// Probabilities, two-sided, of discordant pairs split at least as unevenly, were both equally often right.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct McNemar {
    /// Binomial and exact below 25 discordant pairs; else chi-square with continuity correction.
    pub p_value: f64,
    /// Exact, with half the probability of the observed split: as the exact test, but not as timid (Fagerland et al. 2013,
    /// BMC Medical Research Methodology 13:91).
    pub mid_p: f64,
}

/// Compares by the discordant pairs: `only_first` that the first alone got right, `only_second` that the second alone did.
/// Without any, nothing speaks against equality and both probabilities are 1.
pub fn mcnemar(only_first: u64, only_second: u64) -> McNemar {
    let (fewer, pairs) = (only_first.min(only_second), only_first.saturating_add(only_second));
    if pairs == 0 {
        return McNemar { p_value: 1.0, mid_p: 1.0 };
    }
    let Tail { up_to, at } = tail(fewer, pairs);
    let mid_p = (2.0 * up_to - at).clamp(0.0, 1.0);
    let p_value = if pairs < EXACT_BELOW { (2.0 * up_to).min(1.0) } else { corrected(only_first, only_second) };
    McNemar { p_value, mid_p }
}

/// Of chi-square with one degree of freedom, with Edwards' correction, which takes away no more than there is.
fn corrected(first: u64, second: u64) -> f64 {
    let apart = first.abs_diff(second).saturating_sub(1).real();
    let statistic = apart * apart / (first.real() + second.real());
    erfc((statistic / 2.0).sqrt())
}

/// `P(B <= k)` and `P(B = k)` for B ~ Bin(n, 1/2).
struct Tail {
    up_to: f64,
    at: f64,
}

/// Summed from k downward, each term from the one before: exact to about 1e-9 at a million, and the terms soon vanish. `k <= n/2`.
fn tail(k: u64, n: u64) -> Tail {
    let at = (ln_binomial(n, k) - n.real() * std::f64::consts::LN_2).exp();
    let (mut term, mut up_to, mut left) = (at, at, k);
    while left > 0 && term > up_to * f64::EPSILON / 4.0 {
        term *= left.real() / (n - left + 1).real();
        up_to += term;
        left -= 1;
    }
    Tail { up_to, at }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_agree_with_scipy_and_statsmodels() {
        for (first, second, p_value, mid_p) in GOLDEN {
            let found = mcnemar(first, second);
            assert!((found.p_value - p_value).abs() < 1e-9, "{first} {second}: {found:?}, not {p_value}");
            assert!((found.mid_p - mid_p).abs() < 1e-9, "{first} {second}: {found:?}, not {mid_p}");
        }
    }

    #[test]
    fn order_does_not_matter_and_balance_is_no_evidence() {
        assert_eq!(mcnemar(3, 9), mcnemar(9, 3));
        for (first, second) in [(0, 0), (4, 4), (500, 500)] {
            let found = mcnemar(first, second);
            assert!((found.p_value - 1.0).abs() < 1e-12 && (found.mid_p - 1.0).abs() < 1e-12, "{found:?}");
        }
    }

    #[test]
    fn huge_counts_are_neither_slow_nor_undefined() {
        let found = mcnemar(u64::MAX, 1);
        assert!(found.p_value < 1e-9 && found.mid_p < 1e-9, "{found:?}");
        let even = mcnemar(1 << 40, 1 << 40);
        assert!(even.p_value > 0.99, "{even:?}");
    }

    /// Only the first right, only the second right; statsmodels 0.15.0, `mcnemar(.., exact=first + second < 25)`; scipy 1.17.1,
    /// `2 * binom.cdf(fewer, pairs, 0.5) - binom.pmf(fewer, pairs, 0.5)`.
    const GOLDEN: [(u64, u64, f64, f64); 17] = [
        (0, 1, 1.0, 0.499_999_999_999_999_9),
        (0, 5, 0.062_5, 0.031_250_000_000_000_03),
        (0, 6, 0.031_25, 0.015_624_999_999_999_879),
        (8, 0, 0.007_812_5, 0.003_906_249_999_999_993),
        (1, 8, 0.039_062_5, 0.021_484_374_999_999_983),
        (4, 9, 0.266_845_703_125, 0.179_565_429_687_499_97),
        (12, 12, 1.0, 1.0),
        (3, 21, 0.000_277_161_598_205_566_4, 0.000_156_521_797_180_175_78),
        (10, 14, 0.541_256_189_346_313_5, 0.424_356_222_152_709_9),
        (12, 13, 1.0, 0.845_018_982_887_268_1),
        (5, 20, 0.005_110_260_660_855_866, 0.002_493_917_942_047_120_4),
        (30, 12, 0.008_711_912_962_379_598, 0.005_401_572_654_591_289_5),
        (40, 60, 0.057_433_119_632_003_35, 0.046_044_066_929_342_91),
        (100, 151, 0.001_599_642_072_936_095_2, 0.001_269_668_083_317_906),
        (1000, 1100, 0.030_745_034_758_993_192, 0.029_110_633_685_909_233),
        (20_000, 20_500, 0.013_154_794_013_892_336, 0.012_972_777_064_650_177),
        (2, 400, 2.944_009_481_358_401_5e-87, 7.881_402_250_303_787e-117),
    ];
}
