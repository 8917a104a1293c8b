//! GLUE's figures (Wang et al. 2019): Matthews' coefficient, F1, the correlations of [`grades`], and the benchmark's average.
//!
//! Where scikit-learn and scipy have no number or a warning, the number here is 0: Matthews' with one class alone on a side,
//! F1 without a positive, a correlation with a side that does not vary.

mod grades;

use std::collections::{BTreeMap, HashMap};

use domain::{Metric, Task};

use crate::{
    Prediction, ScoreError,
    labels::labels,
    resampled::{Resampled, real},
};
pub(crate) use grades::Grades;

/// Matthews' correlation coefficient, for any number of classes (Gorodkin 2004), as scikit-learn's `matthews_corrcoef`.
#[derive(Debug)]
pub(crate) struct Matthews {
    /// Predicted and right class of each example, renumbered from 0 to `classes`.
    pairs: Vec<(u32, u32)>,
    classes: usize,
}

impl Matthews {
    pub(crate) fn new<'a>(
        task: Task,
        predictions: impl IntoIterator<Item = &'a Prediction>,
    ) -> Result<Self, ScoreError> {
        let mut numbers = HashMap::new();
        let mut pairs = Vec::new();
        for prediction in predictions {
            let (labels, truth) = labels(task, prediction)?;
            let [predicted, truth] = [labels[0], truth].map(|class| {
                let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
                *numbers.entry(class).or_insert(next)
            });
            pairs.push((predicted, truth));
        }
        Ok(Self { pairs, classes: numbers.len() })
    }
}

impl Resampled for Matthews {
    fn examples(&self) -> usize {
        self.pairs.len()
    }

    fn over(&self, drawn: &[u32]) -> f64 {
        let (mut predicted, mut truth) = (vec![0_usize; self.classes], vec![0_usize; self.classes]);
        let mut right = 0_usize;
        for &index in drawn {
            let (a, b) = self.pairs[index as usize];
            predicted[a as usize] += 1;
            truth[b as usize] += 1;
            right += usize::from(a == b);
        }
        let product = |a: &[usize], b: &[usize]| a.iter().zip(b).map(|(&a, &b)| real(a) * real(b)).sum::<f64>();
        let n = real(drawn.len());
        let covariance = real(right) * n - product(&predicted, &truth);
        let spread = (n * n - product(&predicted, &predicted)) * (n * n - product(&truth, &truth));
        if spread > 0.0 { covariance / spread.sqrt() } else { 0.0 }
    }
}

/// F1 of class 1.
#[derive(Debug)]
pub(crate) struct F1 {
    /// Whether class 1 was predicted, and whether it was right.
    pairs: Vec<(bool, bool)>,
}

impl F1 {
    pub(crate) fn new<'a>(
        task: Task,
        predictions: impl IntoIterator<Item = &'a Prediction>,
    ) -> Result<Self, ScoreError> {
        let pair = |prediction| labels(task, prediction).map(|(labels, truth)| (labels[0] == 1, truth == 1));
        Ok(Self { pairs: predictions.into_iter().map(pair).collect::<Result<_, _>>()? })
    }
}

impl Resampled for F1 {
    fn examples(&self) -> usize {
        self.pairs.len()
    }

    fn over(&self, drawn: &[u32]) -> f64 {
        let (mut both, mut either) = (0_usize, 0_usize);
        for &index in drawn {
            let (predicted, truth) = self.pairs[index as usize];
            both += usize::from(predicted && truth);
            either += usize::from(predicted) + usize::from(truth);
        }
        if either > 0 { 2.0 * real(both) / real(either) } else { 0.0 }
    }
}

/// GLUE's average over its nine tasks, in the unit of the metrics (0 to 1, and -1 to 1 for the coefficients): the two metrics of
/// a task are averaged first, and so are the two sets of MNLI. The diagnostic set does not count. `None` unless all nine are
/// there, with all their metrics.
pub fn glue_average(metrics: &BTreeMap<Task, Vec<Metric>>) -> Option<f64> {
    let one = |task: Task| {
        let found = metrics.get(&task)?;
        let value = |name: &&str| found.iter().find(|metric| metric.name == **name).map(|metric| metric.value);
        average(task.metrics().iter().map(value))
    };
    average([
        one(Task::Cola),
        one(Task::Sst2),
        one(Task::Mrpc),
        one(Task::Stsb),
        one(Task::Qqp),
        average([one(Task::MnliMatched), one(Task::MnliMismatched)]),
        one(Task::Qnli),
        one(Task::Rte),
        one(Task::Wnli),
    ])
}

/// `None` if one is, or if there are none.
fn average(values: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    let values: Vec<f64> = values.into_iter().collect::<Option<_>>()?;
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / real(values.len()))
}

#[cfg(test)]
mod tests;
