//! From readings of power, heat and clocks to joules and a verdict on throttling: pure, so that coordinator, command line and
//! a replay years later agree. Also the rules by which a device waits until it is cool.
//!
//! It reads no clock and no sensor: who reads is the agent, and what was read is [`domain::Telemetry`].

pub mod cooling;
mod figure;
pub mod gate;
mod heat;
pub mod integrate;
mod mlperf;
pub mod trace;

pub use figure::{Load, figure};
pub use heat::heat;
pub use trace::{EncodeError, InvalidTrace};
