//! Delivers one report to the coordinator. Idempotent there: a repeated delivery is acknowledged like the first.

use std::error::Error;
use std::time::Duration;

use domain::{Fence, ResultUid};
use proto::pb::{self, agent_service_client::AgentServiceClient, report_chunk::Chunk};
use tokio::time::timeout;
use tonic::Code;
use tonic::transport::Channel;
use tracing::{info, warn};

use crate::spool::{Entry, Spool, SpoolError};

/// The largest report (64 MiB) at half a megabyte a second.
const DELIVERY_TIMEOUT: Duration = Duration::from_mins(2);

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivered {
    /// Stored, stored before, or stale: either way the coordinator has it.
    Acknowledged,
    /// To be tried again.
    NotNow,
    /// Never: it can't be read here, or the coordinator refused its content.
    Never,
}

pub(crate) async fn deliver(channel: Channel, spool: Spool, result: ResultUid) -> Delivered {
    let (entry, report) = match spool.read(result) {
        Ok(read) => read,
        Err(error @ SpoolError::Corrupt { .. }) => {
            warn!(%result, %error, "a spooled report can't be read");
            return Delivered::Never;
        }
        Err(error) => {
            warn!(%result, error = &error as &dyn Error, "a spooled report can't be read now");
            return Delivered::NotNow;
        }
    };
    let Entry { attempt, fence: Fence(fence), result_uid, sha256, size_bytes } = entry;
    let header = pb::ReportHeader {
        attempt_id: attempt.0,
        fence,
        result_uid: result_uid.0.as_bytes().to_vec(),
        total_bytes: size_bytes,
        sha256: sha256.as_bytes().to_vec(),
    };
    let mut client = AgentServiceClient::new(channel);
    let answer =
        timeout(DELIVERY_TIMEOUT, client.report_attempt(tokio_stream::iter(Chunks::new(header, report)))).await;
    let reply = match answer {
        Ok(Ok(reply)) => reply.into_inner(),
        Ok(Err(status)) if matches!(status.code(), Code::InvalidArgument | Code::OutOfRange) => {
            warn!(attempt.id = %attempt, %result, code = ?status.code(), message = status.message(), "the coordinator refused a report");
            return Delivered::Never;
        }
        Ok(Err(status)) => {
            info!(attempt.id = %attempt, %result, code = ?status.code(), message = status.message(), "a report could not be delivered and stays in the spool");
            return Delivered::NotNow;
        }
        Err(_elapsed) => {
            info!(attempt.id = %attempt, %result, "the delivery of a report took too long and is tried again");
            return Delivered::NotNow;
        }
    };
    match pb::ReportOutcome::try_from(reply.outcome) {
        Ok(pb::ReportOutcome::Unspecified) | Err(_) => {
            warn!(attempt.id = %attempt, %result, outcome = reply.outcome, "the coordinator gave an outcome this version does not know");
            Delivered::NotNow
        }
        Ok(outcome) => {
            info!(attempt.id = %attempt, %result, bytes = size_bytes, outcome = outcome.as_str_name(), "report delivered");
            Delivered::Acknowledged
        }
    }
}

/// The header, then the report in pieces, copied one at a time.
struct Chunks {
    header: Option<pb::ReportHeader>,
    report: Vec<u8>,
    sent: usize,
}

impl Chunks {
    fn new(header: pb::ReportHeader, report: Vec<u8>) -> Self {
        Self { header: Some(header), report, sent: 0 }
    }
}

impl Iterator for Chunks {
    type Item = pb::ReportChunk;

    fn next(&mut self) -> Option<pb::ReportChunk> {
        if let Some(header) = self.header.take() {
            return Some(pb::ReportChunk { chunk: Some(Chunk::Header(header)) });
        }
        let piece = self.report[self.sent..].chunks(proto::CHUNK_BYTES).next()?;
        self.sent += piece.len();
        Some(pb::ReportChunk { chunk: Some(Chunk::Data(piece.to_vec())) })
    }
}
