//! Settings of the board that a run asks for: made before it, read back before and after, put back in the end; what a killed
//! agent left is put back by the next one. It decides nothing about which settings are asked for: see
//! [`conditions`](crate::conditions).
//!
//! Before anything is changed, what was there is written to a journal (file, fsync, rename, fsync of the directory), so that at
//! every moment either nothing has changed or the journal says what has.

mod journal;
mod setting;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::Pin;
use tracing::{info, warn};

use crate::power::Root;
use journal::Change;
pub(crate) use journal::JournalError;
pub(crate) use setting::{Setting, governors};

/// Why a setting could not be made. Everything is as it was before.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PinError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("{what} can't be set to `{wanted}`: {source}")]
    Refused { what: String, wanted: String, source: std::io::Error },
    #[error("{what} was set to `{wanted}` and is `{found}` all the same")]
    Ignored { what: String, wanted: String, found: String },
}

/// Settings that hold until this is dropped.
#[derive(Debug)]
pub(crate) struct Pinned {
    root: Arc<dyn Root>,
    journal: Option<PathBuf>,
    changes: Vec<Change>,
    /// What was asked for, with what was found; what is read after the run is still to come.
    pins: Vec<(Pin, Vec<Setting>)>,
}

/// One thing asked for: all of these settings to have this value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// For people: `governor`, `power mode`.
    pub(crate) what: &'static str,
    pub(crate) settings: Vec<Setting>,
    pub(crate) value: String,
}

impl Pinned {
    /// Nothing is asked for, or everything is as asked for already.
    pub(crate) fn as_it_is(root: &Arc<dyn Root>, wanted: &[Wanted]) -> Self {
        let pins = wanted.iter().map(|wanted| {
            let found = read_all(root, &wanted.settings);
            let pin = Pin {
                what: wanted.what.to_owned(),
                found: found.clone(),
                wanted: wanted.value.clone(),
                before: found,
                after: String::new(),
            };
            (pin, wanted.settings.clone())
        });
        Self { root: Arc::clone(root), journal: None, changes: Vec::new(), pins: pins.collect() }
    }

    /// Makes what is not as asked for. An error leaves everything as it was.
    pub(crate) fn make(root: &Arc<dyn Root>, journal: &Path, wanted: &[Wanted]) -> Result<Self, PinError> {
        // What an earlier run could not put back comes first: its journal must not be lost.
        recover(root, journal)?;
        let mut changes = Vec::new();
        for Wanted { settings, value, .. } in wanted {
            let other = settings.iter().filter_map(|setting| {
                let found = setting.read(root.as_ref()).ok().filter(|found| found != value)?;
                Some(Change { setting: setting.clone(), found, made: value.clone() })
            });
            changes.extend(other);
        }
        let mut pinned = Self::as_it_is(root, wanted);
        pinned.changes = changes;
        if pinned.changes.is_empty() {
            return Ok(pinned);
        }
        journal::write(journal, &pinned.changes)?;
        pinned.journal = Some(journal.to_owned());
        // From here on dropping it puts everything back.
        for Change { setting, made, found: _ } in &pinned.changes {
            let refused = |source| PinError::Refused { what: setting.to_string(), wanted: made.clone(), source };
            setting.write(root.as_ref(), made).map_err(refused)?;
            let found = setting.read(root.as_ref()).map_err(refused)?;
            if found != *made {
                return Err(PinError::Ignored { what: setting.to_string(), wanted: made.clone(), found });
            }
        }
        for (pin, settings) in &mut pinned.pins {
            pin.before = read_all(root, settings);
        }
        Ok(pinned)
    }

    /// What was asked for, as it is now. To be asked after the run.
    pub(crate) fn read_back(&self) -> Vec<Pin> {
        let read = |(pin, settings): &(Pin, Vec<Setting>)| Pin { after: read_all(&self.root, settings), ..pin.clone() };
        self.pins.iter().map(read).collect()
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        if let Some(journal) = self.journal.take()
            && let Err(error) = recover(&self.root, &journal)
        {
            warn!(
                error = &error as &dyn std::error::Error,
                "settings of this board can't be put back; the next start tries again"
            );
        }
    }
}

/// Puts back what the journal says was changed, and deletes it. What somebody else changed meanwhile is left alone. Nothing
/// happens without a journal. A setting that can't be written keeps the journal.
pub(crate) fn recover(root: &Arc<dyn Root>, journal: &Path) -> Result<(), PinError> {
    let Some(changes) = journal::read(journal)? else { return Ok(()) };
    for Change { setting, found, made } in changes {
        match setting.read(root.as_ref()) {
            Ok(now) if now == made => {
                let refused = |source| PinError::Refused { what: setting.to_string(), wanted: found.clone(), source };
                setting.write(root.as_ref(), &found).map_err(refused)?;
                info!(setting = %setting, from = made, to = found, "a setting of this board was put back");
            }
            Ok(now) if now == found => {}
            Ok(now) => {
                info!(setting = %setting, now, found, made, "a setting was changed by somebody else and is left alone");
            }
            // It is gone with its device: a processor that was taken offline has no policy.
            Err(error) => warn!(setting = %setting, %error, "a setting that was made is gone and can't be put back"),
        }
    }
    Ok(journal::remove(journal)?)
}

/// The one value that all have, or the distinct ones.
fn read_all(root: &Arc<dyn Root>, settings: &[Setting]) -> String {
    let values = settings
        .iter()
        .map(|setting| setting.read(root.as_ref()).unwrap_or_else(|error| format!("unreadable: {error}")));
    let distinct: std::collections::BTreeSet<String> = values.collect();
    distinct.into_iter().collect::<Vec<_>>().join(", ")
}
