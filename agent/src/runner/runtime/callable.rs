//! What a measured loop calls: a model, or something that stands around one. The loops are compiled for each on its own, so
//! that a real model's have no branch and no indirect call more.

use std::time::Duration;

use super::bound::Bound;

/// What the runtime says when a call fails.
pub(crate) type CallError = ort::Error;

/// Queries that can be asked again and again.
pub(crate) trait Callable {
    /// One inference of a query, by its number. Panics if there is no such query.
    fn run(&self, query: usize) -> Result<(), CallError>;

    /// Duration of the very first call.
    fn first_inference(&self) -> Duration;
}

impl Callable for Bound {
    #[inline]
    fn run(&self, query: usize) -> Result<(), CallError> {
        Self::run(self, query)
    }

    fn first_inference(&self) -> Duration {
        Self::first_inference(self)
    }
}
