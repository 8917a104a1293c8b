//! What follows from one run's power, heat and clocks.

use std::time::Duration;

use domain::{Cooldown, EnergyFigure, HeatFigure, MlperfPower, RailFigure, ThrottleVerdict};

use super::field::{InvalidMessage, enumerator, finite, named, optional_finite, optional_text, share, wire_ns};
use super::power::scope;
use crate::pb;

impl From<EnergyFigure> for pb::EnergyFigure {
    fn from(figure: EnergyFigure) -> Self {
        let EnergyFigure {
            source,
            scope,
            kind,
            mean_w,
            gross_j,
            per_inference_j,
            net_j,
            net_low_j,
            net_high_j,
            uncertainty,
            readings,
            coverage,
            overruns,
            native,
            poll,
            idle_before_w,
            idle_after_w,
            quantum_w,
            flags,
            refusal,
            rails,
            mlperf,
        } = figure;
        Self {
            source,
            scope: pb::Scope::from(scope).into(),
            kind,
            mean_w,
            gross_j,
            per_inference_j,
            net_j,
            net_low_j,
            net_high_j,
            uncertainty,
            readings,
            coverage,
            overruns,
            native_ns: native.map(wire_ns),
            poll_ns: wire_ns(poll),
            idle_before_w,
            idle_after_w,
            quantum_w,
            flags,
            refusal: refusal.unwrap_or_default(),
            rails: rails.into_iter().map(Into::into).collect(),
            mlperf: mlperf.map(Into::into),
        }
    }
}

impl TryFrom<pb::EnergyFigure> for EnergyFigure {
    type Error = InvalidMessage;

    fn try_from(figure: pb::EnergyFigure) -> Result<Self, InvalidMessage> {
        let pb::EnergyFigure {
            source,
            scope: number,
            kind,
            mean_w,
            gross_j,
            per_inference_j,
            net_j,
            net_low_j,
            net_high_j,
            uncertainty,
            readings,
            coverage,
            overruns,
            native_ns,
            poll_ns,
            idle_before_w,
            idle_after_w,
            quantum_w,
            flags,
            refusal,
            rails,
            mlperf,
        } = figure;
        Ok(Self {
            source: named("energy.source", source)?,
            scope: scope("energy.scope", number)?,
            kind: named("energy.kind", kind)?,
            mean_w: finite("energy.mean_w", mean_w)?,
            gross_j: optional_finite("energy.gross_j", gross_j)?,
            per_inference_j: optional_finite("energy.per_inference_j", per_inference_j)?,
            net_j: optional_finite("energy.net_j", net_j)?,
            net_low_j: optional_finite("energy.net_low_j", net_low_j)?,
            net_high_j: optional_finite("energy.net_high_j", net_high_j)?,
            uncertainty: optional_finite("energy.uncertainty", uncertainty)?,
            readings,
            coverage: share("energy.coverage", coverage)?,
            overruns,
            native: native_ns.map(Duration::from_nanos),
            poll: Duration::from_nanos(poll_ns),
            idle_before_w: optional_finite("energy.idle_before_w", idle_before_w)?,
            idle_after_w: optional_finite("energy.idle_after_w", idle_after_w)?,
            quantum_w: optional_finite("energy.quantum_w", quantum_w)?,
            flags,
            refusal: optional_text(refusal),
            rails: rails.into_iter().map(RailFigure::try_from).collect::<Result<_, _>>()?,
            mlperf: mlperf.map(MlperfPower::try_from).transpose()?,
        })
    }
}

impl From<RailFigure> for pb::RailFigure {
    fn from(figure: RailFigure) -> Self {
        let RailFigure { key, scope, counted, mean_w, joules, problem } = figure;
        let scope = pb::Scope::from(scope).into();
        Self { key, scope, counted, mean_w, joules, problem: problem.unwrap_or_default() }
    }
}

impl TryFrom<pb::RailFigure> for RailFigure {
    type Error = InvalidMessage;

    fn try_from(figure: pb::RailFigure) -> Result<Self, InvalidMessage> {
        let pb::RailFigure { key, scope: number, counted, mean_w, joules, problem } = figure;
        Ok(Self {
            key: named("energy.rails.key", key)?,
            scope: scope("energy.rails.scope", number)?,
            counted,
            mean_w: optional_finite("energy.rails.mean_w", mean_w)?,
            joules: optional_finite("energy.rails.joules", joules)?,
            problem: optional_text(problem),
        })
    }
}

impl From<MlperfPower> for pb::MlperfPower {
    fn from(power: MlperfPower) -> Self {
        let MlperfPower { ranging_w, testing_w, value, unit, objections } = power;
        Self { ranging_w, testing_w, value, unit, objections }
    }
}

impl TryFrom<pb::MlperfPower> for MlperfPower {
    type Error = InvalidMessage;

    fn try_from(power: pb::MlperfPower) -> Result<Self, InvalidMessage> {
        let pb::MlperfPower { ranging_w, testing_w, value, unit, objections } = power;
        Ok(Self {
            ranging_w: finite("mlperf.ranging_w", ranging_w)?,
            testing_w: finite("mlperf.testing_w", testing_w)?,
            value: finite("mlperf.value", value)?,
            unit: named("mlperf.unit", unit)?,
            objections,
        })
    }
}

impl From<HeatFigure> for pb::HeatFigure {
    fn from(figure: HeatFigure) -> Self {
        let HeatFigure { throttle, evidence, cooldown, start_c, end_c, max_c, clock_median_mhz, clock_p5_mhz } = figure;
        let throttle = match throttle {
            ThrottleVerdict::None => pb::ThrottleVerdict::None,
            ThrottleVerdict::Light => pb::ThrottleVerdict::Light,
            ThrottleVerdict::Throttled => pb::ThrottleVerdict::Throttled,
            ThrottleVerdict::Unknown => pb::ThrottleVerdict::Unknown,
        };
        let cooldown = cooldown.map(Into::into);
        Self { throttle: throttle.into(), evidence, cooldown, start_c, end_c, max_c, clock_median_mhz, clock_p5_mhz }
    }
}

impl TryFrom<pb::HeatFigure> for HeatFigure {
    type Error = InvalidMessage;

    fn try_from(figure: pb::HeatFigure) -> Result<Self, InvalidMessage> {
        let pb::HeatFigure { throttle, evidence, cooldown, start_c, end_c, max_c, clock_median_mhz, clock_p5_mhz } =
            figure;
        let throttle = match enumerator("heat.throttle", throttle)? {
            pb::ThrottleVerdict::None => ThrottleVerdict::None,
            pb::ThrottleVerdict::Light => ThrottleVerdict::Light,
            pb::ThrottleVerdict::Throttled => ThrottleVerdict::Throttled,
            pb::ThrottleVerdict::Unknown => ThrottleVerdict::Unknown,
            pb::ThrottleVerdict::Unspecified => return Err(InvalidMessage::Missing("heat.throttle")),
        };
        Ok(Self {
            throttle,
            evidence,
            cooldown: cooldown.map(Cooldown::try_from).transpose()?,
            start_c: optional_finite("heat.start_c", start_c)?,
            end_c: optional_finite("heat.end_c", end_c)?,
            max_c: optional_finite("heat.max_c", max_c)?,
            clock_median_mhz: optional_finite("heat.clock_median_mhz", clock_median_mhz)?,
            clock_p5_mhz: optional_finite("heat.clock_p5_mhz", clock_p5_mhz)?,
        })
    }
}
