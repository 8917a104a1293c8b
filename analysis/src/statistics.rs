//! Statistics of one run from its samples.

use domain::{
    CellSpec, Estimate, LatencySummary, Measurement, Percentile, Scenario, Segment, Statistics, SteadyClass,
    SteadyState,
};
use loadgen::early_stopping;

use crate::hearing::Hearing;

/// Reported for every run (`LoadGen`'s set), ascending.
const PERCENTILES: [Percentile; 6] =
    [Percentile::P50, Percentile::P90, Percentile::P95, Percentile::P97, Percentile::P99, Percentile::P999];
/// Of the order-statistic intervals.
const CONFIDENCE: f64 = 0.95;

/// `None` if there are no samples. Latencies and slips in nanoseconds, in issue order.
pub(super) fn compute(
    cell: &CellSpec,
    measurement: &Measurement,
    latencies: &[u64],
    slip: Option<&[u64]>,
    hearing: &Hearing,
) -> Option<Statistics> {
    let summary = summary(latencies)?;
    let values: Vec<f64> = latencies.iter().map(|&latency| to_f64(latency)).collect();
    let effective_samples = stats::effective_sample_size(&values);
    let mut sorted = latencies.to_vec();
    sorted.sort_unstable();
    let own = cell.scenario.headline().filter(|percentile| !PERCENTILES.contains(percentile));
    let mut percentiles: Vec<Percentile> = PERCENTILES.into_iter().chain(own).collect();
    percentiles.sort_unstable();
    let estimates = percentiles.into_iter().map(|percentile| estimate(percentile, &sorted, effective_samples));
    let over_latency = match cell.scenario {
        Scenario::Server { target_latency, .. } => {
            let target = u64::try_from(target_latency.as_nanos()).unwrap_or(u64::MAX);
            // Strictly over: LoadGen's early_stopping.cc.
            Some((sorted.len() - sorted.partition_point(|&latency| latency <= target)) as u64)
        }
        _ => None,
    };
    Some(Statistics {
        version: Statistics::VERSION,
        latency: summary,
        effective_samples,
        standard_deviation_ns: stats::standard_deviation(&values).unwrap_or(0.0),
        throughput_per_s: measurement.throughput_per_s(),
        estimates: estimates.collect::<Option<_>>()?,
        over_latency,
        steady: steady(latencies, &summary),
        slip: slip.and_then(self::summary),
        energy: hearing.energy.clone(),
        heat: hearing.heat.clone(),
    })
}

fn summary(durations: &[u64]) -> Option<LatencySummary> {
    let stats::Summary { min, p50, p90, p95, p99, p999, max, mean, mad } = stats::summarize(durations)?;
    Some(LatencySummary {
        min_ns: min,
        p50_ns: p50,
        p90_ns: p90,
        p95_ns: p95,
        p99_ns: p99,
        p999_ns: p999,
        max_ns: max,
        mean_ns: mean,
        mad_ns: mad,
    })
}

fn estimate(percentile: Percentile, sorted: &[u64], effective_samples: f64) -> Option<Estimate> {
    let p = percentile.fraction();
    let interval = stats::percentile_interval(sorted, effective_samples, p, CONFIDENCE);
    let early_stopping_ns = match early_stopping::estimate(percentile, sorted.len() as u64) {
        early_stopping::Estimate::Value { rank, .. } => usize::try_from(rank).ok().and_then(|rank| sorted.get(rank)),
        early_stopping::Estimate::TooFew { .. } => None,
    };
    Some(Estimate {
        percentile,
        value_ns: stats::percentile(sorted, p)?,
        low_ns: interval.low,
        high_ns: interval.high,
        needed: stats::min_count(p, CONFIDENCE),
        early_stopping_ns: early_stopping_ns.copied(),
        early_stopping_needed: early_stopping::min_queries(percentile, 1),
    })
}

fn steady(latencies: &[u64], summary: &LatencySummary) -> SteadyState {
    let Some(found) = stats::steady::analyse_steady(latencies) else {
        return SteadyState {
            class: SteadyClass::TooShort,
            segments: Vec::new(),
            steady_from: 0,
            burst_ns: summary.p50_ns,
            sustained_ns: summary.p50_ns,
            outlier_count: 0,
            outliers: Vec::new(),
        };
    };
    let segment = |segment: &stats::steady::Segment| Segment {
        start: segment.start as u64,
        end: segment.end as u64,
        mean_ns: segment.mean_ns,
        p50_ns: segment.p50_ns,
    };
    SteadyState {
        class: match found.class {
            stats::steady::SteadyClass::Flat => SteadyClass::Flat,
            stats::steady::SteadyClass::WarmUp => SteadyClass::WarmUp,
            stats::steady::SteadyClass::Slowdown => SteadyClass::Slowdown,
            stats::steady::SteadyClass::NoSteadyState => SteadyClass::NoSteadyState,
        },
        segments: found.segments.iter().map(segment).collect(),
        steady_from: found.steady_from as u64,
        burst_ns: found.burst_ns,
        sustained_ns: found.sustained_ns,
        outlier_count: found.outlier_count,
        outliers: found.outliers.into_iter().map(|index| index as u64).collect(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "durations are far below 2^52 ns")]
fn to_f64(duration: u64) -> f64 {
    duration as f64
}
