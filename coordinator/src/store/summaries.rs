//! The few figures of every run of a campaign that its summary and its page are made of. Light, because the page of a
//! running campaign is loaded again and again, maybe on the machine that measures.

use std::time::Duration;

use domain::{
    CampaignId, CellSpec, Estimate, FailureKind, Percentile, RunId, RunMode, RunState, Scope, ThrottleVerdict,
    VerdictLevel,
};

use super::{Store, StoreError, row::Place};

/// One run in brief.
#[derive(Debug, Clone)]
pub(crate) struct RunFigures {
    pub(crate) id: RunId,
    pub(crate) cell: u32,
    pub(crate) repetition: u32,
    pub(crate) mode: RunMode,
    pub(crate) state: RunState,
    /// Of the latest attempt.
    pub(crate) device: Option<String>,
    pub(crate) attempts: u32,
    /// Of the latest attempt that failed, unless the run is done.
    pub(crate) failure: Option<FailureFigures>,
    pub(crate) measured: Option<MeasuredFigures>,
    /// The suspect run that this one repeats.
    pub(crate) repeats: Option<RunId>,
}

/// A failure without its evidence.
#[derive(Debug, Clone)]
pub(crate) struct FailureFigures {
    pub(crate) kind: FailureKind,
    pub(crate) message: String,
}

#[derive(Debug, Clone)]
pub(crate) struct MeasuredFigures {
    pub(crate) verdict: VerdictLevel,
    pub(crate) p50_ns: u64,
    /// `None`: too few samples to quote it, or too old to know.
    pub(crate) p90_ns: Option<u64>,
    pub(crate) p99_ns: Option<u64>,
    pub(crate) throughput_per_s: f64,
    pub(crate) session_load: Duration,
    pub(crate) first_inference: Duration,
    pub(crate) peak_rss_bytes: u64,
    /// Or why there is none.
    pub(crate) energy: Result<RunEnergy, String>,
    /// The simulated board that measured; `None` = a real device.
    pub(crate) simulated: Option<String>,
}

/// The energy of one run in brief.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RunEnergy {
    pub(crate) scope: Scope,
    pub(crate) mean_w: f64,
    /// Joules of one sample of the model's input; or why they were refused.
    pub(crate) per_inference_j: Result<f64, String>,
    /// Share (0..1) of measuring that readings cover.
    pub(crate) coverage: f64,
    pub(crate) throttle: ThrottleVerdict,
    /// See [`domain::EnergyFigure::is_rankable`].
    pub(crate) rankable: bool,
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

    /// Every run of the campaign, in plan order, repeats of suspect runs last.
    pub(crate) async fn run_figures(&self, campaign: CampaignId) -> Result<Vec<RunFigures>, StoreError> {
        let rows = sqlx::query!(
            r#"select r.id, c.number, r.repetition, r.mode, r.state, r.attempts, r.repeats, latest.device as "device?",
                   failed.kind as "failure_kind?", failed.message as "failure_message?",
                   m.verdict as "verdict?", m.p50_ns as "p50_ns?",
                   jsonb_path_query_array(m.statistics, '$.estimates[*] ? (@.percentile == 900000 || @.percentile == 990000)')
                       as estimates,
                   m.sample_count as "sample_count?", m.measured_ns as "measured_ns?",
                   m.samples_per_query as "samples_per_query?",
                   m.session_load_ns as "session_load_ns?", m.first_inference_ns as "first_inference_ns?",
                   m.peak_rss_bytes as "peak_rss_bytes?", m.simulated as "simulated?",
                   e.scope as "scope?", e.mean_w as "mean_w?", e.per_inference_j as "per_inference_j?",
                   e.coverage as "coverage?", e.throttle as "throttle?", e.rankable as "rankable?",
                   m.statistics #>> '{energy,refusal}' as refusal, t.data ->> 'no_power' as no_power,
                   t.run_id is not null as "listened!"
               from run r join cell c on c.id = r.cell_id
               left join measurement m on m.run_id = r.id
               left join energy e on e.run_id = r.id
               left join telemetry t on t.run_id = r.id
               left join lateral (select d.name as device from attempt a join device d on d.id = a.device_id
                   where a.run_id = r.id order by a.number desc limit 1) latest on true
               left join lateral (select a.failure ->> 'kind' as kind, a.failure ->> 'message' as message
                   from attempt a where a.run_id = r.id and a.failure is not null order by a.number desc limit 1) failed on true
               where r.campaign_id = $1 order by r.id"#,
            campaign.0,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                let place = Place { table: "measurement", id: row.id };
                let unsigned = |column, value: Option<i64>| place.number::<u64>(column, place.required(column, value)?);
                let duration = |column, value| unsigned(column, value).map(Duration::from_nanos);
                let measured = match row.verdict {
                    None => None,
                    Some(verdict) => {
                        let samples = unsigned("sample_count", row.sample_count)?;
                        let estimates = row.estimates.map(|value| place.json::<Vec<Estimate>>("statistics", value));
                        let estimates = estimates.transpose()?.unwrap_or_default();
                        let quotable = |percentile| {
                            let estimate = estimates.iter().find(|estimate| estimate.percentile == percentile);
                            estimate.filter(|estimate| estimate.is_quotable(samples)).map(|estimate| estimate.value_ns)
                        };
                        let energy = match row.scope {
                            None => Err(match row.no_power {
                                Some(why) => format!("no sensor: {why}"),
                                None if row.listened => "the readings were of no use".to_owned(),
                                None => "none was recorded".to_owned(),
                            }),
                            Some(scope) => {
                                let place = Place { table: "energy", id: row.id };
                                let refusal = || row.refusal.unwrap_or_else(|| "not computed".to_owned());
                                Ok(RunEnergy {
                                    scope: place.named("scope", scope)?,
                                    mean_w: place.required("mean_w", row.mean_w)?,
                                    per_inference_j: row.per_inference_j.ok_or_else(refusal),
                                    coverage: place.required("coverage", row.coverage)?,
                                    throttle: place.named("throttle", place.required("throttle", row.throttle)?)?,
                                    rankable: place.required("rankable", row.rankable)?,
                                })
                            }
                        };
                        Some(MeasuredFigures {
                            verdict: place.named("verdict", verdict)?,
                            p50_ns: unsigned("p50_ns", row.p50_ns)?,
                            p90_ns: quotable(Percentile::P90),
                            p99_ns: quotable(Percentile::P99),
                            throughput_per_s: throughput(
                                unsigned("samples_per_query", row.samples_per_query)?,
                                samples,
                                unsigned("measured_ns", row.measured_ns)?,
                            ),
                            session_load: duration("session_load_ns", row.session_load_ns)?,
                            first_inference: duration("first_inference_ns", row.first_inference_ns)?,
                            peak_rss_bytes: unsigned("peak_rss_bytes", row.peak_rss_bytes)?,
                            energy,
                            simulated: row.simulated,
                        })
                    }
                };
                let run = Place { table: "run", id: row.id };
                let state = run.named("state", row.state)?;
                let failure = match (row.failure_kind, row.failure_message) {
                    (Some(kind), Some(message)) if state != RunState::Done => {
                        let kind = Place { table: "attempt", id: row.id }.named("failure", kind)?;
                        Some(FailureFigures { kind, message })
                    }
                    _ => None,
                };
                Ok(RunFigures {
                    id: RunId(row.id),
                    cell: run.number("number", row.number.into())?,
                    repetition: run.number("repetition", row.repetition.into())?,
                    mode: run.named("mode", row.mode)?,
                    state,
                    device: row.device,
                    attempts: run.number("attempts", row.attempts.into())?,
                    failure,
                    measured,
                    repeats: row.repeats.map(RunId),
                })
            })
            .collect()
    }
}

/// [`domain::Measurement::throughput_per_s`] of columns.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn throughput(samples_per_query: u64, samples: u64, measured_ns: u64) -> f64 {
    if measured_ns == 0 { 0.0 } else { samples_per_query as f64 * samples as f64 / (measured_ns as f64 / 1e9) }
}
