//! From levels of colours to elements of a tensor: a table with the element of every level, for each channel.
//!
//! Inputs of whole numbers take the levels as they are; `int8` takes level - 128, which is what a model of such an input
//! expects of a photo. With `mean` and `std` they take `(level - mean) / std` only where that is a whole number of the type
//! for all levels: rounding it would hide a card that was written for inputs of floats.

use domain::{Colours, Layout};

use super::super::super::input::Element;
use super::super::number;
use super::pixels::Pixels;
use super::{CHANNELS, UnfitInput};

/// Levels of a colour.
const LEVELS: usize = 256;

/// Elements of `SIZE` bytes: of each channel of the tensor, for each level.
type Table<const SIZE: usize> = [Vec<[u8; SIZE]>; CHANNELS];

#[derive(Debug)]
pub(super) struct Levels {
    /// The channel of an image, 0 to 2 for red, green and blue, for each one of the tensor.
    order: [usize; CHANNELS],
    elements: Elements,
}

#[derive(Debug)]
enum Elements {
    One(Table<1>),
    Two(Table<2>),
    Four(Table<4>),
    Eight(Table<8>),
}

impl Levels {
    /// `mean` and `std` are in the order of `colours`. An error names a level that the type does not have.
    pub(super) fn new(
        element: Element,
        colours: Colours,
        mean: [f64; CHANNELS],
        std: [f64; CHANNELS],
    ) -> Result<Self, UnfitInput> {
        let each =
            |values: [f64; CHANNELS], wanted: f64| values.iter().all(|value| value.to_bits() == wanted.to_bits());
        let as_they_are = each(mean, 0.0) && each(std, 1.0);
        let mean = if as_they_are && element == Element::Int8 { [128.0; CHANNELS] } else { mean };
        let mut bytes = Vec::with_capacity(CHANNELS * LEVELS * element.size_bytes());
        for (channel, (mean, std)) in mean.into_iter().zip(std).enumerate() {
            for level in 0..=u8::MAX {
                let value = (f64::from(level) - mean) / std;
                let unfit = |_| UnfitInput::Level { level, channel, value, element };
                number::push(element, value, &mut bytes).map_err(unfit)?;
            }
        }
        let elements = match element.size_bytes() {
            1 => Elements::One(table(&bytes)),
            2 => Elements::Two(table(&bytes)),
            4 => Elements::Four(table(&bytes)),
            _ => Elements::Eight(table(&bytes)),
        };
        let order = match colours {
            Colours::Rgb => [0, 1, 2],
            Colours::Bgr => [2, 1, 0],
        };
        Ok(Self { order, elements })
    }

    /// The bytes of a tensor of one image.
    pub(super) fn lay_out(&self, image: &Pixels, layout: Layout) -> Vec<u8> {
        match &self.elements {
            Elements::One(table) => lay_out(table, self.order, image, layout),
            Elements::Two(table) => lay_out(table, self.order, image, layout),
            Elements::Four(table) => lay_out(table, self.order, image, layout),
            Elements::Eight(table) => lay_out(table, self.order, image, layout),
        }
    }
}

fn table<const SIZE: usize>(bytes: &[u8]) -> Table<SIZE> {
    let (elements, _) = bytes.as_chunks::<SIZE>();
    std::array::from_fn(|channel| elements[channel * LEVELS..][..LEVELS].to_vec())
}

fn lay_out<const SIZE: usize>(
    table: &Table<SIZE>,
    order: [usize; CHANNELS],
    image: &Pixels,
    layout: Layout,
) -> Vec<u8> {
    let (pixels, _) = image.rgb.as_chunks::<CHANNELS>();
    let mut bytes = Vec::with_capacity(image.rgb.len() * SIZE);
    match layout {
        Layout::Nchw => {
            for (elements, channel) in table.iter().zip(order) {
                for pixel in pixels {
                    bytes.extend_from_slice(&elements[usize::from(pixel[channel])]);
                }
            }
        }
        Layout::Nhwc => {
            for pixel in pixels {
                for (elements, channel) in table.iter().zip(order) {
                    bytes.extend_from_slice(&elements[usize::from(pixel[channel])]);
                }
            }
        }
    }
    bytes
}
