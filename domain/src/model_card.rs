//! What a user declares of a model, as YAML: what no inspection can tell. Reads text into checked values with places.
//!
//! It never reads a file, and what the graph says is not declared: see [`ModelCard`].

mod tree;

use std::fmt;

use self::tree::{Kind, Node};
use crate::{ExpectedAccuracy, ImagePreprocessing, ModelCard};

/// Greatest file in bytes: a thousand times one that says everything.
const FILE_LIMIT_BYTES: usize = 1 << 20;

/// The declared part of a model's card. What it leaves out is not known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeclaredCard {
    /// What the model is for, e.g. `image-classification`.
    pub task: Option<String>,
    pub licence: Option<String>,
    pub preprocessing: Option<ImagePreprocessing>,
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
    hint: &'static str,
}

const KEYS: &str = "a card has `task`, `licence`, `preprocessing` and `expected_accuracy`";

impl DeclaredCard {
    /// Reads a card's text; `file_name` is for messages.
    pub fn parse(file_name: &str, text: &str) -> Result<Self, InvalidCard> {
        let invalid = |problems| InvalidCard { file_name: file_name.to_owned(), problems };
        if text.len() > FILE_LIMIT_BYTES {
            let message = format!("the file has {} bytes, at most {FILE_LIMIT_BYTES} are read", text.len());
            return Err(invalid(vec![Problem { at: Place { line: 1, column: 1 }, message, hint: KEYS }]));
        }
        let tree = tree::parse(text).map_err(|problem| invalid(vec![problem]))?;
        let mut reader = Reader::default();
        let card = reader.card(&tree);
        if reader.problems.is_empty() { Ok(card) } else { Err(invalid(reader.problems)) }
    }

    /// Adds what is declared to what is known. The licence is no part of a card: it stands beside the model's name.
    pub fn declare(self, card: &mut ModelCard) {
        let Self { task, licence: _, preprocessing, expected_accuracy } = self;
        card.task = task.or(card.task.take());
        card.preprocessing = preprocessing.or(card.preprocessing.take());
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
    fn problem(&mut self, at: Place, message: impl Into<String>, hint: &'static str) {
        self.problems.push(Problem { at, message: message.into(), hint });
    }

    fn card(&mut self, tree: &Node) -> DeclaredCard {
        let mut card = DeclaredCard::default();
        for (at, key, value) in self.map(tree, KEYS) {
            match key.as_str() {
                "task" => card.task = self.text(value),
                "licence" => card.licence = self.text(value),
                "preprocessing" => card.preprocessing = self.preprocessing(value),
                "expected_accuracy" => card.expected_accuracy = self.figures(value),
                _ => self.problem(*at, format!("unknown key `{key}`"), KEYS),
            }
        }
        card
    }

    fn preprocessing(&mut self, node: &Node) -> Option<ImagePreprocessing> {
        const HINT: &str =
            "`preprocessing` has `colours`, `resize`, `interpolation`, `crop`, `mean`, `std` and `layout`, all of them";
        const KNOWN: [&str; 7] = ["colours", "resize", "interpolation", "crop", "mean", "std", "layout"];
        let entries = self.map(node, HINT);
        self.only(entries, &KNOWN, HINT);
        let [colours, resize, interpolation, crop, mean, std, layout] =
            KNOWN.map(|key| self.required(node, entries, key, HINT));
        let colours = colours.and_then(|node| self.word(node, ["rgb", "bgr"], "`colours` is `rgb` or `bgr`"));
        let resize = resize.and_then(|node| self.pixels(node));
        let interpolation = interpolation
            .and_then(|node| self.word(node, ["bilinear", "bicubic"], "`interpolation` is `bilinear` or `bicubic`"));
        let crop_at = crop.map_or(node.at, |node| node.at);
        let crop = crop.and_then(|node| self.pixels(node));
        let mean = mean.and_then(|node| self.by_colour(node, |_any| true));
        let std = std.and_then(|node| self.by_colour(node, |divisor| divisor > 0.0));
        let layout = layout.and_then(|node| self.word(node, ["nchw", "nhwc"], "`layout` is `nchw` or `nhwc`"));
        let (resize, crop) = (resize?, crop?);
        if crop > resize {
            let message = format!("a crop of {crop} pixels does not fit into {resize}");
            self.problem(crop_at, message, "images are resized first, then cropped");
        }
        Some(ImagePreprocessing {
            colours: colours?,
            resize,
            interpolation: interpolation?,
            crop,
            mean: mean?,
            std: std?,
            layout: layout?,
        })
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
                self.problem(*at, format!("unknown key `{key}`"), hint);
            }
        }
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

    fn word(&mut self, node: &Node, known: [&str; 2], hint: &'static str) -> Option<String> {
        let text = self.text(node)?;
        if known.contains(&text.as_str()) {
            return Some(text);
        }
        self.problem(node.at, format!("unknown word `{text}`"), hint);
        None
    }

    fn pixels(&mut self, node: &Node) -> Option<u32> {
        let number = plain(node).and_then(|text| text.parse().ok()).filter(|pixels| *pixels > 0);
        if number.is_none() {
            self.problem(node.at, "expected a number of pixels", "write the pixels of a side, e.g. 224");
        }
        number
    }

    fn number(&mut self, node: &Node) -> Option<f64> {
        let number = finite(node);
        if number.is_none() {
            self.problem(node.at, "expected a number", "shares are 0 to 1");
        }
        number
    }

    fn by_colour(&mut self, node: &Node, fits: impl Fn(f64) -> bool) -> Option<[f64; 3]> {
        let values: Option<Vec<f64>> = match &node.kind {
            Kind::List(items) => items.iter().map(finite).collect(),
            Kind::Scalar { .. } | Kind::Map(_) => None,
        };
        let three =
            values.filter(|values| values.iter().all(|value| fits(*value))).and_then(|values| values.try_into().ok());
        if three.is_none() {
            let message = "expected three numbers, one for each colour; what divides is above 0";
            let hint = "values go from 0 to 255, e.g. mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375]";
            self.problem(node.at, message, hint);
        }
        three
    }
}

fn plain(node: &Node) -> Option<&str> {
    if let Kind::Scalar { text, plain: true } = &node.kind { Some(text) } else { None }
}

fn finite(node: &Node) -> Option<f64> {
    let text = plain(node).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)))?;
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = "\
task: image-classification
licence: Apache-2.0
preprocessing:
  { colours: rgb, resize: 256, interpolation: bicubic, crop: 224, mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375], layout: nchw }
expected_accuracy:
  - { dataset: imagenet-1k/val, metric: top-1, value: 0.792, source: authors }
";

    #[test]
    fn everything_can_be_declared_and_lands_on_the_card() {
        let declared = DeclaredCard::parse("card.yaml", FULL).expect("reads");
        assert_eq!(declared.licence.as_deref(), Some("Apache-2.0"));
        let mut card = ModelCard { task: Some("guessed".to_owned()), ..ModelCard::default() };
        declared.declare(&mut card);
        assert_eq!(card.task.as_deref(), Some("image-classification"));
        assert_eq!(card.preprocessing.expect("declared").crop, 224);
        assert_eq!(card.expected_accuracy[0].value.to_bits(), 0.792_f64.to_bits());
    }

    #[test]
    fn what_is_not_declared_is_left_as_it_was() {
        let mut card = ModelCard { task: Some("ranking".to_owned()), ..ModelCard::default() };
        DeclaredCard::parse("card.yaml", "licence: MIT\n").expect("reads").declare(&mut card);
        assert_eq!(card.task.as_deref(), Some("ranking"));
    }

    #[test]
    fn every_problem_is_told_with_its_place() {
        for (from, to, place) in [
            ("task:", "tsak:", "card.yaml:1:1"),
            ("rgb", "rbg", "card.yaml:4:14"),
            ("crop: 224", "crop: 257", "card.yaml:4:62"),
            ("58.395, ", "0, ", "card.yaml:4:105"),
            ("0.792", ".nan", "card.yaml:6:55"),
            ("value: 0.792", "value: good", "card.yaml:6:"),
        ] {
            let text = FULL.replacen(from, to, 1);
            assert_ne!(text, FULL, "{from} does not occur");
            let error = DeclaredCard::parse("card.yaml", &text).expect_err(to).to_string();
            assert!(error.contains(place) && error.contains("hint: "), "{to}: {error}");
        }
        let two = FULL.replacen("rgb", "rbg", 1).replacen("nchw", "hwcn", 1);
        let error = DeclaredCard::parse("card.yaml", &two).expect_err("two").to_string();
        assert_eq!(error.matches("error: ").count(), 2, "{error}");
    }
}
