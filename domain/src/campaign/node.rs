//! A YAML file as a tree in which every value knows its place, its spelling and the rule it came with.
//!
//! A tree and not typed values, because includes and overlays are merged before anything has a type, and because a typed
//! reading would lose how a scalar was spelled: `1.10` and `no` stay the text that their author wrote.

use std::sync::Arc;

use super::{Place, Placed, origin::Source};

#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) at: Place,
    pub(super) source: Source,
    pub(super) kind: Kind,
}

/// What is inside is shared, so that a cell is a cheap copy of what it was made from.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// Nothing at all, `~` or `null`.
    Nothing,
    /// `plain`: without quotes.
    Scalar {
        text: Arc<str>,
        plain: bool,
    },
    List(Arc<Vec<Node>>),
    Map(Arc<Vec<Entry>>),
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: Placed<Arc<str>>,
    pub(super) value: Node,
}

impl Node {
    pub(super) fn new(at: Place, kind: Kind) -> Self {
        Self { at, source: Source::Defaults, kind }
    }

    /// A map without entries.
    pub(super) fn empty(at: Place) -> Self {
        Self::new(at, Kind::Map(Arc::default()))
    }

    pub(super) fn text(&self) -> Option<&str> {
        if let Kind::Scalar { text, .. } = &self.kind { Some(text) } else { None }
    }

    pub(super) fn located(&self) -> Option<Placed<String>> {
        Some(Placed { value: self.text()?.to_owned(), at: self.at })
    }

    fn plain(&self) -> Option<&str> {
        if let Kind::Scalar { text, plain: true } = &self.kind { Some(text) } else { None }
    }

    /// A whole number in YAML 1.2's words: `08` is 8, `"8"` is text.
    pub(super) fn whole(&self) -> Option<u64> {
        self.plain().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()
    }

    /// As [`Node::whole`], for numbers whose shape keeps them small.
    pub(super) fn small(&self) -> Option<u32> {
        self.whole().and_then(|number| number.try_into().ok())
    }

    pub(super) fn decimal(&self) -> Option<f64> {
        let text =
            self.plain().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)))?;
        text.parse().ok().filter(|number: &f64| number.is_finite())
    }

    pub(super) fn flag(&self) -> Option<bool> {
        match self.plain()? {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    pub(super) fn list(&self) -> Option<&[Self]> {
        if let Kind::List(items) = &self.kind { Some(items) } else { None }
    }

    /// Of a map; nothing for anything else.
    pub(super) fn entries(&self) -> &[Entry] {
        if let Kind::Map(entries) = &self.kind { entries } else { &[] }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|entry| &*entry.key.value == key).map(|entry| &entry.value)
    }

    /// Down several maps.
    pub(super) fn at_path(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// Puts a value into a map, in place of one with that key.
    pub(super) fn set(&mut self, key: &Placed<Arc<str>>, value: Self) {
        let Kind::Map(entries) = &mut self.kind else { return };
        let entries = Arc::make_mut(entries);
        match entries.iter_mut().find(|entry| entry.key.value == key.value) {
            Some(entry) => *entry = Entry { key: key.clone(), value },
            None => entries.push(Entry { key: key.clone(), value }),
        }
    }

    /// This tree, each value of it from that rule.
    #[must_use]
    pub(super) fn stamped(mut self, source: Source) -> Self {
        self.source = source;
        match &mut self.kind {
            Kind::Nothing | Kind::Scalar { .. } => {}
            Kind::List(items) => {
                *items = Arc::new(items.iter().map(|item| item.clone().stamped(source)).collect());
            }
            Kind::Map(entries) => {
                let stamp = |entry: &Entry| Entry { value: entry.value.clone().stamped(source), ..entry.clone() };
                *entries = Arc::new(entries.iter().map(stamp).collect());
            }
        }
        self
    }

    /// For a message: what stands here.
    pub(super) fn shown(&self) -> String {
        match &self.kind {
            Kind::Nothing => "here is nothing".to_owned(),
            Kind::Scalar { text, plain: true } => format!("here is `{}`", shortened(text)),
            Kind::Scalar { text, plain: false } => format!("here is text in quotes, `{}`", shortened(text)),
            Kind::List(_) => "here is a list".to_owned(),
            Kind::Map(_) => "here are `key: value` pairs".to_owned(),
        }
    }

    /// About the bytes it takes in memory: its text, and as much again as a number takes for each value.
    pub(super) fn weight(&self) -> usize {
        const VALUE: usize = 32;
        VALUE
            + match &self.kind {
                Kind::Nothing => 0,
                Kind::Scalar { text, .. } => text.len(),
                Kind::List(items) => items.iter().map(Self::weight).sum(),
                Kind::Map(entries) => entries.iter().map(|entry| entry.key.value.len() + entry.value.weight()).sum(),
            }
    }
}

/// For a message: no more than a line of it, and nothing that moves the cursor.
pub(super) fn shortened(text: &str) -> String {
    const MOST: usize = 80;
    let mut shown: String = text
        .chars()
        .take(MOST)
        .flat_map(|c| {
            if c.is_control() { c.escape_default().collect::<String>() } else { c.to_string() }
                .chars()
                .collect::<Vec<_>>()
        })
        .collect();
    if text.chars().nth(MOST).is_some() {
        shown.push_str("..");
    }
    shown
}
