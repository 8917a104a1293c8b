//! Where a value of a cell comes from: which file, which line, which rule.

use std::{collections::BTreeMap, fmt, sync::Arc};

use super::node::{Kind, Node};

/// What gave a value to a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// No file says it.
    BuiltIn,
    /// `defaults` of an included file.
    Include,
    /// `defaults` of the campaign file.
    Defaults,
    Matrix,
    /// Numbered from 1.
    Overlay(u32),
    /// Numbered from 1.
    Extra(u32),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built in"),
            Self::Include => f.write_str("include"),
            Self::Defaults => f.write_str("defaults"),
            Self::Matrix => f.write_str("matrix"),
            Self::Overlay(number) => write!(f, "overlay {number}"),
            Self::Extra(number) => write!(f, "extra {number}"),
        }
    }
}

/// A place as people read it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    pub file: Arc<str>,
    /// From 1.
    pub line: u32,
}

/// Where one value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub source: Source,
    /// `None` if no file says it.
    pub at: Option<Spot>,
}

impl Origin {
    pub const BUILT_IN: Self = Self { source: Source::BuiltIn, at: None };
}

impl fmt::Display for Origin {
    /// `overlay 2, survey.yaml:26`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.source)?;
        self.at.as_ref().map_or(Ok(()), |Spot { file, line }| write!(f, ", {file}:{line}"))
    }
}

/// By the path of the setting, e.g. `measure.min_queries`.
pub type Origins = BTreeMap<String, Origin>;

/// Of every leaf of a cell's tree. A list is one value.
pub(super) fn origins(cell: &Node, files: &[Arc<str>]) -> Origins {
    let mut origins = Origins::new();
    collect(cell, &mut String::new(), files, &mut origins);
    origins
}

fn collect(node: &Node, path: &mut String, files: &[Arc<str>], origins: &mut Origins) {
    if let Kind::Map(entries) = &node.kind
        && !entries.is_empty()
    {
        let length = path.len();
        for entry in entries.iter() {
            if length > 0 {
                path.push('.');
            }
            path.push_str(&entry.key.value);
            collect(&entry.value, path, files, origins);
            path.truncate(length);
        }
        return;
    }
    let at = files.get(node.at.file).map(|file| Spot { file: Arc::clone(file), line: node.at.line });
    origins.insert(path.clone(), Origin { source: node.source, at });
}
