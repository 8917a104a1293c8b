//! Compiles the wire contract with protox, so that no protoc is needed, and keeps the descriptor for server reflection.

use std::{env, path::PathBuf};

use prost::Message as _;

const FILES: [&str; 12] = [
    "furlong/v1/types.proto",
    "furlong/v1/cell.proto",
    "furlong/v1/telemetry.proto",
    "furlong/v1/measurement.proto",
    "furlong/v1/energy.proto",
    "furlong/v1/statistics.proto",
    "furlong/v1/agent.proto",
    "furlong/v1/campaign.proto",
    "furlong/v1/device.proto",
    "furlong/v1/artifact.proto",
    "furlong/v1/result.proto",
    "furlong/v1/runner.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=furlong");
    let descriptors = protox::compile(FILES, ["."])?;
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    std::fs::write(out.join("furlong.bin"), descriptors.encode_to_vec())?;
    // Sorted maps, so that equal messages have equal bytes.
    tonic_prost_build::configure().btree_map(".").compile_fds(descriptors)?;
    Ok(())
}
