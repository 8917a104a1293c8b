//! Receives one report: checks that it arrived as it was sent, decodes it, hands it to the engine.
//!
//! What the transport spoiled is an error, so that the agent sends it again; what the agent itself got wrong is stored
//! as a failure, since it would never get better.

use std::time::Duration;

use domain::{AttemptId, Digest, Failure, Fence, Measurement, ResultUid};
use prost::Message as _;
use proto::{REPORT_LIMIT_BYTES, pb};
use tokio::time::timeout;
use tonic::{Status, Streaming};

use super::{convert::digest, status::invalid};
use crate::{
    engine::{Engine, Reported},
    store::{Accepted, ReportKey},
};

/// Longest silence in the middle of a report.
const CHUNK_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) async fn receive(
    engine: &Engine,
    mut chunks: Streaming<pb::ReportChunk>,
) -> Result<pb::ReportReply, Status> {
    let Some(pb::report_chunk::Chunk::Header(header)) = next(&mut chunks).await? else {
        return Err(Status::invalid_argument("the first chunk of a report must be its header"));
    };
    let result_uid = ResultUid::try_from(&header).map_err(|error| invalid(&error))?;
    let pb::ReportHeader { attempt_id, fence, result_uid: _, total_bytes, sha256 } = header;
    let announced = digest("header.sha256", &sha256).map_err(|error| invalid(&error))?;
    let key = ReportKey { attempt: AttemptId(attempt_id), fence: Fence(fence), result_uid };

    let (reported, report) = if total_bytes > REPORT_LIMIT_BYTES {
        let why = format!("it has {total_bytes} bytes, more than the limit of {REPORT_LIMIT_BYTES}");
        (Reported::Malformed(why), Vec::new())
    } else {
        let report = body(&mut chunks, total_bytes, announced).await?;
        (decode(&report), report)
    };
    let outcome = match engine.accept(key, reported, report.into()).await? {
        Accepted::Stored => pb::ReportOutcome::Stored,
        Accepted::Already => pb::ReportOutcome::AlreadyStored,
        Accepted::Stale => pb::ReportOutcome::Stale,
    };
    Ok(pb::ReportReply { outcome: outcome.into() })
}

async fn next(chunks: &mut Streaming<pb::ReportChunk>) -> Result<Option<pb::report_chunk::Chunk>, Status> {
    let chunk = timeout(CHUNK_TIMEOUT, chunks.message())
        .await
        .map_err(|_elapsed| Status::deadline_exceeded("no chunk within 30 s"))??;
    Ok(chunk.and_then(|chunk| chunk.chunk))
}

async fn body(chunks: &mut Streaming<pb::ReportChunk>, total_bytes: u64, announced: Digest) -> Result<Vec<u8>, Status> {
    let mut report = Vec::new();
    while let Some(chunk) = next(chunks).await? {
        let pb::report_chunk::Chunk::Data(data) = chunk else {
            return Err(Status::invalid_argument("a report has one header"));
        };
        if report.len() as u64 + data.len() as u64 > total_bytes {
            return Err(Status::data_loss("more bytes arrived than were announced"));
        }
        report.extend_from_slice(&data);
    }
    if report.len() as u64 != total_bytes || Digest::of(&report) != announced {
        return Err(Status::data_loss("the bytes that arrived are not those that were announced; send them again"));
    }
    Ok(report)
}

fn decode(report: &[u8]) -> Reported {
    let outcome = match pb::AttemptReport::decode(report) {
        Ok(pb::AttemptReport { outcome: Some(outcome) }) => outcome,
        Ok(pb::AttemptReport { outcome: None }) => return Reported::Malformed("it holds no outcome".to_owned()),
        Err(error) => return Reported::Malformed(error.to_string()),
    };
    let converted = match outcome {
        pb::attempt_report::Outcome::Measurement(measurement) => {
            Measurement::try_from(measurement).map(|measurement| Reported::Measurement(Box::new(measurement)))
        }
        pb::attempt_report::Outcome::Failure(failure) => Failure::try_from(failure).map(Reported::Failure),
    };
    converted.unwrap_or_else(|error| Reported::Malformed(error.to_string()))
}
