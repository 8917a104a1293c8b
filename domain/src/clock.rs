//! Time and randomness as arguments, and the only implementations that read the machine.

use std::{
    fmt,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

/// Microseconds since the Unix epoch, UTC: PostgreSQL's own resolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Later by `duration`; saturates at the end of time.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// Time passed since `earlier`; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl From<Timestamp> for OffsetDateTime {
    fn from(at: Timestamp) -> Self {
        // Years beyond 9999 can't be told apart by any reader of ours.
        Self::from_unix_timestamp_nanos(i128::from(at.0) * 1000).unwrap_or(Self::UNIX_EPOCH)
    }
}

impl From<OffsetDateTime> for Timestamp {
    fn from(at: OffsetDateTime) -> Self {
        Self(i64::try_from(at.unix_timestamp_nanos() / 1000).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC, to the second.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = OffsetDateTime::from(Self(self.0 - self.0.rem_euclid(1_000_000)));
        f.write_str(&whole.format(&Rfc3339).map_err(|_unformattable| fmt::Error)?)
    }
}

/// Reads time. Everything that needs the time takes one.
pub trait Clock: Send + Sync + 'static {
    /// Wall time, for people and records.
    fn now(&self) -> Timestamp;

    /// Time since an arbitrary origin that never steps back, for durations.
    fn monotonic(&self) -> Duration;
}

/// The machine's clocks.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is given")]
    pub fn new() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is given")]
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.origin.elapsed()
    }
}

/// Makes unique ids.
pub trait IdSource: Send + Sync + 'static {
    /// UUID version 7 (RFC 9562, section 5.7): `now` in the first 48 bits, so that ids sort by age.
    fn uuid(&self, now: Timestamp) -> Uuid;
}

/// Ids from the operating system's randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct RandomIds;

impl IdSource for RandomIds {
    fn uuid(&self, now: Timestamp) -> Uuid {
        let mut random = [0; 10];
        getrandom::fill(&mut random).expect("the operating system has randomness");
        uuid::Builder::from_unix_timestamp_millis(u64::try_from(now.0 / 1000).unwrap_or(0), &random).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_reads_as_rfc_3339() {
        assert_eq!(Timestamp(1_700_000_000_123_456).to_string(), "2023-11-14T22:13:20Z");
        assert_eq!(Timestamp(-1).to_string(), "1969-12-31T23:59:59Z");
    }

    #[test]
    fn ids_sort_by_age() {
        let (older, newer) = (RandomIds.uuid(Timestamp(1_000_000)), RandomIds.uuid(Timestamp(2_000_000)));
        assert!(older < newer);
        assert_eq!(older.get_version_num(), 7);
    }
}
