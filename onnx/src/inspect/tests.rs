use prost::Message;

use super::*;
use crate::format::DataLocation;
use crate::graph::Graph as Builder;
use crate::{Attribute, DataType, Dim, Node, Tensor, samples};

fn identity(graph: Builder) -> Inspection {
    inspect(&graph.node(Node::new("Identity", &["x"], &["y"])).to_model()).expect("a model")
}

#[test]
fn a_written_model_reads_back() {
    let model = Builder::new("test")
        .input("x", DataType::Float, ["batch", "length"])
        .output("y", DataType::Float, ["batch", "length"])
        .node(Node::new("Relu", &["x"], &["y"]))
        .to_model();
    let inspection = inspect(&model).expect("a model");
    assert_eq!(inspection.inputs[0].to_string(), "x: float32[batch,length]");
    assert_eq!(inspection.outputs[0].to_string(), "y: float32[batch,length]");
    assert_eq!((inspection.opset, inspection.producer.as_str()), (17, "furlong"));
    assert_eq!(inspection.operators, BTreeMap::from([("Relu".to_owned(), 1)]));
    assert_eq!(inspection.external_data, [""; 0]);
}

#[test]
fn every_type_reads_back_by_name() {
    for (data_type, name) in [
        (DataType::Float, "float32"),
        (DataType::Uint8, "uint8"),
        (DataType::Int8, "int8"),
        (DataType::Uint16, "uint16"),
        (DataType::Int16, "int16"),
        (DataType::Int32, "int32"),
        (DataType::Int64, "int64"),
        (DataType::String, "string"),
        (DataType::Bool, "bool"),
        (DataType::Float16, "float16"),
        (DataType::Double, "float64"),
        (DataType::Uint32, "uint32"),
        (DataType::Uint64, "uint64"),
        (DataType::Bfloat16, "bfloat16"),
    ] {
        let graph = Builder::new("test").input("x", data_type, [0; 0]).output("y", data_type, [0; 0]);
        assert_eq!(identity(graph).inputs[0].tensor, format!("{name}[]"));
    }
}

#[test]
fn unusual_shapes_and_types_read_back() {
    let graph = Builder::new("test")
        .input("x", DataType::Float, [Dim::from(2), Dim::Anonymous, Dim::from("width")])
        .sequence_input("s", DataType::Int64)
        .unranked_output("y", DataType::Float)
        .sequence_output("z", DataType::Float);
    let inspection = identity(graph);
    let described = |values: &[ValueInfo]| values.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(described(&inspection.inputs), ["x: float32[2,?,width]", "s: sequence of int64[..]"]);
    assert_eq!(described(&inspection.outputs), ["y: float32[..]", "z: sequence of float32[..]"]);
}

#[test]
fn operators_of_other_sets_are_named_with_their_set() {
    let model = Builder::new("test")
        .input("x", DataType::Float, [1])
        .output("y", DataType::Float, [1])
        .node(Node::new("Gelu", &["x"], &["y"]).of_domain("com.microsoft"))
        .to_model_of(9, 20);
    let inspection = inspect(&model).expect("a model");
    assert_eq!(inspection.operators, BTreeMap::from([("com.microsoft.Gelu".to_owned(), 1)]));
    assert_eq!(inspection.opset, 20);
}

#[test]
fn bodies_of_loops_are_counted_and_initializers_are_no_inputs() {
    let inspection = inspect(&samples::endless_loop()).expect("a model");
    assert_eq!(inspection.operators["Loop"], 1);
    assert!(inspection.operators.contains_key("Sqrt"), "{:?}", inspection.operators);
    assert_eq!(inspection.inputs.len(), 1);
}

#[test]
fn numbers_are_counted_by_type_with_bodies_and_large_constants() {
    let body = Builder::new("body").initializer("c", Tensor::of_f32(&[5], &[0.5; 5])).node(Node::new(
        "Identity",
        &["c"],
        &["d"],
    ));
    let constant = |elements: u16| {
        let values: Vec<f32> = (0..elements).map(f32::from).collect();
        Node::new("Constant", &[], &["k"]).with("value", Attribute::Tensor(Tensor::of_f32(&[elements.into()], &values)))
    };
    let graph = Builder::new("test")
        .input("x", DataType::Float, [1])
        .output("y", DataType::Float, [1])
        .external_initializer("elsewhere", DataType::Float16, &[100, 3], "w.bin", 0, 600)
        .initializer("own", Tensor::of_f32(&[2, 3], &[0.5; 6]))
        .initializer("shape", Tensor::of_i64(&[2], &[1, 1]))
        .node(constant(16))
        .node(constant(17))
        .node(Node::new("If", &["x"], &["z"]).with("then_branch", Attribute::Graph(body)));
    let inspection = identity(graph);
    let expected = [("float16", 300), ("float32", 6 + 17 + 5), ("int64", 2)];
    assert_eq!(inspection.parameters, expected.map(|(name, count)| (name.to_owned(), count)).into());
    assert_eq!(inspection.weight_bytes, 600 + 28 * 4 + 16);
    assert_eq!(inspection.nodes, 5);
}

#[test]
fn inputs_have_types_and_named_axes() {
    let graph = Builder::new("test")
        .input("a", DataType::Int64, [Dim::from("batch"), Dim::from("sequence")])
        .input("b", DataType::Float, [Dim::from("batch"), Dim::Anonymous, Dim::from(3)])
        .sequence_input("s", DataType::Float)
        .output("y", DataType::Float, ["batch"]);
    let inspection = identity(graph);
    let [a, b, s] = &inspection.inputs[..] else { panic!("{:?}", inspection.inputs) };
    assert_eq!(a.element.expect("a tensor").name(), "int64");
    assert_eq!(b.dims, Some(vec![Dim::from("batch"), Dim::Anonymous, Dim::from(3)]));
    assert_eq!((s.element, &s.dims), (None, &None));
    assert_eq!(inspection.free_axes, ["batch", "sequence"]);
    assert_eq!((inspection.ir_version, &inspection.opsets["ai.onnx"]), (8, &17));
}

#[test]
fn side_files_are_listed_once_in_order_and_from_bodies_too() {
    let external = |graph: Builder, name: &str, location: &str| {
        graph.external_initializer(name, DataType::Float, &[1], location, 0, 4)
    };
    let body = external(Builder::new("body"), "c", "c.bin").node(Node::new("Identity", &["c"], &["d"]));
    let graph = Builder::new("test").input("x", DataType::Float, [1]).output("y", DataType::Float, [1]);
    let graph = external(external(external(graph, "b", "b.bin"), "a", "../a.bin"), "b2", "b.bin")
        .initializer("own", Tensor::of_f32(&[1], &[1.0]))
        .node(Node::new("If", &["x"], &["z"]).with("then_branch", Attribute::Graph(body)));
    assert_eq!(identity(graph).external_data, ["b.bin", "../a.bin", "c.bin"]);
}

#[test]
fn side_files_of_sparse_constants_and_of_attributes_are_listed() {
    let external = |location| read::Tensor {
        data_location: DataLocation::External as i32,
        external_data: vec![read::Entry { key: "location", value: location }],
        ..read::Tensor::default()
    };
    let sparse = |values, indices| read::SparseTensor {
        values: Some(Box::new(external(values))),
        indices: Some(Box::new(external(indices))),
        ..read::SparseTensor::default()
    };
    let attribute = read::Attribute {
        t: Some(Box::new(external("c"))),
        tensors: vec![external("d")],
        sparse_tensor: Some(Box::new(sparse("e", "f"))),
        sparse_tensors: vec![sparse("g", "h")],
        ..read::Attribute::default()
    };
    let node = read::Node { attribute: vec![attribute], ..read::Node::default() };
    let graph = Graph { node: vec![node], sparse_initializer: vec![sparse("a", "b")], ..Graph::default() };
    assert_eq!(side_files::list(&graph, &[]), ["a", "b", "c", "d", "e", "f", "g", "h"]);
}

#[test]
fn what_readers_may_take_for_a_side_file_is_listed() {
    let entry = |value| read::Entry { key: "location", value };
    let listed = |data_location, external_data| {
        let tensor = read::Tensor { name: "w", external_data, data_location, ..read::Tensor::default() };
        side_files::list(&Graph { initializer: vec![tensor], ..Graph::default() }, &[])
    };
    assert_eq!(listed(0, vec![entry("a")]), [""; 0]);
    assert_eq!(listed(1, vec![]), [""]);
    assert_eq!(listed(1, vec![entry("a"), entry("../b")]), ["a", "../b"]);
    assert_eq!(listed(5, vec![entry("a")]), ["a"]);
}

#[test]
fn values_in_a_side_file_are_where_the_model_says() {
    let constants = [("a", vec![1.0, 2.0]), ("b", vec![3.0])];
    let graph = Builder::new("test").input("x", DataType::Float, [1]).output("y", DataType::Float, [1]);
    let graph = constants.iter().fold(graph, |graph, (name, values)| {
        graph.initializer(name, Tensor::of_f32(&[i64::try_from(values.len()).expect("few")], values))
    });
    let (model, side_file) = graph.node(Node::new("Identity", &["x"], &["y"])).to_model_with_side_file("w.bin");
    assert_eq!(inspect(&model).expect("a model").external_data, ["w.bin"]);

    let written = crate::format::ModelProto::decode(model.as_slice()).expect("a model").graph.expect("a graph");
    for (tensor, (name, values)) in written.initializer.iter().zip(constants) {
        let entry = |key: &str| &tensor.external_data.iter().find(|entry| entry.key == key).expect("an entry").value;
        let number = |key: &str| entry(key).parse::<usize>().expect("a number");
        let bytes = &side_file[number("offset")..][..number("length")];
        let expected: Vec<u8> = values.iter().flat_map(|value: &f32| value.to_le_bytes()).collect();
        assert_eq!((tensor.name.as_str(), bytes, tensor.raw_data.len()), (name, expected.as_slice(), 0));
        assert_eq!(number("offset") % 4096, 0);
    }
}

#[test]
fn a_file_beyond_the_formats_limit_is_refused() {
    check_size(2_147_483_647).expect("2 GiB but for one byte");
    let message = check_size(2_147_483_648).expect_err("too large").to_string();
    assert!(message.contains("2147483648 bytes") && message.contains("external data"), "{message}");
}

#[test]
fn other_bytes_are_rejected() {
    for bytes in [&b""[..], b"hello, world", b"%PDF-1.7\n", b"\x7fELF\x02\x01\x01", b"PK\x03\x04", &[0xff; 64], b"{}"] {
        assert!(inspect(bytes).is_err(), "{bytes:?}");
    }
}

#[test]
fn every_truncation_is_rejected_without_a_panic() {
    let model = samples::matmul(4);
    for length in 0..model.len() {
        assert!(inspect(&model[..length]).is_err(), "{length} of {} bytes", model.len());
    }
}
