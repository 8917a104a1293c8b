//! Reads a pco blob of latencies with bounded memory, whatever its headers claim.

use pco::{
    FULL_BATCH_N,
    standalone::{DecompressorItem, FileDecompressor},
};

/// Samples one run may have: an hour at 2,000 a second, and 64 MiB when decoded.
pub(crate) const SAMPLE_LIMIT: u32 = 8_000_000;

#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidSamples {
    #[error("{0} samples are more than the limit of {SAMPLE_LIMIT}")]
    TooMany(u32),
    #[error("the compressed samples cannot be read")]
    Corrupt(#[source] pco::errors::PcoError),
    #[error("the compressed samples hold {actual} values, not {expected}")]
    WrongCount { actual: u64, expected: u32 },
    #[error("a sample times the quantum exceeds 64 bits")]
    Overflow,
}

/// Decodes to nanoseconds. Memory is bounded by `count`, which is bounded by [`SAMPLE_LIMIT`].
pub(crate) fn decode(pco: &[u8], count: u32, quantum_ns: u64) -> Result<Vec<u64>, InvalidSamples> {
    if count > SAMPLE_LIMIT {
        return Err(InvalidSamples::TooMany(count));
    }
    let mut samples = Vec::new();
    let mut seen = 0_u64;
    each_batch(pco, |batch| {
        seen += batch.len() as u64;
        if seen > u64::from(count) {
            return Err(InvalidSamples::WrongCount { actual: seen, expected: count });
        }
        for value in batch {
            samples.push(value.checked_mul(quantum_ns).ok_or(InvalidSamples::Overflow)?);
        }
        Ok(())
    })?;
    if seen == u64::from(count) {
        Ok(samples)
    } else {
        Err(InvalidSamples::WrongCount { actual: seen, expected: count })
    }
}

fn each_batch(pco: &[u8], mut visit: impl FnMut(&[u64]) -> Result<(), InvalidSamples>) -> Result<(), InvalidSamples> {
    let mut buffer = vec![0_u64; FULL_BATCH_N];
    let (file, mut rest) = FileDecompressor::new(pco).map_err(InvalidSamples::Corrupt)?;
    while let DecompressorItem::Chunk(mut chunk) =
        file.chunk_decompressor::<u64, _>(rest).map_err(InvalidSamples::Corrupt)?
    {
        loop {
            let progress = chunk.read(&mut buffer).map_err(InvalidSamples::Corrupt)?;
            visit(&buffer[..progress.n_processed])?;
            if progress.finished {
                break;
            }
        }
        rest = chunk.into_src();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use pco::{ChunkConfig, standalone::simple_compress};

    use super::*;

    fn compressed(values: &[u64]) -> Vec<u8> {
        simple_compress(values, &ChunkConfig::default()).expect("compresses")
    }

    #[test]
    fn samples_come_back_in_order_and_in_nanoseconds() {
        assert_eq!(decode(&compressed(&[3, 1, 2]), 3, 100).expect("valid"), [300, 100, 200]);
    }

    #[test]
    fn a_blob_that_is_not_what_was_announced_is_refused() {
        assert!(matches!(decode(&compressed(&[1; 5]), 4, 1), Err(InvalidSamples::WrongCount { expected: 4, .. })));
        assert!(matches!(decode(&compressed(&[1; 5]), 6, 1), Err(InvalidSamples::WrongCount { actual: 5, .. })));
        assert!(matches!(decode(b"not pco at all", 1, 1), Err(InvalidSamples::Corrupt(_))));
        assert!(matches!(decode(&compressed(&[u64::MAX]), 1, 2), Err(InvalidSamples::Overflow)));
        assert!(matches!(decode(&[], SAMPLE_LIMIT + 1, 1), Err(InvalidSamples::TooMany(_))));
    }

    #[test]
    fn a_bomb_stops_at_the_announced_count() {
        // A constant sequence of a million values takes a few bytes.
        let bomb = compressed(&vec![7; 1_000_000]);
        assert!(bomb.len() < 1_000, "{} bytes", bomb.len());
        assert!(matches!(decode(&bomb, 10, 1), Err(InvalidSamples::WrongCount { expected: 10, .. })));
    }
}
