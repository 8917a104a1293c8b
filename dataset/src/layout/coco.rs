//! `COCO`: photos in a folder such as `val2017`, and their boxes in `annotations/instances_val2017.json`. An example is a
//! photo, also one without boxes; the order is that of the photos' ids, in which its metrics take them.

mod annotations;

use score::Truth;

use self::annotations::{Annotations, Photo};
use super::search::{Search, base, folder, has_extension};
use super::{Layout, Part, Parts};
use crate::error::OpenError;
use crate::example::Input;
use crate::files::{Files, IMAGE_BYTES, confined};

/// The folder of the annotation files.
pub(crate) const ANNOTATIONS: &str = "annotations";
/// Before the name of the photos' folder, in an annotation file's name.
const PREFIX: &str = "instances_";

pub(crate) struct Photos {
    entry: usize,
    split: String,
    annotations: Annotations,
    /// Of each photo; `None` = there is no such file.
    entries: Vec<Option<usize>>,
}

impl Photos {
    pub(crate) fn open(search: &Search) -> Result<Self, OpenError> {
        let entry = find(search)?;
        let file = || search.file(entry);
        let annotations = Annotations::parse(&search.text(entry)?, file)?;
        let split = split(search.files.name(entry)).to_owned();
        let folders = folders(search.files.name(entry), &split);
        let located = folders.iter().map(|folder| locate(search.files, folder, &annotations.photos));
        // The folder with the most of them: single files of the same name may lie elsewhere.
        let entries = located.rev().max_by_key(|entries| entries.iter().flatten().count()).unwrap_or_default();
        if entries.iter().all(Option::is_none) {
            let (count, first) = (annotations.photos.len(), annotations.photos[0].name.clone());
            return Err(OpenError::NoImages { file: file(), count, first, looked: looked(&folders) });
        }
        Ok(Self { entry, split, annotations, entries })
    }
}

fn find(search: &Search) -> Result<usize, OpenError> {
    let is_json = |name: &str| has_extension(name, &["json"]);
    let mut candidates = search.named(|name| name.starts_with(PREFIX) && is_json(name));
    if candidates.len() > 1 {
        let (validation, others): (Vec<usize>, Vec<usize>) =
            candidates.iter().copied().partition(|&entry| split(search.files.name(entry)).starts_with("val"));
        candidates = if validation.is_empty() { others } else { validation };
    }
    if candidates.is_empty() {
        candidates = search.named(is_json);
    }
    search.only(&candidates, "`annotations/instances_*.json`, `instances_*.json`, and JSON files alone")
}

/// `val2017` for `annotations/instances_val2017.json`.
fn split(name: &str) -> &str {
    let stem = base(name).rsplit_once('.').map_or(base(name), |(stem, _)| stem);
    stem.strip_prefix(PREFIX).unwrap_or(stem)
}

/// Where the photos may be, the official place first.
fn folders(annotations: &str, split: &str) -> Vec<String> {
    let beside = folder(annotations);
    let above = match beside.strip_suffix('/') {
        Some(path) if base(path) == ANNOTATIONS => folder(path),
        _ => beside,
    };
    let mut folders: Vec<String> =
        [format!("{split}/"), format!("images/{split}/"), "images/".to_owned(), String::new()]
            .into_iter()
            .map(|folder| format!("{above}{folder}"))
            .collect();
    if beside != above {
        folders.push(beside.to_owned());
    }
    folders
}

fn locate(files: &Files, folder: &str, photos: &[Photo]) -> Vec<Option<usize>> {
    photos.iter().map(|photo| files.find(&format!("{folder}{}", confined(&photo.name).ok()?))).collect()
}

fn looked(folders: &[String]) -> String {
    let shown = |folder: &String| if folder.is_empty() { "beside it".to_owned() } else { format!("in `{folder}`") };
    folders.iter().map(shown).collect::<Vec<_>>().join(", ")
}

impl Layout for Photos {
    fn name(&self) -> &'static str {
        "COCO's instances"
    }

    fn examples(&self) -> usize {
        self.annotations.photos.len()
    }

    fn id(&self, at: usize) -> String {
        self.annotations.photos[at].name.clone()
    }

    fn content(&self, files: &Files, at: usize) -> Result<(Input, Truth), String> {
        let boxes = self.annotations.boxes(at)?;
        let Some(entry) = self.entries[at] else {
            return Err("the annotations name it, and there is no such file".to_owned());
        };
        let bytes = files.read(entry, IMAGE_BYTES).map_err(|error| format!("cannot be read: {}", error.in_full()))?;
        Ok((Input::Image(bytes), Truth::Boxes(boxes.to_vec())))
    }

    fn parts(&self) -> Parts {
        let annotations =
            Part { entry: self.entry, name: format!("{ANNOTATIONS}/{PREFIX}{}.json", self.split), is_image: false };
        let photos = self.annotations.photos.iter().zip(&self.entries).filter_map(|(photo, entry)| {
            let name = format!("{}/{}", self.split, confined(&photo.name).ok()?);
            entry.map(|entry| Part { entry, name, is_image: true })
        });
        Parts::Archive(std::iter::once(annotations).chain(photos).collect())
    }

    fn labels(&self) -> Option<u32> {
        u32::try_from(self.annotations.categories.len()).ok()
    }

    fn categories(&self) -> &[u32] {
        &self.annotations.categories
    }
}
