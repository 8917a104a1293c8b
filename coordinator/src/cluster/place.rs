//! Where the cluster's files are and which user runs the server.
//!
//! An ordinary user runs the server itself, in its data directory. For root there are two complications: the server must run as
//! somebody else, and that user must be able to get to the files. Where it is not, they live below `/var/lib/furlong`.

use std::fmt::Write;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User};
use sha2::{Digest, Sha256};
use tracing::{info, warn};

use super::binaries;
use super::error::ClusterError;
use super::initdb::PASSWORD_FILE;
use super::reach::reaches;

/// Tried in this order when the coordinator is root.
const SERVICE_USERS: [&str; 3] = ["furlong", "postgres", "nobody"];
/// What root's server uses when the data directory is closed to its user.
const SYSTEM_DIRECTORY: &str = "/var/lib/furlong";
/// In the data directory, when the cluster is elsewhere: one line, the path.
const POINTER: &str = "postgres.location";

/// The user that runs the server. It has no other groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

#[derive(Debug, Clone)]
pub(super) struct Place {
    /// Holds `data/`, `socket/` and nothing of anybody else; closed to others.
    pub(super) home: PathBuf,
    /// Of programs that the owner can run.
    pub(super) bin_dir: PathBuf,
    /// `None`: the same user as ours.
    pub(super) owner: Option<Owner>,
}

impl Place {
    /// Decides, and creates what is missing. `data_dir` is canonical and exists.
    pub(super) fn prepare(data_dir: &Path, bin_dir: &Path) -> Result<Self, ClusterError> {
        let bin_dir = fs::canonicalize(bin_dir).map_err(|source| ClusterError::NoProgram {
            bin_dir: bin_dir.to_owned(),
            program: "postgres",
            source,
        })?;
        let default_home = data_dir.join("postgres");
        if !Uid::effective().is_root() {
            create_home(&default_home, None)?;
            return Ok(Self { home: default_home, bin_dir, owner: None });
        }
        let owner = existing_owner(data_dir, &default_home)?.map_or_else(service_user, Ok)?;
        let home = reachable_home(data_dir, default_home, owner)?;
        create_home(&home, Some(owner))?;
        let bin_dir = if reaches(owner, &bin_dir).map_err(ClusterError::io("examine", &bin_dir))? {
            bin_dir
        } else {
            let copy = binaries::copy_to(&bin_dir, &Path::new(SYSTEM_DIRECTORY).join("postgres-bin"))?;
            info!(from = %bin_dir.display(), to = %copy.display(), "PostgreSQL's programs are closed to its user: running a copy");
            copy
        };
        Ok(Self { home, bin_dir, owner: Some(owner) })
    }

    /// PostgreSQL's data directory.
    pub(super) fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    pub(super) fn socket_directory(&self) -> PathBuf {
        self.home.join("socket")
    }

    /// `None` while there is no cluster.
    pub(super) fn password(&self) -> Result<Option<String>, ClusterError> {
        let path = self.data().join(PASSWORD_FILE);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text.trim().to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ClusterError::io("read", &path)(error)),
        }
    }

    /// A directory that only the server's user and root can enter.
    pub(super) fn create_private(&self, path: &Path) -> Result<(), ClusterError> {
        create_private(path, self.owner)
    }
}

/// A cluster that a user made is root's to run as well, but as that user.
fn existing_owner(data_dir: &Path, default_home: &Path) -> Result<Option<Owner>, ClusterError> {
    let home = pointer(data_dir)?.unwrap_or_else(|| default_home.to_owned());
    match fs::metadata(home.join("data")) {
        Ok(found) => Ok((found.uid() != 0).then(|| Owner { uid: found.uid(), gid: found.gid() })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ClusterError::io("examine", &home)(error)),
    }
}

fn service_user() -> Result<Owner, ClusterError> {
    let found = SERVICE_USERS.iter().find_map(|name| User::from_name(name).ok().flatten());
    found
        .filter(|user| !user.uid.is_root())
        .map(|user| Owner { uid: user.uid.as_raw(), gid: user.gid.as_raw() })
        .ok_or_else(|| ClusterError::NoServiceUser { users: SERVICE_USERS.join(", ") })
}

/// What an earlier start has decided stands, even if the data directory was opened since: the data are there.
fn reachable_home(data_dir: &Path, default_home: PathBuf, owner: Owner) -> Result<PathBuf, ClusterError> {
    if let Some(home) = pointer(data_dir)? {
        info!(directory = %home.display(), "the database is outside the data directory");
        create_parent(&home)?;
        return Ok(home);
    }
    if reaches(owner, data_dir).map_err(ClusterError::io("examine", data_dir))? {
        return Ok(default_home);
    }
    let home = Path::new(SYSTEM_DIRECTORY).join("clusters").join(short_digest(data_dir.as_os_str().as_bytes()));
    create_parent(&home)?;
    set_aside(&home)?;
    write_pointer(data_dir, &home)?;
    info!(directory = %home.display(), data_dir = %data_dir.display(), "the data directory is closed to PostgreSQL's user: its files go elsewhere");
    Ok(home)
}

/// A data directory of this path was here before and is gone with its pointer. Its database is not ours to show or to delete.
fn set_aside(home: &Path) -> Result<(), ClusterError> {
    if home.exists() {
        let aside = home.with_extension(format!("orphan-{}", random_hex(4)?));
        fs::rename(home, &aside).map_err(ClusterError::io("move away", home))?;
        warn!(directory = %aside.display(), "a database of a data directory that is gone was set aside: remove it if it is of no use");
    }
    Ok(())
}

fn pointer(data_dir: &Path) -> Result<Option<PathBuf>, ClusterError> {
    let path = data_dir.join(POINTER);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(PathBuf::from(text.trim_end()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ClusterError::io("read", &path)(error)),
    }
}

/// Durable before anything is created there, so that a crash leaves nothing that cannot be found.
fn write_pointer(data_dir: &Path, home: &Path) -> Result<(), ClusterError> {
    let (path, new) = (data_dir.join(POINTER), data_dir.join("postgres.location.new"));
    let write = || -> io::Result<()> {
        let mut file = fs::File::create(&new)?;
        writeln!(file, "{}", home.display())?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        fs::File::open(data_dir)?.sync_all()
    };
    write().map_err(ClusterError::io("write", &path))
}

/// The first directory that is closed; those above are root's, and everybody may pass.
fn create_home(home: &Path, owner: Option<Owner>) -> Result<(), ClusterError> {
    create_private(home, owner)?;
    let found = fs::metadata(home).map_err(ClusterError::io("examine", home))?.uid();
    let expected = owner.map_or_else(|| Uid::effective().as_raw(), |owner| owner.uid);
    if found == expected { Ok(()) } else { Err(ClusterError::OtherOwner { directory: home.to_owned(), owner: found }) }
}

fn create_private(path: &Path, owner: Option<Owner>) -> Result<(), ClusterError> {
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(ClusterError::io("create", path)(error)),
        // Also when it exists: we may have been killed between the two.
        _ => owner.map_or(Ok(()), |owner| chown(path, owner)),
    }
}

pub(super) fn chown(path: &Path, owner: Owner) -> Result<(), ClusterError> {
    std::os::unix::fs::chown(path, Some(owner.uid), Some(owner.gid))
        .map_err(ClusterError::io("change the owner of", path))
}

/// `/var/lib/furlong` and one below: root's, open to all, whatever the umask.
pub(super) fn create_parent(path: &Path) -> Result<(), ClusterError> {
    let parent = path.parent().unwrap_or(path);
    for directory in [Path::new(SYSTEM_DIRECTORY), parent] {
        fs::create_dir_all(directory).map_err(ClusterError::io("create", directory))?;
        fs::set_permissions(directory, fs::Permissions::from_mode(0o755))
            .map_err(ClusterError::io("set the mode of", directory))?;
    }
    Ok(())
}

/// The first 16 hexadecimal digits of the sha256.
pub(super) fn short_digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes)[..8])
}

pub(super) fn random_hex(bytes: usize) -> Result<String, ClusterError> {
    let mut buffer = vec![0; bytes];
    getrandom::fill(&mut buffer).map_err(|error| ClusterError::NoRandomness { reason: error.to_string() })?;
    Ok(hex(&buffer))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
