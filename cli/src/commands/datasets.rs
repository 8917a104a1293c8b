//! `datasets`: what a data set is, and how it becomes one file.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use dataset::{DataSet, Facts};
use domain::{Digest, Task};
use serde::Serialize;

use crate::{
    args::{DatasetArgs, DatasetsCommand},
    builtin,
    exit::CliError,
    output::{self, Answer, facts},
};

pub(super) fn run(command: DatasetsCommand) -> Result<(), CliError> {
    match command {
        DatasetsCommand::Show(args) => show(&args),
    }
}

/// Makes a data set one file, in `folder` if it is not one already. `path` is how somebody spells it.
pub(super) fn pack(path: &str, on_disk: &Path, task: Task, folder: &Path) -> Result<PathBuf, CliError> {
    if let Some(name) = path.strip_prefix(builtin::PREFIX) {
        return builtin::dataset(name)?.write(folder);
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
    // Two data sets of one name in one campaign must not be one file.
    let packed =
        folder.join(format!("{}.packed", Digest::of(format!("{task} {}", on_disk.display()).as_bytes()).short()));
    dataset::pack(on_disk, task, &packed).map_err(|error| unusable(path, error))?;
    Ok(packed)
}

/// Opens a data set where it lies.
pub(super) fn open(path: &str, task: Task, folder: &Path) -> Result<(PathBuf, DataSet), CliError> {
    let on_disk = match path.strip_prefix(builtin::PREFIX) {
        Some(name) => builtin::dataset(name)?.write(folder)?,
        None => std::path::absolute(path)?,
    };
    let opened = DataSet::open(&on_disk, task).map_err(|error| unusable(path, error))?;
    Ok((on_disk, opened))
}

fn unusable(path: &str, error: impl std::error::Error) -> CliError {
    let mut text = format!("the data set `{path}` can't be used: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}\n  because: {error}");
        cause = error.source();
    }
    CliError::Invalid(text)
}

#[derive(Debug, Serialize)]
struct DatasetView {
    path: String,
    task: Task,
    layout: String,
    examples: u64,
    /// The official set it is, by its checksum.
    official: Option<String>,
    labels: Option<u32>,
    bad_examples: u64,
    first_bad: Option<String>,
}

impl Answer for DatasetView {
    const SCHEMA: &'static str = "furlong.dataset/v1";

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        let bad = match (&self.first_bad, self.bad_examples) {
            (Some(first), count) => format!("{count}, the first: {first}"),
            (None, _) => "none".to_owned(),
        };
        facts(
            out,
            &[
                ("data set", self.path.clone()),
                ("task", self.task.to_string()),
                ("layout", self.layout.clone()),
                ("examples", self.examples.to_string()),
                ("labels", self.labels.map(|labels| labels.to_string()).unwrap_or_default()),
                ("official", self.official.clone().unwrap_or_else(|| "not one whose checksum is known".to_owned())),
                ("bad examples", bad),
            ],
        )
    }
}

/// Reads every example once.
fn show(args: &DatasetArgs) -> Result<(), CliError> {
    let folder = tempfile::tempdir()?;
    let (_, opened) = open(&args.path, args.task, folder.path())?;
    let (mut bad_examples, mut first_bad) = (0, None);
    for bad in opened.examples().filter_map(Result::err) {
        bad_examples += 1;
        first_bad.get_or_insert_with(|| format!("{}: {}", bad.id, bad.why));
    }
    let Facts { layout, examples, official, labels, .. } = opened.facts();
    let view = DatasetView {
        path: args.path.clone(),
        task: args.task,
        layout: (*layout).to_owned(),
        examples: *examples,
        official: official.map(str::to_owned),
        labels: *labels,
        bad_examples,
        first_bad,
    };
    output::write(&view, args.output.output)
}
