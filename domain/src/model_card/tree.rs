//! The text of a card as a tree in which every value knows its place. A card is small: it needs no anchors and no tags.

use granit_parser::{Event, Marker, Parser, ScalarStyle};

use super::{Place, Problem};

/// Lists and maps inside each other: twice what a card has.
const DEEPEST: usize = 8;

#[derive(Debug)]
pub(super) struct Node {
    pub(super) at: Place,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// `plain`: without quotes.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<(Place, String, Node)>),
}

/// A list or map whose end is yet to come, and the key that waits for its value.
struct Open {
    node: Node,
    key: Option<(Place, String)>,
}

const HINT: &str = "this is not YAML that a card can be made of: see the line before, too";

pub(super) fn parse(text: &str) -> Result<Node, Problem> {
    let mut open: Vec<Open> = Vec::new();
    let mut root = None;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| Problem {
            at: place(*error.marker()),
            message: error.info().clone(),
            hint: HINT.into(),
        })?;
        let at = place(span.start);
        let node = match event {
            Event::Scalar(text, style, ..) => {
                let kind = Kind::Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain };
                Some(Node { at, kind })
            }
            Event::SequenceStart(..) => begin(&mut open, at, Kind::List(Vec::new()))?,
            Event::MappingStart(..) => begin(&mut open, at, Kind::Map(Vec::new()))?,
            Event::SequenceEnd | Event::MappingEnd => open.pop().map(|open| open.node),
            Event::Alias(_) => {
                let message = "a card has no aliases".to_owned();
                return Err(Problem { at, message, hint: "write the value out".into() });
            }
            _ => None,
        };
        if let Some(node) = node {
            match open.last_mut() {
                Some(parent) => parent.take(node)?,
                None if root.is_some() => {
                    let message = "a card is one document, here begins a second".to_owned();
                    return Err(Problem { at, message, hint: "remove the line `---`, or split the file".into() });
                }
                None => root = Some(node),
            }
        }
    }
    let nothing = Problem {
        at: Place { line: 1, column: 1 },
        message: "the file says nothing".to_owned(),
        hint: super::KEYS.into(),
    };
    root.ok_or(nothing)
}

impl Node {
    /// The place of a value inside this one, by keys and indices with dots between them, or of the last that is there.
    pub(super) fn place_of(&self, path: &str) -> Place {
        let mut node = self;
        for step in path.split('.') {
            let inner = match &node.kind {
                Kind::Map(entries) => entries.iter().find(|(_, key, _)| key == step).map(|(_, _, value)| value),
                Kind::List(items) => step.parse::<usize>().ok().and_then(|index| items.get(index)),
                Kind::Scalar { .. } => None,
            };
            let Some(inner) = inner else { break };
            node = inner;
        }
        node.at
    }
}

fn begin(open: &mut Vec<Open>, at: Place, kind: Kind) -> Result<Option<Node>, Problem> {
    if open.len() >= DEEPEST {
        let message = format!("more than {DEEPEST} lists and maps stand inside each other");
        return Err(Problem { at, message, hint: super::KEYS.into() });
    }
    open.push(Open { node: Node { at, kind }, key: None });
    Ok(None)
}

impl Open {
    fn take(&mut self, node: Node) -> Result<(), Problem> {
        let entries = match &mut self.node.kind {
            Kind::List(items) => {
                items.push(node);
                return Ok(());
            }
            Kind::Map(entries) => entries,
            // A scalar is never open.
            Kind::Scalar { .. } => return Ok(()),
        };
        if let Some((at, key)) = self.key.take() {
            entries.push((at, key, node));
            return Ok(());
        }
        let Kind::Scalar { text, .. } = node.kind else {
            let message = "expected a key, here is a list or a map".to_owned();
            return Err(Problem { at: node.at, message, hint: HINT.into() });
        };
        if entries.iter().any(|(_, key, _)| *key == text) {
            let message = format!("duplicate key `{text}`");
            return Err(Problem { at: node.at, message, hint: "remove one of the two".into() });
        }
        self.key = Some((node.at, text));
        Ok(())
    }
}

fn place(marker: Marker) -> Place {
    Place { line: marker.line().max(1), column: marker.col() + 1 }
}
