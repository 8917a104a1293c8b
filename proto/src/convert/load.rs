//! Load patterns and the rules under which they are measured.

use std::time::Duration;

use domain::{MeasureRule, Percentile, Scenario, ServerLoad, StopReason, Tier, Warmup};

use super::field::{InvalidMessage, enumerator, positive, present, rate, wire_ns};
use crate::pb;

impl From<Scenario> for pb::Scenario {
    fn from(scenario: Scenario) -> Self {
        use pb::scenario::{MultiStream, Offline, Pattern, Search, Server, SingleStream, server::Load};
        let pattern = match scenario {
            Scenario::SingleStream => Pattern::SingleStream(SingleStream {}),
            Scenario::MultiStream { samples_per_query } => Pattern::MultiStream(MultiStream { samples_per_query }),
            Scenario::Server { load, target_latency, percentile } => Pattern::Server(Server {
                load: Some(match load {
                    ServerLoad::Fixed(rate) => Load::RateMillis(rate.millis()),
                    ServerLoad::Search => Load::Search(Search {}),
                }),
                target_latency_ns: wire_ns(target_latency),
                percentile_millionths: percentile.millionths(),
            }),
            Scenario::Offline => Pattern::Offline(Offline {}),
        };
        Self { pattern: Some(pattern) }
    }
}

impl TryFrom<pb::Scenario> for Scenario {
    type Error = InvalidMessage;

    fn try_from(scenario: pb::Scenario) -> Result<Self, InvalidMessage> {
        use pb::scenario::{MultiStream, Offline, Pattern, SingleStream};
        let pb::Scenario { pattern } = scenario;
        Ok(match present("scenario.pattern", pattern)? {
            Pattern::SingleStream(SingleStream {}) => Self::SingleStream,
            Pattern::MultiStream(MultiStream { samples_per_query }) => {
                Self::MultiStream { samples_per_query: positive("scenario.samples_per_query", samples_per_query)? }
            }
            Pattern::Server(server) => read_server(server)?,
            Pattern::Offline(Offline {}) => Self::Offline,
        })
    }
}

fn read_server(server: pb::scenario::Server) -> Result<Scenario, InvalidMessage> {
    use pb::scenario::{Search, Server, server::Load};
    let Server { load, target_latency_ns, percentile_millionths } = server;
    let load = match present("scenario.load", load)? {
        Load::RateMillis(millis) => ServerLoad::Fixed(rate("scenario.rate_millis", millis)?),
        Load::Search(Search {}) => ServerLoad::Search,
    };
    if target_latency_ns == 0 {
        return Err(InvalidMessage::Missing("scenario.target_latency_ns"));
    }
    Ok(Scenario::Server {
        load,
        target_latency: Duration::from_nanos(target_latency_ns),
        percentile: percentile("scenario.percentile_millionths", percentile_millionths)?,
    })
}

pub(super) fn percentile(field: &'static str, millionths: u32) -> Result<Percentile, InvalidMessage> {
    Percentile::from_millionths(millionths)
        .ok_or_else(|| InvalidMessage::malformed(field, format!("{millionths} does not lie between 0 and 1000000")))
}

impl From<Warmup> for pb::Warmup {
    fn from(warmup: Warmup) -> Self {
        let Warmup { min_iterations, min_duration } = warmup;
        Self { min_iterations, min_duration_ns: wire_ns(min_duration) }
    }
}

impl From<pb::Warmup> for Warmup {
    fn from(warmup: pb::Warmup) -> Self {
        let pb::Warmup { min_iterations, min_duration_ns } = warmup;
        Self { min_iterations, min_duration: Duration::from_nanos(min_duration_ns) }
    }
}

impl From<MeasureRule> for pb::MeasureRule {
    fn from(measure: MeasureRule) -> Self {
        let MeasureRule { tier, min_queries, min_duration, max_duration } = measure;
        Self {
            min_queries,
            min_duration_ns: wire_ns(min_duration),
            max_duration_ns: wire_ns(max_duration),
            tier: pb::Tier::from(tier).into(),
        }
    }
}

impl TryFrom<pb::MeasureRule> for MeasureRule {
    type Error = InvalidMessage;

    fn try_from(measure: pb::MeasureRule) -> Result<Self, InvalidMessage> {
        let pb::MeasureRule { min_queries, min_duration_ns, max_duration_ns, tier: number } = measure;
        Ok(Self {
            tier: tier("measure.tier", number)?,
            min_queries,
            min_duration: Duration::from_nanos(min_duration_ns),
            max_duration: Duration::from_nanos(max_duration_ns),
        })
    }
}

impl From<Tier> for pb::Tier {
    fn from(tier: Tier) -> Self {
        match tier {
            Tier::Smoke => Self::Smoke,
            Tier::Quick => Self::Quick,
            Tier::Standard => Self::Standard,
            Tier::Official => Self::Official,
            Tier::Custom => Self::Custom,
        }
    }
}

pub(super) fn tier(field: &'static str, number: i32) -> Result<Tier, InvalidMessage> {
    match enumerator(field, number)? {
        pb::Tier::Smoke => Ok(Tier::Smoke),
        pb::Tier::Quick => Ok(Tier::Quick),
        pb::Tier::Standard => Ok(Tier::Standard),
        pb::Tier::Official => Ok(Tier::Official),
        pb::Tier::Custom => Ok(Tier::Custom),
        pb::Tier::Unspecified => Err(InvalidMessage::Missing(field)),
    }
}

impl From<StopReason> for pb::StopReason {
    fn from(stop: StopReason) -> Self {
        match stop {
            StopReason::Satisfied => Self::Satisfied,
            StopReason::MaxDuration => Self::MaxDuration,
            StopReason::MaxQueries => Self::MaxQueries,
            StopReason::Overload => Self::Overload,
        }
    }
}

pub(super) fn stop_reason(field: &'static str, number: i32) -> Result<StopReason, InvalidMessage> {
    match enumerator(field, number)? {
        pb::StopReason::Satisfied => Ok(StopReason::Satisfied),
        pb::StopReason::MaxDuration => Ok(StopReason::MaxDuration),
        pb::StopReason::MaxQueries => Ok(StopReason::MaxQueries),
        pb::StopReason::Overload => Ok(StopReason::Overload),
        pb::StopReason::Unspecified => Err(InvalidMessage::Missing(field)),
    }
}
