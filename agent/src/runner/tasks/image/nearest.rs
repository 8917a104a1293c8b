//! Nearest neighbours as PIL chooses them. Interpolates nothing.

use super::CHANNELS;
use super::pixels::Pixels;

/// Of an image, the size of which changes.
pub(super) fn resize(image: &Pixels, width: u32, height: u32) -> Pixels {
    let columns = nearest(image.width, width);
    let mut rgb = Vec::with_capacity(width as usize * height as usize * CHANNELS);
    for y in nearest(image.height, height) {
        let (pixels, _) = image.row(y).as_chunks::<CHANNELS>();
        rgb.extend(columns.iter().flat_map(|&x| pixels[x]));
    }
    Pixels { width, height, rgb }
}

/// For each place of a line the one it comes from.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "places are not negative, and below the line's length"
)]
fn nearest(from: u32, to: u32) -> Vec<usize> {
    let step = f64::from(from) / f64::from(to);
    let mut at = step * 0.5;
    // Added up, not multiplied: PIL's rounding decides where a place lies between two.
    let places = (0..to).map(|_| {
        let place = (at as usize).min(from as usize - 1);
        at += step;
        place
    });
    places.collect()
}
