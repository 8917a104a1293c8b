//! From the classes of a detector to the categories of a data set.

use domain::{Categories, Postprocessing};

/// What a model's classes are called by the data set.
#[derive(Debug)]
pub(super) struct Classes {
    /// By class; empty = see `rule`.
    labels: Vec<Option<u32>>,
    offset: i32,
    rule: Categories,
    /// Of the data set, ascending.
    categories: Vec<u32>,
}

impl Classes {
    pub(super) fn new(postprocessing: &Postprocessing, rule: Categories, categories: &[u32]) -> Self {
        let Postprocessing { output: _, labels, label_offset, pooling: _, spans: _, detector: _ } = postprocessing;
        Self { labels: labels.clone(), offset: *label_offset, rule, categories: categories.to_vec() }
    }

    /// `None` for a class that is no category: one whose label is `null`, or that the offset puts before the first, as
    /// "background". A category that the data set does not have is given all the same where classes are ids: no object is of it.
    pub(super) fn category(&self, class: u32) -> Result<Option<u32>, String> {
        let count = if self.labels.is_empty() { self.categories.len() } else { self.labels.len() };
        let beyond = |what: &str| {
            format!(
                "the model predicts class {class}, and {what} {count}\nhint: `labels`, `label-offset` and the detector's `categories` on the model's card say what its classes are"
            )
        };
        if !self.labels.is_empty() {
            let label = self.labels.get(class as usize);
            return label.copied().ok_or_else(|| beyond("the labels on its card are"));
        }
        let Ok(number) = u32::try_from(i64::from(class) + i64::from(self.offset)) else { return Ok(None) };
        match self.rule {
            Categories::Ids => Ok(Some(number)),
            Categories::Sorted => {
                let category = self.categories.get(number as usize).copied();
                category.map(Some).ok_or_else(|| beyond("the categories of the data set are"))
            }
        }
    }
}
