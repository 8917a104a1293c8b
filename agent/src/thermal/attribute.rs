//! One attribute that holds a number, kept open and read again and again.
//!
//! Tells a number, or nothing: what a number means is its reader's to say.

use std::io;
use std::sync::Arc;

use nix::errno::Errno;

use crate::power::{Attribute, Root};

/// Reads in a row that end in EAGAIN before a block counts as switched off, and is asked once a look instead of twice.
const GATED_AFTER: u32 = 3;

/// Numbers that drivers hand out for errors: -EINVAL, -ENODATA, and a 32-bit register that holds its lowest value.
const SENTINELS: [f64; 4] = [-22.0, -61.0, 2_147_483_648.0, -2_147_483_648.0];

/// An attribute with a number.
pub(super) struct Number {
    root: Arc<dyn Root>,
    path: String,
    /// `None`: it could not be opened yet, which a block that is switched off may come to.
    attribute: Option<Attribute>,
    /// Looks in a row that ended in EAGAIN or EINTR.
    refused: u32,
    gone: bool,
}

impl Number {
    /// Opens it and reads it once. An error if it can't be read at all; a block that is switched off now may come back, and is
    /// none.
    pub(super) fn open(root: &Arc<dyn Root>, path: String) -> io::Result<Self> {
        let mut number = Self { root: Arc::clone(root), path, attribute: None, refused: 0, gone: false };
        match number.text() {
            Err(error) if !is(&error, &[Errno::EAGAIN, Errno::EINTR]) => Err(error),
            Ok(_) | Err(_) => Ok(number),
        }
    }

    /// The number now; `None` = gated, gone, broken, or no number.
    pub(super) fn read(&mut self) -> Option<f64> {
        let transient = |error: &io::Error| is(error, &[Errno::EAGAIN, Errno::EINTR]);
        let mut text = self.text();
        // Once again and no more: five retries at each look at a gated block cost tens of milliseconds.
        if self.refused < GATED_AFTER && text.as_ref().is_err_and(transient) {
            text = self.text();
        }
        match text {
            Ok(text) => {
                (self.refused, self.gone) = (0, false);
                number(&text)
            }
            Err(error) => {
                self.refused = if transient(&error) { self.refused.saturating_add(1) } else { 0 };
                self.gone = is(&error, &[Errno::ENOENT, Errno::ENODEV]);
                None
            }
        }
    }

    /// Whether it was removed, or has another path by now.
    pub(super) fn gone(&self) -> bool {
        self.gone
    }

    fn text(&mut self) -> io::Result<String> {
        if let Some(attribute) = &self.attribute {
            return attribute.read();
        }
        let attribute = self.root.open(&self.path)?;
        let text = attribute.read();
        self.attribute = Some(attribute);
        text
    }
}

/// A finite number and nothing beside it, which does not stand for an error.
pub(super) fn number(text: &str) -> Option<f64> {
    let value: f64 = text.trim().parse().ok()?;
    (value.is_finite() && !SENTINELS.contains(&value)).then_some(value)
}

fn is(error: &io::Error, errnos: &[Errno]) -> bool {
    error.raw_os_error().is_some_and(|raw| errnos.iter().any(|errno| *errno as i32 == raw))
}
