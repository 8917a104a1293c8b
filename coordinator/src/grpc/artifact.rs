//! Artifacts up and down, and the models named on top of them.

use std::time::Duration;

use domain::Digest;
use proto::{CHUNK_BYTES, pb};
use tokio::{fs::File, io::AsyncReadExt as _, sync::mpsc, time::timeout};
use tonic::{Request, Response, Status, Streaming};

use super::{
    Answers,
    convert::{digest, text},
    produce,
    status::{file, invalid},
};
use crate::{
    artifacts::{Begun, Held},
    engine::Engine,
    store::{ArtifactRecord, NewModel},
};

/// Longest silence in the middle of an upload; its part stays and can be resumed.
const CHUNK_TIMEOUT: Duration = Duration::from_mins(1);
/// Artifacts in one question.
const STAT_LIMIT: usize = 1_000;

pub(super) struct ArtifactDoor(pub(super) Engine);

impl ArtifactDoor {
    /// What is held. A whole file whose row is missing (a crash came between) gets its row.
    async fn held(&self, sha256: Digest) -> Result<Held, Status> {
        let held = self.0.artifacts().held(&sha256).await.map_err(|error| file(&error))?;
        if let Held::Whole { size_bytes } = held {
            self.record(ArtifactRecord { sha256, size_bytes }).await?;
        }
        Ok(held)
    }

    async fn record(&self, artifact: ArtifactRecord) -> Result<(), Status> {
        Ok(self.0.store().record_artifact(artifact, self.0.clock().now()).await?)
    }

    async fn must_be_whole(&self, what: &str, sha256: Digest) -> Result<(), Status> {
        match self.held(sha256).await? {
            Held::Whole { .. } => Ok(()),
            Held::Part { .. } => {
                Err(Status::failed_precondition(format!("the {what} (sha256 {}) was not uploaded", sha256.short())))
            }
        }
    }
}

#[tonic::async_trait]
impl pb::artifact_service_server::ArtifactService for ArtifactDoor {
    type FetchArtifactStream = Answers<pb::FetchChunk>;

    async fn stat_artifacts(
        &self,
        request: Request<pb::StatArtifactsRequest>,
    ) -> Result<Response<pb::StatArtifactsResponse>, Status> {
        let wanted = request.into_inner().sha256;
        if wanted.len() > STAT_LIMIT {
            return Err(Status::invalid_argument(format!("at most {STAT_LIMIT} artifacts in one question")));
        }
        let mut artifacts = Vec::with_capacity(wanted.len());
        for bytes in wanted {
            let sha256 = digest("sha256", &bytes).map_err(|error| invalid(&error))?;
            let (complete, held_bytes) = match self.held(sha256).await? {
                Held::Whole { size_bytes } => (true, size_bytes),
                Held::Part { bytes } => (false, bytes),
            };
            artifacts.push(pb::ArtifactStat { sha256: bytes, complete, held_bytes });
        }
        Ok(Response::new(pb::StatArtifactsResponse { artifacts }))
    }

    async fn upload_artifact(
        &self,
        request: Request<Streaming<pb::UploadChunk>>,
    ) -> Result<Response<pb::UploadReply>, Status> {
        let mut chunks = request.into_inner();
        let Some(pb::upload_chunk::Chunk::Header(header)) = next(&mut chunks).await? else {
            return Err(Status::invalid_argument("the first chunk of an upload must be its header"));
        };
        let pb::UploadHeader { sha256, size_bytes, offset } = header;
        let sha256 = digest("header.sha256", &sha256).map_err(|error| invalid(&error))?;
        let size_bytes = match self.0.artifacts().begin_upload(sha256, size_bytes, offset).await? {
            Begun::Whole => size_bytes,
            Begun::Wanted(mut upload) => {
                while let Some(chunk) = next(&mut chunks).await? {
                    let pb::upload_chunk::Chunk::Data(data) = chunk else {
                        return Err(Status::invalid_argument("an upload has one header"));
                    };
                    upload.write(&data).await?;
                }
                upload.finish().await?
            }
        };
        self.record(ArtifactRecord { sha256, size_bytes }).await?;
        Ok(Response::new(pb::UploadReply { size_bytes }))
    }

    async fn fetch_artifact(
        &self,
        request: Request<pb::FetchArtifactRequest>,
    ) -> Result<Response<Self::FetchArtifactStream>, Status> {
        let pb::FetchArtifactRequest { sha256, offset } = request.into_inner();
        let sha256 = digest("sha256", &sha256).map_err(|error| invalid(&error))?;
        let found = self.0.artifacts().read(&sha256, offset).await.map_err(|error| file(&error))?;
        let (source, size_bytes) = found.ok_or_else(|| Status::not_found(format!("there is no artifact {sha256}")))?;
        Ok(Response::new(produce(&self.0, |chunks| send(source, size_bytes, chunks))))
    }

    async fn add_model(&self, request: Request<pb::AddModelRequest>) -> Result<Response<pb::Model>, Status> {
        let pb::AddModelRequest { name, sha256, tokenizer_sha256, source, licence, replace } = request.into_inner();
        let checked = |result: Result<_, _>| result.map_err(|error| invalid(&error));
        if name.is_empty() {
            return Err(Status::invalid_argument("a model needs a name"));
        }
        let sha256 = digest("sha256", &sha256).map_err(|error| invalid(&error))?;
        let tokenizer_sha256 = if tokenizer_sha256.is_empty() {
            None
        } else {
            Some(digest("tokenizer_sha256", &tokenizer_sha256).map_err(|error| invalid(&error))?)
        };
        self.must_be_whole("model", sha256).await?;
        if let Some(tokenizer) = tokenizer_sha256 {
            self.must_be_whole("tokenizer", tokenizer).await?;
        }
        let new = NewModel {
            name: checked(text("name", name))?,
            sha256,
            tokenizer_sha256,
            source: checked(text("source", source))?,
            licence: checked(text("licence", licence))?,
            replace,
        };
        Ok(Response::new(self.0.store().add_model(&new, self.0.clock().now()).await?.into()))
    }

    async fn list_models(
        &self,
        _request: Request<pb::ListModelsRequest>,
    ) -> Result<Response<pb::ListModelsResponse>, Status> {
        let models = self.0.store().models().await?.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListModelsResponse { models }))
    }
}

async fn next(chunks: &mut Streaming<pb::UploadChunk>) -> Result<Option<pb::upload_chunk::Chunk>, Status> {
    let chunk = timeout(CHUNK_TIMEOUT, chunks.message())
        .await
        .map_err(|_elapsed| Status::deadline_exceeded("no chunk within 60 s"))??;
    Ok(chunk.and_then(|chunk| chunk.chunk))
}

/// An empty artifact is one chunk without data: its size is known all the same.
async fn send(mut source: File, size_bytes: u64, chunks: mpsc::Sender<Result<pb::FetchChunk, Status>>) {
    let mut first = true;
    loop {
        let mut data = vec![0; CHUNK_BYTES];
        let chunk = match source.read(&mut data).await {
            Ok(0) if !first => return,
            Ok(read) => {
                data.truncate(read);
                Ok(pb::FetchChunk { size_bytes, data })
            }
            Err(error) => Err(file(&error)),
        };
        let last = !chunk.as_ref().is_ok_and(|chunk| !chunk.data.is_empty());
        if chunks.send(chunk).await.is_err() || last {
            return;
        }
        first = false;
    }
}
