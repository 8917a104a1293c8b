//! Reads the runner's messages from its standard output: each preceded by its length as a varint. Bounded, buffered, and
//! safe to drop between any two bytes.

use domain::{AttemptPhase, Failure, Measurement};
use prost::Message as _;
use proto::pb;
use tokio::io::AsyncReadExt as _;
use tokio::process::ChildStdout;

use crate::station::Marks;
use crate::wire::{self, Outcome};

/// The agent's report adds a few bytes around the runner's.
#[expect(clippy::cast_possible_truncation, reason = "64 MiB")]
const MESSAGE_LIMIT_BYTES: usize = proto::REPORT_LIMIT_BYTES as usize - 1024;
/// A varint of 64 bits.
const LENGTH_LIMIT_BYTES: usize = 10;

#[derive(Debug)]
pub(super) enum Event {
    Phase(AttemptPhase),
    Marks(Marks),
    Report(Outcome),
}

/// Bytes that no runner of ours writes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadEvent {
    #[error("a message of {0} bytes was announced, and at most {MESSAGE_LIMIT_BYTES} are allowed")]
    TooLong(usize),
    #[error("bytes that are no message: {0}")]
    Garbage(String),
    #[error("the pipe broke: {0}")]
    Pipe(String),
}

pub(super) struct Events {
    pipe: Option<ChildStdout>,
    buffer: Vec<u8>,
}

impl Events {
    pub(super) fn new(pipe: ChildStdout) -> Self {
        Self { pipe: Some(pipe), buffer: Vec::new() }
    }

    pub(super) fn is_open(&self) -> bool {
        self.pipe.is_some()
    }

    /// The next message; `None` at the end. After the end or an error it is closed.
    pub(super) async fn next(&mut self) -> Result<Option<Event>, BadEvent> {
        loop {
            match take(&mut self.buffer) {
                Ok(Some(event)) => return Ok(Some(event)),
                Ok(None) => {}
                Err(bad) => {
                    self.pipe = None;
                    return Err(bad);
                }
            }
            let Some(pipe) = &mut self.pipe else { return Ok(None) };
            match pipe.read_buf(&mut self.buffer).await {
                Ok(0) => {
                    self.pipe = None;
                    // A torn last message: the runner died writing it. Its end tells more.
                    return Ok(None);
                }
                Ok(_) => {}
                Err(error) => {
                    self.pipe = None;
                    return Err(BadEvent::Pipe(error.to_string()));
                }
            }
        }
    }
}

/// Takes one whole message off the front of `buffer`, if there is one.
fn take(buffer: &mut Vec<u8>) -> Result<Option<Event>, BadEvent> {
    let mut rest = buffer.as_slice();
    let Ok(length) = prost::decode_length_delimiter(&mut rest) else {
        let hopeless = buffer.len() >= LENGTH_LIMIT_BYTES;
        return if hopeless { Err(BadEvent::Garbage("no length".to_owned())) } else { Ok(None) };
    };
    if length > MESSAGE_LIMIT_BYTES {
        return Err(BadEvent::TooLong(length));
    }
    let Some(body) = rest.get(..length) else { return Ok(None) };
    let event = pb::RunnerEvent::decode(body).map_err(|error| BadEvent::Garbage(error.to_string())).and_then(read)?;
    let used = buffer.len() - rest.len() + length;
    buffer.drain(..used);
    Ok(Some(event))
}

fn read(event: pb::RunnerEvent) -> Result<Event, BadEvent> {
    use pb::runner_event::Event as Wire;
    let invalid = |error: proto::InvalidMessage| BadEvent::Garbage(error.to_string());
    match event.event.ok_or_else(|| BadEvent::Garbage("an empty message".to_owned()))? {
        Wire::Phase(number) => proto::phase_from_wire(number).map(Event::Phase).map_err(invalid),
        Wire::Marks(marks) => Ok(Event::Marks(wire::marks(marks))),
        Wire::Measurement(measurement) => {
            let measurement = Measurement::try_from(measurement).map_err(invalid)?;
            Ok(Event::Report(Ok(Box::new(measurement))))
        }
        Wire::Failure(failure) => {
            Failure::try_from(failure).map(|failure| Event::Report(Err(failure))).map_err(invalid)
        }
    }
}
