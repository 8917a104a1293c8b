//! What can go wrong with the private PostgreSQL, each with the way out.

use std::io;
use std::path::{Path, PathBuf};

/// `Display` says what, where, why and what to do next; the source is not repeated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    #[error("another coordinator uses `{data_dir}`: process {pid}\nhint: stop it, or give this one another --data-dir", data_dir = data_dir.display())]
    InUse { data_dir: PathBuf, pid: String },

    #[error("`{bin_dir}` does not hold PostgreSQL's programs: `{program}` does not run there\nhint: `furlong toolchain install`, or name the right directory with --postgres-bin", bin_dir = bin_dir.display())]
    NoProgram { bin_dir: PathBuf, program: &'static str, source: io::Error },

    #[error("cannot read the version of PostgreSQL in `{bin_dir}`: it said {said:?}", bin_dir = bin_dir.display())]
    UnknownVersion { bin_dir: PathBuf, said: String },

    #[error(
        "the database in `{directory}` was made by PostgreSQL {found}, and the programs are PostgreSQL {ours}\n\
         hint: give those of {found} with --postgres-bin; to move to {ours}, dump with the old (`pg_dump`), move the directory away, start, restore (`pg_restore`)",
        directory = directory.display()
    )]
    OtherMajor { directory: PathBuf, found: String, ours: u32 },

    #[error(
        "PostgreSQL does not run as root, and none of the users {users} exists\nhint: create one (`useradd --system furlong`), run as an ordinary user, or use a server of your own with --database-url"
    )]
    NoServiceUser { users: String },

    #[error("the database in `{directory}` belongs to user {owner}, not to the one that runs this coordinator\nhint: run it as that user or as root", directory = directory.display())]
    OtherOwner { directory: PathBuf, owner: u32 },

    #[error("initdb could not create the database in `{directory}` ({status}): {evidence}", directory = directory.display())]
    Initdb { directory: PathBuf, status: String, evidence: String },

    #[error("PostgreSQL ended while starting ({status}): {evidence}\nhint: the whole story is in `{log}`", log = log.display())]
    Start { status: String, evidence: String, log: PathBuf },

    #[error("PostgreSQL was not ready after {waited_s} s: {evidence}\nhint: see `{log}`; after a crash with much to recover, start again", log = log.display())]
    NotReady { waited_s: u64, evidence: String, log: PathBuf },

    #[error(
        "PostgreSQL cannot start, because something of an earlier one still runs in `{directory}`: {evidence}\n\
         hint: end the process that `postmaster.pid` there names, if it is a postgres (a zombie of a container without an init needs a restart of the container); see `{log}`",
        directory = directory.display(), log = log.display()
    )]
    StillHeld { directory: PathBuf, evidence: String, log: PathBuf },

    #[error("the server that runs in `{directory}` does not accept our password or is not ours: {evidence}\nhint: `furlong.password` there was changed; stop that server and restore the file", directory = directory.display())]
    Stranger { directory: PathBuf, evidence: String },

    #[error("cannot create the database `{database}`")]
    CreateDatabase { database: &'static str, source: sqlx::Error },

    #[error("PostgreSQL (process {pid}) did not end, even when killed")]
    Unstoppable { pid: i32 },

    #[error("the operating system gave no randomness for a password: {reason}")]
    NoRandomness { reason: String },

    #[error("cannot {action} `{path}`", path = path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
}

impl ClusterError {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}
