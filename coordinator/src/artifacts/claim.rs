//! One at a time for each digest: an upload, a removal, a judgement. Lives in this process, for one coordinator has a store.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use domain::Digest;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// Nobody else adds, removes or judges the artifact until this is dropped.
#[derive(Debug)]
pub(crate) struct Claim(#[expect(dead_code, reason = "held, never looked at")] OwnedMutexGuard<()>);

#[derive(Debug, Default)]
pub(super) struct Claims {
    locks: Mutex<HashMap<Digest, Weak<AsyncMutex<()>>>>,
}

impl Claims {
    pub(super) async fn wait(&self, digest: &Digest) -> Claim {
        Claim(self.lock(digest).lock_owned().await)
    }

    /// `None` if somebody has it.
    pub(super) fn attempt(&self, digest: &Digest) -> Option<Claim> {
        self.lock(digest).try_lock_owned().ok().map(Claim)
    }

    fn lock(&self, digest: &Digest) -> Arc<AsyncMutex<()>> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        locks.retain(|_, lock| lock.strong_count() > 0);
        let held = locks.get(digest).and_then(Weak::upgrade);
        held.unwrap_or_else(|| {
            let fresh = Arc::default();
            locks.insert(*digest, Arc::downgrade(&fresh));
            fresh
        })
    }
}
