//! Campaigns: submit, get, list, cancel, watch.

use std::{collections::BTreeMap, time::Duration};

use domain::{CampaignId, CampaignState};
use proto::pb;
use tokio::sync::mpsc;
use tonic::{Request, Response, Status};

use super::{Answers, convert::digest, produce, status::invalid};
use crate::engine::{CampaignView, Engine, Submission};

/// How long a change made by another process may go unseen by a watcher.
const POLL: Duration = Duration::from_millis(250);
/// Events in one update.
const EVENTS_AT_ONCE: u32 = 500;
/// Keys in one question: as many cells as any campaign can have.
const ESTIMATE_LIMIT: usize = 100_000;
const LIST_DEFAULT: u32 = 50;
const LIST_LIMIT: u32 = 500;

pub(super) struct CampaignDoor(pub(super) Engine);

fn not_found(id: i64) -> Status {
    Status::not_found(format!("there is no campaign {}", CampaignId(id)))
}

impl CampaignDoor {
    async fn view(&self, id: i64) -> Result<CampaignView, Status> {
        self.0.campaign(CampaignId(id)).await?.ok_or_else(|| not_found(id))
    }
}

#[tonic::async_trait]
impl pb::campaign_service_server::CampaignService for CampaignDoor {
    type WatchCampaignStream = Answers<pb::CampaignUpdate>;

    async fn submit_campaign(
        &self,
        request: Request<pb::SubmitCampaignRequest>,
    ) -> Result<Response<pb::SubmitCampaignResponse>, Status> {
        let pb::SubmitCampaignRequest { yaml, file_name, attachments, idempotency_key, includes, confirmed } =
            request.into_inner();
        let includes = includes.into_iter().collect();
        let attachments = attachments
            .into_iter()
            .map(|pb::Attachment { path, sha256, size_bytes: _ }| {
                Ok((path, digest("attachments.sha256", &sha256).map_err(|error| invalid(&error))?))
            })
            .collect::<Result<BTreeMap<_, _>, Status>>()?;
        let submission = Submission { yaml, file_name, includes, attachments, idempotency_key, confirmed };
        let submitted = self.0.submit(&submission).await?;
        let campaign = self.view(submitted.id.0).await?.into();
        Ok(Response::new(pb::SubmitCampaignResponse { campaign: Some(campaign), existed: submitted.existed }))
    }

    async fn get_campaign(&self, request: Request<pb::GetCampaignRequest>) -> Result<Response<pb::Campaign>, Status> {
        let id = request.into_inner().id;
        let campaign = pb::Campaign::from(self.view(id).await?);
        let yaml = self.0.store().campaign_yaml(CampaignId(id)).await?.ok_or_else(|| not_found(id))?;
        let includes = self.0.store().campaign_includes(CampaignId(id)).await?.into_iter().collect();
        Ok(Response::new(pb::Campaign { yaml, includes, ..campaign }))
    }

    async fn list_campaigns(
        &self,
        request: Request<pb::ListCampaignsRequest>,
    ) -> Result<Response<pb::ListCampaignsResponse>, Status> {
        let pb::ListCampaignsRequest { limit, before_id } = request.into_inner();
        let limit = if limit == 0 { LIST_DEFAULT } else { limit.min(LIST_LIMIT) };
        let before = (before_id > 0).then_some(CampaignId(before_id));
        let campaigns = self.0.campaigns(before, limit).await?.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListCampaignsResponse { campaigns }))
    }

    async fn cancel_campaign(
        &self,
        request: Request<pb::CancelCampaignRequest>,
    ) -> Result<Response<pb::Campaign>, Status> {
        let id = request.into_inner().id;
        let view = self.0.cancel(CampaignId(id)).await?.ok_or_else(|| not_found(id))?;
        Ok(Response::new(view.into()))
    }

    async fn estimate_cells(
        &self,
        request: Request<pb::EstimateCellsRequest>,
    ) -> Result<Response<pb::EstimateCellsResponse>, Status> {
        let keys = request.into_inner().keys;
        if keys.len() > ESTIMATE_LIMIT {
            return Err(Status::invalid_argument(format!("{} keys, at most {ESTIMATE_LIMIT}", keys.len())));
        }
        let keys = keys.iter().map(|key| digest("keys", key).map_err(|error| invalid(&error)));
        let keys = keys.collect::<Result<Vec<_>, Status>>()?;
        let cells = self.0.store().estimates(&keys).await?.into_iter().map(|estimate| pb::CellEstimate {
            key: estimate.key.as_bytes().to_vec(),
            attempts: estimate.attempts,
            attempt_ns: u64::try_from(estimate.attempt.as_nanos()).unwrap_or(u64::MAX),
        });
        Ok(Response::new(pb::EstimateCellsResponse { cells: cells.collect() }))
    }

    async fn watch_campaign(
        &self,
        request: Request<pb::WatchCampaignRequest>,
    ) -> Result<Response<Self::WatchCampaignStream>, Status> {
        let id = request.into_inner().id;
        self.view(id).await?;
        let engine = self.0.clone();
        Ok(Response::new(produce(&self.0, |updates| watch(engine, CampaignId(id), updates))))
    }
}

async fn watch(engine: Engine, id: CampaignId, updates: mpsc::Sender<Result<pb::CampaignUpdate, Status>>) {
    if let Err(status) = follow(&engine, id, &updates).await {
        // A reader that is gone needs no reason.
        let _gone = updates.send(Err(status)).await;
    }
}

/// Sends an update whenever the campaign or its feed changed, until it has ended or the reader is gone.
async fn follow(
    engine: &Engine,
    id: CampaignId,
    updates: &mpsc::Sender<Result<pb::CampaignUpdate, Status>>,
) -> Result<(), Status> {
    let mut changes = engine.changes();
    let mut sent: Option<CampaignView> = None;
    let mut cursor = 0;
    loop {
        changes.mark_unchanged();
        // The campaign first: if it has ended, all its events are there to be read after it.
        let view = engine.campaign(id).await?.ok_or_else(|| not_found(id.0))?;
        let events = engine.store().events(id, cursor, EVENTS_AT_ONCE).await?;
        let more = events.len() == EVENTS_AT_ONCE as usize;
        cursor = events.last().map_or(cursor, |event| event.id);
        if !events.is_empty() || sent.as_ref() != Some(&view) {
            let events = events.into_iter().map(Into::into).collect();
            let update = pb::CampaignUpdate { campaign: Some(view.clone().into()), events };
            if updates.send(Ok(update)).await.is_err() {
                return Ok(());
            }
        }
        let ended = view.record.state != CampaignState::Running;
        sent = Some(view);
        if more {
            continue;
        }
        if ended {
            return Ok(());
        }
        tokio::select! {
            () = updates.closed() => return Ok(()),
            _changed = changes.changed() => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
}
