//! Images with a list of lines `NAME LABEL`, as Caffe's `val.txt` for `ImageNet` has them. Images lie where the list says, in
//! `images/` or `val/` beside it, or anywhere under a name that is there only once.

use std::collections::HashMap;

use score::Truth;

use super::search::{Search, base, folder, has_extension, is_image};
use super::table::{MAX_ROWS, trimmed};
use super::{Layout, Part, Parts};
use crate::error::OpenError;
use crate::example::Input;
use crate::files::{Files, IMAGE_BYTES, confined};

/// Taken before other names.
const LISTS: [&str; 2] = ["val.txt", "labels.txt"];
/// Text files of one folder that are looked into: a folder with more of them has other things in them.
const MAX_LISTS: usize = 32;
/// Beside the list.
const FOLDERS: [&str; 3] = ["", "images/", "val/"];

pub(crate) struct ImageList {
    entry: usize,
    lines: Vec<Line>,
    labels: u32,
}

struct Line {
    number: usize,
    /// The error says why the line names no image.
    image: Result<Image, String>,
}

struct Image {
    name: String,
    label: u32,
    /// `None` = there is no such file.
    entry: Option<usize>,
}

impl ImageList {
    /// `None` = there is no list.
    pub(crate) fn open(search: &Search) -> Result<Option<Self>, OpenError> {
        let Some(entry) = search.chosen.map_or_else(|| find(search), |chosen| Ok(Some(chosen)))? else {
            return Ok(None);
        };
        let bytes = search.text(entry)?;
        let file = || search.file(entry);
        let mut lines = Vec::new();
        for (number, line) in bytes.split(|&byte| byte == b'\n').map(trimmed).enumerate() {
            if !line.is_empty() {
                lines.push(Line { number: number + 1, image: parse(line) });
            }
            if lines.len() > MAX_ROWS {
                return Err(OpenError::TooManyRows { file: file(), limit: MAX_ROWS });
            }
        }
        if lines.is_empty() {
            return Err(OpenError::Empty { file: file() });
        }
        refuse_duplicates(&lines, file)?;
        locate(search.files, entry, &mut lines);
        let list = Self { entry, labels: highest(&lines).saturating_add(1), lines };
        list.check(file)?;
        Ok(Some(list))
    }

    fn check(&self, file: impl Fn() -> String) -> Result<(), OpenError> {
        let mut images = self.lines.iter().filter_map(|line| line.image.as_ref().ok()).peekable();
        match images.peek() {
            None => {
                let (id, why) = (self.id(0), self.lines[0].image.as_ref().err().cloned().unwrap_or_default());
                Err(OpenError::NoneUsable { file: file(), id, why })
            }
            Some(Image { name, .. }) => {
                let first = name.clone();
                if images.any(|image| image.entry.is_some()) {
                    return Ok(());
                }
                let looked = "beside the list, in `images`, in `val`, and for the same name elsewhere".to_owned();
                Err(OpenError::NoImages { file: file(), count: self.lines.len(), first, looked })
            }
        }
    }
}

/// The list that lies highest: one of the usual names, else the only text file that is a list.
fn find(search: &Search) -> Result<Option<usize>, OpenError> {
    let mut texts = search.named(|name| has_extension(name, &["txt"]));
    let depth = |entry: &usize| search.files.name(*entry).matches('/').count();
    texts.sort_by_key(depth);
    for level in texts.chunk_by(|a, b| depth(a) == depth(b)) {
        let usual = |list: &str| {
            level.iter().copied().filter(|&entry| base(search.files.name(entry)) == list).collect::<Vec<usize>>()
        };
        let candidates: Vec<Vec<usize>> = LISTS.into_iter().map(usual).chain([level.to_vec()]).collect();
        for candidates in candidates.into_iter().filter(|candidates| candidates.len() <= MAX_LISTS) {
            let mut lists = Vec::new();
            for entry in candidates {
                if is_list(&search.text(entry)?) {
                    lists.push(entry);
                }
            }
            if !lists.is_empty() {
                return search.only(&lists, "").map(Some);
            }
        }
    }
    Ok(None)
}

fn is_list(bytes: &[u8]) -> bool {
    let first = bytes.split(|&byte| byte == b'\n').map(trimmed).find(|line| !line.is_empty());
    first.and_then(|line| parse(line).ok()).is_some_and(|image| is_image(&image.name))
}

fn parse(line: &[u8]) -> Result<Image, String> {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    let text = std::str::from_utf8(line).map_err(|_invalid| "it is not text in UTF-8".to_owned())?.trim();
    let Some((name, label)) = text.rsplit_once(char::is_whitespace) else {
        return Err("it is not of the form `NAME LABEL`".to_owned());
    };
    let label =
        label.parse().map_err(|_invalid| format!("unknown label {label:?}; labels are whole numbers from 0"))?;
    let name = confined(name.trim()).map_err(|reason| format!("its image {name:?} {reason}"))?;
    Ok(Image { name, label, entry: None })
}

fn refuse_duplicates(lines: &[Line], file: impl Fn() -> String) -> Result<(), OpenError> {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for Line { number, image } in lines {
        let Ok(Image { name, label: _, entry: _ }) = image else { continue };
        if let Some(earlier) = seen.insert(name, *number) {
            let (first, second) = (format!("in line {earlier}"), format!("in line {number}"));
            return Err(OpenError::Duplicate { file: file(), id: format!("the image `{name}`"), first, second });
        }
    }
    Ok(())
}

fn locate(files: &Files, list: usize, lines: &mut [Line]) {
    let root = folder(files.name(list));
    // `None` = there are several of that name.
    let mut anywhere: HashMap<&str, Option<usize>> = HashMap::new();
    for (entry, name) in files.names().filter(|(_, name)| is_image(name)) {
        anywhere.entry(base(name)).and_modify(|one| *one = None).or_insert(Some(entry));
    }
    for image in lines.iter_mut().filter_map(|line| line.image.as_mut().ok()) {
        let beside = FOLDERS.iter().find_map(|folder| files.find(&format!("{root}{folder}{}", image.name)));
        image.entry = beside.or_else(|| anywhere.get(base(&image.name)).copied().flatten());
    }
}

fn highest(lines: &[Line]) -> u32 {
    lines.iter().filter_map(|line| line.image.as_ref().ok()).map(|image| image.label).max().unwrap_or_default()
}

impl Layout for ImageList {
    fn name(&self) -> &'static str {
        "images with a list of labels"
    }

    fn examples(&self) -> usize {
        self.lines.len()
    }

    fn id(&self, at: usize) -> String {
        match &self.lines[at] {
            Line { image: Ok(image), number: _ } => image.name.clone(),
            Line { image: Err(_), number } => format!("line {number}"),
        }
    }

    fn content(&self, files: &Files, at: usize) -> Result<(Input, Truth), String> {
        let Image { name: _, label, entry } = self.lines[at].image.as_ref().map_err(Clone::clone)?;
        let Some(entry) = entry else {
            return Err(format!("line {} of the list names it, and there is no such file", self.lines[at].number));
        };
        let bytes = files.read(*entry, IMAGE_BYTES).map_err(|error| format!("cannot be read: {}", error.in_full()))?;
        Ok((Input::Image(bytes), Truth::Label(*label)))
    }

    fn parts(&self) -> Parts {
        let images = self.lines.iter().filter_map(|line| line.image.as_ref().ok());
        let images = images.filter_map(|Image { name, label: _, entry }| {
            entry.map(|entry| Part { entry, name: format!("images/{name}"), is_image: true })
        });
        let list = Part { entry: self.entry, name: "labels.txt".to_owned(), is_image: false };
        Parts::Archive(std::iter::once(list).chain(images).collect())
    }

    fn labels(&self) -> Option<u32> {
        Some(self.labels)
    }
}
