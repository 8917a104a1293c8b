use std::error::Error as _;
use std::fs;

use safetensors::tensor::TensorView;

use super::*;

/// A file of weights in a directory that lives as long as the test.
pub(crate) struct Written {
    _directory: tempfile::TempDir,
    pub(crate) path: PathBuf,
}

pub(crate) fn written(bytes: &[u8]) -> Written {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("model.safetensors");
    fs::write(&path, bytes).expect("written");
    Written { _directory: directory, path }
}

/// The file that the format's own library writes.
pub(crate) fn safetensors(tensors: &[(&str, Dtype, &[usize], Vec<u8>)]) -> Written {
    let views = tensors
        .iter()
        .map(|(name, dtype, shape, raw)| (*name, TensorView::new(*dtype, shape.to_vec(), raw).expect("a tensor")));
    written(&safetensors::serialize(views, None).expect("a file"))
}

pub(crate) fn f32s(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

#[test]
fn narrow_floats_are_widened() {
    // 1.5 and -2 as IEEE half precision, and as the upper halves of 32-bit floats.
    let file = safetensors(&[
        ("single", Dtype::F32, &[2], f32s(&[1.5, -2.0])),
        ("half", Dtype::F16, &[2], vec![0x00, 0x3e, 0x00, 0xc0]),
        ("brain", Dtype::BF16, &[1, 2], vec![0xc0, 0x3f, 0x00, 0xc0]),
    ]);
    let open = Safetensors::open(&file.path).expect("a file of weights");
    for name in ["single", "half", "brain"] {
        assert_eq!(open.read(name).expect("readable"), Some(f32s(&[1.5, -2.0])), "{name}");
    }
    assert_eq!(open.shape("brain"), Some([1, 2].as_slice()));
    assert_eq!(open.read("other").expect("readable"), None);
}

#[test]
fn whole_numbers_are_refused_with_their_name() {
    let file = safetensors(&[("ids", Dtype::I64, &[1], vec![0; 8])]);
    let error =
        Safetensors::open(&file.path).expect("a file of weights").read("ids").expect_err("not floats").to_string();
    assert!(error.contains("`ids`") && error.contains("type I64"), "{error}");
}

#[test]
fn what_is_no_file_of_weights_says_why() {
    let whole = fs::read(&safetensors(&[("w", Dtype::F32, &[2], f32s(&[1.0, 2.0]))]).path).expect("readable");
    let cut = &whole[..whole.len() - 1];
    let longer = [whole.as_slice(), &[0]].concat();
    // Says of itself that it starts 4 bytes before its end.
    let overlapping = String::from_utf8_lossy(&whole).replace("[0,8]", "[4,8]").into_bytes();
    let cases: [(&[u8], &str); 7] = [
        (b"", "shorter than the length"),
        (b"PK\x03\x04\x14\0\0\0\x08\0", "longer than the file"),
        (&u64::MAX.to_le_bytes(), "longer than the file"),
        (&[2, 0, 0, 0, 0, 0, 0, 0, b'{', b'['], "no header"),
        (cut, "another length"),
        (&longer, "another length"),
        (&overlapping, "no header"),
    ];
    for (bytes, expected) in cases {
        let error = Safetensors::open(&written(bytes).path).expect_err(expected).to_string();
        assert!(error.contains(expected) && error.contains("\nhint: "), "{error}");
    }
}

#[test]
fn a_missing_file_is_told_with_its_cause() {
    let error = Weights::of_file(Path::new("/nowhere/model.safetensors")).expect_err("no file");
    assert_eq!(error.to_string(), "can't read the weights /nowhere/model.safetensors");
    assert!(error.source().is_some());
}
