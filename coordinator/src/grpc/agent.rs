//! The agents' door: one session stream each, and the delivery of reports beside it.

use std::time::Duration;

use domain::Heat;
use proto::{PROTOCOL_MAX, PROTOCOL_MIN, pb};
use tokio::{sync::Semaphore, time::timeout};
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};
use tonic::{Request, Response, Status, Streaming};
use tracing::warn;

use super::{
    Answers,
    convert::{held_attempts, welcome},
    report::receive,
    status::invalid,
};
use crate::engine::{Engine, Hello, OpenedSession, SessionRef};

/// A stream that does not say hello in this time is not an agent.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// Reports in memory at once, each of at most 64 MiB; more wait.
const REPORTS_AT_ONCE: usize = 8;

pub(super) struct AgentDoor {
    engine: Engine,
    reports: Semaphore,
}

impl AgentDoor {
    pub(super) fn new(engine: Engine) -> Self {
        Self { engine, reports: Semaphore::new(REPORTS_AT_ONCE) }
    }
}

#[tonic::async_trait]
impl pb::agent_service_server::AgentService for AgentDoor {
    type SessionStream = Answers<pb::CoordinatorMessage>;

    async fn session(
        &self,
        request: Request<Streaming<pb::AgentMessage>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let mut messages = request.into_inner();
        let first = timeout(HELLO_TIMEOUT, messages.message())
            .await
            .map_err(|_elapsed| Status::deadline_exceeded("no Hello within 10 s"))??;
        let Some(pb::agent_message::Message::Hello(hello)) = first.and_then(|first| first.message) else {
            return Err(Status::failed_precondition("the first message of a session must be Hello"));
        };
        let protocol = negotiate(hello.protocol_min, hello.protocol_max)?;
        let hello = Hello::try_from(hello).map_err(|error| invalid(&error))?;
        let OpenedSession { session, abandon, inbox, ended } = self.engine.hello(hello).await?;
        let first = welcome(protocol, session.epoch, self.engine.settings(), &abandon);

        let engine = self.engine.clone();
        self.engine.spawn(async move {
            let why = tokio::select! {
                () = ended.cancelled() => "superseded or shutting down".to_owned(),
                why = listen(&engine, session, messages) => why,
            };
            engine.session_ended(session, &why);
        });
        let answers = ReceiverStream::new(inbox).map(|message| Ok(message.into()));
        Ok(Response::new(Box::pin(tokio_stream::once(Ok(first)).chain(answers))))
    }

    async fn report_attempt(
        &self,
        request: Request<Streaming<pb::ReportChunk>>,
    ) -> Result<Response<pb::ReportReply>, Status> {
        let _permit = self.reports.acquire().await.map_err(|_closed| Status::unavailable("shutting down"))?;
        receive(&self.engine, request.into_inner()).await.map(Response::new)
    }
}

/// The newest version both speak.
fn negotiate(min: u32, max: u32) -> Result<u32, Status> {
    if min > max || max < PROTOCOL_MIN || min > PROTOCOL_MAX {
        return Err(Status::failed_precondition(format!(
            "the agent speaks protocol {min} to {max}, this coordinator {PROTOCOL_MIN} to {PROTOCOL_MAX}; \
             upgrade the older of the two"
        )));
    }
    Ok(max.min(PROTOCOL_MAX))
}

/// Reads until the stream ends, and says why it did.
async fn listen(engine: &Engine, session: SessionRef, mut messages: Streaming<pb::AgentMessage>) -> String {
    // An agent that misses as many heartbeats as a lease lasts has lost its leases: it counts as gone.
    let patience = engine.settings().lease;
    loop {
        let message = match timeout(patience, messages.message()).await {
            Err(_elapsed) => return format!("nothing heard for {} s", patience.as_secs()),
            Ok(Err(status)) => return format!("the stream broke: {}", status.message()),
            Ok(Ok(None)) => return "the agent ended the stream".to_owned(),
            Ok(Ok(Some(message))) => message.message,
        };
        let (held, heat) = match message {
            Some(pb::agent_message::Message::Heartbeat(pb::Heartbeat { held, heat })) => (held, heat),
            Some(pb::agent_message::Message::Update(pb::AttemptUpdate { attempt_id, fence, phase, heat })) => {
                (vec![pb::HeldAttempt { attempt_id, fence, phase }], heat)
            }
            Some(pb::agent_message::Message::Hello(_)) => return "a second Hello on one stream".to_owned(),
            // A newer agent may say what this version does not know.
            None => continue,
        };
        let heat = heat.map(Heat::try_from).transpose();
        match held_attempts(held).and_then(|held| Ok((held, heat?))) {
            Ok((held, heat)) => engine.held(session, &held, heat).await,
            Err(error) => warn!(device.id = %session.device, %error, "an agent's message is malformed"),
        }
    }
}
