//! The campaign file: from text to cells and runs.
//!
//! [`CampaignFile::parse`] reads and checks one file and what it includes; [`CampaignFile::plan`] resolves its names against
//! a [`Catalog`]. The same code plans on the user's machine and in the coordinator. Reads no disk and draws nothing: the
//! same texts and the same catalog give the same plan.
//!
//! On the way: `yaml` makes a tree, `shape` holds it against the `table` of all keys, `include` merges the files,
//! `expand` makes cells of axes and rules, `read` types each cell, `resolve` finds what its names stand for.

mod axis;
mod conditions;
mod declared;
mod diagnostic;
mod emit;
mod expand;
mod file;
mod include;
mod measure;
mod merge;
mod node;
mod notes;
mod origin;
mod plan;
mod read;
mod resolve;
mod rule;
mod shape;
mod table;
mod yaml;

use diagnostic::Placed;

#[cfg(test)]
mod tests;

pub use declared::{DeclaredModel, Reference};
pub use diagnostic::{Diagnostic, Diagnostics, Place};
pub use file::CampaignFile;
pub use include::{Includes, includes};
pub use origin::{Origin, Origins, Source, Spot};
pub use plan::{
    Catalog, Ceiling, KnownDevice, MAX_CELLS, MAX_RUNS, Plan, PlanOptions, PlannedCell, PlannedRun, RuleCount,
};
pub use resolve::Missing;
pub use shape::json::schema;
