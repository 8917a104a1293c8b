use std::collections::BTreeMap;
use std::io::Write as _;

use onnx::Lengths;
use tempfile::NamedTempFile;

use crate::architectures::build;
use crate::net::Built;
use crate::weights::Weights;

fn random(name: &str) -> Built {
    build(name, &Weights::Random { seed: 0 }).expect("a known architecture")
}

fn multiplications(name: &str, images: u64) -> u64 {
    let lengths = Lengths { dims: BTreeMap::from([("batch".to_owned(), images)]), shapes: BTreeMap::new() };
    let cost = onnx::cost(&random(name).onnx, &lengths).expect("a model with one free axis");
    assert_eq!(cost.uncovered, BTreeMap::new(), "{name}");
    cost.macs
}

/// Counted in torch 1.13.0 by a `TorchDispatchMode` over convolutions and products of matrices, for an image of zeros:
/// timm 0.9.16's models, and for `EdgeFormer` its authors' modules, copied out into one file. Published are 0.42, 1.05, 2.03,
/// 1.3 and 3.9 `GMAC`, other operators included, and 1.74 for `EdgeFormer`: its authors' profiler counts the attention among
/// channels, which sees only means, as if it saw every pixel (0.08 `GMAC`).
#[test]
fn one_image_takes_the_multiplications_that_it_takes_in_the_reference_implementation() {
    let counted = [
        ("mobilevit-xxs", 407_364_096),
        ("mobilevit-xs", 1_025_911_808),
        ("mobilevit-s", 2_000_831_488),
        ("efficientformer-l1", 1_291_284_736),
        ("efficientformer-l3", 3_906_573_312),
        ("edgeformer-s", 1_657_347_584),
    ];
    for (name, expected) in counted {
        assert_eq!(multiplications(name, 1), expected, "{name}");
    }
}

#[test]
fn work_grows_with_the_batch() {
    for name in ["mobilevit-xxs", "efficientformer-l1", "edgeformer-s"] {
        assert_eq!(multiplications(name, 3), 3 * multiplications(name, 1), "{name}");
    }
}

/// The lists are all floats of timm 0.9.16's `create_model(NAME).state_dict()`, running statistics included.
#[test]
fn a_file_with_the_names_and_shapes_of_timm_is_read_to_the_last_weight() {
    let files = [
        ("mobilevit-xxs", include_str!("tests/mobilevit_xxs.txt")),
        ("efficientformer-l1", include_str!("tests/efficientformer_l1.txt")),
    ];
    for (name, listed) in files {
        let file = zeros(listed);
        let weights = Weights::of_file(file.path()).expect("a well-formed file");
        let built = build(name, &weights).expect("timm's names and shapes");
        assert_eq!(built.unused, Vec::<String>::new(), "{name}");
    }
}

/// A safetensors file with a weight of zeros for each line `NAME LENGTHxLENGTH`. It takes no space where it is nothing but
/// zeros.
fn zeros(listed: &str) -> NamedTempFile {
    let mut end = 0;
    let mut header = serde_json::Map::new();
    for line in listed.lines() {
        let (name, shape) = line.split_once(' ').expect("a name and a shape");
        let shape: Vec<u64> = shape.split('x').map(|length| length.parse().expect("a number")).collect();
        let start = end;
        end += 4 * shape.iter().product::<u64>();
        let entry = serde_json::json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, end] });
        header.insert(name.to_owned(), entry);
    }
    let header = serde_json::Value::Object(header).to_string();
    let mut file = NamedTempFile::new().expect("a temporary file");
    file.write_all(&(header.len() as u64).to_le_bytes()).expect("room on the disk");
    file.write_all(header.as_bytes()).expect("room on the disk");
    file.as_file().set_len(8 + header.len() as u64 + end).expect("room on the disk");
    file
}
