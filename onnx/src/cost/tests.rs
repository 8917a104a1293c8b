use super::*;
use crate::{Attribute, DataType, Dim, Graph, Node, Tensor, samples};

const UNIT: u64 = 1_000_000;

fn lengths(dims: &[(&str, u64)]) -> Lengths {
    let dims = dims.iter().map(|&(name, length)| (name.to_owned(), length)).collect();
    Lengths { dims, ..Lengths::default() }
}

fn counted(graph: Graph) -> Cost {
    cost(&graph.to_model(), &Lengths::default()).expect("a model")
}

/// A graph with float inputs, weights that are nowhere, and the one operator that makes `y` of them.
fn one(node: Node, inputs: &[(&str, &[i64])], weights: &[(&str, &[i64])]) -> Cost {
    let graph = inputs
        .iter()
        .fold(Graph::new("one"), |graph, (name, dims)| graph.input(name, DataType::Float, dims.iter().copied()));
    let graph = weights.iter().fold(graph, |graph, (name, dims)| {
        graph.external_initializer(name, DataType::Float, dims, "weights.bin", 0, 0)
    });
    counted(graph.unranked_output("y", DataType::Float).node(node))
}

/// 301,989,888 and 5,419,008: onnx-tool 1.0 on the same two operators.
#[test]
fn products_and_convolutions_count_as_the_reference_counts_them() {
    let product = one(Node::new("MatMul", &["x", "w"], &["y"]), &[("x", &[128, 768])], &[("w", &[768, 3072])]);
    assert_eq!((product.macs, product.flops, product.integer_ops), (301_989_888, 603_979_776, 0));
    let node = Node::new("Conv", &["x", "w"], &["y"])
        .with("strides", Attribute::Ints(vec![2, 2]))
        .with("pads", Attribute::Ints(vec![1, 1, 1, 1]));
    let convolution = one(node, &[("x", &[1, 3, 224, 224])], &[("w", &[16, 3, 3, 3])]);
    assert_eq!((convolution.macs, convolution.flops), (5_419_008, 10_838_016));
}

#[test]
fn each_group_of_a_convolution_sees_its_own_channels() {
    let node = Node::new("Conv", &["x", "w"], &["y"]).with("group", Attribute::Int(8));
    assert_eq!(one(node, &[("x", &[1, 8, 10, 10])], &[("w", &[8, 1, 3, 3])]).macs, 8 * 64 * 9);
    let node = Node::new("ConvTranspose", &["x", "w"], &["y"]);
    assert_eq!(one(node, &[("x", &[1, 8, 5, 5])], &[("w", &[8, 4, 3, 3])]).macs, 25 * 8 * 4 * 9);
}

#[test]
fn operations_of_an_element_are_those_of_the_convention() {
    for (operator, operations) in [
        ("Relu", 1),
        ("Softmax", 5),
        ("Gelu", 8),
        ("InstanceNormalization", 8),
        ("BatchNormalization", 2),
        ("Transpose", 0),
        ("Identity", 0),
        ("GlobalAveragePool", 1),
        ("ReduceMean", 1),
    ] {
        let cost = one(Node::new(operator, &["x"], &["y"]), &[("x", &[2, 3, 4, 5])], &[]);
        assert_eq!((cost.flops, cost.covered()), (120 * operations, 1), "{operator}");
    }
    let sum = one(Node::new("Sum", &["x", "x", "x"], &["y"]), &[("x", &[10])], &[]);
    assert_eq!(sum.flops, 20);
}

/// A stack of encoder layers with learned projections, as exporters write it but for biases; weights that are nowhere.
fn encoder(layers: usize, width: i64, heads: i64, inner: i64) -> Vec<u8> {
    let dims = || [Dim::from("batch"), Dim::from("sequence"), Dim::from(width)];
    let mut graph = Graph::new("encoder")
        .input("x0", DataType::Float, dims())
        .output(&format!("x{layers}"), DataType::Float, dims())
        .initializer("split", Tensor::of_i64(&[4], &[0, 0, heads, width / heads]))
        .initializer("join", Tensor::of_i64(&[3], &[0, 0, width]));
    for (name, dims) in [("square", [width, width]), ("in", [width, inner]), ("out", [inner, width])] {
        graph = graph.external_initializer(name, DataType::Float, &dims, "weights.bin", 0, 0);
    }
    (0..layers).fold(graph, encoder_layer).to_model()
}

fn encoder_layer(graph: Graph, layer: usize) -> Graph {
    let (x, y) = (format!("x{layer}"), format!("x{}", layer + 1));
    let steps: [(&str, &[&str], &str, &[i64]); 20] = [
        ("MatMul", &["x", "square"], "q", &[]),
        ("Reshape", &["q", "split"], "q_split", &[]),
        ("Transpose", &["q_split"], "q_heads", &[0, 2, 1, 3]),
        ("MatMul", &["x", "square"], "k", &[]),
        ("Reshape", &["k", "split"], "k_split", &[]),
        ("Transpose", &["k_split"], "k_heads", &[0, 2, 3, 1]),
        ("MatMul", &["x", "square"], "v", &[]),
        ("Reshape", &["v", "split"], "v_split", &[]),
        ("Transpose", &["v_split"], "v_heads", &[0, 2, 1, 3]),
        ("MatMul", &["q_heads", "k_heads"], "scores", &[]),
        ("Softmax", &["scores"], "shares", &[]),
        ("MatMul", &["shares", "v_heads"], "mixed", &[]),
        ("Transpose", &["mixed"], "rows", &[0, 2, 1, 3]),
        ("Reshape", &["rows", "join"], "joined", &[]),
        ("MatMul", &["joined", "square"], "attended", &[]),
        ("Add", &["attended", "x"], "sum", &[]),
        ("MatMul", &["sum", "in"], "wide", &[]),
        ("Relu", &["wide"], "active", &[]),
        ("MatMul", &["active", "out"], "narrow", &[]),
        ("Add", &["narrow", "sum"], "y", &[]),
    ];
    let name = |name: &str| match name {
        "x" => x.clone(),
        "y" => y.clone(),
        "square" | "split" | "join" | "in" | "out" => name.to_owned(),
        other => format!("{other}{layer}"),
    };
    steps.into_iter().fold(graph, |graph, (operator, inputs, output, order)| {
        let inputs: Vec<String> = inputs.iter().copied().map(name).collect();
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let node = Node::new(operator, &inputs, &[&name(output)]);
        graph.node(if order.is_empty() { node } else { node.with("perm", Attribute::Ints(order.to_vec())) })
    })
}

/// The published sizes of the encoders, at 128 positions: L (4 h^2 s + 2 s^2 h + 2 h f s).
#[test]
fn encoders_take_the_published_multiplications() {
    for (name, (layers, width, heads, inner), thousandths) in [
        ("BERT-base", (12, 768, 12, 3072), 11_174),
        ("DistilBERT", (6, 768, 12, 3072), 5_587),
        ("TinyBERT-4", (4, 312, 12, 1200), 624),
        ("TinyBERT-6", (6, 768, 12, 3072), 5_587),
    ] {
        let cost =
            cost(&encoder(layers, width, heads, inner), &lengths(&[("batch", 1), ("sequence", 128)])).expect(name);
        assert_eq!((cost.macs + UNIT / 2) / UNIT, thousandths, "{name}");
        assert_eq!((&cost.uncovered, cost.covered()), (&BTreeMap::new(), cost.nodes), "{name}");
    }
}

#[test]
fn computed_shapes_are_followed() {
    let at = |batch, sequence| {
        cost(&samples::shapes(), &lengths(&[("batch", batch), ("sequence", sequence)])).expect("a model")
    };
    let counted = at(2, 5);
    assert_eq!(counted.uncovered, BTreeMap::new());
    // Two projections of [10, 8] by [8, 8], and for each of two heads and two examples [5, 4] by [4, 5] and back.
    assert_eq!(counted.macs, 2 * 10 * 8 * 8 + 2 * 2 * 2 * 5 * 4 * 5);
    assert_eq!(at(4, 5).macs, 2 * counted.macs);
}

#[test]
fn traffic_lies_between_two_bounds() {
    let graph = Graph::new("test")
        .input("x", DataType::Float, [10])
        .output("y", DataType::Float, [10])
        .initializer("w", Tensor::of_f32(&[10], &[0.5; 10]))
        .node(Node::new("Mul", &["x", "w"], &["a"]))
        .node(Node::new("Add", &["a", "a"], &["b"]))
        .node(Node::new("Relu", &["b"], &["y"]));
    let cost = counted(graph);
    assert_eq!((cost.bytes_lower, cost.bytes_upper), (3 * 40, (3 + 2 + 2) * 40));
    assert_eq!(cost.nodes_by_cost[0].bytes, 3 * 40);
}

#[test]
fn quantized_products_are_integer_operations() {
    let graph = Graph::new("test")
        .input("x", DataType::Float, [2, 8])
        .output("y", DataType::Int32, [2, 4])
        .initializer("w", Tensor::of_bytes(DataType::Int8, &[8, 4], vec![1; 32]))
        .node(Node::new("DynamicQuantizeLinear", &["x"], &["q", "scale", "zero"]))
        .node(Node::new("MatMulInteger", &["q", "w", "zero"], &["y"]));
    let cost = counted(graph);
    assert_eq!((cost.macs, cost.flops, cost.integer_ops), (0, 0, 3 * 16 + 2 * 2 * 8 * 4));
    assert_eq!(cost.by_operator["MatMulInteger"].bytes, 16 + 32 + 1 + 32);
}

/// Attention in one operator takes what its parts take: the fixtures' formula for one layer without its inner part.
#[test]
fn fused_operators_count_as_their_parts() {
    let (s, h, heads) = (128_u64, 768_u64, 12);
    let node = Node::new("Attention", &["x", "w", "b"], &["y"])
        .of_domain("com.microsoft")
        .with("num_heads", Attribute::Int(heads));
    let cost = one(node, &[("x", &[1, 128, 768])], &[("w", &[768, 2304]), ("b", &[2304])]);
    assert_eq!(cost.macs, 3 * h * h * s + 2 * s * s * h);
    assert_eq!(cost.flops, 2 * cost.macs + 5 * 12 * s * s);
    let node = Node::new("MultiHeadAttention", &["x", "x", "x"], &["y"])
        .of_domain("com.microsoft")
        .with("num_heads", Attribute::Int(heads));
    assert_eq!(one(node, &[("x", &[1, 128, 768])], &[]).macs, 2 * s * s * h);
    let node =
        Node::new("FusedMatMul", &["x", "w"], &["y"]).of_domain("com.microsoft").with("transB", Attribute::Int(1));
    assert_eq!(one(node, &[("x", &[2, 8])], &[("w", &[4, 8])]).macs, 2 * 8 * 4);
    let node = Node::new("MatMulNBits", &["x", "w", "s"], &["y"])
        .of_domain("com.microsoft")
        .with("K", Attribute::Int(64))
        .with("N", Attribute::Int(16));
    let weights: &[(&str, &[i64])] = &[("w", &[16, 2, 16]), ("s", &[16, 2])];
    assert_eq!(one(node, &[("x", &[2, 64])], weights).integer_ops, 2 * 2 * 64 * 16);
}

#[test]
fn what_is_not_understood_is_listed_and_what_follows_is_counted_by_declaration() {
    let graph = Graph::new("test")
        .input("x", DataType::Float, [4])
        .output("y", DataType::Float, [4])
        .output("z", DataType::Float, [4])
        .node(Node::new("Mystery", &["x"], &["y"]).of_domain("own"))
        .node(Node::new("Mystery", &["x"], &["hidden"]).of_domain("own"))
        .node(Node::new("Relu", &["hidden"], &["lost"]))
        .node(Node::new("Relu", &["y"], &["z"]));
    let cost = counted(graph);
    assert_eq!(cost.uncovered, BTreeMap::from([("own.Mystery".to_owned(), 2), ("Relu".to_owned(), 1)]));
    assert_eq!((cost.flops, cost.covered(), cost.nodes), (4, 1, 4));
}

#[test]
fn a_branch_counts_by_its_condition_and_else_the_first() {
    let branch = |name: &str, operator: &str| {
        Graph::new(name).output(name, DataType::Float, [4]).node(Node::new(operator, &["x"], &[name]))
    };
    let graph = |condition: Option<bool>| {
        let graph = Graph::new("test").input("x", DataType::Float, [4]).output("y", DataType::Float, [4]);
        let graph = match condition {
            Some(holds) => graph.initializer("c", Tensor::of_bool(holds)),
            None => graph.input("c", DataType::Bool, [0; 0]),
        };
        let node = Node::new("If", &["c"], &["y"])
            .with("then_branch", Attribute::Graph(branch("then", "Softmax")))
            .with("else_branch", Attribute::Graph(branch("else", "Relu")));
        counted(graph.node(node).node(Node::new("Neg", &["y"], &["z"])))
    };
    assert_eq!([Some(true), Some(false), None].map(|condition| graph(condition).flops), [20 + 4, 4 + 4, 20 + 4]);
    assert_eq!(graph(Some(true)).assumed, BTreeMap::new());
    assert_eq!(graph(None).assumed, BTreeMap::from([("If".to_owned(), 1)]));
    assert_eq!(graph(None).nodes, 3);
}

#[test]
fn operators_that_stand_too_late_in_the_file_are_followed() {
    let graph = Graph::new("test")
        .input("x", DataType::Float, [4])
        .output("y", DataType::Float, [4])
        .node(Node::new("Relu", &["late"], &["y"]))
        .node(Node::new("Neg", &["x"], &["late"]));
    assert_eq!(counted(graph).covered(), 2);
}

#[test]
fn what_has_no_length_is_an_error_that_names_it() {
    let error = |lengths: &Lengths, model: &[u8]| cost(model, lengths).expect_err("a length is missing").to_string();
    let message = error(&lengths(&[("batch", 1)]), &samples::shapes());
    assert!(message.contains("axis `sequence` of input `x`") && message.contains("\nhint: "), "{message}");

    let anonymous = samples::odd().into_iter().find(|odd| odd.name == "anonymous-axes").expect("a sample").model;
    let message = error(&Lengths::default(), &anonymous);
    assert!(message.contains("input `x`") && message.contains("axes without names"), "{message}");

    let shaped =
        |shape: &[u64]| Lengths { shapes: BTreeMap::from([("x".to_owned(), shape.to_vec())]), ..Lengths::default() };
    assert_eq!(cost(&anonymous, &shaped(&[3, 5])).expect("a shape").flops, 15);
    let message = error(&shaped(&[2, 5, 9]), &samples::shapes());
    assert!(message.contains("[2, 5, 9]") && message.contains("float32[batch,sequence,8]"), "{message}");
}

#[test]
fn every_sample_that_runs_has_costs() {
    for odd in samples::odd() {
        let dims = odd.dims.iter().map(|&(name, length)| (name.to_owned(), u64::from(length)));
        let lengths = Lengths {
            dims: dims.chain([("batch".to_owned(), 2)]).collect(),
            shapes: odd
                .shapes
                .iter()
                .map(|(name, shape)| ((*name).to_owned(), shape.iter().map(|&length| length.into()).collect()))
                .collect(),
        };
        let cost = cost(&odd.model, &lengths).expect(odd.name);
        assert!(cost.covered() > 0 || !cost.uncovered.is_empty(), "{}", odd.name);
        assert!(cost.bytes_lower > 0, "{}", odd.name);
    }
}
