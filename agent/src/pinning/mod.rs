//! Settings of the board that a run asks for: made before it, read back before and after, put back in the end; what a killed
//! agent left is put back by the next one. It decides nothing about which settings are asked for: see
//! [`conditions`](crate::conditions).
//!
//! Before anything is changed, what was there is written to a journal (file, fsync, rename, fsync of the directory), so that at
//! every moment either nothing has changed or the journal says what has.

mod clocks;
mod journal;
mod power_mode;
mod recover;
mod setting;
#[cfg(test)]
mod tests;
mod wanted;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::Pin;
use tracing::warn;

use crate::power::Root;
use journal::Change;
pub(crate) use journal::JournalError;
pub(crate) use power_mode::name as power_mode_name;
pub(crate) use recover::recover;
use setting::Setting;
pub(crate) use setting::{FIXED_PERFORMANCE, governors, offered_governors};
pub(crate) use wanted::{Subject, Wanted};

/// Why a setting could not be made. Everything is as it was before.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PinError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("{what} can't be set to `{wanted}`")]
    Refused { what: String, wanted: String, source: std::io::Error },
    #[error("{what} can't be read")]
    Unread { what: String, source: std::io::Error },
    #[error("{what} was set to `{wanted}` and is `{found}` all the same")]
    Ignored { what: String, wanted: String, found: String },
}

/// Settings that hold until this is dropped.
#[derive(Debug)]
pub(crate) struct Pinned {
    root: Arc<dyn Root>,
    journal: Option<PathBuf>,
    pins: Vec<Held>,
    /// Whether the clocks stood still before the run: a power mode that is set once more in the background sets them free.
    clocks: Option<&'static str>,
}

/// What was asked for, with what was found; what is read after the run is still to come.
#[derive(Debug)]
struct Held {
    pin: Pin,
    settings: Vec<Setting>,
}

impl Pinned {
    /// Nothing is asked for, or everything is as asked for already.
    pub(crate) fn as_it_is(root: &Arc<dyn Root>, wanted: &[Wanted]) -> Self {
        let pins = wanted.iter().map(|Wanted { subject, value }| {
            let settings = subject.settings(root.as_ref());
            let found = read_all(root, &settings);
            let (what, wanted) = (subject.name().to_owned(), value.clone());
            let pin = Pin { what, found: found.clone(), wanted, before: found, after: String::new() };
            Held { pin, settings }
        });
        let pins: Vec<_> = pins.collect();
        let clocks = if pins.is_empty() { None } else { clocks::state(root.as_ref()) };
        Self { root: Arc::clone(root), journal: None, pins, clocks }
    }

    /// Makes what is not as asked for, one thing after the other: a power mode comes before the governors, because each mode
    /// has other processors. An error leaves everything as it was.
    pub(crate) fn make(root: &Arc<dyn Root>, journal: &Path, wanted: &[Wanted]) -> Result<Self, PinError> {
        // What an earlier run could not put back comes first: its journal must not be lost.
        recover(root, journal)?;
        let mut pinned = Self::as_it_is(root, wanted);
        let mut changes = Vec::new();
        for (Wanted { subject, value }, held) in wanted.iter().zip(&mut pinned.pins) {
            held.settings = subject.settings(root.as_ref());
            let others = changes_to(root.as_ref(), *subject, &held.settings, value)?;
            if others.is_empty() {
                continue;
            }
            changes.extend(others.iter().cloned());
            journal::write(journal, &changes)?;
            // From here on dropping it puts everything back.
            pinned.journal = Some(journal.to_owned());
            for change in &others {
                make(root.as_ref(), change)?;
            }
        }
        for Held { pin, settings } in &mut pinned.pins {
            let silent = settings.iter().any(Setting::is_silent);
            // Android took the order without a complaint, which is all it ever tells.
            pin.before = if silent { pin.wanted.clone() } else { read_all(root, settings) };
        }
        pinned.clocks = pinned.clocks.and_then(|_told| clocks::state(root.as_ref()));
        Ok(pinned)
    }

    /// What was asked for, as it is now. To be asked after the run.
    pub(crate) fn read_back(&self) -> Vec<Pin> {
        let asked = self.pins.iter().map(|Held { pin, settings }| {
            let silent = settings.iter().any(Setting::is_silent);
            let after = if silent { pin.before.clone() } else { read_all(&self.root, settings) };
            Pin { after, ..pin.clone() }
        });
        asked.chain(self.clocks()).collect()
    }

    /// Clocks that stood still before the run, or began to in it; clocks that are free all the time are nothing to tell.
    fn clocks(&self) -> Option<Pin> {
        let before = self.clocks?;
        let after = clocks::state(self.root.as_ref()).unwrap_or("not told");
        let [found, wanted, before, after] = [before, before, before, after].map(str::to_owned);
        (before == "fixed" || before != after).then(|| Pin { what: "clocks".to_owned(), found, wanted, before, after })
    }
}

/// What is to be changed for all of them to have the value.
fn changes_to(root: &dyn Root, subject: Subject, settings: &[Setting], value: &str) -> Result<Vec<Change>, PinError> {
    if settings.is_empty() {
        let source = std::io::Error::other("the kernel shows none");
        return Err(PinError::Unread { what: subject.name().to_owned(), source });
    }
    let mut changes = Vec::new();
    for setting in settings {
        let found = setting.read(root).map_err(|source| PinError::Unread { what: setting.to_string(), source })?;
        // Nobody leaves on what can't be seen: without a run it is off.
        let found = if setting.is_silent() { setting::DEFAULT.to_owned() } else { found };
        if found != value {
            changes.push(Change { setting: setting.clone(), found, made: value.to_owned() });
        }
    }
    Ok(changes)
}

fn make(root: &dyn Root, Change { setting, made, found: _ }: &Change) -> Result<(), PinError> {
    let refused = |source| PinError::Refused { what: setting.to_string(), wanted: made.clone(), source };
    setting.write(root, made).map_err(refused)?;
    if setting.is_silent() {
        return Ok(());
    }
    let found = setting.read(root).map_err(|source| PinError::Unread { what: setting.to_string(), source })?;
    if found == *made {
        return Ok(());
    }
    Err(PinError::Ignored { what: setting.to_string(), wanted: made.clone(), found })
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

/// The one value that all have, or the distinct ones.
fn read_all(root: &Arc<dyn Root>, settings: &[Setting]) -> String {
    let values = settings
        .iter()
        .map(|setting| setting.read(root.as_ref()).unwrap_or_else(|error| format!("unreadable: {error}")));
    let distinct: std::collections::BTreeSet<String> = values.collect();
    distinct.into_iter().collect::<Vec<_>>().join(", ")
}
