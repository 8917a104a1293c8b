//! Devices and their session epochs.

use domain::{DeviceFacts, DeviceId, Heat, Labels, RunId, Timestamp};
use serde_json::Value;
use sqlx::types::time::OffsetDateTime;

use super::{
    Store, StoreError,
    row::{Place, at, to_json},
};

/// What an agent says about its device in Hello.
#[derive(Debug, Clone)]
pub(crate) struct DeviceIdentity {
    pub(crate) id: DeviceId,
    pub(crate) name: String,
    pub(crate) labels: Labels,
    pub(crate) facts: DeviceFacts,
    pub(crate) agent_version: String,
    pub(crate) boot_id: String,
}

#[derive(Debug, Clone)]
pub(crate) struct DeviceRecord {
    pub(crate) id: DeviceId,
    pub(crate) name: String,
    pub(crate) labels: Labels,
    pub(crate) facts: DeviceFacts,
    pub(crate) agent_version: String,
    pub(crate) last_seen: Timestamp,
    /// As it told last, and when; `None` = it never told.
    pub(crate) heat: Option<(Heat, Timestamp)>,
    /// The run it holds a lease on.
    pub(crate) current_run: Option<RunId>,
}

/// When a device was heard, and how hot it said to be then or before; `None` = it did not say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Seen {
    pub(crate) device: DeviceId,
    pub(crate) at: Timestamp,
    pub(crate) heat: Option<(Heat, Timestamp)>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenSessionError {
    #[error("the device name `{0}` belongs to another device")]
    NameTaken(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Enrols the device or brings its row up to date, and makes every older session of it void. Answers the epoch.
    pub(crate) async fn open_session(&self, device: &DeviceIdentity, now: Timestamp) -> Result<i64, OpenSessionError> {
        let DeviceIdentity { id, name, labels, facts, agent_version, boot_id } = device;
        let result = sqlx::query_scalar!(
            "insert into device (id, name, labels, facts, agent_version, boot_id, enrolled_at, last_seen)
             values ($1, $2, $3, $4, $5, $6, $7, $7)
             on conflict (id) do update set
                 name = excluded.name, labels = excluded.labels, facts = excluded.facts,
                 agent_version = excluded.agent_version, boot_id = excluded.boot_id, last_seen = excluded.last_seen,
                 session_epoch = device.session_epoch + 1
             returning session_epoch",
            id.0,
            name,
            to_json("labels", labels)?,
            to_json("facts", facts)?,
            agent_version,
            boot_id,
            at(now),
        )
        .fetch_one(&self.pool)
        .await;
        result.map_err(|error| match error.as_database_error().and_then(|database| database.constraint()) {
            Some("device_name_key") => OpenSessionError::NameTaken(name.clone()),
            _ => OpenSessionError::Store(error.into()),
        })
    }

    /// Notes when each device was last heard, and its heat. One statement for all, now and then: heartbeats are not rows.
    pub(crate) async fn note_seen(&self, seen: &[Seen]) -> Result<(), StoreError> {
        let ids: Vec<_> = seen.iter().map(|seen| seen.device.0).collect();
        let times: Vec<_> = seen.iter().map(|seen| at(seen.at)).collect();
        let heats: Vec<Option<Value>> = seen
            .iter()
            .map(|seen| seen.heat.map(|(heat, _)| to_json("heat", &heat)).transpose())
            .collect::<Result<_, _>>()?;
        let heat_times: Vec<Option<OffsetDateTime>> =
            seen.iter().map(|seen| seen.heat.map(|(_, told)| at(told))).collect();
        sqlx::query!(
            "update device d set last_seen = seen.last_seen, heat = coalesce(seen.heat, d.heat),
                 heat_at = coalesce(seen.heat_at, d.heat_at)
             from unnest($1::uuid[], $2::timestamptz[], $3::jsonb[], $4::timestamptz[])
                 as seen (id, last_seen, heat, heat_at)
             where d.id = seen.id",
            &ids,
            &times,
            &heats as &[Option<Value>],
            &heat_times as &[Option<OffsetDateTime>],
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// By name.
    pub(crate) async fn devices(&self) -> Result<Vec<DeviceRecord>, StoreError> {
        let rows = sqlx::query!(
            r#"select d.id, d.name, d.labels, d.facts, d.agent_version, d.last_seen, d.heat, d.heat_at,
                   a.run_id as "run_id?"
               from device d left join attempt a on a.device_id = d.id and a.state in ('leased', 'running')
               order by d.name"#,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                let place = Place { table: "device", id: row.id };
                Ok(DeviceRecord {
                    id: DeviceId(row.id),
                    name: row.name,
                    labels: place.json("labels", row.labels)?,
                    facts: place.json("facts", row.facts)?,
                    agent_version: row.agent_version,
                    last_seen: row.last_seen.into(),
                    heat: match (row.heat, row.heat_at) {
                        (Some(heat), Some(told)) => Some((place.json("heat", heat)?, told.into())),
                        _ => None,
                    },
                    current_run: row.run_id.map(RunId),
                })
            })
            .collect()
    }

    /// Which of these devices hold a lease.
    pub(crate) async fn busy_devices(&self, among: &[DeviceId]) -> Result<Vec<DeviceId>, StoreError> {
        let ids: Vec<_> = among.iter().map(|id| id.0).collect();
        let busy = sqlx::query_scalar!(
            "select device_id from attempt where state in ('leased', 'running') and device_id = any($1)",
            &ids,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(busy.into_iter().map(DeviceId).collect())
    }
}
