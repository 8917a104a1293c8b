//! The few figures of every run of a campaign that its summary is made of.

use std::time::Duration;

use domain::{CampaignId, CellSpec, RunState, VerdictLevel};

use super::{Store, StoreError, row::Place};

/// One run, as its cell's summary sees it.
#[derive(Debug, Clone)]
pub(crate) struct RunFigures {
    pub(crate) cell: u32,
    pub(crate) state: RunState,
    /// Of the latest attempt.
    pub(crate) device: Option<String>,
    /// Message of the latest failure.
    pub(crate) failure: Option<String>,
    pub(crate) measured: Option<MeasuredFigures>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct MeasuredFigures {
    pub(crate) verdict: VerdictLevel,
    pub(crate) p50_ns: u64,
    pub(crate) p90_ns: u64,
    pub(crate) p99_ns: u64,
    pub(crate) throughput_per_s: f64,
    pub(crate) session_load: Duration,
    pub(crate) first_inference: Duration,
    pub(crate) peak_rss_bytes: u64,
}

impl Store {
    /// Number and spec of every cell, in order.
    pub(crate) async fn cells(&self, campaign: CampaignId) -> Result<Vec<(u32, CellSpec)>, StoreError> {
        let rows = sqlx::query!("select id, number, spec from cell where campaign_id = $1 order by number", campaign.0)
            .fetch_all(&self.pool)
            .await?;
        rows.into_iter()
            .map(|row| {
                let place = Place { table: "cell", id: row.id };
                Ok((place.number("number", row.number.into())?, place.json("spec", row.spec)?))
            })
            .collect()
    }

    /// Every run of the campaign, in plan order.
    pub(crate) async fn run_figures(&self, campaign: CampaignId) -> Result<Vec<RunFigures>, StoreError> {
        let rows = sqlx::query!(
            r#"select r.id, c.number, r.state, latest.device as "device?", failed.message as "failure?",
                   m.verdict as "verdict?", m.p50_ns as "p50_ns?", m.p90_ns as "p90_ns?", m.p99_ns as "p99_ns?",
                   m.sample_count as "sample_count?", m.measured_ns as "measured_ns?", m.batch as "batch?",
                   m.session_load_ns as "session_load_ns?", m.first_inference_ns as "first_inference_ns?",
                   m.peak_rss_bytes as "peak_rss_bytes?"
               from run r join cell c on c.id = r.cell_id
               left join measurement m on m.run_id = r.id
               left join lateral (select d.name as device from attempt a join device d on d.id = a.device_id
                   where a.run_id = r.id order by a.number desc limit 1) latest on true
               left join lateral (select a.failure ->> 'message' as message from attempt a
                   where a.run_id = r.id and a.failure is not null order by a.number desc limit 1) failed on true
               where r.campaign_id = $1 order by r.id"#,
            campaign.0,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                let place = Place { table: "measurement", id: row.id };
                let unsigned = |column, value: Option<i64>| place.number::<u64>(column, place.required(column, value)?);
                let measured = match row.verdict {
                    None => None,
                    Some(verdict) => Some(MeasuredFigures {
                        verdict: place.named("verdict", verdict)?,
                        p50_ns: unsigned("p50_ns", row.p50_ns)?,
                        p90_ns: unsigned("p90_ns", row.p90_ns)?,
                        p99_ns: unsigned("p99_ns", row.p99_ns)?,
                        throughput_per_s: throughput(
                            unsigned("batch", row.batch)?,
                            unsigned("sample_count", row.sample_count)?,
                            unsigned("measured_ns", row.measured_ns)?,
                        ),
                        session_load: Duration::from_nanos(unsigned("session_load_ns", row.session_load_ns)?),
                        first_inference: Duration::from_nanos(unsigned("first_inference_ns", row.first_inference_ns)?),
                        peak_rss_bytes: unsigned("peak_rss_bytes", row.peak_rss_bytes)?,
                    }),
                };
                Ok(RunFigures {
                    cell: place.number("number", row.number.into())?,
                    state: Place { table: "run", id: row.id }.named("state", row.state)?,
                    device: row.device,
                    failure: row.failure,
                    measured,
                })
            })
            .collect()
    }
}

/// [`domain::Measurement::throughput_per_s`] of columns.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn throughput(batch: u64, samples: u64, measured_ns: u64) -> f64 {
    if measured_ns == 0 { 0.0 } else { batch as f64 * samples as f64 / (measured_ns as f64 / 1e9) }
}
