//! From a JPEG or PNG file to red, green and blue as PIL's `convert("RGB")` gives them: transparency is dropped, not blended,
//! grey is repeated, of sixteen bits of a colour the upper eight stay, and grey of sixteen bits is white from 255 on.
//!
//! Photos are equal to libjpeg-turbo's in every level. Another decoder's levels differ by one here and there, by a few at
//! edges, and that is enough to move a small model's accuracy by more than quantising it does.

use std::io::Cursor;

use libjpeg_turbo_rs::{DecodeLimits, Decoder, JpegError, PixelFormat};
use png::{BitDepth, ColorType, DecodingError, Transformations};

use super::CHANNELS;
use super::pixels::{IMAGE_LIMIT_BYTES, Pixels, bytes_within_limit};

/// Pixels of a side, at most: beyond what cameras make.
const SIDE_LIMIT: usize = 32_768;
/// Passes over a progressive photo, at most: beyond what encoders make, and few enough that none takes minutes.
const SCAN_LIMIT: usize = 500;

/// The error says what is wrong with the file.
pub(super) fn decode(encoded: &[u8]) -> Result<Pixels, String> {
    if encoded.starts_with(&[0xff, 0xd8, 0xff]) {
        jpeg(encoded)
    } else if encoded.starts_with(b"\x89PNG") {
        png(encoded)
    } else {
        Err("it is neither a JPEG nor a PNG file".to_owned())
    }
}

fn jpeg(encoded: &[u8]) -> Result<Pixels, String> {
    let wrong = |error: JpegError| format!("it can't be decoded as JPEG: {error}");
    let limits = DecodeLimits {
        max_width: SIDE_LIMIT,
        max_height: SIDE_LIMIT,
        max_pixels: (IMAGE_LIMIT_BYTES / CHANNELS) as u64,
        max_scans: SCAN_LIMIT,
        // Coefficients of a progressive photo take twice the memory of its levels.
        max_memory: Some(3 * IMAGE_LIMIT_BYTES as u64),
    };
    let mut decoder = Decoder::new_with_limits(encoded, limits).map_err(wrong)?;
    let is_print = decoder.header().components.len() == 4;
    decoder.set_output_format(if is_print { PixelFormat::Cmyk } else { PixelFormat::Rgb });
    // As libjpeg does it where a progressive photo ends early.
    decoder.set_block_smoothing(true);
    let image = decoder.decode_image().map_err(wrong)?;
    let rgb = if is_print { rgb_of_print(&image.data) } else { image.data };
    pixels(u32::try_from(image.width).ok(), u32::try_from(image.height).ok(), rgb)
}

/// From cyan, magenta, yellow and black, all inverted, as Adobe writes and PIL reads them.
fn rgb_of_print(inks: &[u8]) -> Vec<u8> {
    let (inks, _) = inks.as_chunks::<4>();
    let rgb = inks.iter().flat_map(|&[cyan, magenta, yellow, black]| {
        [cyan, magenta, yellow].map(|ink| {
            let share = (u32::from(ink) * u32::from(black) + 127) / 255;
            u8::try_from(share).unwrap_or(u8::MAX)
        })
    });
    rgb.collect()
}

fn png(encoded: &[u8]) -> Result<Pixels, String> {
    let wrong = |error: DecodingError| format!("it can't be decoded as PNG: {error}");
    let limits = png::Limits { bytes: IMAGE_LIMIT_BYTES };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(encoded), limits);
    let header = decoder.read_header_info().map_err(wrong)?;
    let (width, height) = header.size();
    let is_deep_grey = (header.color_type, header.bit_depth) == (ColorType::Grayscale, BitDepth::Sixteen);
    if bytes_within_limit(width, height).is_none() {
        return Err(too_large(width, height));
    }
    let depth = if is_deep_grey { Transformations::IDENTITY } else { Transformations::STRIP_16 };
    decoder.set_transformations(Transformations::EXPAND | depth);
    let mut reader = decoder.read_info().map_err(wrong)?;
    let size_bytes = reader.output_buffer_size().ok_or_else(|| too_large(width, height))?;
    let mut levels = vec![0; size_bytes];
    reader.next_frame(&mut levels).map_err(wrong)?;
    let grey = |grey: u8| [grey; CHANNELS];
    let rgb = match reader.output_color_type().0 {
        ColorType::Grayscale if is_deep_grey => first::<2, 2>(&levels).map(cut_grey).flat_map(grey).collect(),
        ColorType::GrayscaleAlpha if is_deep_grey => first::<4, 2>(&levels).map(cut_grey).flat_map(grey).collect(),
        ColorType::Grayscale => levels.into_iter().flat_map(grey).collect(),
        ColorType::GrayscaleAlpha => first::<2, 1>(&levels).flat_map(|[level]| grey(level)).collect(),
        ColorType::Rgb => levels,
        ColorType::Rgba => first::<4, 3>(&levels).flatten().collect(),
        ColorType::Indexed => return Err("it can't be decoded as PNG: it has no palette".to_owned()),
    };
    pixels(Some(width), Some(height), rgb)
}

fn cut_grey(level: [u8; 2]) -> u8 {
    u8::try_from(u16::from_be_bytes(level)).unwrap_or(u8::MAX)
}

/// Of every `OF` bytes the first `COUNT`.
fn first<const OF: usize, const COUNT: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; COUNT]> {
    bytes.as_chunks::<OF>().0.iter().map(|pixel| std::array::from_fn(|place| pixel[place]))
}

/// An error if the size is not that of the levels.
fn pixels(width: Option<u32>, height: Option<u32>, rgb: Vec<u8>) -> Result<Pixels, String> {
    let (Some(width), Some(height)) = (width, height) else { return Err("it has no size".to_owned()) };
    match bytes_within_limit(width, height) {
        Some(size_bytes) if size_bytes == rgb.len() => Ok(Pixels { width, height, rgb }),
        Some(_) => Err(format!("its decoder made {} bytes of {width}x{height} pixels", rgb.len())),
        None => Err(too_large(width, height)),
    }
}

fn too_large(width: u32, height: u32) -> String {
    format!("an image of {width}x{height} is more than is held")
}
