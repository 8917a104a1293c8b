use super::*;

const STANDARD: Init = Init::Normal { std: 1.0 };

fn floats(seed: u64, name: &str, elements: usize, init: Init) -> Vec<f32> {
    let raw = draw(seed, name, elements, init);
    let (words, _) = raw.as_chunks::<4>();
    words.iter().map(|&word| f32::from_le_bytes(word)).collect()
}

/// Golden values from `zoo/golden/random_weights.py`: the first three draws and the 2000th, which is in the second block.
#[test]
fn draws_are_those_of_an_independent_implementation() {
    let golden = [
        (0, "embeddings.word_embeddings.weight", [0.079_313, -0.995_897, -1.008_398, -0.805_08]),
        (7, "stem.conv.weight", [-0.854_82, 1.119_585, 0.078_23, -1.562_059]),
    ];
    for (seed, name, expected) in golden {
        let drawn = floats(seed, name, 2000, STANDARD);
        let drawn = [drawn[0], drawn[1], drawn[2], drawn[1999]];
        assert!(drawn.iter().zip(expected).all(|(a, b): (&f32, f32)| (a - b).abs() < 2e-6), "{name}: {drawn:?}");
    }
}

#[test]
fn normal_draws_have_the_mean_and_deviation_asked_for() {
    let drawn = floats(1, "any", 100_000, Init::Normal { std: 0.02 });
    let mean = drawn.iter().map(|&x| f64::from(x)).sum::<f64>() / 1e5;
    let variance = drawn.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / 1e5;
    // Five standard errors of 100,000 draws.
    assert!(mean.abs() < 5.0 * 0.02 / 316.0, "{mean}");
    assert!((variance.sqrt() / 0.02 - 1.0).abs() < 0.01, "{variance}");
    assert!(drawn.iter().all(|x| x.abs() < 0.02 * 3.5));
}

#[test]
fn a_name_and_a_seed_have_a_stream_of_their_own() {
    let first = floats(0, "a", 8, STANDARD);
    assert_eq!(first, floats(0, "a", 8, STANDARD));
    assert_eq!(first[..3], floats(0, "a", 3, STANDARD));
    assert_ne!(first, floats(0, "b", 8, STANDARD));
    assert_ne!(first, floats(1, "a", 8, STANDARD));
}

#[test]
fn scales_follow_the_fan_in() {
    let std = |init| match init {
        Init::Normal { std } => std,
        Init::Constant(_) => panic!("not normal"),
    };
    // He et al. 2015: the square root of 2 / 8; LeCun et al. 1998: of 1 / 4.
    assert_eq!([std(Init::kaiming(8)), std(Init::lecun(4))].map(f32::to_bits), [0.5_f32; 2].map(f32::to_bits));
}
