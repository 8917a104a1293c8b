//! Where the model's inputs come from.

use std::{collections::BTreeMap, path::Path};

use super::Check;
use crate::campaign::{
    Diagnostic, Located,
    file::Input,
    raw::{List, RawInput, RawRandom, Table},
};

impl Check {
    pub(super) fn input(&mut self, raw: Option<Located<RawInput>>) -> Input {
        let default = Input::Random { seed: 0, ranges: BTreeMap::new() };
        let Some(Located { value: RawInput { text, random, tensors }, at }) = raw else { return default };
        match (text, random, tensors) {
            (None, Some(Located { value: RawRandom { seed, ranges }, .. }), None) => {
                Input::Random { seed, ranges: self.ranges(&ranges) }
            }
            (Some(path), None, None) => {
                self.attachment("input.text", &path);
                Input::Text(path)
            }
            (None, None, Some(path)) => {
                self.attachment("input.tensors", &path);
                self.tensors(&path);
                Input::Tensors(path)
            }
            _ => {
                let problem = Diagnostic::new(at, "input takes exactly one of text, random, tensors");
                self.problems.push(problem.hint("such as `input: { random: { seed: 0 } }`"));
                default
            }
        }
    }

    fn tensors(&mut self, path: &Located<String>) {
        let extension = Path::new(&path.value).extension().and_then(|extension| extension.to_str());
        if !matches!(extension, Some("npz" | "pb")) {
            let message = format!("input.tensors is `{}`, which is neither an .npz nor a .pb file", path.value);
            let problem = Diagnostic::new(path.at, message);
            self.problems.push(problem.hint("`numpy.savez` writes several inputs; an ONNX TensorProto holds one"));
        }
    }

    fn ranges(&mut self, table: &Table<List<f64>>) -> BTreeMap<String, (f64, f64)> {
        let mut ranges = BTreeMap::new();
        for (input, Located { value: range, at }) in self.entries("ranges", table) {
            match range.as_slice() {
                [low, high] if low.value.is_finite() && high.value.is_finite() && low.value <= high.value => {
                    ranges.insert(input.value.clone(), (low.value, high.value));
                }
                _ => {
                    let message = format!("ranges.{} is not a least and a greatest value", input.value);
                    self.problems.push(Diagnostic::new(*at, message).hint("such as `[0, 255]`"));
                }
            }
        }
        ranges
    }
}
