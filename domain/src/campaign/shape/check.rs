//! Holds a tree against a shape, and collects every problem.

use super::{Bodies, Key, Keys, MOST_ENTRIES, MOST_TEXT_BYTES, Refusal, Rule, Shape, find};
use crate::{
    campaign::{
        Diagnostic, Place,
        node::{Kind, Node, shortened},
        table,
    },
    spelling::did_you_mean,
};

/// Of a decimal: far above the error of multiplying, far below a digit.
const TOLERANCE: f64 = 1e-5;

/// Problems after which nobody waits for the rest: ten times as many as are printed.
const ENOUGH: usize = 1000;

#[derive(Default)]
pub(in crate::campaign) struct Check {
    pub(in crate::campaign) problems: Vec<Diagnostic>,
    /// Whether keys that a map needs must be there: not so in a part that is yet to be merged.
    pub(in crate::campaign) whole: bool,
}

impl Check {
    pub(in crate::campaign) fn problem(&mut self, at: Place, message: impl Into<String>, hint: &str) {
        let problem = Diagnostic::new(at, message);
        self.problems.push(if hint.is_empty() { problem } else { problem.hint(hint) });
    }

    fn refuse(&mut self, at: Place, refusal: Refusal) {
        let Refusal { message, hint } = refusal;
        self.problems.push(Diagnostic { at, message, hint });
    }

    fn other(&mut self, node: &Node, path: &str, expected: &str, hint: &str) {
        self.problem(node.at, format!("{path} must be {expected}, {}", node.shown()), hint);
    }

    /// `path` is how messages call the value.
    pub(in crate::campaign) fn check(&mut self, shape: &Shape, node: &Node, path: &str) {
        if self.problems.len() >= ENOUGH {
            return;
        }
        match shape {
            Shape::Text => self.text(node, path),
            Shape::Words(words) => match node.text() {
                Some(word) if words.contains(&word) => {}
                Some(word) => {
                    let message = format!("unknown {} `{}`", last(path), shortened(word));
                    let hint = did_you_mean(word, words.iter().copied());
                    let hint = hint.unwrap_or_else(|| format!("this version knows {}", words.join(", ")));
                    self.problem(node.at, message, &hint);
                }
                None => self.other(node, path, "a word", &format!("one of {}", words.join(", "))),
            },
            Shape::Checked(rule) => self.rule(*rule, node, path),
            Shape::Whole { least, greatest } => self.whole_number(node, path, *least, *greatest),
            Shape::Decimal { least, greatest, decimals } => self.decimal(node, path, (*least, *greatest), *decimals),
            Shape::Flag if node.flag().is_none() => self.other(node, path, "`true` or `false`", ""),
            Shape::Flag => {}
            Shape::Period { least, greatest } => self.period(node, path, (*least, *greatest)),
            Shape::List { of, least, most } => self.list(node, path, of, (*least, *most)),
            Shape::Table { name, of } => self.table(node, path, *name, of),
            Shape::Map(keys) => self.map(node, path, keys),
            Shape::Named { what, word, bodies } => self.named(node, path, what, *word, *bodies),
            Shape::TextOr(rule, keys) => match node.kind {
                Kind::Map(_) => self.map(node, path, keys),
                Kind::Nothing | Kind::Scalar { .. } | Kind::List(_) => self.rule(*rule, node, path),
            },
            Shape::OneOrMore { of, most } => match node.list() {
                Some(_) => self.list(node, path, of, (1, *most)),
                None => self.check(of, node, path),
            },
            Shape::Where(also) => self.selection(node, path, also),
            Shape::Axes => self.axes(node),
        }
    }

    fn text(&mut self, node: &Node, path: &str) {
        match node.text() {
            Some(text) if text.len() > MOST_TEXT_BYTES || text.contains('\0') => {
                self.problem(
                    node.at,
                    format!("{path} must be text of at most {MOST_TEXT_BYTES} bytes without NUL"),
                    "",
                );
            }
            Some(_) => {}
            None => self.other(node, path, "text", ""),
        }
    }

    fn rule(&mut self, rule: Rule, node: &Node, path: &str) {
        match node.text() {
            Some(text) => {
                if let Err(refusal) = (rule.read)(text, path) {
                    self.refuse(node.at, refusal);
                }
            }
            None => self.other(node, path, "text", ""),
        }
    }

    fn whole_number(&mut self, node: &Node, path: &str, least: u64, greatest: u64) {
        let Some(number) = node.whole() else {
            self.other(node, path, "a whole number that is not negative", "");
            return;
        };
        if !(least..=greatest).contains(&number) {
            let hint = match (number, table::is_length(last(path))) {
                (0, true) => "an axis of size zero measures nothing",
                _ => "",
            };
            self.problem(node.at, format!("{path} is {number}, it must be {least} to {greatest}"), hint);
        }
    }

    fn decimal(&mut self, node: &Node, path: &str, (least, greatest): (f64, f64), decimals: Option<u32>) {
        let Some(number) = node.decimal() else {
            self.other(node, path, "a number", "");
            return;
        };
        if !(least..=greatest).contains(&number) {
            self.problem(node.at, format!("{path} is {number}, it must be {least} to {greatest}"), "");
            return;
        }
        let Some(decimals) = decimals else { return };
        let scaled = number * f64::from(10_u32.pow(decimals));
        if (scaled - scaled.round()).abs() > TOLERANCE {
            self.problem(node.at, format!("{path} is {number}, it may have at most {decimals} decimals"), "");
        }
    }

    fn period(&mut self, node: &Node, path: &str, (least, greatest): (std::time::Duration, std::time::Duration)) {
        let Some(text) = node.text() else {
            self.other(node, path, "a duration", "give a number with its unit, such as `500ms` or `2s`");
            return;
        };
        match humantime::parse_duration(text) {
            Ok(period) if (least..=greatest).contains(&period) => {}
            Ok(period) => {
                self.problem(node.at, format!("{path} is {period:?}, it must be {least:?} to {greatest:?}"), "");
            }
            Err(_unreadable) => {
                let message = format!("{path} is `{}`, which is not a duration", shortened(text));
                self.problem(node.at, message, "give a number with its unit, such as `500ms` or `2s`");
            }
        }
    }

    fn list(&mut self, node: &Node, path: &str, of: &Shape, (least, most): (usize, usize)) {
        let Some(items) = node.list() else {
            self.other(node, path, "a list, such as `[a, b]`", "");
            return;
        };
        if !(least..=most).contains(&items.len()) {
            self.problem(node.at, format!("{path} has {} entries, it must have {least} to {most}", items.len()), "");
        }
        for (index, item) in items.iter().enumerate() {
            // Entries of the file's own lists are counted as people count, and as the plan does.
            let counted = matches!(path, "exclude" | "overlay" | "extra" | "gates" | "notify");
            let item_path = if counted { format!("{path} {}", index + 1) } else { format!("{path}[{index}]") };
            self.check(of, item, &item_path);
        }
    }

    fn table(&mut self, node: &Node, path: &str, name: Rule, of: &Shape) {
        if !self.is_map(node, path) {
            return;
        }
        if let Some(beyond) = node.entries().get(MOST_ENTRIES) {
            let message = format!("{path} has {} entries, at most {MOST_ENTRIES} are read", node.entries().len());
            self.problem(beyond.key.at, message, "");
        }
        for entry in node.entries() {
            if let Err(refusal) = (name.read)(&entry.key.value, path) {
                self.refuse(entry.key.at, refusal);
                continue;
            }
            self.check(of, &entry.value, &format!("{path}.{}", shortened(&entry.key.value)));
        }
    }

    fn is_map(&mut self, node: &Node, path: &str) -> bool {
        let is_map = matches!(node.kind, Kind::Map(_));
        if !is_map {
            self.other(node, path, "`key: value` pairs, one a line or in braces", "");
        }
        is_map
    }

    fn map(&mut self, node: &Node, path: &str, keys: Keys) {
        if !self.is_map(node, path) {
            return;
        }
        for entry in node.entries() {
            match find(keys, &entry.key.value) {
                Some(key) => self.check(&key.shape, &entry.value, &join(path, key.name)),
                None => self.unknown_key(&entry.key.value, entry.key.at, path, keys, None),
            }
            if self.problems.len() >= ENOUGH {
                return;
            }
        }
        if self.whole {
            let missing = |key: &&Key| key.required && node.get(key.name).is_none();
            let missing: Vec<&str> =
                keys.iter().flat_map(|group| group.iter()).filter(missing).map(|key| key.name).collect();
            if !missing.is_empty() {
                let message = format!("{path} lacks {}", missing.join(", "));
                self.problem(node.at, message, "");
            }
        }
    }

    fn unknown_key(&mut self, name: &str, at: Place, path: &str, keys: Keys, elsewhere: Option<String>) {
        let known = || keys.iter().flat_map(|group| group.iter()).map(|key| key.name);
        let hint = elsewhere.or_else(|| table::belongs_elsewhere(name, path).map(str::to_owned));
        let hint = hint.or_else(|| did_you_mean(name, known())).unwrap_or_else(|| {
            let names: Vec<&str> = known().collect();
            if names.is_empty() { format!("{path} has no keys") } else { format!("{path} knows {}", names.join(", ")) }
        });
        self.problem(at, format!("unknown key `{}` in {path}", shortened(name)), &hint);
    }

    fn named(&mut self, node: &Node, path: &str, what: &str, word: Rule, bodies: Bodies) {
        let entries = match &node.kind {
            Kind::Map(entries) => entries,
            Kind::Scalar { .. } => return self.rule(word, node, path),
            Kind::Nothing | Kind::List(_) => return self.other(node, path, "a name, or `{ name: {..} }`", ""),
        };
        let [entry] = entries.as_slice() else {
            match entries.get(1) {
                Some(second) => {
                    let takes = if what == "input" {
                        "input takes exactly one of text, random, tensors".to_owned()
                    } else {
                        format!("a {what} has one name")
                    };
                    let message = format!(
                        "{takes}, here are `{}` and `{}`",
                        shortened(&entries[0].key.value),
                        shortened(&second.key.value)
                    );
                    let hint = if what == "input" {
                        "keep one of them"
                    } else {
                        "several of them go into the matrix, as a list"
                    };
                    self.problem(second.key.at, message, hint);
                }
                None => self.problem(node.at, format!("the {what} has no name"), ""),
            }
            return;
        };
        let name = &*entry.key.value;
        match bodies {
            Bodies::Same(keys) => {
                if let Err(refusal) = (word.read)(name, path) {
                    self.refuse(entry.key.at, refusal);
                }
                // `{ cuda: }` is `cuda`.
                if !matches!(entry.value.kind, Kind::Nothing) {
                    self.map(&entry.value, name, keys);
                }
            }
            Bodies::ByName(known) => match known.iter().find(|(known, _)| *known == name) {
                Some((_, Shape::Map(keys))) => self.parameters(&entry.value, name, keys, known),
                Some((_, shape)) => self.check(shape, &entry.value, &join(path, name)),
                None => {
                    let refusal = (word.read)(name, path).err().unwrap_or_else(|| {
                        Refusal::plain(format!(
                            "{what} `{}` takes nothing more, {}",
                            shortened(name),
                            entry.value.shown()
                        ))
                    });
                    self.refuse(entry.key.at, refusal);
                }
            },
        }
    }

    /// What follows a name. A key of another name is known to be that.
    fn parameters(&mut self, node: &Node, name: &str, keys: Keys, all: &'static [(&'static str, Shape)]) {
        if matches!(node.kind, Kind::Nothing) || !self.is_map(node, name) {
            return;
        }
        for entry in node.entries() {
            let given = &*entry.key.value;
            if let Some(key) = find(keys, given) {
                self.check(&key.shape, &entry.value, &join(name, key.name));
                continue;
            }
            let owner = all.iter().find(|(_, shape)| matches!(shape, Shape::Map(keys) if find(keys, given).is_some()));
            let elsewhere = owner.map(|(owner, _)| format!("{given} belongs to `{owner}`"));
            self.unknown_key(given, entry.key.at, name, keys, elsewhere);
        }
    }

    fn selection(&mut self, node: &Node, path: &str, also: Keys) {
        if !self.is_map(node, path) {
            return;
        }
        for entry in node.entries() {
            let name = &*entry.key.value;
            if let Some(key) = find(also, name) {
                self.check(&key.shape, &entry.value, &join(path, key.name));
            } else if let Some(axis) = find(table::ALL_AXES, name) {
                match entry.value.list() {
                    Some([]) => self.problem(entry.value.at, format!("{path}.{name} is empty: it selects nothing"), ""),
                    Some(values) => values.iter().for_each(|value| self.check(&axis.shape, value, name)),
                    None => self.check(&axis.shape, &entry.value, name),
                }
            } else {
                let elsewhere = find(table::DEFAULTS, name).map(|_| {
                    format!("rules select by what can be an axis; {name} is the same wherever it is not overlaid")
                });
                self.unknown_key(name, entry.key.at, path, table::ALL_AXES, elsewhere);
            }
        }
    }

    fn axes(&mut self, node: &Node) {
        if !self.is_map(node, "matrix") {
            return;
        }
        for entry in node.entries() {
            let name = &*entry.key.value;
            let Some(axis) = find(table::ALL_AXES, name) else {
                let elsewhere = find(table::DEFAULTS, name)
                    .map(|_| format!("{name} can't vary: set it in `defaults` or an overlay"));
                self.unknown_key(name, entry.key.at, "matrix", table::ALL_AXES, elsewhere);
                continue;
            };
            match entry.value.list() {
                Some([]) => {
                    let hint = format!("give it a value or remove `{name}`");
                    self.problem(entry.value.at, format!("matrix.{name} is empty, so no cell is left"), &hint);
                }
                Some(values) => values.iter().for_each(|value| self.check(&axis.shape, value, name)),
                None => self.other(&entry.value, &format!("matrix.{name}"), "a list, such as `[a, b]`", ""),
            }
        }
    }
}

fn join(path: &str, key: &str) -> String {
    if table::is_root(path) { key.to_owned() } else { format!("{path}.{key}") }
}

fn last(path: &str) -> &str {
    let key = path.rsplit('.').next().unwrap_or(path);
    key.split('[').next().unwrap_or(key)
}
