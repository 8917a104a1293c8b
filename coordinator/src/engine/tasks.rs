//! Tasks that live beside the loop, one a session. A panic in one is seen here and hurts no other.

use std::sync::{Mutex, PoisonError};

use tokio::task::JoinSet;
use tracing::error;

#[derive(Debug, Default)]
pub(super) struct Tasks {
    set: Mutex<JoinSet<()>>,
}

impl Tasks {
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.set.lock().unwrap_or_else(PoisonError::into_inner).spawn(task);
    }

    /// Forgets those that ended, and tells of those that panicked.
    pub(super) fn reap(&self) {
        let mut set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(ended) = set.try_join_next() {
            if let Err(join_error) = ended
                && join_error.is_panic()
            {
                error!(error = %join_error, "a session's task panicked");
            }
        }
    }
}
