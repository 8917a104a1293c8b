//! Resampling as PIL does it (`Resample.c`): filters that widen with the scale, first along rows and then along columns, in
//! fixed point, each pass rounded to whole levels. Equal to it in every level.
//!
//! Pillow 13 takes columns first where an image becomes much flatter, unlike all versions that official figures were made
//! with. In proportion, as data sets are resized, there is no difference.

use super::CHANNELS;
use super::pixels::Pixels;

/// Fractional bits of a weight: what is left of 32 beside eight of a level and two for overshoot.
const PRECISION_BITS: u32 = 32 - 8 - 2;

/// A filter around a centre.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filter {
    /// "Bilinear".
    Triangle,
    /// "Bicubic", of Keys 1981 with a = -1/2.
    Cubic,
}

impl Filter {
    /// How far it reaches to each side.
    const fn support(self) -> f64 {
        match self {
            Self::Triangle => 1.0,
            Self::Cubic => 2.0,
        }
    }

    // The order of the operations is PIL's, because it decides the last bit.
    fn weight(self, x: f64) -> f64 {
        const A: f64 = -0.5;
        let x = x.abs();
        match self {
            Self::Triangle if x < 1.0 => 1.0 - x,
            Self::Cubic if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
            Self::Cubic if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
            Self::Triangle | Self::Cubic => 0.0,
        }
    }
}

/// What one place of a resized line is made of.
#[derive(Debug)]
struct Window {
    first: usize,
    weights: Vec<i32>,
}

/// Of an image, the size of which changes.
pub(super) fn resize(image: &Pixels, width: u32, height: u32, filter: Filter) -> Pixels {
    let wide = (image.width != width).then(|| along_rows(image, width, filter));
    let image = wide.as_ref().unwrap_or(image);
    if image.height == height { image.clone() } else { along_columns(image, height, filter) }
}

fn along_rows(image: &Pixels, width: u32, filter: Filter) -> Pixels {
    let windows = windows(image.width, width, filter);
    let mut rgb = Vec::with_capacity(windows.len() * image.height as usize * CHANNELS);
    for y in 0..image.height as usize {
        let (pixels, _) = image.row(y).as_chunks::<CHANNELS>();
        for Window { first, weights } in &windows {
            let mut sums = [HALF; CHANNELS];
            for (pixel, weight) in pixels[*first..].iter().zip(weights) {
                for (sum, level) in sums.iter_mut().zip(pixel) {
                    *sum += i32::from(*level) * weight;
                }
            }
            rgb.extend(sums.map(level));
        }
    }
    Pixels { width, height: image.height, rgb }
}

fn along_columns(image: &Pixels, height: u32, filter: Filter) -> Pixels {
    let mut rgb = Vec::with_capacity(image.stride() * height as usize);
    let mut sums = vec![HALF; image.stride()];
    for Window { first, weights } in windows(image.height, height, filter) {
        sums.fill(HALF);
        for (y, weight) in (first..).zip(weights) {
            for (sum, level) in sums.iter_mut().zip(image.row(y)) {
                *sum += i32::from(*level) * weight;
            }
        }
        rgb.extend(sums.iter().copied().map(level));
    }
    Pixels { width: image.width, height, rgb }
}

/// Half a level, so that shifting rounds.
const HALF: i32 = 1 << (PRECISION_BITS - 1);

fn level(sum: i32) -> u8 {
    u8::try_from((sum >> PRECISION_BITS).clamp(0, 255)).unwrap_or(u8::MAX)
}

/// For each place of a line of `to` what it is made of in one of `from`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bounds are places within a line; weights are below 2^24"
)]
fn windows(from: u32, to: u32, filter: Filter) -> Vec<Window> {
    let scale = f64::from(from) / f64::from(to);
    let stretch = scale.max(1.0);
    let support = filter.support() * stretch;
    let window = |place: u32| {
        let centre = (f64::from(place) + 0.5) * scale;
        // Rounded by adding a half and cutting: a negative number becomes 0 either way.
        let first = (centre - support + 0.5) as usize;
        let end = ((centre + support + 0.5) as usize).min(from as usize);
        #[expect(clippy::cast_precision_loss, reason = "places are below 2^32")]
        let at = |x: usize| x as f64 - centre + 0.5;
        let weights: Vec<f64> = (first..end).map(|x| filter.weight(at(x) * (1.0 / stretch))).collect();
        let sum: f64 = weights.iter().sum();
        let fixed = |weight: f64| {
            let weight = if sum == 0.0 { weight } else { weight / sum };
            (weight * f64::from(1 << PRECISION_BITS) + if weight < 0.0 { -0.5 } else { 0.5 }) as i32
        };
        Window { first, weights: weights.into_iter().map(fixed).collect() }
    };
    (0..to).map(window).collect()
}
