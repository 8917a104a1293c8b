//! Which samples each query takes.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// `LoadGen`'s `sample_index_rng_seed` of v6 (mlperf.conf). The order itself is not `LoadGen`'s: see [`Choice`].
pub const ORDER_SEED: u64 = 2_747_215_439_041_700_203;

/// Chooses the samples of each query among those loaded, by `LoadGen`'s rules (loadgen.cc), and alike for the same seed.
///
/// `LoadGen` draws from C++'s `mt19937` through `uniform_int_distribution`, whose mapping each C++ library defines for
/// itself; here it is `ChaCha8` and `random_range`. The distribution is the same, the sequence is not.
#[derive(Debug, Clone)]
pub struct Choice {
    order: Order,
    samples: usize,
    length: usize,
}

#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "there is one for each measurement, and it is asked in its loop")]
enum Order {
    Random(ChaCha8Rng),
    InOrder { next: usize },
}

impl Choice {
    /// One sample, uniform with replacement: single-stream and server. `samples` is at least one.
    pub fn uniform(samples: usize, seed: u64) -> Self {
        Self::blocks(samples, 1, seed)
    }

    /// A contiguous block of `length` from a random start: multi-stream. Every sample starts a block equally often, whatever
    /// the length: where `LoadGen` pads the set with its first samples, [`Choice::block`] counts modulo `samples`, which is
    /// at least one.
    pub fn blocks(samples: usize, length: usize, seed: u64) -> Self {
        assert!(samples > 0, "no sample to choose from");
        Self { order: Order::Random(ChaCha8Rng::seed_from_u64(seed)), samples, length }
    }

    /// One sample after the other, from the first again after the last: offline. `samples` is at least one.
    pub fn in_order(samples: usize) -> Self {
        assert!(samples > 0, "no sample to choose from");
        Self { order: Order::InOrder { next: 0 }, samples, length: 1 }
    }

    /// The first sample of the next query.
    #[inline]
    #[expect(clippy::should_implement_trait, reason = "it never ends, so that no `Option` is due")]
    pub fn next(&mut self) -> usize {
        match &mut self.order {
            Order::Random(rng) => rng.random_range(0..self.samples),
            Order::InOrder { next } => {
                let first = *next;
                *next = if first + 1 < self.samples { first + 1 } else { 0 };
                first
            }
        }
    }

    /// All samples of the query that begins with `first`.
    #[inline]
    pub fn block(&self, first: usize) -> impl Iterator<Item = usize> + use<> {
        let samples = self.samples;
        (first..first + self.length).map(move |index| index % samples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(mut choice: Choice, count: usize) -> Vec<usize> {
        (0..count).map(|_| choice.next()).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_order_and_another_seed_another() {
        let order = |seed| take(Choice::uniform(10, seed), 200);
        assert_eq!(order(ORDER_SEED), order(ORDER_SEED));
        assert_ne!(order(ORDER_SEED), order(ORDER_SEED + 1));
    }

    /// 10 000 draws of 10: 1 000 each, with a standard deviation of 30.
    #[test]
    fn every_sample_is_chosen_about_equally_often() {
        let drawn = take(Choice::uniform(10, ORDER_SEED), 10_000);
        for sample in 0..10 {
            let count = drawn.iter().filter(|&&index| index == sample).count();
            assert!((850..=1_150).contains(&count), "sample {sample} came {count} times");
        }
    }

    #[test]
    fn a_block_is_contiguous_and_goes_on_from_the_first_sample() {
        let choice = Choice::blocks(10, 4, ORDER_SEED);
        assert_eq!(choice.block(2).collect::<Vec<_>>(), [2, 3, 4, 5]);
        assert_eq!(choice.block(8).collect::<Vec<_>>(), [8, 9, 0, 1]);
        assert_eq!(Choice::blocks(3, 8, 0).block(1).collect::<Vec<_>>(), [1, 2, 0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn blocks_start_anywhere_even_at_the_last_sample() {
        let starts = take(Choice::blocks(10, 8, ORDER_SEED), 500);
        assert!((0..10).all(|sample| starts.contains(&sample)));
    }

    #[test]
    fn in_order_repeats_the_set() {
        assert_eq!(take(Choice::in_order(3), 7), [0, 1, 2, 0, 1, 2, 0]);
    }
}
