//! Campaigns, one a row.

use std::io::{self, Write};

use domain::{CampaignId, Timestamp};
use proto::pb;
use serde::Serialize;

use crate::output::{Answer, Table};

#[derive(Debug, Serialize)]
pub(crate) struct CampaignView {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) state: &'static str,
    pub(crate) created_at: String,
    pub(crate) finished_at: Option<String>,
    pub(crate) cells: u32,
    pub(crate) runs: u32,
    pub(crate) done: u32,
    pub(crate) failed: u32,
    pub(crate) cancelled: u32,
    pub(crate) waiting_reason: Option<String>,
}

impl From<&pb::Campaign> for CampaignView {
    fn from(campaign: &pb::Campaign) -> Self {
        let counts = campaign.runs.unwrap_or_default();
        Self {
            id: CampaignId(campaign.id).to_string(),
            name: campaign.name.clone(),
            state: match campaign.state() {
                pb::CampaignState::Running => "running",
                pb::CampaignState::Done => "done",
                pb::CampaignState::Cancelled => "cancelled",
                pb::CampaignState::Unspecified => "unknown",
            },
            created_at: Timestamp(campaign.created_at_us).to_string(),
            finished_at: (campaign.finished_at_us > 0).then(|| Timestamp(campaign.finished_at_us).to_string()),
            cells: campaign.cells,
            runs: counts.total,
            done: counts.done,
            failed: counts.failed,
            cancelled: counts.cancelled,
            waiting_reason: (!campaign.waiting_reason.is_empty()).then(|| campaign.waiting_reason.clone()),
        }
    }
}

impl Answer for Vec<CampaignView> {
    const SCHEMA: &'static str = "furlong.campaigns/v1";

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.is_empty() {
            return writeln!(out, "no campaign yet; `furlong submit FILE` makes one");
        }
        let mut table = Table::new(&["ID", "NAME", "STATE", ">CELLS", ">RUNS", ">DONE", ">FAILED", "CREATED"]);
        for campaign in self {
            table.row([
                campaign.id.clone(),
                campaign.name.clone(),
                campaign.state.to_owned(),
                campaign.cells.to_string(),
                campaign.runs.to_string(),
                campaign.done.to_string(),
                campaign.failed.to_string(),
                campaign.created_at.clone(),
            ]);
        }
        table.write(out)
    }
}
