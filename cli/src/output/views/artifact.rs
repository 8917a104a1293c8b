//! Stored files: who needs them, in what condition they are, what was removed.

use std::io::{self, Write};

use domain::{CampaignId, Digest, Timestamp, units};
use proto::pb;
use serde::Serialize;

use crate::output::{Answer, Table};

/// Campaigns named in a row of the table; the JSON form has all.
const SHOWN_CAMPAIGNS: usize = 3;

#[derive(Debug, Serialize)]
pub(crate) struct ArtifactView {
    pub(crate) sha256: String,
    pub(crate) size_bytes: u64,
    pub(crate) stored_at: String,
    /// By a client, last.
    pub(crate) asked_at: String,
    /// Whether its bytes are there.
    pub(crate) held: bool,
    pub(crate) models: Vec<String>,
    pub(crate) campaigns: Vec<String>,
}

impl From<&pb::StoredArtifact> for ArtifactView {
    fn from(artifact: &pb::StoredArtifact) -> Self {
        let pb::StoredArtifact { sha256, size_bytes, stored_at_us, asked_at_us, held, models, campaign_ids } = artifact;
        Self {
            sha256: hexadecimal(sha256),
            size_bytes: *size_bytes,
            stored_at: Timestamp(*stored_at_us).to_string(),
            asked_at: Timestamp(*asked_at_us).to_string(),
            held: *held,
            models: models.clone(),
            campaigns: campaign_ids.iter().map(|id| CampaignId(*id).to_string()).collect(),
        }
    }
}

impl ArtifactView {
    fn needed_by(&self) -> String {
        let models = self.models.iter().map(|model| format!("model {model}"));
        let mut needed: Vec<String> = models.chain(self.campaigns.iter().take(SHOWN_CAMPAIGNS).cloned()).collect();
        if self.campaigns.len() > SHOWN_CAMPAIGNS {
            needed.push(format!("{} more campaigns", self.campaigns.len() - SHOWN_CAMPAIGNS));
        }
        if needed.is_empty() { "nobody".to_owned() } else { needed.join(", ") }
    }
}

impl Answer for Vec<ArtifactView> {
    const SCHEMA: &'static str = "furlong.artifacts/v1";

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.is_empty() {
            return writeln!(out, "no file yet; `furlong models add NAME FILE` stores one");
        }
        let mut table = Table::new(&["SHA256", ">SIZE", "STATE", "ASKED", "NEEDED BY"]);
        for artifact in self {
            table.row([
                artifact.sha256.chars().take(12).collect(),
                units::bytes(artifact.size_bytes),
                if artifact.held { "held" } else { "missing" }.to_owned(),
                artifact.asked_at.clone(),
                artifact.needed_by(),
            ]);
        }
        table.write(out)
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct VerifiedArtifactView {
    pub(crate) sha256: String,
    /// `sound`, `damaged` (and put aside) or `missing`.
    pub(crate) state: String,
}

impl From<&pb::VerifiedArtifact> for VerifiedArtifactView {
    fn from(artifact: &pb::VerifiedArtifact) -> Self {
        let state = match artifact.condition() {
            pb::ArtifactCondition::Sound => "sound",
            pb::ArtifactCondition::Damaged => "damaged",
            pb::ArtifactCondition::Missing => "missing",
            pb::ArtifactCondition::Unspecified => "unknown",
        };
        Self { sha256: hexadecimal(&artifact.sha256), state: state.to_owned() }
    }
}

impl VerifiedArtifactView {
    pub(crate) fn is_sound(&self) -> bool {
        self.state == "sound"
    }
}

impl Answer for Vec<VerifiedArtifactView> {
    const SCHEMA: &'static str = "furlong.verified-artifacts/v1";

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(&["STATE", "SHA256"]);
        for VerifiedArtifactView { sha256, state } in self {
            table.row([state.clone(), sha256.clone()]);
        }
        table.write(out)
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct CollectedView {
    pub(crate) artifacts: u64,
    pub(crate) bytes: u64,
    /// Nothing was removed.
    pub(crate) dry_run: bool,
}

impl CollectedView {
    pub(crate) fn new(reply: pb::CollectGarbageReply, dry_run: bool) -> Self {
        let pb::CollectGarbageReply { artifacts, bytes } = reply;
        Self { artifacts, bytes, dry_run }
    }
}

impl Answer for CollectedView {
    const SCHEMA: &'static str = "furlong.collected-artifacts/v1";

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { artifacts, bytes, dry_run } = self;
        let verb = if *dry_run { "would remove" } else { "removed" };
        let files = if *artifacts == 1 { "file" } else { "files" };
        writeln!(out, "{verb} {artifacts} {files}, {}", units::bytes(*bytes))
    }
}

fn hexadecimal(sha256: &[u8]) -> String {
    Digest::try_from(sha256).map(String::from).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::views::written;

    #[test]
    fn stored_files_are_listed_with_who_needs_them() {
        let artifact = |models: &[&str], campaigns: std::ops::Range<i64>, held| pb::StoredArtifact {
            sha256: vec![0xab; 32],
            size_bytes: 22_928_619,
            stored_at_us: 0,
            asked_at_us: 1_700_000_000_000_000,
            held,
            models: models.iter().map(ToString::to_string).collect(),
            campaign_ids: campaigns.collect(),
        };
        let artifacts =
            [artifact(&["minilm"], 1..2, true), artifact(&[], 1..1, true), artifact(&["tiny"], 1..7, false)];
        let views: Vec<ArtifactView> = artifacts.iter().map(ArtifactView::from).collect();
        insta::assert_snapshot!(written(&views), @r"
        SHA256            SIZE  STATE    ASKED                 NEEDED BY
        abababababab  21.9 MiB  held     2023-11-14T22:13:20Z  model minilm, c-1
        abababababab  21.9 MiB  held     2023-11-14T22:13:20Z  nobody
        abababababab  21.9 MiB  missing  2023-11-14T22:13:20Z  model tiny, c-1, c-2, c-3, 3 more campaigns
        ");
    }

    #[test]
    fn a_collection_says_whether_it_happened() {
        let reply = pb::CollectGarbageReply { artifacts: 1, bytes: 1 << 20 };
        insta::assert_snapshot!(written(&CollectedView::new(reply, true)), @"would remove 1 file, 1.00 MiB");
        insta::assert_snapshot!(written(&CollectedView::new(pb::CollectGarbageReply::default(), false)), @"removed 0 files, 0 B");
    }
}
