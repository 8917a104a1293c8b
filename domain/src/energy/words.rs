//! Energy and heat of a run for people, the same on a page and in a terminal.

use std::time::Duration;

use super::{EnergyFigure, HeatFigure, MlperfPower, RailFigure};
use crate::{Cooldown, CooldownOutcome, Pin, units};

impl EnergyFigure {
    /// Names and values of the publication record, what is not known left out.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = vec![("Energy", self.headline())];
        if let Some(gross) = self.gross_j {
            facts.push(("Gross", format!("{} at {} over measuring", units::joules(gross), units::watts(self.mean_w))));
        }
        facts.extend(self.net().map(|net| ("Net", net)));
        facts.extend(self.idle().map(|idle| ("Idle", idle)));
        facts.push(("Power source", self.origin()));
        let late = if self.overruns > 0 { format!(", {} polls late", self.overruns) } else { String::new() };
        let coverage = units::percent(self.coverage);
        facts.push(("Coverage", format!("{coverage} of measuring, {} readings{late}", self.readings)));
        if !self.flags.is_empty() {
            facts.push(("Flags", self.flags.join(", ")));
        }
        facts.extend(self.rails.iter().map(|rail| ("Rail", rail.words())));
        facts.extend(self.mlperf.iter().map(|power| ("MLPerf Power", power.words())));
        facts
    }

    /// The figure that stands for the run, with its scope; or why there is none.
    pub fn headline(&self) -> String {
        let scope = self.scope.name();
        match (self.per_inference_j, &self.refusal) {
            (Some(joules), _) => {
                let certainty = self.uncertainty.map_or_else(
                    || "the sensor's errors are not known".to_owned(),
                    |uncertainty| format!("± {}", units::percent(uncertainty)),
                );
                format!("{} an inference ({scope}; {certainty})", units::joules(joules))
            }
            (None, why) => {
                let why = why.as_deref().unwrap_or("not computed");
                format!("refused: {why} ({} on average, {scope})", units::watts(self.mean_w))
            }
        }
    }

    fn net(&self) -> Option<String> {
        let net = units::joules(self.net_j?);
        Some(match self.net_low_j.zip(self.net_high_j) {
            Some((low, high)) if low < high => {
                format!("{net} above the idle device ({} to {})", units::joules(low), units::joules(high))
            }
            _ => format!("{net} above the idle device"),
        })
    }

    fn idle(&self) -> Option<String> {
        match (self.idle_before_w, self.idle_after_w) {
            (None, None) => None,
            (Some(before), None) => Some(format!("{} before", units::watts(before))),
            (None, Some(after)) => Some(format!("{} after", units::watts(after))),
            (Some(before), Some(after)) => {
                Some(format!("{} before, {} after", units::watts(before), units::watts(after)))
            }
        }
    }

    fn origin(&self) -> String {
        let native = self.native.map(|native| format!(", a new value every {}", duration(native))).unwrap_or_default();
        let quantum = self.quantum_w.map(|step| format!(", in steps of {}", units::watts(step))).unwrap_or_default();
        let poll = duration(self.poll);
        format!("{}, a {} of scope {}{native}, read every {poll}{quantum}", self.source, self.kind, self.scope.name())
    }
}

impl RailFigure {
    fn words(&self) -> String {
        let Self { key, scope, counted, mean_w, joules, problem } = self;
        let mut parts = vec![if *counted { "counted".to_owned() } else { "not counted".to_owned() }];
        parts.push(scope.name().to_owned());
        parts.extend(mean_w.map(units::watts));
        parts.extend(joules.map(units::joules));
        parts.extend(problem.clone());
        format!("{key}: {}", parts.join(", "))
    }
}

impl MlperfPower {
    fn words(&self) -> String {
        let Self { ranging_w, testing_w, value, unit, objections } = self;
        let passes = format!("ranging {}, testing {}", units::watts(*ranging_w), units::watts(*testing_w));
        let kept =
            if objections.is_empty() { "no rule is known to be broken".to_owned() } else { objections.join("; ") };
        format!("{value:.3} {unit} ({passes}); {kept}")
    }
}

impl HeatFigure {
    /// Names and values, what is not known left out.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let Self { throttle, evidence, cooldown, start_c, end_c, max_c, clock_median_mhz, clock_p5_mhz } = self;
        let mut held_back = throttle.name().to_owned();
        if !evidence.is_empty() {
            held_back = format!("{held_back} ({})", evidence.join("; "));
        }
        let mut facts = vec![("Throttling", held_back)];
        let degrees = [("at the start", start_c), ("at most", max_c), ("at the end", end_c)];
        let degrees: Vec<String> = degrees
            .into_iter()
            .filter_map(|(when, degrees)| degrees.map(|degrees| format!("{when} {}", units::celsius(degrees))))
            .collect();
        if !degrees.is_empty() {
            facts.push(("Temperature", degrees.join(", ")));
        }
        facts.extend(cooldown.iter().map(|cooldown| ("Cool-down", cooldown.words())));
        if let Some(median) = clock_median_mhz {
            let least = clock_p5_mhz.map(|p5| format!(", below {p5:.0} MHz for 5 % of the time")).unwrap_or_default();
            facts.push(("Clock", format!("{median:.0} MHz in the median{least}")));
        }
        facts
    }
}

impl Cooldown {
    /// e.g. `cool after 35.0 s (started at 41.2 °C, rests at 40.0 °C)`.
    pub fn words(&self) -> String {
        let Self { reference_c, start_c, waited, outcome } = self;
        let waited = duration(*waited);
        let outcome = match outcome {
            CooldownOutcome::Cool => format!("cool after {waited}"),
            CooldownOutcome::Timeout => format!("still too hot after {waited}"),
            CooldownOutcome::NoReference => format!("temperature of rest not known yet, waited {waited}"),
            CooldownOutcome::NoSensor => format!("nothing tells the temperature, waited {waited}"),
            CooldownOutcome::Off => "not asked for".to_owned(),
        };
        let degrees = [("started at", start_c), ("rests at", reference_c)];
        let degrees: Vec<String> = degrees
            .into_iter()
            .filter_map(|(what, degrees)| degrees.map(|degrees| format!("{what} {}", units::celsius(degrees))))
            .collect();
        if degrees.is_empty() { outcome } else { format!("{outcome} ({})", degrees.join(", ")) }
    }
}

impl Pin {
    /// e.g. `governor: performance, was schedutil`; in capitals if it did not hold.
    pub fn words(&self) -> String {
        let Self { what, found, wanted, before, after } = self;
        if self.held() {
            format!("{what}: {wanted}, was {found}")
        } else {
            format!("{what}: {wanted} DID NOT HOLD, was {found}, {before} before measuring, {after} after it")
        }
    }
}

fn duration(duration: Duration) -> String {
    units::duration_ns(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Scope, ThrottleVerdict};

    fn figure() -> EnergyFigure {
        EnergyFigure {
            source: "ina3221".to_owned(),
            scope: Scope::DcInput,
            kind: "gauge".to_owned(),
            mean_w: 6.1,
            gross_j: Some(61.0),
            per_inference_j: Some(0.0483),
            net_j: Some(40.0),
            net_low_j: Some(39.0),
            net_high_j: Some(41.0),
            uncertainty: Some(0.02),
            readings: 500,
            coverage: 1.0,
            overruns: 0,
            native: Some(Duration::from_millis(5)),
            poll: Duration::from_millis(20),
            idle_before_w: Some(2.1),
            idle_after_w: Some(2.2),
            quantum_w: Some(0.04),
            flags: vec!["short".to_owned()],
            refusal: None,
            rails: Vec::new(),
            mlperf: None,
        }
    }

    #[test]
    fn the_record_of_an_energy_names_scope_certainty_and_coverage() {
        let facts: Vec<String> = figure().facts().iter().map(|(name, value)| format!("{name}: {value}")).collect();
        insta::assert_snapshot!(facts.join("\n"), @r"
        Energy: 48.3 mJ an inference (dc-input; ± 2.0 %)
        Gross: 61.0 J at 6.10 W over measuring
        Net: 40.0 J above the idle device (39.0 J to 41.0 J)
        Idle: 2.10 W before, 2.20 W after
        Power source: ina3221, a gauge of scope dc-input, a new value every 5.00 ms, read every 20.0 ms, in steps of 40.0 mW
        Coverage: 100.0 % of measuring, 500 readings
        Flags: short
        ");
        let refused =
            EnergyFigure { gross_j: None, per_inference_j: None, refusal: Some("a gap of 2 s".to_owned()), ..figure() };
        assert_eq!(refused.headline(), "refused: a gap of 2 s (6.10 W on average, dc-input)");
    }

    #[test]
    fn heat_is_told_with_what_tells_it() {
        let heat = HeatFigure {
            throttle: ThrottleVerdict::Throttled,
            evidence: vec!["soctherm/oc3: 41 events".to_owned()],
            cooldown: Some(Cooldown {
                reference_c: Some(40.0),
                start_c: Some(41.2),
                waited: Duration::from_secs(35),
                outcome: CooldownOutcome::Cool,
            }),
            start_c: Some(41.2),
            end_c: None,
            max_c: Some(88.0),
            clock_median_mhz: Some(1510.4),
            clock_p5_mhz: Some(1200.0),
        };
        let facts: Vec<String> = heat.facts().iter().map(|(name, value)| format!("{name}: {value}")).collect();
        insta::assert_snapshot!(facts.join("\n"), @r"
        Throttling: throttled (soctherm/oc3: 41 events)
        Temperature: at the start 41.2 °C, at most 88.0 °C
        Cool-down: cool after 35.0 s (started at 41.2 °C, rests at 40.0 °C)
        Clock: 1510 MHz in the median, below 1200 MHz for 5 % of the time
        ");
    }

    #[test]
    fn a_setting_that_did_not_hold_is_loud() {
        let pin = Pin {
            what: "governor".to_owned(),
            found: "schedutil".to_owned(),
            wanted: "performance".to_owned(),
            before: "performance".to_owned(),
            after: "performance".to_owned(),
        };
        assert_eq!(pin.words(), "governor: performance, was schedutil");
        assert!(Pin { after: "schedutil".to_owned(), ..pin }.words().contains("DID NOT HOLD"));
    }
}
