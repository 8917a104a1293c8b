//! Messages about a campaign file: what is wrong, where (its place and the line itself), and what to do.

use std::fmt;

/// A place in a file, both numbers from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

/// A value and where the file says it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Located<T> {
    pub value: T,
    pub at: Position,
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong and why.
    pub message: String,
    /// `None` if the problem has no place (an empty file).
    pub at: Option<Position>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Diagnostic {
    pub fn new(at: Position, message: impl Into<String>) -> Self {
        Self { message: message.into(), at: Some(at), hint: None }
    }

    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// Every problem found in one file, with the file's name and text for the snippets. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics {
    file_name: String,
    text: String,
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// # Panics
    /// If `list` is empty: no problem is no error.
    pub(super) fn new(file_name: &str, text: &str, mut list: Vec<Diagnostic>) -> Self {
        assert!(!list.is_empty(), "diagnostics hold at least one problem");
        list.sort_by_key(|diagnostic| diagnostic.at);
        Self { file_name: file_name.to_owned(), text: text.to_owned(), list }
    }

    pub fn list(&self) -> &[Diagnostic] {
        &self.list
    }

    fn snippet(&self, f: &mut fmt::Formatter<'_>, at: Position) -> fmt::Result {
        /// Wider than any terminal; a minified file must not flood one.
        const SHOWN_COLUMNS: usize = 200;
        let Some(line) = self.text.lines().nth(at.line - 1) else { return Ok(()) };
        let number = at.line.to_string();
        let gutter = " ".repeat(number.len());
        let shown: String = line.chars().take(SHOWN_COLUMNS).collect();
        writeln!(f, "{gutter} |\n{number} | {}", shown.trim_end())?;
        if at.column <= SHOWN_COLUMNS {
            let rest = line.chars().skip(at.column - 1).collect::<String>();
            let token = rest.split([',', ']', '}', '#']).next().unwrap_or_default();
            let token = token.split(": ").next().unwrap_or_default();
            let width = token.trim_end().chars().count().clamp(1, SHOWN_COLUMNS);
            writeln!(f, "{gutter} | {}{}", " ".repeat(at.column - 1), "^".repeat(width))?;
        }
        Ok(())
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.list.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            writeln!(f, "error: {}", diagnostic.message)?;
            if let Some(at) = diagnostic.at {
                writeln!(f, "  --> {}:{}:{}", self.file_name, at.line, at.column)?;
                self.snippet(f, at)?;
            } else {
                writeln!(f, "  --> {}", self.file_name)?;
            }
            if let Some(hint) = &diagnostic.hint {
                writeln!(f, "  = hint: {hint}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

/// The nearest of `candidates` to a mistyped `word`, if one is near enough to be meant.
pub(super) fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    /// Jaro-Winkler similarity below which a guess annoys more than it helps.
    const NEAR: f64 = 0.8;
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(similarity, _)| *similarity >= NEAR)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| format!("did you mean `{candidate}`?"))
}
