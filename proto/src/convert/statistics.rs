//! What follows from one run's samples; from its power and heat: [`super::energy`].

use domain::{EnergyFigure, Estimate, HeatFigure, LatencySummary, Segment, Statistics, SteadyClass, SteadyState};

use super::field::{InvalidMessage, enumerator, finite, present};
use super::load::percentile;
use crate::pb;

impl From<Statistics> for pb::Statistics {
    fn from(statistics: Statistics) -> Self {
        let Statistics {
            version,
            latency,
            effective_samples,
            standard_deviation_ns,
            throughput_per_s,
            estimates,
            over_latency,
            steady,
            slip,
            energy,
            heat,
        } = statistics;
        Self {
            version,
            latency: Some(latency.into()),
            effective_samples,
            standard_deviation_ns,
            throughput_per_s,
            estimates: estimates.into_iter().map(Into::into).collect(),
            over_latency,
            steady: Some(steady.into()),
            slip: slip.map(Into::into),
            energy: energy.map(Into::into),
            heat: heat.map(Into::into),
        }
    }
}

impl TryFrom<pb::Statistics> for Statistics {
    type Error = InvalidMessage;

    fn try_from(statistics: pb::Statistics) -> Result<Self, InvalidMessage> {
        let pb::Statistics {
            version,
            latency,
            effective_samples,
            standard_deviation_ns,
            throughput_per_s,
            estimates,
            over_latency,
            steady,
            slip,
            energy,
            heat,
        } = statistics;
        Ok(Self {
            version,
            latency: present("statistics.latency", latency)?.try_into()?,
            effective_samples: finite("statistics.effective_samples", effective_samples)?,
            standard_deviation_ns: finite("statistics.standard_deviation_ns", standard_deviation_ns)?,
            throughput_per_s: finite("statistics.throughput_per_s", throughput_per_s)?,
            estimates: estimates.into_iter().map(Estimate::try_from).collect::<Result<_, _>>()?,
            over_latency,
            steady: present("statistics.steady", steady)?.try_into()?,
            slip: slip.map(LatencySummary::try_from).transpose()?,
            energy: energy.map(EnergyFigure::try_from).transpose()?,
            heat: heat.map(HeatFigure::try_from).transpose()?,
        })
    }
}

impl From<LatencySummary> for pb::LatencySummary {
    fn from(summary: LatencySummary) -> Self {
        let LatencySummary { min_ns, p50_ns, p90_ns, p95_ns, p99_ns, p999_ns, max_ns, mean_ns, mad_ns } = summary;
        Self { min_ns, p50_ns, p90_ns, p95_ns, p99_ns, p999_ns, max_ns, mean_ns, mad_ns }
    }
}

impl TryFrom<pb::LatencySummary> for LatencySummary {
    type Error = InvalidMessage;

    fn try_from(summary: pb::LatencySummary) -> Result<Self, InvalidMessage> {
        let pb::LatencySummary { min_ns, p50_ns, p90_ns, p95_ns, p99_ns, p999_ns, max_ns, mean_ns, mad_ns } = summary;
        let mean_ns = finite("latency.mean_ns", mean_ns)?;
        Ok(Self { min_ns, p50_ns, p90_ns, p95_ns, p99_ns, p999_ns, max_ns, mean_ns, mad_ns })
    }
}

impl From<Estimate> for pb::Estimate {
    fn from(estimate: Estimate) -> Self {
        let Estimate { percentile, value_ns, low_ns, high_ns, needed, early_stopping_ns, early_stopping_needed } =
            estimate;
        let percentile_millionths = percentile.millionths();
        Self { percentile_millionths, value_ns, low_ns, high_ns, needed, early_stopping_ns, early_stopping_needed }
    }
}

impl TryFrom<pb::Estimate> for Estimate {
    type Error = InvalidMessage;

    fn try_from(estimate: pb::Estimate) -> Result<Self, InvalidMessage> {
        let pb::Estimate {
            percentile_millionths,
            value_ns,
            low_ns,
            high_ns,
            needed,
            early_stopping_ns,
            early_stopping_needed,
        } = estimate;
        let percentile = percentile("estimate.percentile_millionths", percentile_millionths)?;
        Ok(Self { percentile, value_ns, low_ns, high_ns, needed, early_stopping_ns, early_stopping_needed })
    }
}

impl From<SteadyState> for pb::SteadyState {
    fn from(steady: SteadyState) -> Self {
        let SteadyState { class, segments, steady_from, burst_ns, sustained_ns, outlier_count, outliers } = steady;
        let class = match class {
            SteadyClass::Flat => pb::SteadyClass::Flat,
            SteadyClass::WarmUp => pb::SteadyClass::WarmUp,
            SteadyClass::Slowdown => pb::SteadyClass::Slowdown,
            SteadyClass::NoSteadyState => pb::SteadyClass::NoSteadyState,
            SteadyClass::TooShort => pb::SteadyClass::TooShort,
        };
        let segments = segments.into_iter().map(Into::into).collect();
        Self { class: class.into(), segments, steady_from, burst_ns, sustained_ns, outlier_count, outliers }
    }
}

impl TryFrom<pb::SteadyState> for SteadyState {
    type Error = InvalidMessage;

    fn try_from(steady: pb::SteadyState) -> Result<Self, InvalidMessage> {
        let pb::SteadyState { class, segments, steady_from, burst_ns, sustained_ns, outlier_count, outliers } = steady;
        let class = match enumerator("steady.class", class)? {
            pb::SteadyClass::Flat => SteadyClass::Flat,
            pb::SteadyClass::WarmUp => SteadyClass::WarmUp,
            pb::SteadyClass::Slowdown => SteadyClass::Slowdown,
            pb::SteadyClass::NoSteadyState => SteadyClass::NoSteadyState,
            pb::SteadyClass::TooShort => SteadyClass::TooShort,
            pb::SteadyClass::Unspecified => return Err(InvalidMessage::Missing("steady.class")),
        };
        let segments = segments.into_iter().map(Segment::try_from).collect::<Result<_, _>>()?;
        Ok(Self { class, segments, steady_from, burst_ns, sustained_ns, outlier_count, outliers })
    }
}

impl From<Segment> for pb::Segment {
    fn from(segment: Segment) -> Self {
        let Segment { start, end, mean_ns, p50_ns } = segment;
        Self { start, end, mean_ns, p50_ns }
    }
}

impl TryFrom<pb::Segment> for Segment {
    type Error = InvalidMessage;

    fn try_from(segment: pb::Segment) -> Result<Self, InvalidMessage> {
        let pb::Segment { start, end, mean_ns, p50_ns } = segment;
        Ok(Self { start, end, mean_ns: finite("segment.mean_ns", mean_ns)?, p50_ns })
    }
}
