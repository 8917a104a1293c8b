//! What serde finds wrong with a section, in the words of a card's author. Reads nothing itself: see [`super::section`].

use std::fmt;

use serde::de::{self, Expected, Unexpected};

use super::{Place, finite};
use crate::spelling::did_you_mean;

/// Characters of a wrong text that are shown.
const SHOWN: usize = 40;

#[derive(Debug)]
pub(super) struct Fault {
    /// `None`: serde knows values and not where they stand, whoever holds the value says it.
    pub(super) at: Option<Place>,
    pub(super) message: String,
    /// `None`: that of the section.
    pub(super) hint: Option<String>,
}

impl Fault {
    pub(super) fn new(message: String) -> Self {
        Self { at: None, message, hint: None }
    }

    /// The innermost place stands.
    pub(super) fn or_at(self, place: Place) -> Self {
        Self { at: self.at.or(Some(place)), ..self }
    }

    fn unknown(kind: &str, word: &str, known: &[&str]) -> Self {
        let hint = did_you_mean(word, known.iter().copied()).unwrap_or_else(|| format!("known are {}", listed(known)));
        Self { at: None, message: format!("unknown {kind} `{}`", shown(word)), hint: Some(hint) }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        // Only a text in quotes can look like a number and be none.
        let quoted = matches!(found, Unexpected::Str(text) if finite(text).is_some());
        let message = format!("expected {}, found {}", wanted(expected), described(found));
        Self { at: None, message, hint: quoted.then(|| "a number stands without quotes".to_owned()) }
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {}, found {length}", wanted(expected)))
    }

    fn unknown_variant(word: &str, known: &'static [&'static str]) -> Self {
        Self::unknown("word", word, known)
    }

    fn unknown_field(key: &str, known: &'static [&'static str]) -> Self {
        Self::unknown("key", key, known)
    }

    fn missing_field(key: &'static str) -> Self {
        Self::new(format!("`{key}` is missing"))
    }
}

pub(super) fn listed(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// What serde wants, which it names by Rust's types.
fn wanted(expected: &dyn Expected) -> String {
    let words = expected.to_string();
    match words.as_str() {
        "u8" => "a whole number, 0 to 255".to_owned(),
        "u32" => "a whole number, 0 or more".to_owned(),
        "i32" => "a whole number".to_owned(),
        "f64" => "a finite number".to_owned(),
        "a boolean" => "`true` or `false`".to_owned(),
        "a string" => "text".to_owned(),
        "a sequence" => "a list".to_owned(),
        words if words.starts_with("struct ") => "`key: value` pairs".to_owned(),
        words => match words.strip_prefix("an array of length ") {
            Some(length) => format!("a list of {length}"),
            None => words.to_owned(),
        },
    }
}

fn described(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
        Unexpected::Bool(flag) => format!("`{flag}`"),
        Unexpected::Unsigned(number) => format!("`{number}`"),
        Unexpected::Signed(number) => format!("`{number}`"),
        Unexpected::Float(number) => format!("`{number:?}`"),
        Unexpected::Str(text) => format!("the text `{}`", shown(text)),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "`key: value` pairs".to_owned(),
        other => other.to_string(),
    }
}

fn shown(text: &str) -> String {
    let beginning: String = text.chars().take(SHOWN).collect();
    if beginning.len() < text.len() { format!("{beginning}..") } else { beginning }
}
