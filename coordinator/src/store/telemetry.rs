//! What devices told of power, heat and clocks beside a run, and the energy that follows from it. The trace is read one run
//! at a time: it may have megabytes.

use domain::{
    Cooldown, EnergyFigure, HeatFigure, Pin, PowerRecord, Regime, RunId, Statistics, Telemetry, ThrottleSignal,
    ThrottleVerdict, Windows,
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use super::{
    Store, StoreError,
    row::{Place, name_of, to_json},
};

/// [`Telemetry`] without its trace, as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct StoredTelemetry {
    power: Option<PowerRecord>,
    no_power: Option<String>,
    windows: Windows,
    cooldown: Option<Cooldown>,
    throttle: Vec<ThrottleSignal>,
    pinned: Vec<Pin>,
    simulated: Option<String>,
}

impl From<StoredTelemetry> for Telemetry {
    fn from(stored: StoredTelemetry) -> Self {
        let StoredTelemetry { power, no_power, windows, cooldown, throttle, pinned, simulated } = stored;
        Self { power, no_power, trace: Vec::new(), windows, cooldown, throttle, pinned, simulated }
    }
}

impl Store {
    /// What was recorded beside a run, but for the trace ([`Store::trace`]); `None` if nobody listened.
    pub(crate) async fn telemetry(&self, run: RunId) -> Result<Option<Telemetry>, StoreError> {
        let data = sqlx::query_scalar!("select data from telemetry where run_id = $1", run.0)
            .fetch_optional(&self.pool)
            .await?;
        let stored = data.map(|data| Place { table: "telemetry", id: run.0 }.json::<StoredTelemetry>("data", data));
        Ok(stored.transpose()?.map(Into::into))
    }

    /// Every series of a run, compressed: see [`Telemetry::trace`]. Empty if there is none.
    pub(crate) async fn trace(&self, run: RunId) -> Result<Vec<u8>, StoreError> {
        let data = sqlx::query_scalar!("select data from trace_blob where run_id = $1", run.0)
            .fetch_optional(&self.pool)
            .await?;
        Ok(data.unwrap_or_default())
    }
}

/// Stores what was recorded beside a run whose measurement is stored.
pub(super) async fn insert_telemetry(
    tx: &mut PgConnection,
    run: RunId,
    telemetry: &Telemetry,
) -> Result<(), StoreError> {
    let Telemetry { power, no_power, trace, windows, cooldown, throttle, pinned, simulated } = telemetry.clone();
    let stored = StoredTelemetry { power, no_power, windows, cooldown, throttle, pinned, simulated };
    sqlx::query!("insert into telemetry (run_id, data) values ($1, $2)", run.0, to_json("data", &stored)?)
        .execute(&mut *tx)
        .await?;
    if !trace.is_empty() {
        sqlx::query!("insert into trace_blob (run_id, codec, data) values ($1, 'furlong-trace-1', $2)", run.0, trace)
            .execute(tx)
            .await?;
    }
    Ok(())
}

/// Stores the energy of a run whose measurement is stored, if it has one.
pub(super) async fn insert_energy(
    tx: &mut PgConnection,
    run: RunId,
    regime: Regime,
    statistics: &Statistics,
) -> Result<(), StoreError> {
    let Some(figure) = &statistics.energy else { return Ok(()) };
    let throttle = statistics.heat.as_ref().map_or(ThrottleVerdict::Unknown, |HeatFigure { throttle, .. }| *throttle);
    let EnergyFigure { source, scope, mean_w, gross_j, per_inference_j, uncertainty, coverage, .. } = figure;
    sqlx::query!(
        "insert into energy (run_id, source, scope, mean_w, gross_j, per_inference_j, uncertainty, coverage, throttle,
             rankable)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        run.0,
        source,
        name_of("scope", scope)?,
        mean_w,
        gross_j.as_ref(),
        per_inference_j.as_ref(),
        uncertainty.as_ref(),
        // A share that is a rounding error above one.
        coverage.clamp(0.0, 1.0),
        throttle.name(),
        figure.is_rankable(throttle, regime),
    )
    .execute(tx)
    .await?;
    Ok(())
}
