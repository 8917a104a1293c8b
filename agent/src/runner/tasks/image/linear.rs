//! Bilinear interpolation as `OpenCV`'s `INTER_LINEAR` does it on levels: four neighbours whatever the scale, weights of eleven
//! bits, sums cut as its vector code cuts them.

use super::CHANNELS;
use super::pixels::Pixels;

/// One as a weight.
const ONE: i32 = 2048;

/// Two neighbours of a place and their weights, which add up to [`ONE`].
#[derive(Debug, Clone, Copy)]
struct Pair {
    first: usize,
    second: usize,
    weights: (i32, i32),
}

/// Of an image, the size of which changes.
pub(super) fn resize(image: &Pixels, width: u32, height: u32) -> Pixels {
    if (u64::from(width) * 2, u64::from(height) * 2) == (image.width.into(), image.height.into()) {
        return halved(image, width, height);
    }
    let columns = columns(image.width, width);
    let mut rgb = Vec::with_capacity(columns.len() * height as usize * CHANNELS);
    // Neighbouring rows of the result mostly share rows of the image.
    let mut kept: [Option<(usize, Vec<i32>)>; 2] = [None, None];
    for Pair { first, second, weights } in pairs(image.height, height) {
        for y in [first, second] {
            if kept.iter().flatten().any(|(row, _)| *row == y) {
                continue;
            }
            let free = usize::from(kept[0].as_ref().is_some_and(|(row, _)| *row == first || *row == second));
            kept[free] = Some((y, along_row(image.row(y), &columns)));
        }
        let find = |y: usize| kept.iter().flatten().find(|(row, _)| *row == y).map_or(&[][..], |(_, sums)| sums);
        rgb.extend(find(first).iter().zip(find(second)).map(|(&upper, &lower)| between(upper, lower, weights)));
    }
    Pixels { width, height, rgb }
}

fn along_row(row: &[u8], columns: &[Pair]) -> Vec<i32> {
    let (pixels, _) = row.as_chunks::<CHANNELS>();
    let sums = columns.iter().flat_map(|&Pair { first, second, weights }| {
        let channel = move |channel: usize| {
            i32::from(pixels[first][channel]) * weights.0 + i32::from(pixels[second][channel]) * weights.1
        };
        (0..CHANNELS).map(channel)
    });
    sums.collect()
}

fn between(upper: i32, lower: i32, weights: (i32, i32)) -> u8 {
    let (upper, lower) = (((upper >> 4) * weights.0) >> 16, ((lower >> 4) * weights.1) >> 16);
    u8::try_from(((upper + lower + 2) >> 2).clamp(0, 255)).unwrap_or(u8::MAX)
}

/// At exactly half the size `OpenCV` takes the mean of four.
fn halved(image: &Pixels, width: u32, height: u32) -> Pixels {
    let mut rgb = Vec::with_capacity(width as usize * height as usize * CHANNELS);
    for y in 0..height as usize {
        let (upper, _) = image.row(2 * y).as_chunks::<CHANNELS>();
        let (lower, _) = image.row(2 * y + 1).as_chunks::<CHANNELS>();
        for (upper, lower) in upper.as_chunks::<2>().0.iter().zip(lower.as_chunks::<2>().0) {
            for channel in 0..CHANNELS {
                let four = [upper[0], upper[1], lower[0], lower[1]].map(|pixel| u16::from(pixel[channel]));
                rgb.push(u8::try_from((four.iter().sum::<u16>() + 2) >> 2).unwrap_or(u8::MAX));
            }
        }
    }
    Pixels { width, height, rgb }
}

/// Columns. Outside of the two outermost centres one pixel counts alone.
fn columns(from: u32, to: u32) -> Vec<Pair> {
    let alone = |pair: Pair| if pair.first == pair.second { Pair { weights: (ONE, 0), ..pair } } else { pair };
    pairs(from, to).map(alone).collect()
}

/// Rows. Outside of the two outermost centres one pixel counts twice, which is cut twice.
fn pairs(from: u32, to: u32) -> impl Iterator<Item = Pair> {
    let scale = 1.0 / (f64::from(to) / f64::from(from));
    (0..to).map(move |place| pair(place, scale, from as usize - 1))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "places are within a line, and a negative one becomes 0; single precision is OpenCV's"
)]
fn pair(place: u32, scale: f64, last: usize) -> Pair {
    let at = ((f64::from(place) + 0.5) * scale - 0.5) as f32;
    let (first, share) = (at.floor(), at - at.floor());
    let weight = |share: f32| (share * ONE as f32).round_ties_even() as i32;
    let within = |place: f32| (place as usize).min(last);
    Pair { first: within(first), second: within(first + 1.0), weights: (weight(1.0 - share), weight(share)) }
}
