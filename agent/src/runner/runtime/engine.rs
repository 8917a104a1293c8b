//! The environment and the session: a loaded runtime, a loaded model.

use std::collections::BTreeMap;
use std::path::Path;

use ort::environment::Environment;
use ort::session::Session;

use super::element::input_spec;
use super::library::{self, LibraryError};
use super::provider::Providers;
use super::{Bound, RuntimeError, SessionSetup};
use crate::runner::input::{InputSpec, Query};

/// A loaded runtime.
pub(in crate::runner) struct Engine {
    environment: Environment,
    providers: Providers,
    version: String,
    build: String,
}

impl Engine {
    /// Loads the library at an absolute path and makes the process's one environment.
    pub(in crate::runner) fn load(library: &Path) -> Result<Self, EngineError> {
        let (version, builder) = library::load(library)?;
        let environment = builder.build().map_err(RuntimeError::Environment)?;
        Ok(Self { environment, providers: Providers::default(), version, build: ort::info().to_owned() })
    }

    /// e.g. `1.32.0`.
    pub(in crate::runner) fn version(&self) -> &str {
        &self.version
    }

    /// What the library says about its build.
    pub(in crate::runner) fn build(&self) -> &str {
        &self.build
    }

    /// Names of the providers compiled into the library; whether one can be used depends on the hardware.
    #[expect(clippy::unused_self, reason = "an engine is the proof that the library is loaded")]
    pub(in crate::runner) fn available_providers(&self) -> Vec<String> {
        library::providers().unwrap_or_default()
    }

    /// Loads a model: reads, optimises and places it. A provider that can't be had is an error, never the CPU instead.
    pub(in crate::runner) fn open(&self, source: Source<'_>, setup: &SessionSetup<'_>) -> Result<Model, RuntimeError> {
        let builder = setup.builder(&self.environment).map_err(RuntimeError::Settings)?;
        let provider = setup.provider.execution_provider().to_owned();
        let added = self.providers.add(&self.environment, builder, setup);
        let mut builder = added.map_err(|(refused, why)| RuntimeError::Provider {
            provider: refused.execution_provider().to_owned(),
            why: why.trim().to_owned(),
            available: self.available_providers().join(", "),
        })?;
        let session = match source {
            Source::File(path) => builder.commit_from_file(path),
            Source::Bytes(bytes) => builder.commit_from_memory(bytes),
        };
        let session = session.map_err(|source| RuntimeError::Load { provider: provider.clone(), source })?;
        let inputs = session.inputs().iter().map(|input| input_spec(input.name(), input.dtype()));
        Ok(Model { inputs: inputs.collect::<Result<_, _>>()?, session, provider, on_cpu: setup.provider.is_cpu() })
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
    pub(super) session: Session,
    pub(super) inputs: Vec<InputSpec>,
    provider: String,
    pub(super) on_cpu: bool,
}

impl Model {
    pub(in crate::runner) fn inputs(&self) -> &[InputSpec] {
        &self.inputs
    }

    /// Name, type and shape of each output, as the model declares it.
    pub(in crate::runner) fn describe_outputs(&self) -> Vec<String> {
        self.session.outputs().iter().map(|output| format!("{}: {}", output.name(), output.dtype())).collect()
    }

    /// The runtime's name of the provider the session was made with.
    pub(in crate::runner) fn provider(&self) -> &str {
        &self.provider
    }

    /// Binds queries to memory, so that nothing is left to do for a call but the call. Runs each shape of input once.
    /// `state`: output, and the input that it becomes in the next call, whatever query that is.
    pub(in crate::runner) fn bind(
        self,
        queries: &[Query],
        state: &BTreeMap<String, String>,
    ) -> Result<Bound, RuntimeError> {
        Bound::new(self, queries, state)
    }
}
