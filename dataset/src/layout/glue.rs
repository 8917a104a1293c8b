//! GLUE's sets and those of sentence similarity: a table with one or two sentences and a label or a grade in each row. Columns
//! are found by the names in the header, as the official files and Hugging Face's data set `glue` have them.

mod columns;
mod grade;
mod sets;

use score::Truth;

use self::columns::{Columns, Kind};
use self::grade::Grade;
use self::sets::Set;
use super::search::Search;
use super::table::{Dialect, Table};
use super::{Layout, Parts};
use crate::error::OpenError;
use crate::example::Input;
use crate::files::Files;

pub(crate) struct Sentences {
    entry: usize,
    table: Table,
    columns: Columns,
    grade: Grade,
    official: Option<&'static str>,
}

impl Sentences {
    pub(crate) fn open(search: &Search) -> Result<Self, OpenError> {
        let set = Set::of(search.task);
        let entry = set.find(search)?;
        let bytes = search.text(entry)?;
        let official = search.official(entry, &bytes)?;
        let file = || search.file(entry);
        let table = Table::new(bytes, file)?;
        if table.rows() == 0 {
            return Err(OpenError::Empty { file: file() });
        }
        let columns = Columns::of(&set, &table, file)?;
        if columns.header_rows == table.rows() {
            return Err(OpenError::Empty { file: file() });
        }
        let grade = decide(&set, &table, &columns, file)?;
        Ok(Self { entry, table, columns, grade, official })
    }
}

/// How labels are written: as the first one that is written in any known way.
fn decide(set: &Set, table: &Table, columns: &Columns, file: impl Fn() -> String) -> Result<Grade, OpenError> {
    let mut first_problem = None;
    for row in columns.header_rows..table.rows() {
        let cells = table.cells(row).and_then(|cells| columns.pick(&cells));
        match cells.and_then(|cells| Grade::decide(set.grade, &cells.truth)) {
            Ok(grade) => return Ok(grade),
            Err(why) => first_problem = first_problem.or_else(|| Some((table.id(row), why))),
        }
    }
    let (id, why) = first_problem.unwrap_or_default();
    Err(OpenError::NoneUsable { file: file(), id, why })
}

impl Layout for Sentences {
    fn name(&self) -> &'static str {
        match (self.columns.kind, self.table.dialect, self.grade) {
            (Kind::Cola, _, _) => "CoLA's table without a header",
            (Kind::Pairs, _, _) => "pairs of sentences with grades, without a header",
            (Kind::Benchmark, _, _) => "table of the STS benchmark, without a header",
            (Kind::Header, Dialect::Tabs, Grade::Words(_)) => "table with tabs and a header, labels as words",
            (Kind::Header, Dialect::Tabs, Grade::Numbers(_)) => "table with tabs and a header, labels as numbers",
            (Kind::Header, Dialect::Tabs, Grade::Value) => "table with tabs and a header, grades",
            (Kind::Header, Dialect::Commas, Grade::Words(_)) => "CSV with a header, labels as words",
            (Kind::Header, Dialect::Commas, Grade::Numbers(_)) => "CSV with a header, labels as numbers",
            (Kind::Header, Dialect::Commas, Grade::Value) => "CSV with a header, grades",
        }
    }

    fn examples(&self) -> usize {
        self.table.rows() - self.columns.header_rows
    }

    fn id(&self, at: usize) -> String {
        self.table.id(at + self.columns.header_rows)
    }

    fn content(&self, _files: &Files, at: usize) -> Result<(Input, Truth), String> {
        let cells = self.table.cells(at + self.columns.header_rows)?;
        let picked = self.columns.pick(&cells)?;
        let truth = self.grade.read(&picked.truth)?;
        Ok((Input::Text { first: picked.first, second: picked.second }, truth))
    }

    fn parts(&self) -> Parts {
        Parts::File(self.entry)
    }

    fn official(&self) -> Option<&'static str> {
        self.official
    }

    fn labels(&self) -> Option<u32> {
        self.grade.labels()
    }
}
