//! Latencies into what is stored: exact summary, compressed samples, mergeable histogram.

use domain::{LatencySummary, Samples};
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer as _, V2DeflateSerializer};
use pco::ChunkConfig;

/// Quantum of samples of a slow model: finer digits are noise, and noise does not compress.
const COARSEST_QUANTUM_NS: u64 = 100;
/// Quanta a median is resolved into, at least: the rounding error is then far below any spread that was ever seen.
const QUANTA_IN_MEDIAN: u64 = 10_000;
/// Level 8 is 3 to 10 % smaller and takes three times as long.
const COMPRESSION_LEVEL: usize = 4;
/// The same for all, so that all histograms merge.
const HISTOGRAM_BOUNDS_NS: (u64, u64) = (1_000, 60_000_000_000);
const HISTOGRAM_DIGITS: u8 = 3;

/// The stored forms of one run's latencies.
#[derive(Debug)]
pub(super) struct Encoded {
    pub(super) summary: LatencySummary,
    pub(super) samples: Samples,
    pub(super) histogram: Vec<u8>,
}

/// Latencies that can't be stored.
#[derive(Debug, thiserror::Error)]
pub(super) enum EncodeError {
    #[error("there are no latencies")]
    Empty,
    #[error("latencies can't be compressed")]
    Compress(#[from] pco::errors::PcoError),
    #[error("there is no memory for a histogram")]
    Histogram(#[from] hdrhistogram::CreationError),
    #[error("the histogram can't be written")]
    HistogramWrite(#[from] hdrhistogram::serialization::V2DeflateSerializeError),
}

/// Encodes latencies in nanoseconds, in issue order.
pub(super) fn encode(latencies_ns: &[u64]) -> Result<Encoded, EncodeError> {
    let summary = stats::summarize(latencies_ns).ok_or(EncodeError::Empty)?;
    let quantum_ns = quantum_ns(summary.p50);
    let quantised: Vec<u64> =
        latencies_ns.iter().map(|&latency| latency.saturating_add(quantum_ns / 2) / quantum_ns).collect();
    let config = ChunkConfig::default().with_compression_level(COMPRESSION_LEVEL);
    let pco = pco::standalone::simple_compress(&quantised, &config)?;
    let stats::Summary { min, p50, p90, p95, p99, p999, max, mean, mad } = summary;
    Ok(Encoded {
        summary: LatencySummary {
            min_ns: min,
            p50_ns: p50,
            p90_ns: p90,
            p95_ns: p95,
            p99_ns: p99,
            p999_ns: p999,
            max_ns: max,
            mean_ns: mean,
            mad_ns: mad,
        },
        samples: Samples {
            pco,
            count: u32::try_from(latencies_ns.len()).unwrap_or(u32::MAX),
            quantum_ns: u32::try_from(quantum_ns).unwrap_or(u32::MAX),
        },
        histogram: histogram(latencies_ns)?,
    })
}

/// Nanoseconds one stored unit stands for: min(100 ns, median / 10^4), and at least 1 ns.
fn quantum_ns(median_ns: u64) -> u64 {
    (median_ns / QUANTA_IN_MEDIAN).clamp(1, COARSEST_QUANTUM_NS)
}

fn histogram(latencies_ns: &[u64]) -> Result<Vec<u8>, EncodeError> {
    let (least, greatest) = HISTOGRAM_BOUNDS_NS;
    // A lowest discernible value of 1 us would mean steps of 512 ns, and three digits only above 1 ms.
    let mut histogram = Histogram::<u64>::new_with_bounds(1, greatest, HISTOGRAM_DIGITS)?;
    for latency in latencies_ns {
        histogram.saturating_record((*latency).clamp(least, greatest));
    }
    let mut bytes = Vec::new();
    V2DeflateSerializer::new().serialize(&histogram, &mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use hdrhistogram::serialization::Deserializer;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quantum_is_fine_for_fast_models_and_bounded_for_slow_ones() {
        for (median_ns, expected) in [(0, 1), (1_500, 1), (640_000, 64), (35_000_000, 100), (u64::MAX, 100)] {
            assert_eq!(quantum_ns(median_ns), expected, "{median_ns} ns");
        }
    }

    #[test]
    fn no_latencies_is_an_error() {
        assert!(matches!(encode(&[]), Err(EncodeError::Empty)));
    }

    #[test]
    fn the_histogram_keeps_three_digits_from_microseconds_to_seconds() {
        for latency in [1_537, 48_311, 35_217_123, 59_000_000_000] {
            let encoded = encode(&[latency]).expect("encodable");
            let histogram: Histogram<u64> =
                Deserializer::new().deserialize(&mut encoded.histogram.as_slice()).expect("a histogram");
            let error = histogram.value_at_quantile(0.5).abs_diff(latency);
            assert!(error * 1000 <= latency, "{latency} ns is off by {error} ns");
        }
    }

    #[test]
    fn latencies_beyond_the_histogram_are_counted_at_its_end() {
        let encoded = encode(&[10, 90_000_000_000]).expect("encodable");
        let histogram: Histogram<u64> =
            Deserializer::new().deserialize(&mut encoded.histogram.as_slice()).expect("a histogram");
        assert_eq!(histogram.len(), 2);
        assert_eq!(encoded.summary.max_ns, 90_000_000_000);
    }

    proptest! {
        #[test]
        fn samples_come_back_within_half_a_quantum(latencies in prop::collection::vec(1_u64..10_000_000_000, 1..500)) {
            let Samples { pco, count, quantum_ns } = encode(&latencies).expect("encodable").samples;
            let restored: Vec<u64> = pco::standalone::simple_decompress(&pco).expect("compressed");
            prop_assert_eq!(restored.len(), count as usize);
            for (latency, units) in latencies.iter().zip(restored) {
                prop_assert!(latency.abs_diff(units * u64::from(quantum_ns)) * 2 <= u64::from(quantum_ns));
            }
        }
    }
}
