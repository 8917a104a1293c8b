//! Load patterns in `MLPerf` `LoadGen`'s words, as pure state machines: the caller owns the clock, the system under test
//! and the loop, and asks here whether to go on. All durations count from the issue of the first query.
//!
//! Nothing here reads a clock, and nothing that is asked for each query allocates, so that a decision costs nanoseconds
//! beside the query it is about.
//!
//! Where this differs from `LoadGen`, and where it is explained:
//! - queries are drawn lazily, so that no hint of the expected rate is needed ([`Server`], [`ClosedLoop`]);
//! - a measurement ends as soon as it is valid, outside the official tier before 600 s ([`domain::MeasureRule::of_tier`]);
//! - a server measurement extends itself until early stopping has decided, and ends at once when it can't ([`Server`]);
//! - there are tiers ([`domain::MeasureRule::of_tier`]);
//! - offline work is done in chunks, so that `max_duration` holds there, too ([`Offline`]);
//! - `max_duration` is compared with the last completion ([`ClosedLoop`]);
//! - random numbers come from `ChaCha8`, for C++'s distributions differ between libraries ([`Choice`], [`Server`]);
//! - the search for the greatest rate survives a start that fails ([`RateSearch`]).

mod choice;
mod closed_loop;
pub mod early_stopping;
mod ending;
mod offline;
mod search;
mod server;
pub mod validity;
mod warm_up;

pub use choice::{Choice, ORDER_SEED};
pub use closed_loop::ClosedLoop;
pub use ending::{Decision, MAX_QUERIES};
pub use offline::Offline;
pub use search::RateSearch;
pub use server::{Arrival, SCHEDULE_SEED, Server};
pub use warm_up::WarmUp;
