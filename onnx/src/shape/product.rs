//! Products of matrices and tensors.

use std::collections::BTreeMap;

use super::axes::broadcast;
use super::{Call, Length, Lengths, MOST_AXES, Value};
use crate::element::ElementType;

/// numpy's `matmul` of the inputs at two positions.
pub(super) fn matmul(call: &Call, positions: (usize, usize), element: ElementType) -> Option<Vec<Value>> {
    let (a, b) = (transposed(call, positions.0, "A")?, transposed(call, positions.1, "B")?);
    Some(vec![Value::of(element, product_dims(&a, &b)?)])
}

/// `FusedMatMul` may take its inputs with axes exchanged; an attribute says so, which `MatMul` never has.
fn transposed(call: &Call, input: usize, name: &str) -> Option<Lengths> {
    let mut dims = call.dims(input)?.to_vec();
    let rank = dims.len();
    if !call.operator.starts_with("com.microsoft.") || rank < 2 {
        return Some(dims);
    }
    if call.flag(&format!("transBatch{name}")) {
        dims[..rank - 1].rotate_left(1);
    }
    if call.flag(&format!("trans{name}")) {
        dims.swap(rank - 2, rank - 1);
    }
    Some(dims)
}

fn product_dims(a: &[Length], b: &[Length]) -> Option<Lengths> {
    match (a, b) {
        ([], _) | (_, []) => None,
        ([_], [_]) => Some(Vec::new()),
        ([_], [batch @ .., _, columns]) => Some([batch, &[*columns]].concat()),
        ([dims @ .., _], [_]) => Some(dims.to_vec()),
        ([batch_a @ .., rows, _], [batch_b @ .., _, columns]) => {
            Some([broadcast(batch_a, batch_b)?, vec![*rows, *columns]].concat())
        }
    }
}

/// How many products are summed for one element of the result.
pub(crate) fn matmul_depth(call: &Call, a: usize) -> Length {
    *transposed(call, a, "A")?.last()?
}

/// `Gemm` and its relatives; `b` is the position of the second matrix.
pub(super) fn gemm(call: &Call, b: usize, element: ElementType) -> Option<Vec<Value>> {
    let ([m, k], [k2, n]) = (call.dims_of(0)?, call.dims_of(b)?);
    let rows = if call.flag("transA") { k } else { m };
    let columns = if call.flag("transB") { k2 } else { n };
    Some(vec![Value::of(element, vec![rows, columns])])
}

pub(crate) fn gemm_depth(call: &Call) -> Length {
    let [m, k] = call.dims_of(0)?;
    if call.flag("transA") { m } else { k }
}

pub(super) fn einsum(call: &Call) -> Option<Vec<Value>> {
    let (output, lengths) = einsum_terms(call)?;
    Some(call.one(output.iter().map(|label| lengths.get(label).copied().flatten()).collect()))
}

/// Lengths of all axes that an Einsum runs over.
pub(crate) fn einsum_lengths(call: &Call) -> Option<Lengths> {
    einsum_terms(call).map(|(_, lengths)| lengths.into_values().collect())
}

/// The result's labels, and the length of each label. An ellipsis is none that exporters write, and not understood.
fn einsum_terms(call: &Call) -> Option<(Vec<char>, BTreeMap<char, Length>)> {
    let equation: String = call.text("equation")?.chars().filter(|character| !character.is_whitespace()).collect();
    let (inputs, output) = match equation.split_once("->") {
        Some((inputs, output)) => (inputs.to_owned(), Some(output.to_owned())),
        None => (equation, None),
    };
    let mut lengths: BTreeMap<char, Length> = BTreeMap::new();
    let mut times: BTreeMap<char, usize> = BTreeMap::new();
    let terms: Vec<&str> = inputs.split(',').collect();
    (terms.len() == call.inputs.len()).then_some(())?;
    for (input, term) in terms.iter().enumerate() {
        let dims = call.dims(input)?;
        (term.chars().all(char::is_alphabetic) && term.chars().count() == dims.len()).then_some(())?;
        for (label, &length) in term.chars().zip(dims) {
            *times.entry(label).or_default() += 1;
            let known = lengths.entry(label).or_default();
            // An axis of length one is stretched to the others of its label.
            *known = if *known == Some(1) { length } else { known.or(length) };
        }
    }
    let once = || times.iter().filter(|(_, times)| **times == 1).map(|(label, _)| *label).collect();
    let output: Vec<char> = output.map_or_else(once, |output| output.chars().collect());
    let fits = output.len() <= MOST_AXES && output.iter().all(|label| lengths.contains_key(label));
    fits.then_some((output, lengths))
}
