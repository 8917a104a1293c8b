//! The loop: looks at the situation, lets [`crate::scheduler`] decide, commits, and only then tells the agents.
//!
//! Level-triggered: every tick derives anew what should be true. A wake-up only makes it sooner.

use std::time::Duration;

use tracing::{debug, error, info, warn};

use super::{Engine, SessionRef, ToAgent, outage::Outage};
use crate::{
    scheduler::{Effect, Snapshot, plan},
    store::{Grant, Loss, StoreError},
};

/// How long a change that nobody announced may go unseen.
const TICK: Duration = Duration::from_secs(1);
/// How often PostgreSQL learns when devices were heard.
const SAVE_SEEN: Duration = Duration::from_secs(5);
/// Runs of one class looked at in one tick, and grants committed together: by then the cost of a commit is spread so
/// thin that a larger batch would only hold its locks longer.
const BATCH: usize = 200;
/// How often what nobody needs is removed; also at the start.
const TEND_ARTIFACTS: Duration = Duration::from_hours(24);
/// Leases ended in one tick.
const REAP_LIMIT: u32 = 1_000;

/// When the chores that need not be done at every wake-up are due, on the monotonic clock.
#[derive(Debug, Default)]
struct Due {
    complete: Duration,
    reap: Duration,
    save_seen: Duration,
    tend_artifacts: Duration,
}

impl Engine {
    /// Runs until the engine stops.
    pub(crate) async fn run(self) {
        let mut outage = Outage::new(self.settings().lease);
        let mut due = Due::default();
        // A loop that sleeps as long as a lease lasts would take its own sleep for an absence.
        let tick = TICK.min(self.settings().lease / 6);
        while !self.stopping().is_cancelled() {
            let worked = self.tick(&mut outage, &mut due).await;
            self.inner.tasks.reap();
            match worked {
                Ok(()) if outage.answered(self.clock().monotonic()) => info!("the database answers again"),
                Ok(()) => {}
                Err(error) if error.is_transient() => {
                    if outage.failed() {
                        warn!(
                            error = &error as &dyn std::error::Error,
                            "the database does not answer; nothing is scheduled or expired meanwhile"
                        );
                    }
                }
                Err(error) => {
                    if outage.failed() {
                        error!(error = &error as &dyn std::error::Error, "scheduling failed");
                    }
                }
            }
            tokio::select! {
                () = self.stopping().cancelled() => break,
                () = self.inner.wake.notified() => {}
                () = tokio::time::sleep(tick) => {}
            }
        }
    }

    async fn tick(&self, outage: &mut Outage, due: &mut Due) -> Result<(), StoreError> {
        let now = self.clock().monotonic();
        if outage.needs_grace(now) {
            // Agents could not renew while we or PostgreSQL were away: that is not their fault.
            let extended = self.store().extend_all_leases(self.settings().lease).await?;
            if extended > 0 {
                info!(leases = extended, "leases were extended after an absence");
            }
            outage.answered(self.clock().monotonic());
        }
        if now >= due.reap {
            self.reap().await?;
            due.reap = now + self.settings().lease / 3;
        }
        if now >= due.complete {
            for campaign in self.store().complete_campaigns(self.clock().now()).await? {
                info!(campaign.id = %campaign, "campaign is done");
            }
            due.complete = now + TICK;
        }
        if now >= due.save_seen {
            let seen = self.inner.sessions.take_unsaved();
            if !seen.is_empty() {
                self.store().note_seen(&seen).await?;
            }
            due.save_seen = now + SAVE_SEEN;
        }
        if now >= due.tend_artifacts {
            // Beside the loop: it may take minutes, and nothing waits for it.
            self.spawn(self.clone().tend_artifacts());
            due.tend_artifacts = now + TEND_ARTIFACTS;
        }
        self.schedule().await
    }

    /// Ends leases whose time is over.
    async fn reap(&self) -> Result<(), StoreError> {
        for attempt in self.store().expired_attempts(REAP_LIMIT).await? {
            let context = self.store().attempt_context(attempt).await?;
            if let Some(next) = self.store().lose(attempt, Loss::Expired, self.clock().now()).await? {
                let device = context.map(|context| context.device_name).unwrap_or_default();
                warn!(attempt.id = %attempt, device, ?next, "a lease ran out");
                self.wake();
            }
        }
        Ok(())
    }

    async fn schedule(&self) -> Result<(), StoreError> {
        let snapshot = self.snapshot().await?;
        let grants: Vec<_> =
            plan(&snapshot, self.clock().monotonic()).into_iter().map(|Effect::Grant(grant)| grant).collect();
        for batch in grants.chunks(BATCH) {
            self.grant(batch).await?;
        }
        Ok(())
    }

    async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let mut devices = self.inner.sessions.candidates();
        if devices.is_empty() {
            return Ok(Snapshot::default());
        }
        let mut classes = self.store().ready_classes().await?;
        classes.retain(|class| devices.iter().any(|device| class.selector.matches(&device.labels)));
        if classes.is_empty() {
            return Ok(Snapshot::default());
        }
        let ids: Vec<_> = devices.iter().map(|device| device.id).collect();
        let busy = self.store().busy_devices(&ids).await?;
        devices.retain(|device| !busy.contains(&device.id));
        let per_class = u32::try_from(devices.len().min(BATCH)).unwrap_or(u32::MAX);
        let idle: Vec<_> = devices.iter().map(|device| device.id).collect();
        let now = self.clock().monotonic();
        let hot: Vec<_> = devices.iter().filter(|device| device.is_hot(now)).map(|device| device.id).collect();
        let class_ids: Vec<_> = classes.iter().map(|class| class.id).collect();
        let runs = if per_class == 0 {
            Vec::new()
        } else {
            self.store().ready_runs(&class_ids, &idle, &hot, per_class).await?
        };
        Ok(Snapshot { devices, classes, runs })
    }

    /// Commits before it sends: after a crash in between, the reaper or the agent's hello sees the lease.
    async fn grant(&self, grants: &[Grant]) -> Result<(), StoreError> {
        let lease = self.settings().lease;
        let granted = match self.store().grant(grants, lease, self.clock().now()).await {
            Ok(granted) => granted,
            Err(StoreError::Raced(error)) => {
                debug!(%error, grants = grants.len(), "a batch of grants lost a race");
                self.inner.wake.notify_one();
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if granted.len() < grants.len() {
            debug!(lost = grants.len() - granted.len(), "grants lost their race");
        }
        for granted in granted {
            let Some(grant) = grants.iter().find(|grant| grant.run == granted.run) else { continue };
            let (attempt, run, campaign) = (granted.attempt, granted.run, granted.campaign);
            let session = SessionRef { device: granted.device, epoch: grant.epoch };
            info!(attempt.id = %attempt, run.id = %run, campaign.id = %campaign, device.id = %session.device, "run granted");
            if !self.inner.sessions.send(session, ToAgent::Assign { granted: Box::new(granted), lease }) {
                self.store().lose(attempt, Loss::Undeliverable, self.clock().now()).await?;
            }
        }
        self.inner.changes.send_modify(|count| *count = count.wrapping_add(1));
        Ok(())
    }
}
