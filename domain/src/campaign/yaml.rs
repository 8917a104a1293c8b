//! The only module that knows the YAML library: text to typed values with positions, or one [`Diagnostic`].

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_saphyr::{Error, Location, Spanned};

use super::{Diagnostic, Located, Position, diagnostic::did_you_mean};

/// Greatest campaign file in bytes: fifty times the largest we ship, and far below what could hurt a parser.
pub(super) const FILE_LIMIT_BYTES: usize = 1 << 20;

pub(super) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Diagnostic> {
    if text.len() > FILE_LIMIT_BYTES {
        let message = format!("the file has {} bytes, at most {FILE_LIMIT_BYTES} are read", text.len());
        return Err(Diagnostic { message, at: None, hint: Some("split the campaign".to_owned()) });
    }
    // `y` and `no` stay text, as their author meant them (YAML 1.2); snippets are rendered by Diagnostics alone.
    let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| diagnostic(&error))
}

fn diagnostic(error: &Error) -> Diagnostic {
    let at = error.location().and_then(position);
    let rendered = error.without_snippet().to_string();
    // The library ends its messages with the place, which Diagnostics prints in its own way.
    let message = match at {
        Some(Position { line, column }) => rendered
            .replacen(&format!(" at line {line}, column {column}"), "", 1)
            .replacen(&format!("line {line} column {column}: "), "", 1),
        None => rendered,
    };
    let message = message.trim_end();
    // The library's advice is for programmers.
    if let Some((key, _)) = message.strip_prefix("duplicate mapping key: ").and_then(|rest| rest.split_once(", set ")) {
        let hint = Some("remove one of the two".to_owned());
        return Diagnostic { message: format!("duplicate key `{key}`"), at, hint };
    }
    let hint = meant_key(message);
    Diagnostic { message: in_plain_words(message).to_owned(), at, hint }
}

/// What the author, who knows no Rust, is to write.
fn in_plain_words(message: &str) -> &str {
    match message {
        "invalid u32" | "invalid u64" => "expected a whole number that is not negative",
        "invalid floating point" => "expected a number",
        "invalid boolean (strict mode expects true/false)" => "expected `true` or `false`",
        "expected mapping start" => "expected `key: value`, or several in braces",
        "expected sequence start" => "expected a list, such as `[a, b]`",
        "expected string scalar" => "expected text",
        "cannot deserialize null into string; use Option<String>" => "expected text, here is nothing",
        other => other,
    }
}

/// For ``unknown field `a`, expected one of b, c``.
fn meant_key(message: &str) -> Option<String> {
    let (key, known) = message.strip_prefix("unknown field `")?.split_once("`, expected ")?;
    did_you_mean(key, known.trim_start_matches("one of ").split(", ").map(|name| name.trim_matches('`')))
}

fn position(location: Location) -> Option<Position> {
    let (line, column) = (usize::try_from(location.line()).ok()?, usize::try_from(location.column()).ok()?);
    (line > 0 && column > 0).then_some(Position { line, column })
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Located<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { value, referenced, .. } = Spanned::deserialize(deserializer)?;
        Ok(Self { value, at: position(referenced).unwrap_or(Position { line: 1, column: 1 }) })
    }
}
