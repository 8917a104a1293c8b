//! The first page: campaigns and devices.

use domain::CampaignState;
use maud::{Markup, html};

use super::layout::{Page, campaign_badge, device_table, page, progress};
use crate::{
    engine::{CampaignView, Engine},
    store::StoreError,
};

/// Campaigns shown.
const LIMIT: u32 = 50;

pub(super) async fn render(engine: &Engine) -> Result<Markup, StoreError> {
    let campaigns = engine.campaigns(None, LIMIT).await?;
    let devices = engine.devices().await?;
    let refresh = campaigns.iter().any(|campaign| campaign.record.state == CampaignState::Running);
    let body = html! {
        section {
            @if campaigns.is_empty() {
                p.note { "No campaign yet. Submit one with " code { "furlong submit FILE" } "." }
            } @else { (table(&campaigns)) }
        }
        section { h2 { "Devices" } (device_table(&devices)) }
    };
    Ok(page(Page { title: "Campaigns", refresh }, &body))
}

fn table(campaigns: &[CampaignView]) -> Markup {
    html! {
        div.scroll { table {
            caption.hidden { "Campaigns, newest first" }
            thead { tr {
                th scope="col" { "Campaign" } th scope="col" { "State" } th.number scope="col" { "Cells" }
                th scope="col" { "Runs" } th scope="col" { "Submitted" }
            } }
            tbody { @for CampaignView { record, waiting } in campaigns { tr {
                th scope="row" { a href=(format!("/c/{}", record.id.0)) { (record.name) } " " span.note { (record.id) } }
                td { (campaign_badge(record.state)) }
                td.number { (record.cells) }
                td.wide { (progress(&record.runs)) @if let Some(reason) = waiting { p.warning { "Waiting: " (reason) } } }
                td { (record.created_at) }
            } } }
        } }
    }
}
