//! Artifacts from the coordinator into a folder, under their hash: whole and checked, or not there.

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use domain::Digest;
use proto::pb;

use crate::{
    client::{Client, digest_file},
    exit::CliError,
};

impl Client {
    /// The file of that hash in `folder`, downloaded if it is not there or not whole. An interrupted download goes on
    /// where it ended.
    pub(crate) async fn download(&self, sha256: Digest, folder: &Path) -> Result<PathBuf, CliError> {
        let whole = folder.join(sha256.to_string());
        // What lies on a disk for months is read again before it is built upon.
        if whole.is_file() && digest_file(&whole)?.0 == sha256 {
            return Ok(whole);
        }
        fs::create_dir_all(folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
        let part = folder.join(format!("{sha256}.part"));
        let unwritable = || format!("cannot write `{}`", part.display());
        let mut file = OpenOptions::new().create(true).append(true).open(&part).with_context(unwritable)?;
        let offset = file.metadata().with_context(unwritable)?.len();
        let request = pb::FetchArtifactRequest { sha256: sha256.as_bytes().to_vec(), offset };
        let mut chunks = self.artifacts().fetch_artifact(request).await?.into_inner();
        while let Some(pb::FetchChunk { size_bytes: _, data }) = chunks.message().await? {
            file.write_all(&data).with_context(unwritable)?;
        }
        sync(&file, &part)?;
        let (found, size_bytes) = digest_file(&part)?;
        if found != sha256 {
            // Going on from wrong bytes would never end.
            fs::remove_file(&part).with_context(unwritable)?;
            return Err(anyhow::anyhow!(
                "{size_bytes} bytes came from the coordinator for the artifact {sha256}, and their sha256 is {found}\n\
                 hint: try again; if it stays so, the coordinator's copy is damaged: upload the file again"
            )
            .into());
        }
        fs::rename(&part, &whole).with_context(unwritable)?;
        Ok(whole)
    }
}

fn sync(file: &File, path: &Path) -> Result<(), CliError> {
    Ok(file.sync_all().with_context(|| format!("cannot write `{}` to the disk", path.display()))?)
}
