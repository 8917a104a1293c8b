//! From a verified part to its name: for a folder by rename, for a bucket by an upload of its own.
//!
//! A crash in between leaves the whole part, which the next upload or [`Artifacts::finish_staged`] publishes.

use std::{
    io,
    path::{Path, PathBuf},
};

use domain::Digest;
use object_store::{ObjectStoreExt as _, PutPayload, WriteMultipart};
use tokio::{
    fs::{self, File},
    io::AsyncReadExt as _,
    task::spawn_blocking,
};

use super::{ArtifactError, Artifacts, Claim, Kept, content::digest_of, key};

/// Bytes of one part of an upload to a bucket. S3 takes at most 10,000 parts, so that 80 GiB would fit.
const PART_BYTES: usize = 8 * 1024 * 1024;
/// Parts on their way at once: with the one that is being read, what an upload takes of memory.
const PARTS_AT_ONCE: usize = 3;

impl Artifacts {
    /// Gives the part its name. Its bytes are on the disk already, and are what the digest says.
    pub(super) async fn publish(&self, digest: &Digest, size_bytes: u64, _claim: &Claim) -> Result<(), ArtifactError> {
        let part = self.part(digest);
        if let (Some(root), Some(whole)) = (&self.inner.folder, self.file(digest)) {
            rename(root, &part, &whole).await.map_err(ArtifactError::io("publish", &whole))?;
            self.note_sound(digest);
            return Ok(());
        }
        if size_bytes <= PART_BYTES as u64 {
            let bytes = fs::read(&part).await.map_err(ArtifactError::io("read", &part))?;
            self.inner.store.put(&key(digest), PutPayload::from(bytes)).await.map_err(ArtifactError::store)?;
        } else {
            self.put_in_parts(digest, &part).await?;
        }
        fs::remove_file(&part).await.map_err(ArtifactError::io("remove", &part))
    }

    async fn put_in_parts(&self, digest: &Digest, part: &Path) -> Result<(), ArtifactError> {
        let mut file = File::open(part).await.map_err(ArtifactError::io("read", part))?;
        let upload = self.inner.store.put_multipart(&key(digest)).await.map_err(ArtifactError::store)?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
        let sent = send(&mut file, &mut upload, part).await;
        if let Err(error) = sent {
            // Best effort: what a bucket keeps of an upload that never ends, its own lifecycle rules remove.
            drop(upload.abort().await);
            return Err(error);
        }
        upload.finish().await.map_err(ArtifactError::store)?;
        Ok(())
    }

    /// Publishes the parts that are whole, which only a crash leaves.
    pub(crate) async fn finish_staged(&self) -> Result<Vec<Kept>, ArtifactError> {
        let mut kept = Vec::new();
        for part in self.parts().await? {
            // An upload that goes on has the claim, and finishes by itself.
            let Some(claim) = self.inner.claims.attempt(&part.digest) else { continue };
            let path = part.path.clone();
            let actual = spawn_blocking(move || digest_of(&path)).await.map_err(io::Error::other).flatten();
            match actual {
                Ok(actual) if actual == part.digest => {}
                Ok(_) => continue,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(ArtifactError::io("read", &part.path)(error)),
            }
            sync(&part.path).await.map_err(ArtifactError::io("flush", &part.path))?;
            self.publish(&part.digest, part.bytes, &claim).await?;
            kept.push(Kept { digest: part.digest, size_bytes: part.bytes, claim });
        }
        Ok(kept)
    }
}

async fn send(file: &mut File, upload: &mut WriteMultipart, part: &Path) -> Result<(), ArtifactError> {
    let mut buffer = vec![0; proto::CHUNK_BYTES];
    loop {
        upload.wait_for_capacity(PARTS_AT_ONCE).await.map_err(ArtifactError::store)?;
        match file.read(&mut buffer).await.map_err(ArtifactError::io("read", part))? {
            0 => return Ok(()),
            read => upload.write(&buffer[..read]),
        }
    }
}

async fn rename(root: &Path, part: &Path, whole: &Path) -> io::Result<()> {
    let directory: PathBuf = whole.parent().unwrap_or(root).to_owned();
    fs::create_dir_all(&directory).await?;
    fs::rename(part, whole).await?;
    // The rename itself is durable once both directories are.
    sync(&directory).await?;
    sync(root).await
}

async fn sync(path: &Path) -> io::Result<()> {
    File::open(path).await?.sync_all().await
}
