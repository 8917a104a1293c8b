//! Selects devices by their labels: `any`, a word, or terms such as `class=orin,ram_mb>=8000`.

use std::{cmp::Ordering, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::Labels;
use crate::device::SIMULATED;

/// A conjunction of terms; the empty one matches every device.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Selector {
    terms: Vec<Term>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Term {
    /// A device's name or its label `class`.
    Word(String),
    Label {
        key: String,
        operator: Operator,
        value: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Operator {
    Equal,
    NotEqual,
    AtLeast,
    AtMost,
    Above,
    Below,
}

impl Operator {
    /// Longer ones before those they begin with.
    const ALL: [(&'static str, Self); 6] = [
        ("!=", Self::NotEqual),
        (">=", Self::AtLeast),
        ("<=", Self::AtMost),
        ("=", Self::Equal),
        (">", Self::Above),
        ("<", Self::Below),
    ];

    fn holds(self, label: Option<&str>, value: &str) -> bool {
        let order = || label.map(|label| compare(label, value));
        match self {
            Self::Equal => label == Some(value),
            // A label that is absent differs from every value, but is neither above nor below one.
            Self::NotEqual => label != Some(value),
            Self::AtLeast => order().is_some_and(Ordering::is_ge),
            Self::AtMost => order().is_some_and(Ordering::is_le),
            Self::Above => order().is_some_and(Ordering::is_gt),
            Self::Below => order().is_some_and(Ordering::is_lt),
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = Self::ALL.iter().find(|(_, operator)| operator == self).map_or("=", |(text, _)| text);
        f.write_str(text)
    }
}

/// Compares whole numbers as numbers and the rest as versions, part by part: 6.10 comes after 6.9, because labels with
/// dots are versions far more often than fractions.
fn compare(a: &str, b: &str) -> Ordering {
    let numbers = a.parse::<i128>().ok().zip(b.parse::<i128>().ok());
    if let Some((a, b)) = numbers {
        return a.cmp(&b);
    }
    let mut parts = (a.split('.'), b.split('.'));
    loop {
        let order = match (parts.0.next(), parts.1.next()) {
            (None, None) => return Ordering::Equal,
            // 6.0 is 6.
            (Some(part), None) if part.bytes().all(|byte| byte == b'0') => Ordering::Equal,
            (None, Some(part)) if part.bytes().all(|byte| byte == b'0') => Ordering::Equal,
            (Some(_), None) => Ordering::Greater,
            (None, Some(_)) => Ordering::Less,
            (Some(a), Some(b)) => match a.parse::<u64>().ok().zip(b.parse::<u64>().ok()) {
                Some((a, b)) => a.cmp(&b),
                None => a.cmp(b),
            },
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Text that is not a selector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a device selector: {why}")]
pub struct InvalidSelector {
    text: String,
    why: &'static str,
}

impl Selector {
    /// Exactly this device. `None` if no selector can say its name.
    pub fn named(name: &str) -> Option<Self> {
        let plain = !name.is_empty() && name.trim() == name && !name.contains([',', '=', '<', '>', '!']);
        let term = Term::Label { key: "name".to_owned(), operator: Operator::Equal, value: name.to_owned() };
        plain.then(|| Self { terms: vec![term] })
    }

    pub fn matches(&self, labels: &Labels) -> bool {
        self.first_mismatch(labels).is_none()
    }

    /// The first term these labels do not satisfy, as text. A simulated board is admitted only by a selector that says
    /// something about `simulated`, so that its results never stand among real ones by accident.
    pub fn first_mismatch(&self, labels: &Labels) -> Option<String> {
        let named = self.terms.iter().any(|term| matches!(term, Term::Label { key, .. } if key == SIMULATED));
        if let Some(board) = labels.get(SIMULATED).filter(|_| !named) {
            return Some(format!("{SIMULATED}={board}, which a selector has to name"));
        }
        self.terms.iter().find(|term| !term.holds(labels)).map(Term::to_string)
    }
}

impl Term {
    fn holds(&self, labels: &Labels) -> bool {
        match self {
            Self::Word(word) => ["name", "class"].iter().any(|key| labels.get(*key) == Some(word)),
            Self::Label { key, operator, value } => operator.holds(labels.get(key).map(String::as_str), value),
        }
    }

    /// `None` without an operator.
    fn parse(text: &str) -> Option<Self> {
        let at = text.find(['=', '!', '<', '>'])?;
        let (operator_text, operator) = Operator::ALL.iter().find(|(sign, _)| text[at..].starts_with(sign))?;
        let (key, value) = (text[..at].trim(), text[at + operator_text.len()..].trim());
        Some(Self::Label { key: key.to_owned(), operator: *operator, value: value.to_owned() })
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
        if !text.contains(['=', '<', '>']) {
            if text.contains(',') {
                return Err(invalid("a list of terms needs `key=value` in each"));
            }
            return Ok(Self { terms: vec![Term::Word(text.to_owned())] });
        }
        let mut terms = Vec::new();
        for text in text.split(',') {
            let term = Term::parse(text)
                .ok_or_else(|| invalid("a term must be a key, one of `=` `!=` `>=` `<=` `>` `<`, and a value"))?;
            if let Term::Label { key, value, .. } = &term
                && (key.is_empty() || value.is_empty() || value.starts_with(['=', '<', '>']))
            {
                return Err(invalid("a term has no key or no value"));
            }
            terms.push(term);
        }
        terms.sort();
        terms.dedup();
        Ok(Self { terms })
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => f.write_str(word),
            Self::Label { key, operator, value } => write!(f, "{key}{operator}{value}"),
        }
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
        assert!(matches("orin", &orin), "a word is a name or a class");
        assert!(!matches("linux", &orin));
        assert!(matches("class=orin,os!=macos", &orin));
        assert!(!matches("class=orin,os=macos", &orin));
        assert!(matches("rack!=3", &orin), "a label that is absent differs from every value");
    }

    #[test]
    fn a_simulated_board_must_be_asked_for() {
        let board = [("class", "orin"), ("name", "sim-1"), ("simulated", "jetson-orin-nano")];
        for selector in ["any", "orin", "sim-1", "class=orin"] {
            assert!(!matches(selector, &board), "{selector}");
        }
        assert!(matches("simulated=jetson-orin-nano", &board));
        assert!(matches("class=orin,simulated!=rpi5", &board));
    }

    #[test]
    fn equal_selectors_have_equal_text() {
        let text = |selector: &str| selector.parse::<Selector>().expect("valid").to_string();
        assert_eq!(text("b=2, a=1"), text("a=1,b=2"));
        assert_eq!(text("any"), "any");
        assert_eq!(text("board-1"), "board-1");
        assert_eq!(text("ram_mb >= 8000, a!=1"), "a!=1,ram_mb>=8000");
    }

    #[test]
    fn an_order_is_that_of_numbers_or_versions() {
        let device = [("ram_mb", "8000"), ("jetpack", "6.10"), ("kernel", "6.1.0-rpi7")];
        for (selector, expected) in [
            ("ram_mb>=8000", true),
            ("ram_mb>8000", false),
            ("ram_mb<16000", true),
            ("ram_mb<=900", false),
            ("jetpack>6.9", true),
            ("jetpack<7", true),
            ("jetpack>=6.10.0", true),
            ("kernel>=6.1", true),
            ("cores>=1", false),
            ("cores<1", false),
            ("cores!=1", true),
        ] {
            assert_eq!(matches(selector, &device), expected, "{selector}");
        }
    }

    #[test]
    fn a_device_is_selected_by_its_very_name() {
        let selector = Selector::named("board-1").expect("a name");
        assert_eq!(selector.to_string(), "name=board-1");
        assert!(!selector.matches(&labels(&[("name", "board-2"), ("class", "board-1")])));
        assert_eq!(Selector::named("a,b"), None);
    }

    #[test]
    fn nonsense_is_refused_with_the_reason() {
        for bad in ["", " ", "=x", "a=", "a=1,,b=2", "a,b", "a>", ">=1", "a==1"] {
            assert!(bad.parse::<Selector>().is_err(), "{bad:?}");
        }
    }
}
