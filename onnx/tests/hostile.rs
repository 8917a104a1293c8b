//! Files that mean harm, or that were damaged: time and memory stay bounded, and nothing panics.

#[path = "../examples/fuzz/check.rs"]
mod check;
#[path = "../examples/fuzz/degenerate.rs"]
mod degenerate;
#[path = "../examples/fuzz/memory.rs"]
mod memory;
#[path = "../examples/fuzz/mutate.rs"]
mod mutate;

use degenerate::{field, model};
use furlong_onnx::{InspectError, Lengths};
use proptest::prelude::{ProptestConfig, any, proptest};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

/// Of the whole process, and so of all tests here together; the example `fuzz` holds a mebibyte of each to the same.
const MOST_MEMORY_MIB: u64 = 512;

#[test]
fn files_of_the_smallest_parts_take_bounded_memory() {
    for (what, model) in degenerate::degenerate(1 << 18) {
        check::check(&model, 1);
        let peak = memory::peak_memory_mib();
        assert!(peak.is_none_or(|peak| peak < MOST_MEMORY_MIB), "{what}: {peak:?} MiB");
    }
}

#[test]
fn more_parts_than_any_model_has_are_refused() {
    let bytes = model(&field(1, &field(5, &[]).repeat(1 << 21)));
    let error = furlong_onnx::inspect(&bytes).expect_err("two million attributes");
    assert!(matches!(error, InspectError::Excessive) && error.to_string().contains("\nhint: "), "{error}");
}

#[test]
fn an_operator_with_absurdly_many_outputs_is_left_out() {
    let split = [field(1, b"w"), field(4, b"Split"), field(2, b"o").repeat(5000)].concat();
    let weight = field(5, &[&[0x08, 1].repeat(32)[..], &[0x10, 1], &field(8, b"w")].concat());
    let cost = furlong_onnx::cost(&model(&[weight, field(1, &split)].concat()), &Lengths::default()).expect("a model");
    assert_eq!((cost.nodes, cost.covered()), (1, 0));
}

#[test]
fn bodies_within_bodies_end() {
    for (depth, is_model) in [(20, true), (200, false), (20_000, false)] {
        let mut graph = field(1, &field(4, b"Relu"));
        for _ in 0..depth {
            let attribute = [field(1, b"then_branch"), field(6, &graph)].concat();
            graph = field(1, &[field(4, b"If"), field(5, &attribute)].concat());
        }
        assert_eq!(check::check(&model(&graph), 1), is_model, "{depth}");
    }
}

/// Each function calls the next one ten times: 10^12 operators in half a kibibyte.
#[test]
fn functions_that_multiply_are_not_followed_forever() {
    let call = |name: &str| [field(4, name.as_bytes()), field(7, b"own")].concat();
    let graph = field(1, &call("f0"));
    let functions: Vec<u8> = (0..12)
        .flat_map(|at| {
            let body = field(7, &call(&format!("f{}", at + 1))).repeat(10);
            let function = [field(1, format!("f{at}").as_bytes()), field(10, b"own"), body].concat();
            // Field 25 has a key of two bytes.
            let field = field(1, &function);
            [&[0xca, 0x01], &field[1..]].concat()
        })
        .collect();
    let bytes = [model(&graph), functions].concat();
    let cost = furlong_onnx::cost(&bytes, &Lengths::default()).expect("a model");
    assert!(cost.nodes < 1_000_000 && cost.covered() == 0, "{} operators", cost.nodes);
}

#[test]
fn a_function_that_calls_itself_ends() {
    let call = [field(4, b"f"), field(7, b"own")].concat();
    let function = [field(1, b"f"), field(10, b"own"), field(7, &call)].concat();
    let function = [&[0xca, 0x01], &field(1, &function)[1..]].concat();
    let cost = furlong_onnx::cost(&[model(&field(1, &call)), function].concat(), &Lengths::default()).expect("a model");
    assert_eq!((cost.nodes, cost.covered()), (1, 0));
}

#[test]
fn damaged_models_never_panic() {
    const SEED: u64 = 20_261_124;
    let (seeds, mut random) = (mutate::seeds(), ChaCha8Rng::seed_from_u64(SEED));
    let models = (0..2000).filter(|_| check::check(&mutate::mutated(&seeds, &mut random), 3)).count();
    // Enough of them must still be models, or only the decoder would be tested.
    assert!(models > 500, "{models} of 2000, seed {SEED}");
    let peak = memory::peak_memory_mib();
    assert!(peak.is_none_or(|peak| peak < MOST_MEMORY_MIB), "{peak:?} MiB");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        check::check(&bytes, 2);
    }

    #[test]
    fn every_length_gives_at_least_two_operations_a_mac(seed in any::<u64>(), length in any::<u64>()) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        check::check(&mutate::mutated(&mutate::seeds(), &mut random), length);
    }
}
