//! A model with its queries bound to memory: what the measured loop calls.
//!
//! Inputs are copied once, to where the provider reads them. An output whose shape follows from the inputs' is written
//! into memory kept for it, one buffer for all queries of the same shape; one whose shape depends on the data is allocated
//! by the runtime, call by call. Outputs are in the CPU's memory when a call ends, whatever device computed them.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::{CString, c_char};
use std::ptr;
use std::time::Duration;

use ort::AsPointer as _;
use ort::memory::MemoryInfo;
use ort::session::{IoBinding, Session};
use ort::sys;
use ort::value::DynTensor;

use super::engine::Model;
use super::output::{Buffers, Output, Shapes, cpu_memory};
use super::state::State;
use super::{RuntimeError, nan, tensor};
use crate::runner::input::{InputSpec, Query, describe};
use crate::stopwatch;

/// Time for looking at the outputs of each query once more, after measuring.
const NAN_BUDGET: Duration = Duration::from_millis(500);

type RunWithBinding = unsafe extern "system" fn(
    *mut sys::OrtSession,
    *const sys::OrtRunOptions,
    *const sys::OrtIoBinding,
) -> sys::OrtStatusPtr;

type BindOutputToDevice =
    unsafe extern "system" fn(*mut sys::OrtIoBinding, *const c_char, *const sys::OrtMemoryInfo) -> sys::OrtStatusPtr;

/// A model ready to be called.
pub(in crate::runner) struct Bound {
    // Declared before the session, so that they are dropped first.
    /// For each query one, or one for each turn of the state.
    calls: Vec<Call>,
    session: Session,
    run_with_binding: RunWithBinding,
    bind_output: BindOutputToDevice,
    memory: MemoryInfo<'static>,
    /// 1, or 2 if the model has a state, and whose turn it is.
    turns: usize,
    turn: Cell<usize>,
    /// Whether a device is waited for.
    synchronizes: bool,
    first_inference: Duration,
    first_inferences: usize,
    inputs: Vec<String>,
    outputs: Vec<Output>,
    described: Vec<String>,
    buffers: Buffers,
    state: State,
}

/// One query, bound: for a turn of the state, if there is one.
struct Call {
    binding: IoBinding,
    /// Names of the outputs that the runtime allocates.
    unkept: Vec<CString>,
}

impl Bound {
    pub(super) fn new(model: Model, queries: &[Query], state: &BTreeMap<String, String>) -> Result<Self, RuntimeError> {
        let Model { mut session, inputs, on_cpu, .. } = model;
        let outputs: Vec<Output> = session.outputs().iter().map(|output| Output::new(output, &inputs)).collect();
        let mut state = State::new(state, &session, &inputs, &outputs)?;
        let (mut shapes, mut buffers) = (Shapes::default(), Buffers::default());
        let turns = state.turns();
        let mut calls = Vec::with_capacity(queries.len() * turns);
        for (number, query) in queries.iter().enumerate() {
            let tensors = tensors(&inputs, query).map_err(RuntimeError::Bind)?;
            let output_shapes = shapes.of(&mut session, &outputs, &tensors, number)?;
            state.admit(&inputs, query, output_shapes)?;
            for turn in 0..turns {
                let mut bind = || {
                    let mut binding = session.create_binding()?;
                    for (index, (name, tensor)) in tensors.iter().enumerate() {
                        binding.bind_input(*name, state.read(index, turn).unwrap_or(tensor))?;
                    }
                    let mut unkept = Vec::new();
                    for (index, (output, shape)) in outputs.iter().zip(output_shapes).enumerate() {
                        if let Some(buffer) = state.write(index, turn) {
                            binding.bind_output(&output.name, buffer)?;
                        } else if let Some((element, shape)) = output.kept(shape.as_ref()) {
                            binding.bind_output(&output.name, buffers.get(index, element, shape)?)?;
                        } else {
                            unkept.push(CString::new(output.name.as_str())?);
                        }
                    }
                    if !on_cpu {
                        binding.synchronize_inputs()?;
                    }
                    Ok(Call { binding, unkept })
                };
                calls.push(bind().map_err(RuntimeError::Bind)?);
            }
        }
        let api = ort::api();
        Ok(Self {
            run_with_binding: api.RunWithBinding,
            bind_output: api.BindOutputToDevice,
            memory: cpu_memory().map_err(RuntimeError::Bind)?,
            turns,
            turn: Cell::new(0),
            synchronizes: !on_cpu,
            first_inference: shapes.first_inference,
            first_inferences: shapes.inferences(),
            inputs: describe(&inputs, queries),
            described: outputs.iter().enumerate().map(|(index, output)| output.describe(&shapes.seen(index))).collect(),
            outputs,
            calls,
            session,
            buffers,
            state,
        })
    }

    /// Number of queries; at least one.
    pub(in crate::runner) fn queries(&self) -> usize {
        self.calls.len() / self.turns
    }

    /// Duration of the very first call.
    pub(in crate::runner) fn first_inference(&self) -> Duration {
        self.first_inference
    }

    /// How many calls binding took.
    pub(super) fn first_inferences(&self) -> usize {
        self.first_inferences
    }

    /// Name, type and shape of each input and output, e.g. `input_ids: int64[1,32]`.
    pub(in crate::runner) fn describe(&self) -> (Vec<String>, Vec<String>) {
        (self.inputs.clone(), self.described.clone())
    }

    /// One inference of a query, by its number: the runtime's own call, the wait for a device if there is one, and nothing
    /// else. Panics if there is no such query.
    #[inline]
    #[expect(unsafe_code, reason = "the safe call wraps every output again, at up to a microsecond a call")]
    pub(in crate::runner) fn run(&self, query: usize) -> ort::Result<()> {
        let turn = self.turn.get();
        self.turn.set(self.turns - 1 - turn);
        let Call { binding, unkept } = &self.calls[query * self.turns + turn];
        // Else the runtime would write into what it allocated last time, and fail where that has another shape.
        for name in unkept {
            // SAFETY: the binding has an output of this name, and copies the description of the memory.
            let status = unsafe { (self.bind_output)(binding.ptr().cast_mut(), name.as_ptr(), self.memory.ptr()) };
            // SAFETY: the status is fresh and owned.
            unsafe { ort::Error::result_from_status(status) }?;
        }
        // SAFETY: session and binding live as long as `self`, and the binding is the session's own. No two threads call at
        // once: a binding can't be shared between threads, so that `Bound` can't either.
        let status = unsafe { (self.run_with_binding)(self.session.ptr().cast_mut(), ptr::null(), binding.ptr()) };
        // SAFETY: the status is fresh and owned.
        unsafe { ort::Error::result_from_status(status) }?;
        if self.synchronizes { binding.synchronize_outputs() } else { Ok(()) }
    }

    /// Looks for NaN in what the last calls wrote, and then in the outputs of each query, as far as a short time allows.
    /// Only the first query of each shape was looked at before measuring, and a state may get out of hand with time.
    /// Outputs that the runtime allocates are not looked at again.
    pub(in crate::runner) fn nan_after(&self) -> Result<(), RuntimeError> {
        let begin = stopwatch::now();
        self.check_kept(None)?;
        for query in 0..self.queries() {
            if stopwatch::now() - begin >= NAN_BUDGET {
                break;
            }
            self.run(query).map_err(|source| RuntimeError::LastRun { query, source })?;
            self.check_kept(Some(query))?;
        }
        Ok(())
    }

    fn check_kept(&self, query: Option<usize>) -> Result<(), RuntimeError> {
        let mut kept = self.buffers.iter().chain(self.state.iter());
        kept.try_for_each(|(output, buffer)| nan::check(&self.outputs[output].name, buffer, query))
    }

    pub(super) const fn session_mut(&mut self) -> &mut Session {
        &mut self.session
    }

    /// Ends the session's profile and returns its path.
    pub(super) fn end_profiling(mut self) -> ort::Result<String> {
        self.session.end_profiling()
    }
}

/// A query's tensors by the inputs' names.
fn tensors<'a>(inputs: &'a [InputSpec], query: &Query) -> ort::Result<Vec<(&'a str, DynTensor)>> {
    let inputs = inputs.iter().zip(&query.tensors);
    inputs.map(|(input, tensor)| Ok((input.name.as_str(), tensor::filled(input, tensor)?))).collect()
}
