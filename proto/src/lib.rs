//! The wire contract: generated messages and services, and their conversions to and from [`domain`].
//!
//! `furlong.v1` types are `pb::..`; a signature with both a `pb` and a domain type belongs in `convert` only.

mod convert;

pub use convert::{InvalidMessage, phase_from_wire, run_mode};

/// Generated from `proto/furlong/v1/*.proto`.
#[allow(
    clippy::pedantic,
    clippy::large_enum_variant,
    clippy::allow_attributes_without_reason,
    unreachable_pub,
    unused_qualifications,
    reason = "generated code; which of these it needs changes with the generator"
)]
pub mod pb {
    tonic::include_proto!("furlong.v1");
}

/// The protocol versions this build speaks: N and N-1.
pub const PROTOCOL_MIN: u32 = 1;
pub const PROTOCOL_MAX: u32 = 1;

/// Greatest payload of one chunk in bytes: a heartbeat never waits behind more than this.
pub const CHUNK_BYTES: usize = 256 * 1024;

/// Greatest encoded report in bytes: 8 M samples at 2 bytes each, four times over.
pub const REPORT_LIMIT_BYTES: u64 = 64 * 1024 * 1024;

/// Greatest trace of one run in bytes: half a report. An hour of thirty rails at 20 Hz takes about a third of it.
pub const TRACE_LIMIT_BYTES: usize = 32 * 1024 * 1024;

/// All files as one encoded `FileDescriptorSet`, for server reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/furlong.bin"));
