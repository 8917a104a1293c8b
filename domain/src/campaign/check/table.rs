//! Tables of names the author chooses, and those that hold axes, shapes and state.

use std::collections::{BTreeMap, btree_map::Entry};

use super::{Check, scalar::LENGTH};
use crate::campaign::{
    Diagnostic, Located,
    raw::{List, Table},
};

/// Entries of one table, and axes of one shape: no known model has half as many inputs.
const MOST_ENTRIES: usize = 64;
/// Bytes of a name: models name their inputs after scopes, which grow long.
const MOST_NAME_BYTES: usize = 256;

impl Check {
    /// In the file's order. Says so if there are too many of them or one cannot be a name.
    pub(super) fn entries<'a, T>(&mut self, key: &str, table: &'a Table<T>) -> Vec<(&'a Located<String>, &'a T)> {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(name, _)| name.at);
        if let Some((first_beyond, _)) = entries.get(MOST_ENTRIES) {
            let message = format!("{key} has {} entries, at most {MOST_ENTRIES} are read", entries.len());
            self.problems.push(Diagnostic::new(first_beyond.at, message));
        }
        entries.retain(|(name, _)| self.is_name(key, name));
        entries
    }

    fn is_name(&mut self, key: &str, name: &Located<String>) -> bool {
        let is_name = (1..=MOST_NAME_BYTES).contains(&name.value.len()) && !name.value.chars().any(char::is_control);
        if !is_name {
            let message = format!("a name in {key} has 1 to {MOST_NAME_BYTES} bytes and no control characters");
            self.problems.push(Diagnostic::new(name.at, message));
        }
        is_name
    }

    /// Values that are passed on as text.
    pub(super) fn texts(&mut self, key: &str, table: &Table<Located<String>>) -> BTreeMap<String, String> {
        /// Bytes of one value: longer ones are files, which travel as attachments.
        const MOST_BYTES: usize = 4096;
        let mut texts = BTreeMap::new();
        for (name, Located { value, at }) in self.entries(key, table) {
            if value.len() > MOST_BYTES || value.contains('\0') {
                let message = format!("{key}.{} must be text of at most {MOST_BYTES} bytes without NUL", name.value);
                self.problems.push(Diagnostic::new(*at, message));
            }
            texts.insert(name.value.clone(), value.clone());
        }
        texts
    }

    pub(super) fn dims(&mut self, table: &Table<Located<u32>>) -> BTreeMap<String, u32> {
        let entries = self.entries("dims", table);
        entries
            .into_iter()
            .filter_map(|(axis, raw)| {
                let length = self.length(&format!("dims.{}", axis.value), raw, LENGTH)?;
                Some((axis.value.clone(), length))
            })
            .collect()
    }

    pub(super) fn shapes(&mut self, table: &Table<List<u32>>) -> BTreeMap<String, Vec<u32>> {
        let mut shapes = BTreeMap::new();
        for (input, Located { value: shape, at }) in self.entries("shapes", table) {
            let key = format!("shapes.{}", input.value);
            if !(1..=MOST_ENTRIES).contains(&shape.len()) {
                let message = format!("{key} has {} axes, it must have 1 to {MOST_ENTRIES}", shape.len());
                self.problems.push(Diagnostic::new(*at, message));
            }
            let lengths = shape.iter().enumerate();
            let shape = lengths.filter_map(|(axis, raw)| self.length(&format!("{key}[{axis}]"), raw, LENGTH)).collect();
            shapes.insert(input.value.clone(), shape);
        }
        shapes
    }

    /// Output to input: many outputs, but each to an input of its own.
    pub(super) fn state(&mut self, table: &Table<Located<String>>) -> BTreeMap<String, String> {
        let mut fed_by: BTreeMap<&str, &str> = BTreeMap::new();
        for (output, input) in self.entries("state", table) {
            if !self.is_name("state", input) {
                continue;
            }
            match fed_by.entry(&input.value) {
                Entry::Vacant(entry) => {
                    entry.insert(&output.value);
                }
                Entry::Occupied(entry) => {
                    let message = format!(
                        "input `{}` is fed by two outputs, `{}` and `{}`",
                        input.value,
                        entry.get(),
                        output.value
                    );
                    let problem = Diagnostic::new(input.at, message);
                    self.problems.push(problem.hint("state is `output: input`; give each output its own input"));
                }
            }
        }
        fed_by.into_iter().map(|(input, output)| (output.to_owned(), input.to_owned())).collect()
    }
}
