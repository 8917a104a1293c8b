//! Two models on the same examples: by how much they differ, and whether that is more than the choice of examples explains.
//!
//! Judges no rule of a campaign: a ratio against a limit is the coordinator's to hold.

use domain::Task;
use serde::{Deserialize, Serialize};

use crate::{
    Prediction, ScoreError, labels, metrics,
    metrics::headline,
    resampled::{Paired, paired},
};

/// A difference as great as this by chance, in one of twenty sets of examples, is one.
const SIGNIFICANT: f64 = 0.05;

/// How the first model does next to the second, by the task's first metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Comparison {
    pub task: Task,
    pub metric: String,
    /// That both have a prediction of.
    pub examples: u64,
    /// Of the metric, in its unit.
    pub first: f64,
    pub second: f64,
    /// First over second; `None` where the second is 0 or less.
    pub ratio: Option<Quotient>,
    /// First less second; `None` for `COCO`, and for a single example.
    pub difference: Option<Difference>,
    /// Where an example is right or wrong.
    pub discordant: Option<Discordant>,
    /// By `discordant` where the metric is the share of right ones, by `difference` elsewhere; `None` where nothing was tested.
    pub outcome: Option<Outcome>,
}

/// A ratio of two figures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Quotient {
    pub value: f64,
    /// 95 %, by the paired bootstrap; `None` where the second figure can't be told from 0, or was not resampled.
    pub interval: Option<(f64, f64)>,
}

/// A difference of two figures, by the paired bootstrap.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Difference {
    pub value: f64,
    /// 95 %.
    pub interval: (f64, f64),
    /// Two-sided, of no difference.
    pub p_value: f64,
}

/// Examples that one model alone got right, and `McNemar`'s test of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Discordant {
    pub only_first: u64,
    pub only_second: u64,
    /// Exact below 25 discordant examples, else chi-square with continuity correction.
    pub p_value: f64,
    pub mid_p: f64,
}

/// The first model next to the second, at 5 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Better,
    Worse,
    /// Not shown to be either, which is not the same as being alike: see the interval.
    Indistinguishable,
}

/// Predictions that can't be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompareError {
    #[error("the {side} model has no prediction of example {index} (`{id}`), and the other has\nhint: {SAME}")]
    Missing { side: &'static str, index: u64, id: String },
    #[error("example {index} is `{first}` for the first model and `{second}` for the second\nhint: {SAME}")]
    Named { index: u64, first: String, second: String },
    #[error("example {index} (`{id}`) has another truth for the first model than for the second\nhint: {SAME}")]
    Truth { index: u64, id: String },
    #[error("the {side} model has two predictions of example {index} (`{id}`)")]
    Twice { side: &'static str, index: u64, id: String },
    #[error("the predictions of the {side} model can't be scored")]
    Score { side: &'static str, source: ScoreError },
}

/// What to do about sets that differ.
const SAME: &str = "compare runs over the same data set, with the same limit of examples, that skipped the same ones";

const FIRST: &str = "first";
const SECOND: &str = "second";

impl Comparison {
    /// Of the test that decided.
    pub fn p_value(&self) -> Option<f64> {
        let by_examples = self.discordant.filter(|_| is_share(self.task)).map(|discordant| discordant.p_value);
        by_examples.or_else(|| self.difference.map(|difference| difference.p_value))
    }
}

/// Compares two models' predictions of the same examples, which may come in any order.
pub fn compare(task: Task, first: &[Prediction], second: &[Prediction]) -> Result<Comparison, CompareError> {
    let (a, b) = (ordered(first, FIRST)?, ordered(second, SECOND)?);
    same_examples(&a, &b)?;
    // As the metrics are checked: a kind that is not the task's, a number that is none, nothing at all.
    let value = |predictions, side| {
        let metrics = metrics(task, predictions).map_err(|source| CompareError::Score { side, source })?;
        metrics.into_iter().next().ok_or(CompareError::Score { side, source: ScoreError::Nothing { task } })
    };
    let (metric, other) = (value(first, FIRST)?, value(second, SECOND)?);
    let pair = pair(task, &a, &b)?;
    let difference = pair.map(|Paired { difference, p_value, ratio: _ }| Difference {
        value: metric.value - other.value,
        interval: difference,
        p_value,
    });
    let discordant = discordant(task, &a, &b);
    let ratio = Some(metric.value / other.value).filter(|ratio| other.value > 0.0 && ratio.is_finite());
    Ok(Comparison {
        task,
        examples: a.len() as u64,
        first: metric.value,
        second: other.value,
        ratio: ratio.map(|value| Quotient { value, interval: pair.and_then(|pair| pair.ratio) }),
        difference,
        discordant,
        outcome: outcome(task, discordant, difference),
        metric: metric.name,
    })
}

/// By index, each once.
fn ordered<'a>(predictions: &'a [Prediction], side: &'static str) -> Result<Vec<&'a Prediction>, CompareError> {
    let mut ordered: Vec<&Prediction> = predictions.iter().collect();
    ordered.sort_by_key(|prediction| prediction.index);
    match ordered.windows(2).find(|pair| pair[0].index == pair[1].index) {
        Some(pair) => Err(CompareError::Twice { side, index: pair[1].index, id: pair[1].id.clone() }),
        None => Ok(ordered),
    }
}

fn same_examples(first: &[&Prediction], second: &[&Prediction]) -> Result<(), CompareError> {
    let missing = |side, of: &Prediction| CompareError::Missing { side, index: of.index, id: of.id.clone() };
    for (a, b) in first.iter().zip(second) {
        if a.index != b.index {
            // Both are in order: the lower one is missing on the other side.
            return Err(if a.index < b.index { missing(SECOND, a) } else { missing(FIRST, b) });
        }
        if a.id != b.id {
            return Err(CompareError::Named { index: a.index, first: a.id.clone(), second: b.id.clone() });
        }
        if a.truth != b.truth {
            return Err(CompareError::Truth { index: a.index, id: a.id.clone() });
        }
    }
    match (first.get(second.len()), second.get(first.len())) {
        (Some(more), _) => Err(missing(SECOND, more)),
        (_, Some(more)) => Err(missing(FIRST, more)),
        (None, None) => Ok(()),
    }
}

fn pair(task: Task, first: &[&Prediction], second: &[&Prediction]) -> Result<Option<Paired>, CompareError> {
    let a = headline(task, first).map_err(|source| CompareError::Score { side: FIRST, source })?;
    let b = headline(task, second).map_err(|source| CompareError::Score { side: SECOND, source })?;
    Ok(a.zip(b).and_then(|(a, b)| paired(&*a, &*b)))
}

/// `None` where an example is not right or wrong.
fn discordant(task: Task, first: &[&Prediction], second: &[&Prediction]) -> Option<Discordant> {
    let (mut only_first, mut only_second) = (0, 0);
    for (a, b) in first.iter().zip(second) {
        let (a, b) = (labels::within(task, a, 1).ok()?, labels::within(task, b, 1).ok()?);
        only_first += u64::from(a && !b);
        only_second += u64::from(b && !a);
    }
    let stats::McNemar { p_value, mid_p } = stats::mcnemar(only_first, only_second);
    Some(Discordant { only_first, only_second, p_value, mid_p })
}

/// Whether the first metric is the share of right ones.
fn is_share(task: Task) -> bool {
    matches!(task.metrics().first(), Some(&("accuracy" | "top-1")))
}

fn outcome(task: Task, discordant: Option<Discordant>, difference: Option<Difference>) -> Option<Outcome> {
    let (p_value, better) = match (discordant, difference) {
        (Some(discordant), _) if is_share(task) => (discordant.p_value, discordant.only_first > discordant.only_second),
        (_, Some(difference)) => (difference.p_value, difference.value > 0.0),
        (_, None) => return None,
    };
    Some(match (p_value <= SIGNIFICANT, better) {
        (false, _) => Outcome::Indistinguishable,
        (true, true) => Outcome::Better,
        (true, false) => Outcome::Worse,
    })
}

#[cfg(test)]
mod tests;
