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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AccuracyRule, EnvironmentRule, Evaluation, FileRef, Regime, Task};

    /// Cells as the version before energy and heat stored them, and the keys it gave them on `class=orin`. Text and keys
    /// were written by that version's own code.
    const PLAIN: &str = concat!(
        r#"{"model":{"name":"m","sha256":"62c66a7a5dd70c3146618063c344e531e6d4b59e379808443ce962b3abd63c5a","#,
        r#""size_bytes":1,"tokenizer_sha256":null},"runtime":"onnxruntime","provider":"cpu","scenario":"single-stream","#,
        r#""batch":1,"sequence_length":null,"intra_threads":1,"input":{"random":{"seed":0}},"#,
        r#""warmup":{"min_iterations":10,"min_duration":{"secs":0,"nanos":500000000}},"#,
        r#""measure":{"tier":"custom","min_queries":64,"min_duration":{"secs":2,"nanos":0},"#,
        r#""max_duration":{"secs":120,"nanos":0}},"time_limit":null}"#
    );
    const PLAIN_KEY: &str = "23b983d9ea132e814375c9493e3a31f3d4a8f1319738f6f984de48b0bc35a22e";
    /// What follows the time limit of one that has conditions and asks for energy.
    const ASKING: &str = concat!(
        r#""time_limit":null,"environment":{"governor":"performance","max_start_temp_c":45,"#,
        r#""cooldown":{"secs":60,"nanos":0}},"power":{"source":"auto","rate_hz":100,"#,
        r#""idle_window":{"secs":30,"nanos":0}}}"#
    );
    const ASKING_KEY: &str = "8b8e54a2e811a9d1cc61e6b58270a3a75a7673822de9f26ca4b1936b3cdd8be1";

    fn stored(text: &str) -> CellSpec {
        serde_json::from_str(text).expect("a stored cell")
    }

    #[test]
    fn a_cell_that_an_earlier_version_stored_keeps_its_key() {
        let device = "class=orin".parse().expect("a selector");
        assert_eq!(stored(PLAIN).key(&device).to_string(), PLAIN_KEY);
        let asking = stored(&PLAIN.replace(r#""time_limit":null}"#, ASKING));
        assert_eq!(asking.key(&device).to_string(), ASKING_KEY);
        assert_eq!(asking.power.expect("asked for").rate_hz, Some(100));
    }

    #[test]
    fn burst_and_sustained_are_two_cells_of_one_accuracy() {
        let dataset = FileRef { path: "d".to_owned(), sha256: Digest::of(b"d"), size_bytes: 1 };
        let evaluation = Evaluation {
            task: Task::TensorClassification,
            dataset,
            examples: None,
            checked_examples: 0,
            on_bad_example: crate::OnBadExample::Fail,
            preprocessing: crate::Preprocessing::default(),
            postprocessing: crate::Postprocessing::default(),
        };
        let accuracy = Some(AccuracyRule { evaluation: Some(evaluation), ..AccuracyRule::default() });
        let burst = CellSpec { accuracy, ..stored(PLAIN) };
        let regime = Regime::Sustained { plateau: Regime::PLATEAU };
        let sustained = CellSpec {
            environment: EnvironmentRule { regime, ..EnvironmentRule::default() },
            power: Some(crate::PowerRule::default()),
            ..burst.clone()
        };
        let device = "any".parse().expect("a selector");
        assert_ne!(sustained.key(&device), burst.key(&device));
        assert!(burst.evaluation_key().is_some());
        assert_eq!(sustained.evaluation_key(), burst.evaluation_key());
    }
}
