//! Messages on the runner's pipes, each preceded by its length as a varint.

use std::fs::File;
use std::io::{self, BufRead, Write as _};

use domain::{AttemptPhase, Failure, Measurement};
use prost::Message as _;
use proto::pb;

/// A job is a cell and some paths; of a card's sections, a label for each of twenty thousand classes takes the most.
const JOB_LIMIT_BYTES: u64 = 1024 * 1024;

/// Reads the one job; `None` if the agent is gone.
pub(super) fn read_job(input: &mut impl BufRead) -> io::Result<Option<pb::RunnerJob>> {
    let mut bytes = Vec::new();
    let length = loop {
        let mut byte = [0];
        if input.read(&mut byte)? == 0 {
            return if bytes.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
        bytes.push(byte[0]);
        // The last byte of a varint has no continuation bit.
        if byte[0] < 0x80 {
            break prost::decode_length_delimiter(bytes.as_slice()).map_err(invalid)?;
        }
    };
    if length as u64 > JOB_LIMIT_BYTES {
        return Err(invalid(format!(
            "a job of {length} bytes was announced, and at most {JOB_LIMIT_BYTES} are allowed"
        )));
    }
    let mut body = vec![0; length];
    input.read_exact(&mut body)?;
    pb::RunnerJob::decode(body.as_slice()).map(Some).map_err(invalid)
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// The way out to the agent. Remembers the phase, which belongs to every failure.
pub(super) struct Events {
    pipe: File,
    phase: AttemptPhase,
}

impl Events {
    pub(super) fn new(pipe: File) -> Self {
        Self { pipe, phase: AttemptPhase::Loading }
    }

    pub(super) fn phase(&self) -> AttemptPhase {
        self.phase
    }

    pub(super) fn enter(&mut self, phase: AttemptPhase) -> io::Result<()> {
        self.phase = phase;
        self.send(pb::runner_event::Event::Phase(pb::AttemptPhase::from(phase).into()))
    }

    /// When measuring began and ended. Said once, after measuring.
    pub(super) fn marks(&mut self, marks: pb::Marks) -> io::Result<()> {
        self.send(pb::runner_event::Event::Marks(marks))
    }

    pub(super) fn report(&mut self, outcome: Result<Measurement, Failure>) -> io::Result<()> {
        self.send(match outcome {
            Ok(measurement) => pb::runner_event::Event::Measurement(measurement.into()),
            Err(failure) => pb::runner_event::Event::Failure(failure.into()),
        })
    }

    fn send(&mut self, event: pb::runner_event::Event) -> io::Result<()> {
        let message = pb::RunnerEvent { event: Some(event) };
        self.pipe.write_all(&message.encode_length_delimited_to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_read_and_the_rest_of_the_pipe_is_left() {
        let job = pb::RunnerJob { model: "m".repeat(300), ..pb::RunnerJob::default() };
        let mut bytes = job.encode_length_delimited_to_vec();
        bytes.push(7);
        let mut input = bytes.as_slice();
        assert_eq!(read_job(&mut input).expect("valid"), Some(job));
        assert_eq!(input, [7]);
    }

    #[test]
    fn an_agent_that_is_gone_is_no_error_and_a_torn_job_is() {
        assert_eq!(read_job(&mut &[][..]).expect("valid"), None);
        assert!(read_job(&mut &[0x80][..]).is_err());
        assert!(read_job(&mut &[5, 1][..]).is_err());
        assert!(read_job(&mut &[0xff, 0xff, 0xff, 0x7f][..]).is_err());
        assert!(read_job(&mut &[0xff; 20][..]).is_err());
    }
}
