//! Attention of many heads, masked, and the activation that goes with it.

use onnx::{Attribute, DataType};

use super::MASK;
use crate::net::Net;

/// What is added to the scores of padding. BERT's own choice: unlike the lowest float, it survives a conversion to 16 bits.
pub(super) const MASKED: f32 = -10_000.0;

/// What is added to all scores: 0 for tokens, `masked` for padding, as \[batch, 1, 1, sequence\].
pub(super) fn additive_mask(net: &mut Net<'_>, masked: f32) -> String {
    let (axes, one, masked) = (net.list(&[1, 2]), net.constant_f32(&[], &[1.0]), net.constant_f32(&[], &[masked]));
    let wide = net.op("Unsqueeze", &[MASK.name, &axes]);
    let float = net.op_with("Cast", &[&wide], &[("to", Attribute::Int(DataType::Float as i64))]);
    let padding = net.op("Sub", &[&one, &float]);
    net.op("Mul", &[&padding, &masked])
}

/// Softmax of the scaled products of queries and keys, over values; all \[batch, sequence, width\].
pub(super) fn attend(
    net: &mut Net<'_>,
    [query, key, value]: [&str; 3],
    mask: &str,
    width: usize,
    heads: usize,
) -> String {
    let head = width / heads;
    // The first two lengths are kept as they are.
    let (by_head, merged) = (net.list(&[0, 0, axis(heads), axis(head)]), net.list(&[0, 0, axis(width)]));
    let mut split = |x: &str, order: [i64; 4]| {
        let parted = net.op("Reshape", &[x, &by_head]);
        transpose(net, &parted, order)
    };
    let query = split(query, [0, 2, 1, 3]);
    let key = split(key, [0, 2, 3, 1]);
    let value = split(value, [0, 2, 1, 3]);
    let products = net.op("MatMul", &[&query, &key]);
    let scale = net.constant_f32(&[], &[square_root(head)]);
    let scaled = net.op("Div", &[&products, &scale]);
    let scores = net.op("Add", &[&scaled, mask]);
    let shares = net.op_with("Softmax", &[&scores], &[("axis", Attribute::Int(-1))]);
    let context = net.op("MatMul", &[&shares, &value]);
    let context = transpose(net, &context, [0, 2, 1, 3]);
    net.op("Reshape", &[&context, &merged])
}

/// Exact, through the error function, written such that runtimes recognise it and fuse it.
pub(super) fn gelu(net: &mut Net<'_>, x: &str) -> String {
    let (root, one, half) = (
        net.constant_f32(&[], &[std::f32::consts::SQRT_2]),
        net.constant_f32(&[], &[1.0]),
        net.constant_f32(&[], &[0.5]),
    );
    let scaled = net.op("Div", &[x, &root]);
    let error = net.op("Erf", &[&scaled]);
    let gate = net.op("Add", &[&error, &one]);
    let gated = net.op("Mul", &[x, &gate]);
    net.op("Mul", &[&gated, &half])
}

fn transpose(net: &mut Net<'_>, x: &str, order: [i64; 4]) -> String {
    net.op_with("Transpose", &[x], &[("perm", Attribute::Ints(order.to_vec()))])
}

fn axis(length: usize) -> i64 {
    i64::try_from(length).expect("widths are short")
}

fn square_root(length: usize) -> f32 {
    f32::from(u16::try_from(length).expect("heads are narrow")).sqrt()
}
