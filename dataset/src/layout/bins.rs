//! MLPerf Tiny's keywords: `y_labels.csv` with lines `NAME, CLASSES, LABEL` and beside it a file of int8 values for each, as
//! its benchmark runner feeds them to a device.

use std::collections::{BTreeMap, HashMap};

use score::Truth;

use super::search::{Search, base, folder};
use super::table::Table;
use super::{Layout, Part, Parts};
use crate::error::OpenError;
use crate::example::Input;
use crate::files::{Files, TENSOR_BYTES, confined};

const LIST: &str = "y_labels.csv";

pub(crate) struct Bins {
    entry: usize,
    table: Table,
    /// The error says why the line names no file of values.
    listed: Vec<Result<Bin, String>>,
    labels: u32,
    /// Of most of the files.
    bytes: u64,
}

struct Bin {
    name: String,
    label: u32,
    /// `None` = there is no such file.
    entry: Option<usize>,
}

pub(crate) fn is_list(name: &str) -> bool {
    base(name) == LIST
}

impl Bins {
    /// `None` = there is no list of this kind.
    pub(crate) fn open(search: &Search) -> Result<Option<Self>, OpenError> {
        let entry = match search.chosen {
            Some(chosen) if is_list(search.files.name(chosen)) => chosen,
            Some(_) => return Ok(None),
            None => match search.named(|name| name == LIST).as_slice() {
                [] => return Ok(None),
                lists => search.only(lists, LIST)?,
            },
        };
        let file = || search.file(entry);
        let table = Table::new(search.text(entry)?, file)?;
        let root = folder(search.files.name(entry)).to_owned();
        let find = |name: &str| search.files.find(&format!("{root}{name}"));
        let lines: Vec<_> =
            (0..table.rows()).map(|row| table.cells(row).and_then(|cells| parse(&cells, find))).collect();
        let Some(labels) = lines.iter().filter_map(|line| line.as_ref().ok()).map(|(classes, _)| *classes).max() else {
            let Some(Err(why)) = lines.into_iter().next() else { return Err(OpenError::Empty { file: file() }) };
            return Err(OpenError::NoneUsable { file: file(), id: table.id(0), why });
        };
        let listed: Vec<_> = lines.into_iter().map(|line| line.map(|(_, bin)| bin)).collect();
        refuse_duplicates(&table, &listed, file)?;
        let Some(bytes) = usual_size(search.files, &listed) else {
            let first = listed.iter().flatten().next().map(|bin| bin.name.clone()).unwrap_or_default();
            let why = "there is no such file beside the list".to_owned();
            return Err(OpenError::NoneUsable { file: file(), id: first, why });
        };
        Ok(Some(Self { entry, table, listed, labels, bytes }))
    }
}

/// The number of classes, and the file.
fn parse(cells: &[String], find: impl Fn(&str) -> Option<usize>) -> Result<(u32, Bin), String> {
    let [name, classes, label] = cells else {
        return Err(format!("it has {} cells, and a name, the number of classes and a label are needed", cells.len()));
    };
    let number = |cell: &str| cell.trim().parse().ok();
    let (Some(classes), Some(label)) = (number(classes), number(label)) else {
        return Err(format!("{classes:?} and {label:?} are not a number of classes and a label"));
    };
    if label >= classes {
        return Err(format!("unknown label {label}; there are {classes} classes, counted from 0"));
    }
    let name = confined(name.trim()).map_err(|reason| format!("its file {name:?} {reason}"))?;
    let entry = find(&name);
    Ok((classes, Bin { name, label, entry }))
}

fn refuse_duplicates(table: &Table, bins: &[Result<Bin, String>], file: impl Fn() -> String) -> Result<(), OpenError> {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for (row, bin) in bins.iter().enumerate() {
        let Ok(Bin { name, label: _, entry: _ }) = bin else { continue };
        if let Some(earlier) = seen.insert(name, row) {
            let (first, second) = (format!("in {}", table.id(earlier)), format!("in {}", table.id(row)));
            return Err(OpenError::Duplicate { file: file(), id: format!("the file `{name}`"), first, second });
        }
    }
    Ok(())
}

/// The size that most files have: a file of another one was cut off. `None` = there are no files.
fn usual_size(files: &Files, bins: &[Result<Bin, String>]) -> Option<u64> {
    let mut sizes: BTreeMap<u64, usize> = BTreeMap::new();
    for entry in bins.iter().flatten().filter_map(|bin| bin.entry) {
        *sizes.entry(files.bytes(entry)).or_default() += 1;
    }
    sizes.into_iter().max_by_key(|&(_, count)| count).map(|(size, _)| size)
}

impl Layout for Bins {
    fn name(&self) -> &'static str {
        "MLPerf Tiny's list with files of int8 values"
    }

    fn examples(&self) -> usize {
        self.listed.len()
    }

    fn id(&self, at: usize) -> String {
        self.listed[at].as_ref().map_or_else(|_| self.table.id(at), |bin| bin.name.clone())
    }

    fn content(&self, files: &Files, at: usize) -> Result<(Input, Truth), String> {
        let Bin { name: _, label, entry } = self.listed[at].as_ref().map_err(Clone::clone)?;
        let Some(entry) = entry else {
            return Err(format!("{} of the list names it, and there is no such file", self.table.id(at)));
        };
        let bytes = files.read(*entry, TENSOR_BYTES).map_err(|error| format!("cannot be read: {}", error.in_full()))?;
        if bytes.len() as u64 != self.bytes {
            return Err(format!("it has {} bytes, and the others have {}", bytes.len(), self.bytes));
        }
        let values = bytes.into_iter().map(|byte| f64::from(byte.cast_signed())).collect();
        Ok((Input::Values(values), Truth::Label(*label)))
    }

    fn parts(&self) -> Parts {
        let bins = self.listed.iter().flatten().filter_map(|Bin { name, label: _, entry }| {
            entry.map(|entry| Part { entry, name: name.clone(), is_image: false })
        });
        let list = Part { entry: self.entry, name: LIST.to_owned(), is_image: false };
        Parts::Archive(std::iter::once(list).chain(bins).collect())
    }

    fn labels(&self) -> Option<u32> {
        Some(self.labels)
    }
}
