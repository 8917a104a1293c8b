//! The only module that knows the YAML library: from text to a [`Node`], or one [`Diagnostic`].
//!
//! Anchors, aliases and merge keys (`<<`) are resolved here. Everything is bounded, aliases too: what a file may grow to is
//! counted with every alias written out.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use granit_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use super::{
    Diagnostic, Place, Placed,
    node::{Entry, Kind, Node},
};

/// Greatest campaign file in bytes: fifty times the largest we ship, and far below what could hurt a parser.
pub(super) const FILE_LIMIT_BYTES: usize = 1 << 20;
/// Values of a campaign's files, with every alias written out: a hundred for each of the most cells.
const MOST_NODES: usize = 250_000;
/// Lists and maps inside each other: four times what any setting needs.
const DEEPEST: usize = 32;

/// `file` is the number that the places of its values carry; `nodes` counts those of all files of a campaign.
pub(super) fn parse(text: &str, file: usize, nodes: &mut usize) -> Result<Node, Diagnostic> {
    if text.len() > FILE_LIMIT_BYTES {
        let message = format!("the file has {} bytes, at most {FILE_LIMIT_BYTES} are read", text.len());
        let start = Place { file, line: 1, column: 1 };
        return Err(Diagnostic::new(start, message).hint("split the campaign"));
    }
    let mut composer = Composer { file, nodes: *nodes, ..Composer::default() };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let message = error.info();
            Diagnostic::new(composer.place(*error.marker()), message).hint("this is not YAML: see the line before, too")
        })?;
        composer.event(event, span.start, span.tag_start())?;
    }
    *nodes = composer.nodes;
    let nothing = || Diagnostic::new(Place { file, line: 1, column: 1 }, "the file says nothing");
    composer.root.ok_or_else(nothing)
}

#[derive(Default)]
struct Composer {
    file: usize,
    open: Vec<Open>,
    /// By the library's number, with the count of their nodes.
    anchors: BTreeMap<usize, (Node, usize)>,
    nodes: usize,
    documents: usize,
    root: Option<Node>,
}

/// A list or map whose end is yet to come.
struct Open {
    at: Place,
    anchor: usize,
    /// Nodes before it.
    nodes: usize,
    inside: Inside,
}

enum Inside {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, keys: BTreeSet<Arc<str>>, merged: Vec<Node>, key: Option<Key> },
}

enum Key {
    Name(Placed<Arc<str>>),
    Merge,
}

impl Composer {
    fn place(&self, marker: Marker) -> Place {
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Place { file: self.file, line: number(marker.line().max(1)), column: number(marker.col() + 1) }
    }

    fn event(&mut self, event: Event<'_>, start: Marker, tag_start: Option<Marker>) -> Result<(), Diagnostic> {
        let at = self.place(start);
        let tag_at = tag_start.map_or(at, |start| self.place(start));
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    let problem = Diagnostic::new(at, "a file is one document, here begins a second");
                    return Err(problem.hint("remove the line `---`, or split the file"));
                }
                Ok(())
            }
            Event::Alias(anchor) => {
                let Some((node, nodes)) = self.anchors.get(&anchor).cloned() else {
                    return Err(Diagnostic::new(at, "an alias stands inside of what it stands for"));
                };
                self.count(nodes, at)?;
                // The place of an alias is where it is used: that is the line to change.
                self.complete(Node { at, ..node }, 0, nodes)
            }
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = untagged(tag.as_deref(), tag_at)?;
                self.count(1, at)?;
                let plain = style == ScalarStyle::Plain && !is_text;
                let kind = match &*text {
                    "" | "~" | "null" if plain => Kind::Nothing,
                    text => Kind::Scalar { text: text.into(), plain },
                };
                self.complete(Node::new(at, kind), anchor, 1)
            }
            Event::SequenceStart(_, anchor, tag) => {
                untagged(tag.as_deref(), tag_at)?;
                self.open(at, anchor, Inside::List(Vec::new()))
            }
            Event::MappingStart(_, anchor, tag) => {
                untagged(tag.as_deref(), tag_at)?;
                let inside = Inside::Map { entries: Vec::new(), keys: BTreeSet::new(), merged: Vec::new(), key: None };
                self.open(at, anchor, inside)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            // The rest says nothing of values.
            _ => Ok(()),
        }
    }

    fn count(&mut self, nodes: usize, at: Place) -> Result<(), Diagnostic> {
        self.nodes += nodes;
        if self.nodes > MOST_NODES {
            let message = format!("the campaign has more than {MOST_NODES} values, aliases written out");
            return Err(Diagnostic::new(at, message).hint("split the campaign"));
        }
        Ok(())
    }

    fn open(&mut self, at: Place, anchor: usize, inside: Inside) -> Result<(), Diagnostic> {
        if self.open.len() >= DEEPEST {
            return Err(Diagnostic::new(at, format!("more than {DEEPEST} lists and maps stand inside each other")));
        }
        if let Some(Open { inside: Inside::Map { key: None, .. }, .. }) = self.open.last() {
            return Err(not_a_key(at));
        }
        self.open.push(Open { at, anchor, nodes: self.nodes, inside });
        self.count(1, at)
    }

    fn close(&mut self) -> Result<(), Diagnostic> {
        let Some(Open { at, anchor, nodes, inside }) = self.open.pop() else { return Ok(()) };
        let kind = match inside {
            Inside::List(items) => Kind::List(Arc::new(items)),
            Inside::Map { mut entries, mut keys, merged, .. } => {
                for entry in merged.iter().flat_map(Node::entries) {
                    // What the map says itself, and what was merged first, takes precedence.
                    if keys.insert(Arc::clone(&entry.key.value)) {
                        entries.push(entry.clone());
                    }
                }
                Kind::Map(Arc::new(entries))
            }
        };
        self.complete(Node::new(at, kind), anchor, self.nodes - nodes)
    }

    /// Puts a whole node where it belongs.
    fn complete(&mut self, node: Node, anchor: usize, nodes: usize) -> Result<(), Diagnostic> {
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), nodes));
        }
        match self.open.last_mut().map(|open| &mut open.inside) {
            None => self.root = Some(node),
            Some(Inside::List(items)) => items.push(node),
            Some(Inside::Map { entries, keys, merged, key }) => match key.take() {
                None => *key = Some(new_key(&node, keys)?),
                Some(Key::Name(key)) => entries.push(Entry { key, value: node }),
                Some(Key::Merge) => match &node.kind {
                    Kind::Map(_) => merged.push(node),
                    Kind::List(items) if items.iter().all(|item| matches!(item.kind, Kind::Map(_))) => {
                        merged.extend(items.iter().cloned());
                    }
                    _ => {
                        let message = format!("`<<` merges `key: value` pairs or a list of them, {}", node.shown());
                        return Err(Diagnostic::new(node.at, message).hint("such as `<<: *name`"));
                    }
                },
            },
        }
        Ok(())
    }
}

fn new_key(node: &Node, keys: &mut BTreeSet<Arc<str>>) -> Result<Key, Diagnostic> {
    match &node.kind {
        Kind::Scalar { text, plain: true } if &**text == "<<" => Ok(Key::Merge),
        Kind::Scalar { text, .. } => {
            if !keys.insert(Arc::clone(text)) {
                let message = format!("duplicate key `{}`", super::node::shortened(text));
                return Err(Diagnostic::new(node.at, message).hint("remove one of the two"));
            }
            Ok(Key::Name(Placed { value: Arc::clone(text), at: node.at }))
        }
        Kind::Nothing | Kind::List(_) | Kind::Map(_) => Err(not_a_key(node.at)),
    }
}

fn not_a_key(at: Place) -> Diagnostic {
    Diagnostic::new(at, "a key must be a word").hint("put other text in quotes")
}

/// Whether the tag says that this is text. Any other tag would say what the reader knows better.
fn untagged(tag: Option<&Tag>, at: Place) -> Result<bool, Diagnostic> {
    match tag {
        None => Ok(false),
        Some(tag) if tag.is_yaml_core_schema_tag("str") => Ok(true),
        Some(tag) if ["map", "seq"].iter().any(|suffix| tag.is_yaml_core_schema_tag(suffix)) => Ok(false),
        Some(tag) => {
            let message =
                format!("tags such as `{}` have no meaning in a campaign", super::node::shortened(&tag.original()));
            Err(Diagnostic::new(at, message).hint("remove it"))
        }
    }
}
