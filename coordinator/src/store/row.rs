//! Conversions between columns and domain values, shared by the nouns' files.

use domain::{Digest, Timestamp};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use sqlx::types::time::OffsetDateTime;

use super::StoreError;

/// Where a value was read, for [`StoreError::Inconsistent`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<Id> {
    pub(super) table: &'static str,
    pub(super) id: Id,
}

impl<Id: ToString> Place<Id> {
    pub(super) fn inconsistent(&self, column: &'static str) -> StoreError {
        StoreError::Inconsistent { table: self.table, column, id: self.id.to_string() }
    }

    pub(super) fn json<T: DeserializeOwned>(&self, column: &'static str, value: Value) -> Result<T, StoreError> {
        serde_json::from_value(value).map_err(|_why| self.inconsistent(column))
    }

    /// An enum stored by its serde name.
    pub(super) fn named<T: DeserializeOwned>(&self, column: &'static str, name: String) -> Result<T, StoreError> {
        self.json(column, Value::String(name))
    }

    pub(super) fn digest(&self, column: &'static str, bytes: &[u8]) -> Result<Digest, StoreError> {
        Digest::try_from(bytes).map_err(|_why| self.inconsistent(column))
    }

    pub(super) fn number<T: TryFrom<i64>>(&self, column: &'static str, value: i64) -> Result<T, StoreError> {
        T::try_from(value).map_err(|_why| self.inconsistent(column))
    }

    /// A column that must be set in this state.
    pub(super) fn required<T>(&self, column: &'static str, value: Option<T>) -> Result<T, StoreError> {
        value.ok_or_else(|| self.inconsistent(column))
    }
}

/// A value as `jsonb`. PostgreSQL's text has no NUL character; it becomes U+FFFD.
pub(super) fn to_json<T: Serialize>(column: &'static str, value: &T) -> Result<Value, StoreError> {
    let mut json = serde_json::to_value(value).map_err(|_why| StoreError::OutOfRange(column))?;
    without_nul(&mut json);
    Ok(json)
}

fn without_nul(value: &mut Value) {
    match value {
        Value::String(text) if text.contains('\0') => *text = text.replace('\0', "\u{fffd}"),
        Value::Array(items) => items.iter_mut().for_each(without_nul),
        Value::Object(fields) => fields.values_mut().for_each(without_nul),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// An enum's serde name.
pub(super) fn name_of<T: Serialize>(column: &'static str, value: &T) -> Result<String, StoreError> {
    match serde_json::to_value(value) {
        Ok(Value::String(name)) => Ok(name),
        _ => Err(StoreError::OutOfRange(column)),
    }
}

/// An unsigned number as `bigint`.
pub(super) fn bigint(column: &'static str, value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_why| StoreError::OutOfRange(column))
}

/// A duration as `bigint` nanoseconds.
pub(super) fn nanoseconds(column: &'static str, value: std::time::Duration) -> Result<i64, StoreError> {
    i64::try_from(value.as_nanos()).map_err(|_why| StoreError::OutOfRange(column))
}

pub(super) fn at(timestamp: Timestamp) -> OffsetDateTime {
    timestamp.into()
}

pub(super) fn bytes_of(digest: &Digest) -> Vec<u8> {
    digest.as_bytes().to_vec()
}
