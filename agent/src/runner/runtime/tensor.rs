//! Tensors in the CPU's memory as bytes. `ort` has safe access by element type only, without 16-bit floats.

use std::{ptr, slice};

use ort::memory::Allocator;
use ort::value::DynTensor;

use super::element::element_type;
use crate::runner::input::{InputSpec, InputTensor};

/// A tensor of an input's type with the values of `tensor`.
pub(super) fn filled(input: &InputSpec, tensor: &InputTensor) -> ort::Result<DynTensor> {
    let mut made = DynTensor::new(&Allocator::default(), element_type(input.element), tensor.shape.clone())?;
    fill(&mut made, &tensor.bytes);
    Ok(made)
}

#[expect(unsafe_code, reason = "see the module")]
fn fill(tensor: &mut DynTensor, bytes: &[u8]) {
    let capacity = tensor.data_type().byte_size(tensor.shape().num_elements());
    assert_eq!(capacity, Some(bytes.len()), "a tensor's shape and bytes come from the same input");
    if bytes.is_empty() {
        return;
    }
    // SAFETY: the tensor was made by the default allocator, which is the CPU's, with room for exactly these bytes.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), tensor.data_ptr_mut().cast::<u8>(), bytes.len()) };
}

/// The elements of a tensor; none of one that lies on a device, or whose elements have no fixed size.
#[expect(unsafe_code, reason = "see the module")]
pub(super) fn bytes(tensor: &DynTensor) -> &[u8] {
    let size = tensor.data_type().byte_size(tensor.shape().num_elements()).unwrap_or(0);
    if size == 0 || !tensor.memory_info().is_cpu_accessible() {
        return &[];
    }
    // SAFETY: the tensor has this many bytes in memory that the CPU reads, and nothing writes to it while it is borrowed:
    // calls of the runtime end before they return.
    unsafe { slice::from_raw_parts(tensor.data_ptr().cast::<u8>(), size) }
}
