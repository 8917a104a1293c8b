//! What a user declares of a model, as YAML: what no inspection can tell. Reads text into checked values with places.
//!
//! It never reads a file, and what the graph says is not declared: see [`ModelCard`].

mod fault;
mod meaning;
mod section;
mod tree;

use std::{borrow::Cow, fmt};

pub use self::meaning::{Objection, Section};
use self::tree::{Kind, Node};
use crate::{ExpectedAccuracy, ModelCard, Postprocessing, Preprocessing};

/// Greatest file in bytes: a thousand times one that says everything.
const FILE_LIMIT_BYTES: usize = 1 << 20;

/// The declared part of a model's card. What it leaves out is not known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeclaredCard {
    /// What the model is for, e.g. `image-classification`.
    pub task: Option<String>,
    pub licence: Option<String>,
    pub preprocessing: Option<Preprocessing>,
    pub postprocessing: Option<Postprocessing>,
    pub expected_accuracy: Vec<ExpectedAccuracy>,
}

/// A file that declares nothing, with everything that is wrong with it. `Display` is for its author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidCard {
    file_name: String,
    /// Never empty.
    problems: Vec<Problem>,
}

/// Both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    line: usize,
    column: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Problem {
    at: Place,
    message: String,
    hint: Cow<'static, str>,
}

const CARD: [&str; 5] = ["task", "licence", "preprocessing", "postprocessing", "expected_accuracy"];
const KEYS: &str = "a card has `task`, `licence`, `preprocessing`, `postprocessing` and `expected_accuracy`";
const PREPROCESSING: &str = "`preprocessing` has `text`, `image` or `tensor`, e.g. `image: { resize: { short-side: 256 }, crop: 224, mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375] }`";
const POSTPROCESSING: &str =
    "`postprocessing` has `output`, `labels`, `label-offset`, `pooling`, `spans` and `detector`";

impl DeclaredCard {
    /// Reads a card's text; `file_name` is for messages.
    pub fn parse(file_name: &str, text: &str) -> Result<Self, InvalidCard> {
        let invalid = |problems| InvalidCard { file_name: file_name.to_owned(), problems };
        if text.len() > FILE_LIMIT_BYTES {
            let message = format!("the file has {} bytes, at most {FILE_LIMIT_BYTES} are read", text.len());
            return Err(invalid(vec![Problem { at: Place { line: 1, column: 1 }, message, hint: KEYS.into() }]));
        }
        let tree = tree::parse(text).map_err(|problem| invalid(vec![problem]))?;
        let mut reader = Reader::default();
        let card = reader.card(&tree);
        if reader.problems.is_empty() { Ok(card) } else { Err(invalid(reader.problems)) }
    }

    /// Adds what is declared to what is known. The licence is no part of a card: it stands beside the model's name.
    pub fn declare(self, card: &mut ModelCard) {
        let Self { task, licence: _, preprocessing, postprocessing, expected_accuracy } = self;
        card.task = task.or(card.task.take());
        card.preprocessing = preprocessing.or(card.preprocessing.take());
        card.postprocessing = postprocessing.or(card.postprocessing.take());
        if !expected_accuracy.is_empty() {
            card.expected_accuracy = expected_accuracy;
        }
    }
}

impl fmt::Display for InvalidCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Problem { at: Place { line, column }, message, hint }) in self.problems.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "error: {message}\n  --> {}:{line}:{column}\n  = hint: {hint}", self.file_name)?;
        }
        Ok(())
    }
}

impl std::error::Error for InvalidCard {}

/// Types the tree and notes every problem on the way; a value with a problem reads as nothing.
#[derive(Default)]
struct Reader {
    problems: Vec<Problem>,
}

impl Reader {
    fn problem(&mut self, at: Place, message: impl Into<String>, hint: impl Into<Cow<'static, str>>) {
        self.problems.push(Problem { at, message: message.into(), hint: hint.into() });
    }

    fn card(&mut self, tree: &Node) -> DeclaredCard {
        let mut card = DeclaredCard::default();
        for (at, key, value) in self.map(tree, KEYS) {
            match key.as_str() {
                "task" => card.task = self.text(value),
                "licence" => card.licence = self.text(value),
                "preprocessing" => card.preprocessing = self.section(value, PREPROCESSING),
                "postprocessing" => card.postprocessing = self.section(value, POSTPROCESSING),
                "expected_accuracy" => card.expected_accuracy = self.figures(value),
                _ => self.unknown(*at, key, &CARD, KEYS),
            }
        }
        card
    }

    /// Its form first, and where that is right its meaning.
    fn section<T: Section>(&mut self, node: &Node, hint: &'static str) -> Option<T> {
        let section: T = section::read(node, hint).map_err(|problem| self.problems.push(problem)).ok()?;
        for objection in section.objections() {
            self.problem(node.place_of(&objection.path), objection.to_string(), hint);
        }
        Some(section)
    }

    fn figures(&mut self, node: &Node) -> Vec<ExpectedAccuracy> {
        const HINT: &str = "`expected_accuracy` is a list of `{ dataset: .., metric: .., value: .., source: .. }`";
        let Kind::List(items) = &node.kind else {
            self.problem(node.at, "expected a list", HINT);
            return Vec::new();
        };
        items.iter().filter_map(|item| self.figure(item, HINT)).collect()
    }

    fn figure(&mut self, node: &Node, hint: &'static str) -> Option<ExpectedAccuracy> {
        let entries = self.map(node, hint);
        self.only(entries, &["dataset", "metric", "value", "source"], hint);
        let [dataset, metric, value] =
            ["dataset", "metric", "value"].map(|key| self.required(node, entries, key, hint));
        let dataset = dataset.and_then(|node| self.text(node));
        let metric = metric.and_then(|node| self.text(node));
        let value = value.and_then(|node| self.number(node));
        let source = entries.iter().find(|(_, key, _)| key == "source").map(|(_, _, node)| node);
        let source = source.and_then(|node| self.text(node)).unwrap_or_default();
        Some(ExpectedAccuracy { dataset: dataset?, metric: metric?, value: value?, source })
    }

    fn map<'a>(&mut self, node: &'a Node, hint: &'static str) -> &'a [(Place, String, Node)] {
        if let Kind::Map(entries) = &node.kind {
            return entries;
        }
        self.problem(node.at, "expected `key: value` pairs", hint);
        &[]
    }

    fn only(&mut self, entries: &[(Place, String, Node)], known: &[&str], hint: &'static str) {
        for (at, key, _) in entries {
            if !known.contains(&key.as_str()) {
                self.unknown(*at, key, known, hint);
            }
        }
    }

    fn unknown(&mut self, at: Place, key: &str, known: &[&str], hint: &'static str) {
        let hint = crate::spelling::did_you_mean(key, known.iter().copied()).map_or(Cow::Borrowed(hint), Cow::Owned);
        self.problem(at, format!("unknown key `{key}`"), hint);
    }

    fn required<'a>(
        &mut self,
        owner: &Node,
        entries: &'a [(Place, String, Node)],
        key: &str,
        hint: &'static str,
    ) -> Option<&'a Node> {
        let found = entries.iter().find(|(_, name, _)| name == key).map(|(_, _, node)| node);
        // Where there is no map at all, that is the problem.
        if found.is_none() && matches!(owner.kind, Kind::Map(_)) {
            self.problem(owner.at, format!("`{key}` is missing"), hint);
        }
        found
    }

    fn text(&mut self, node: &Node) -> Option<String> {
        if let Kind::Scalar { text, .. } = &node.kind
            && !text.trim().is_empty()
        {
            return Some(text.clone());
        }
        self.problem(node.at, "expected text", "write a word or a sentence, in one line");
        None
    }

    fn number(&mut self, node: &Node) -> Option<f64> {
        let number = match &node.kind {
            Kind::Scalar { text, plain: true } => finite(text),
            Kind::Scalar { .. } | Kind::List(_) | Kind::Map(_) => None,
        };
        if number.is_none() {
            self.problem(node.at, "expected a number", "shares are 0 to 1");
        }
        number
    }
}

/// A finite number in digits. Rust reads `inf`, too, which is none.
fn finite(text: &str) -> Option<f64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    text.parse().ok().filter(|number: &f64| digits && number.is_finite())
}

#[cfg(test)]
mod tests;
