//! What an annotation file of `COCO` says that its metrics need: photos, boxes and categories. Outlines are not read, neither
//! polygons nor a crowd's run lengths.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use score::TruthBox;
use serde::Deserialize;

use crate::error::OpenError;

pub(super) struct Annotations {
    /// By ascending id.
    pub(super) photos: Vec<Photo>,
    /// Ascending.
    pub(super) categories: Vec<u32>,
    /// Of all photos, one photo's after the other's.
    boxes: Vec<TruthBox>,
}

pub(super) struct Photo {
    id: i64,
    pub(super) name: String,
    boxes: Range<usize>,
    /// Why an annotation of it can't be used; then it has no boxes.
    problem: Option<String>,
}

#[derive(Deserialize)]
struct Document {
    images: Vec<DeclaredPhoto>,
    annotations: Vec<Annotation>,
    categories: Vec<Category>,
}

#[derive(Deserialize)]
struct DeclaredPhoto {
    id: i64,
    file_name: String,
}

/// Its parts are checked later, each for its photo.
#[derive(Deserialize)]
struct Annotation {
    #[serde(default)]
    id: i64,
    image_id: i64,
    category_id: i64,
    #[serde(default)]
    bbox: Vec<f64>,
    area: Option<f64>,
    #[serde(default)]
    iscrowd: Flag,
}

#[derive(Deserialize)]
struct Category {
    id: u32,
}

/// Tools other than `COCO`'s write `false` for 0.
#[derive(Deserialize)]
#[serde(untagged)]
enum Flag {
    Number(f64),
    Word(bool),
}

impl Default for Flag {
    fn default() -> Self {
        Self::Word(false)
    }
}

impl Annotations {
    pub(super) fn parse(bytes: &[u8], file: impl Fn() -> String) -> Result<Self, OpenError> {
        let what = "COCO's annotations of instances in JSON";
        let Document { mut images, annotations, categories } =
            serde_json::from_slice(bytes).map_err(|source| OpenError::Json { file: file(), what, source })?;
        if images.is_empty() {
            return Err(OpenError::Empty { file: file() });
        }
        images.sort_by_key(|photo| photo.id);
        if let Some([one, other]) = images.array_windows().find(|[one, other]| one.id == other.id) {
            let id = format!("the image id {}", one.id);
            let (first, second) = (format!("for `{}`", one.file_name), format!("for `{}`", other.file_name));
            return Err(OpenError::Duplicate { file: file(), id, first, second });
        }
        let mut categories: Vec<u32> = categories.into_iter().map(|Category { id }| id).collect();
        categories.sort_unstable();
        categories.dedup();
        Ok(Self::collect(images, annotations, categories))
    }

    /// Boxes of a photo keep the order of the file. Those of photos that the file does not list are left out, as by
    /// pycocotools.
    fn collect(images: Vec<DeclaredPhoto>, annotations: Vec<Annotation>, categories: Vec<u32>) -> Self {
        let known: HashSet<u32> = categories.iter().copied().collect();
        let mut of_photo: HashMap<i64, Vec<Annotation>> = HashMap::new();
        for annotation in annotations {
            of_photo.entry(annotation.image_id).or_default().push(annotation);
        }
        let (mut photos, mut boxes) = (Vec::new(), Vec::new());
        for DeclaredPhoto { id, file_name: name } in images {
            let found: Result<Vec<TruthBox>, String> =
                of_photo.remove(&id).unwrap_or_default().into_iter().map(|one| one.read(&known)).collect();
            let (found, problem) = found.map_or_else(|why| (Vec::new(), Some(why)), |found| (found, None));
            let start = boxes.len();
            boxes.extend(found);
            photos.push(Photo { id, name, boxes: start..boxes.len(), problem });
        }
        Self { photos, categories, boxes }
    }

    pub(super) fn boxes(&self, photo: usize) -> Result<&[TruthBox], String> {
        let Photo { id, name: _, boxes, problem } = &self.photos[photo];
        match problem {
            Some(problem) => Err(format!("image id {id}: {problem}")),
            None => Ok(&self.boxes[boxes.clone()]),
        }
    }
}

impl Annotation {
    fn read(self, categories: &HashSet<u32>) -> Result<TruthBox, String> {
        let Self { id, image_id: _, category_id, bbox, area, iscrowd } = self;
        let Some(category) = u32::try_from(category_id).ok().filter(|category| categories.contains(category)) else {
            return Err(format!("annotation {id} is of category {category_id}, which the file does not list"));
        };
        let bbox = <[f64; 4]>::try_from(bbox).map_err(|bbox| {
            format!("annotation {id} has a `bbox` of {} numbers; x, y, width and height are needed", bbox.len())
        })?;
        if bbox[2] < 0.0 || bbox[3] < 0.0 {
            return Err(format!("annotation {id} has a `bbox` of negative size: {bbox:?}"));
        }
        let area =
            area.ok_or_else(|| format!("annotation {id} has no `area`, by which the metrics tell small from large"))?;
        if area < 0.0 {
            return Err(format!("annotation {id} has a negative `area`: {area}"));
        }
        let crowd = match iscrowd {
            Flag::Number(number) => number != 0.0,
            Flag::Word(word) => word,
        };
        Ok(TruthBox { category, bbox, area, crowd })
    }
}
