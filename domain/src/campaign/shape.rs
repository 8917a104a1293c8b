//! What a value may look like. One description serves the reader, its hints and the JSON Schema.

mod check;
pub(super) mod json;
pub(super) mod words;

pub(super) use check::Check;

use std::time::Duration;

/// A key of a map.
pub(super) struct Key {
    pub(super) name: &'static str,
    /// For whoever hovers over it in an editor.
    pub(super) doc: &'static str,
    pub(super) shape: Shape,
    /// Whether the map means nothing without it.
    pub(super) required: bool,
}

/// Keys, in groups that several maps share.
pub(super) type Keys = &'static [&'static [Key]];

pub(super) enum Shape {
    /// Text that is passed on.
    Text,
    /// One of these words.
    Words(&'static [&'static str]),
    /// Text with rules of its own.
    Checked(Rule),
    Whole {
        least: u64,
        greatest: u64,
    },
    Decimal {
        least: f64,
        greatest: f64,
        /// Digits beyond these are refused: to round them would mean something else. `None` = any number of them.
        decimals: Option<u32>,
    },
    Flag,
    Period {
        least: Duration,
        greatest: Duration,
    },
    List {
        of: &'static Shape,
        least: usize,
        most: usize,
    },
    /// Names the author chooses, and what they stand for.
    Table {
        name: Rule,
        of: &'static Shape,
    },
    Map(Keys),
    /// A name, alone or with what belongs to it: `cpu`, or `{ qnn: { options: {..} } }`.
    Named {
        what: &'static str,
        word: Rule,
        bodies: Bodies,
    },
    /// Text, or a map that says more.
    TextOr(Rule, Keys),
    /// One, or a list of them.
    OneOrMore {
        of: &'static Shape,
        most: usize,
    },
    /// Values of axes: those a rule selects cells by, and keys of the rule's own.
    Where(Keys),
    /// For each axis, a list of its values.
    Axes,
}

/// What may follow a name.
#[derive(Clone, Copy)]
pub(super) enum Bodies {
    ByName(&'static [(&'static str, Shape)]),
    /// After every name the same.
    Same(Keys),
}

/// A rule that text must satisfy.
#[derive(Clone, Copy)]
pub(super) struct Rule {
    /// Takes the path of the value, for the message.
    pub(super) read: fn(&str, &str) -> Result<(), Refusal>,
    /// About the same as a regular expression, for editors; the reader decides.
    pub(super) pattern: &'static str,
}

/// Why a text is refused.
pub(super) struct Refusal {
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Refusal {
    pub(super) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: Some(hint.into()) }
    }

    pub(super) fn plain(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }
}

pub(super) const fn key(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key { name, doc, shape, required: false }
}

pub(super) const fn required(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key { name, doc, shape, required: true }
}

pub(super) fn find(keys: Keys, name: &str) -> Option<&'static Key> {
    keys.iter().flat_map(|group| group.iter()).find(|key| key.name == name)
}

/// Bytes of one text: longer ones are files, which travel as attachments.
pub(super) const MOST_TEXT_BYTES: usize = 4096;
/// Entries of one table, and axes of one shape: no known model has half as many inputs.
pub(super) const MOST_ENTRIES: usize = 64;
