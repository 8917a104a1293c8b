//! The only SQL. One file a noun; each public function is one transaction or one statement.
//!
//! Every change of state is guarded by key, from-state and fence, and says how many rows it moved: zero is an expected
//! outcome with a name. Rows convert to domain types or are [`StoreError::Inconsistent`]; nothing is defaulted.
//!
//! Locks are taken in one order: devices, then the campaign, then runs and attempts.

mod accuracy;
mod artifacts;
mod attempts;
mod campaigns;
mod devices;
mod error;
mod estimates;
mod events;
mod grants;
mod measurements;
mod models;
mod results;
mod row;
mod runs;
mod summaries;
mod telemetry;
#[cfg(test)]
mod tests;

use std::time::Duration;

use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

pub(crate) use self::{
    accuracy::{AccuracyRun, ReferenceOutputs},
    artifacts::{ArtifactRecord, ArtifactUse},
    attempts::{AttemptContext, AttemptRecord, Loss, NextState, Renewed},
    campaigns::{CampaignRecord, NewCampaign, RunCounts, Submitted},
    devices::{DeviceIdentity, DeviceRecord, OpenSessionError, Seen},
    error::StoreError,
    events::EventRecord,
    grants::{Grant, Granted},
    measurements::MeasurementRecord,
    models::{AddModelError, AddVariantError, ModelRecord, NewModel, NewVariant, VariantRecord},
    results::{Accepted, ReportKey},
    runs::{ReadyClass, ReadyRun, RunPage, RunRecord},
    summaries::{MeasuredFigures, RunEnergy, RunFigures},
};

#[cfg(test)]
pub(crate) use self::summaries::FailureFigures;

/// Waiting longer than this for a connection means that PostgreSQL is away or drowning: say so instead of queueing.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// Enough to keep a small PostgreSQL busy, and a third of what the private one admits.
const MAX_CONNECTIONS: u32 = 16;

/// PostgreSQL, through a pool. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pool: PgPool,
}

impl Store {
    /// Connects, and brings the schema up to date.
    pub(crate) async fn open(options: PgConnectOptions) -> Result<Self, sqlx::Error> {
        let pool = PgPoolOptions::new()
            .max_connections(MAX_CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(with_limits(options))
            .await?;
        sqlx::migrate!("../migrations").run(&pool).await?;
        Ok(Self { pool })
    }

    /// Where to connect from now on: a restarted private server may listen elsewhere.
    pub(crate) fn reconnect_to(&self, options: PgConnectOptions) {
        self.pool.set_connect_options(with_limits(options));
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }

    #[cfg(test)]
    pub(crate) fn over(pool: PgPool) -> Self {
        Self { pool }
    }
}

/// A forgotten transaction pins dead rows and makes every claim dearer; no statement of ours takes a minute.
fn with_limits(options: PgConnectOptions) -> PgConnectOptions {
    options
        .application_name("furlong-coordinator")
        .options([("idle_in_transaction_session_timeout", "10s"), ("statement_timeout", "60s")])
}
