//! Selects devices by their labels: `any`, a device name, or `class=orin,os!=macos`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::Labels;

/// A conjunction of terms; the empty one matches every device.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Selector {
    terms: Vec<Term>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Term {
    key: String,
    equals: bool,
    value: String,
}

/// Text that is not a selector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a device selector: {why}")]
pub struct InvalidSelector {
    text: String,
    why: &'static str,
}

impl Selector {
    pub fn matches(&self, labels: &Labels) -> bool {
        self.first_mismatch(labels).is_none()
    }

    /// The first term these labels do not satisfy, as text.
    pub fn first_mismatch(&self, labels: &Labels) -> Option<String> {
        self.terms.iter().find(|term| (labels.get(&term.key) == Some(&term.value)) != term.equals).map(Term::to_string)
    }
}

impl FromStr for Selector {
    type Err = InvalidSelector;

    /// Terms are sorted, so that equal selectors have equal text.
    fn from_str(text: &str) -> Result<Self, InvalidSelector> {
        let invalid = |why| InvalidSelector { text: text.to_owned(), why };
        let text = text.trim();
        if text.is_empty() {
            return Err(invalid("it is empty; write `any` for every device"));
        }
        if text == "any" {
            return Ok(Self::default());
        }
        if !text.contains('=') {
            if text.contains(',') {
                return Err(invalid("a list of terms needs `key=value` in each"));
            }
            return Ok(Self { terms: vec![Term { key: "name".to_owned(), equals: true, value: text.to_owned() }] });
        }
        let mut terms = Vec::new();
        for term in text.split(',') {
            let (key, value) =
                term.split_once('=').ok_or_else(|| invalid("a term must be `key=value` or `key!=value`"))?;
            let (key, equals) = key.strip_suffix('!').map_or((key, true), |key| (key, false));
            let (key, value) = (key.trim(), value.trim());
            if key.is_empty() || value.is_empty() {
                return Err(invalid("a term has an empty key or value"));
            }
            terms.push(Term { key: key.to_owned(), equals, value: value.to_owned() });
        }
        terms.sort();
        terms.dedup();
        Ok(Self { terms })
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}={}", self.key, if self.equals { "" } else { "!" }, self.value)
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.terms.is_empty() {
            return f.write_str("any");
        }
        for (index, term) in self.terms.iter().enumerate() {
            write!(f, "{}{term}", if index == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl TryFrom<String> for Selector {
    type Error = InvalidSelector;

    fn try_from(text: String) -> Result<Self, InvalidSelector> {
        text.parse()
    }
}

impl From<Selector> for String {
    fn from(selector: Selector) -> Self {
        selector.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn matches(selector: &str, pairs: &[(&str, &str)]) -> bool {
        selector.parse::<Selector>().expect("valid").matches(&labels(pairs))
    }

    #[test]
    fn every_term_must_hold() {
        let orin = [("class", "orin"), ("os", "linux"), ("name", "board-1")];
        assert!(matches("any", &orin));
        assert!(matches("board-1", &orin));
        assert!(matches("class=orin,os!=macos", &orin));
        assert!(!matches("class=orin,os=macos", &orin));
        assert!(matches("rack!=3", &orin), "a label that is absent differs from every value");
    }

    #[test]
    fn equal_selectors_have_equal_text() {
        let text = |selector: &str| selector.parse::<Selector>().expect("valid").to_string();
        assert_eq!(text("b=2, a=1"), text("a=1,b=2"));
        assert_eq!(text("any"), "any");
    }

    #[test]
    fn nonsense_is_refused_with_the_reason() {
        for bad in ["", " ", "=x", "a=", "a=1,,b=2", "a,b"] {
            assert!(bad.parse::<Selector>().is_err(), "{bad:?}");
        }
    }
}
