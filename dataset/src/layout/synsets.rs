//! `ImageNet`'s validation set in folders by synset, `val/n01440764/*.JPEG`. An image's label is the rank of its folder's name,
//! as torchvision counts it; or its rank in the list of all synsets, where the data set brings one, so that a part of the
//! set keeps the labels of the whole.

use std::collections::HashMap;

use score::Truth;

use super::search::{Search, base, folder, is_image};
use super::table::trimmed;
use super::{Layout, Part, Parts};
use crate::error::OpenError;
use crate::example::Input;
use crate::files::{Files, IMAGE_BYTES};

/// Lines that begin with a synset, in the order of the labels: Caffe's files, and that of the ILSVRC archive.
const LISTS: [&str; 3] = ["synsets.txt", "synset_words.txt", "LOC_synset_mapping.txt"];
const LOOKED_FOR: &str = "a text file of lines `NAME LABEL` with images, and folders of images named by synset, as in `val/n01440764/*.JPEG`";
const UNKNOWN: &str = "its synset is not in the data set's list of synsets";

pub(crate) struct Synsets {
    list: Option<usize>,
    images: Vec<Image>,
    labels: u32,
}

struct Image {
    entry: usize,
    /// Folder and file.
    name: String,
    /// `None` = the list does not have the synset.
    label: Option<u32>,
}

impl Synsets {
    pub(crate) fn open(search: &Search) -> Result<Self, OpenError> {
        let found = search.files.names().filter(|(_, name)| is_image(name));
        let mut roots: HashMap<&str, Vec<(usize, &str)>> = HashMap::new();
        for (entry, name) in found {
            let synset = folder(name).trim_end_matches('/');
            if is_synset(base(synset)) {
                roots.entry(folder(synset)).or_default().push((entry, base(synset)));
            }
        }
        let images = choose(search, roots)?;
        let list = LISTS.iter().find_map(|list| search.named(|name| name == *list).first().copied());
        let ranks = match list {
            Some(list) => listed(&search.text(list)?),
            None => ranked(images.iter().map(|(_, synset)| (*synset).to_owned())),
        };
        let labels = u32::try_from(ranks.len()).unwrap_or(u32::MAX);
        let images: Vec<Image> = images
            .into_iter()
            .map(|(entry, synset)| {
                let name = format!("{synset}/{}", base(search.files.name(entry)));
                Image { entry, name, label: ranks.get(synset).copied() }
            })
            .collect();
        match images.iter().find(|image| image.label.is_none()) {
            Some(image) if images.iter().all(|image| image.label.is_none()) => {
                let file = list.map(|list| search.file(list)).unwrap_or_default();
                Err(OpenError::NoneUsable { file, id: image.name.clone(), why: UNKNOWN.to_owned() })
            }
            _ => Ok(Self { list, images, labels }),
        }
    }
}

/// Images of one root: the only one, or the one called `val`.
fn choose<'a>(
    search: &Search,
    mut roots: HashMap<&'a str, Vec<(usize, &'a str)>>,
) -> Result<Vec<(usize, &'a str)>, OpenError> {
    if roots.len() > 1 {
        roots.retain(|root, _| base(root.trim_end_matches('/')) == "val");
    }
    let mut found = roots.into_values();
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(search.unrecognised(LOOKED_FOR)),
        (Some(one), Some(other)) => Err(search.ambiguous(&[one[0].0, other[0].0])),
    }
}

/// `WordNet`'s part of speech, here a noun, and its number.
fn is_synset(name: &str) -> bool {
    name.len() == 9 && name.starts_with('n') && name.bytes().skip(1).all(|byte| byte.is_ascii_digit())
}

fn listed(bytes: &[u8]) -> HashMap<String, u32> {
    let lines = bytes.split(|&byte| byte == b'\n').map(trimmed).filter_map(|line| std::str::from_utf8(line).ok());
    let synsets = lines.filter_map(|line| line.split_whitespace().next()).filter(|word| is_synset(word));
    synsets.map(str::to_owned).zip(0..).collect()
}

fn ranked(synsets: impl Iterator<Item = String>) -> HashMap<String, u32> {
    let mut synsets: Vec<String> = synsets.collect();
    synsets.sort_unstable();
    synsets.dedup();
    synsets.into_iter().zip(0..).collect()
}

impl Layout for Synsets {
    fn name(&self) -> &'static str {
        match self.list {
            None => "ImageNet in folders by synset, labels by the folders' rank",
            Some(_) => "ImageNet in folders by synset, with a list of synsets",
        }
    }

    fn examples(&self) -> usize {
        self.images.len()
    }

    fn id(&self, at: usize) -> String {
        self.images[at].name.clone()
    }

    fn content(&self, files: &Files, at: usize) -> Result<(Input, Truth), String> {
        let image = &self.images[at];
        let label = image.label.ok_or_else(|| UNKNOWN.to_owned())?;
        let bytes =
            files.read(image.entry, IMAGE_BYTES).map_err(|error| format!("cannot be read: {}", error.in_full()))?;
        Ok((Input::Image(bytes), Truth::Label(label)))
    }

    fn parts(&self) -> Parts {
        let images = self.images.iter().map(|Image { entry, name, label: _ }| Part {
            entry: *entry,
            name: format!("val/{name}"),
            is_image: true,
        });
        let list = self.list.map(|entry| Part { entry, name: LISTS[0].to_owned(), is_image: false });
        Parts::Archive(list.into_iter().chain(images).collect())
    }

    fn labels(&self) -> Option<u32> {
        Some(self.labels)
    }
}
