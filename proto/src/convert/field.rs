//! What a message may say wrong, and how single fields are read. Knows no message.

use std::time::Duration;

use domain::{Digest, ProviderName, Rate};
use uuid::Uuid;

/// A message that says less, or other, than its contract.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMessage {
    #[error("field `{0}` is missing")]
    Missing(&'static str),
    #[error("field `{field}` holds {value}, which this version does not know")]
    Unknown { field: &'static str, value: String },
    #[error("field `{field}` is malformed: {why}")]
    Malformed { field: &'static str, why: String },
}

impl InvalidMessage {
    pub(super) fn malformed(field: &'static str, why: impl Into<String>) -> Self {
        Self::Malformed { field, why: why.into() }
    }
}

/// Reads a message that must be there.
pub(super) fn present<T>(field: &'static str, message: Option<T>) -> Result<T, InvalidMessage> {
    message.ok_or(InvalidMessage::Missing(field))
}

/// Reads the number of an enum's value. Whether it may be the unspecified one is the caller's to say.
pub(super) fn enumerator<E: TryFrom<i32>>(field: &'static str, number: i32) -> Result<E, InvalidMessage> {
    E::try_from(number).map_err(|_unknown| InvalidMessage::Unknown { field, value: number.to_string() })
}

pub(super) fn digest(field: &'static str, bytes: &[u8]) -> Result<Digest, InvalidMessage> {
    if bytes.is_empty() {
        return Err(InvalidMessage::Missing(field));
    }
    Digest::try_from(bytes).map_err(|error| InvalidMessage::malformed(field, error.to_string()))
}

pub(super) fn optional_digest(field: &'static str, bytes: &[u8]) -> Result<Option<Digest>, InvalidMessage> {
    if bytes.is_empty() { Ok(None) } else { digest(field, bytes).map(Some) }
}

pub(super) fn uuid(field: &'static str, bytes: &[u8]) -> Result<Uuid, InvalidMessage> {
    Uuid::from_slice(bytes).map_err(|error| InvalidMessage::malformed(field, error.to_string()))
}

pub(super) fn provider(field: &'static str, name: String) -> Result<ProviderName, InvalidMessage> {
    if name.is_empty() {
        return Err(InvalidMessage::Missing(field));
    }
    ProviderName::parse(&name).ok_or(InvalidMessage::Unknown { field, value: name })
}

/// Reads queries in a thousand seconds.
pub(super) fn rate(field: &'static str, millis: u64) -> Result<Rate, InvalidMessage> {
    Rate::from_millis(millis).ok_or_else(|| InvalidMessage::malformed(field, "a rate is above 0"))
}

/// Reads a count or a unit that makes no sense at 0.
pub(super) fn positive(field: &'static str, number: u32) -> Result<u32, InvalidMessage> {
    if number > 0 { Ok(number) } else { Err(InvalidMessage::malformed(field, "it is 0, it must be at least 1")) }
}

/// Reads a number that JSON can say: neither infinite nor NaN.
pub(super) fn finite(field: &'static str, number: f64) -> Result<f64, InvalidMessage> {
    if number.is_finite() {
        Ok(number)
    } else {
        Err(InvalidMessage::malformed(field, format!("{number} is not a finite number")))
    }
}

pub(super) fn optional_finite(field: &'static str, number: Option<f64>) -> Result<Option<f64>, InvalidMessage> {
    number.map(|number| finite(field, number)).transpose()
}

/// Reads a part of a whole.
pub(super) fn share(field: &'static str, number: f64) -> Result<f64, InvalidMessage> {
    if (0.0..=1.0).contains(&finite(field, number)?) {
        Ok(number)
    } else {
        Err(InvalidMessage::malformed(field, format!("{number} does not lie between 0 and 1")))
    }
}

pub(super) fn optional_share(field: &'static str, number: Option<f64>) -> Result<Option<f64>, InvalidMessage> {
    number.map(|number| share(field, number)).transpose()
}

/// Refuses more than `limit` of something.
pub(super) fn within(
    field: &'static str,
    count: usize,
    limit: usize,
    what: &'static str,
) -> Result<(), InvalidMessage> {
    if count <= limit {
        Ok(())
    } else {
        Err(InvalidMessage::malformed(field, format!("{count} {what} are more than {limit}")))
    }
}

/// Reads a text that must not be empty.
pub(super) fn named(field: &'static str, text: String) -> Result<String, InvalidMessage> {
    present(field, optional_text(text))
}

/// Reads a text whose absence the wire writes as an empty one.
pub(super) fn optional_text(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

pub(super) fn wire_ns(duration: Duration) -> u64 {
    // 584 years fit.
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
