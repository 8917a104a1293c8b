//! The live part: which agents are connected, what they are given, what they send back.
//!
//! Keeps no state that PostgreSQL lacks, except liveness. [`driver`] is the loop; the other files are what doors call.

mod accuracy;
mod artifacts;
mod campaigns;
mod driver;
mod outage;
mod report;
mod session;
mod sessions;
mod tasks;
mod telemetry;
mod waiting;

use std::{sync::Arc, time::Duration};

use domain::{Clock, DeviceState};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

pub(crate) use self::{
    accuracy::{AccuracyError, CellAccuracy, Compared},
    artifacts::{Collected, KeepError},
    campaigns::{CampaignView, Submission, SubmitError},
    report::{AcceptError, Reported},
    session::{Hello, HelloError, OpenedSession},
    sessions::{SessionRef, ToAgent},
};
use self::{sessions::Sessions, tasks::Tasks};
use crate::{
    artifacts::Artifacts,
    store::{DeviceRecord, Store, StoreError},
};

/// Time constants of leases, from [`crate::Config`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) heartbeat: Duration,
    pub(crate) lease: Duration,
}

/// A cheap handle.
#[derive(Clone)]
pub(crate) struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    artifacts: Artifacts,
    clock: Arc<dyn Clock>,
    settings: Settings,
    sessions: Sessions,
    tasks: Tasks,
    wake: Notify,
    /// Counts changes that watchers may want to see; they poll as well.
    changes: watch::Sender<u64>,
    stop: CancellationToken,
}

/// A device as people see it.
#[derive(Debug, Clone)]
pub(crate) struct DeviceView {
    pub(crate) record: DeviceRecord,
    pub(crate) state: DeviceState,
}

impl Engine {
    /// `stop` ends its loop and every long-lived stream.
    pub(crate) fn new(
        store: Store,
        artifacts: Artifacts,
        clock: Arc<dyn Clock>,
        settings: Settings,
        stop: CancellationToken,
    ) -> Self {
        let (changes, _) = watch::channel(0);
        let inner = Inner {
            store,
            artifacts,
            clock,
            settings,
            sessions: Sessions::default(),
            tasks: Tasks::default(),
            wake: Notify::new(),
            changes,
            stop,
        };
        Self { inner: Arc::new(inner) }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    pub(crate) fn artifacts(&self) -> &Artifacts {
        &self.inner.artifacts
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        self.inner.clock.as_ref()
    }

    pub(crate) fn settings(&self) -> Settings {
        self.inner.settings
    }

    pub(crate) fn stopping(&self) -> &CancellationToken {
        &self.inner.stop
    }

    /// Runs beside the engine; a panic in it is logged by the loop.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.inner.tasks.spawn(task);
    }

    /// Changes whenever something happened that a watcher may want to see.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changes.subscribe()
    }

    /// By name.
    pub(crate) async fn devices(&self) -> Result<Vec<DeviceView>, StoreError> {
        let records = self.inner.store.devices().await?;
        let view = |record: DeviceRecord| {
            let heard = self.inner.sessions.last_heard(record.id);
            let state = match (heard, record.current_run) {
                (None, _) => DeviceState::Offline,
                (Some(_), Some(_)) => DeviceState::Busy,
                (Some(_), None) => DeviceState::Idle,
            };
            let last_seen = heard.unwrap_or(record.last_seen).max(record.last_seen);
            let heat = self.inner.sessions.heat(record.id).or(record.heat);
            DeviceView { record: DeviceRecord { last_seen, heat, ..record }, state }
        };
        Ok(records.into_iter().map(view).collect())
    }

    /// The situation changed: look at it now, not at the next tick.
    fn wake(&self) {
        self.inner.wake.notify_one();
        self.inner.changes.send_modify(|count| *count = count.wrapping_add(1));
    }
}
