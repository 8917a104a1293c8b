//! From an image file to a tensor: decoded, resized, cut and laid out as PIL, torchvision and `OpenCV` do it, to the level.
//!
//! Orientation in EXIF is not applied, because the official scripts do not. Reads no file and knows no label.

mod canvas;
mod decode;
mod levels;
mod linear;
mod nearest;
mod pixels;
mod resample;

use domain::{ImagePreprocessing, Interpolation, Layout, Resize};

use self::canvas::Canvas;
use self::levels::Levels;
use self::pixels::{Pixels, bytes_within_limit};
use super::super::input::{Axis, Element, InputSpec, InputTensor};
use super::{Placed, Row, TaskError};

/// Channels of an image.
const CHANNELS: usize = 3;

/// What is done to every image of an evaluation.
#[derive(Debug)]
pub(super) struct ImagePipeline {
    resize: Resize,
    interpolation: Interpolation,
    crop: Option<u32>,
    layout: Layout,
    levels: Levels,
    /// As messages name it.
    input: String,
    /// Width and height that the model's input fixes.
    fixed: (Option<u32>, Option<u32>),
}

/// Images can't be made into this input.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(in crate::runner) enum UnfitInput {
    #[error(
        "an image is a tensor of four axes, {} as `layout` says, with three channels", if *layout == Layout::Nchw { "[batch, 3, height, width]" } else { "[batch, height, width, 3]" }
    )]
    Axes { layout: Layout },
    #[error("images become {width}x{height} by `resize` and `crop`")]
    Size { width: u32, height: u32 },
    #[error("`resize` and `crop` leave no pixels, or more than are held")]
    Pixels,
    #[error("level {level} of channel {channel} becomes {value} by `mean` and `std`, and the type {} does not have it", element.name())]
    Level { level: u8, channel: usize, value: f64, element: Element },
}

impl ImagePipeline {
    /// For a model's input of four axes, of floats or whole numbers.
    pub(super) fn new(preprocessing: &ImagePreprocessing, input: &InputSpec) -> Result<Self, TaskError> {
        let unfit = |source| TaskError::Image { name: input.name.clone(), found: input.describe(), source };
        Self::fitting(preprocessing, input).map_err(unfit)
    }

    fn fitting(preprocessing: &ImagePreprocessing, input: &InputSpec) -> Result<Self, UnfitInput> {
        let ImagePreprocessing { resize, interpolation, crop, colours, mean, std, layout } = preprocessing;
        let (resize, crop, layout) = (*resize, *crop, *layout);
        let fixed = fixed_size(layout, &input.axes).ok_or(UnfitInput::Axes { layout })?;
        let size = match (crop, resize) {
            (Some(side), _) => Some((side, side)),
            (None, Resize::Stretch { width, height } | Resize::Letterbox { width, height, fill: _ }) => {
                Some((width, height))
            }
            (None, Resize::ShortSide(_) | Resize::None) => None,
        };
        match size {
            Some((width, height)) if bytes_within_limit(width, height).is_none() => return Err(UnfitInput::Pixels),
            Some((width, height)) if !fits(fixed, width, height) => return Err(UnfitInput::Size { width, height }),
            _ if matches!(resize, Resize::ShortSide(0)) => return Err(UnfitInput::Pixels),
            _ => {}
        }
        let levels = Levels::new(input.element, *colours, *mean, *std)?;
        let input = format!("input `{}` is {}", input.name, input.describe());
        Ok(Self { resize, interpolation: *interpolation, crop, layout, levels, input, fixed })
    }

    /// The row of an encoded image. The error says what is wrong with the image.
    pub(super) fn row(&self, encoded: &[u8]) -> Result<Row, String> {
        let image = decode::decode(encoded)?;
        let canvas = Canvas::of(&image, self.resize, self.crop)?;
        let Canvas { width, height, resized, offset, fill: _ } = canvas;
        if !fits(self.fixed, width, height) {
            return Err(format!("the image becomes {width}x{height}, and {}", self.input));
        }
        let placed = Placed {
            image_width: image.width,
            image_height: image.height,
            input_width: width,
            input_height: height,
            scale: (f64::from(resized.0) / f64::from(image.width), f64::from(resized.1) / f64::from(image.height)),
            offset: (f64::from(offset.0), f64::from(offset.1)),
        };
        let image = canvas.draw(&resize_to(image, resized, self.interpolation));
        let (channels, tall, wide) = (3, i64::from(height), i64::from(width));
        let shape = match self.layout {
            Layout::Nchw => vec![1, channels, tall, wide],
            Layout::Nhwc => vec![1, tall, wide, channels],
        };
        let tensor = InputTensor { shape, bytes: self.levels.lay_out(&image, self.layout) };
        Ok(Row::Tensors { tensors: vec![tensor], placed: Some(placed) })
    }
}

/// Width and height, as far as the model says; `None` if it is no input for images.
fn fixed_size(layout: Layout, axes: &[Axis]) -> Option<(Option<u32>, Option<u32>)> {
    let ((Layout::Nchw, [_, channels, height, width]) | (Layout::Nhwc, [_, height, width, channels])) = (layout, axes)
    else {
        return None;
    };
    // A length beyond any image is one that no image has.
    let length = |axis: &Axis| match axis {
        Axis::Fixed(length) => Some(u32::try_from(*length).unwrap_or(u32::MAX)),
        Axis::Symbol(_) => None,
    };
    length(channels).is_none_or(|length| length == 3).then(|| (length(width), length(height)))
}

fn fits(fixed: (Option<u32>, Option<u32>), width: u32, height: u32) -> bool {
    fixed.0.is_none_or(|fixed| fixed == width) && fixed.1.is_none_or(|fixed| fixed == height)
}

fn resize_to(image: Pixels, (width, height): (u32, u32), interpolation: Interpolation) -> Pixels {
    if (image.width, image.height) == (width, height) {
        return image;
    }
    match interpolation {
        Interpolation::Nearest => nearest::resize(&image, width, height),
        Interpolation::Bilinear => resample::resize(&image, width, height, resample::Filter::Triangle),
        Interpolation::Bicubic => resample::resize(&image, width, height, resample::Filter::Cubic),
        Interpolation::BilinearNoAntialias => linear::resize(&image, width, height),
    }
}

#[cfg(test)]
pub(super) mod sample;
#[cfg(test)]
mod tests;
