//! Where a run reaches its steady state, and whether it does: warm-up, throttling, or neither.
//!
//! The method is that of Barrett et al., Virtual Machine Warmup Blows Hot and Cold, OOPSLA 2017 (arXiv:1602.00602), with a
//! band of equivalence that does not depend on the unit of the latencies. Nothing is removed from the samples: outliers are
//! flagged, and masked only while change points are looked for.

mod analysis;
mod outliers;
mod pelt;

pub use analysis::{MIN_SAMPLES, Segment, Steady, SteadyClass, analyse_steady};
pub use pelt::pelt;
