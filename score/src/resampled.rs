//! Statistics that can be taken of any draw of the examples, and so have bootstrap intervals. Knows no task.

use stats::Resamples;

/// Confidence of all intervals.
pub(crate) const CONFIDENCE: f64 = 0.95;

/// With 1999, the ends of a 95 % interval are the 50th and the 1950th resample, with nothing between two to be guessed.
const RESAMPLES: usize = 1999;

/// The same for ever: figures of different versions are compared.
const SEED: u64 = 0x6675_726c_6f6e_6702;

/// A figure of some examples.
pub(crate) trait Resampled {
    fn examples(&self) -> usize;

    /// Of the examples with these indices, each as often as it is there. Always finite.
    fn over(&self, drawn: &[u32]) -> f64;

    /// Of every example once.
    fn value(&self) -> f64 {
        let every: Vec<u32> = (0..u32::try_from(self.examples()).unwrap_or(u32::MAX)).collect();
        self.over(&every)
    }

    /// 95 % percentile interval; `None` for a single example.
    fn interval(&self) -> Option<(f64, f64)> {
        let resamples = stats::bootstrap(self.examples(), RESAMPLES, SEED, &mut |drawn| self.over(drawn))?;
        Some(bounds(&resamples))
    }
}

/// How two figures of the same examples differ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Paired {
    /// Of the difference, first less second.
    pub(crate) difference: (f64, f64),
    /// Two-sided, of no difference.
    pub(crate) p_value: f64,
    /// Of the first over the second; `None` where the second can't be told from 0 or less.
    pub(crate) ratio: Option<(f64, f64)>,
}

/// Paired bootstrap: both figures are taken of the same draws. `None` for a single example.
pub(crate) fn paired(first: &dyn Resampled, second: &dyn Resampled) -> Option<Paired> {
    let (mut differences, mut ratios) = (Vec::with_capacity(RESAMPLES), Vec::with_capacity(RESAMPLES));
    stats::resample(first.examples(), RESAMPLES, SEED, &mut |drawn| {
        let (a, b) = (first.over(drawn), second.over(drawn));
        differences.push(a - b);
        ratios.push(if b > 0.0 { a / b } else { f64::NAN });
    });
    let differences = Resamples::new(differences)?;
    Some(Paired {
        difference: bounds(&differences),
        p_value: differences.p_value(0.0),
        ratio: Resamples::new(ratios).map(|ratios| bounds(&ratios)),
    })
}

fn bounds(resamples: &Resamples) -> (f64, f64) {
    let stats::Bounds { low, high } = resamples.interval(CONFIDENCE);
    (low, high)
}

/// A mean of one value for each example, times a unit.
#[derive(Debug)]
pub(crate) struct Mean {
    pub(crate) values: Vec<f64>,
    pub(crate) unit: f64,
}

impl Resampled for Mean {
    fn examples(&self) -> usize {
        self.values.len()
    }

    fn over(&self, drawn: &[u32]) -> f64 {
        let sum: f64 = drawn.iter().map(|&index| self.values[index as usize]).sum();
        self.unit * sum / real(drawn.len())
    }
}

/// A count; exact, as no data set has 2^53 examples.
#[expect(clippy::cast_precision_loss, reason = "no data set has 2^53 examples")]
pub(crate) fn real(count: usize) -> f64 {
    count as f64
}
