//! `SQuAD` v1.1's figures, as its official script (`evaluate-v1.1.py`) counts them, in percent.
//!
//! The script is Python, and so are its notions of lower case, of a space and of where a word ends.

use std::collections::HashMap;

use domain::{Metric, Task};
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory as _};

use crate::{
    Output, Prediction, ScoreError, Truth,
    labels::share,
    resampled::{Mean, Resampled as _},
};

/// What the script adds up, before it makes percents of it.
const PERCENT: f64 = 100.0;

/// What one answer is worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Answered {
    pub(crate) exact: bool,
    /// 0 to 1.
    pub(crate) f1: f64,
}

/// F1 and exact match in percent of all questions, where further `unanswered` ones have no prediction and count 0.
pub fn answer_metrics(predictions: &[Prediction], unanswered: u64) -> Result<Vec<Metric>, ScoreError> {
    let mut exact = 0;
    for prediction in predictions {
        exact += u64::from(score(prediction)?.exact);
    }
    let mut f1 = overlaps(predictions)?;
    f1.values.extend((0..unanswered).map(|_| 0.0));
    if f1.values.is_empty() {
        return Err(ScoreError::Nothing { task: Task::QuestionAnswering });
    }
    Ok(vec![
        Metric { name: "f1".to_owned(), value: f1.value(), interval: f1.interval(), count: None },
        share("exact-match", exact, f1.values.len() as u64, PERCENT),
    ])
}

/// F1 of every answer.
pub(crate) fn overlaps<'a>(predictions: impl IntoIterator<Item = &'a Prediction>) -> Result<Mean, ScoreError> {
    let f1 = |prediction| score(prediction).map(|answered| answered.f1);
    Ok(Mean { values: predictions.into_iter().map(f1).collect::<Result<_, _>>()?, unit: PERCENT })
}

/// The best over the right answers, for each figure by itself.
pub(crate) fn score(prediction: &Prediction) -> Result<Answered, ScoreError> {
    let (answer, right) = match (&prediction.output, &prediction.truth) {
        (Output::Answer(answer), Truth::Answers(right)) if !right.is_empty() => (normalised(answer), right),
        _ => return Err(ScoreError::unfit(Task::QuestionAnswering, prediction)),
    };
    let mut best = Answered { exact: false, f1: 0.0 };
    for right in right {
        let right = normalised(right);
        best.exact |= right == answer;
        best.f1 = best.f1.max(overlap(&answer, &right));
    }
    Ok(best)
}

/// F1 of the words of two normalised texts as bags. Without a common one it is 0, even where both have none: so v1.1.
fn overlap(answer: &str, right: &str) -> f64 {
    let mut bag: HashMap<&str, u32> = HashMap::new();
    let (mut in_answer, mut in_right, mut common) = (0_u32, 0_u32, 0_u32);
    for word in right.split_terminator(' ') {
        in_right += 1;
        *bag.entry(word).or_default() += 1;
    }
    for word in answer.split_terminator(' ') {
        in_answer += 1;
        if let Some(left) = bag.get_mut(word).filter(|left| **left > 0) {
            *left -= 1;
            common += 1;
        }
    }
    if common == 0 {
        return 0.0;
    }
    // In the script's order of operations, so that the last bit is the same.
    let (precision, recall) = (f64::from(common) / f64::from(in_answer), f64::from(common) / f64::from(in_right));
    (2.0 * precision * recall) / (precision + recall)
}

/// Lower case, without ASCII's 32 marks, without articles, with single spaces between words; in this order.
fn normalised(text: &str) -> String {
    let mut bare = text.to_lowercase();
    bare.retain(|letter| !letter.is_ascii_punctuation());
    let bare = without_articles(&bare);
    bare.split(is_space).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Each `a`, `an` and `the` as a space, as `\b(a|an|the)\b` finds them.
fn without_articles(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let of_word = is_of_word(first);
        let end = rest.find(|letter| is_of_word(letter) != of_word).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        kept.push_str(if matches!(run, "a" | "an" | "the") { " " } else { run });
        rest = after;
    }
    kept
}

/// Python's `\w`, but for the underscore, which is a mark and gone by then. `char::is_alphanumeric` is wider: it has the vowel
/// signs of Indic scripts.
fn is_of_word(letter: char) -> bool {
    if letter.is_ascii() {
        return letter.is_ascii_alphanumeric();
    }
    matches!(letter.general_category_group(), GeneralCategoryGroup::Letter | GeneralCategoryGroup::Number)
}

/// Where Python's `str.split` splits: Unicode's spaces, and the four separators of ASCII.
fn is_space(letter: char) -> bool {
    letter.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&letter)
}

#[cfg(test)]
mod tests;
