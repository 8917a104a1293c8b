//! Submitting, viewing and cancelling campaigns.

use std::collections::BTreeMap;

use domain::{
    CampaignId, CampaignState, Digest, FileRef,
    campaign::{CampaignFile, Catalog, Diagnostics, KnownDevice, PlanOptions},
    device::effective_labels,
};
use tracing::info;

use super::{Engine, KeepError, ToAgent, waiting::waiting_reason};
use crate::{
    artifacts::Held,
    store::{CampaignRecord, DeviceRecord, NewCampaign, StoreError, Submitted},
};

/// What a client submits.
#[derive(Debug)]
pub(crate) struct Submission {
    pub(crate) yaml: String,
    pub(crate) file_name: String,
    /// Text of the files it includes, by path, as the campaign file spells it.
    pub(crate) includes: BTreeMap<String, String>,
    /// By path, as the campaign file spells it.
    pub(crate) attachments: BTreeMap<String, Digest>,
    /// Empty: none.
    pub(crate) idempotency_key: String,
    /// The author has seen the number of cells.
    pub(crate) confirmed: bool,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum SubmitError {
    #[error(transparent)]
    Invalid(#[from] Diagnostics),
    #[error("the campaign file holds a NUL character")]
    Nul,
    #[error("these attachments were not uploaded: {}", .0.join(", "))]
    MissingAttachments(Vec<String>),
    #[error(transparent)]
    Artifact(#[from] KeepError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A campaign as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CampaignView {
    pub(crate) record: CampaignRecord,
    /// Why ready runs wait, if they do.
    pub(crate) waiting: Option<String>,
}

impl Engine {
    /// Plans with the same code as the client did, and stores all of it or nothing.
    pub(crate) async fn submit(&self, submission: &Submission) -> Result<Submitted, SubmitError> {
        let Submission { yaml, file_name, includes, attachments, idempotency_key, confirmed } = submission;
        if yaml.contains('\0') || file_name.contains('\0') || idempotency_key.contains('\0') {
            return Err(SubmitError::Nul);
        }
        let file = CampaignFile::parse(file_name, yaml, includes)?;
        let wanted: Vec<_> = file
            .attachment_paths()
            .into_iter()
            .filter_map(|path| attachments.get(&path).map(|digest| (path, *digest)))
            .collect();
        let catalog = Catalog {
            models: self.store().known_models(&file.model_names()).await?,
            attachments: self.resolve(&wanted).await?,
            devices: self.store().devices().await?.into_iter().map(known_device).collect(),
        };
        let options = if *confirmed { PlanOptions { ceiling: None } } else { PlanOptions::default() };
        let plan = file.plan(&catalog, &options)?;
        let new = NewCampaign { plan: &plan, file_name, yaml, includes, idempotency_key, attachments: &wanted };
        let submitted = self.store().submit(&new, self.clock().now()).await?;
        info!(campaign.id = %submitted.id, name = %plan.name, cells = plan.cells.len(), existed = submitted.existed, "campaign submitted");
        self.wake();
        Ok(submitted)
    }

    async fn resolve(&self, wanted: &[(String, Digest)]) -> Result<BTreeMap<String, FileRef>, SubmitError> {
        let mut files = BTreeMap::new();
        let mut missing = Vec::new();
        for (path, sha256) in wanted {
            match self.artifact_held(sha256).await? {
                Held::Whole { size_bytes } => {
                    files.insert(path.clone(), FileRef { path: path.clone(), sha256: *sha256, size_bytes });
                }
                Held::Part { .. } => missing.push(format!("{path} (sha256 {})", sha256.short())),
            }
        }
        if missing.is_empty() { Ok(files) } else { Err(SubmitError::MissingAttachments(missing)) }
    }

    /// Cancels the campaign and stops its runners. An ended campaign stays as it is; `None`: there is none.
    pub(crate) async fn cancel(&self, id: CampaignId) -> Result<Option<CampaignView>, StoreError> {
        let stopped = self.store().cancel(id, self.clock().now()).await?;
        for (attempt, device) in stopped {
            // An agent that is away learns it from its next hello.
            let reason = format!("campaign {id} was cancelled");
            self.inner.sessions.send_to_device(device, ToAgent::Cancel { attempt, reason });
        }
        self.wake();
        self.campaign(id).await
    }

    pub(crate) async fn campaign(&self, id: CampaignId) -> Result<Option<CampaignView>, StoreError> {
        let record = self.store().campaign(id).await?;
        Ok(self.with_reasons(record.into_iter().collect()).await?.pop())
    }

    /// Newest first.
    pub(crate) async fn campaigns(
        &self,
        before: Option<CampaignId>,
        limit: u32,
    ) -> Result<Vec<CampaignView>, StoreError> {
        let records = self.store().campaigns(before, limit).await?;
        self.with_reasons(records).await
    }

    async fn with_reasons(&self, records: Vec<CampaignRecord>) -> Result<Vec<CampaignView>, StoreError> {
        let waiting = records.iter().filter(|record| record.state == CampaignState::Running && record.runs.ready > 0);
        let waiting: Vec<_> = waiting.map(|record| record.id).collect();
        let selectors =
            if waiting.is_empty() { BTreeMap::new() } else { self.store().ready_selectors(&waiting).await? };
        let connected = self.inner.sessions.connected();
        let view = |record: CampaignRecord| {
            let waiting = selectors.get(&record.id).and_then(|selectors| waiting_reason(selectors, &connected));
            CampaignView { record, waiting }
        };
        Ok(records.into_iter().map(view).collect())
    }
}

fn known_device(device: DeviceRecord) -> KnownDevice {
    KnownDevice { labels: effective_labels(&device.name, &device.labels, &device.facts), name: device.name }
}
