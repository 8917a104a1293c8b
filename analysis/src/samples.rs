//! The stored form of durations: quantised, and compressed by pco. Reads with bounded memory, whatever a blob claims.

use domain::Samples;
use pco::standalone::{DecompressorItem, FileDecompressor, simple_compress};
use pco::{ChunkConfig, FULL_BATCH_N};

/// Samples one run may have: as many as one measurement can hold, 64 MiB when decoded.
pub const LIMIT: u32 = loadgen::MAX_QUERIES;
/// Quantum of samples of a slow model: finer digits are noise, and noise does not compress.
const COARSEST_QUANTUM_NS: u64 = 100;
/// Quanta a median is resolved into, at least: the rounding error is then far below any spread that was ever seen.
const QUANTA_IN_MEDIAN: u64 = 10_000;
/// Level 8 is 3 to 10 % smaller and takes three times as long.
const COMPRESSION_LEVEL: usize = 4;

/// Durations that can't be stored.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    #[error("there are no samples")]
    Empty,
    #[error("{0} samples are more than the limit of {LIMIT}")]
    TooMany(usize),
    #[error("the samples can't be compressed")]
    Compress(#[from] pco::errors::PcoError),
}

/// A blob that is not what was announced.
#[derive(Debug, thiserror::Error)]
pub enum InvalidSamples {
    #[error("{0} samples are more than the limit of {LIMIT}")]
    TooMany(u32),
    #[error("the compressed samples cannot be read: {0}")]
    Corrupt(String),
    #[error("the compressed samples hold {actual} values, not {expected}")]
    WrongCount { actual: u64, expected: u32 },
    #[error("a sample times the quantum exceeds 64 bits")]
    Overflow,
}

/// Stores durations in nanoseconds, in issue order, rounded to the nearest quantum.
pub fn encode(durations_ns: &[u64]) -> Result<Samples, EncodeError> {
    let too_many = |_| EncodeError::TooMany(durations_ns.len());
    let count = u32::try_from(durations_ns.len()).map_err(too_many)?;
    if count > LIMIT {
        return Err(EncodeError::TooMany(durations_ns.len()));
    }
    let mut ordered = durations_ns.to_vec();
    let middle = ordered.len() / 2;
    if ordered.is_empty() {
        return Err(EncodeError::Empty);
    }
    let quantum_ns = quantum_ns(*ordered.select_nth_unstable(middle).1);
    let quantum = u64::from(quantum_ns);
    let quantised: Vec<u64> =
        durations_ns.iter().map(|&duration| duration.saturating_add(quantum / 2) / quantum).collect();
    let config = ChunkConfig::default().with_compression_level(COMPRESSION_LEVEL);
    Ok(Samples { pco: simple_compress(&quantised, &config)?, count, quantum_ns })
}

/// Nanoseconds one stored unit stands for: min(100 ns, median / 10^4), and at least 1 ns.
fn quantum_ns(median_ns: u64) -> u32 {
    u32::try_from((median_ns / QUANTA_IN_MEDIAN).clamp(1, COARSEST_QUANTUM_NS)).unwrap_or(1)
}

/// Decodes to nanoseconds, in issue order. Memory is bounded by the announced count, which is bounded by [`LIMIT`].
pub fn decode(samples: &Samples) -> Result<Vec<u64>, InvalidSamples> {
    let Samples { pco, count, quantum_ns } = samples;
    if *count > LIMIT {
        return Err(InvalidSamples::TooMany(*count));
    }
    let mut durations = Vec::new();
    let mut seen = 0_u64;
    each_batch(pco, |batch| {
        seen += batch.len() as u64;
        if seen > u64::from(*count) {
            return Err(InvalidSamples::WrongCount { actual: seen, expected: *count });
        }
        for value in batch {
            durations.push(value.checked_mul(u64::from(*quantum_ns)).ok_or(InvalidSamples::Overflow)?);
        }
        Ok(())
    })?;
    if seen == u64::from(*count) {
        Ok(durations)
    } else {
        Err(InvalidSamples::WrongCount { actual: seen, expected: *count })
    }
}

fn each_batch(pco: &[u8], mut visit: impl FnMut(&[u64]) -> Result<(), InvalidSamples>) -> Result<(), InvalidSamples> {
    let mut buffer = vec![0_u64; FULL_BATCH_N];
    let (file, mut rest) = FileDecompressor::new(pco).map_err(corrupt)?;
    while let DecompressorItem::Chunk(mut chunk) = file.chunk_decompressor::<u64, _>(rest).map_err(corrupt)? {
        loop {
            let progress = chunk.read(&mut buffer).map_err(corrupt)?;
            visit(&buffer[..progress.n_processed])?;
            if progress.finished {
                break;
            }
        }
        rest = chunk.into_src();
    }
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err gives it")]
fn corrupt(error: pco::errors::PcoError) -> InvalidSamples {
    InvalidSamples::Corrupt(error.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn compressed(values: &[u64], count: u32, quantum_ns: u32) -> Samples {
        let pco = simple_compress(values, &ChunkConfig::default()).expect("compresses");
        Samples { pco, count, quantum_ns }
    }

    #[test]
    fn samples_come_back_in_order_and_in_nanoseconds() {
        assert_eq!(decode(&compressed(&[3, 1, 2], 3, 100)).expect("valid"), [300, 100, 200]);
    }

    #[test]
    fn a_blob_that_is_not_what_was_announced_is_refused() {
        let check = |samples: Samples| decode(&samples).expect_err("refused");
        assert!(matches!(check(compressed(&[1; 5], 4, 1)), InvalidSamples::WrongCount { expected: 4, .. }));
        assert!(matches!(check(compressed(&[1; 5], 6, 1)), InvalidSamples::WrongCount { actual: 5, .. }));
        let garbage = Samples { pco: b"not pco at all".to_vec(), count: 1, quantum_ns: 1 };
        assert!(matches!(check(garbage), InvalidSamples::Corrupt(_)));
        assert!(matches!(check(compressed(&[u64::MAX], 1, 2)), InvalidSamples::Overflow));
        assert!(matches!(check(compressed(&[1], LIMIT + 1, 1)), InvalidSamples::TooMany(_)));
    }

    #[test]
    fn a_bomb_stops_at_the_announced_count() {
        // A constant sequence of a million values takes a few bytes.
        let bomb = compressed(&vec![7; 1_000_000], 10, 1);
        assert!(bomb.pco.len() < 1_000, "{} bytes", bomb.pco.len());
        assert!(matches!(decode(&bomb), Err(InvalidSamples::WrongCount { expected: 10, .. })));
    }

    #[test]
    fn quantum_is_fine_for_fast_models_and_bounded_for_slow_ones() {
        for (median_ns, expected) in [(0, 1), (1_500, 1), (640_000, 64), (35_000_000, 100), (u64::MAX, 100)] {
            assert_eq!(quantum_ns(median_ns), expected, "{median_ns} ns");
        }
    }

    #[test]
    fn no_samples_is_an_error() {
        assert!(matches!(encode(&[]), Err(EncodeError::Empty)));
    }

    proptest! {
        #[test]
        fn samples_come_back_within_half_a_quantum(durations in prop::collection::vec(1_u64..10_000_000_000, 1..500)) {
            let samples = encode(&durations).expect("encodable");
            let quantum = u64::from(samples.quantum_ns);
            let restored = decode(&samples).expect("decodable");
            prop_assert_eq!(restored.len(), durations.len());
            for (duration, restored) in durations.iter().zip(restored) {
                prop_assert!(duration.abs_diff(restored) * 2 <= quantum);
            }
        }
    }
}
