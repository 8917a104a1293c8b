//! The matrix: what varies, what stays, and the product of both.

use super::{Located, Position, choice::Provider, choice::RuntimeChoice};
use crate::{Affinity, Optimization, Scenario, Selector, Settings};

/// The axes and what holds where there is none.
#[derive(Debug, Clone)]
pub(super) struct Matrix {
    pub(super) at: Position,
    /// In the order in which the file declares them; the last varies fastest.
    pub(super) axes: Vec<Axis>,
    pub(super) base: Choice,
}

/// One axis.
#[derive(Debug, Clone)]
pub(super) enum Axis {
    Model(Vec<Located<String>>),
    Device(Vec<Located<Selector>>),
    Runtime(Vec<Located<RuntimeChoice>>),
    Scenario(Vec<Located<Scenario>>),
    Provider(Vec<Located<Provider>>),
    Batch(Vec<Located<u32>>),
    SequenceLength(Vec<Located<u32>>),
    IntraThreads(Vec<Located<u32>>),
    Spinning(Vec<Located<bool>>),
    Optimization(Vec<Located<Optimization>>),
    Affinity(Vec<Located<Affinity>>),
}

/// One value for everything that can be an axis: what one cell consists of.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    /// Empty in the base, which has none.
    pub(super) model: String,
    pub(super) device: Selector,
    pub(super) runtime: RuntimeChoice,
    pub(super) provider: Provider,
    pub(super) scenario: Scenario,
    pub(super) batch: Located<u32>,
    pub(super) sequence_length: Option<u32>,
    pub(super) intra_threads: u32,
    pub(super) settings: Settings,
}

impl Matrix {
    /// Number of cells.
    pub(super) fn len(&self) -> usize {
        self.axes.iter().map(Axis::len).fold(1, usize::saturating_mul)
    }

    /// Every cell's choice, the last axis fastest.
    pub(super) fn choices(&self) -> Vec<Choice> {
        self.axes.iter().fold(vec![self.base.clone()], |choices, axis| {
            choices
                .iter()
                .flat_map(|choice| {
                    (0..axis.len()).map(|index| {
                        let mut choice = choice.clone();
                        axis.choose(index, &mut choice);
                        choice
                    })
                })
                .collect()
        })
    }

    pub(super) fn models(&self) -> &[Located<String>] {
        let axis = self.axes.iter().find_map(|axis| if let Axis::Model(models) = axis { Some(models) } else { None });
        axis.map(Vec::as_slice).unwrap_or_default()
    }

    /// Every runtime a cell may have; the same holds for the next three.
    pub(super) fn runtimes(&self) -> Vec<&RuntimeChoice> {
        let axis = self.axes.iter().find_map(|axis| if let Axis::Runtime(values) = axis { Some(values) } else { None });
        axis.map_or_else(|| vec![&self.base.runtime], |values| values.iter().map(|item| &item.value).collect())
    }

    pub(super) fn scenarios(&self) -> Vec<&Scenario> {
        let axis =
            self.axes.iter().find_map(|axis| if let Axis::Scenario(values) = axis { Some(values) } else { None });
        axis.map_or_else(|| vec![&self.base.scenario], |values| values.iter().map(|item| &item.value).collect())
    }

    pub(super) fn providers(&self) -> Vec<&Provider> {
        let axis =
            self.axes.iter().find_map(|axis| if let Axis::Provider(values) = axis { Some(values) } else { None });
        axis.map_or_else(|| vec![&self.base.provider], |values| values.iter().map(|item| &item.value).collect())
    }

    pub(super) fn batches(&self) -> Vec<Located<u32>> {
        let axis = self.axes.iter().find_map(|axis| if let Axis::Batch(values) = axis { Some(values) } else { None });
        axis.map_or_else(|| vec![self.base.batch.clone()], Clone::clone)
    }
}

impl Axis {
    fn len(&self) -> usize {
        match self {
            Self::Model(values) => values.len(),
            Self::Device(values) => values.len(),
            Self::Runtime(values) => values.len(),
            Self::Scenario(values) => values.len(),
            Self::Provider(values) => values.len(),
            Self::Batch(values) | Self::SequenceLength(values) | Self::IntraThreads(values) => values.len(),
            Self::Spinning(values) => values.len(),
            Self::Optimization(values) => values.len(),
            Self::Affinity(values) => values.len(),
        }
    }

    fn choose(&self, index: usize, choice: &mut Choice) {
        match self {
            Self::Model(values) => choice.model.clone_from(&values[index].value),
            Self::Device(values) => choice.device = values[index].value.clone(),
            Self::Runtime(values) => choice.runtime = values[index].value.clone(),
            Self::Scenario(values) => choice.scenario = values[index].value,
            Self::Provider(values) => choice.provider = values[index].value.clone(),
            Self::Batch(values) => choice.batch = values[index].clone(),
            Self::SequenceLength(values) => choice.sequence_length = Some(values[index].value),
            Self::IntraThreads(values) => choice.intra_threads = values[index].value,
            Self::Spinning(values) => choice.settings.spinning = values[index].value,
            Self::Optimization(values) => choice.settings.optimization = values[index].value,
            Self::Affinity(values) => choice.settings.affinity = values[index].value.clone(),
        }
    }
}
