//! Artifacts up and down, and the models named on top of them.

use std::time::Duration;

use domain::{Digest, ModelFile};
use proto::{CHUNK_BYTES, pb};
use tokio::{sync::mpsc, time::timeout};
use tonic::{Request, Response, Status, Streaming};

use super::{
    Answers,
    convert::digest,
    model::{model_name, model_precision},
    produce,
    status::invalid,
    stored,
};
use crate::{
    artifacts::{Begun, Held, Reader},
    engine::{Collected, Engine},
    store::{NewModel, NewVariant},
};

/// Longest silence in the middle of an upload; its part stays and can be resumed.
const CHUNK_TIMEOUT: Duration = Duration::from_mins(1);
/// Artifacts in one question.
const STAT_LIMIT: usize = 1_000;

pub(super) struct ArtifactDoor(pub(super) Engine);

impl ArtifactDoor {
    async fn must_be_whole(&self, what: &str, sha256: Digest) -> Result<(), Status> {
        match self.0.artifact_held(&sha256).await? {
            Held::Whole { .. } => Ok(()),
            Held::Part { .. } => {
                Err(Status::failed_precondition(format!("the {what} (sha256 {}) was not uploaded", sha256.short())))
            }
        }
    }

    async fn side_files_must_be_whole(&self, files: &[ModelFile]) -> Result<(), Status> {
        for file in files {
            self.must_be_whole(&format!("side file `{}`", file.path), file.sha256).await?;
        }
        Ok(())
    }
}

#[tonic::async_trait]
impl pb::artifact_service_server::ArtifactService for ArtifactDoor {
    type FetchArtifactStream = Answers<pb::FetchChunk>;
    type ListArtifactsStream = Answers<pb::StoredArtifact>;
    type VerifyArtifactsStream = Answers<pb::VerifiedArtifact>;

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
            let (complete, held_bytes) = match self.0.artifact_held(&sha256).await? {
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
        let kept = match self.0.artifacts().begin_upload(sha256, size_bytes, offset).await? {
            Begun::Whole(kept) => kept,
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
        let size_bytes = kept.size_bytes;
        self.0.keep(kept).await?;
        Ok(Response::new(pb::UploadReply { size_bytes }))
    }

    async fn fetch_artifact(
        &self,
        request: Request<pb::FetchArtifactRequest>,
    ) -> Result<Response<Self::FetchArtifactStream>, Status> {
        let pb::FetchArtifactRequest { sha256, offset } = request.into_inner();
        let sha256 = digest("sha256", &sha256).map_err(|error| invalid(&error))?;
        let found = self.0.artifacts().read(&sha256, offset).await?;
        let reader = found.ok_or_else(|| Status::not_found(format!("there is no artifact {sha256}")))?;
        Ok(Response::new(produce(&self.0, |chunks| send(reader, chunks))))
    }

    async fn add_model(&self, request: Request<pb::AddModelRequest>) -> Result<Response<pb::Model>, Status> {
        let new = NewModel::try_from(request.into_inner()).map_err(|error| invalid(&error))?;
        self.must_be_whole("model", new.sha256).await?;
        if let Some(tokenizer) = new.tokenizer_sha256 {
            self.must_be_whole("tokenizer", tokenizer).await?;
        }
        self.side_files_must_be_whole(&new.files).await?;
        Ok(Response::new(self.0.store().add_model(&new, self.0.clock().now()).await?.into()))
    }

    async fn list_models(
        &self,
        request: Request<pb::ListModelsRequest>,
    ) -> Result<Response<pb::ListModelsResponse>, Status> {
        let pb::ListModelsRequest { with_graph } = request.into_inner();
        let mut models: Vec<pb::Model> = self.0.store().models().await?.into_iter().map(Into::into).collect();
        if !with_graph {
            models.iter_mut().flat_map(|model| &mut model.card).for_each(|card| card.graph = None);
        }
        Ok(Response::new(pb::ListModelsResponse { models }))
    }

    async fn get_model(&self, request: Request<pb::GetModelRequest>) -> Result<Response<pb::Model>, Status> {
        let name = model_name(request.into_inner().name).map_err(|error| invalid(&error))?;
        let found = self.0.store().model(&name).await?;
        Ok(Response::new(found.ok_or_else(|| Status::not_found(format!("there is no model `{name}`")))?.into()))
    }

    async fn add_variant(&self, request: Request<pb::AddVariantRequest>) -> Result<Response<pb::Model>, Status> {
        let new = NewVariant::try_from(request.into_inner()).map_err(|error| invalid(&error))?;
        self.must_be_whole("variant", new.sha256).await?;
        self.side_files_must_be_whole(&new.files).await?;
        Ok(Response::new(self.0.store().add_variant(&new, self.0.clock().now()).await?.into()))
    }

    async fn remove_model(
        &self,
        request: Request<pb::RemoveModelRequest>,
    ) -> Result<Response<pb::RemoveModelResponse>, Status> {
        let pb::RemoveModelRequest { name, precision } = request.into_inner();
        let name = model_name(name).map_err(|error| invalid(&error))?;
        let removed = if precision.is_empty() {
            self.0.store().remove_model(&name).await?
        } else {
            let precision = model_precision(precision).map_err(|error| invalid(&error))?;
            self.0.store().remove_variant(&name, &precision).await?
        };
        Ok(Response::new(pb::RemoveModelResponse { removed }))
    }

    async fn list_artifacts(
        &self,
        _request: Request<pb::ListArtifactsRequest>,
    ) -> Result<Response<Self::ListArtifactsStream>, Status> {
        let engine = self.0.clone();
        Ok(Response::new(produce(&self.0, |answers| stored::list(engine, answers))))
    }

    async fn verify_artifacts(
        &self,
        request: Request<pb::VerifyArtifactsRequest>,
    ) -> Result<Response<Self::VerifyArtifactsStream>, Status> {
        let wanted = request.into_inner().sha256;
        if wanted.len() > STAT_LIMIT {
            return Err(Status::invalid_argument(format!(
                "at most {STAT_LIMIT} artifacts in one request, or none for all"
            )));
        }
        let wanted: Result<Vec<_>, _> = wanted.iter().map(|bytes| digest("sha256", bytes)).collect();
        let (engine, wanted) = (self.0.clone(), wanted.map_err(|error| invalid(&error))?);
        Ok(Response::new(produce(&self.0, |answers| stored::verify(engine, wanted, answers))))
    }

    async fn collect_garbage(
        &self,
        request: Request<pb::CollectGarbageRequest>,
    ) -> Result<Response<pb::CollectGarbageReply>, Status> {
        let pb::CollectGarbageRequest { dry_run } = request.into_inner();
        let Collected { artifacts, bytes } = self.0.collect_daily(dry_run).await?;
        Ok(Response::new(pb::CollectGarbageReply { artifacts, bytes }))
    }
}

async fn next(chunks: &mut Streaming<pb::UploadChunk>) -> Result<Option<pb::upload_chunk::Chunk>, Status> {
    let chunk = timeout(CHUNK_TIMEOUT, chunks.message())
        .await
        .map_err(|_elapsed| Status::deadline_exceeded("no chunk within 60 s"))??;
    Ok(chunk.and_then(|chunk| chunk.chunk))
}

async fn send(mut reader: Reader, chunks: mpsc::Sender<Result<pb::FetchChunk, Status>>) {
    let size_bytes = reader.size_bytes();
    let chunk = |data: &[u8]| Ok(pb::FetchChunk { size_bytes, data: data.to_owned() });
    // A chunk without data: thus the size is known even if nothing follows.
    if chunks.send(chunk(&[])).await.is_err() {
        return;
    }
    loop {
        match reader.next().await {
            Ok(None) => return,
            Ok(Some(window)) => {
                for data in window.as_ref().chunks(CHUNK_BYTES) {
                    if chunks.send(chunk(data)).await.is_err() {
                        return;
                    }
                }
            }
            Err(error) => {
                // Whoever has gone needs no error.
                return chunks.send(Err(error.into())).await.unwrap_or_default();
            }
        }
    }
}
