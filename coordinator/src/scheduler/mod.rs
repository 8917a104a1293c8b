//! Decides which device gets which run. Performs no I/O: see [`crate::engine`] for effects.

mod plan;
#[cfg(test)]
mod walk;

pub(crate) use plan::{Effect, IdleDevice, Snapshot, plan};
