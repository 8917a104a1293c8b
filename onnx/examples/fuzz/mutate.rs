//! Broken models out of whole ones: changes of a message's fields that leave it a message, and changes of its bytes.
//!
//! Knows protobuf's wire format and nothing of ONNX. Everything follows from the generator of random numbers.

use furlong_onnx::samples;
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

/// No larger ones are made: what a model may take is bounded by its size.
const MOST_BYTES: usize = 1 << 20;
/// Numbers that lengths, axes and counts are likely to trip over.
const NUMBERS: [u64; 12] =
    [0, 1, 2, 63, 4096, 1 << 31, (1 << 31) - 1, 1 << 32, 1_000_000_000_000_000_000, 1 << 63, u64::MAX, u64::MAX - 1];

/// Whole models to begin with.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![samples::add(8), samples::matmul(8), samples::dynamic_batch(), samples::shapes()];
    seeds.extend(samples::odd().into_iter().map(|odd| odd.model));
    seeds.extend(samples::refused().into_iter().map(|refused| refused.model));
    seeds.extend([samples::endless_loop(), samples::huge_allocation(), samples::unknown_operator()]);
    seeds
}

/// A model with some changes, or bytes that never were one.
pub(crate) fn mutated(seeds: &[Vec<u8>], random: &mut ChaCha8Rng) -> Vec<u8> {
    if random.random_ratio(1, 50) {
        return (0..random.random_range(0..512)).map(|_| random.random()).collect();
    }
    let mut bytes = pick(seeds, random).cloned().unwrap_or_default();
    for _ in 0..random.random_range(1..6) {
        bytes = if random.random_ratio(4, 5) { change_field(&bytes, random, 0) } else { change_bytes(bytes, random) };
        bytes.truncate(MOST_BYTES);
    }
    bytes
}

fn pick<'t, T>(from: &'t [T], random: &mut ChaCha8Rng) -> Option<&'t T> {
    from.get(random.random_range(0..from.len().max(1)))
}

fn change_bytes(mut bytes: Vec<u8>, random: &mut ChaCha8Rng) -> Vec<u8> {
    let at = random.random_range(0..=bytes.len());
    match random.random_range(0..4) {
        0 => bytes.truncate(at),
        1 => bytes.insert(at, random.random()),
        2 => drop(bytes.splice(at..at, varint(NUMBERS[random.random_range(0..NUMBERS.len())]))),
        _ => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << random.random_range(0..8);
            }
        }
    }
    bytes
}

/// A field: its key, and its value as it is encoded after key and length.
#[derive(Clone)]
struct Field {
    key: u64,
    value: Vec<u8>,
}

fn change_field(message: &[u8], random: &mut ChaCha8Rng, depth: u32) -> Vec<u8> {
    let Some(mut fields) = fields(message).filter(|fields| !fields.is_empty()) else {
        return change_bytes(message.to_vec(), random);
    };
    let at = random.random_range(0..fields.len());
    // Most of what can be changed lies deep.
    if wire_type(fields[at].key) == 2 && depth < 20 && random.random_ratio(5, 6) {
        fields[at].value = change_field(&fields[at].value, random, depth + 1);
        return encoded(&fields);
    }
    match random.random_range(0..7) {
        0 => drop(fields.remove(at)),
        1 => {
            let copies = [2, 3, 40, 3000][random.random_range(0..4)];
            let most = MOST_BYTES / (fields[at].value.len() + 4);
            let copy = fields[at].clone();
            drop(fields.splice(at..at, std::iter::repeat_n(copy, copies.min(most))));
        }
        2 => {
            let other = random.random_range(0..fields.len());
            fields.swap(at, other);
        }
        3 => fields[at].key = wire_type(fields[at].key) | random.random_range(1..24) << 3,
        // A name or a value of another field.
        4 => {
            let other = random.random_range(0..fields.len());
            if wire_type(fields[at].key) == wire_type(fields[other].key) {
                fields[at].value = std::mem::take(&mut fields[other].value);
            }
        }
        // The same message within itself.
        5 if wire_type(fields[at].key) == 2 => fields[at].value = message.to_vec(),
        _ if wire_type(fields[at].key) == 0 => {
            fields[at].value = varint(NUMBERS[random.random_range(0..NUMBERS.len())]);
        }
        _ => fields[at].value = change_bytes(fields[at].value.clone(), random),
    }
    encoded(&fields)
}

/// 0 a number, 1 eight bytes, 2 a length and so many bytes, 5 four bytes.
const fn wire_type(key: u64) -> u64 {
    key & 7
}

fn fields(mut bytes: &[u8]) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = take_varint(&mut bytes)?;
        let length = match wire_type(key) {
            0 => bytes.iter().position(|byte| *byte < 0x80)? + 1,
            1 => 8,
            2 => usize::try_from(take_varint(&mut bytes)?).ok()?,
            5 => 4,
            _ => return None,
        };
        let (value, rest) = bytes.split_at_checked(length)?;
        fields.push(Field { key, value: value.to_vec() });
        bytes = rest;
    }
    Some(fields)
}

fn encoded(fields: &[Field]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for Field { key, value } in fields {
        bytes.extend(varint(*key));
        if wire_type(*key) == 2 {
            bytes.extend(varint(value.len() as u64));
        }
        bytes.extend(value);
    }
    bytes
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let length = bytes.iter().take(10).position(|byte| *byte < 0x80)? + 1;
    let (number, rest) = bytes.split_at(length);
    *bytes = rest;
    Some(number.iter().rev().fold(0_u64, |value, byte| value << 7 | u64::from(byte & 0x7f)))
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
    bytes
}
