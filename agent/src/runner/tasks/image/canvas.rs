//! Where an image lies in the model's input: sizes and offsets as torchvision computes them. Touches pixels only to put them
//! in place.

use domain::Resize;

use super::CHANNELS;
use super::pixels::{Pixels, bytes_within_limit};

/// The size of the input, the size that the image is resized to, and where its upper left corner then lies: outside of the
/// input where something is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Canvas {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) resized: (u32, u32),
    pub(super) offset: (i32, i32),
    /// Of what the image does not cover.
    pub(super) fill: [u8; CHANNELS],
}

impl Canvas {
    /// An error if the image would become too large to be held.
    pub(super) fn of(image: &Pixels, resize: Resize, crop: Option<u32>) -> Result<Self, String> {
        let (width, height) = (image.width, image.height);
        let black = [0; CHANNELS];
        let whole =
            |resized: (u32, u32)| Self { width: resized.0, height: resized.1, resized, offset: (0, 0), fill: black };
        let canvas = match resize {
            Resize::None => whole((width, height)),
            Resize::Stretch { width, height } => whole((width, height)),
            Resize::ShortSide(side) => whole(by_short_side(width, height, side)),
            Resize::Letterbox { width: wide, height: high, fill } => {
                let resized = within(width, height, wide, high);
                let offset = (middle(wide, resized.0), middle(high, resized.1));
                Self { width: wide, height: high, resized, offset, fill }
            }
        };
        // Between its two passes, a resized image has its new width and its old height.
        for (width, height) in [canvas.resized, (canvas.resized.0, height), (canvas.width, canvas.height)] {
            if bytes_within_limit(width, height).is_none() {
                let (from, to) = (format!("{}x{}", image.width, image.height), format!("{width}x{height}"));
                return Err(format!("resizing it from {from} takes an image of {to}, which is more than is held"));
            }
        }
        Ok(match crop {
            Some(side) => Self {
                width: side,
                height: side,
                offset: (canvas.offset.0 - cut_off(canvas.width, side), canvas.offset.1 - cut_off(canvas.height, side)),
                ..canvas
            },
            None => canvas,
        })
    }

    /// The input's pixels, of an image that has been resized.
    pub(super) fn draw(self, resized: &Pixels) -> Pixels {
        let Self { width, height, resized: _, offset: (left, top), fill } = self;
        let mut drawn = Pixels::filled(width, height, fill);
        let Some((from_x, to_x, wide)) = overlap(resized.width, width, left) else { return drawn };
        let Some((from_y, to_y, high)) = overlap(resized.height, height, top) else { return drawn };
        let stride = drawn.stride();
        for y in 0..high {
            let from = &resized.row(from_y + y)[from_x * CHANNELS..][..wide * CHANNELS];
            drawn.rgb[(to_y + y) * stride + to_x * CHANNELS..][..wide * CHANNELS].copy_from_slice(from);
        }
        drawn
    }
}

/// As `torchvision.transforms.Resize(side)` does: the long side is rounded down.
fn by_short_side(width: u32, height: u32, side: u32) -> (u32, u32) {
    let long = |long: u32, short: u32| {
        let length = u64::from(side) * u64::from(long) / u64::from(short.max(1));
        u32::try_from(length).unwrap_or(u32::MAX)
    };
    if width <= height { (side, long(height, width)) } else { (long(width, height), side) }
}

/// The largest size in proportion that fits, its other side rounded to the nearest pixel.
fn within(width: u32, height: u32, wide: u32, high: u32) -> (u32, u32) {
    let (w, h, wide_64, high_64) = (u64::from(width), u64::from(height), u64::from(wide), u64::from(high));
    let scaled = |length: u64, to: u64, from: u64, most: u32| {
        let length = (2 * length * to + from) / (2 * from).max(1);
        u32::try_from(length).unwrap_or(most).clamp(1, most)
    };
    if w * high_64 >= h * wide_64 { (wide, scaled(h, wide_64, w, high)) } else { (scaled(w, high_64, h, wide), high) }
}

/// Space before an image in the middle; of an odd pixel, the lesser half.
fn middle(space: u32, length: u32) -> i32 {
    i32::try_from(space.saturating_sub(length) / 2).unwrap_or(i32::MAX)
}

/// What `torchvision.transforms.CenterCrop` cuts off in front: half, rounded to an even number of pixels if it is between
/// two. Less than nothing where the image is smaller, which it puts in the middle of black.
fn cut_off(length: u32, side: u32) -> i32 {
    if side > length {
        return -middle(side, length);
    }
    let (half, rest) = ((length - side) / 2, (length - side) % 2);
    i32::try_from(half + rest * (half % 2)).unwrap_or(i32::MAX)
}

/// From where, to where and how many pixels of a line of `length`, which begins at `offset` of one of `space`.
fn overlap(length: u32, space: u32, offset: i32) -> Option<(usize, usize, usize)> {
    let begin = i64::from(offset).max(0);
    let end = (i64::from(offset) + i64::from(length)).min(i64::from(space));
    let count = usize::try_from(end - begin).ok().filter(|&count| count > 0)?;
    Some((usize::try_from(begin - i64::from(offset)).ok()?, usize::try_from(begin).ok()?, count))
}
