//! How PostgreSQL's programs are started: as the right user, apart from our terminal and our environment.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use super::place::Owner;

/// A program that takes nothing of ours but what it is given here.
pub(super) fn program(path: &Path, owner: Option<Owner>) -> Command {
    let mut command = Command::new(path);
    command
        // Also without PGDATA, PGPORT and the like; in English, because errors are read.
        .env_clear()
        .env("LC_ALL", "C")
        // Our own directory may be closed to its user.
        .current_dir("/")
        .stdin(Stdio::null())
        // Ctrl-C in the terminal is for the coordinator, which then stops its server in order.
        .process_group(0);
    if let Some(owner) = owner {
        // The standard library also drops root's supplementary groups.
        command.uid(owner.uid).gid(owner.gid);
    }
    command
}
