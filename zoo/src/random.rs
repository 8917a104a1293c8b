//! Random weights that are the same on every machine, whatever the order in which they are drawn.
//!
//! No function of a platform's mathematical library takes part, since those differ in the last bit.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};

/// How a weight is set where no trained one is given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Init {
    /// Nearly normal: the sum of four uniforms, which never leaves 3.5 standard deviations.
    Normal {
        std: f32,
    },
    Constant(f32),
}

impl Init {
    pub(crate) const ZEROS: Self = Self::Constant(0.0);
    pub(crate) const ONES: Self = Self::Constant(1.0);

    /// Keeps the variance of activations through a layer with a rectifier (He et al. 2015, equation 10). `fan_in` counts the
    /// inputs of one output.
    pub(crate) fn kaiming(fan_in: usize) -> Self {
        Self::Normal { std: (2.0 / count(fan_in)).sqrt() }
    }

    /// As [`Init::kaiming`] for a layer without a rectifier after it (`LeCun` et al. 1998).
    pub(crate) fn lecun(fan_in: usize) -> Self {
        Self::Normal { std: (1.0 / count(fan_in)).sqrt() }
    }
}

/// Little-endian floats for the weight `name`. Each weight has a stream of its own, so that adding a layer changes no other.
pub(crate) fn draw(seed: u64, name: &str, elements: usize, init: Init) -> Vec<u8> {
    match init {
        Init::Constant(value) => value.to_le_bytes().repeat(elements),
        Init::Normal { std } => from_stream(seed, name, elements, |bits| normal(bits) * std),
    }
}

fn from_stream(seed: u64, name: &str, elements: usize, of_bits: impl Fn(u64) -> f32) -> Vec<u8> {
    const WORD: usize = size_of::<u64>();
    let key = Sha256::new().chain_update(seed.to_le_bytes()).chain_update(name.as_bytes()).finalize();
    let mut stream = ChaCha8Rng::from_seed(key.into());
    // Drawn a block at a time, so that the random words never need more memory than the weights.
    let mut block = [0_u8; 1024 * WORD];
    let mut floats = Vec::with_capacity(elements * size_of::<f32>());
    let mut left = elements;
    while left > 0 {
        let words = left.min(block.len() / WORD);
        let drawn = &mut block[..words * WORD];
        stream.fill_bytes(drawn);
        let (words_drawn, _) = drawn.as_chunks::<WORD>();
        floats.extend(words_drawn.iter().flat_map(|&word| of_bits(u64::from_le_bytes(word)).to_le_bytes()));
        left -= words;
    }
    floats
}

/// Mean 0 and variance 1, from the sum of the four 16-bit numbers in a word.
fn normal(bits: u64) -> f32 {
    /// Of four uniforms over 0 ..= 65535.
    const MEAN: i32 = 2 * 65_535;
    /// The square root of `4 * (65536^2 - 1) / 12`, the variance of that sum.
    const STD: f32 = 37_837.227;
    let sum: i32 = (0..4).map(|part| i32::from(low_half(bits >> (16 * part)))).sum();
    small(sum - MEAN) / STD
}

fn low_half(bits: u64) -> u16 {
    let [first, second, ..] = bits.to_le_bytes();
    u16::from_le_bytes([first, second])
}

#[expect(clippy::cast_precision_loss, reason = "at most 18 bits, and a float holds 24")]
fn small(value: i32) -> f32 {
    value as f32
}

#[expect(clippy::cast_precision_loss, reason = "a scale of random numbers needs no more digits")]
fn count(inputs: usize) -> f32 {
    inputs as f32
}

#[cfg(test)]
mod tests;
