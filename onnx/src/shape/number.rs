//! Arithmetic on the short lists of numbers that shapes are made of, as the operators define it.
//!
//! Numbers are held as f64, which has every length exactly; single precision is rounded to after each step.

use crate::element::ElementType;
pub(super) use crate::format::read::approximately;

/// The whole number that this is, cut off where it is none; nothing for NaN.
#[expect(clippy::cast_possible_truncation, reason = "what is out of range becomes the nearest number in range")]
pub(super) fn whole(number: f64) -> Option<i64> {
    (!number.is_nan()).then_some(number as i64)
}

pub(crate) fn length(number: f64) -> Option<u64> {
    u64::try_from(whole(number)?).ok()
}

pub(super) fn of_length(length: u64) -> f64 {
    approximately(i64::try_from(length).unwrap_or(i64::MAX))
}

/// What an element of this type holds of the number; nothing if no such element can.
#[expect(clippy::cast_possible_truncation, reason = "rounding to single precision is what is wanted")]
pub(super) fn held(element: ElementType, number: f64) -> Option<f64> {
    match element {
        ElementType::FLOAT32 => Some(f64::from(number as f32)),
        ElementType::BOOL => Some(truth(number != 0.0)),
        _ if element.is_whole() => number.is_finite().then(|| number.trunc()),
        _ => Some(number),
    }
}

pub(super) const fn truth(holds: bool) -> f64 {
    if holds { 1.0 } else { 0.0 }
}

/// The function of an operator on one number.
pub(super) fn unary(operator: &str) -> Option<fn(f64) -> f64> {
    Some(match operator {
        "Abs" => f64::abs,
        "Ceil" => f64::ceil,
        "Floor" => f64::floor,
        "Neg" => |a: f64| -a,
        "Not" => |a: f64| truth(a == 0.0),
        "Relu" => |a: f64| a.max(0.0),
        "Round" => f64::round_ties_even,
        "Sqrt" => f64::sqrt,
        _ => return None,
    })
}

/// The function of an operator on two numbers.
#[expect(clippy::float_cmp, reason = "the operator compares for equality")]
pub(super) fn binary(operator: &str) -> Option<fn(f64, f64) -> f64> {
    Some(match operator {
        "Add" | "Sum" => |a: f64, b: f64| a + b,
        "Sub" => |a: f64, b: f64| a - b,
        "Mul" => |a: f64, b: f64| a * b,
        "Div" => |a: f64, b: f64| a / b,
        // The result has the divisor's sign, but for `fmod`, which no shape needs.
        "Mod" => |a: f64, b: f64| a - (a / b).floor() * b,
        "Min" => f64::min,
        "Max" => f64::max,
        "Pow" => f64::powf,
        "Equal" => |a: f64, b: f64| truth(a == b),
        "Greater" => |a: f64, b: f64| truth(a > b),
        "GreaterOrEqual" => |a: f64, b: f64| truth(a >= b),
        "Less" => |a: f64, b: f64| truth(a < b),
        "LessOrEqual" => |a: f64, b: f64| truth(a <= b),
        "And" => |a: f64, b: f64| truth(a != 0.0 && b != 0.0),
        "Or" => |a: f64, b: f64| truth(a != 0.0 || b != 0.0),
        "Xor" => |a: f64, b: f64| truth((a != 0.0) != (b != 0.0)),
        _ => return None,
    })
}
