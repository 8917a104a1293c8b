//! Flags values far from those around them, by the rule of Barrett et al. (section 4.2 of arXiv:1602.00602).

/// A value is compared with a window of this many around it.
const WINDOW: usize = 200;

/// The window moves on by this many values, and judges those in its middle. Half a window: it costs one selection of 200
/// per 100 values, and leaves a quarter of the window on either side of each, so that neither side of a step is an outlier.
const HOP: usize = 100;

/// Fewer values have no 10th and 90th percentile to speak of.
const LEAST_WINDOW: usize = 10;

/// This many flagged values at the very beginning are a regime and not a spike; as many unflagged ones end it. It is the
/// least size of a segment, so that what is kept can be found as one.
const REGIME: usize = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outlier {
    pub(super) index: usize,
    /// Median of the window it was compared with.
    pub(super) local_median: u64,
}

/// Values outside median +- 3 (P90 - P10) of the 200 values around them, in ascending order of index.
///
/// The range is never narrower than 1 % of the median to each side: where the timer makes nearly all values equal, the
/// next tick is no outlier. The slow values of a warm-up, at the very beginning, are not outliers either.
pub(super) fn local_outliers(values: &[u64]) -> Vec<Outlier> {
    let width = WINDOW.min(values.len());
    if width < LEAST_WINDOW {
        return Vec::new();
    }
    let mut outliers = Vec::new();
    let mut window = Vec::with_capacity(width);
    for start in (0..values.len()).step_by(HOP) {
        let from = start.saturating_sub((WINDOW - HOP) / 2).min(values.len() - width);
        window.clear();
        window.extend_from_slice(&values[from..from + width]);
        let (local_median, range) = median_and_range(&mut window);
        let judged = values.iter().enumerate().skip(start).take(HOP);
        outliers.extend(
            judged
                .filter(|(_, value)| value.abs_diff(local_median) > range)
                .map(|(index, _)| Outlier { index, local_median }),
        );
    }
    outliers.drain(..leading_regime(&outliers));
    outliers
}

/// The median, and how far from it a value may be. Reorders the values, of which there must be at least ten.
fn median_and_range(window: &mut [u64]) -> (u64, u64) {
    let (len, middle) = (window.len(), window.len() / 2);
    let (below, &mut median, above) = window.select_nth_unstable(middle);
    let (_, &mut low, _) = below.select_nth_unstable(len / 10);
    let (_, &mut high, _) = above.select_nth_unstable(len * 9 / 10 - middle - 1);
    (median, (high - low).saturating_mul(3).max(median / 100))
}

/// How many of the outliers are the beginning of the series rather than spikes in it.
fn leading_regime(outliers: &[Outlier]) -> usize {
    let ends = std::iter::once(0).chain(outliers.iter().map(|outlier| outlier.index + 1));
    let count = ends.zip(outliers).take_while(|(end, outlier)| outlier.index - end < REGIME).count();
    if count >= REGIME { count } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flagged(values: &[u64]) -> Vec<usize> {
        local_outliers(values).into_iter().map(|outlier| outlier.index).collect()
    }

    /// 1000 to 1018 in turn: the median is about 1009 and the range about 45.
    fn quiet(len: u64) -> Vec<u64> {
        (0..len).map(|i| 1000 + 7 * i % 19).collect()
    }

    #[test]
    fn spikes_are_flagged_wherever_they_are() {
        let mut values = quiet(1050);
        for index in [0, 1, 99, 100, 500, 1049] {
            values[index] = 1200;
        }
        values[300] = 800;
        assert_eq!(flagged(&values), [0, 1, 99, 100, 300, 500, 1049]);
    }

    #[test]
    fn quiet_and_constant_values_have_no_outliers() {
        assert_eq!(flagged(&quiet(5000)), [0_usize; 0]);
        assert_eq!(flagged(&[u64::MAX; 400]), [0_usize; 0]);
        assert_eq!(flagged(&[0, 5, 0]), [0_usize; 0]);
    }

    #[test]
    fn the_next_tick_of_a_coarse_timer_is_no_outlier() {
        let mut values = vec![1000; 400];
        values[200] = 1010;
        values[250] = 1011;
        assert_eq!(flagged(&values), [250]);
    }

    #[test]
    fn a_step_has_no_outliers_at_any_place() {
        for place in (100..900).step_by(7) {
            let mut values = quiet(1000);
            values[place..].iter_mut().for_each(|value| *value += 500);
            assert_eq!(flagged(&values), [0_usize; 0], "step at {place}");
        }
    }

    #[test]
    fn a_slow_beginning_is_no_outlier() {
        let mut values = quiet(600);
        for (value, extra) in values.iter_mut().zip([4000, 3000, 2000, 5, 900, 400]) {
            *value += extra;
        }
        values[40] = 2000;
        assert_eq!(flagged(&values), [40]);
    }
}
