//! Putting back what was changed, after a run or after the agent that made it was killed.

use std::path::Path;
use std::sync::Arc;

use tracing::{info, warn};

use super::PinError;
use super::journal::{self, Change};
use super::setting;
use crate::power::Root;

/// Puts back what the journal says was changed, the last change first, and deletes it. What somebody else changed meanwhile is
/// left alone. Nothing happens without a journal. A setting that can't be read or written keeps the journal, and no other
/// setting from being put back.
pub(crate) fn recover(root: &Arc<dyn Root>, journal: &Path) -> Result<(), PinError> {
    let Some(changes) = journal::read(journal)? else { return Ok(()) };
    let mut failed = None;
    for change in changes.iter().rev() {
        if let Err(error) = put_back(root.as_ref(), change) {
            failed.get_or_insert(error);
        }
    }
    match failed {
        Some(error) => Err(error),
        None => Ok(journal::remove(journal)?),
    }
}

fn put_back(root: &dyn Root, Change { setting, found, made }: &Change) -> Result<(), PinError> {
    match setting.read(root) {
        Ok(now) if now == *made || setting.is_silent() => {
            let refused = |source| PinError::Refused { what: setting.to_string(), wanted: found.clone(), source };
            setting.write(root, found).map_err(refused)?;
            info!(setting = %setting, from = made, to = found, "a setting of this board was put back");
        }
        Ok(now) if now == *found => {}
        Ok(now) => {
            info!(setting = %setting, now, found, made, "a setting was changed by somebody else and is left alone");
        }
        Err(error) if setting::is_gone(&error) => {
            warn!(setting = %setting, %error, "a setting that was made is gone and can't be put back");
        }
        Err(source) => return Err(PinError::Unread { what: setting.to_string(), source }),
    }
    Ok(())
}
