//! Operators that slide a window over the axes behind batch and channel.

use super::{Call, Length, Lengths, MOST_AXES, Value};
use crate::element::ElementType;

/// A window's attributes, one entry an axis.
struct Window<'g> {
    kernel: Lengths,
    strides: Option<&'g [i64]>,
    dilations: Option<&'g [i64]>,
    pads: Option<&'g [i64]>,
    padding: Padding,
    rounds_up: bool,
}

#[derive(PartialEq)]
enum Padding {
    Explicit,
    /// As much as makes the output as long as the input, divided by the stride.
    Same,
    None,
}

impl<'g> Window<'g> {
    fn of(call: &Call<'g, '_>, kernel: Lengths) -> Option<Self> {
        let axes = kernel.len();
        let fits = |ints: Option<&[i64]>, count: usize| ints.is_none_or(|ints| ints.len() == count);
        let (strides, dilations, pads) = (call.ints("strides"), call.ints("dilations"), call.ints("pads"));
        let padding = match call.text("auto_pad") {
            Some("SAME_UPPER" | "SAME_LOWER") => Padding::Same,
            Some("VALID") => Padding::None,
            _ => Padding::Explicit,
        };
        let fits = fits(strides, axes) && fits(dilations, axes) && fits(pads, 2 * axes) && axes <= MOST_AXES;
        fits.then_some(Self { kernel, strides, dilations, pads, padding, rounds_up: call.flag("ceil_mode") })
    }

    fn stride(&self, axis: usize) -> Option<u64> {
        u64::try_from(self.strides.map_or(1, |strides| strides[axis])).ok().filter(|stride| *stride > 0)
    }

    /// How far the window reaches along an axis, dilation included.
    fn reach(&self, axis: usize) -> Option<u64> {
        let dilation = u64::try_from(self.dilations.map_or(1, |dilations| dilations[axis])).ok()?;
        self.kernel[axis]?.checked_sub(1)?.checked_mul(dilation)?.checked_add(1)
    }

    /// Padding at the beginning and at the end of an axis.
    fn pads(&self, axis: usize) -> Option<(u64, u64)> {
        let Some(pads) = self.pads.filter(|_| self.padding == Padding::Explicit) else { return Some((0, 0)) };
        Some((u64::try_from(pads[axis]).ok()?, u64::try_from(pads[axis + self.kernel.len()]).ok()?))
    }

    fn output(&self, axis: usize, input: Length) -> Length {
        let (input, stride) = (input?, self.stride(axis)?);
        if self.padding == Padding::Same {
            return Some(input.div_ceil(stride));
        }
        let (before, after) = self.pads(axis)?;
        let room = input.checked_add(before)?.checked_add(after)?.checked_sub(self.reach(axis)?)?;
        if !self.rounds_up {
            return Some(room / stride + 1);
        }
        let count = room.div_ceil(stride) + 1;
        // The last window must begin within the input or the padding before it.
        let starts_outside = (count - 1).checked_mul(stride)? >= input.checked_add(before)?;
        Some(count - u64::from(starts_outside && count > 1))
    }
}

/// Convolution: `weight` is the position of the weights among the inputs, which are [out, in / groups, kernel..].
pub(super) fn conv(call: &Call, weight: usize, element: ElementType) -> Option<Vec<Value>> {
    let [batch, _, spatial @ ..] = call.dims(0)? else { return None };
    let [channels, _, kernel @ ..] = call.dims(weight)? else { return None };
    (kernel.len() == spatial.len()).then_some(())?;
    let window = Window::of(call, kernel.to_vec())?;
    let lengths = spatial.iter().enumerate().map(|(axis, &length)| window.output(axis, length));
    Some(vec![Value::of(element, [*batch, *channels].into_iter().chain(lengths).collect())])
}

/// Transposed convolution: weights are [in, out / groups, kernel..].
pub(super) fn conv_transpose(call: &Call) -> Option<Vec<Value>> {
    let [batch, _, spatial @ ..] = call.dims(0)? else { return None };
    let [_, channels, kernel @ ..] = call.dims(1)? else { return None };
    (kernel.len() == spatial.len()).then_some(())?;
    let groups = u64::try_from(call.int("group").unwrap_or(1)).ok()?;
    let window = Window::of(call, kernel.to_vec())?;
    let (given, more) = (call.ints("output_shape"), call.ints("output_padding"));
    let given = given
        .map(|given| given.get(given.len().checked_sub(spatial.len())?..))
        .map_or(Some(None), |given| given.map(Some))?;
    let length = |axis: usize| {
        if let Some(given) = given {
            return u64::try_from(given[axis]).ok();
        }
        let (input, stride) = (spatial[axis]?, window.stride(axis)?);
        if window.padding == Padding::Same {
            return input.checked_mul(stride);
        }
        let (before, after) = window.pads(axis)?;
        let more = u64::try_from(more.map_or(Some(0), |more| more.get(axis).copied())?).ok()?;
        let full = stride.checked_mul(input.checked_sub(1)?)?.checked_add(more)?.checked_add(window.reach(axis)?)?;
        full.checked_sub(before)?.checked_sub(after)
    };
    let channels = channels.and_then(|channels| channels.checked_mul(groups));
    let dims = [*batch, channels].into_iter().chain((0..spatial.len()).map(length)).collect();
    Some(call.one(dims))
}

/// Pooling; `MaxPool` may tell the places of its maxima in a second output.
pub(super) fn pool(call: &Call) -> Option<Vec<Value>> {
    let [batch, channels, spatial @ ..] = call.dims(0)? else { return None };
    let kernel: Lengths = call.ints("kernel_shape")?.iter().map(|&length| u64::try_from(length).ok()).collect();
    (kernel.len() == spatial.len()).then_some(())?;
    let window = Window::of(call, kernel)?;
    let lengths = spatial.iter().enumerate().map(|(axis, &length)| window.output(axis, length));
    let dims: Lengths = [*batch, *channels].into_iter().chain(lengths).collect();
    Some(vec![Value::of(call.element(0), dims.clone()), Value::of(ElementType::INT64, dims)])
}

pub(super) fn global_pool(call: &Call) -> Option<Vec<Value>> {
    let [batch, channels, spatial @ ..] = call.dims(0)? else { return None };
    Some(call.one([*batch, *channels].into_iter().chain(spatial.iter().map(|_| Some(1))).collect()))
}
