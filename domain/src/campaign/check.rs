//! From the file as it is spelled to what it means: collects problems instead of stopping at the first.

mod axis;
mod input;
mod measure;
mod provider;
mod runtime;
mod scalar;
mod scenario;
mod settings;
mod table;

use std::time::Duration;

use super::{
    CampaignFile, Diagnostic, Located, Position,
    axes::{Choice, Matrix},
    choice::{Provider, RuntimeChoice},
    raw::{RawDefaults, RawFile},
};
use crate::{Order, Scenario};

const ORDERS: [(&str, Order); 2] = [("blocked", Order::Blocked), ("interleaved", Order::Interleaved)];

#[derive(Default)]
pub(super) struct Check {
    pub(super) problems: Vec<Diagnostic>,
}

impl Check {
    /// `None` if there is nothing to expand.
    pub(super) fn file(&mut self, file_name: &str, text: &str, raw: RawFile) -> Option<CampaignFile> {
        let RawFile { api_version, kind, name, labels, defaults, matrix } = raw;
        self.head(&api_version, &kind, &name);
        let base = self.base(&defaults);
        let RawDefaults { dims, shapes, input, state, require, time_limit, warmup, measure: raw_measure, .. } =
            defaults;
        let repetitions = raw_measure.repetitions.as_ref();
        let repetitions = repetitions.and_then(|raw| self.number("measure.repetitions", raw, 1..=1000)).unwrap_or(5);
        let order = raw_measure.order.as_ref().and_then(|raw| self.word("order", raw, &ORDERS));
        let dims = self.dims(&dims);
        let shapes = self.shapes(&shapes);
        let input = self.input(input);
        let state = self.state(&state);
        let warmup = self.warmup(&warmup);
        let measure = self.measure(&raw_measure);
        let time_limit =
            time_limit.and_then(|raw| self.period("time_limit", &raw, Duration::from_secs(1)..=scalar::LONGEST_PERIOD));
        let at = matrix.at;
        let axes = self.axes(matrix);
        let matrix = Matrix { at, axes: axes?, base };
        let require = require.and_then(|raw| self.require(&raw, &matrix));
        self.unbatched_multi_stream(&matrix);
        self.room_to_measure(&raw_measure, &measure, &matrix);
        Some(CampaignFile {
            file_name: file_name.to_owned(),
            text: text.to_owned(),
            name: name.value.trim().to_owned(),
            labels,
            repetitions,
            order: order.unwrap_or(Order::Interleaved),
            matrix,
            dims,
            shapes,
            input,
            state,
            require,
            warmup,
            measure,
            time_limit,
        })
    }

    fn head(&mut self, api_version: &Located<String>, kind: &Located<String>, name: &Located<String>) {
        if api_version.value != "furlong/v1" {
            let message = format!("unknown apiVersion `{}`", api_version.value);
            self.problems.push(Diagnostic::new(api_version.at, message).hint("this version reads `furlong/v1`"));
        }
        if kind.value != "Campaign" {
            let message = format!("unknown kind `{}`", kind.value);
            self.problems.push(Diagnostic::new(kind.at, message).hint("this version reads `Campaign`"));
        }
        if name.value.trim().is_empty() || name.value.len() > 100 {
            let message = format!("a campaign's name has 1 to 100 bytes, this one has {}", name.value.trim().len());
            self.problems.push(Diagnostic::new(name.at, message));
        }
    }

    /// What holds for the settings that are no axis.
    fn base(&mut self, raw: &RawDefaults) -> Choice {
        /// Of a default that the file does not state; no problem is ever reported for one.
        const NOWHERE: Position = Position { line: 1, column: 1 };
        let RawDefaults { device, runtime, provider, scenario, batch, sequence_length, intra_threads, .. } = raw;
        Choice {
            model: String::new(),
            device: device.as_ref().and_then(|raw| self.selector(raw)).unwrap_or_default(),
            runtime: runtime.as_ref().and_then(|raw| self.runtime(raw)).unwrap_or(RuntimeChoice::Managed),
            provider: provider.as_ref().and_then(|raw| self.provider(raw)).unwrap_or(Provider::CPU),
            scenario: scenario.as_ref().and_then(|raw| self.scenario(raw)).unwrap_or(Scenario::SingleStream),
            batch: batch
                .as_ref()
                .and_then(|raw| Some(Located { value: self.batch(raw)?, at: raw.at }))
                .unwrap_or(Located { value: 1, at: NOWHERE }),
            sequence_length: sequence_length.as_ref().and_then(|raw| self.sequence_length(raw)),
            intra_threads: intra_threads.as_ref().and_then(|raw| self.intra_threads(raw)).unwrap_or(1),
            settings: self.settings(raw),
        }
    }

    /// A multi-stream query already is a batch: of `samples_per_query`.
    fn unbatched_multi_stream(&mut self, matrix: &Matrix) {
        if !matrix.scenarios().iter().any(|scenario| matches!(scenario, Scenario::MultiStream { .. })) {
            return;
        }
        for Located { value, at } in matrix.batches().into_iter().filter(|batch| batch.value > 1) {
            let message = format!("batch is {value} in a multi-stream cell, where it must be 1");
            let hint = format!(
                "samples_per_query is the batch there: `{{ multi-stream: {{ samples_per_query: {value} }} }}`; \
                 scenarios with another batch belong in a campaign of their own"
            );
            self.problems.push(Diagnostic::new(at, message).hint(hint));
        }
    }
}
