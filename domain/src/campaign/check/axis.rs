//! The axes of the matrix.

use std::fmt;

use super::Check;
use crate::campaign::{
    Diagnostic, Located, Position,
    axes::Axis,
    raw::{List, RawMatrix},
};

impl Check {
    /// `None` if there is nothing to expand.
    pub(super) fn axes(&mut self, raw: Located<RawMatrix>) -> Option<Vec<Axis>> {
        let Located { value: matrix, at } = raw;
        if matrix.model.is_none() {
            let problem = Diagnostic::new(at, "matrix.model is missing: there is nothing to measure");
            self.problems.push(problem.hint("add `model: [NAME]`; `furlong models ls` lists the names"));
        }
        let RawMatrix {
            model,
            device,
            runtime,
            scenario,
            provider,
            batch,
            sequence_length,
            intra_threads,
            spinning,
            optimization,
            affinity,
        } = matrix;
        let axes = [
            self.axis("model", model, Axis::Model, |_, name| Some(name.value.clone())),
            self.axis("device", device, Axis::Device, Self::selector),
            self.axis("runtime", runtime, Axis::Runtime, Self::runtime),
            self.axis("scenario", scenario, Axis::Scenario, Self::scenario),
            self.axis("provider", provider, Axis::Provider, Self::provider),
            self.axis("batch", batch, Axis::Batch, Self::batch),
            self.axis("sequence_length", sequence_length, Axis::SequenceLength, Self::sequence_length),
            self.axis("intra_threads", intra_threads, Axis::IntraThreads, Self::intra_threads),
            self.axis("spinning", spinning, Axis::Spinning, |_, flag| Some(flag.value)),
            self.axis("optimization", optimization, Axis::Optimization, Self::optimization),
            self.axis("affinity", affinity, Axis::Affinity, Self::affinity),
        ];
        let mut axes: Vec<(Position, Axis)> = axes.into_iter().flatten().collect();
        axes.sort_by_key(|(at, _)| *at);
        (!axes.is_empty()).then(|| axes.into_iter().map(|(_, axis)| axis).collect())
    }

    /// An empty axis would erase the whole product; a repeated value, however it is spelled, would measure one cell twice.
    fn axis<R: fmt::Display, T: PartialEq>(
        &mut self,
        key: &str,
        raw: Option<List<R>>,
        wrap: fn(Vec<Located<T>>) -> Axis,
        read: impl Fn(&mut Self, &Located<R>) -> Option<T>,
    ) -> Option<(Position, Axis)> {
        let Located { value: items, at } = raw?;
        if items.is_empty() {
            let problem = Diagnostic::new(at, format!("matrix.{key} is empty, so no cell is left"));
            self.problems.push(problem.hint(format!("give it a value or remove `{key}`")));
        }
        let mut values: Vec<Located<T>> = Vec::new();
        for item in &items {
            let Some(value) = read(self, item) else { continue };
            if values.iter().any(|earlier| earlier.value == value) {
                self.problems.push(Diagnostic::new(item.at, format!("`{}` stands twice in matrix.{key}", item.value)));
            }
            values.push(Located { value, at: item.at });
        }
        Some((at, wrap(values)))
    }
}
