//! What is asked of power readings, and the sources and rails they come from. The readings: [`super::telemetry`].

use std::time::Duration;

use domain::{PowerMethod, PowerRecord, PowerRule, Rail, RailKind, Scope};

use super::field::{InvalidMessage, enumerator, named, optional_finite, optional_text, present, wire_ns, within};
use crate::pb;

/// Rails one source may have: the greatest board has some thirty.
const RAILS_LIMIT: usize = 256;

impl From<PowerRule> for pb::PowerRule {
    fn from(rule: PowerRule) -> Self {
        let PowerRule { source, rate_hz, idle_window, method } = rule;
        let method = match method {
            PowerMethod::Plain => pb::PowerMethod::Plain,
            PowerMethod::Mlperf => pb::PowerMethod::Mlperf,
        };
        Self { source, rate_hz: rate_hz.unwrap_or(0), idle_window_ns: wire_ns(idle_window), method: method.into() }
    }
}

impl TryFrom<pb::PowerRule> for PowerRule {
    type Error = InvalidMessage;

    fn try_from(rule: pb::PowerRule) -> Result<Self, InvalidMessage> {
        let pb::PowerRule { source, rate_hz, idle_window_ns, method } = rule;
        let method = match enumerator("power.method", method)? {
            pb::PowerMethod::Unspecified | pb::PowerMethod::Plain => PowerMethod::Plain,
            pb::PowerMethod::Mlperf => PowerMethod::Mlperf,
        };
        Ok(Self {
            source: named("power.source", source)?,
            rate_hz: (rate_hz > 0).then_some(rate_hz),
            idle_window: Duration::from_nanos(idle_window_ns),
            method,
        })
    }
}

impl From<PowerRecord> for pb::PowerRecord {
    fn from(record: PowerRecord) -> Self {
        let PowerRecord { source, rails, total, poll, polls, overruns, skipped, cost, faults, facts, clock_offset_ns } =
            record;
        Self {
            source,
            rails: rails.into_iter().map(Into::into).collect(),
            total,
            poll_ns: wire_ns(poll),
            polls,
            overruns,
            skipped,
            cost_ns: wire_ns(cost),
            faults,
            facts,
            clock_offset_ns,
        }
    }
}

impl TryFrom<pb::PowerRecord> for PowerRecord {
    type Error = InvalidMessage;

    fn try_from(record: pb::PowerRecord) -> Result<Self, InvalidMessage> {
        let pb::PowerRecord {
            source,
            rails,
            total,
            poll_ns,
            polls,
            overruns,
            skipped,
            cost_ns,
            faults,
            facts,
            clock_offset_ns,
        } = record;
        within("power.rails", rails.len(), RAILS_LIMIT, "rails")?;
        within("power.total", total.len(), RAILS_LIMIT, "rails")?;
        let rails = rails.into_iter().map(Rail::try_from).collect::<Result<Vec<_>, _>>()?;
        // A total that counts a rail twice, or misses one, would be a wrong figure and not a wrong message.
        for (number, key) in total.iter().enumerate() {
            let bearers = rails.iter().filter(|rail| rail.key == *key).count();
            let why = match bearers {
                1 if total[..number].contains(key) => "is counted twice".to_owned(),
                1 => continue,
                bearers => format!("is the key of {bearers} rails, and must be that of one"),
            };
            return Err(InvalidMessage::malformed("power.total", format!("`{key}` {why}")));
        }
        Ok(Self {
            source: named("power.source", source)?,
            rails,
            total,
            poll: Duration::from_nanos(poll_ns),
            polls,
            overruns,
            skipped,
            cost: Duration::from_nanos(cost_ns),
            faults,
            facts,
            clock_offset_ns,
        })
    }
}

impl From<Rail> for pb::Rail {
    fn from(rail: Rail) -> Self {
        use pb::rail::{Counter, Gauge, Kind};
        let Rail { key, scope, kind, parent, native, quantum, gain_error, offset_error_w, greatest_w } = rail;
        let kind = match kind {
            RailKind::Gauge { window } => Kind::Gauge(Gauge { window_ns: window.map(wire_ns) }),
            RailKind::Counter { range_j } => Kind::Counter(Counter { range_j }),
        };
        Self {
            key,
            scope: pb::Scope::from(scope).into(),
            kind: Some(kind),
            parent: parent.unwrap_or_default(),
            native_ns: native.map(wire_ns),
            quantum,
            gain_error,
            offset_error_w,
            greatest_w,
        }
    }
}

impl TryFrom<pb::Rail> for Rail {
    type Error = InvalidMessage;

    fn try_from(rail: pb::Rail) -> Result<Self, InvalidMessage> {
        use pb::rail::{Counter, Gauge, Kind};
        let pb::Rail { key, scope: number, kind, parent, native_ns, quantum, gain_error, offset_error_w, greatest_w } =
            rail;
        let kind = match present("rail.kind", kind)? {
            Kind::Gauge(Gauge { window_ns }) => RailKind::Gauge { window: window_ns.map(Duration::from_nanos) },
            Kind::Counter(Counter { range_j }) => RailKind::Counter { range_j: range(range_j)? },
        };
        Ok(Self {
            key: named("rail.key", key)?,
            scope: scope("rail.scope", number)?,
            kind,
            parent: optional_text(parent),
            native: native_ns.map(Duration::from_nanos),
            quantum: optional_finite("rail.quantum", quantum)?,
            gain_error: optional_finite("rail.gain_error", gain_error)?,
            offset_error_w: optional_finite("rail.offset_error_w", offset_error_w)?,
            greatest_w: optional_finite("rail.greatest_w", greatest_w)?,
        })
    }
}

/// Joules after which a counter wraps: at 0 it would never count.
fn range(joules: Option<f64>) -> Result<Option<f64>, InvalidMessage> {
    const FIELD: &str = "rail.counter.range_j";
    match optional_finite(FIELD, joules)? {
        Some(joules) if joules <= 0.0 => Err(InvalidMessage::malformed(FIELD, format!("{joules} is not above 0"))),
        range => Ok(range),
    }
}

impl From<Scope> for pb::Scope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::ModelEstimate => Self::ModelEstimate,
            Scope::Rail => Self::Rail,
            Scope::Module => Self::Module,
            Scope::Battery => Self::Battery,
            Scope::DcInput => Self::DcInput,
            Scope::Wall => Self::Wall,
        }
    }
}

pub(super) fn scope(field: &'static str, number: i32) -> Result<Scope, InvalidMessage> {
    match enumerator(field, number)? {
        pb::Scope::ModelEstimate => Ok(Scope::ModelEstimate),
        pb::Scope::Rail => Ok(Scope::Rail),
        pb::Scope::Module => Ok(Scope::Module),
        pb::Scope::Battery => Ok(Scope::Battery),
        pb::Scope::DcInput => Ok(Scope::DcInput),
        pb::Scope::Wall => Ok(Scope::Wall),
        pb::Scope::Unspecified => Err(InvalidMessage::Missing(field)),
    }
}
