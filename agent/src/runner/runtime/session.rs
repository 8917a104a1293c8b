//! The environment and the session: a loaded runtime, a loaded model.

use std::path::Path;

use domain::Provider;
use ort::environment::Environment;
use ort::ep;
use ort::session::Session;
use ort::session::builder::{AutoDevicePolicy, GraphOptimizationLevel};
use ort::value::{TensorElementType, ValueType};

use super::library::{self, LibraryError};
use super::{Bound, RuntimeError};
use crate::runner::input::{Axis, Element, InputSpec, Query};

/// A loaded runtime.
pub(in crate::runner) struct Engine {
    environment: Environment,
    version: String,
    build: String,
}

impl Engine {
    /// Loads the library at an absolute path and makes the process's one environment.
    pub(in crate::runner) fn load(library: &Path) -> Result<Self, EngineError> {
        let (version, builder) = library::load(library)?;
        let environment = builder.build().map_err(RuntimeError::Environment)?;
        Ok(Self { environment, version, build: ort::info().to_owned() })
    }

    /// e.g. `1.32.0`.
    pub(in crate::runner) fn version(&self) -> &str {
        &self.version
    }

    /// What the library says about its build.
    pub(in crate::runner) fn build(&self) -> &str {
        &self.build
    }

    /// Loads a model: reads, optimises and places it.
    pub(in crate::runner) fn open(
        &self,
        model: Source<'_>,
        provider: Provider,
        intra_threads: u32,
    ) -> Result<Model, RuntimeError> {
        let session = self.session(model, provider, intra_threads as usize).map_err(RuntimeError::Load)?;
        let inputs = session.inputs().iter().map(|input| input_spec(input.name(), input.dtype()));
        Ok(Model { inputs: inputs.collect::<Result<_, _>>()?, session, provider: provider_name(provider) })
    }

    fn session(&self, model: Source<'_>, provider: Provider, intra_threads: usize) -> ort::Result<Session> {
        let mut builder = Session::builder(&self.environment)?
            // The builder's default would pick the most efficient device by itself; on macOS that is CoreML.
            .with_auto_device(AutoDevicePolicy::PreferCPU)?
            .with_intra_threads(intra_threads)?
            .with_inter_threads(1)?
            .with_optimization_level(GraphOptimizationLevel::All)?
            .with_memory_pattern(true)?
            .with_execution_providers([match provider {
                // Without the word, the typed provider turns the arena off. A provider that can't be had is an error,
                // never a silent fallback.
                Provider::Cpu => ep::CPU::default().with_arena_allocator(true).build().error_on_failure(),
            }])?;
        match model {
            Source::File(path) => builder.commit_from_file(path),
            Source::Bytes(bytes) => builder.commit_from_memory(bytes),
        }
    }
}

/// A runtime that does not start.
#[derive(Debug, thiserror::Error)]
pub(in crate::runner) enum EngineError {
    #[error(transparent)]
    Library(#[from] LibraryError),
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

/// Where a model comes from.
#[derive(Debug, Clone, Copy)]
pub(in crate::runner) enum Source<'a> {
    File(&'a Path),
    Bytes(&'a [u8]),
}

/// A loaded model.
pub(in crate::runner) struct Model {
    session: Session,
    inputs: Vec<InputSpec>,
    provider: &'static str,
}

impl Model {
    pub(in crate::runner) fn inputs(&self) -> &[InputSpec] {
        &self.inputs
    }

    /// The runtime's name of the provider the session was made with.
    pub(in crate::runner) fn provider(&self) -> &'static str {
        self.provider
    }

    /// Binds queries to memory, so that nothing is left to do for a call but the call. Runs each shape of input once.
    pub(in crate::runner) fn bind(self, queries: &[Query]) -> Result<Bound, RuntimeError> {
        Bound::new(self.session, &self.inputs, queries)
    }
}

const fn provider_name(provider: Provider) -> &'static str {
    match provider {
        Provider::Cpu => "CPUExecutionProvider",
    }
}

fn input_spec(name: &str, value: &ValueType) -> Result<InputSpec, RuntimeError> {
    let unfit = || RuntimeError::Input { name: name.to_owned(), found: value.to_string() };
    let ValueType::Tensor { ty, shape, dimension_symbols } = value else { return Err(unfit()) };
    let symbols = dimension_symbols.iter().map(Some).chain(std::iter::repeat(None));
    let axes = shape.iter().zip(symbols).map(|(&length, symbol)| {
        if length >= 0 { Axis::Fixed(length) } else { Axis::Symbol(symbol.cloned().unwrap_or_default()) }
    });
    Ok(InputSpec { name: name.to_owned(), element: element(*ty).ok_or_else(unfit)?, axes: axes.collect() })
}

/// The types that can be fed; strings, complex and sub-byte numbers can't.
pub(super) fn element(element: TensorElementType) -> Option<Element> {
    Some(match element {
        TensorElementType::Float32 => Element::Float32,
        TensorElementType::Float64 => Element::Float64,
        TensorElementType::Float16 => Element::Float16,
        TensorElementType::Bfloat16 => Element::Bfloat16,
        TensorElementType::Int8 => Element::Int8,
        TensorElementType::Int16 => Element::Int16,
        TensorElementType::Int32 => Element::Int32,
        TensorElementType::Int64 => Element::Int64,
        TensorElementType::Uint8 => Element::Uint8,
        TensorElementType::Uint16 => Element::Uint16,
        TensorElementType::Uint32 => Element::Uint32,
        TensorElementType::Uint64 => Element::Uint64,
        TensorElementType::Bool => Element::Bool,
        _ => return None,
    })
}

/// The other way round, for tensors that are made.
pub(super) const fn element_type(element: Element) -> TensorElementType {
    match element {
        Element::Float32 => TensorElementType::Float32,
        Element::Float64 => TensorElementType::Float64,
        Element::Float16 => TensorElementType::Float16,
        Element::Bfloat16 => TensorElementType::Bfloat16,
        Element::Int8 => TensorElementType::Int8,
        Element::Int16 => TensorElementType::Int16,
        Element::Int32 => TensorElementType::Int32,
        Element::Int64 => TensorElementType::Int64,
        Element::Uint8 => TensorElementType::Uint8,
        Element::Uint16 => TensorElementType::Uint16,
        Element::Uint32 => TensorElementType::Uint32,
        Element::Uint64 => TensorElementType::Uint64,
        Element::Bool => TensorElementType::Bool,
    }
}
