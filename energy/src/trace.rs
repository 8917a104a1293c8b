//! The stored form of a trace: a header that names every series, then each one's times and values, compressed by pco. Reads
//! with bounded memory, whatever a blob claims.

use domain::{Quantity, Series};
use pco::data_types::Number;
use pco::standalone::{DecompressorItem, FileDecompressor, simple_compress};
use pco::{ChunkConfig, FULL_BATCH_N};
use serde::{Deserialize, Serialize};

/// Series one trace may have: a board has some thirty zones, rails and clocks.
pub const SERIES_LIMIT: usize = 256;
/// Readings one trace may have over all its series, 128 MiB when decoded: an hour of twenty rails at 100 Hz.
pub const READINGS_LIMIT: u64 = 8_000_000;
/// Greatest length of the header in bytes: names of a few dozen bytes.
const HEADER_LIMIT_BYTES: usize = 256 * 1024;
/// Furlong trace, version 1.
const MAGIC: &[u8; 4] = b"FLT1";

/// Series that can't be stored.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    #[error("the readings can't be compressed")]
    Compress(#[from] pco::errors::PcoError),
    #[error("the names of the series can't be written")]
    Header(#[from] serde_json::Error),
    #[error("{0} series are more than the limit of {SERIES_LIMIT}")]
    TooManySeries(usize),
    #[error("{0} readings are more than the limit of {READINGS_LIMIT}")]
    TooManyReadings(u64),
}

/// A blob that is no trace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTrace {
    #[error("it does not begin as a trace does")]
    NoTrace,
    #[error("it ends within its header or its readings")]
    Torn,
    #[error("{0} bytes follow its last reading")]
    Surplus(usize),
    #[error("its header can't be read: {0}")]
    Header(String),
    #[error("{0} series are more than the limit of {SERIES_LIMIT}")]
    TooManySeries(usize),
    #[error("{0} readings are more than the limit of {READINGS_LIMIT}")]
    TooManyReadings(u64),
    #[error("the readings of `{series}` can't be decompressed: {why}")]
    Corrupt { series: String, why: String },
    #[error("`{series}` holds {actual} readings or more, and announces {expected}")]
    WrongCount { series: String, actual: u64, expected: u64 },
    #[error("the times of `{series}` do not ascend")]
    Disorder { series: String },
    #[error("`{series}` holds a value that is not finite")]
    NotFinite { series: String },
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    name: String,
    quantity: Quantity,
    count: u64,
    /// Bytes.
    times: usize,
    values: usize,
}

/// Stores series, exactly.
pub fn encode(series: &[Series]) -> Result<Vec<u8>, EncodeError> {
    if series.len() > SERIES_LIMIT {
        return Err(EncodeError::TooManySeries(series.len()));
    }
    let readings: u64 = series.iter().map(|series| series.values.len() as u64).sum();
    if readings > READINGS_LIMIT {
        return Err(EncodeError::TooManyReadings(readings));
    }
    let config = ChunkConfig::default();
    let (mut entries, mut blobs) = (Vec::with_capacity(series.len()), Vec::new());
    for Series { name, quantity, times_ns, values } in series {
        let (times, packed) = (simple_compress(times_ns, &config)?, simple_compress(values, &config)?);
        entries.push(Entry {
            name: name.clone(),
            quantity: *quantity,
            count: values.len() as u64,
            times: times.len(),
            values: packed.len(),
        });
        blobs.extend(times);
        blobs.extend(packed);
    }
    let header = serde_json::to_vec(&entries)?;
    let length = u32::try_from(header.len()).unwrap_or(u32::MAX);
    Ok([MAGIC.as_slice(), &length.to_le_bytes(), &header, &blobs].concat())
}

/// Reads what [`encode`] stored; an empty blob has no series.
pub fn decode(blob: &[u8]) -> Result<Vec<Series>, InvalidTrace> {
    if blob.is_empty() {
        return Ok(Vec::new());
    }
    let rest = blob.strip_prefix(MAGIC).ok_or(InvalidTrace::NoTrace)?;
    let (length, rest) = rest.split_first_chunk::<4>().ok_or(InvalidTrace::Torn)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
    if length > HEADER_LIMIT_BYTES {
        return Err(InvalidTrace::Header(format!("{length} bytes are more than {HEADER_LIMIT_BYTES}")));
    }
    let (header, mut rest) = rest.split_at_checked(length).ok_or(InvalidTrace::Torn)?;
    let entries: Vec<Entry> =
        serde_json::from_slice(header).map_err(|error| InvalidTrace::Header(error.to_string()))?;
    if entries.len() > SERIES_LIMIT {
        return Err(InvalidTrace::TooManySeries(entries.len()));
    }
    let readings = entries.iter().fold(0_u64, |sum, entry| sum.saturating_add(entry.count));
    if readings > READINGS_LIMIT {
        return Err(InvalidTrace::TooManyReadings(readings));
    }
    let mut all = Vec::with_capacity(entries.len());
    for entry in entries {
        let times = take(&mut rest, entry.times)?;
        let values = take(&mut rest, entry.values)?;
        all.push(read(entry, times, values)?);
    }
    if rest.is_empty() { Ok(all) } else { Err(InvalidTrace::Surplus(rest.len())) }
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], InvalidTrace> {
    let (taken, left) = rest.split_at_checked(length).ok_or(InvalidTrace::Torn)?;
    *rest = left;
    Ok(taken)
}

fn read(entry: Entry, times: &[u8], values: &[u8]) -> Result<Series, InvalidTrace> {
    let Entry { name, quantity, count, times: _, values: _ } = entry;
    let times_ns: Vec<i64> = decompress(times, &name, count)?;
    let values: Vec<f64> = decompress(values, &name, count)?;
    if times_ns.is_sorted() && values.iter().all(|value| value.is_finite()) {
        return Ok(Series { name, quantity, times_ns, values });
    }
    Err(if times_ns.is_sorted() {
        InvalidTrace::NotFinite { series: name }
    } else {
        InvalidTrace::Disorder { series: name }
    })
}

/// No more is ever held than was announced, and that is bounded.
fn decompress<T: Number + Default>(blob: &[u8], series: &str, expected: u64) -> Result<Vec<T>, InvalidTrace> {
    let corrupt =
        |error: pco::errors::PcoError| InvalidTrace::Corrupt { series: series.to_owned(), why: error.to_string() };
    let wrong = |actual| InvalidTrace::WrongCount { series: series.to_owned(), actual, expected };
    let mut all = Vec::new();
    let mut buffer = vec![T::default(); FULL_BATCH_N];
    let (file, mut rest) = FileDecompressor::new(blob).map_err(corrupt)?;
    while let DecompressorItem::Chunk(mut chunk) = file.chunk_decompressor::<T, _>(rest).map_err(corrupt)? {
        loop {
            let progress = chunk.read(&mut buffer).map_err(corrupt)?;
            all.extend_from_slice(&buffer[..progress.n_processed]);
            if all.len() as u64 > expected {
                return Err(wrong(all.len() as u64));
            }
            if progress.finished {
                break;
            }
        }
        rest = chunk.into_src();
    }
    if all.len() as u64 == expected { Ok(all) } else { Err(wrong(all.len() as u64)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn series(times_ns: Vec<i64>, values: Vec<f64>) -> Series {
        Series { name: "rail".to_owned(), quantity: Quantity::Power, times_ns, values }
    }

    #[test]
    fn an_empty_trace_is_one() {
        assert_eq!(decode(&[]), Ok(Vec::new()));
        assert_eq!(decode(&encode(&[]).expect("encoded")), Ok(Vec::new()));
        let silent = vec![series(Vec::new(), Vec::new())];
        assert_eq!(decode(&encode(&silent).expect("encoded")), Ok(silent));
    }

    #[test]
    fn ten_minutes_at_ten_hertz_take_a_few_bytes_a_reading() {
        let times = (0..6000_i64).map(|number| number * 100_000_000 + (number * 7919) % 4_000_000).collect();
        // 40 mW steps, as an INA3221 has on an Orin Nano.
        let values = (0..6000_u32).map(|number| 9.0 + 0.04 * f64::from((number * 7919) % 25)).collect();
        let blob = encode(&[series(times, values)]).expect("encoded");
        assert!(blob.len() < 6000 * 6, "{} bytes", blob.len());
    }

    #[test]
    fn what_is_no_trace_is_told() {
        let whole = encode(&[series(vec![1, 2, 3], vec![1.0, 2.0, 3.0])]).expect("encoded");
        assert_eq!(decode(b"no trace"), Err(InvalidTrace::NoTrace));
        assert_eq!(decode(&whole[..whole.len() - 1]), Err(InvalidTrace::Torn));
        assert_eq!(decode(&whole[..6]), Err(InvalidTrace::Torn));
        assert_eq!(decode(&[whole.as_slice(), b"??"].concat()), Err(InvalidTrace::Surplus(2)));
        let disorder = encode(&[series(vec![2, 1], vec![1.0, 2.0])]).expect("encoded");
        assert_eq!(decode(&disorder), Err(InvalidTrace::Disorder { series: "rail".to_owned() }));
        let infinite = encode(&[series(vec![1], vec![f64::INFINITY])]).expect("encoded");
        assert_eq!(decode(&infinite), Err(InvalidTrace::NotFinite { series: "rail".to_owned() }));
        let unlike = encode(&[series(vec![1, 2], vec![1.0])]).expect("encoded");
        assert!(matches!(decode(&unlike), Err(InvalidTrace::WrongCount { expected: 1, .. })));
    }

    #[test]
    fn a_bomb_stops_at_the_announced_count() {
        // A constant sequence of a million values takes a few bytes.
        let mut bomb = encode(&[series(vec![7; 1_000_000], vec![7.0; 1_000_000])]).expect("encoded");
        let announced = String::from_utf8_lossy(&bomb).find("1000000").expect("the count");
        bomb[announced..announced + 7].copy_from_slice(b"     10");
        assert!(matches!(decode(&bomb), Err(InvalidTrace::WrongCount { expected: 10, .. })));
    }

    proptest! {
        #[test]
        fn series_come_back_exactly(readings in prop::collection::vec((any::<i64>(), -1e300..1e300), 0..200)) {
            let (mut times, values): (Vec<_>, Vec<_>) = readings.into_iter().unzip();
            times.sort_unstable();
            let told = vec![series(times, values)];
            prop_assert_eq!(decode(&encode(&told).expect("encoded")), Ok(told));
        }

        #[test]
        fn a_mutated_trace_is_refused_or_read_and_never_panics(at in 0_usize..400, byte in any::<u8>()) {
            let mut blob = encode(&[series((0..50).collect(), (0..50).map(f64::from).collect())]).expect("encoded");
            let at = at % blob.len();
            blob[at] = byte;
            if let Ok(read) = decode(&blob) {
                prop_assert!(read.iter().all(|series| series.times_ns.len() == series.values.len()));
            }
        }
    }
}
