//! How patient a fetch is, and how long it waits before it tries again. Must not wait itself.

use std::time::{Duration, UNIX_EPOCH};

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

use crate::error::Trouble;

/// The bounds of a fetch in time. The defaults suit models of gigabytes over home networks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patience {
    /// Longest wait for a connection, TLS included.
    pub connect: Duration,
    /// Longest wait for the head of an answer.
    pub answer: Duration,
    /// In each window of this length ..
    pub stall_window: Duration,
    /// .. at least so many bytes arrive, or the connection is given up and made anew.
    pub stall_bytes: u64,
    /// Before the first retry; doubles with each.
    pub first_pause: Duration,
    /// Longest pause of our own choice.
    pub longest_pause: Duration,
    /// Longest pause that a server may ask for. If it asks for more, the fetch fails and says so.
    pub longest_asked_pause: Duration,
    /// Failures in a row before giving up. A connection that brought [`PROGRESS_BYTES`] ends the row.
    pub tries: u32,
    /// The same, where no connection was made: a name without an address, a port where nobody listens.
    pub unreachable_tries: u32,
}

/// What a connection must bring to count as progress: enough that a fetch ends in a bounded number of connections.
pub(crate) const PROGRESS_BYTES: u64 = 1 << 20;

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            answer: Duration::from_mins(1),
            // About 1 kB/s: a modem was faster.
            stall_window: Duration::from_mins(1),
            stall_bytes: 64 << 10,
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(30),
            longest_asked_pause: Duration::from_mins(5),
            // With the pauses about 15 s: a server that restarts is back by then.
            tries: 6,
            // About a second and a half: a mistyped name should be told soon.
            unreachable_tries: 3,
        }
    }
}

/// The failures in a row of one fetch.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    in_a_row: u32,
}

/// Another try, or the end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    After { failures: u32, of: u32, pause: Duration },
    GiveUp { failures: u32 },
}

impl Failures {
    /// Counts one more failure, on a connection that brought `brought` bytes. `random` spreads the pauses of many clients.
    pub(crate) fn another(&mut self, patience: &Patience, trouble: &Trouble, brought: u64, random: u32) -> Next {
        self.in_a_row = if brought >= PROGRESS_BYTES { 1 } else { self.in_a_row.saturating_add(1) };
        let failures = self.in_a_row;
        let of = if trouble.is_unreachable() { patience.unreachable_tries } else { patience.tries };
        let asked = trouble.asked_pause();
        if failures >= of || asked.is_some_and(|asked| asked > patience.longest_asked_pause) {
            return Next::GiveUp { failures };
        }
        let own = backoff(patience, failures, random);
        Next::After { failures, of, pause: asked.map_or(own, |asked| asked.max(own)) }
    }
}

/// Half of the doubled pause for certain, the other half by chance.
fn backoff(patience: &Patience, failures: u32, random: u32) -> Duration {
    let doubled = patience.first_pause.saturating_mul(1 << failures.saturating_sub(1).min(16));
    let half = doubled.min(patience.longest_pause) / 2;
    half + half.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

/// Reads `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date. The date is compared with the answer's own `Date`, so
/// that neither clock needs to be right.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let wanted = text(RETRY_AFTER)?;
    if let Ok(seconds) = wanted.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let since_epoch = |text| httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok();
    Some(since_epoch(wanted)?.saturating_sub(since_epoch(text(DATE)?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(retry_after: Option<u64>) -> Trouble {
        Trouble::Status { status: 503, retry_after: retry_after.map(Duration::from_secs) }
    }

    fn pause(next: &Next) -> Option<Duration> {
        match next {
            Next::After { pause, .. } => Some(*pause),
            Next::GiveUp { .. } => None,
        }
    }

    #[test]
    fn pauses_double_are_spread_and_end() {
        let patience = Patience::default();
        for (random, expected) in [(0, [250, 500, 1000, 2000, 4000]), (u32::MAX, [500, 1000, 2000, 4000, 8000])] {
            let mut failures = Failures::default();
            let mut next = || failures.another(&patience, &status(None), 0, random);
            for milliseconds in expected {
                assert_eq!(pause(&next()), Some(Duration::from_millis(milliseconds)));
            }
            assert_eq!(next(), Next::GiveUp { failures: 6 });
        }
        assert!(backoff(&patience, u32::MAX, u32::MAX) <= patience.longest_pause);
    }

    #[test]
    fn progress_ends_the_row_of_failures_and_a_trickle_does_not() {
        let patience = Patience { tries: 2, ..Patience::default() };
        let mut failures = Failures::default();
        for _ in 0..50 {
            assert!(pause(&failures.another(&patience, &status(None), PROGRESS_BYTES, 0)).is_some());
        }
        assert_eq!(failures.another(&patience, &status(None), 1, 0), Next::GiveUp { failures: 2 });
    }

    #[test]
    fn the_servers_wish_is_honoured_within_bounds() {
        let patience = Patience::default();
        let next = Failures::default().another(&patience, &status(Some(7)), 0, 0);
        assert_eq!(pause(&next), Some(Duration::from_secs(7)));
        let next = Failures::default().another(&patience, &status(Some(0)), 0, 0);
        assert_eq!(pause(&next), Some(Duration::from_millis(250)), "never without a pause");
        let next = Failures::default().another(&patience, &status(Some(3600)), 0, 0);
        assert_eq!(next, Next::GiveUp { failures: 1 });
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let read = |headers: &[(_, &'static str)]| {
            retry_after(&headers.iter().map(|(name, value)| (name, value)).fold(
                HeaderMap::new(),
                |mut map, (name, value)| {
                    map.insert(name, value.parse().expect("a header value"));
                    map
                },
            ))
        };
        let (later, date) = ("Fri, 31 Dec 1999 23:59:59 GMT", "Fri, 31 Dec 1999 23:59:29 GMT");
        assert_eq!(read(&[(RETRY_AFTER, "12")]), Some(Duration::from_secs(12)));
        assert_eq!(read(&[(RETRY_AFTER, later), (DATE, date)]), Some(Duration::from_secs(30)));
        assert_eq!(read(&[(RETRY_AFTER, date), (DATE, later)]), Some(Duration::ZERO));
        assert_eq!(read(&[(RETRY_AFTER, later)]), None, "no clock of our own");
        assert_eq!(read(&[(RETRY_AFTER, "soon")]), None);
        assert_eq!(read(&[]), None);
    }
}
