//! Furlong's nouns and rules: what a campaign, cell, run, attempt, measurement and verdict are.
//!
//! Everything here is pure: no I/O, no network, no database, no runtime. Time, randomness and ids come in as
//! arguments; [`clock`] alone holds the implementations that read the machine.

pub mod attempt;
pub mod campaign;
pub mod cell;
pub mod clock;
pub mod device;
pub mod failure;
pub mod id;
pub mod measurement;
pub mod run;
pub mod selector;
pub mod units;
pub mod verdict;

pub use attempt::{AttemptPhase, AttemptState, InvalidTransition};
pub use cell::{CellSpec, InputSource, MeasureRule, ModelRef, Provider, Runtime, Scenario, TextRef, Warmup};
pub use clock::{Clock, IdSource, RandomIds, SystemClock, Timestamp};
pub use device::{DeviceFacts, DeviceState, Labels};
pub use failure::{Failure, FailureKind};
pub use id::{AttemptId, CampaignId, DeviceId, Digest, Fence, ResultUid, RunId};
pub use measurement::{Environment, LatencySummary, Measurement, Samples};
pub use run::{CampaignState, Order, RunState};
pub use selector::Selector;
pub use verdict::{Reason, Verdict, VerdictLevel};
