//! What must hold whatever the bytes are.

use furlong_onnx::{Cost, Dim, Lengths};

/// Inspects bytes and counts their costs, and panics where a promise is broken. Whether they were a model.
pub(crate) fn check(bytes: &[u8], length: u64) -> bool {
    let Ok(inspection) = furlong_onnx::inspect(bytes) else {
        assert!(furlong_onnx::cost(bytes, &Lengths::default()).is_err(), "costs of what is no model");
        return false;
    };
    let mut lengths = Lengths::default();
    lengths.dims.extend(inspection.free_axes.iter().map(|axis| (axis.clone(), length)));
    for input in &inspection.inputs {
        let fixed = |dim: &Dim| if let Dim::Fixed(length) = dim { u64::try_from(*length).ok() } else { None };
        let dims = input.dims.iter().flatten().map(|dim| fixed(dim).unwrap_or(length));
        if input.dims.iter().flatten().any(|dim| fixed(dim).is_none() && !matches!(dim, Dim::Symbol(_))) {
            lengths.shapes.insert(input.name.clone(), dims.collect());
        }
    }
    let Ok(cost) = furlong_onnx::cost(bytes, &lengths) else { return true };
    let Cost {
        macs, flops, integer_ops, bytes_lower, bytes_upper, nodes, uncovered, nodes_by_cost, by_operator, ..
    } = &cost;
    assert!(u128::from(*flops) >= 2 * u128::from(*macs), "{flops} operations for {macs} multiply-accumulates");
    assert!(bytes_upper >= bytes_lower);
    assert_eq!(cost.covered(), nodes_by_cost.len() as u64);
    assert_eq!(*nodes, cost.covered() + uncovered.values().map(|times| u64::from(*times)).sum::<u64>());
    assert_eq!(*flops, by_operator.values().map(|kind| kind.flops).sum::<u64>());
    assert_eq!(*integer_ops, nodes_by_cost.iter().map(|node| node.integer_ops).sum::<u64>());
    true
}
