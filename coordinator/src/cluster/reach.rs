//! Whether a user can get to a path, judged from owners and modes alone.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::place::Owner;

/// Owner, group and permission bits of one directory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Access {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mode: u32,
}

/// Whether the user may enter all of these directories. The first class that matches decides, as in the kernel: an owner
/// without the right is refused even if everybody else has it. Supplementary groups do not count: the server starts without
/// any. Access control lists are not looked at; where they forbid, the server's own error says so.
pub(super) fn may_enter(user: Owner, directories: impl IntoIterator<Item = Access>) -> bool {
    directories.into_iter().all(|directory| {
        let execute = if user.uid == directory.uid {
            0o100
        } else if user.gid == directory.gid {
            0o010
        } else {
            0o001
        };
        directory.mode & execute != 0
    })
}

/// Whether the user may enter this existing directory, and every one above it.
pub(super) fn reaches(user: Owner, directory: &Path) -> io::Result<bool> {
    let directory = fs::canonicalize(directory)?;
    let accesses: Vec<Access> = directory
        .ancestors()
        .map(|ancestor| {
            fs::metadata(ancestor).map(|found| Access { uid: found.uid(), gid: found.gid(), mode: found.mode() })
        })
        .collect::<io::Result<_>>()?;
    Ok(may_enter(user, accesses))
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: Owner = Owner { uid: 1000, gid: 100 };

    fn check(uid: u32, gid: u32, mode: u32, expected: bool) {
        let root = Access { uid: 0, gid: 0, mode: 0o755 };
        let found = may_enter(USER, [Access { uid, gid, mode }, root]);
        assert_eq!(found, expected, "owner {uid}:{gid} mode {mode:o}");
    }

    #[test]
    fn the_first_matching_class_decides() {
        check(0, 0, 0o700, false);
        check(0, 0, 0o750, false);
        check(0, 0, 0o711, true);
        check(0, 0, 0o744, false);
        check(0, 100, 0o750, true);
        check(0, 100, 0o701, false);
        check(1000, 0, 0o700, true);
        check(1000, 100, 0o077, false);
    }

    #[test]
    fn one_closed_directory_above_is_enough() {
        let open = Access { uid: 0, gid: 0, mode: 0o755 };
        let closed = Access { uid: 0, gid: 0, mode: 0o700 };
        assert!(may_enter(USER, [open, open]));
        assert!(!may_enter(USER, [open, closed, open]));
    }

    #[test]
    fn a_symbolic_link_counts_as_what_it_points_to() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let (real, link) = (directory.path().join("real"), directory.path().join("link"));
        fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let stranger = Owner { uid: 54_321, gid: 54_321 };
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o700)).unwrap();
        assert!(!reaches(stranger, &link).unwrap());
    }
}
