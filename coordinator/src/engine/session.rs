//! What an agent's session does: hello, heartbeats, the end.

use std::collections::HashSet;

use domain::{AttemptId, AttemptPhase, Fence, Heat, device::effective_labels};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::{Engine, SessionRef, ToAgent};
use crate::store::{DeviceIdentity, Loss, OpenSessionError, Renewed, StoreError};

/// An agent introduces itself.
#[derive(Debug)]
pub(crate) struct Hello {
    pub(crate) identity: DeviceIdentity,
    pub(crate) held: Vec<(AttemptId, Fence, AttemptPhase)>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum HelloError {
    #[error(transparent)]
    Open(#[from] OpenSessionError),
    #[error("a newer session of this device was opened meanwhile")]
    Superseded,
}

impl From<StoreError> for HelloError {
    fn from(error: StoreError) -> Self {
        Self::Open(error.into())
    }
}

/// A session that is registered.
#[derive(Debug)]
pub(crate) struct OpenedSession {
    pub(crate) session: SessionRef,
    /// Held attempts whose lease is gone.
    pub(crate) abandon: Vec<AttemptId>,
    /// What to send to the agent; ends with the session.
    pub(crate) inbox: mpsc::Receiver<ToAgent>,
    /// Cancelled when a newer session takes over or the coordinator stops.
    pub(crate) ended: CancellationToken,
}

impl Engine {
    /// Opens a session: makes older ones void, renews what the agent still holds, and takes back what it does not.
    pub(crate) async fn hello(&self, hello: Hello) -> Result<OpenedSession, HelloError> {
        let Hello { identity, held } = hello;
        let store = self.store();
        let now = self.clock().now();
        // From here on no grant to an older session can be committed.
        let epoch = store.open_session(&identity, now).await?;
        let session = SessionRef { device: identity.id, epoch };
        let renewed = store.renew(session.device, &held, self.settings().lease).await?;
        let renewed: HashSet<_> = renewed.into_iter().map(|Renewed { attempt, .. }| attempt).collect();
        for attempt in store.live_attempts(session.device).await?.into_iter().filter(|id| !renewed.contains(id)) {
            if store.lose(attempt, Loss::NotHeld, now).await?.is_some() {
                warn!(attempt.id = %attempt, device = %identity.name, "the agent came back without an attempt it was given");
            }
        }
        let abandon: Vec<_> = held.iter().map(|(id, _, _)| *id).filter(|id| !renewed.contains(id)).collect();
        let labels = effective_labels(&identity.name, &identity.labels, &identity.facts);
        let (inbox, ended) =
            self.inner.sessions.open(session, identity.name.clone(), labels, now).ok_or(HelloError::Superseded)?;
        info!(
            device = %identity.name,
            device.id = %identity.id,
            session.epoch = epoch,
            agent = %identity.agent_version,
            held = held.len(),
            "agent connected"
        );
        self.wake();
        Ok(OpenedSession { session, abandon, inbox, ended })
    }

    /// Renews what the agent holds, and tells it what it should no longer hold. `heat`: of its device, if it told.
    pub(crate) async fn held(
        &self,
        session: SessionRef,
        held: &[(AttemptId, Fence, AttemptPhase)],
        heat: Option<Heat>,
    ) {
        self.inner.sessions.heard(session, self.clock().now());
        if let Some(heat) = heat {
            // A report that waits to be delivered heats nothing.
            let busy = held.iter().any(|(_, _, phase)| *phase != AttemptPhase::Reporting);
            if self.inner.sessions.told_heat(session, heat, busy, self.clock().monotonic()) {
                self.wake();
            }
        }
        if held.is_empty() {
            return;
        }
        let lease = self.settings().lease;
        let renewed = match self.store().renew(session.device, held, lease).await {
            Ok(renewed) => renewed,
            // PostgreSQL is away, so nothing expires, and when it is back all leases get their time again.
            Err(error) => {
                debug!(device.id = %session.device, %error, "leases are renewed without the database");
                held.iter().map(|(attempt, fence, _)| Renewed { attempt: *attempt, fence: *fence }).collect()
            }
        };
        for (attempt, fence, phase) in held {
            let live = Renewed { attempt: *attempt, fence: *fence };
            if renewed.contains(&live) {
                self.inner.sessions.send(session, ToAgent::Renew { renewed: live, lease });
            } else if *phase != AttemptPhase::Reporting {
                // A report that waits in the spool is still welcome, for audit; a runner is not.
                let reason = "its lease is gone".to_owned();
                self.inner.sessions.send(session, ToAgent::Cancel { attempt: *attempt, reason });
            }
        }
    }

    /// The stream ended, whoever ended it.
    pub(crate) fn session_ended(&self, session: SessionRef, why: &str) {
        if self.inner.sessions.close(session) {
            info!(device.id = %session.device, session.epoch = session.epoch, why, "agent disconnected");
            self.wake();
        }
    }

    /// Says goodbye to every agent.
    pub(crate) fn say_goodbye(&self) {
        self.inner.sessions.close_all("the coordinator is shutting down");
    }
}
