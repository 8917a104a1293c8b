//! Every recipe on a small model, with the real converters: installed once, below the target directory, with pip.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use convert::{Calibration, ConvertError, Converted, Converter, Inputs, Isa, Job, Options, RefusalKind};
use domain::Digest;
use domain::model::Recipe;
use furlong_convert as convert;
use onnx::{Attribute, DataType, Graph, Node, Tensor};

static CONVERTER: LazyLock<Converter> = LazyLock::new(|| {
    let data_dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("converters");
    Converter::prepare(&data_dir, None, &mut |_| {}).expect("can be prepared")
});

/// Values without a pattern that a scale would fit by chance: a linear congruential generator's high bits.
fn weights(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from(u16::try_from(state >> 16).expect("16 bits")) / 65536.0 - 0.5
    };
    (0..count).map(|_| next()).collect()
}

fn constant(graph: Graph, name: &str, dims: &[i64], seed: u32) -> Graph {
    let count = usize::try_from(dims.iter().product::<i64>()).expect("small");
    graph.initializer(name, Tensor::of_f32(dims, &weights(count, seed)))
}

/// Of everything a little: convolutions, one of them depthwise, a normalisation, and two dense layers.
fn network() -> Vec<u8> {
    let ints = |values: &[i64]| Attribute::Ints(values.to_vec());
    let graph = Graph::new("network")
        .input("image", DataType::Float, [onnx::Dim::from("batch"), 3.into(), 16.into(), 16.into()])
        .output("scores", DataType::Float, [onnx::Dim::from("batch"), 10.into()])
        .initializer("scale", Tensor::of_f32(&[8], &[1.5; 8]))
        .initializer("shift", Tensor::of_f32(&[8], &[0.1; 8]))
        .initializer("mean", Tensor::of_f32(&[8], &[0.2; 8]))
        .initializer("variance", Tensor::of_f32(&[8], &[0.7; 8]));
    let sizes: [(&str, &[i64]); 7] = [
        ("w0", &[8, 3, 3, 3]),
        ("b0", &[8]),
        ("w3", &[8, 1, 3, 3]),
        ("w6", &[64, 8]),
        ("b6", &[64]),
        ("w7", &[64, 10]),
        ("b8", &[10]),
    ];
    let graph = (1..).zip(sizes).fold(graph, |graph, (seed, (name, dims))| constant(graph, name, dims, seed));
    let conv = |inputs: &[&str], output: &str| Node::new("Conv", inputs, &[output]).with("pads", ints(&[1, 1, 1, 1]));
    graph
        .node(conv(&["image", "w0", "b0"], "v0"))
        .node(Node::new("BatchNormalization", &["v0", "scale", "shift", "mean", "variance"], &["v1"]))
        .node(Node::new("Relu", &["v1"], &["v2"]))
        .node(conv(&["v2", "w3"], "v3").with("group", Attribute::Int(8)))
        .node(Node::new("GlobalAveragePool", &["v3"], &["v4"]))
        .node(Node::new("Flatten", &["v4"], &["v5"]))
        .node(Node::new("Gemm", &["v5", "w6", "b6"], &["v6"]).with("transB", Attribute::Int(1)))
        .node(Node::new("MatMul", &["v6", "w7"], &["v7"]))
        .node(Node::new("Add", &["v7", "b8"], &["scores"]))
        .to_model()
}

/// Eight images in an .npz file, made by Python without numpy: `python3` alone may be expected.
fn calibration(directory: &Path) -> Calibration {
    let path = directory.join("calibration.npz");
    let script = "
import random, struct, sys, zipfile
random.seed(1)
head = repr({'descr': '<f4', 'fortran_order': False, 'shape': (8, 3, 16, 16)})
head += ' ' * (117 - len(head)) + chr(10)
data = struct.pack('<6144f', *(random.uniform(-1, 1) for _ in range(6144)))
with zipfile.ZipFile(sys.argv[1], 'w') as file:
    file.writestr('image.npy', b'\\x93NUMPY\\x01\\x00' + struct.pack('<H', len(head)) + head.encode() + data)
";
    let status = Command::new("python3").args(["-I", "-c", script]).arg(&path).status().expect("started");
    assert!(status.success());
    Calibration::of_file(&path).expect("readable")
}

struct Fixture {
    directory: tempfile::TempDir,
    original: PathBuf,
    sha256: Digest,
    options: Options,
}

impl Fixture {
    fn new(model: &[u8]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let original = directory.path().join("original.onnx");
        fs::write(&original, model).expect("written");
        let calibration = Some(calibration(directory.path()));
        let options = Options { calibration, ..Options::for_targets([&Isa::new("x86_64", ["avx2"])]) };
        Self { directory, original, sha256: Digest::of(model), options }
    }

    fn convert(&self, recipe: Recipe, options: Options, name: &str) -> Result<Converted, ConvertError> {
        CONVERTER.convert(&Job {
            original: self.original.clone(),
            original_sha256: self.sha256,
            precision: recipe.into(),
            options,
            out: self.directory.path().join(name),
        })
    }

    fn excluding(&self, names: &[&str]) -> Options {
        Options { exclude: names.iter().map(|&name| name.to_owned()).collect(), ..self.options.clone() }
    }

    /// Mean and least cosine.
    fn agreement(&self, variant: &Converted) -> (f64, f64) {
        let inputs = Inputs::Seeded { samples: 8, seed: 3, dims: BTreeMap::new() };
        let agreement = CONVERTER.compare(&self.original, &variant.path, &inputs).expect("compared");
        assert_eq!((agreement.samples, agreement.non_finite), (8, 0), "{agreement:?}");
        (agreement.cosine_mean, agreement.cosine_min)
    }

    fn kind(&self, recipe: Recipe, options: Options) -> Option<RefusalKind> {
        let error = self.convert(recipe, options, "refused.onnx").expect_err("refused");
        assert!(error.to_string().contains("\nhint: "), "{error}");
        assert!(!self.directory.path().join("refused.onnx").exists());
        error.refusal_kind()
    }
}

/// Gemm and `MatMul` together: before quantisation, one may become the other.
fn dense(variant: &Converted) -> u32 {
    ["Gemm", "MatMul"].iter().filter_map(|&operator| variant.nodes.get(operator)).sum()
}

#[test]
fn every_recipe_makes_a_variant_that_agrees_and_the_same_one_twice() {
    let fixture = Fixture::new(&network());
    for recipe in Recipe::ALL {
        let name = recipe.name();
        let variant = fixture.convert(recipe, fixture.options.clone(), "variant.onnx").expect(name);
        assert_eq!(Digest::of(&fs::read(&variant.path).expect("read")), variant.sha256, "{name}");
        let again = fixture.convert(recipe, fixture.options.clone(), "again.onnx").expect(name);
        assert_eq!(variant.sha256, again.sha256, "{name}");
        let least = if recipe == Recipe::Int4Weight { 0.95 } else { 0.995 };
        let (mean, min) = fixture.agreement(&variant);
        assert!(least < min && min <= mean && mean <= 1.0, "{name}: {mean} {min}");
        let provenance = &variant.provenance;
        assert!(provenance.tool.starts_with("onnxruntime."), "{name}: {provenance:?}");
        assert_eq!(provenance.versions.get("onnxruntime").map(String::as_str), Some("1.32.0"), "{name}");
        assert_eq!(dense(&variant), 2, "{name}: {:?}", variant.nodes);
    }
    let left: Vec<_> = fs::read_dir(fixture.directory.path())
        .expect("read")
        .map(|entry| entry.expect("an entry").file_name())
        .filter(|name| name.to_string_lossy().starts_with('.'))
        .collect();
    assert!(left.is_empty(), "no temporary file is left: {left:?}");
}

#[test]
fn excluded_nodes_stay_in_floats() {
    let fixture = Fixture::new(&network());
    for recipe in Recipe::ALL {
        let name = recipe.name();
        // The Gemm, and the convolution that is fused with the normalisation behind it.
        let options = fixture.excluding(&["Gemm_6", "Conv_0"]);
        let variant = fixture.convert(recipe, options, "variant.onnx").expect(name);
        assert_eq!(dense(&variant), 1, "{name}: {:?}", variant.nodes);
        let convolutions = if recipe == Recipe::Int4Weight { None } else { Some(&1) };
        assert_eq!(variant.nodes.get("Conv"), convolutions, "{name}: {:?}", variant.nodes);
        let bytes = fs::read(&variant.path).expect("read");
        let is_there = |values: &[f32]| {
            let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            bytes.windows(raw.len()).any(|window| window == raw)
        };
        // The Gemm's, as they were or transposed.
        let rows = weights(64 * 8, 4);
        let columns: Vec<f32> = (0..8).flat_map(|column| rows.iter().skip(column).step_by(8).copied()).collect();
        assert!(is_there(&rows) || is_there(&columns), "{name}: the excluded weights are not in the file");
    }
}

#[test]
fn many_weights_go_into_a_side_file() {
    let fixture = Fixture::new(&onnx::samples::matmul(64));
    let options = Options { side_file_bytes: 1000, ..fixture.options.clone() };
    let variants = [(Recipe::Fp16, "half.onnx"), (Recipe::Int8WeightOnly, "eighth.onnx")].map(|(recipe, name)| {
        let variant = fixture.convert(recipe, options.clone(), name).expect(name);
        let [side_file] = variant.side_files.as_slice() else { panic!("{:?}", variant.side_files) };
        assert!(fs::metadata(side_file).expect("there").len() >= 64 * 64);
        assert_eq!(side_file.parent(), variant.path.parent());
        // Read back through the side file.
        assert!(fixture.agreement(&variant).1 > 0.998);
        variant
    });
    assert_ne!(variants[0].side_files, variants[1].side_files, "both fit into one folder");
    assert!(variants[0].size_bytes < 2000, "the ONNX file has no weights: {}", variants[0].size_bytes);
}

#[test]
fn what_cannot_be_made_says_why() {
    let fixture = Fixture::new(&network());
    let without = Options { calibration: None, ..fixture.options.clone() };
    assert_eq!(fixture.kind(Recipe::Int8Static, without), Some(RefusalKind::Calibration));
    assert_eq!(fixture.kind(Recipe::Int8Dynamic, fixture.excluding(&["Gemm_7"])), Some(RefusalKind::UnknownNode));
    let nothing = Fixture::new(&onnx::samples::dynamic_batch());
    assert_eq!(nothing.kind(Recipe::Int4Weight, nothing.options.clone()), Some(RefusalKind::NothingToConvert));
    let garbage = Fixture::new(b"no model");
    assert_eq!(garbage.kind(Recipe::Fp16, garbage.options.clone()), Some(RefusalKind::UnreadableModel));
    let changed = Fixture { sha256: Digest::of(b"another"), ..Fixture::new(&network()) };
    assert_eq!(changed.kind(Recipe::Fp16, changed.options.clone()), None);
}
