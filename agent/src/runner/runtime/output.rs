//! Outputs: which of them have a shape that is known before a call, which one, and the memory kept for them.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

use ort::memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType};
use ort::session::Session;
use ort::value::{DynTensor, DynTensorValueType, Outlet, TensorElementType, ValueType};

use super::element::element;
use super::{RuntimeError, nan};
use crate::runner::input::{Axis, InputSpec, describe_range};
use crate::stopwatch;

/// Where outputs are that the runtime allocates.
pub(super) fn cpu_memory() -> ort::Result<MemoryInfo<'static>> {
    MemoryInfo::new(AllocationDevice::CPU, 0, AllocatorType::Device, MemoryType::CPUOutput)
}

/// One output of the model.
pub(super) struct Output {
    pub(super) name: String,
    /// Type of its elements, if it is a tensor whose shape follows from the inputs' shapes.
    kept: Option<TensorElementType>,
    /// The shape as the model declares it, -1 for a free axis.
    declared: Lengths,
    /// As the model declares it.
    pub(super) found: String,
}

impl Output {
    pub(super) fn new(outlet: &Outlet, inputs: &[InputSpec]) -> Self {
        let kept = match outlet.dtype() {
            ValueType::Tensor { ty, shape, dimension_symbols } if *ty != TensorElementType::String => {
                let follows = shape
                    .iter()
                    .zip(dimension_symbols.iter())
                    .all(|(&length, symbol)| length >= 0 || inputs.iter().any(|input| input.has_symbol(symbol)));
                follows.then_some(*ty)
            }
            _ => None,
        };
        let declared = outlet.dtype().tensor_shape().map(|shape| shape.to_vec()).unwrap_or_default();
        Self { name: outlet.name().to_owned(), kept, declared, found: outlet.dtype().to_string() }
    }

    /// Type and shape of the memory to keep for it, given the shape it had; `None` if none can be kept. The runtime takes
    /// no memory of another shape than the declared one, even where that is wrong, and of an output without a declared
    /// number of axes nobody knows how many it has next.
    pub(super) fn kept<'a>(&self, shape: Option<&'a Lengths>) -> Option<(TensorElementType, &'a Lengths)> {
        let (element, shape) = (self.kept?, shape?);
        let agrees = |(declared, length): (&i64, &i64)| *declared < 0 || declared == length;
        let as_declared = self.declared.len() == shape.len() && self.declared.iter().zip(shape).all(agrees);
        as_declared.then_some((element, shape))
    }

    pub(super) fn describe(&self, shapes: &[&[i64]]) -> String {
        match self.kept.and_then(element) {
            Some(element) => format!("{}: {}", self.name, describe_range(element.name(), shapes)),
            None => format!("{}: {}", self.name, self.found),
        }
    }
}

impl InputSpec {
    fn has_symbol(&self, symbol: &str) -> bool {
        !symbol.is_empty() && self.axes.iter().any(|axis| matches!(axis, Axis::Symbol(name) if name == symbol))
    }
}

/// Memory for outputs: one buffer for each output and shape, which the queries of that shape share.
#[derive(Default)]
pub(super) struct Buffers(HashMap<(usize, Vec<i64>), DynTensor>);

impl Buffers {
    pub(super) fn get(
        &mut self,
        output: usize,
        element: TensorElementType,
        shape: &[i64],
    ) -> ort::Result<&mut DynTensor> {
        match self.0.entry((output, shape.to_vec())) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => Ok(entry.insert(DynTensor::new(&Allocator::default(), element, shape.to_vec())?)),
        }
    }

    /// The number of each output, and what was last written for it.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &DynTensor)> {
        self.0.iter().map(|((output, _), buffer)| (*output, buffer))
    }
}

/// A tensor's shape.
pub(super) type Lengths = Vec<i64>;

/// The shapes outputs have for each shape of inputs, found out by running.
#[derive(Default)]
pub(super) struct Shapes {
    known: HashMap<Vec<Lengths>, Vec<Option<Lengths>>>,
    pub(super) first_inference: Duration,
}

impl Shapes {
    /// Shape of each output for a query of these tensors; `None` for what is no tensor. Runs it if its shapes are new,
    /// and then looks for NaN.
    pub(super) fn of(
        &mut self,
        session: &mut Session,
        outputs: &[Output],
        tensors: &[(&str, DynTensor)],
        number: usize,
    ) -> Result<&[Option<Lengths>], RuntimeError> {
        let key: Vec<Lengths> = tensors.iter().map(|(_, tensor)| tensor.shape().to_vec()).collect();
        if !self.known.contains_key(&key) {
            let mut binding = session.create_binding().map_err(RuntimeError::Bind)?;
            for (name, tensor) in tensors {
                binding.bind_input(*name, tensor).map_err(RuntimeError::Bind)?;
            }
            let memory = cpu_memory().map_err(RuntimeError::Bind)?;
            for output in outputs {
                binding.bind_output_to_device(&output.name, &memory).map_err(RuntimeError::Bind)?;
            }
            let (results, duration) = stopwatch::timed(|| session.run_binding(&binding));
            let results = results.map_err(|source| RuntimeError::FirstRun { query: number, source })?;
            if self.known.is_empty() {
                self.first_inference = duration;
            }
            let mut shapes = Vec::with_capacity(outputs.len());
            for output in outputs {
                let value = results.get(&output.name).map(|value| value.view().downcast::<DynTensorValueType>());
                let Some(Ok(tensor)) = value else {
                    shapes.push(None);
                    continue;
                };
                nan::check(&output.name, &tensor, Some(number))?;
                shapes.push(Some(tensor.shape().to_vec()));
            }
            self.known.insert(key.clone(), shapes);
        }
        Ok(&self.known[&key])
    }

    /// How many inferences that took.
    pub(super) fn inferences(&self) -> usize {
        self.known.len()
    }

    /// All shapes one output had.
    pub(super) fn seen(&self, output: usize) -> Vec<&[i64]> {
        let shapes = self.known.values().filter_map(|shapes| shapes[output].as_deref());
        shapes.collect::<HashSet<_>>().into_iter().collect()
    }
}
