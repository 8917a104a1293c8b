//! The files below a folder. Follows links, because large data sets are often linked to; bounded in depth, because links can
//! lead round.

use std::fs;
use std::path::Path;

use super::{Entry, MAX_FILES};
use crate::error::OpenError;

/// Official layouts have three folders above each other, as in `ILSVRC/val/n01440764`; a few more for what is around them.
const MAX_DEPTH: usize = 6;

pub(super) fn list(root: &Path) -> Result<Vec<Entry>, OpenError> {
    let mut entries = Vec::new();
    let mut folders = vec![(root.to_owned(), String::new(), 1)];
    while let Some((folder, prefix, depth)) = folders.pop() {
        for item in fs::read_dir(&folder).map_err(OpenError::io(&folder))? {
            let item = item.map_err(OpenError::io(&folder))?;
            let Ok(name) = item.file_name().into_string() else { continue };
            if is_hidden(&name) {
                continue;
            }
            // A link that leads nowhere is as good as no file.
            let Ok(metadata) = fs::metadata(item.path()) else { continue };
            let name = format!("{prefix}{name}");
            if metadata.is_dir() && depth < MAX_DEPTH {
                folders.push((item.path(), format!("{name}/"), depth + 1));
            } else if metadata.is_file() {
                entries.push(Entry { name: name.into(), bytes: metadata.len(), position: 0 });
            }
            if entries.len() + folders.len() > MAX_FILES {
                return Err(OpenError::TooManyFiles { path: root.to_owned(), limit: MAX_FILES });
            }
        }
    }
    Ok(entries)
}

/// What desktops leave behind, and version control.
pub(super) fn is_hidden(part: &str) -> bool {
    part.starts_with('.') || part == "__MACOSX"
}
