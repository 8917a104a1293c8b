//! How a session is made: what a cell says about it, as the runtime's options.

use std::collections::BTreeMap;
use std::path::Path;

use domain::{CellSpec, Optimization, ProviderName, Settings};
use ort::environment::Environment;
use ort::ep;
use ort::session::Session;
use ort::session::builder::{AutoDevicePolicy, GraphOptimizationLevel, SessionBuilder};

/// What of a cell concerns its session.
#[derive(Debug, Clone, Copy)]
pub(in crate::runner) struct SessionSetup<'a> {
    pub(in crate::runner) provider: &'a ProviderName,
    /// As the provider documents them; see [`super::provider`] for the ones of our own.
    pub(in crate::runner) provider_options: &'a BTreeMap<String, String>,
    /// The library of a plugin provider, at an absolute path.
    pub(in crate::runner) provider_library: Option<&'a Path>,
    /// Providers for the operators that `provider` does not take, in this order; built in, and without options.
    pub(in crate::runner) fallback: &'a [ProviderName],
    pub(in crate::runner) intra_threads: u32,
    pub(in crate::runner) settings: &'a Settings,
    /// Beginning of the path of a profile; `None` = no profile.
    pub(in crate::runner) profile: Option<&'a Path>,
}

impl<'a> SessionSetup<'a> {
    pub(in crate::runner) fn of(cell: &'a CellSpec) -> Self {
        Self {
            provider: &cell.provider,
            provider_options: &cell.provider_options,
            provider_library: cell.provider_library.as_deref().map(Path::new),
            fallback: &cell.fallback,
            intra_threads: cell.intra_threads,
            settings: &cell.settings,
            profile: None,
        }
    }

    /// Everything but the provider.
    pub(super) fn builder(&self, environment: &Environment) -> ort::Result<SessionBuilder> {
        // Affinity and variables belong to the process.
        let Settings { inter_threads, spinning, optimization, arena, affinity: _, variables: _ } = self.settings;
        let builder = Session::builder(environment)?
            // The builder's default would pick the most efficient device by itself; on macOS that is CoreML.
            .with_auto_device(AutoDevicePolicy::PreferCPU)?
            .with_intra_threads(self.intra_threads as usize)?
            .with_inter_threads(*inter_threads as usize)?
            .with_parallel_execution(*inter_threads > 1)?
            .with_intra_op_spinning(*spinning)?
            .with_inter_op_spinning(*spinning)?
            .with_optimization_level(level(*optimization))?
            .with_memory_pattern(true)?
            // Never adds a provider: it only switches the arena, which is off without the word. It matters to every
            // session, as operators that the asked provider does not take fall to the CPU.
            .with_execution_providers([ep::CPU::default().with_arena_allocator(*arena).build().error_on_failure()])?;
        Ok(match self.profile {
            Some(prefix) => builder.with_profiling(prefix)?,
            None => builder,
        })
    }
}

const fn level(optimization: Optimization) -> GraphOptimizationLevel {
    match optimization {
        Optimization::Disabled => GraphOptimizationLevel::Disable,
        Optimization::Basic => GraphOptimizationLevel::Level1,
        Optimization::Extended => GraphOptimizationLevel::Level2,
        Optimization::All => GraphOptimizationLevel::All,
    }
}
