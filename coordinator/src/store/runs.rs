//! Runs: what is ready, for the scheduler; what became of them, for people.

use domain::{CampaignId, CellSpec, DeviceId, Failure, RunId, RunMode, RunState, Selector, ThermalGate};
use serde_json::Value;
use sqlx::types::Uuid;

use super::{MeasurementRecord, Store, StoreError, row::Place};

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
    /// The cell it belongs to, by the store's number.
    pub(crate) cell: i64,
    /// The device that executes all runs of this cell, once one has been chosen.
    pub(crate) bound_to: Option<DeviceId>,
    /// The device of its latest attempt, which did not succeed.
    pub(crate) tried_on: Option<DeviceId>,
    /// Whether it waits until its device is cool.
    pub(crate) gate: ThermalGate,
}

/// Which runs to list.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RunPage {
    /// Of one campaign in plan order, repeats of suspect runs last, after a run.
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
    pub(crate) mode: RunMode,
    pub(crate) state: RunState,
    pub(crate) spec: CellSpec,
    /// Of the latest attempt.
    pub(crate) device: Option<String>,
    pub(crate) attempts: u32,
    /// If and only if the run is done.
    pub(crate) measured: Option<MeasurementRecord>,
    /// Of the latest attempt that failed, unless the run is done.
    pub(crate) failure: Option<Failure>,
    /// The suspect run that this one repeats, and the run that repeats this one.
    pub(crate) repeats: Option<RunId>,
    pub(crate) repeated_by: Option<RunId>,
}

struct ReadyRow {
    id: i64,
    selector_class_id: i64,
    cell_id: i64,
    campaign_id: i64,
    position: i32,
    bound_to: Option<Uuid>,
    thermal_gate: String,
    tried_on: Option<Uuid>,
}

impl TryFrom<ReadyRow> for ReadyRun {
    type Error = StoreError;

    fn try_from(row: ReadyRow) -> Result<Self, StoreError> {
        let ReadyRow { id, selector_class_id, cell_id, campaign_id: _, position: _, bound_to, thermal_gate, tried_on } =
            row;
        Ok(Self {
            id: RunId(id),
            class: selector_class_id,
            cell: cell_id,
            bound_to: bound_to.map(DeviceId),
            tried_on: tried_on.map(DeviceId),
            gate: Place { table: "cell", id: cell_id }.named("thermal_gate", thermal_gate)?,
        })
    }
}

struct RunRow {
    id: i64,
    campaign_id: i64,
    cell_id: i64,
    number: i32,
    repetition: i32,
    mode: String,
    state: String,
    spec: Value,
    device: Option<String>,
    attempts: i32,
    failure: Option<Value>,
    repeats: Option<i64>,
    repeated_by: Option<i64>,
}

impl RunRecord {
    /// `measured` of the same run, read after the row.
    fn of(row: RunRow, measured: Option<MeasurementRecord>) -> Result<Self, StoreError> {
        let RunRow {
            id,
            campaign_id,
            cell_id,
            number,
            repetition,
            mode,
            state,
            spec,
            device,
            attempts,
            failure,
            repeats,
            repeated_by,
        } = row;
        let place = Place { table: "run", id };
        let cell = Place { table: "cell", id: cell_id };
        let state = place.named("state", state)?;
        // A measurement exists if and only if the run is done; it may have become so since its row was read.
        let measured = if state == RunState::Done { Some(place.required("state", measured)?) } else { None };
        let failure = failure.filter(|_| state != RunState::Done);
        Ok(Self {
            id: RunId(id),
            campaign: CampaignId(campaign_id),
            cell: cell.number("number", number.into())?,
            repetition: place.number("repetition", repetition.into())?,
            mode: place.named("mode", mode)?,
            state,
            spec: cell.json("spec", spec)?,
            device,
            attempts: place.number("attempts", attempts.into())?,
            measured,
            failure: failure.map(|value| Place { table: "attempt", id }.json("failure", value)).transpose()?,
            repeats: repeats.map(RunId),
            repeated_by: repeated_by.map(RunId),
        })
    }
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

    /// The first `per_class` ready runs of each class that one of the `idle` devices may execute, in order of campaign and
    /// position. Of a cell, the first ready run only: a device takes one at a time, and a cell has one device.
    ///
    /// Where some of the idle devices are `hot`, as many again that need not wait for a cool one: they would else be hidden
    /// behind those that do. What is bound to a hot device and waits for it is left out for the same reason.
    pub(crate) async fn ready_runs(
        &self,
        classes: &[i64],
        idle: &[DeviceId],
        hot: &[DeviceId],
        per_class: u32,
    ) -> Result<Vec<ReadyRun>, StoreError> {
        let [idle, hot] = [idle, hot].map(|devices| devices.iter().map(|device| device.0).collect::<Vec<_>>());
        let mut rows = self.first_ready(classes, &idle, &hot, per_class).await?;
        if !hot.is_empty() {
            rows.extend(self.first_ungated(classes, &idle, per_class).await?);
            rows.sort_by_key(|row| (row.campaign_id, row.position));
        }
        rows.into_iter().map(ReadyRun::try_from).collect()
    }

    /// If any device is hot, of runs that wait for a cool one only, and none that is bound to a hot one.
    async fn first_ready(
        &self,
        classes: &[i64],
        idle: &[Uuid],
        hot: &[Uuid],
        per_class: u32,
    ) -> Result<Vec<ReadyRow>, StoreError> {
        let rows = sqlx::query_as!(
            ReadyRow,
            r#"select r.id, r.selector_class_id, r.cell_id, r.campaign_id, r.position, r.bound_to, r.thermal_gate,
                   (select a.device_id from attempt a where a.run_id = r.id order by a.number desc limit 1)
                       as "tried_on: Uuid"
               from unnest($1::bigint[]) as class (id)
               cross join lateral (
                   select run.id, run.selector_class_id, run.cell_id, run.campaign_id, run.position,
                       c.device_id as bound_to, c.thermal_gate
                   from run join cell c on c.id = run.cell_id
                   where run.selector_class_id = class.id and run.state = 'ready'
                     and (run.not_before is null or run.not_before <= clock_timestamp())
                     and (c.device_id is null or c.device_id = any($3))
                     and (cardinality($4::uuid[]) = 0
                         or c.thermal_gate <> 'off' and (c.device_id is null or c.device_id <> all($4)))
                     and not exists (select 1 from run earlier where earlier.cell_id = run.cell_id
                         and earlier.state = 'ready' and earlier.position < run.position
                         and (earlier.not_before is null or earlier.not_before <= clock_timestamp()))
                   order by run.campaign_id, run.position limit $2) r
               order by r.campaign_id, r.position"#,
            classes,
            i64::from(per_class),
            idle,
            hot,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows)
    }

    /// Of runs that need not wait for a cool device. A statement of its own, which finds them by the index of their cells.
    async fn first_ungated(&self, classes: &[i64], idle: &[Uuid], per_class: u32) -> Result<Vec<ReadyRow>, StoreError> {
        let rows = sqlx::query_as!(
            ReadyRow,
            r#"select r.id, r.selector_class_id, r.cell_id, r.campaign_id, r.position, r.bound_to, r.thermal_gate,
                   (select a.device_id from attempt a where a.run_id = r.id order by a.number desc limit 1)
                       as "tried_on: Uuid"
               from unnest($1::bigint[]) as class (id)
               cross join lateral (
                   select run.id, run.selector_class_id, run.cell_id, run.campaign_id, run.position,
                       c.device_id as bound_to, c.thermal_gate
                   from run join cell c on c.id = run.cell_id and c.thermal_gate = 'off'
                   where run.selector_class_id = class.id and run.state = 'ready'
                     and (run.not_before is null or run.not_before <= clock_timestamp())
                     and (c.device_id is null or c.device_id = any($3))
                     and not exists (select 1 from run earlier where earlier.cell_id = run.cell_id
                         and earlier.state = 'ready' and earlier.position < run.position
                         and (earlier.not_before is null or earlier.not_before <= clock_timestamp()))
                   order by run.campaign_id, run.position limit $2) r"#,
            classes,
            i64::from(per_class),
            idle,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows)
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
        let rows = sqlx::query_as!(
            RunRow,
            r#"select r.id, r.campaign_id, c.id as cell_id, c.number, r.repetition, r.mode, r.state, c.spec, r.attempts,
                   (select d.name from attempt a join device d on d.id = a.device_id
                    where a.run_id = r.id order by a.number desc limit 1) as device,
                   (select a.failure from attempt a
                    where a.run_id = r.id and a.failure is not null order by a.number desc limit 1) as failure,
                   r.repeats, (select again.id from run again where again.repeats = r.id) as repeated_by
               from run r join cell c on c.id = r.cell_id
               where r.id = any($1) order by r.id"#,
            ids,
        )
        .fetch_all(&self.pool)
        .await?;
        let mut measured = self.measurements(ids).await?;
        rows.into_iter()
            .map(|row| {
                let measured = measured.remove(&row.id);
                RunRecord::of(row, measured)
            })
            .collect()
    }
}
