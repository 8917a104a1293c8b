//! Turns the session's effects into deeds and what happens into its inputs: streams, timers, tasks, disk. Decides nothing.
//!
//! One loop owns everything; what takes long (an attempt, a delivery) is a task of its `JoinSet`. The spool is written on
//! the loop's own thread: a report is written when its runner is dead, so nothing is being measured then.

use std::collections::VecDeque;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use domain::{AttemptId, AttemptPhase, Clock, Fence, Heat, IdSource, ResultUid};
use prost::Message as _;
use proto::pb;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};
use tracing::{debug, error, info, warn};

use crate::attempt::Workshop;
use crate::delivery::{Delivered, deliver};
use crate::error::AgentError;
use crate::link::Link;
use crate::session::{Assignment, Effect, Exit, Input, KillReason, Order, Session};
use crate::spool::Spool;
use crate::wire::{self, Introduction, Outcome};

/// Phases of one attempt that may wait to be told: it has six.
const PHASES_LIMIT: usize = 8;
/// A full disk does not empty itself in less.
const SPOOL_RETRY: Duration = Duration::from_secs(5);

pub(crate) struct Driver<C, I> {
    pub(crate) clock: C,
    pub(crate) ids: I,
    pub(crate) session: Session,
    pub(crate) spool: Spool,
    pub(crate) workshop: Arc<Workshop>,
    pub(crate) introduction: Introduction,
    pub(crate) work: Work,
}

/// What is going on now.
#[derive(Default)]
pub(crate) struct Work {
    tasks: JoinSet<TaskEnd>,
    link: Option<Link>,
    running: Option<Running>,
    /// Reports that the disk did not take yet.
    unspooled: Vec<Report>,
    /// The loss of the coordinator is logged once.
    lost: bool,
    /// Tells when the board's heat was looked at.
    heat: Option<watch::Receiver<Option<Heat>>>,
    /// As the coordinator was told last: cool, and knowing when.
    told: (bool, bool),
}

impl Work {
    pub(crate) fn new(heat: watch::Receiver<Option<Heat>>) -> Self {
        Self { heat: Some(heat), ..Self::default() }
    }
}

/// The attempt that executes.
struct Running {
    attempt: AttemptId,
    kill: Option<oneshot::Sender<KillReason>>,
    phases: mpsc::Receiver<AttemptPhase>,
}

enum TaskEnd {
    Attempt(Report),
    Delivery(ResultUid, Delivered),
}

/// An attempt's report on its way to the spool.
struct Report {
    attempt: AttemptId,
    fence: Fence,
    result: ResultUid,
    encoded: Vec<u8>,
}

enum Happening {
    Heard(Box<pb::CoordinatorMessage>),
    /// The session is over; the status says why, if the coordinator did not end it in order.
    LinkEnded(Option<Box<Status>>),
    Task(Result<TaskEnd, JoinError>),
    Phase(AttemptId, AttemptPhase),
    /// The board was looked at.
    Looked,
    Wake,
    Shutdown,
}

impl<C: Clock, I: IdSource> Driver<C, I> {
    /// Serves until it is stopped or the coordinator will not have it.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) -> Result<(), AgentError> {
        let mut stopping = false;
        let mut inputs = VecDeque::from([Input::Tick]);
        loop {
            while let Some(input) = inputs.pop_front() {
                for effect in self.session.step(self.clock.monotonic(), input) {
                    if let Effect::Exit(exit) = effect {
                        return self.exit(exit).await;
                    }
                    inputs.extend(self.perform(effect));
                }
            }
            let happening = self.next(&shutdown, stopping).await;
            stopping |= matches!(happening, Happening::Shutdown);
            inputs.extend(self.translate(happening)?);
        }
    }

    async fn next(&mut self, shutdown: &CancellationToken, stopping: bool) -> Happening {
        let wake = self.session.wake_at().map(|at| at.saturating_sub(self.clock.monotonic()));
        let retry = (!self.work.unspooled.is_empty()).then_some(SPOOL_RETRY);
        let Work { tasks, link, running, heat, .. } = &mut self.work;
        tokio::select! {
            happening = listen(link) => happening,
            (attempt, phase) = next_phase(running) => Happening::Phase(attempt, phase),
            Some(ended) = tasks.join_next(), if !tasks.is_empty() => Happening::Task(ended),
            () = looked(heat) => Happening::Looked,
            () = sleep(wake.into_iter().chain(retry).min().unwrap_or(Duration::MAX)) => Happening::Wake,
            () = shutdown.cancelled(), if !stopping => Happening::Shutdown,
        }
    }

    fn translate(&mut self, happening: Happening) -> Result<Vec<Input>, AgentError> {
        Ok(match happening {
            Happening::Heard(message) => {
                let order = self.hear(*message);
                // The board's heat decides what is offered to it: a coordinator that knows nothing yet is told at once.
                let told = matches!(order, Some(Input::Received(Order::Welcome { .. }))).then_some(Input::Cooled);
                order.into_iter().chain(told.filter(|_| self.workshop.station.heat().is_some())).collect()
            }
            Happening::LinkEnded(None) => vec![self.lose_link("the coordinator ended the session", None)],
            Happening::LinkEnded(Some(status)) => vec![self.lose_link(&root_cause(&status), refusal(&status))],
            Happening::Task(Ok(TaskEnd::Attempt(report))) => {
                self.work.running = None;
                let reporting = Input::Phase { attempt: report.attempt, phase: AttemptPhase::Reporting };
                let spooled = self.write_report(report);
                std::iter::once(reporting).chain(spooled).collect()
            }
            Happening::Task(Ok(TaskEnd::Delivery(result, delivered))) => vec![match delivered {
                Delivered::Acknowledged => Input::Acknowledged { result },
                Delivered::NotNow => Input::DeliveryFailed { result },
                Delivered::Never => Input::Undeliverable { result },
            }],
            Happening::Task(Err(panicked)) => return Err(AgentError::Panicked(panicked)),
            Happening::Phase(attempt, phase) => vec![Input::Phase { attempt, phase }],
            Happening::Wake => {
                let waiting = std::mem::take(&mut self.work.unspooled);
                let spooled = waiting.into_iter().filter_map(|report| self.write_report(report));
                spooled.chain([Input::Tick]).collect()
            }
            Happening::Looked => self.cooled().into_iter().collect(),
            Happening::Shutdown => {
                info!("the agent is asked to stop");
                vec![Input::Shutdown]
            }
        })
    }

    /// Whether the coordinator should hear at once how the board is.
    fn cooled(&mut self) -> Option<Input> {
        let heat = self.workshop.station.heat()?;
        let now = (heat.cool, heat.reference_c.is_some());
        (std::mem::replace(&mut self.work.told, now) != now).then_some(Input::Cooled)
    }

    /// Does one thing. What comes of it at once is returned.
    fn perform(&mut self, effect: Effect) -> Option<Input> {
        match effect {
            Effect::Dial { held } => {
                debug!("dialling the coordinator");
                self.work.link = Some(Link::dial(&self.workshop.channel, self.introduction.hello(held)));
            }
            Effect::HangUp => self.work.link = None,
            Effect::Send(outgoing) => {
                let sent = self
                    .work
                    .link
                    .as_ref()
                    .is_none_or(|link| link.send(wire::outgoing(outgoing, self.workshop.station.heat())));
                return (!sent).then(|| self.lose_link("the coordinator takes no messages", None));
            }
            Effect::Start(assignment) => self.start(*assignment),
            Effect::Kill { attempt, why } => {
                info!(attempt.id = %attempt, ?why, "killing the runner");
                let running = self.work.running.as_mut().filter(|running| running.attempt == attempt);
                if let Some(kill) = running.and_then(|running| running.kill.take()) {
                    // It may have ended by itself in this moment.
                    kill.send(why).unwrap_or_default();
                }
            }
            Effect::Refuse { attempt, fence, failure } => {
                warn!(attempt.id = %attempt, kind = failure.kind.name(), message = failure.message, "attempt not started");
                return self.write_report(encode(attempt, fence, self.new_uid(), Err(failure)));
            }
            Effect::Deliver(result) => {
                let (channel, spool) = (self.workshop.channel.clone(), self.spool.clone());
                self.work.tasks.spawn(async move { TaskEnd::Delivery(result, deliver(channel, spool, result).await) });
            }
            Effect::Forget(result) => {
                if let Err(error) = self.spool.remove(result) {
                    error!(%result, error = &error as &dyn Error, "an acknowledged report can't be deleted; it is delivered again after a restart");
                }
            }
            Effect::SetAside(result) => match self.spool.set_aside(result) {
                Ok(aside) => error!(%result, aside = %aside.display(), "a report can't be delivered and was set aside"),
                Err(error) => {
                    error!(%result, error = &error as &dyn Error, "a report can't be delivered, nor set aside");
                }
            },
            Effect::Ignored { attempt, why } => warn!(attempt.id = %attempt, why, "an assignment was ignored"),
            // The loop ends with it.
            Effect::Exit(_) => {}
        }
        None
    }

    fn start(&mut self, assignment: Assignment) {
        let Assignment { attempt, run, fence, repetition, .. } = assignment;
        info!(attempt.id = %attempt, run.id = %run, repetition, model = assignment.cell.model.name, "attempt begins");
        let (kill, killed) = oneshot::channel();
        let (tell, phases) = mpsc::channel(PHASES_LIMIT);
        self.work.running = Some(Running { attempt, kill: Some(kill), phases });
        // Chosen before the runner starts, so that one outcome has one name for ever.
        let result = self.new_uid();
        let workshop = Arc::clone(&self.workshop);
        self.work.tasks.spawn(async move {
            let outcome = workshop.execute(assignment, &tell, killed).await;
            log_outcome(attempt, &outcome);
            TaskEnd::Attempt(encode(attempt, fence, result, outcome))
        });
    }

    fn hear(&mut self, message: pb::CoordinatorMessage) -> Option<Input> {
        match wire::order(message) {
            Ok(order) => {
                self.log_order(&order);
                Some(Input::Received(order))
            }
            // A newer coordinator may say things this version does not know; what it must know, Welcome negotiates.
            Err(error) => {
                warn!(%error, "a message of the coordinator is not understood and was ignored");
                None
            }
        }
    }

    fn log_order(&mut self, order: &Order) {
        match order {
            Order::Welcome { protocol, heartbeat, abandon } => {
                info!(protocol, ?heartbeat, abandoned = abandon.len(), "connected to the coordinator");
                self.work.lost = false;
                if let Some(link) = &mut self.work.link {
                    link.welcomed = true;
                }
            }
            Order::Goodbye { reason, superseded, .. } => info!(reason, superseded, "the coordinator said goodbye"),
            Order::Cancel { attempt, reason } => info!(attempt.id = %attempt, reason, "attempt is to be cancelled"),
            Order::Assign(_) | Order::Unreadable { .. } | Order::Renew { .. } => {}
        }
    }

    /// Forgets the link and logs its loss, once until there is one again.
    fn lose_link(&mut self, why: &str, refusal: Option<String>) -> Input {
        let welcomed = self.work.link.take().is_some_and(|link| link.welcomed);
        let refused = refusal.filter(|_| !welcomed);
        if !self.work.lost && refused.is_none() {
            self.work.lost = true;
            warn!(why, "no connection to the coordinator; trying again until there is one");
        } else {
            debug!(why, "still no connection to the coordinator");
        }
        Input::Disconnected { refused }
    }

    fn write_report(&mut self, report: Report) -> Option<Input> {
        match self.spool.put(report.attempt, report.fence, report.result, &report.encoded) {
            Ok(entry) => Some(Input::Spooled(entry)),
            Err(error) => {
                error!(attempt.id = %report.attempt, error = &error as &dyn Error, "a report can't be written to the spool; it is kept in memory and tried again");
                self.work.unspooled.push(report);
                None
            }
        }
    }

    fn new_uid(&self) -> ResultUid {
        ResultUid(self.ids.uuid(self.clock.now()))
    }

    async fn exit(mut self, exit: Exit) -> Result<(), AgentError> {
        // Kills a runner that is not dead yet, and waits until it is.
        self.work.tasks.shutdown().await;
        for report in &self.work.unspooled {
            error!(attempt.id = %report.attempt, "the agent ends with a report that it could not write to its spool: it is lost");
        }
        match exit {
            Exit::Stopped => {
                info!("the agent has stopped");
                Ok(())
            }
            Exit::Superseded(reason) => Err(AgentError::Superseded { reason }),
            Exit::Refused(why) => Err(AgentError::Refused { why }),
            Exit::Protocol(wanted) => Err(AgentError::Protocol { wanted }),
        }
    }
}

fn encode(attempt: AttemptId, fence: Fence, result: ResultUid, outcome: Outcome) -> Report {
    Report { attempt, fence, result, encoded: wire::report(outcome).encode_to_vec() }
}

async fn listen(link: &mut Option<Link>) -> Happening {
    let Some(link) = link else { return std::future::pending().await };
    match link.next().await {
        Ok(Some(message)) => Happening::Heard(Box::new(message)),
        Ok(None) => Happening::LinkEnded(None),
        Err(status) => Happening::LinkEnded(Some(Box::new(status))),
    }
}

async fn next_phase(running: &mut Option<Running>) -> (AttemptId, AttemptPhase) {
    if let Some(running) = running
        && let Some(phase) = running.phases.recv().await
    {
        return (running.attempt, phase);
    }
    std::future::pending().await
}

/// The next look at the board's heat; never, if nobody looks.
async fn looked(heat: &mut Option<watch::Receiver<Option<Heat>>>) {
    if let Some(receiver) = heat {
        if receiver.changed().await.is_ok() {
            return;
        }
        *heat = None;
    }
    std::future::pending::<()>().await;
}

/// Whether a coordinator that answers so will never take this agent as it is: its name belongs to another device, or the
/// two speak no common protocol.
fn refusal(status: &Status) -> Option<String> {
    matches!(status.code(), Code::AlreadyExists | Code::FailedPrecondition | Code::InvalidArgument)
        .then(|| status.message().to_owned())
}

/// The innermost reason: tonic says `transport error` and keeps `connection refused` inside.
fn root_cause(status: &Status) -> String {
    let mut innermost = status.source();
    while let Some(source) = innermost.and_then(Error::source) {
        innermost = Some(source);
    }
    innermost.map_or_else(|| format!("{:?}: {}", status.code(), status.message()), ToString::to_string)
}

fn log_outcome(attempt: AttemptId, outcome: &Outcome) {
    match outcome {
        Ok(measurement) => {
            let stop = measurement.stop.name();
            info!(attempt.id = %attempt, samples = measurement.samples.count, stop, "attempt measured");
        }
        Err(failure) => {
            warn!(attempt.id = %attempt, kind = failure.kind.name(), message = failure.message, "attempt failed");
        }
    }
}
