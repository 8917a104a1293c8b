//! Models that are nothing but very many of the smallest parts that the format has: what takes most memory for its bytes.

/// A field of a number up to 15 that holds bytes.
pub(crate) fn field(tag: u8, value: &[u8]) -> Vec<u8> {
    let mut length = value.len();
    let mut bytes = vec![tag << 3 | 2];
    while length >= 0x80 {
        bytes.push(length.to_le_bytes()[0] | 0x80);
        length >>= 7;
    }
    bytes.push(length.to_le_bytes()[0]);
    bytes.extend(value);
    bytes
}

/// A model of version 8 and operator set 17 around the fields of a graph, with an output.
pub(crate) fn model(graph: &[u8]) -> Vec<u8> {
    let graph = [graph, &field(12, &field(1, b"y"))].concat();
    [vec![0x08, 8], field(7, &graph), field(8, &[0x10, 17])].concat()
}

/// One model for each kind of part, of about so many bytes, with what it is made of.
pub(crate) fn degenerate(bytes: usize) -> Vec<(&'static str, Vec<u8>)> {
    let node = |fields: &[u8]| field(1, fields);
    let half = bytes / 2;
    [
        ("operators", node(&[]).repeat(half)),
        ("attributes", node(&field(5, &[]).repeat(half))),
        ("inputs", node(&field(1, &[]).repeat(half))),
        ("outputs", node(&field(2, b"o").repeat(bytes / 3))),
        ("numbers", node(&field(5, &field(8, &vec![1; bytes])))),
        ("tensors", [node(&[]), field(5, &[]).repeat(half)].concat()),
        ("lengths", [node(&[]), field(5, &[[0x08, 1].repeat(half), vec![0x10, 1]].concat())].concat()),
        ("side files", [node(&[]), field(5, &[field(13, &[]).repeat(half), vec![0x70, 1]].concat())].concat()),
        ("axes", [node(&[]), field(11, &field(2, &field(1, &field(2, &field(1, &[]).repeat(half)))))].concat()),
        ("sparse tensors", [node(&[]), field(15, &field(1, &[])).repeat(bytes / 4)].concat()),
        ("names", named(bytes / 12)),
    ]
    .map(|(what, graph)| (what, model(&graph)))
    .into()
}

/// As many operators with names of their own for what they make.
fn named(count: usize) -> Vec<u8> {
    let relu = |at: usize| field(1, &[field(2, format!("{at:x}").as_bytes()), field(4, b"Abs")].concat());
    (0..count).flat_map(relu).collect()
}
