use onnx::{Attribute, DataType};
use safetensors::Dtype;

use super::*;
use crate::error::BuildError;
use crate::weights::tests::{Written, f32s, safetensors};

const RANDOM: Weights = Weights::Random { seed: 0 };

fn net(weights: &Weights) -> Net<'_> {
    let mut net = Net::new("test", weights, &["bert."]);
    net.input("x", DataType::Float, &[Dim::from("batch"), Dim::Fixed(2)]);
    net
}

/// A linear layer of two inputs and three outputs, as torch stores it: a row for each output.
fn file(prefix: &str) -> Written {
    safetensors(&[
        (&format!("{prefix}dense.weight"), Dtype::F32, &[3, 2], f32s(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])),
        (&format!("{prefix}dense.bias"), Dtype::F32, &[3], f32s(&[0.0; 3])),
        (&format!("{prefix}LayerNorm.gamma"), Dtype::F32, &[3], f32s(&[7.0; 3])),
        (&format!("{prefix}LayerNorm.beta"), Dtype::F32, &[3], f32s(&[8.0; 3])),
        ("position_ids", Dtype::I64, &[1], vec![0; 8]),
    ])
}

fn contains(bytes: &[u8], values: &[f32]) -> bool {
    let wanted = f32s(values);
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

#[test]
fn trained_weights_are_found_under_prefix_and_old_name_and_turned_over() {
    for prefix in ["", "bert."] {
        let file = file(prefix);
        let weights = Weights::of_file(&file.path).expect("a file of weights");
        let mut net = net(&weights);
        let y = net.linear("x", "dense", 2, 3).expect("trained");
        net.layer_norm(&y, "LayerNorm", 3, 1e-12).expect("trained");
        let built = net.finish();
        assert!(contains(&built.onnx, &[1.0, 3.0, 5.0, 2.0, 4.0, 6.0]));
        assert!(contains(&built.onnx, &[7.0; 3]) && contains(&built.onnx, &[8.0; 3]));
        assert_eq!((built.parameters, built.unused), (15, vec!["position_ids".to_owned()]));
        assert_eq!(built.source, Source::File(file.path.clone()));
    }
}

#[test]
fn a_weight_that_is_missing_or_of_another_shape_is_named() {
    let file = file("bert.");
    let weights = Weights::of_file(&file.path).expect("a file of weights");
    let mut net = net(&weights);
    let missing = net.weight("classifier.weight", &[2, 3], Init::ZEROS).expect_err("not in the file");
    assert!(matches!(&missing, BuildError::MissingWeight { weight, .. } if weight == "classifier.weight"), "{missing}");
    let shape = net.weight("dense.bias", &[4], Init::ZEROS).expect_err("three").to_string();
    assert!(
        shape.starts_with("the weight `bert.dense.bias` of ") && shape.contains("[3]") && shape.contains("[4]"),
        "{shape}"
    );
    assert_eq!([net.is_trained("dense.bias"), net.is_trained("pooler.bias")], [Some(true), Some(false)]);
}

#[test]
fn a_weight_used_twice_is_stored_and_counted_once() {
    let mut net = net(&RANDOM);
    for _ in 0..2 {
        net.weight("tied", &[100, 100], Init::ONES).expect("random");
        net.batch_norm("x", "norm", 4, 1e-5).expect("random");
    }
    let built = net.finish();
    // The running mean and variance are not trained.
    assert_eq!(built.parameters, 10_000 + 4 + 4);
    assert!(built.onnx.len() < 2 * 40_000, "{}", built.onnx.len());
}

#[test]
fn equal_constants_share_a_name_and_unequal_ones_do_not() {
    let mut net = net(&RANDOM);
    let one = net.constant_f32(&[], &[1.0]);
    assert_eq!(net.constant_f32(&[], &[1.0]), one);
    assert_ne!(net.constant_f32(&[1], &[1.0]), one);
    assert_ne!(net.constant_f32(&[], &[2.0]), one);
    let whole = net.constant_i64(&[], &[0]);
    // The same bytes, but one is a list.
    assert_ne!(net.list(&[0]), whole);
}

#[test]
fn an_output_keeps_its_name_where_it_is_used_on() {
    let mut net = net(&RANDOM);
    let [left, right] = net.ops_with("Split", &["x"], &[("axis", Attribute::Int(1))]);
    let sum = net.op("Add", &[&left, &right]);
    net.output(&left, "first", DataType::Float, &[Dim::from("batch"), Dim::Fixed(1)]);
    net.output(&sum, "sum", DataType::Float, &[Dim::from("batch"), Dim::Fixed(1)]);
    let names: Vec<_> = net.nodes.iter().map(|node| (node.inputs.join(" "), node.outputs.join(" "))).collect();
    let expected = [("x", "first Split_0_1"), ("first Split_0_1", "sum")];
    assert_eq!(names, expected.map(|(inputs, outputs)| (inputs.to_owned(), outputs.to_owned())));
    assert_eq!(net.finish().parameters, 0);
}

#[test]
fn a_file_tells_where_its_weights_are_from() {
    let file = file("");
    let trained = Weights::of_file(&file.path).expect("a file of weights");
    for (weights, expected) in [(&RANDOM, "random, seed 0"), (&trained, "trained")] {
        let onnx = net(weights).finish().onnx;
        assert!(onnx.windows(expected.len()).any(|window| window == expected.as_bytes()), "{expected}");
    }
}
