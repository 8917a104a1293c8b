//! Reading what was measured.

use domain::{CampaignId, CellSpec, RunId, Samples};
use prost::Message as _;
use proto::pb;
use tonic::{Request, Response, Status};

use super::{Answers, produce, status::internal, trace};
use crate::{engine::Engine, store::RunPage, summary::summarize};

const RUNS_DEFAULT: u32 = 1_000;
const RUNS_LIMIT: u32 = 10_000;
/// An answer stays below what clients accept by default (4 MiB), with room for framing.
const ANSWER_LIMIT_BYTES: usize = 4 * 1024 * 1024 - 64 * 1024;

pub(super) struct ResultDoor(pub(super) Engine);

#[tonic::async_trait]
impl pb::result_service_server::ResultService for ResultDoor {
    type GetTraceStream = Answers<pb::TraceChunk>;

    /// Answers fewer runs than asked for where they would not fit into one message: go on from the last one's id.
    async fn query_runs(
        &self,
        request: Request<pb::QueryRunsRequest>,
    ) -> Result<Response<pb::QueryRunsResponse>, Status> {
        let pb::QueryRunsRequest { campaign_id, limit, cursor } = request.into_inner();
        let limit = if limit == 0 { RUNS_DEFAULT } else { limit.min(RUNS_LIMIT) };
        let page = if campaign_id > 0 {
            RunPage::Campaign { id: CampaignId(campaign_id), after: cursor }
        } else {
            RunPage::All { before: (cursor > 0).then_some(RunId(cursor)) }
        };
        let mut runs = Vec::new();
        let mut bytes = 0;
        for run in self.0.store().runs(page, limit).await? {
            let run = pb::Run::from(run);
            bytes += run.encoded_len() + 8;
            if bytes > ANSWER_LIMIT_BYTES {
                break;
            }
            runs.push(run);
        }
        Ok(Response::new(pb::QueryRunsResponse { runs }))
    }

    async fn get_run(&self, request: Request<pb::GetRunRequest>) -> Result<Response<pb::RunDetail>, Status> {
        let pb::GetRunRequest { id, with_samples } = request.into_inner();
        let store = self.0.store();
        let run = store.runs(RunPage::One(RunId(id)), 1).await?.pop();
        let mut run = run.ok_or_else(|| Status::not_found(format!("there is no run {}", RunId(id))))?;
        let attempts = store.attempts(run.id).await?.into_iter().map(Into::into).collect();
        let (mut latency_ns, mut slip_ns) = (Vec::new(), Vec::new());
        if let Some(measured) = &mut run.measured {
            measured.measurement.placement = store.placement(run.id).await?;
            measured.measurement.telemetry = store.telemetry(run.id).await?.map(Box::new);
            if with_samples {
                latency_ns = decoded(store.samples(run.id).await?).await?;
                slip_ns = decoded(store.slip(run.id).await?).await?;
            }
        }
        let detail = pb::RunDetail { run: Some(run.into()), attempts, latency_ns, slip_ns };
        if detail.encoded_len() > ANSWER_LIMIT_BYTES {
            return Err(Status::resource_exhausted(format!(
                "the run with its {} samples does not fit into one message of 4 MiB",
                detail.latency_ns.len()
            )));
        }
        Ok(Response::new(detail))
    }

    async fn get_trace(&self, request: Request<pb::GetTraceRequest>) -> Result<Response<Self::GetTraceStream>, Status> {
        let readings = trace::find(&self.0, RunId(request.into_inner().run_id)).await?;
        Ok(Response::new(produce(&self.0, |chunks| trace::send(readings, chunks))))
    }

    async fn summarize_campaign(
        &self,
        request: Request<pb::SummarizeCampaignRequest>,
    ) -> Result<Response<pb::SummarizeCampaignResponse>, Status> {
        let id = CampaignId(request.into_inner().campaign_id);
        let cells = self.0.store().cells(id).await?;
        if cells.is_empty() {
            return Err(Status::not_found(format!("there is no campaign {id}")));
        }
        let runs = self.0.store().run_figures(id).await?;
        let mut accuracies = self.0.accuracies(id, &cells).await?;
        let cells = summarize(cells, &runs).into_iter().map(|summary| {
            let (cell, spec) = (summary.cell, summary.spec.clone());
            let mut wire = pb::CellSummary::from(summary);
            wire.accuracy = accuracies.remove(&cell).map(Into::into);
            if wire.accuracy.is_none() {
                no_accuracy(&spec).unwrap_or_default().clone_into(&mut wire.no_accuracy_reason);
            }
            wire
        });
        let cells = cells.collect();
        Ok(Response::new(pb::SummarizeCampaignResponse { cells }))
    }
}

/// Why a cell that asks for accuracy has none.
fn no_accuracy(spec: &CellSpec) -> Option<&'static str> {
    let rule = spec.accuracy.as_ref()?;
    Some(match rule.evaluation {
        Some(_) => "no valid run over the data set is done",
        None => "not applicable: the campaign names no data set, or the model has random weights",
    })
}

/// Nanoseconds, in issue order. Takes up to a second for the greatest blob: off the loop.
async fn decoded(samples: Option<Samples>) -> Result<Vec<u64>, Status> {
    let Some(samples) = samples else { return Ok(Vec::new()) };
    let decoded = tokio::task::spawn_blocking(move || analysis::samples::decode(&samples)).await;
    decoded.map_err(|error| internal(&error))?.map_err(|error| internal(&error))
}
