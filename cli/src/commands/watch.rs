//! `watch`: a progress bar on a terminal, plain lines elsewhere.

use std::time::Duration;

use domain::{CampaignId, Clock as _, SystemClock, Timestamp};
use indicatif::{ProgressBar, ProgressStyle};
use proto::pb;

use super::campaigns::show_campaign;
use crate::{args::CampaignArgs, client::Client, exit::CliError, output};

pub(super) async fn watch(args: CampaignArgs) -> Result<(), CliError> {
    let client = Client::connect(&args.connection.coordinator).await?;
    let ended = follow(&client, args.campaign).await?;
    let missed = show_campaign(&client, args.campaign, args.output.output).await?;
    verdict(&ended, missed)
}

/// Follows a campaign to its end. Ctrl-C ends the following, not the campaign; a coordinator that goes away is waited for.
pub(super) async fn follow(client: &Client, id: CampaignId) -> Result<pb::Campaign, CliError> {
    let mut progress = Progress::new(id);
    let following = async {
        loop {
            match follow_once(client, id, &mut progress).await {
                Ok(Some(campaign)) => return Ok(campaign),
                Ok(None) => {}
                Err(status) if status.code() == tonic::Code::Unavailable || status.code() == tonic::Code::Unknown => {
                    progress.say("the coordinator is away; waiting for it");
                }
                Err(status) => return Err(CliError::from(status)),
            }
            // Long enough not to hammer a coordinator that restarts.
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    let followed = tokio::select! {
        followed = following => followed,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            Err(CliError::Interrupted { campaign: id })
        }
    };
    progress.bar.finish_and_clear();
    followed
}

/// Exit code 3 unless every run is done, and 4 if some cells missed the accuracy they were asked for.
pub(super) fn verdict(campaign: &pb::Campaign, missed: Vec<u32>) -> Result<(), CliError> {
    let counts = campaign.runs.unwrap_or_default();
    if counts.failed + counts.cancelled == 0 {
        return if missed.is_empty() { Ok(()) } else { Err(CliError::TooInaccurate { cells: missed }) };
    }
    Err(CliError::RunsFailed { failed: counts.failed, cancelled: counts.cancelled, total: counts.total })
}

/// `None` if the stream ended before the campaign did.
async fn follow_once(
    client: &Client,
    id: CampaignId,
    progress: &mut Progress,
) -> Result<Option<pb::Campaign>, tonic::Status> {
    let mut updates = client.campaigns().watch_campaign(pb::WatchCampaignRequest { id: id.0 }).await?.into_inner();
    while let Some(update) = updates.message().await? {
        for event in &update.events {
            progress.event(event);
        }
        let Some(campaign) = update.campaign else { continue };
        progress.campaign(&campaign);
        if campaign.state() != pb::CampaignState::Running {
            return Ok(Some(campaign));
        }
    }
    Ok(None)
}

struct Progress {
    id: CampaignId,
    bar: ProgressBar,
    clock: SystemClock,
    last_line: String,
    last_event: i64,
}

impl Progress {
    fn new(id: CampaignId) -> Self {
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template("{prefix} [{bar:28}] {pos}/{len} runs  {elapsed}  {wide_msg}");
        bar.set_style(style.unwrap_or_else(|_template| ProgressStyle::default_bar()).progress_chars("=> "));
        bar.set_prefix(id.to_string());
        Self { id, bar, clock: SystemClock::new(), last_line: String::new(), last_event: 0 }
    }

    fn campaign(&mut self, campaign: &pb::Campaign) {
        let counts = campaign.runs.unwrap_or_default();
        self.bar.set_length(counts.total.into());
        self.bar.set_position((counts.done + counts.failed + counts.cancelled).into());
        if !campaign.waiting_reason.is_empty() {
            self.say(&format!("waiting: {}", campaign.waiting_reason));
        }
        if self.bar.is_hidden() {
            let line = format!("{}/{} ok={} failed={}", counts.done, counts.total, counts.done, counts.failed);
            self.say(&line);
        }
    }

    fn event(&mut self, event: &pb::Event) {
        if event.id <= self.last_event {
            return;
        }
        self.last_event = event.id;
        if self.bar.is_hidden() {
            // One line a finished run is enough for a log; failures come with their reason.
            if event.kind.contains("failed") || event.kind.contains("lost") {
                self.say(&event.message);
            }
        } else {
            self.bar.set_message(event.message.clone());
            if event.kind == "run.failed" {
                self.bar.println(&event.message);
            }
        }
    }

    /// A line off a terminal, once; a message on one.
    fn say(&mut self, text: &str) {
        if !self.bar.is_hidden() {
            self.bar.set_message(text.to_owned());
        } else if self.last_line != text {
            text.clone_into(&mut self.last_line);
            let at: Timestamp = self.clock.now();
            output::note(&format!("{at} {} {text}", self.id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_runs_weigh_more_than_a_missed_accuracy_and_both_have_a_code() {
        let ended = |failed| pb::Campaign {
            runs: Some(pb::RunCounts { total: 4, done: 4 - failed, failed, ..pb::RunCounts::default() }),
            ..pb::Campaign::default()
        };
        assert!(verdict(&ended(0), Vec::new()).is_ok());
        let code = |outcome: Result<(), CliError>| format!("{:?}", outcome.expect_err("not as asked").code());
        assert_eq!(code(verdict(&ended(0), vec![2])), format!("{:?}", std::process::ExitCode::from(4)));
        assert_eq!(code(verdict(&ended(1), vec![2])), format!("{:?}", std::process::ExitCode::from(3)));
        let text = verdict(&ended(0), vec![2, 5]).expect_err("missed").to_string();
        assert!(text.contains("cells 2, 5 have") && text.contains("min_ratio"), "{text}");
    }
}
