//! Wire to domain, checked: a missing message is an error, never a default. Domain to wire, by full destructuring, so
//! that a new field breaks the build here.

mod accuracy;
mod attempt;
mod cell;
mod condition;
mod device;
mod energy;
mod environment;
mod field;
mod load;
mod measurement;
mod model;
mod model_card;
mod placement;
mod power;
mod statistics;
mod telemetry;
mod verdict;

pub use accuracy::run_mode;
pub use attempt::phase_from_wire;
pub use field::InvalidMessage;
