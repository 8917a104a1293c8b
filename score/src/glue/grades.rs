//! Pearson's and Spearman's correlation of grades with the right ones.

use domain::Task;

use crate::{
    Output, Prediction, ScoreError, Truth,
    resampled::{Resampled, real},
};

/// Grades or similarities beside the right ones.
#[derive(Debug)]
pub(crate) struct Grades {
    predicted: Vec<f64>,
    truth: Vec<f64>,
}

impl Grades {
    pub(crate) fn new<'a>(
        task: Task,
        predictions: impl IntoIterator<Item = &'a Prediction>,
    ) -> Result<Self, ScoreError> {
        let (mut all_predicted, mut all_truth) = (Vec::new(), Vec::new());
        for prediction in predictions {
            let (&Output::Value(predicted), &Truth::Value(truth)) = (&prediction.output, &prediction.truth) else {
                return Err(ScoreError::unfit(task, prediction));
            };
            all_predicted.push(predicted);
            all_truth.push(truth);
        }
        Ok(Self { predicted: all_predicted, truth: all_truth })
    }

    pub(crate) fn pearson(&self) -> Pearson<'_> {
        Pearson(self)
    }

    pub(crate) fn spearman(&self) -> Spearman {
        Spearman { predicted: Codes::new(&self.predicted), truth: Codes::new(&self.truth) }
    }
}

/// Pearson's correlation, as `scipy.stats.pearsonr`.
#[derive(Debug)]
pub(crate) struct Pearson<'a>(&'a Grades);

impl Resampled for Pearson<'_> {
    fn examples(&self) -> usize {
        self.0.truth.len()
    }

    fn over(&self, drawn: &[u32]) -> f64 {
        let of = |values: &[f64]| drawn.iter().map(|&index| values[index as usize]).collect::<Vec<f64>>();
        correlation(of(&self.0.predicted), of(&self.0.truth))
    }
}

/// Spearman's correlation, as `scipy.stats.spearmanr`: Pearson's of the ranks, equal values sharing their average rank.
#[derive(Debug)]
pub(crate) struct Spearman {
    predicted: Codes,
    truth: Codes,
}

impl Resampled for Spearman {
    fn examples(&self) -> usize {
        self.truth.codes.len()
    }

    fn over(&self, drawn: &[u32]) -> f64 {
        correlation(self.predicted.ranks(drawn), self.truth.ranks(drawn))
    }
}

/// Values as numbers of the distinct ones in ascending order, so that the ranks of a draw need no sorting.
#[derive(Debug)]
struct Codes {
    codes: Vec<u32>,
    distinct: usize,
}

impl Codes {
    #[expect(clippy::float_cmp, reason = "ties are exact, as scipy's")]
    fn new(values: &[f64]) -> Self {
        let mut distinct = values.to_vec();
        distinct.sort_unstable_by(f64::total_cmp);
        // By value, because 0 and -0 are one.
        distinct.dedup_by(|a, b| a == b);
        let code = |value: &f64| u32::try_from(distinct.partition_point(|other| other < value)).unwrap_or(u32::MAX);
        Self { codes: values.iter().map(code).collect(), distinct: distinct.len() }
    }

    fn ranks(&self, drawn: &[u32]) -> Vec<f64> {
        let mut counts = vec![0_usize; self.distinct];
        let codes = || drawn.iter().map(|&index| self.codes[index as usize] as usize);
        codes().for_each(|code| counts[code] += 1);
        let mut before = 0;
        let average = counts.iter().map(|&count| {
            let rank = real(before) + f64::midpoint(real(count), 1.0);
            before += count;
            rank
        });
        let average: Vec<f64> = average.collect();
        codes().map(|code| average[code]).collect()
    }
}

/// 0 where a side does not vary.
fn correlation(mut a: Vec<f64>, mut b: Vec<f64>) -> f64 {
    centre(&mut a);
    centre(&mut b);
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let correlation = product(&a, &b) / (product(&a, &a).sqrt() * product(&b, &b).sqrt());
    if correlation.is_finite() { correlation.clamp(-1.0, 1.0) } else { 0.0 }
}

fn centre(values: &mut [f64]) {
    let Some(&first) = values.first() else { return };
    // Less the first value before the mean: what does not vary is then exactly 0, and not what rounding left of it.
    for value in values.iter_mut() {
        *value -= first;
    }
    let mean = values.iter().sum::<f64>() / real(values.len());
    for value in values.iter_mut() {
        *value -= mean;
    }
}
