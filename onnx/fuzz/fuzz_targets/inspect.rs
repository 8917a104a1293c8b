//! Any bytes are inspected without a panic, and a location that is accepted stays below the model's folder.
#![no_main]

use std::path::Component;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(inspection) = furlong_onnx::inspect(bytes) else { return };
    for location in &inspection.external_data {
        if let Ok(path) = furlong_onnx::confined(location) {
            assert!(path.components().all(|part| matches!(part, Component::Normal(_))), "{location:?}");
        }
    }
});
