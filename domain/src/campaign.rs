//! The campaign file: from text to cells and runs.
//!
//! [`CampaignFile::parse`] reads and checks one file; [`CampaignFile::plan`] resolves its names against a [`Catalog`] and
//! expands it. The same code plans on the user's machine and in the coordinator.

mod axes;
mod check;
mod choice;
mod diagnostic;
mod file;
mod measure;
mod named;
mod plan;
mod raw;
mod yaml;

#[cfg(test)]
mod tests;

pub use diagnostic::{Diagnostic, Diagnostics, Located, Position};
pub use file::CampaignFile;
pub use plan::{Catalog, MAX_CELLS, MAX_RUNS, Plan, PlannedCell, PlannedRun};
