//! How full the disk is.

use std::io::{self, ErrorKind};
use std::path::Path;

/// What an ordinary user may still write there; `None` if the file system does not say.
pub(super) fn free_bytes(folder: &Path) -> Option<u64> {
    let statistics = nix::sys::statvfs::statvfs(folder).ok()?;
    #[allow(clippy::useless_conversion, reason = "the counts are 32 bits wide on macOS")]
    let blocks = u64::from(statistics.blocks_available());
    #[allow(clippy::useless_conversion, reason = "C's `unsigned long` is what the platform makes it")]
    let block_bytes = u64::from(statistics.fragment_size());
    // A file system without blocks, such as some network ones, says zero of zero.
    (statistics.blocks() > 0).then(|| blocks.saturating_mul(block_bytes))
}

pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
}
