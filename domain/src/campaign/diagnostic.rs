//! Messages about a campaign file: what is wrong, where (its place and the line itself), and what to do.

use std::{fmt, sync::Arc};

/// A place in one of a campaign's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// 0 is the campaign file itself, the others are what it includes.
    pub file: usize,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
}

/// A value and where the file says it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Placed<T> {
    pub value: T,
    pub at: Place,
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    pub at: Place,
    /// What is wrong and why.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Diagnostic {
    pub fn new(at: Place, message: impl Into<String>) -> Self {
        Self { message: message.into(), at, hint: None }
    }

    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// A file's name and text, for the snippets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) name: Arc<str>,
    pub(super) text: Arc<str>,
}

/// Every problem found in a campaign's files. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics {
    files: Vec<Text>,
    list: Vec<Diagnostic>,
    /// How many more there are than `list` holds.
    further: usize,
}

impl Diagnostics {
    /// Nobody reads more of them.
    const MOST: usize = 100;

    /// # Panics
    /// If `list` is empty: no problem is no error.
    pub(super) fn new(files: &[Text], mut list: Vec<Diagnostic>) -> Self {
        assert!(!list.is_empty(), "diagnostics hold at least one problem");
        list.sort();
        // A default that is wrong in every cell is wrong once.
        list.dedup();
        let further = list.len().saturating_sub(Self::MOST);
        list.truncate(Self::MOST);
        Self { files: files.to_vec(), list, further }
    }

    pub fn list(&self) -> &[Diagnostic] {
        &self.list
    }

    fn snippet(f: &mut fmt::Formatter<'_>, text: &str, at: Place) -> fmt::Result {
        /// Wider than any terminal; a minified file must not flood one.
        const SHOWN_COLUMNS: usize = 200;
        let (line, column) = (at.line as usize, at.column as usize);
        let Some(line_text) = text.lines().nth(line - 1) else { return Ok(()) };
        let number = line.to_string();
        let gutter = " ".repeat(number.len());
        // A tab or a control character would move what stands beneath it.
        let shown: String =
            line_text.chars().take(SHOWN_COLUMNS).map(|c| if c.is_control() { ' ' } else { c }).collect();
        writeln!(f, "{gutter} |\n{number} | {}", shown.trim_end())?;
        if column <= SHOWN_COLUMNS {
            let rest: String = line_text.chars().skip(column - 1).take(SHOWN_COLUMNS).collect();
            writeln!(f, "{gutter} | {}{}", " ".repeat(column - 1), "^".repeat(width(&rest)))?;
        }
        Ok(())
    }
}

/// Characters of the first value in the rest of a line.
fn width(rest: &str) -> usize {
    if let Some(quote @ ('"' | '\'')) = rest.chars().next()
        && let Some(end) = rest.chars().skip(1).position(|c| c == quote)
    {
        return end + 2;
    }
    let token = rest.split([',', ']', '}', '#']).next().unwrap_or_default();
    let token = token.split(": ").next().unwrap_or_default();
    token.trim_end().trim_end_matches(':').chars().count().max(1)
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Diagnostic { message, at, hint }) in self.list.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            writeln!(f, "error: {message}")?;
            if let Some(Text { name, text }) = self.files.get(at.file) {
                writeln!(f, "  --> {name}:{}:{}", at.line, at.column)?;
                Self::snippet(f, text, *at)?;
            }
            if let Some(hint) = hint {
                writeln!(f, "  = hint: {hint}")?;
            }
        }
        if self.further > 0 {
            writeln!(f, "\nand {} further problems", self.further)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}
