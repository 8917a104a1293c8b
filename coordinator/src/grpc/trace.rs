//! Every reading beside one run, in chunks: it may be larger than what fits into one message.

use domain::{RunId, Telemetry};
use proto::{CHUNK_BYTES, pb};
use tokio::sync::mpsc;
use tonic::Status;

use crate::{engine::Engine, store::RunPage};

/// What one run's readings are, and the readings.
pub(super) async fn find(engine: &Engine, id: RunId) -> Result<(Telemetry, Vec<u8>), Status> {
    let store = engine.store();
    if store.runs(RunPage::One(id), 1).await?.is_empty() {
        return Err(Status::not_found(format!("there is no run {id}")));
    }
    let trace = store.trace(id).await?;
    match store.telemetry(id).await?.filter(|_| !trace.is_empty()) {
        Some(telemetry) => Ok((telemetry, trace)),
        None => Err(Status::not_found(format!("there are no readings beside run {id}"))),
    }
}

/// The windows first, then the bytes.
pub(super) async fn send(
    (telemetry, trace): (Telemetry, Vec<u8>),
    chunks: mpsc::Sender<Result<pb::TraceChunk, Status>>,
) {
    use pb::trace_chunk::Chunk;
    let windows = Chunk::Windows(telemetry.windows.into());
    let data = trace.chunks(CHUNK_BYTES).map(|data| Chunk::Data(data.to_vec()));
    for chunk in std::iter::once(windows).chain(data) {
        if chunks.send(Ok(pb::TraceChunk { chunk: Some(chunk) })).await.is_err() {
            return;
        }
    }
}
