//! Which columns of a table hold the sentences and what is right: by a header's names, or by the shape of the tables that are
//! published without one.

use domain::Task;

use super::sets::Set;
use crate::error::OpenError;
use crate::layout::table::{Dialect, Table};

/// How the columns were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Header,
    /// Source, label, the source's own mark, sentence.
    Cola,
    /// Two sentences and a grade.
    Pairs,
    /// Genre, file, year, number, grade, two sentences, and then possibly licences.
    Benchmark,
}

pub(super) struct Columns {
    pub(super) kind: Kind,
    /// 1 or 0.
    pub(super) header_rows: usize,
    first: usize,
    second: Option<usize>,
    truth: usize,
}

/// The cells of a row that matter.
pub(super) struct Picked {
    pub(super) first: String,
    pub(super) second: Option<String>,
    pub(super) truth: String,
}

impl Columns {
    pub(super) fn of(set: &Set, table: &Table, file: impl Fn() -> String) -> Result<Self, OpenError> {
        let no_table = |found: String| OpenError::Columns {
            file: file(),
            task: set.task,
            needed: set.needed(),
            found: shortened(&found),
        };
        let row = table.cells(0).map_err(no_table)?;
        let find = |names: &[&str]| {
            names.iter().find_map(|name| row.iter().position(|cell| cell.trim().eq_ignore_ascii_case(name)))
        };
        let (first, second, truth) = (find(set.first), find(set.second), find(set.truth));
        let has_second = second.is_some() || set.second.is_empty();
        match (first, truth) {
            (Some(first), Some(truth)) if has_second => {
                Ok(Self { kind: Kind::Header, header_rows: 1, first, second, truth })
            }
            (Some(_), None) if has_second => {
                let (needed, found) = (set.truth.join(" or "), shortened(&row.join(", ")));
                Err(OpenError::NoTruth { file: file(), needed, found, hint: set.hint_without_truth() })
            }
            _ => Self::without_header(set, table.dialect, &row).ok_or_else(|| no_table(row.join(" | "))),
        }
    }

    fn without_header(set: &Set, dialect: Dialect, row: &[String]) -> Option<Self> {
        let fits = |truth: usize| row.get(truth).is_some_and(|cell| set.grade.read(cell).is_ok());
        let (kind, first, second, truth) = match (set.task, dialect, row.len()) {
            (Task::Cola, Dialect::Tabs, 4) if fits(1) => (Kind::Cola, 3, None, 1),
            (Task::Stsb | Task::SentenceSimilarity, _, 3) if fits(2) => (Kind::Pairs, 0, Some(1), 2),
            (Task::Stsb | Task::SentenceSimilarity, Dialect::Tabs, 7..) if fits(4) => (Kind::Benchmark, 5, Some(6), 4),
            _ => return None,
        };
        Some(Self { kind, header_rows: 0, first, second, truth })
    }

    /// More cells than the header has are no error, as in the official scripts.
    pub(super) fn pick(&self, cells: &[String]) -> Result<Picked, String> {
        let cell = |column: usize| {
            let missing = || format!("it has {} columns, and column {} is needed", cells.len(), column + 1);
            cells.get(column).cloned().ok_or_else(missing)
        };
        let Self { kind: _, header_rows: _, first, second, truth } = *self;
        Ok(Picked { first: cell(first)?, second: second.map(cell).transpose()?, truth: cell(truth)? })
    }
}

/// A file of another kind may have a first line without end.
fn shortened(text: &str) -> String {
    const SHOWN: usize = 120;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{} ..", &text[..end]),
        None => text.to_owned(),
    }
}
