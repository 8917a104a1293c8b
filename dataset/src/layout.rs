//! The official layouts, one file for each, and which of them a path has. Each reads what it needs to know of all examples
//! once and compactly, and an example when it is asked for.

mod bins;
mod coco;
mod glue;
mod image_list;
mod rows;
mod search;
mod squad;
mod synsets;
mod table;

use std::path::Path;

use domain::Task;
use score::Truth;

use crate::error::OpenError;
use crate::example::Input;
use crate::files::Files;
use search::Search;

/// A recognised data set. Examples are counted from 0, and asked for below [`Layout::examples`].
pub(crate) trait Layout: Send + Sync {
    /// For people.
    fn name(&self) -> &'static str;
    fn examples(&self) -> usize;
    /// The data set's own name of an example, a bad one's too.
    fn id(&self, at: usize) -> String;
    /// The error says why the example can't be used.
    fn content(&self, files: &Files, at: usize) -> Result<(Input, Truth), String>;
    /// What a packed data set consists of.
    fn parts(&self) -> Parts;

    fn official(&self) -> Option<&'static str> {
        None
    }
    fn labels(&self) -> Option<u32> {
        None
    }
    fn categories(&self) -> &[u32] {
        &[]
    }
}

pub(crate) enum Parts {
    /// This entry, as it is.
    File(usize),
    /// An archive of these.
    Archive(Vec<Part>),
}

pub(crate) struct Part {
    pub(crate) entry: usize,
    /// In the archive.
    pub(crate) name: String,
    pub(crate) is_image: bool,
}

/// The data set that `path` has for `task`.
pub(crate) fn recognise(path: &Path, task: Task) -> Result<(Files, Box<dyn Layout>), OpenError> {
    let files = Files::open(path)?;
    let (files, chosen) = if files.is_alone() { beside(files, task)? } else { (files, None) };
    let search = Search { files: &files, chosen, task };
    let layout: Box<dyn Layout> = match task {
        Task::Cola
        | Task::Sst2
        | Task::Mrpc
        | Task::Stsb
        | Task::Qqp
        | Task::MnliMatched
        | Task::MnliMismatched
        | Task::Qnli
        | Task::Rte
        | Task::Wnli
        | Task::Ax
        | Task::SentenceSimilarity => Box::new(glue::Sentences::open(&search)?),
        Task::QuestionAnswering => Box::new(squad::Questions::open(&search)?),
        Task::ImageClassification => match image_list::ImageList::open(&search)? {
            Some(list) => Box::new(list),
            None => Box::new(synsets::Synsets::open(&search)?),
        },
        Task::ObjectDetection => Box::new(coco::Photos::open(&search)?),
        Task::TensorClassification => match bins::Bins::open(&search)? {
            Some(bins) => Box::new(bins),
            None => Box::new(rows::Rows::open(&search)?),
        },
    };
    Ok((files, layout))
}

/// A file that stands for a data set may need the files around it: those of its folder, and of the folder above for a file
/// in `annotations`.
fn beside(alone: Files, task: Task) -> Result<(Files, Option<usize>), OpenError> {
    let path = alone.path().to_owned();
    let needs_others = match task {
        Task::ImageClassification | Task::ObjectDetection => true,
        Task::TensorClassification => bins::is_list(alone.name(0)),
        _ => false,
    };
    if !needs_others {
        return Ok((alone, Some(0)));
    }
    // `val.txt` alone has the parent "", which is no folder that can be read.
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let root = match folder.parent() {
        Some(above) if folder.ends_with(coco::ANNOTATIONS) && !above.as_os_str().is_empty() => above,
        _ => folder,
    };
    let files = Files::open(root)?;
    let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
    // A hidden file is in no listing, and then can't be found beside others.
    let chosen = files.find(&name);
    Ok(if chosen.is_some() { (files, chosen) } else { (alone, Some(0)) })
}
