//! One upload: from where the last one stopped, verified against its digest at the end, durable before it is visible.

use std::io;

use domain::Digest;
use sha2::{Digest as _, Sha256};
use tokio::{
    fs::{self, File, OpenOptions},
    io::{AsyncReadExt as _, AsyncWriteExt as _},
};

use super::{Artifacts, Held, SIZE_LIMIT_BYTES};

/// Bytes read at once while the part of an earlier upload is hashed again.
const REHASH_BYTES: usize = 256 * 1024;

#[derive(Debug, thiserror::Error)]
pub(crate) enum UploadError {
    #[error("an artifact has at most {SIZE_LIMIT_BYTES} bytes, this one {0}")]
    TooLarge(u64),
    #[error("the upload starts at byte {offset}, but {held} bytes are held: resume there")]
    WrongOffset { offset: u64, held: u64 },
    #[error("more than the {0} announced bytes arrived")]
    TooMuch(u64),
    #[error("{arrived} of {announced} bytes arrived; resume there")]
    Unfinished { arrived: u64, announced: u64 },
    #[error("the bytes have SHA-256 {actual}, not {announced}; they were dropped, send them again")]
    WrongDigest { announced: Digest, actual: Digest },
    #[error("cannot keep the artifact")]
    Io(#[from] io::Error),
}

/// How an upload begins.
#[derive(Debug)]
pub(crate) enum Begun {
    /// Another upload was faster: nothing is wanted.
    Whole,
    Wanted(Box<Upload>),
}

/// An upload that goes on. Dropped, it leaves its part for the next one to resume.
#[derive(Debug)]
pub(crate) struct Upload {
    artifacts: Artifacts,
    digest: Digest,
    announced: u64,
    arrived: u64,
    hasher: Sha256,
    file: File,
    _lock: tokio::sync::OwnedMutexGuard<()>,
}

impl Artifacts {
    /// Waits until no other upload of this digest goes on.
    pub(crate) async fn begin_upload(
        &self,
        digest: Digest,
        size_bytes: u64,
        offset: u64,
    ) -> Result<Begun, UploadError> {
        if size_bytes > SIZE_LIMIT_BYTES {
            return Err(UploadError::TooLarge(size_bytes));
        }
        let lock = self.lock(&digest).await;
        let held = match self.held(&digest).await? {
            Held::Whole { .. } => return Ok(Begun::Whole),
            Held::Part { bytes } => bytes,
        };
        if offset != held {
            return Err(UploadError::WrongOffset { offset, held });
        }
        let path = self.part(&digest);
        let mut file = OpenOptions::new().create(true).append(true).read(true).open(&path).await?;
        let hasher = rehash(&mut file).await?;
        let artifacts = self.clone();
        Ok(Begun::Wanted(Box::new(Upload {
            artifacts,
            digest,
            announced: size_bytes,
            arrived: held,
            hasher,
            file,
            _lock: lock,
        })))
    }
}

impl Upload {
    pub(crate) async fn write(&mut self, data: &[u8]) -> Result<(), UploadError> {
        let arrived = self.arrived + data.len() as u64;
        if arrived > self.announced {
            // Nothing says which of the bytes are the right ones.
            fs::remove_file(self.artifacts.part(&self.digest)).await?;
            return Err(UploadError::TooMuch(self.announced));
        }
        self.file.write_all(data).await?;
        self.hasher.update(data);
        self.arrived = arrived;
        Ok(())
    }

    /// Verifies, syncs, and only then gives the file its name.
    pub(crate) async fn finish(mut self) -> Result<u64, UploadError> {
        self.file.flush().await?;
        if self.arrived < self.announced {
            return Err(UploadError::Unfinished { arrived: self.arrived, announced: self.announced });
        }
        let part = self.artifacts.part(&self.digest);
        let actual = Digest::from_bytes(self.hasher.finalize().into());
        if actual != self.digest {
            fs::remove_file(&part).await?;
            return Err(UploadError::WrongDigest { announced: self.digest, actual });
        }
        self.file.sync_all().await?;
        let whole = self.artifacts.whole(&self.digest);
        let directory = whole.parent().unwrap_or(&self.artifacts.root);
        fs::create_dir_all(directory).await?;
        fs::rename(&part, &whole).await?;
        // The rename itself is durable once both directories are.
        File::open(directory).await?.sync_all().await?;
        File::open(&self.artifacts.root).await?.sync_all().await?;
        Ok(self.announced)
    }
}

async fn rehash(file: &mut File) -> io::Result<Sha256> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; REHASH_BYTES];
    loop {
        match file.read(&mut buffer).await? {
            0 => return Ok(hasher),
            read => hasher.update(&buffer[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn artifacts() -> (tempfile::TempDir, Artifacts) {
        let directory = tempfile::tempdir().expect("a directory");
        let artifacts = Artifacts::open(directory.path().join("artifacts")).await.expect("opens");
        (directory, artifacts)
    }

    async fn begin(artifacts: &Artifacts, content: &[u8], offset: u64) -> Box<Upload> {
        match artifacts.begin_upload(Digest::of(content), content.len() as u64, offset).await.expect("begins") {
            Begun::Wanted(upload) => upload,
            Begun::Whole => panic!("nothing was uploaded yet"),
        }
    }

    #[tokio::test]
    async fn an_interrupted_upload_resumes_where_it_stopped() {
        let (_directory, artifacts) = artifacts().await;
        let content = b"the bytes of a model";
        let mut upload = begin(&artifacts, content, 0).await;
        upload.write(&content[..7]).await.expect("written");
        assert!(matches!(upload.finish().await, Err(UploadError::Unfinished { arrived: 7, .. })));

        let digest = Digest::of(content);
        assert_eq!(artifacts.held(&digest).await.expect("held"), Held::Part { bytes: 7 });
        let mismatch = artifacts.begin_upload(digest, content.len() as u64, 3).await;
        assert!(matches!(mismatch, Err(UploadError::WrongOffset { held: 7, .. })));
        let mut upload = begin(&artifacts, content, 7).await;
        upload.write(&content[7..]).await.expect("written");
        upload.finish().await.expect("whole");
        assert_eq!(artifacts.held(&digest).await.expect("held"), Held::Whole { size_bytes: content.len() as u64 });
    }

    #[tokio::test]
    async fn wrong_bytes_are_dropped_and_never_visible() {
        let (_directory, artifacts) = artifacts().await;
        let mut upload = begin(&artifacts, b"right", 0).await;
        upload.write(b"wrong").await.expect("written");
        assert!(matches!(upload.finish().await, Err(UploadError::WrongDigest { .. })));
        assert_eq!(artifacts.held(&Digest::of(b"right")).await.expect("held"), Held::Part { bytes: 0 });

        let mut upload = begin(&artifacts, b"short", 0).await;
        assert!(matches!(upload.write(b"much longer").await, Err(UploadError::TooMuch(5))));
    }

    #[tokio::test]
    async fn a_second_upload_of_the_same_bytes_waits_and_finds_them_whole() {
        let (_directory, artifacts) = artifacts().await;
        let content = b"shared";
        let mut first = begin(&artifacts, content, 0).await;
        let second = artifacts.begin_upload(Digest::of(content), content.len() as u64, 0);
        let (_, second) = tokio::join!(
            async {
                first.write(content).await.expect("written");
                first.finish().await.expect("whole")
            },
            second
        );
        assert!(matches!(second.expect("begins"), Begun::Whole));
    }

    #[tokio::test]
    async fn too_large_is_refused_before_a_byte_is_taken() {
        let (_directory, artifacts) = artifacts().await;
        let refused = artifacts.begin_upload(Digest::of(b""), SIZE_LIMIT_BYTES + 1, 0).await;
        assert!(matches!(refused, Err(UploadError::TooLarge(_))));
    }
}
