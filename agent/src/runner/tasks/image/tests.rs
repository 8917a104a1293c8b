use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use domain::{Colours, Digest, Interpolation, Layout, Resize};
use serde::Deserialize;

use super::*;

/// Written by `golden/images.py`: what Pillow, `OpenCV` and numpy make of files and of [`field`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Golden {
    files: BTreeMap<String, (u32, u32, String)>,
    resized: Vec<(Interpolation, u32, u32, u32, u32, String)>,
    tensors: BTreeMap<String, String>,
    photos: BTreeMap<String, String>,
}

fn folder() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/runner/tasks/image/golden")).to_owned()
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/golden.json")).expect("the generator's JSON")
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).expect("a file of the generator")
}

fn sha256(bytes: &[u8]) -> String {
    Digest::of(bytes).to_string()
}

/// The generator's image of the same name.
fn field(width: u32, height: u32) -> Pixels {
    let level = |x: u32, y: u32, c: u32| {
        let value = x * x * 7 + y * y * 13 + x * y * 5 + c * 71 + ((x * 31) ^ (y * 17));
        u8::try_from((value >> 1) & 255).expect("eight bits")
    };
    let pixel = |x, y| (0..3).map(move |c| level(x, y, c));
    let rgb = (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(x, y))).collect();
    Pixels { width, height, rgb }
}

fn preprocessing(resize: Resize, crop: Option<u32>) -> ImagePreprocessing {
    let interpolation = Interpolation::Bilinear;
    let (colours, layout) = (Colours::Rgb, Layout::Nhwc);
    ImagePreprocessing { resize, interpolation, crop, colours, mean: [0.0; 3], std: [1.0; 3], layout }
}

fn input(element: Element, lengths: &[i64]) -> InputSpec {
    let axis = |&length: &i64| if length < 0 { Axis::Symbol("n".to_owned()) } else { Axis::Fixed(length) };
    InputSpec { name: "image".to_owned(), element, axes: lengths.iter().map(axis).collect() }
}

fn pipeline(preprocessing: &ImagePreprocessing, element: Element, axes: &[i64]) -> ImagePipeline {
    ImagePipeline::new(preprocessing, &input(element, axes)).expect("an input for images")
}

fn fed(pipeline: &ImagePipeline, encoded: &[u8]) -> (InputTensor, Placed) {
    match pipeline.row(encoded).expect("a good image") {
        Row::Tensors { mut tensors, placed: Some(placed) } if tensors.len() == 1 => (tensors.remove(0), placed),
        row => panic!("not one placed tensor: {row:?}"),
    }
}

#[test]
fn files_of_every_kind_decode_as_pillow_decodes_them() {
    for (name, (width, height, expected)) in golden().files {
        let image = decode::decode(&read(&name)).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert_eq!((image.width, image.height), (width, height), "{name}");
        assert_eq!(sha256(&image.rgb), expected, "{name}");
    }
}

#[test]
fn resized_images_equal_those_of_pillow_and_opencv_in_every_level() {
    for (interpolation, width, height, to_width, to_height, expected) in golden().resized {
        let image = resize_to(field(width, height), (to_width, to_height), interpolation);
        let case = format!("{interpolation:?} from {width}x{height} to {to_width}x{to_height}");
        assert_eq!((image.width, image.height), (to_width, to_height), "{case}");
        assert_eq!(sha256(&image.rgb), expected, "{case}");
    }
}

#[test]
fn tensors_equal_those_of_numpy_in_every_bit() {
    let plain =
        ImagePreprocessing { interpolation: Interpolation::Bicubic, ..preprocessing(Resize::ShortSide(40), Some(33)) };
    let (mean, std) = ([103.53, 116.28, 123.675], [57.375, 57.12, 58.395]);
    let bgr = ImagePreprocessing { colours: Colours::Bgr, mean, std, ..plain.clone() };
    let whole = ImagePreprocessing { mean: [127.0; 3], std: [128.0; 3], ..plain.clone() };
    let cases: [(&str, Element, ImagePreprocessing); 6] = [
        ("float32-nchw-rgb", Element::Float32, whole),
        ("float32-nhwc-bgr", Element::Float32, bgr.clone()),
        ("float16-nchw-bgr", Element::Float16, bgr.clone()),
        ("float64-nchw-bgr", Element::Float64, bgr),
        ("uint8-nhwc-rgb", Element::Uint8, plain.clone()),
        ("int8-nhwc-rgb", Element::Int8, plain),
    ];
    let (golden, encoded) = (golden(), read("rgb.png"));
    for (name, element, preprocessing) in cases {
        let (layout, shape) =
            if name.contains("nchw") { (Layout::Nchw, [1, 3, 33, 33]) } else { (Layout::Nhwc, [1, 33, 33, 3]) };
        let pipeline =
            pipeline(&ImagePreprocessing { layout, ..preprocessing }, element, &[-1, shape[1], -1, shape[3]]);
        let (tensor, _) = fed(&pipeline, &encoded);
        assert_eq!(tensor.shape, shape, "{name}");
        assert_eq!(Some(&sha256(&tensor.bytes)), golden.tensors.get(name), "{name}");
    }
    assert_eq!(golden.tensors.len(), 6);
}

#[test]
fn photos_become_what_torchvision_makes_of_them() {
    let photos = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data"))
        .join("imagenet_amd254/sample/AMD-tinyDataSet");
    if !photos.exists() {
        println!("skipped: no shared data");
        return;
    }
    let pipeline = pipeline(&preprocessing(Resize::ShortSide(256), Some(224)), Element::Uint8, &[1, 224, 224, 3]);
    let golden = golden().photos;
    assert!(!golden.is_empty());
    for (name, expected) in golden {
        let encoded = std::fs::read(photos.join(&name)).expect("a photo");
        assert_eq!(sha256(&fed(&pipeline, &encoded).0.bytes), expected, "{name}");
    }
}

#[test]
fn a_cut_image_says_where_it_lies() {
    // 61x45 becomes 54x40, of which 33 are 10 to 43 (10.5 is rounded to even) and 4 to 37 (so is 3.5).
    let pipeline = pipeline(&preprocessing(Resize::ShortSide(40), Some(33)), Element::Uint8, &[1, 33, 33, 3]);
    let (_, placed) = fed(&pipeline, &read("rgb.png"));
    let expected = Placed {
        image_width: 61,
        image_height: 45,
        input_width: 33,
        input_height: 33,
        scale: (54.0 / 61.0, 40.0 / 45.0),
        offset: (-10.0, -4.0),
    };
    assert_eq!(placed, expected);
}

#[test]
fn a_letterbox_keeps_proportions_and_fills_the_rest() {
    let resize = Resize::Letterbox { width: 122, height: 122, fill: [10, 20, 30] };
    let preprocessing = ImagePreprocessing { colours: Colours::Bgr, ..preprocessing(resize, None) };
    let pipeline = pipeline(&preprocessing, Element::Uint8, &[-1, -1, -1, 3]);
    let (tensor, placed) = fed(&pipeline, &read("rgb.png"));
    assert_eq!(tensor.shape, [1, 122, 122, 3]);
    assert_eq!((placed.scale, placed.offset), ((2.0, 2.0), (0.0, 16.0)));
    let row = |y: usize| &tensor.bytes[y * 122 * 3..][..122 * 3];
    assert!(row(15).as_chunks::<3>().0.iter().all(|pixel| *pixel == [30, 20, 10]));
    assert_ne!(row(16), row(15));
    assert_ne!(row(105), row(106));
    assert!(row(106).as_chunks::<3>().0.iter().all(|pixel| *pixel == [30, 20, 10]));
}

#[test]
fn a_crop_larger_than_the_image_puts_it_in_the_middle_of_black() {
    let pipeline = pipeline(&preprocessing(Resize::None, Some(64)), Element::Uint8, &[1, 64, 64, 3]);
    let encoded = read("rgb.png");
    let (tensor, placed) = fed(&pipeline, &encoded);
    assert_eq!(placed.offset, (1.0, 9.0));
    let original = decode::decode(&encoded).expect("a good image");
    assert_eq!(tensor.bytes[(9 * 64 + 1) * 3..][..original.stride()], *original.row(0));
    assert!(tensor.bytes[..9 * 64 * 3].iter().all(|&level| level == 0));
}

#[test]
fn inputs_that_images_do_not_fit_are_refused_with_the_reason() {
    let stretch = preprocessing(Resize::Stretch { width: 8, height: 6 }, None);
    let half = ImagePreprocessing { std: [2.0; 3], ..stretch.clone() };
    let nothing = ImagePreprocessing { std: [0.0; 3], ..stretch.clone() };
    let empty = preprocessing(Resize::ShortSide(4), Some(0));
    for (preprocessing, element, axes, word) in [
        (&stretch, Element::Uint8, &[1, 6, 8][..], "four axes"),
        (&stretch, Element::Uint8, &[1, 3, 6, 8], "four axes"),
        (&stretch, Element::Uint8, &[1, 8, 6, 3], "8x6"),
        (&stretch, Element::Bool, &[1, 6, 8, 3], "level 2"),
        (&half, Element::Uint8, &[1, 6, 8, 3], "0.5"),
        (&nothing, Element::Float32, &[1, 6, 8, 3], "NaN"),
        (&empty, Element::Float32, &[1, 6, 8, 3], "no pixels"),
    ] {
        match ImagePipeline::new(preprocessing, &input(element, axes)) {
            Err(TaskError::Image { source, .. }) => assert!(source.to_string().contains(word), "{source}"),
            other => panic!("{word}: {other:?}"),
        }
    }
}

#[test]
fn an_image_of_another_size_than_the_models_is_an_error_that_names_both() {
    let pipeline = pipeline(&preprocessing(Resize::None, None), Element::Uint8, &[1, 45, 60, 3]);
    let message = pipeline.row(&read("rgb.png")).expect_err("61 wide");
    assert!(message.contains("61x45") && message.contains("uint8[1,45,60,3]"), "{message}");
}

#[test]
fn broken_files_are_errors() {
    for name in ["420.jpg", "progressive.jpg", "rgb.png"] {
        let whole = read(name);
        for part in 0..16 {
            let cut = &whole[..whole.len() * part / 16];
            assert!(decode::decode(cut).is_err(), "{name} up to byte {}", cut.len());
        }
    }
    for (encoded, word) in [(&b""[..], "neither"), (b"GIF89a", "neither"), (b"\x89PNG\r\n\x1a\n", "PNG")] {
        let message = decode::decode(encoded).expect_err("no image");
        assert!(message.contains(word), "{message}");
    }
}

#[test]
fn files_with_wrong_bytes_never_panic() {
    let mut seed = 1_u64;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).expect("31 bits") % below
    };
    for name in ["420.jpg", "422.jpg", "progressive.jpg", "restarts.jpg", "cmyk.jpg", "palette.png"] {
        let whole = read(name);
        for _ in 0..200 {
            let mut wrong = whole.clone();
            for _ in 0..=random(3) {
                let at = random(wrong.len());
                wrong[at] = u8::try_from(random(256)).expect("eight bits");
            }
            if let Ok(image) = decode::decode(&wrong) {
                assert_eq!(Some(image.rgb.len()), bytes_within_limit(image.width, image.height), "{name}");
            }
        }
    }
}

#[test]
fn an_image_that_would_take_too_much_memory_is_an_error() {
    let image = Pixels::filled(16_000, 1, [0; 3]);
    let message = Canvas::of(&image, Resize::ShortSide(256), Some(224)).expect_err("a gigapixel");
    assert!(message.contains("16000x1") && message.contains("4096000x256"), "{message}");
}
