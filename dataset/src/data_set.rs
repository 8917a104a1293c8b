//! An opened data set: what it is, and its examples one by one. Knows no layout by name: see [`crate::layout`].

use std::fmt;
use std::path::Path;

use domain::Task;

use crate::error::OpenError;
use crate::example::{BadExample, Example};
use crate::files::Files;
use crate::layout::{Layout, Parts, recognise};

/// A data set that was recognised, ready to be read.
pub struct DataSet {
    pub(crate) files: Files,
    layout: Box<dyn Layout>,
    facts: Facts,
}

/// What can be told of a data set without a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// How it is laid out, for people.
    pub layout: &'static str,
    /// Bad ones counted.
    pub examples: u64,
    /// The set whose official checksum this one has, such as `GLUE SST-2 dev`.
    pub official: Option<&'static str>,
    /// Different labels there can be: 1 more than the highest, where the layout does not say. `None` = it has values, texts.
    pub labels: Option<u32>,
    /// Of the files that are read, unpacked.
    pub bytes: u64,
}

impl DataSet {
    /// `path`: a file, a folder in its official layout, or an archive made by [`crate::pack`]. `task` decides what is looked
    /// for. The files' names matter only where several could be meant.
    ///
    /// # Errors
    /// If nothing of this task is there, or nothing that can be used; says what was looked for and what was found.
    pub fn open(path: &Path, task: Task) -> Result<Self, OpenError> {
        let (files, layout) = recognise(path, task)?;
        let bytes = match layout.parts() {
            Parts::File(entry) => files.bytes(entry),
            Parts::Archive(parts) => parts.iter().map(|part| files.bytes(part.entry)).sum(),
        };
        let facts = Facts {
            layout: layout.name(),
            examples: layout.examples() as u64,
            official: layout.official(),
            labels: layout.labels(),
            bytes,
        };
        Ok(Self { files, layout, facts })
    }

    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Detection: ids of the categories, ascending; else empty.
    pub fn categories(&self) -> &[u32] {
        self.layout.categories()
    }

    /// All examples in order; a bad one is an error, and the stream goes on.
    pub fn examples(&self) -> Box<dyn Iterator<Item = Result<Example, BadExample>> + Send + '_> {
        Box::new((0..self.layout.examples()).map(|at| self.example(at)))
    }

    /// One for each index, in their order; reads no others.
    pub fn some(&self, indices: &[u64]) -> Vec<Result<Example, BadExample>> {
        let one = |&index: &u64| match usize::try_from(index) {
            Ok(at) if at < self.layout.examples() => self.example(at),
            _ => Err(BadExample {
                index,
                id: format!("example {index}"),
                why: format!("the data set has {} examples, counted from 0", self.facts.examples),
            }),
        };
        indices.iter().map(one).collect()
    }

    pub(crate) fn parts(&self) -> Parts {
        self.layout.parts()
    }

    fn example(&self, at: usize) -> Result<Example, BadExample> {
        let (index, id) = (at as u64, self.layout.id(at));
        match self.layout.content(&self.files, at) {
            Ok((input, truth)) => Ok(Example { index, id, input, truth }),
            Err(why) => Err(BadExample { index, id, why }),
        }
    }
}

/// What it is, without its thousands of names.
impl fmt::Debug for DataSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataSet").field("facts", &self.facts).finish_non_exhaustive()
    }
}
