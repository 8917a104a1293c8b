//! Latencies as a histogram that merges with every other run's.

use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer as _, V2DeflateSerializer};

/// The same for all, so that all histograms merge.
const BOUNDS_NS: (u64, u64) = (1_000, 60_000_000_000);
const DIGITS: u8 = 3;

/// A histogram that can't be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum HistogramError {
    #[error("there is no memory for a histogram")]
    Create(#[from] hdrhistogram::CreationError),
    #[error("the histogram can't be written")]
    Write(#[from] hdrhistogram::serialization::V2DeflateSerializeError),
}

/// `HdrHistogram` V2 + deflate of latencies in nanoseconds.
pub(super) fn histogram(latencies_ns: &[u64]) -> Result<Vec<u8>, HistogramError> {
    let (least, greatest) = BOUNDS_NS;
    // A lowest discernible value of 1 us would mean steps of 512 ns, and three digits only above 1 ms.
    let mut histogram = Histogram::<u64>::new_with_bounds(1, greatest, DIGITS)?;
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

    use super::*;

    fn restored(latencies_ns: &[u64]) -> Histogram<u64> {
        let bytes = histogram(latencies_ns).expect("a histogram");
        Deserializer::new().deserialize(&mut bytes.as_slice()).expect("a histogram")
    }

    #[test]
    fn the_histogram_keeps_three_digits_from_microseconds_to_seconds() {
        for latency in [1_537, 48_311, 35_217_123, 59_000_000_000] {
            let error = restored(&[latency]).value_at_quantile(0.5).abs_diff(latency);
            assert!(error * 1000 <= latency, "{latency} ns is off by {error} ns");
        }
    }

    #[test]
    fn latencies_beyond_the_histogram_are_counted_at_its_end() {
        assert_eq!(restored(&[10, 90_000_000_000]).len(), 2);
    }
}
