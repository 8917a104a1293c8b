//! Load patterns in `MLPerf` `LoadGen`'s words, as pure state machines: the caller owns the clock, the system under test
//! and the loop, and asks here whether to go on.
//!
//! Nothing here allocates or reads a clock, so that a decision costs nanoseconds beside the query it is about.

mod single_stream;
mod warm_up;

pub use single_stream::{MAX_QUERIES, SingleStream};
pub use warm_up::WarmUp;

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Issue one more query.
    Issue,
    Stop(StopReason),
}

/// Why a pattern ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// As many queries, over as long a time, as the rule asks for.
    Satisfied,
    /// The greatest duration was reached first: what the rule asks for may be missing.
    MaxDuration,
    /// As many queries as one measurement can hold, before the time the rule asks for: a trivial model.
    MaxQueries,
}
