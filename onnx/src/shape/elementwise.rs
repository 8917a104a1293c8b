//! Operators that do the same to each element, with broadcasting.

use super::axes::broadcast;
use super::number::{binary, held, unary};
use super::{Call, Length, Lengths, MOST_NUMBERS, Numbers, Value, elements};
use crate::element::ElementType;

/// How an operator that works element by element combines its inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Elementwise {
    /// One input; others (limits, a slope) are parameters.
    One,
    /// All inputs, broadcast to each other.
    Many,
}

/// Whether an operator works element by element.
pub(crate) fn elementwise(operator: &str) -> Option<Elementwise> {
    Some(match operator {
        "Abs" | "Acos" | "Acosh" | "Affine" | "Asin" | "Asinh" | "Atan" | "Atanh" | "BitwiseNot" | "Ceil" | "Celu"
        | "Clip" | "Cos" | "Cosh" | "Elu" | "Erf" | "Exp" | "Floor" | "HardSigmoid" | "HardSwish" | "IsInf"
        | "IsNaN" | "LeakyRelu" | "Log" | "Mish" | "Neg" | "Not" | "Reciprocal" | "Relu" | "Round" | "Selu"
        | "Shrink" | "Sigmoid" | "Sign" | "Sin" | "Sinh" | "Softplus" | "Softsign" | "Sqrt" | "Swish" | "Tan"
        | "Tanh" | "ThresholdedRelu" => Elementwise::One,
        "Add" | "And" | "BitShift" | "BitwiseAnd" | "BitwiseOr" | "BitwiseXor" | "Div" | "Equal" | "Greater"
        | "GreaterOrEqual" | "Less" | "LessOrEqual" | "Max" | "Mean" | "Min" | "Mod" | "Mul" | "Or" | "PRelu"
        | "Pow" | "Sub" | "Sum" | "Where" | "Xor" => Elementwise::Many,
        _ => return None,
    })
}

pub(super) fn infer(call: &Call, kind: Elementwise) -> Option<Vec<Value>> {
    match kind {
        Elementwise::One => one(call),
        Elementwise::Many if call.operator == "Where" => choice(call),
        Elementwise::Many => many(call),
    }
}

fn element(call: &Call) -> ElementType {
    match call.operator.as_str() {
        "And" | "Equal" | "Greater" | "GreaterOrEqual" | "IsInf" | "IsNaN" | "Less" | "LessOrEqual" | "Not" | "Or"
        | "Xor" => ElementType::BOOL,
        _ => call.element(0),
    }
}

fn one(call: &Call) -> Option<Vec<Value>> {
    let element = element(call);
    let numbers = unary(&call.operator)
        .zip(call.numbers(0))
        .map(|(function, numbers)| numbers.iter().map(|&number| held(element, function(number?))).collect::<Numbers>());
    Some(vec![Value::of(element, call.dims(0)?.to_vec()).with_numbers(numbers)])
}

/// Before version 7, the second input was stretched to the first one by attributes; `PRelu` still is by its slope.
fn stretches_second(call: &Call) -> bool {
    call.operator == "PRelu" || call.opset < 7 && !matches!(call.operator.as_str(), "Max" | "Mean" | "Min" | "Sum")
}

fn many(call: &Call) -> Option<Vec<Value>> {
    let element = element(call);
    if stretches_second(call) {
        return Some(vec![Value::of(element, call.dims(0)?.to_vec())]);
    }
    let mut dims = call.dims(0)?.to_vec();
    for input in 1..call.inputs.len() {
        dims = broadcast(&dims, call.dims(input)?)?;
    }
    let numbers = fold(call, element, &dims);
    Some(vec![Value::of(element, dims).with_numbers(numbers)])
}

fn fold(call: &Call, element: ElementType, dims: &[Length]) -> Option<Numbers> {
    let function = binary(&call.operator)?;
    if call.inputs.len() < 2 {
        return None;
    }
    let mut result = stretched(call, 0, dims)?;
    for input in 1..call.inputs.len() {
        let other = stretched(call, input, dims)?;
        let pair = |(a, b): (&Option<f64>, &Option<f64>)| held(element, function((*a)?, (*b)?));
        result = result.iter().zip(other.iter()).map(pair).collect();
    }
    Some(result)
}

fn choice(call: &Call) -> Option<Vec<Value>> {
    let dims = broadcast(&broadcast(call.dims(0)?, call.dims(1)?)?, call.dims(2)?)?;
    let numbers = || {
        let [condition, yes, no] = [0, 1, 2].map(|input| stretched(call, input, &dims));
        let (condition, yes, no) = (condition?, yes?, no?);
        let choose = |at: usize| if condition[at]? == 0.0 { no[at] } else { yes[at] };
        Some((0..condition.len()).map(choose).collect::<Numbers>())
    };
    let numbers = numbers();
    Some(vec![Value::of(call.element(1), dims).with_numbers(numbers)])
}

/// An input's numbers, repeated to a shape that it broadcasts to.
pub(super) fn stretched(call: &Call, input: usize, dims: &[Length]) -> Option<Numbers> {
    let numbers = call.numbers(input)?;
    let from = call.dims(input)?;
    if from == dims {
        return Some(numbers.clone());
    }
    let count = elements(dims).filter(|count| *count <= MOST_NUMBERS)?;
    if numbers.len() == 1 {
        return Some((0..count).map(|_| numbers[0]).collect());
    }
    let from: Lengths =
        std::iter::repeat_n(Some(1), dims.len().checked_sub(from.len())?).chain(from.iter().copied()).collect();
    (0..count).map(|at| numbers.get(source(at, &from, dims)?).copied()).collect()
}

/// Where the element at a place of the larger shape comes from in the smaller.
fn source(mut at: u64, from: &[Length], to: &[Length]) -> Option<usize> {
    let (mut source, mut stride) = (0_u64, 1_u64);
    for (&from, &to) in from.iter().zip(to).rev() {
        let (from, to) = (from?, to?);
        let index = at.checked_rem(to)?;
        at = at.checked_div(to)?;
        source += if from == 1 { 0 } else { index * stride };
        stride = stride.checked_mul(from)?;
    }
    usize::try_from(source).ok()
}
