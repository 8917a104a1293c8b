//! A call whose outputs somebody looks at: outside of every measured loop.

use std::time::Duration;

use half::{bf16, f16};
use ort::session::Session;
use ort::value::{DynTensor, DynTensorValueType, TensorElementType};

use super::engine::Model;
use super::output::cpu_memory;
use super::{Bound, RuntimeError, nan, tensor};
use crate::runner::input::{InputSpec, Query};
use crate::runner::tasks::OutputTensor;
use crate::stopwatch;

impl Model {
    /// Runs a query and gives what the model answers, and how long the runtime's own call took.
    pub(in crate::runner) fn answer(&mut self, query: &Query) -> Result<(Vec<OutputTensor>, Duration), RuntimeError> {
        answer(&mut self.session, &self.inputs, query)
    }
}

impl Bound {
    /// As [`Model::answer`], in the session that was measured.
    pub(in crate::runner) fn answer(
        &mut self,
        inputs: &[InputSpec],
        query: &Query,
    ) -> Result<Vec<OutputTensor>, RuntimeError> {
        answer(self.session_mut(), inputs, query).map(|(outputs, _)| outputs)
    }
}

fn answer(
    session: &mut Session,
    inputs: &[InputSpec],
    query: &Query,
) -> Result<(Vec<OutputTensor>, Duration), RuntimeError> {
    let mut binding = session.create_binding().map_err(RuntimeError::Bind)?;
    for (input, values) in inputs.iter().zip(&query.tensors) {
        let filled = tensor::filled(input, values).map_err(RuntimeError::Bind)?;
        binding.bind_input(&*input.name, &filled).map_err(RuntimeError::Bind)?;
    }
    let names: Vec<String> = session.outputs().iter().map(|output| output.name().to_owned()).collect();
    let memory = cpu_memory().map_err(RuntimeError::Bind)?;
    for name in &names {
        binding.bind_output_to_device(name, &memory).map_err(RuntimeError::Bind)?;
    }
    let (results, duration) = stopwatch::timed(|| session.run_binding(&binding));
    let results = results.map_err(|source| RuntimeError::Answer { source })?;
    let mut outputs = Vec::with_capacity(names.len());
    for name in names {
        let value = results.get(&name).map(|value| value.view().downcast::<DynTensorValueType>());
        // Sequences, maps and texts are no task's answer.
        let Some(Ok(found)) = value else { continue };
        nan::check(&name, &found, None)?;
        let Some(values) = numbers(&found) else { continue };
        let shape = found.shape().iter().map(|&length| usize::try_from(length).unwrap_or(0)).collect();
        outputs.push(OutputTensor { name, shape, values });
    }
    Ok((outputs, duration))
}

/// The elements as numbers; `None` for types that are none.
fn numbers(found: &DynTensor) -> Option<Vec<f32>> {
    let bytes = tensor::bytes(found);
    Some(match found.data_type() {
        TensorElementType::Float32 => each(bytes, f32::from_ne_bytes),
        #[expect(clippy::cast_possible_truncation, reason = "predictions need no more digits")]
        TensorElementType::Float64 => each(bytes, |bytes| f64::from_ne_bytes(bytes) as f32),
        TensorElementType::Float16 => each(bytes, |bytes| f16::from_ne_bytes(bytes).to_f32()),
        TensorElementType::Bfloat16 => each(bytes, |bytes| bf16::from_ne_bytes(bytes).to_f32()),
        TensorElementType::Int8 => each(bytes, |bytes| f32::from(i8::from_ne_bytes(bytes))),
        TensorElementType::Uint8 => each(bytes, |[byte]| f32::from(byte)),
        TensorElementType::Bool => each(bytes, |[byte]| f32::from(byte)),
        TensorElementType::Int16 => each(bytes, |bytes| f32::from(i16::from_ne_bytes(bytes))),
        TensorElementType::Uint16 => each(bytes, |bytes| f32::from(u16::from_ne_bytes(bytes))),
        #[expect(clippy::cast_precision_loss, reason = "classes and counts are below 2^24")]
        TensorElementType::Int32 => each(bytes, |bytes| i32::from_ne_bytes(bytes) as f32),
        #[expect(clippy::cast_precision_loss, reason = "classes and counts are below 2^24")]
        TensorElementType::Uint32 => each(bytes, |bytes| u32::from_ne_bytes(bytes) as f32),
        #[expect(clippy::cast_precision_loss, reason = "classes and counts are below 2^24")]
        TensorElementType::Int64 => each(bytes, |bytes| i64::from_ne_bytes(bytes) as f32),
        #[expect(clippy::cast_precision_loss, reason = "classes and counts are below 2^24")]
        TensorElementType::Uint64 => each(bytes, |bytes| u64::from_ne_bytes(bytes) as f32),
        _ => return None,
    })
}

fn each<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    let (elements, _) = bytes.as_chunks::<N>();
    elements.iter().map(|element| number(*element)).collect()
}
