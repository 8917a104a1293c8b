//! What is right for a row, as its cell writes it: a label by number or by word, never both in one file, or a grade.

use std::ops::RangeInclusive;

use score::Truth;

/// Of STS: from nothing in common to the same meaning.
const GRADES: RangeInclusive<f64> = 0.0..=5.0;

/// Labels have the numbers of Hugging Face's data set `glue`, whose models are trained with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grade {
    /// From 0, below this.
    Numbers(u32),
    /// A label's number is its rank here.
    Words(&'static [&'static str]),
    Value,
}

impl Grade {
    /// How this cell is written, which the other rows must follow: sets with words are published with numbers as well.
    pub(super) fn decide(known: Self, cell: &str) -> Result<Self, String> {
        let numbers = known.labels().map(Self::Numbers).filter(|numbers| numbers.read(cell).is_ok());
        match known.read(cell) {
            Ok(_) => Ok(known),
            Err(why) => numbers.ok_or(why),
        }
    }

    pub(super) fn read(self, cell: &str) -> Result<Truth, String> {
        let cell = cell.trim();
        // As the sets of competitions are published.
        if cell == "-1" {
            return Err("what is right for it is hidden (-1)".to_owned());
        }
        match self {
            Self::Words(words) => match words.iter().zip(0..).find(|(word, _)| **word == cell) {
                Some((_, label)) => Ok(Truth::Label(label)),
                None => Err(format!("unknown label {cell:?}; known are {}", words.join(", "))),
            },
            Self::Numbers(labels) => match cell.parse() {
                Ok(label) if label < labels => Ok(Truth::Label(label)),
                _ => Err(format!("unknown label {cell:?}; known are the numbers below {labels}")),
            },
            Self::Value => match cell.parse() {
                Ok(grade) if GRADES.contains(&grade) => Ok(Truth::Value(grade)),
                _ => Err(format!("unknown grade {cell:?}; known are 0 to 5")),
            },
        }
    }

    pub(super) fn labels(self) -> Option<u32> {
        match self {
            Self::Numbers(labels) => Some(labels),
            Self::Words(words) => u32::try_from(words.len()).ok(),
            Self::Value => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: Grade = Grade::Words(&["entailment", "not_entailment"]);

    #[test]
    fn words_and_numbers_mean_the_same_and_are_not_mixed() {
        for (cell, label) in [("entailment", 0), ("not_entailment", 1), ("0", 0), ("1", 1)] {
            assert_eq!(Grade::decide(WORDS, cell).expect(cell).read(cell), Ok(Truth::Label(label)));
        }
        WORDS.read("1").expect_err("a number among words");
        Grade::decide(WORDS, "1").expect("numbers").read("entailment").expect_err("a word among numbers");
    }

    #[test]
    fn what_is_no_label_and_no_grade_is_refused() {
        for cell in ["", "2", "-1", "Entailment", "-", "0.0", "nan"] {
            Grade::decide(WORDS, cell).expect_err(cell);
        }
        for cell in ["", "-1", "5.1", "nan", "inf", "high"] {
            Grade::Value.read(cell).expect_err(cell);
        }
        assert_eq!(Grade::Value.read("4.750"), Ok(Truth::Value(4.75)));
    }
}
