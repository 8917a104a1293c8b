//! The load pattern and its parameters.

use std::time::Duration;

use super::Check;
use crate::{
    Percentile, Rate, Scenario, ServerLoad,
    campaign::{
        Diagnostic, Located, Position,
        raw::{RawParameters, RawScenario},
    },
};

const SCENARIOS: [&str; 4] = ["single-stream", "multi-stream", "offline", "server"];
const SERVER: &str = "{ server: { target_qps: 20, target_latency: 200ms, percentile: 99 } }";
/// Units of [`Rate`] in one query per second.
const RATE_SCALE: u32 = 1_000;
/// Units of [`Percentile`] in one per cent.
const PERCENT_SCALE: u32 = 10_000;

impl Check {
    pub(super) fn scenario(&mut self, raw: &Located<RawScenario>) -> Option<Scenario> {
        let RawScenario { name, with, second } = &raw.value;
        self.only_one("scenario", name, second.as_ref())?;
        let none = RawParameters::default();
        let parameters = with.as_ref().unwrap_or(&none);
        match name.value.as_str() {
            "single-stream" => self.no_others(name, parameters, &[]).then_some(Scenario::SingleStream),
            "offline" => self.no_others(name, parameters, &[]).then_some(Scenario::Offline),
            "multi-stream" => {
                let alone = self.no_others(name, parameters, &["samples_per_query"]);
                let samples_per_query = match &parameters.samples_per_query {
                    Some(raw) => self.number("multi-stream.samples_per_query", raw, 1..=4096)?,
                    None => Scenario::DEFAULT_SAMPLES_PER_QUERY,
                };
                alone.then_some(Scenario::MultiStream { samples_per_query })
            }
            "server" => self.server(name, parameters),
            _ => {
                self.unknown("scenario", name, &SCENARIOS);
                None
            }
        }
    }

    fn server(&mut self, name: &Located<String>, parameters: &RawParameters) -> Option<Scenario> {
        let alone = self.no_others(name, parameters, &["target_qps", "target_latency", "percentile"]);
        let RawParameters { samples_per_query: _, target_qps, target_latency, percentile } = parameters;
        let (Some(target_qps), Some(target_latency), Some(percentile)) = (target_qps, target_latency, percentile)
        else {
            let keys = [
                ("target_qps", target_qps.is_none()),
                ("target_latency", target_latency.is_none()),
                ("percentile", percentile.is_none()),
            ];
            let missing: Vec<&str> = keys.into_iter().filter(|(_, missing)| *missing).map(|(key, _)| key).collect();
            let problem = Diagnostic::new(name.at, format!("scenario `server` needs {}", missing.join(", ")));
            self.problems
                .push(problem.hint(format!("write `{SERVER}`; `target_qps: max` looks for the greatest rate")));
            return None;
        };
        let load = self.server_load(target_qps);
        let latency_range = Duration::from_micros(1)..=Duration::from_mins(1);
        let target_latency = self.period("server.target_latency", target_latency, latency_range);
        let percentile =
            self.decimal("server.percentile", percentile.value, percentile.at, &(50.0..=99.99), PERCENT_SCALE);
        let percentile = Percentile::from_millionths(u32::try_from(percentile?).ok()?)?;
        alone.then_some(Scenario::Server { load: load?, target_latency: target_latency?, percentile })
    }

    fn server_load(&mut self, raw: &Located<String>) -> Option<ServerLoad> {
        if raw.value == "max" {
            return Some(ServerLoad::Search);
        }
        let Ok(rate) = raw.value.parse::<f64>() else {
            let message = format!("server.target_qps is `{}`, which is not a number of queries per second", raw.value);
            let problem = Diagnostic::new(raw.at, message);
            self.problems.push(problem.hint("give a number such as `20` or `12.5`, or `max` for the greatest rate"));
            return None;
        };
        let rate = self.decimal("server.target_qps", rate, raw.at, &(0.001..=1e6), RATE_SCALE)?;
        Rate::from_millis(rate).map(ServerLoad::Fixed)
    }

    /// Says so if a parameter of another scenario is given.
    fn no_others(&mut self, scenario: &Located<String>, parameters: &RawParameters, own: &[&str]) -> bool {
        let RawParameters { samples_per_query, target_qps, target_latency, percentile } = parameters;
        let given: [(&str, &str, Option<Position>); 4] = [
            ("samples_per_query", "multi-stream", samples_per_query.as_ref().map(|raw| raw.at)),
            ("target_qps", "server", target_qps.as_ref().map(|raw| raw.at)),
            ("target_latency", "server", target_latency.as_ref().map(|raw| raw.at)),
            ("percentile", "server", percentile.as_ref().map(|raw| raw.at)),
        ];
        let before = self.problems.len();
        for (key, owner, at) in given {
            let Some(at) = at.filter(|_| !own.contains(&key)) else { continue };
            let message = format!("scenario `{}` has no {key}", scenario.value);
            self.problems.push(Diagnostic::new(at, message).hint(format!("{key} belongs to `{owner}`")));
        }
        self.problems.len() == before
    }

    /// `None` if there are two names, or none.
    pub(super) fn only_one(
        &mut self,
        key: &str,
        name: &Located<String>,
        second: Option<&Located<String>>,
    ) -> Option<()> {
        let problem = match second {
            Some(second) => {
                let message = format!("a {key} has one name, here are `{}` and `{}`", name.value, second.value);
                Diagnostic::new(second.at, message).hint("several of them go into the matrix, as a list")
            }
            None if name.value.is_empty() => Diagnostic::new(name.at, format!("the {key} has no name")),
            None => return Some(()),
        };
        self.problems.push(problem);
        None
    }
}
