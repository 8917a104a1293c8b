use domain::{ModelRef, Scenario};

use super::*;

fn input(name: &str, element: Element) -> InputSpec {
    InputSpec { name: name.to_owned(), element, axes: vec![Axis::Symbol("batch".to_owned()), Axis::Fixed(2)] }
}

fn cell() -> CellSpec {
    CellSpec::new(ModelRef::nameless())
}

#[test]
fn a_state_begins_with_zeros_wherever_its_input_stands() {
    let mut cell = cell();
    cell.state = BTreeMap::from([("h_out".to_owned(), "h".to_owned())]);
    let inputs = [input("h", Element::Float32), input("ids", Element::Int64)];
    for query in queries(&cell, &inputs, None, None).expect("queries") {
        assert_eq!(query.tensors[0], InputTensor { shape: vec![1, 2], bytes: vec![0; 8] });
        assert_eq!(query.tensors[1].bytes.len(), 16);
    }
}

#[test]
fn a_range_for_a_state_is_an_error() {
    let mut cell = cell();
    cell.state = BTreeMap::from([("h_out".to_owned(), "h".to_owned())]);
    cell.input = InputSource::Random { seed: 0, ranges: BTreeMap::from([("h".to_owned(), (0.0, 1.0))]) };
    let inputs = [input("h", Element::Float32), input("x", Element::Float32)];
    let message = queries(&cell, &inputs, None, None).expect_err("a state").to_string();
    assert!(message.contains("`h`") && message.contains("x: float32[batch,2]"), "{message}");
}

#[test]
fn a_query_has_the_samples_of_its_scenario() {
    let cell = CellSpec { scenario: Scenario::MultiStream { samples_per_query: 8 }, ..cell() };
    let made = queries(&cell, &[input("x", Element::Float32)], None, None).expect("queries");
    assert_eq!(made[0].tensors[0].shape, [8, 2]);
}

#[test]
fn a_file_that_did_not_come_is_the_devices_fault() {
    let file = domain::FileRef { path: "a.npz".to_owned(), sha256: domain::Digest::of(b""), size_bytes: 0 };
    let cell = CellSpec { input: InputSource::Tensors(file), ..cell() };
    let inputs = [input("x", Element::Float32)];
    for path in [None, Some(Path::new("/nonexistent/a.npz"))] {
        let error = queries(&cell, &inputs, None, path).expect_err("no file");
        assert_eq!(error.kind(), FailureKind::Infra, "{error}");
    }
}
