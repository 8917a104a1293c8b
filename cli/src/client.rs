//! A connection to a coordinator, and uploads over it.

use std::{
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    path::Path,
    time::Duration,
};

use anyhow::Context as _;
use domain::Digest;
use proto::{CHUNK_BYTES, pb};
use sha2::Digest as _;
use tonic::transport::{Channel, Endpoint};

use crate::exit::CliError;

/// Long enough for a coordinator on another continent, short enough to sit through.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Speaks every service over one connection.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    channel: Channel,
}

/// A file the coordinator now holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Uploaded {
    pub(crate) sha256: Digest,
    pub(crate) size_bytes: u64,
}

impl Client {
    pub(crate) async fn connect(uri: &str) -> Result<Self, CliError> {
        let endpoint = Endpoint::from_shared(uri.to_owned())
            .map_err(|error| CliError::Invalid(format!("`{uri}` is not an address: {error}")))?
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(Duration::from_secs(20))
            .keep_alive_while_idle(true);
        let channel = endpoint.connect().await.map_err(|error| CliError::Unreachable {
            uri: uri.to_owned(),
            why: anyhow::Error::from(error).root_cause().to_string(),
        })?;
        Ok(Self { channel })
    }

    pub(crate) fn campaigns(&self) -> pb::campaign_service_client::CampaignServiceClient<Channel> {
        pb::campaign_service_client::CampaignServiceClient::new(self.channel.clone())
    }

    pub(crate) fn devices(&self) -> pb::device_service_client::DeviceServiceClient<Channel> {
        pb::device_service_client::DeviceServiceClient::new(self.channel.clone())
    }

    pub(crate) fn results(&self) -> pb::result_service_client::ResultServiceClient<Channel> {
        pb::result_service_client::ResultServiceClient::new(self.channel.clone())
            // A run with all its samples is larger than gRPC's default of 4 MiB.
            .max_decoding_message_size(usize::try_from(proto::REPORT_LIMIT_BYTES).unwrap_or(usize::MAX))
    }

    pub(crate) fn artifacts(&self) -> pb::artifact_service_client::ArtifactServiceClient<Channel> {
        pb::artifact_service_client::ArtifactServiceClient::new(self.channel.clone())
    }

    /// Uploads a file unless the coordinator holds it; resumes where an interrupted upload ended.
    pub(crate) async fn upload(&self, path: &Path) -> Result<Uploaded, CliError> {
        let (sha256, size_bytes) = digest_file(path)?;
        let request = pb::StatArtifactsRequest { sha256: vec![sha256.as_bytes().to_vec()] };
        let stat = self.artifacts().stat_artifacts(request).await?.into_inner().artifacts;
        let stat = stat.first().context("the coordinator answered no status for the artifact")?;
        if stat.complete {
            return Ok(Uploaded { sha256, size_bytes });
        }
        let offset = stat.held_bytes;
        let file = File::open(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let header = pb::UploadHeader { sha256: sha256.as_bytes().to_vec(), size_bytes, offset };
        let chunks = chunks(header, file)?;
        let reply = self.artifacts().upload_artifact(tokio_stream::iter(chunks)).await?.into_inner();
        if reply.size_bytes != size_bytes {
            let message =
                format!("the coordinator holds {} of {size_bytes} bytes of `{}`", reply.size_bytes, path.display());
            return Err(anyhow::anyhow!(message).into());
        }
        Ok(Uploaded { sha256, size_bytes })
    }
}

/// The header, then the file from the header's offset on. Reads ahead no further than the connection takes.
fn chunks(
    header: pb::UploadHeader,
    mut file: File,
) -> Result<impl Iterator<Item = pb::UploadChunk> + Send + 'static, CliError> {
    file.seek(SeekFrom::Start(header.offset))?;
    let data = std::iter::from_fn(move || {
        let mut data = vec![0; CHUNK_BYTES];
        let mut filled = 0;
        while filled < data.len() {
            match file.read(&mut data[filled..]) {
                // A file that can't be read further ends short, which the coordinator detects by size and hash.
                Ok(0) | Err(_) => break,
                Ok(count) => filled += count,
            }
        }
        data.truncate(filled);
        if filled == 0 { None } else { Some(pb::UploadChunk { chunk: Some(pb::upload_chunk::Chunk::Data(data)) }) }
    });
    let header = pb::UploadChunk { chunk: Some(pb::upload_chunk::Chunk::Header(header)) };
    Ok(std::iter::once(header).chain(data))
}

/// SHA-256 and size in bytes of a file.
pub(crate) fn digest_file(path: &Path) -> Result<(Digest, u64), CliError> {
    let unreadable = |error: std::io::Error| CliError::Invalid(format!("cannot read `{}`: {error}", path.display()));
    let mut file = File::open(path).map_err(unreadable)?;
    let mut hasher = sha2::Sha256::new();
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut size_bytes = 0;
    loop {
        let count = file.read(&mut buffer).map_err(unreadable)?;
        if count == 0 {
            return Ok((Digest::from_bytes(hasher.finalize().into()), size_bytes));
        }
        hasher.update(&buffer[..count]);
        size_bytes += count as u64;
    }
}
