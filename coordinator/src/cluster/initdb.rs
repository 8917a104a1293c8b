//! Creates the cluster on first use: beside its place, then renamed into it, so that a killed initdb leaves no half of one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use tracing::info;

use super::command::program;
use super::error::ClusterError;
use super::log::evidence;
use super::place::{Place, chown, random_hex};
use super::server::ROLE;

/// Inside PostgreSQL's data directory, so that one rename creates the cluster together with its password.
pub(super) const PASSWORD_FILE: &str = "furlong.password";
/// Of what an initdb has not finished.
const UNFINISHED: &str = "new-";
/// 256 bits: never typed, never shown.
const PASSWORD_BYTES: usize = 32;

/// Makes sure that there is a cluster of this major version.
pub(super) async fn ensure(place: &Place, ours: u32) -> Result<(), ClusterError> {
    let version_file = place.data().join("PG_VERSION");
    match fs::read_to_string(&version_file) {
        Ok(found) if found.trim() == ours.to_string() => Ok(()),
        Ok(found) => Err(ClusterError::OtherMajor { directory: place.data(), found: found.trim().to_owned(), ours }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(place).await,
        Err(error) => Err(ClusterError::io("read", &version_file)(error)),
    }
}

async fn create(place: &Place) -> Result<(), ClusterError> {
    remove_unfinished(&place.home)?;
    // A name of its own each time: an initdb that outlived its killed coordinator may still write to the earlier one.
    let new = place.home.join(format!("{UNFINISHED}{}", random_hex(8)?));
    place.create_private(&new)?;
    let password_file = place.home.join(format!("{UNFINISHED}password-{}", random_hex(8)?));
    write_password(place, &password_file)?;

    let output = program(&place.bin_dir.join("initdb"), place.owner)
        .arg("--pgdata")
        .arg(&new)
        .arg("--pwfile")
        .arg(&password_file)
        .args(["--username", ROLE, "--auth", "scram-sha-256", "--data-checksums"])
        // The same order of text on every machine; the C library's locales differ between them.
        .args(["--encoding", "UTF8", "--locale", "C", "--no-instructions"])
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|source| ClusterError::NoProgram { bin_dir: place.bin_dir.clone(), program: "initdb", source })?;
    if !output.status.success() {
        let evidence = evidence(&String::from_utf8_lossy(&output.stderr));
        remove_unfinished(&place.home)?;
        return Err(ClusterError::Initdb { directory: place.data(), status: output.status.to_string(), evidence });
    }

    let (kept, data) = (new.join(PASSWORD_FILE), place.data());
    fs::rename(&password_file, &kept).map_err(ClusterError::io("create", &kept))?;
    sync(&new)?;
    fs::rename(&new, &data).map_err(ClusterError::io("create", &data))?;
    sync(&place.home)?;
    info!(directory = %data.display(), "created the database cluster");
    Ok(())
}

fn write_password(place: &Place, path: &Path) -> Result<(), ClusterError> {
    let password = random_hex(PASSWORD_BYTES)?;
    let write = || -> io::Result<()> {
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
        writeln!(file, "{password}")?;
        file.sync_all()
    };
    write().map_err(ClusterError::io("write", path))?;
    place.owner.map_or(Ok(()), |owner| chown(path, owner))
}

/// No server has ever run in these: nothing of value is in them.
fn remove_unfinished(home: &Path) -> Result<(), ClusterError> {
    for entry in fs::read_dir(home).map_err(ClusterError::io("read", home))? {
        let entry = entry.map_err(ClusterError::io("read", home))?;
        if !entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            continue;
        }
        let path = entry.path();
        let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        // An initdb that still runs creates files while we remove them; the next start finishes the job.
        match removed {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
            removed => removed.map_err(ClusterError::io("remove", &path))?,
        }
    }
    Ok(())
}

fn sync(directory: &Path) -> Result<(), ClusterError> {
    File::open(directory).and_then(|file| file.sync_all()).map_err(ClusterError::io("write", directory))
}
