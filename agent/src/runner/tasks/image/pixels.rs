//! An image in memory: red, green and blue, 0 to 255. Bounds what one may take.

use super::CHANNELS;

/// Bytes of one image at any stage, at most: a photo of 89 megapixels, which is where PIL begins to warn, and what a small
/// board can spare.
pub(super) const IMAGE_LIMIT_BYTES: usize = 256 << 20;

/// Rows from the top, each of `width` pixels of [`CHANNELS`] bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pixels {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) rgb: Vec<u8>,
}

impl Pixels {
    /// An image of one colour. The caller has seen that it [fits](bytes_within_limit).
    pub(super) fn filled(width: u32, height: u32, colour: [u8; CHANNELS]) -> Self {
        Self { width, height, rgb: colour.repeat(width as usize * height as usize) }
    }

    /// Bytes of a row.
    pub(super) const fn stride(&self) -> usize {
        self.width as usize * CHANNELS
    }

    pub(super) fn row(&self, y: usize) -> &[u8] {
        &self.rgb[y * self.stride()..][..self.stride()]
    }
}

/// The bytes of an image of this size; `None` if it has no pixels, or too many to be held.
pub(super) fn bytes_within_limit(width: u32, height: u32) -> Option<usize> {
    let bytes = (width as usize).checked_mul(height as usize)?.checked_mul(CHANNELS)?;
    (1..=IMAGE_LIMIT_BYTES).contains(&bytes).then_some(bytes)
}
