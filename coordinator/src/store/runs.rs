//! Runs: what is ready, for the scheduler; what became of them, for people.

use std::time::Duration;

use domain::{
    CampaignId, CellSpec, DeviceId, Environment, Failure, LatencySummary, Measurement, RunId, RunState, Samples,
    Selector, Verdict,
};
use serde_json::Value;
use sqlx::types::{Uuid, time::OffsetDateTime};

use super::{Store, StoreError, row::Place};

/// A selector that ready runs wait under.
#[derive(Debug, Clone)]
pub(crate) struct ReadyClass {
    pub(crate) id: i64,
    pub(crate) selector: Selector,
}

/// A run that may be granted now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadyRun {
    pub(crate) id: RunId,
    /// See [`ReadyClass::id`].
    pub(crate) class: i64,
    /// The device of its latest attempt, which did not succeed.
    pub(crate) tried_on: Option<DeviceId>,
}

/// Which runs to list.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RunPage {
    /// Of one campaign in plan order, after a run.
    Campaign {
        id: CampaignId,
        after: i64,
    },
    /// Of all, newest first, before a run if given.
    All {
        before: Option<RunId>,
    },
    One(RunId),
}

#[derive(Debug, Clone)]
pub(crate) struct RunRecord {
    pub(crate) id: RunId,
    pub(crate) campaign: CampaignId,
    pub(crate) cell: u32,
    pub(crate) repetition: u32,
    pub(crate) state: RunState,
    pub(crate) spec: CellSpec,
    /// Of the latest attempt.
    pub(crate) device: Option<String>,
    pub(crate) attempts: u32,
    /// Without its blobs: see [`Store::samples`].
    pub(crate) measurement: Option<Measurement>,
    pub(crate) verdict: Option<Verdict>,
    /// Of the latest attempt that failed, unless the run is done.
    pub(crate) failure: Option<Failure>,
}

struct RunRow {
    id: i64,
    campaign_id: i64,
    cell_id: i64,
    number: i32,
    repetition: i32,
    state: String,
    spec: Value,
    device: Option<String>,
    attempts: i32,
    failure: Option<Value>,
    started_at: Option<OffsetDateTime>,
    measured_ns: Option<i64>,
    sample_count: Option<i64>,
    min_ns: Option<i64>,
    p50_ns: Option<i64>,
    p90_ns: Option<i64>,
    p95_ns: Option<i64>,
    p99_ns: Option<i64>,
    p999_ns: Option<i64>,
    max_ns: Option<i64>,
    mean_ns: Option<f64>,
    mad_ns: Option<i64>,
    runtime_load_ns: Option<i64>,
    session_load_ns: Option<i64>,
    first_inference_ns: Option<i64>,
    warmup_iterations: Option<i64>,
    peak_rss_bytes: Option<i64>,
    end_rss_bytes: Option<i64>,
    batch: Option<i64>,
    environment: Option<Value>,
    inputs: Option<Value>,
    outputs: Option<Value>,
    verdict: Option<String>,
    verdict_reasons: Option<Value>,
    quantum_ns: Option<i64>,
}

impl TryFrom<RunRow> for RunRecord {
    type Error = StoreError;

    fn try_from(row: RunRow) -> Result<Self, StoreError> {
        let place = Place { table: "run", id: row.id };
        let cell = Place { table: "cell", id: row.cell_id };
        let state = place.named("state", row.state.clone())?;
        // A measurement row exists if and only if the run is done.
        if (state == RunState::Done) != row.started_at.is_some() {
            return Err(place.inconsistent("state"));
        }
        let (measurement, verdict) = match row.started_at {
            Some(started_at) => {
                let (measurement, verdict) = measured(&row, started_at)?;
                (Some(measurement), Some(verdict))
            }
            None => (None, None),
        };
        let failure = row.failure.filter(|_| state != RunState::Done);
        Ok(Self {
            id: RunId(row.id),
            campaign: CampaignId(row.campaign_id),
            cell: cell.number("number", row.number.into())?,
            repetition: place.number("repetition", row.repetition.into())?,
            state,
            spec: cell.json("spec", row.spec)?,
            device: row.device,
            attempts: place.number("attempts", row.attempts.into())?,
            measurement,
            verdict,
            failure: failure.map(|value| Place { table: "attempt", id: row.id }.json("failure", value)).transpose()?,
        })
    }
}

fn measured(row: &RunRow, started_at: OffsetDateTime) -> Result<(Measurement, Verdict), StoreError> {
    let place = Place { table: "measurement", id: row.id };
    let unsigned = |column, value: Option<i64>| place.number::<u64>(column, place.required(column, value)?);
    let count = |column, value: Option<i64>| place.number::<u32>(column, place.required(column, value)?);
    let duration = |column, value| unsigned(column, value).map(Duration::from_nanos);
    let json = |column, value: &Option<Value>| place.required(column, value.clone());
    let environment: Environment = place.json("environment", json("environment", &row.environment)?)?;
    let measurement = Measurement {
        started_at: started_at.into(),
        measured: duration("measured_ns", row.measured_ns)?,
        samples: Samples {
            pco: Vec::new(),
            count: count("sample_count", row.sample_count)?,
            quantum_ns: count("quantum_ns", row.quantum_ns)?,
        },
        latency: LatencySummary {
            min_ns: unsigned("min_ns", row.min_ns)?,
            p50_ns: unsigned("p50_ns", row.p50_ns)?,
            p90_ns: unsigned("p90_ns", row.p90_ns)?,
            p95_ns: unsigned("p95_ns", row.p95_ns)?,
            p99_ns: unsigned("p99_ns", row.p99_ns)?,
            p999_ns: unsigned("p999_ns", row.p999_ns)?,
            max_ns: unsigned("max_ns", row.max_ns)?,
            mean_ns: place.required("mean_ns", row.mean_ns)?,
            mad_ns: unsigned("mad_ns", row.mad_ns)?,
        },
        histogram: Vec::new(),
        runtime_load: duration("runtime_load_ns", row.runtime_load_ns)?,
        session_load: duration("session_load_ns", row.session_load_ns)?,
        first_inference: duration("first_inference_ns", row.first_inference_ns)?,
        warmup_iterations: count("warmup_iterations", row.warmup_iterations)?,
        peak_rss_bytes: unsigned("peak_rss_bytes", row.peak_rss_bytes)?,
        end_rss_bytes: unsigned("end_rss_bytes", row.end_rss_bytes)?,
        batch: count("batch", row.batch)?,
        environment,
        inputs: place.json("inputs", json("inputs", &row.inputs)?)?,
        outputs: place.json("outputs", json("outputs", &row.outputs)?)?,
    };
    let verdict = Verdict {
        level: place.named("verdict", place.required("verdict", row.verdict.clone())?)?,
        reasons: place.json("verdict_reasons", json("verdict_reasons", &row.verdict_reasons)?)?,
    };
    Ok((measurement, verdict))
}

impl Store {
    /// Selectors of all ready runs whose time has come.
    pub(crate) async fn ready_classes(&self) -> Result<Vec<ReadyClass>, StoreError> {
        let rows = sqlx::query!(
            "select s.id, s.selector from selector_class s where exists
                 (select 1 from run r where r.selector_class_id = s.id and r.state = 'ready'
                  and (r.not_before is null or r.not_before <= clock_timestamp()))
             order by s.id",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                let place = Place { table: "selector_class", id: row.id };
                Ok(ReadyClass { id: row.id, selector: place.named("selector", row.selector)? })
            })
            .collect()
    }

    /// The first `per_class` ready runs of each class, in order of campaign and position.
    pub(crate) async fn ready_runs(&self, classes: &[i64], per_class: u32) -> Result<Vec<ReadyRun>, StoreError> {
        let rows = sqlx::query!(
            r#"select r.id, r.selector_class_id,
                   (select a.device_id from attempt a where a.run_id = r.id order by a.number desc limit 1)
                       as "tried_on: Uuid"
               from unnest($1::bigint[]) as class (id)
               cross join lateral (
                   select * from run where selector_class_id = class.id and state = 'ready'
                     and (not_before is null or not_before <= clock_timestamp())
                   order by campaign_id, position limit $2) r
               order by r.campaign_id, r.position"#,
            classes,
            i64::from(per_class),
        )
        .fetch_all(&self.pool)
        .await?;
        let ready = rows.into_iter().map(|row| ReadyRun {
            id: RunId(row.id),
            class: row.selector_class_id,
            tried_on: row.tried_on.map(DeviceId),
        });
        Ok(ready.collect())
    }

    pub(crate) async fn runs(&self, page: RunPage, limit: u32) -> Result<Vec<RunRecord>, StoreError> {
        let limit = i64::from(limit);
        let ids = match page {
            RunPage::Campaign { id, after } => {
                sqlx::query_scalar!(
                    "select id from run where campaign_id = $1 and id > $2 order by id limit $3",
                    id.0,
                    after,
                    limit
                )
                .fetch_all(&self.pool)
                .await?
            }
            RunPage::All { before } => {
                sqlx::query_scalar!(
                    "select id from run where $1::bigint is null or id < $1 order by id desc limit $2",
                    before.map(|id| id.0),
                    limit
                )
                .fetch_all(&self.pool)
                .await?
            }
            RunPage::One(id) => vec![id.0],
        };
        let mut runs = self.runs_by_id(&ids).await?;
        if matches!(page, RunPage::All { .. }) {
            runs.reverse();
        }
        Ok(runs)
    }

    /// In order of id.
    async fn runs_by_id(&self, ids: &[i64]) -> Result<Vec<RunRecord>, StoreError> {
        sqlx::query_as!(
            RunRow,
            r#"select r.id, r.campaign_id, c.id as cell_id, c.number, r.repetition, r.state, c.spec, r.attempts,
                   (select d.name from attempt a join device d on d.id = a.device_id
                    where a.run_id = r.id order by a.number desc limit 1) as device,
                   (select a.failure from attempt a
                    where a.run_id = r.id and a.failure is not null order by a.number desc limit 1) as failure,
                   m.started_at as "started_at?", m.measured_ns as "measured_ns?", m.sample_count as "sample_count?",
                   m.min_ns as "min_ns?", m.p50_ns as "p50_ns?", m.p90_ns as "p90_ns?", m.p95_ns as "p95_ns?",
                   m.p99_ns as "p99_ns?", m.p999_ns as "p999_ns?", m.max_ns as "max_ns?", m.mean_ns as "mean_ns?",
                   m.mad_ns as "mad_ns?", m.runtime_load_ns as "runtime_load_ns?",
                   m.session_load_ns as "session_load_ns?", m.first_inference_ns as "first_inference_ns?",
                   m.warmup_iterations as "warmup_iterations?", m.peak_rss_bytes as "peak_rss_bytes?",
                   m.end_rss_bytes as "end_rss_bytes?", m.batch as "batch?", m.environment as "environment?",
                   m.inputs as "inputs?", m.outputs as "outputs?", m.verdict as "verdict?",
                   m.verdict_reasons as "verdict_reasons?", b.quantum_ns as "quantum_ns?"
               from run r join cell c on c.id = r.cell_id
               left join measurement m on m.run_id = r.id
               left join sample_blob b on b.run_id = r.id
               where r.id = any($1) order by r.id"#,
            ids,
        )
        .fetch_all(&self.pool)
        .await?
        .into_iter()
        .map(RunRecord::try_from)
        .collect()
    }
}
