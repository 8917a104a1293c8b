//! Between the wire's messages and the session's words: the agent's only place with both types in a signature.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::{AttemptId, CellSpec, DeviceFacts, DeviceId, Failure, Fence, Heat, Measurement, RunId};
use proto::{InvalidMessage, pb};

use crate::session::{Assignment, Held, Order, Outgoing};
use crate::station::Marks;

/// What one attempt came to.
pub(crate) type Outcome = Result<Box<Measurement>, Failure>;

/// Who says Hello, all but the attempts it holds.
#[derive(Debug, Clone)]
pub(crate) struct Introduction {
    pub(crate) device: DeviceId,
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) facts: DeviceFacts,
    pub(crate) boot_id: String,
}

impl Introduction {
    pub(crate) fn hello(&self, held: Vec<Held>) -> pb::AgentMessage {
        let Self { device, name, labels, facts, boot_id } = self.clone();
        message(pb::agent_message::Message::Hello(pb::Hello {
            protocol_min: proto::PROTOCOL_MIN,
            protocol_max: proto::PROTOCOL_MAX,
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            device_id: device.0.as_bytes().to_vec(),
            device_name: name,
            labels: labels.into_iter().collect(),
            facts: Some(facts.into()),
            boot_id,
            held: held.into_iter().map(held_to_wire).collect(),
        }))
    }
}

/// `heat`: the board's, as last looked at.
pub(crate) fn outgoing(outgoing: Outgoing, heat: Option<Heat>) -> pb::AgentMessage {
    let heat = heat.map(Into::into);
    message(match outgoing {
        Outgoing::Heartbeat(held) => {
            let held = held.into_iter().map(held_to_wire).collect();
            pb::agent_message::Message::Heartbeat(pb::Heartbeat { held, heat })
        }
        Outgoing::Update(Held { attempt, fence, phase }) => pb::agent_message::Message::Update(pb::AttemptUpdate {
            attempt_id: attempt.0,
            fence: fence.0,
            phase: pb::AttemptPhase::from(phase).into(),
            heat,
        }),
    })
}

/// Reads what the coordinator says. An assignment whose cell can't be read still names its attempt, so that it can be
/// refused with the reason.
pub(crate) fn order(message: pb::CoordinatorMessage) -> Result<Order, InvalidMessage> {
    use pb::coordinator_message::Message;
    Ok(match message.message.ok_or(InvalidMessage::Missing("message"))? {
        Message::Welcome(pb::Welcome { protocol, session_epoch: _, heartbeat_ms, abandon }) => Order::Welcome {
            protocol,
            heartbeat: millis(heartbeat_ms),
            abandon: abandon.into_iter().map(AttemptId).collect(),
        },
        Message::Assignment(assignment) => {
            let (attempt, fence) = (AttemptId(assignment.attempt_id), Fence(assignment.fence));
            match read_assignment(assignment) {
                Ok(assignment) => Order::Assign(Box::new(assignment)),
                Err(error) => Order::Unreadable { attempt, fence, why: error.to_string() },
            }
        }
        Message::Cancel(pb::CancelAttempt { attempt_id, reason }) => {
            Order::Cancel { attempt: AttemptId(attempt_id), reason }
        }
        Message::Renewal(pb::LeaseRenewal { attempt_id, fence, lease_ms }) => {
            Order::Renew { attempt: AttemptId(attempt_id), fence: Fence(fence), lease: millis(lease_ms) }
        }
        Message::Goodbye(pb::Goodbye { reason, reconnect_after_ms, superseded }) => {
            Order::Goodbye { reason, reconnect_after: millis(reconnect_after_ms), superseded }
        }
    })
}

pub(crate) fn report(outcome: Outcome) -> pb::AttemptReport {
    let outcome = match outcome {
        Ok(measurement) => pb::attempt_report::Outcome::Measurement((*measurement).into()),
        Err(failure) => pb::attempt_report::Outcome::Failure(failure.into()),
    };
    pb::AttemptReport { outcome: Some(outcome) }
}

/// A runner's marks; it is this very program, so that nothing has to be checked.
pub(crate) fn marks(marks: pb::Marks) -> Marks {
    let pb::Marks { begin_ns, end_ns, warm_up_begin_ns, ranging_begin_ns, ranging_end_ns } = marks;
    Marks { begin_ns, end_ns, warm_up_begin_ns, ranging_ns: ranging_begin_ns.zip(ranging_end_ns) }
}

fn read_assignment(assignment: pb::Assignment) -> Result<Assignment, InvalidMessage> {
    let pb::Assignment { attempt_id, run_id, fence, lease_ms, cell, repetition, max_runtime_ms, mode } = assignment;
    Ok(Assignment {
        attempt: AttemptId(attempt_id),
        run: RunId(run_id),
        fence: Fence(fence),
        lease: millis(lease_ms),
        cell: CellSpec::try_from(cell.ok_or(InvalidMessage::Missing("assignment.cell"))?)?,
        mode: proto::run_mode("assignment.mode", mode)?,
        repetition,
        max_runtime: Duration::from_millis(max_runtime_ms),
    })
}

fn message(message: pb::agent_message::Message) -> pb::AgentMessage {
    pb::AgentMessage { message: Some(message) }
}

fn held_to_wire(Held { attempt, fence, phase }: Held) -> pb::HeldAttempt {
    pb::HeldAttempt { attempt_id: attempt.0, fence: fence.0, phase: pb::AttemptPhase::from(phase).into() }
}

fn millis(count: u32) -> Duration {
    Duration::from_millis(count.into())
}
