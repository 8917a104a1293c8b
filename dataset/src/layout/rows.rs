//! Tensors as rows of numbers, the last one the label, with or without a header.

use score::Truth;

use super::search::{Search, has_extension};
use super::table::Table;
use super::{Layout, Parts};
use crate::error::OpenError;
use crate::example::Input;
use crate::files::Files;

pub(crate) struct Rows {
    entry: usize,
    table: Table,
    /// 1 or 0.
    headers: usize,
    /// Cells of a row, of which the last is the label.
    cells: usize,
    labels: u32,
}

impl Rows {
    pub(crate) fn open(search: &Search) -> Result<Self, OpenError> {
        let candidates = search.named(|name| has_extension(name, &["csv"]));
        let entry = search.only(&candidates, "`y_labels.csv` and a CSV file alone")?;
        let file = || search.file(entry);
        let table = Table::new(search.text(entry)?, file)?;
        // A header is a row whose last cell, where the label would be, is no number.
        let has_header =
            table.rows() > 0 && table.cells(0).is_ok_and(|cells| cells.last().is_some_and(|cell| !is_number(cell)));
        let headers = usize::from(has_header);
        if headers == table.rows() {
            return Err(OpenError::Empty { file: file() });
        }
        let cells = table.cells(headers).map_or(0, |cells| cells.len());
        let mut rows = Self { entry, table, headers, cells, labels: 0 };
        rows.labels = rows.count_labels(file)?;
        Ok(rows)
    }

    /// 1 more than the highest label; an error if no row has a label and values.
    fn count_labels(&self, file: impl Fn() -> String) -> Result<u32, OpenError> {
        let (mut labels, mut first_problem) = (0, None);
        for at in 0..self.examples() {
            match self.row(at) {
                Ok((_, label)) => labels = labels.max(label.saturating_add(1)),
                Err(why) => first_problem = first_problem.or_else(|| Some((self.id(at), why))),
            }
        }
        match first_problem {
            Some((id, why)) if labels == 0 => Err(OpenError::NoneUsable { file: file(), id, why }),
            _ => Ok(labels),
        }
    }

    fn row(&self, at: usize) -> Result<(Vec<f64>, u32), String> {
        let cells = self.table.cells(at + self.headers)?;
        let [values @ .., label] = cells.as_slice() else { return Err("it is empty".to_owned()) };
        if values.is_empty() {
            return Err("it has a single cell; values and a label are needed".to_owned());
        }
        if cells.len() != self.cells {
            return Err(format!("it has {} cells, and the first row has {}", cells.len(), self.cells));
        }
        let label =
            label_of(label).ok_or_else(|| format!("unknown label {label:?}; labels are whole numbers from 0"))?;
        let value = |(column, cell): (usize, &String)| {
            let value = cell.trim().parse().ok().filter(|value: &f64| value.is_finite());
            value.ok_or_else(|| format!("cell {} is {cell:?}, which is no number", column + 1))
        };
        Ok((values.iter().enumerate().map(value).collect::<Result<_, _>>()?, label))
    }
}

fn is_number(cell: &str) -> bool {
    cell.trim().parse::<f64>().is_ok()
}

/// Also as tools write it that know floats only: `4.0`, `4.000e+00`.
fn label_of(cell: &str) -> Option<u32> {
    let value = cell.trim().parse::<f64>().ok().filter(|value| value.fract() == 0.0 && !value.is_sign_negative())?;
    format!("{value:.0}").parse().ok()
}

impl Layout for Rows {
    fn name(&self) -> &'static str {
        match self.headers {
            0 => "CSV of values and a label",
            _ => "CSV of values and a label, with a header",
        }
    }

    fn examples(&self) -> usize {
        self.table.rows() - self.headers
    }

    fn id(&self, at: usize) -> String {
        self.table.id(at + self.headers)
    }

    fn content(&self, _files: &Files, at: usize) -> Result<(Input, Truth), String> {
        let (values, label) = self.row(at)?;
        Ok((Input::Values(values), Truth::Label(label)))
    }

    fn parts(&self) -> Parts {
        Parts::File(self.entry)
    }

    fn labels(&self) -> Option<u32> {
        Some(self.labels)
    }
}
