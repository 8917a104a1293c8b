//! Attention among all tokens of an image: nothing is masked.

use onnx::Attribute;

use super::blocks::transpose;
use crate::net::Net;

/// Softmax of the scaled products of queries and keys, over values. All are \[batch, heads, tokens, width\], the first two
/// of width `key`; so is what comes back. `bias` is added to the products.
pub(super) fn attend(net: &mut Net<'_>, [query, keys, values]: [&str; 3], key: usize, bias: Option<&str>) -> String {
    let width = f32::from(u16::try_from(key).expect("heads are narrow"));
    let scale = net.constant_f32(&[], &[1.0 / width.sqrt()]);
    // The queries and not the products: there are fewer of them.
    let query = net.op("Mul", &[query, &scale]);
    let keys = transpose(net, keys, &[0, 1, 3, 2]);
    let mut scores = net.op("MatMul", &[&query, &keys]);
    if let Some(bias) = bias {
        scores = net.op("Add", &[&scores, bias]);
    }
    let shares = net.op_with("Softmax", &[&scores], &[("axis", Attribute::Int(-1))]);
    net.op("MatMul", &[&shares, values])
}
