//! A suspect run is repeated once.

use super::*;

impl Fixture {
    /// Ids of the campaign's runs with the run that each repeats.
    async fn repeats(&self, id: CampaignId) -> Vec<(RunId, Option<RunId>)> {
        let runs = self.store.runs(RunPage::Campaign { id, after: 0 }, 100).await.expect("lists");
        runs.into_iter().map(|run| (run.id, run.repeats)).collect()
    }

    async fn ends(&self, run: RunId, on: &DeviceSession, uid: u128, level: VerdictLevel) -> Accepted {
        let granted = self.grant(run, on).await.expect("granted");
        self.judged(&granted, uid, level).await
    }
}

#[tokio::test]
async fn a_suspect_run_is_repeated_once_and_the_campaign_waits_for_it() {
    let fixture = Fixture::new().await;
    let (campaign, runs) = fixture.campaign(1).await;
    let desk = fixture.device(1).await;
    assert_eq!(fixture.ends(runs[0], &desk, 1, VerdictLevel::Suspect).await, Accepted::Stored);
    assert_eq!(fixture.campaign_state(campaign).await, CampaignState::Running);
    let all = fixture.repeats(campaign).await;
    let [(_, None), (repeat, Some(repeated))] = all[..] else { panic!("{all:?}") };
    assert_eq!(repeated, runs[0]);
    let run = fixture.run(repeat).await;
    assert_eq!((run.state, run.cell, run.repetition), (RunState::Ready, 1, 2));
    assert_eq!(fixture.run(runs[0]).await.repeated_by, Some(repeat));

    // Suspect again: that is what it is.
    assert_eq!(fixture.ends(repeat, &desk, 2, VerdictLevel::Suspect).await, Accepted::Stored);
    assert_eq!(fixture.repeats(campaign).await.len(), 2);
    assert_eq!(fixture.campaign_state(campaign).await, CampaignState::Done);
    let kinds = fixture.event_kinds(campaign).await;
    let expected = "campaign.submitted attempt.leased run.done run.repeat attempt.leased run.done campaign.done";
    assert_eq!(kinds.join(" "), expected);
    let events = fixture.store.events(campaign, 0, 100).await.expect("reads");
    let event = events.iter().find(|event| event.kind == "run.repeat").expect("noted");
    let expected = format!("run {repeat} repeats {}, which is suspect: foreign-cpu", runs[0]);
    assert_eq!((event.run, &event.message), (Some(repeat), &expected));
    fixture.check_invariants().await;
}

#[tokio::test]
async fn repeats_come_after_everything_that_was_planned() {
    let fixture = Fixture::new().await;
    let (campaign, runs) = fixture.campaign(3).await;
    let desk = fixture.device(1).await;
    for (run, uid) in runs[..2].iter().zip(1..) {
        fixture.ends(*run, &desk, uid, VerdictLevel::Suspect).await;
    }
    let ready = sqlx::query_scalar!("select id from run where state = 'ready' order by position");
    let ready = ready.fetch_all(&fixture.store.pool).await.expect("reads");
    let all = fixture.repeats(campaign).await;
    let expected = [runs[2], all[3].0, all[4].0];
    assert_eq!(ready, expected.map(|run| run.0));
    assert_eq!((all[3].1, all[4].1), (Some(runs[0]), Some(runs[1])));
    let repetitions = [fixture.run(all[3].0).await.repetition, fixture.run(all[4].0).await.repetition];
    assert_eq!(repetitions, [4, 5]);
}

#[tokio::test]
async fn a_report_that_is_delivered_twice_orders_one_repeat() {
    let fixture = Fixture::new().await;
    let (campaign, runs) = fixture.campaign(2).await;
    let granted = fixture.grant(runs[0], &fixture.device(1).await).await.expect("granted");
    let (first, second) = tokio::join!(
        fixture.judged(&granted, 1, VerdictLevel::Suspect),
        fixture.judged(&granted, 1, VerdictLevel::Suspect)
    );
    assert!(
        [(first, second), (second, first)].contains(&(Accepted::Stored, Accepted::Already)),
        "{first:?} {second:?}"
    );
    assert_eq!(fixture.judged(&granted, 1, VerdictLevel::Suspect).await, Accepted::Already);
    assert_eq!(fixture.judged(&granted, 2, VerdictLevel::Suspect).await, Accepted::Stale);
    assert_eq!(fixture.repeats(campaign).await.len(), 3);
}

#[tokio::test]
async fn runs_that_are_valid_or_invalid_are_not_repeated() {
    let fixture = Fixture::new().await;
    let (campaign, runs) = fixture.campaign(2).await;
    let desk = fixture.device(1).await;
    fixture.ends(runs[0], &desk, 1, VerdictLevel::Valid).await;
    fixture.ends(runs[1], &desk, 2, VerdictLevel::Invalid).await;
    assert_eq!(fixture.repeats(campaign).await.len(), 2);
    assert_eq!(fixture.campaign_state(campaign).await, CampaignState::Done);
}

#[tokio::test]
async fn nothing_of_a_cancelled_campaign_is_repeated() {
    let fixture = Fixture::new().await;
    let (campaign, runs) = fixture.campaign(2).await;
    let desk = fixture.device(1).await;
    fixture.ends(runs[0], &desk, 1, VerdictLevel::Suspect).await;
    let active = fixture.grant(runs[1], &desk).await.expect("granted");
    fixture.store.cancel(campaign, NOW).await.expect("cancels");
    assert_eq!(fixture.judged(&active, 2, VerdictLevel::Suspect).await, Accepted::Stale);
    let all = fixture.repeats(campaign).await;
    assert_eq!(all.len(), 3, "the one that was ordered before");
    assert_eq!(fixture.run(all[2].0).await.state, RunState::Cancelled);
    fixture.check_invariants().await;
}
