use std::collections::BTreeMap;
use std::io::Write as _;

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::super::Axis;
use super::*;

static NO_DIMS: BTreeMap<String, u32> = BTreeMap::new();
static NO_SHAPES: BTreeMap<String, Vec<u32>> = BTreeMap::new();
const FORM: Form<'_> = Form { samples: 1, sequence_length: None, dims: &NO_DIMS, shapes: &NO_SHAPES };

/// A `.npy` file as numpy writes it.
fn npy(descr: &str, shape: &str, elements: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let length = u16::try_from(header.len()).expect("short").to_le_bytes();
    [npy::MAGIC, &[1, 0], &length, header.as_bytes(), elements].concat()
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn npz(arrays: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in arrays {
        writer.start_file(format!("{name}.npy"), SimpleFileOptions::default()).expect("begun");
        writer.write_all(bytes).expect("written");
    }
    writer.finish().expect("an archive").into_inner()
}

/// `x: float32[batch,2]` and `n: int64[batch]`.
fn inputs() -> Vec<InputSpec> {
    let batch = || Axis::Symbol("batch".to_owned());
    let x = InputSpec { name: "x".to_owned(), element: Element::Float32, axes: vec![batch(), Axis::Fixed(2)] };
    let n = InputSpec { name: "n".to_owned(), element: Element::Int64, axes: vec![batch()] };
    vec![x, n]
}

fn read(bytes: &[u8], inputs: &[InputSpec]) -> Result<Vec<Query>, InputError> {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(bytes).expect("written");
    Arrays::open(file.path(), "inputs.npz")?.queries(inputs, FORM)
}

fn check_error(bytes: &[u8], inputs: &[InputSpec], words: &[&str]) {
    let error = read(bytes, inputs).expect_err("an error");
    let source = std::error::Error::source(&error).expect("a reason");
    let message = format!("{error}: {source}");
    assert!(words.iter().all(|word| message.contains(word)), "{message}");
}

#[test]
fn an_axis_in_front_counts_queries_and_an_array_without_it_goes_with_all() {
    let numbers: Vec<u8> = [7_i64].iter().flat_map(|number| number.to_le_bytes()).collect();
    let archive = npz(&[
        ("x", npy("<f4", "(3, 1, 2)", &floats(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))),
        ("n", npy("<i8", "(1,)", &numbers)),
    ]);
    let queries = read(&archive, &inputs()).expect("queries");
    assert_eq!(queries.len(), 3);
    assert_eq!(queries[1].tensors[0], InputTensor { shape: vec![1, 2], bytes: floats(&[3.0, 4.0]) });
    assert_eq!(queries[2].tensors[1], InputTensor { shape: vec![1], bytes: numbers });
}

#[test]
fn a_single_array_or_tensor_feeds_a_model_of_one_input() {
    let array = npy("<f4", "(2, 1, 2)", &floats(&[1.0, 2.0, 3.0, 4.0]));
    assert_eq!(read(&array, &inputs()[..1]).expect("queries").len(), 2);
    check_error(&array, &inputs(), &["one tensor", "x: float32[batch,2], n: int64[batch]", "npz"]);
    // dims 1 and 2, type 1, raw_data.
    let proto = [&[8, 1, 8, 2, 16, 1, 0x4a, 8][..], &floats(&[1.0, 2.0])].concat();
    let queries = read(&proto, &inputs()[..1]).expect("queries");
    assert_eq!(queries[0].tensors[0], InputTensor { shape: vec![1, 2], bytes: floats(&[1.0, 2.0]) });
}

#[test]
fn only_as_much_is_kept_as_does_not_show_in_memory() {
    let wide = |queries: usize| {
        let x = InputSpec { axes: vec![Axis::Fixed(1), Axis::Fixed(1 << 20)], ..inputs()[0].clone() };
        // 4 MiB each; the elements behind those that are kept need not even be there.
        let elements = vec![0; (4 << 20) * queries.min(8)];
        read(&npy("<f4", &format!("({queries}, 1, {})", 1 << 20), &elements), &[x]).expect("queries").len()
    };
    assert_eq!(wide(5), 5);
    assert_eq!(wide(1_000_000), 8);
}

#[test]
fn what_does_not_fit_the_model_says_how() {
    let x = &inputs()[..1];
    let of = |descr: &str, shape: &str, count: usize| npz(&[("x", npy(descr, shape, &floats(&vec![0.0; count])))]);
    check_error(&of("<f4", "(1, 2)", 2), &inputs(), &["inputs.npz", "no array for input `n`", "its arrays are x"]);
    check_error(&of("<f8", "(1, 2)", 4), x, &["`x`", "<f8", "float32"]);
    check_error(&of("<f4", "(2,)", 2), x, &["[2]", "float32[batch,2]"]);
    check_error(&of("<f4", "(1, 3)", 3), x, &["3 long at axis 1", "is 2"]);
    check_error(&of("<f4", "(4, 2)", 8), x, &["4 long at axis 0", "is 1", "`batch`"]);
    check_error(&of("<f4", "(0, 1, 2)", 0), x, &["no queries"]);
    check_error(&npz(&[("x", b"no array".to_vec())]), x, &["array `x`"]);
    let two_and_three =
        npz(&[("x", npy("<f4", "(2, 1, 2)", &floats(&[0.0; 4]))), ("n", npy("<i8", "(3, 1)", &[0; 24]))]);
    check_error(&two_and_three, &inputs(), &["`n` has 3 queries", "others have 2"]);
}

#[test]
fn files_that_are_cut_off_or_something_else_are_errors() {
    let whole = npz(&[("x", npy("<f4", "(1, 2)", &floats(&[1.0, 2.0])))]);
    check_error(&whole[..whole.len() / 2], &inputs()[..1], &["archive"]);
    check_error(&npy("<f4", "(1, 2)", &floats(&[1.0])), &inputs()[..1], &["array `x`"]);
    check_error(b"no tensors at all", &inputs()[..1], &["neither"]);
}
