//! A model with its queries bound to memory: what the measured loop calls.
//!
//! Inputs are copied once. An output whose shape follows from the inputs' is written into memory kept for it, one buffer
//! for all queries of the same shape; one whose shape depends on the data is allocated by the runtime, call by call.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::ptr;
use std::time::Duration;

use ort::AsPointer as _;
use ort::memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType};
use ort::session::{IoBinding, Session};
use ort::sys;
use ort::value::{DynTensor, TensorElementType, ValueType};

use super::RuntimeError;
use super::session::{element, element_type};
use crate::runner::input::{Axis, InputSpec, Query, describe, describe_range};
use crate::runner::stopwatch;

type RunWithBinding = unsafe extern "system" fn(
    *mut sys::OrtSession,
    *const sys::OrtRunOptions,
    *const sys::OrtIoBinding,
) -> sys::OrtStatusPtr;

/// A model ready to be called.
pub(in crate::runner) struct Bound {
    // Declared before the session, so that they are dropped first.
    bindings: Vec<IoBinding>,
    session: Session,
    run_with_binding: RunWithBinding,
    first_inference: Duration,
    inputs: Vec<String>,
    outputs: Vec<String>,
}

impl Bound {
    pub(super) fn new(mut session: Session, inputs: &[InputSpec], queries: &[Query]) -> Result<Self, RuntimeError> {
        let outputs: Vec<Output> =
            session.outputs().iter().map(|output| Output::new(output.name(), output.dtype(), inputs)).collect();
        let mut shapes = Shapes::default();
        let mut buffers = Buffers::default();
        let mut bindings = Vec::with_capacity(queries.len());
        for (number, query) in queries.iter().enumerate() {
            let mut binding = session.create_binding().map_err(RuntimeError::Bind)?;
            bind_inputs(&mut binding, inputs, query).map_err(RuntimeError::Bind)?;
            let output_shapes = shapes.of(&mut session, &mut binding, &outputs, query, number)?;
            for (index, (output, shape)) in outputs.iter().zip(output_shapes).enumerate() {
                let bound = match (output.kept, shape) {
                    (Some(element), Some(shape)) => buffers
                        .get(index, element, shape)
                        .and_then(|buffer| binding.bind_output(output.name.as_str(), buffer)),
                    _ => output.bind_to_runtime(&mut binding),
                };
                bound.map_err(RuntimeError::Bind)?;
            }
            bindings.push(binding);
        }
        Ok(Self {
            run_with_binding: ort::api().RunWithBinding,
            first_inference: shapes.first_inference,
            inputs: describe(inputs, queries),
            outputs: outputs.iter().enumerate().map(|(index, output)| output.describe(&shapes.seen(index))).collect(),
            bindings,
            session,
        })
    }

    /// Number of queries; at least one.
    pub(in crate::runner) fn queries(&self) -> usize {
        self.bindings.len()
    }

    /// Duration of the very first call.
    pub(in crate::runner) fn first_inference(&self) -> Duration {
        self.first_inference
    }

    /// Name, type and shape of each input and output, e.g. `input_ids: int64[1,32]`.
    pub(in crate::runner) fn describe(&self) -> (Vec<String>, Vec<String>) {
        (self.inputs.clone(), self.outputs.clone())
    }

    /// One inference of a query, by its number: the runtime's own call and nothing else. Panics if there is no such query.
    #[inline]
    #[expect(unsafe_code, reason = "the safe call wraps every output again, at up to a microsecond a call")]
    pub(in crate::runner) fn run(&self, query: usize) -> ort::Result<()> {
        let binding = &self.bindings[query];
        // SAFETY: session and binding live as long as `self`, and the binding is the session's own. No two threads call at
        // once: a binding can't be shared between threads, so that `Bound` can't either.
        let status = unsafe { (self.run_with_binding)(self.session.ptr().cast_mut(), ptr::null(), binding.ptr()) };
        // SAFETY: the status is fresh and owned.
        unsafe { ort::Error::result_from_status(status) }
    }
}

/// One output of the model.
struct Output {
    name: String,
    /// Type of its elements, if it is a tensor whose shape follows from the inputs' shapes.
    kept: Option<TensorElementType>,
    found: String,
}

impl Output {
    fn new(name: &str, value: &ValueType, inputs: &[InputSpec]) -> Self {
        let kept = match value {
            ValueType::Tensor { ty, shape, dimension_symbols } if *ty != TensorElementType::String => {
                let follows = shape
                    .iter()
                    .zip(dimension_symbols.iter())
                    .all(|(&length, symbol)| length >= 0 || inputs.iter().any(|input| input.has_symbol(symbol)));
                follows.then_some(*ty)
            }
            _ => None,
        };
        Self { name: name.to_owned(), kept, found: value.to_string() }
    }

    /// The runtime allocates it, in every call anew.
    fn bind_to_runtime(&self, binding: &mut IoBinding) -> ort::Result<()> {
        let memory = MemoryInfo::new(AllocationDevice::CPU, 0, AllocatorType::Device, MemoryType::CPUOutput)?;
        binding.bind_output_to_device(self.name.as_str(), &memory)
    }

    fn describe(&self, shapes: &[&[i64]]) -> String {
        match self.kept.and_then(element) {
            Some(element) => format!("{}: {}", self.name, describe_range(element.name(), shapes)),
            None => format!("{}: {}", self.name, self.found),
        }
    }
}

/// Memory for outputs: one buffer for each output and shape, which the queries of that shape share.
#[derive(Default)]
struct Buffers(HashMap<(usize, Vec<i64>), DynTensor>);

impl Buffers {
    fn get(&mut self, output: usize, element: TensorElementType, shape: &[i64]) -> ort::Result<&mut DynTensor> {
        match self.0.entry((output, shape.to_vec())) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => Ok(entry.insert(DynTensor::new(&Allocator::default(), element, shape.to_vec())?)),
        }
    }
}

impl InputSpec {
    fn has_symbol(&self, symbol: &str) -> bool {
        !symbol.is_empty() && self.axes.iter().any(|axis| matches!(axis, Axis::Symbol(name) if name == symbol))
    }
}

/// The shapes outputs have for each shape of inputs, found out by running.
#[derive(Default)]
struct Shapes {
    known: HashMap<Vec<Vec<i64>>, Vec<Option<Vec<i64>>>>,
    first_inference: Duration,
}

impl Shapes {
    /// Shape of each output for this query; `None` for what is no tensor.
    fn of(
        &mut self,
        session: &mut Session,
        binding: &mut IoBinding,
        outputs: &[Output],
        query: &Query,
        number: usize,
    ) -> Result<&[Option<Vec<i64>>], RuntimeError> {
        let key: Vec<Vec<i64>> = query.tensors.iter().map(|tensor| tensor.shape.clone()).collect();
        if !self.known.contains_key(&key) {
            for output in outputs {
                output.bind_to_runtime(binding).map_err(RuntimeError::Bind)?;
            }
            let (results, duration) = stopwatch::timed(|| session.run_binding(binding));
            let results = results.map_err(|source| RuntimeError::FirstRun { query: number, source })?;
            if self.known.is_empty() {
                self.first_inference = duration;
            }
            let shape = |output: &Output| results.get(&output.name)?.dtype().tensor_shape().map(|shape| shape.to_vec());
            self.known.insert(key.clone(), outputs.iter().map(shape).collect());
        }
        Ok(&self.known[&key])
    }

    /// All shapes one output had.
    fn seen(&self, output: usize) -> Vec<&[i64]> {
        let shapes = self.known.values().filter_map(|shapes| shapes[output].as_deref());
        shapes.collect::<HashSet<_>>().into_iter().collect()
    }
}

fn bind_inputs(binding: &mut IoBinding, inputs: &[InputSpec], query: &Query) -> ort::Result<()> {
    for (input, tensor) in inputs.iter().zip(&query.tensors) {
        let mut value = DynTensor::new(&Allocator::default(), element_type(input.element), tensor.shape.clone())?;
        fill(&mut value, &tensor.bytes);
        binding.bind_input(input.name.as_str(), &value)?;
    }
    Ok(())
}

/// Copies bytes into a tensor of as many.
#[expect(unsafe_code, reason = "`ort` has safe access by element type only, without 16-bit floats")]
fn fill(tensor: &mut DynTensor, bytes: &[u8]) {
    let count: i64 = tensor.shape().iter().product();
    let capacity = usize::try_from(count).ok().and_then(|count| tensor.data_type().byte_size(count));
    assert_eq!(capacity, Some(bytes.len()), "a tensor's shape and bytes come from the same input");
    if bytes.is_empty() {
        return;
    }
    // SAFETY: the tensor was made by the default allocator, which is the CPU's, with room for exactly these bytes.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), tensor.data_ptr_mut().cast::<u8>(), bytes.len()) };
}
