//! From a number for each class to labels, the most likely first. Ties decide counts where a model answers in eight bits, so
//! their rule is fixed: the lower class wins, as with numpy's `argmax`.

/// Labels of a prediction, at most: what top-5 looks at.
const BEST: usize = 5;

/// The data set's label for each class of the model.
#[derive(Debug, Clone)]
pub(in crate::runner::tasks) struct Labels {
    /// In the order of classes; empty = by the offset.
    mapped: Vec<Option<u32>>,
    offset: i32,
}

impl Labels {
    pub(in crate::runner::tasks) fn new(mapped: &[Option<u32>], offset: i32) -> Self {
        Self { mapped: mapped.to_vec(), offset }
    }

    /// `None` for a class that the data set does not know, such as "background".
    fn of(&self, class: usize) -> Option<u32> {
        if self.mapped.is_empty() {
            u32::try_from(class).ok()?.checked_add_signed(self.offset)
        } else {
            self.mapped.get(class).copied().flatten()
        }
    }

    /// The labels of the five greatest numbers. Classes without a label don't count, and of two with the same label the
    /// greater. The error says what is wrong with the output.
    pub(in crate::runner::tasks) fn best(&self, numbers: &[f32]) -> Result<Vec<u32>, String> {
        if !self.mapped.is_empty() && self.mapped.len() != numbers.len() {
            let (classes, labels) = (numbers.len(), self.mapped.len());
            return Err(format!("the model has {classes} classes, and `labels` on its card {labels}"));
        }
        if let Some(class) = numbers.iter().position(|number| number.is_nan()) {
            return Err(format!("the model's number for class {class} is NaN, which can't be ranked"));
        }
        let mut ranked: Vec<(f32, u32)> =
            numbers.iter().enumerate().filter_map(|(class, &number)| Some((number, self.of(class)?))).collect();
        // Stable, so that equal numbers stay in the order of their classes. Adding zero makes one of the two zeros.
        ranked.sort_by(|a, b| (b.0 + 0.0).total_cmp(&(a.0 + 0.0)));
        let mut best = Vec::with_capacity(BEST);
        for (_, label) in ranked {
            if best.len() == BEST {
                break;
            }
            if !best.contains(&label) {
                best.push(label);
            }
        }
        if best.is_empty() {
            return Err(format!("none of the model's {} classes has a label of the data set", numbers.len()));
        }
        Ok(best)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(mapped: &[Option<u32>], offset: i32, numbers: &[f32]) -> Result<Vec<u32>, String> {
        Labels::new(mapped, offset).best(numbers)
    }

    #[test]
    fn equal_numbers_are_ranked_by_the_lower_class() {
        assert_eq!(best(&[], 0, &[0.0, 1.0, 0.0, 1.0, -0.0, 0.0, 0.0]), Ok(vec![1, 3, 0, 2, 4]));
        assert_eq!(best(&[], 0, &[f32::NEG_INFINITY, -1.0]), Ok(vec![1, 0]));
    }

    #[test]
    fn a_class_without_a_label_is_never_predicted() {
        assert_eq!(best(&[], -1, &[9.0, 1.0, 2.0]), Ok(vec![1, 0]));
        assert_eq!(best(&[Some(7), None, Some(3)], 0, &[1.0, 9.0, 2.0]), Ok(vec![3, 7]));
        assert!(best(&[], -1, &[9.0]).is_err());
    }

    #[test]
    fn classes_of_one_label_count_once() {
        assert_eq!(best(&[Some(1), Some(1), Some(0)], 0, &[3.0, 2.0, 1.0]), Ok(vec![1, 0]));
    }

    #[test]
    fn what_can_not_be_ranked_is_an_error_that_names_it() {
        let message = best(&[], 0, &[1.0, f32::NAN]).expect_err("NaN");
        assert!(message.contains("class 1"), "{message}");
        let message = best(&[Some(0), Some(1)], 0, &[1.0]).expect_err("too few classes");
        assert!(message.contains("1 classes") && message.contains("card 2"), "{message}");
    }
}
