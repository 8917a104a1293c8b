//! Knows how long PostgreSQL (or this process) was away, and what follows: leases get their time again before any may
//! expire, and an outage is logged once. Pure.

use std::time::Duration;

#[derive(Debug)]
pub(super) struct Outage {
    /// Leases that nobody could renew for this long might all be over.
    lease: Duration,
    /// Monotonic time of the last contact with the database; `None` before the first.
    contact: Option<Duration>,
    reported: bool,
}

impl Outage {
    pub(super) fn new(lease: Duration) -> Self {
        Self { lease, contact: None, reported: false }
    }

    /// Whether leases must be extended before any is reaped: after a start, and after a silence as long as a lease.
    pub(super) fn needs_grace(&self, now: Duration) -> bool {
        self.contact.is_none_or(|contact| now.saturating_sub(contact) >= self.lease)
    }

    /// The database answered. True if that ends a reported outage.
    pub(super) fn answered(&mut self, now: Duration) -> bool {
        self.contact = Some(now);
        std::mem::take(&mut self.reported)
    }

    /// The database did not answer. True if that is to be logged.
    pub(super) fn failed(&mut self) -> bool {
        !std::mem::replace(&mut self.reported, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(30);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn leases_get_grace_after_a_start_and_after_a_long_silence_only() {
        let mut outage = Outage::new(LEASE);
        assert!(outage.needs_grace(at(0)), "somebody else may have run before us");
        outage.answered(at(0));
        assert!(!outage.needs_grace(at(29)));
        assert!(outage.needs_grace(at(30)));
        outage.answered(at(31));
        assert!(!outage.needs_grace(at(32)));
    }

    #[test]
    fn an_outage_is_logged_once() {
        let mut outage = Outage::new(LEASE);
        assert_eq!(
            [outage.failed(), outage.failed(), outage.answered(at(9)), outage.answered(at(10))],
            [true, false, true, false]
        );
        assert!(outage.failed(), "the next one is news again");
    }
}
