//! State: outputs that are inputs of the next call, as in a recurrent model. Two buffers for each take turns: what one
//! call writes, the next one reads, and nothing is copied.

use std::collections::BTreeMap;
use std::ptr;

use ort::AsPointer as _;
use ort::session::Session;
use ort::sys;
use ort::value::DynTensor;

use super::element::element_type;
use super::output::{Lengths, Output};
use super::{RuntimeError, tensor};
use crate::runner::input::{InputSpec, Query};

/// All that is carried from call to call; nothing for most models.
#[derive(Default)]
pub(super) struct State(Vec<Pair>);

struct Pair {
    output: usize,
    input: usize,
    names: (String, String),
    /// Made with the first query, whose tensor is the state before the first call.
    buffers: Option<[DynTensor; 2]>,
}

impl Pair {
    fn error(&self, why: impl Into<String>) -> RuntimeError {
        let (output, input) = self.names.clone();
        RuntimeError::State { output, input, why: why.into() }
    }
}

impl State {
    /// Checks names, types and memory. `state`: output and input.
    pub(super) fn new(
        state: &BTreeMap<String, String>,
        session: &Session,
        inputs: &[InputSpec],
        outputs: &[Output],
    ) -> Result<Self, RuntimeError> {
        let mut pairs: Vec<Pair> = Vec::with_capacity(state.len());
        for (from, to) in state {
            let error = |why: String| RuntimeError::State { output: from.clone(), input: to.clone(), why };
            let output = outputs.iter().position(|output| output.name == *from).ok_or_else(|| {
                error(format!("the model has no such output, but {}", list(outputs.iter().map(|output| &output.name))))
            })?;
            let input = inputs.iter().position(|input| input.name == *to).ok_or_else(|| {
                error(format!("the model has no such input, but {}", list(inputs.iter().map(|input| &input.name))))
            })?;
            let (written, read) = (session.outputs()[output].dtype(), inputs[input].element);
            if written.tensor_type() != Some(element_type(read)) {
                return Err(error(format!("the output is {written}, and the input is {}", inputs[input].describe())));
            }
            if let Some(other) = pairs.iter().find(|pair| pair.input == input) {
                return Err(error(format!("the input is already fed by `{}`", other.names.0)));
            }
            pairs.push(Pair { output, input, names: (from.clone(), to.clone()), buffers: None });
        }
        if !pairs.is_empty() {
            let near = inputs_near(session, inputs.len()).map_err(RuntimeError::Bind)?;
            if let Some(pair) = pairs.iter().find(|pair| !near[pair.input]) {
                return Err(
                    pair.error("the provider keeps it in its device's own memory, where it can't be carried yet")
                );
            }
        }
        Ok(Self(pairs))
    }

    /// How many bindings a query needs, one for each turn.
    pub(super) fn turns(&self) -> usize {
        if self.0.is_empty() { 1 } else { 2 }
    }

    /// Takes a query in: its tensors must have the state's shape, and so must the outputs they lead to.
    pub(super) fn admit(
        &mut self,
        inputs: &[InputSpec],
        query: &Query,
        outputs: &[Option<Lengths>],
    ) -> Result<(), RuntimeError> {
        for pair in &mut self.0 {
            let (input, start) = (&inputs[pair.input], &query.tensors[pair.input]);
            let (read, written) = (&start.shape, outputs[pair.output].clone().unwrap_or_default());
            if *read != written {
                return Err(pair.error(format!(
                    "the output's shape is {written:?} where the input's is {read:?}, and a state that grows or shrinks is not supported"
                )));
            }
            match &pair.buffers {
                Some([buffer, _]) if **buffer.shape() != **read => {
                    let first = buffer.shape().to_vec();
                    return Err(pair.error(format!(
                        "its shape is {first:?} for one query and {read:?} for another, and what one leaves the other can't take"
                    )));
                }
                Some(_) => {}
                None => {
                    let make = || Ok([tensor::filled(input, start)?, tensor::filled(input, start)?]);
                    pair.buffers = Some(make().map_err(RuntimeError::Bind)?);
                }
            }
        }
        Ok(())
    }

    /// What an input reads in a turn, if it is part of the state.
    pub(super) fn read(&self, input: usize, turn: usize) -> Option<&DynTensor> {
        self.0.iter().find(|pair| pair.input == input)?.buffers.as_ref().map(|buffers| &buffers[turn])
    }

    /// What an output writes in a turn, if it is part of the state.
    pub(super) fn write(&mut self, output: usize, turn: usize) -> Option<&mut DynTensor> {
        self.0.iter_mut().find(|pair| pair.output == output)?.buffers.as_mut().map(|buffers| &mut buffers[1 - turn])
    }

    /// The number of each output, and a buffer it was written to.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &DynTensor)> {
        self.0.iter().flat_map(|pair| pair.buffers.iter().flatten().map(|buffer| (pair.output, buffer)))
    }
}

fn list<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Of each input, whether the session reads it from the CPU's memory.
#[expect(unsafe_code, reason = "`ort` keeps this to itself")]
fn inputs_near(session: &Session, count: usize) -> ort::Result<Vec<bool>> {
    let mut infos: Vec<*const sys::OrtMemoryInfo> = vec![ptr::null(); count];
    // SAFETY: there is room for one pointer for each input of the session.
    let status = unsafe { (ort::api().SessionGetMemoryInfoForInputs)(session.ptr(), infos.as_mut_ptr(), infos.len()) };
    // SAFETY: the status is fresh and owned.
    unsafe { ort::Error::result_from_status(status) }?;
    let is_near = |info: *const sys::OrtMemoryInfo| {
        let mut device = sys::OrtMemoryInfoDeviceType::OrtMemoryInfoDeviceType_CPU;
        // SAFETY: the session's own description of its memory, which lives as long as the session.
        unsafe { (ort::api().MemoryInfoGetDeviceType)(info, &raw mut device) };
        device == sys::OrtMemoryInfoDeviceType::OrtMemoryInfoDeviceType_CPU
    };
    Ok(infos.into_iter().map(|info| info.is_null() || is_near(info)).collect())
}
