//! Encodes a model without holding its weights twice: each constant is given back as soon as it is written.
//!
//! The bytes are those that prost's own `encode_to_vec` gives.

use prost::{Message, encode_length_delimiter};

use super::{GraphProto, ModelProto};

/// Keys of fields whose value starts with its length (protobuf's encoding, "message structure"): the field's number, then 2.
const GRAPH: u8 = (7 << 3) | 2;
const INITIALIZER: u8 = (5 << 3) | 2;

pub(crate) fn encode(model: ModelProto) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(model.encoded_len());
    let ModelProto { ir_version, producer_name, graph, opset_import, metadata_props } = model;
    append(&ModelProto { ir_version, producer_name, ..ModelProto::default() }, &mut bytes);
    if let Some(graph) = graph {
        append_start(GRAPH, &graph, &mut bytes);
        append_graph(graph, &mut bytes);
    }
    append(&ModelProto { opset_import, metadata_props, ..ModelProto::default() }, &mut bytes);
    bytes
}

fn append_graph(graph: GraphProto, bytes: &mut Vec<u8>) {
    let GraphProto { node, name, initializer, input, output } = graph;
    append(&GraphProto { node, name, ..GraphProto::default() }, bytes);
    for tensor in initializer {
        append_start(INITIALIZER, &tensor, bytes);
        append(&tensor, bytes);
    }
    append(&GraphProto { input, output, ..GraphProto::default() }, bytes);
}

fn append_start(key: u8, message: &impl Message, bytes: &mut Vec<u8>) {
    bytes.push(key);
    encode_length_delimiter(message.encoded_len(), bytes).expect("a vector grows as it is written");
}

fn append(message: &impl Message, bytes: &mut Vec<u8>) {
    message.encode(bytes).expect("a vector grows as it is written");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{NodeProto, OperatorSetIdProto, StringStringEntryProto, TensorProto, ValueInfoProto};

    fn full() -> ModelProto {
        let named = |name: &str| ValueInfoProto { name: name.to_owned(), r#type: None };
        let tensor = |length: usize| TensorProto { raw_data: vec![7; length], ..TensorProto::default() };
        let graph = GraphProto {
            node: vec![NodeProto { op_type: "Identity".to_owned(), ..NodeProto::default() }],
            name: "graph".to_owned(),
            // Lengths of one byte, of two and of three.
            initializer: vec![tensor(0), tensor(200), tensor(20_000)],
            input: vec![named("x")],
            output: vec![named("y")],
        };
        ModelProto {
            ir_version: 8,
            producer_name: "furlong".to_owned(),
            graph: Some(graph),
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 17 }],
            metadata_props: vec![StringStringEntryProto { key: "k".to_owned(), value: "v".to_owned() }],
        }
    }

    #[test]
    fn bytes_are_those_of_prost() {
        for model in [full(), ModelProto { graph: None, ..full() }, ModelProto::default()] {
            assert_eq!(encode(model.clone()), model.encode_to_vec());
        }
        let bare = ModelProto { graph: Some(GraphProto::default()), ..full() };
        assert_eq!(encode(bare.clone()), bare.encode_to_vec());
    }
}
