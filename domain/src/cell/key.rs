//! What makes two cells the same: in all, in what decides over accuracy, and but for their precision.

use super::CellSpec;
use crate::{AccuracyRule, Digest, ModelRef, Selector};

impl CellSpec {
    /// Identifies the combination over all campaigns: SHA-256 of its canonical JSON and of the device selector.
    /// Cells that measure the same thing on the same devices have the same key, whatever file they come from.
    pub fn key(&self, device: &Selector) -> Digest {
        // Field order is the declaration order, and every map is sorted: the text is canonical.
        // How long one was ready to wait does not change what was measured.
        let timeless = Self { time_limit: None, ..self.clone() };
        let mut canonical = serde_json::to_vec(&timeless).expect("a cell has no map keys that are not strings");
        canonical.extend_from_slice(b"\ndevice=");
        canonical.extend_from_slice(device.to_string().as_bytes());
        Digest::of(&canonical)
    }

    /// Identifies what decides over accuracy: everything but the load, what is asked of its figures, and the conditions of
    /// measuring. Cells that have it in common need one run over the data set. `None` = nothing is evaluated.
    pub fn evaluation_key(&self) -> Option<Digest> {
        let rule = self.accuracy.as_ref().filter(|rule| rule.evaluation.is_some())?;
        let blank = Self::new(self.model.clone());
        let stripped = Self {
            scenario: blank.scenario,
            batch: self.samples_per_query(),
            input: blank.input,
            state: blank.state,
            require: None,
            warmup: blank.warmup,
            measure: blank.measure,
            time_limit: None,
            power_mode: None,
            environment: blank.environment,
            power: None,
            accuracy: Some(AccuracyRule { evaluation: rule.evaluation.clone(), ..AccuracyRule::default() }),
            ..self.clone()
        };
        let canonical = serde_json::to_vec(&stripped).expect("a cell has no map keys that are not strings");
        Some(Digest::of(&canonical))
    }

    /// The same combination in its model's original precision or another one: what an accuracy is held against.
    pub fn evaluation_family(&self) -> Option<Digest> {
        Self { model: ModelRef { name: self.model.name.clone(), ..ModelRef::nameless() }, ..self.clone() }
            .evaluation_key()
    }
}
