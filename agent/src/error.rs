//! Why an agent can't start, or ends. An unreachable coordinator is none of these: the agent keeps trying.

use std::path::PathBuf;

use toolchain::ToolchainError;

use crate::identity::IdentityError;
use crate::simulate::BoardError;
use crate::spool::SpoolError;

#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    #[error("`{text}` is not the address of a coordinator: {why}\nhint: it looks like http://127.0.0.1:7717")]
    Address { text: String, why: String },
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error("cannot prepare the directory `{path}`", path = path.display())]
    Directory { path: PathBuf, source: std::io::Error },
    #[error(
        "there is no ONNX Runtime library for this agent\nhint: `furlong-agent toolchain install` fetches one into `{toolchain_root}`; or name your own with --onnxruntime FILE",
        toolchain_root = toolchain_root.display()
    )]
    NoRuntime { toolchain_root: PathBuf },
    #[error(transparent)]
    Board(#[from] BoardError),
    #[error(transparent)]
    Toolchain(#[from] ToolchainError),
    #[error("the ONNX Runtime library `{library}` can't be used: {why}\nhint: name another with --onnxruntime FILE, or run `furlong-agent toolchain verify`", library = library.display())]
    Runtime { library: PathBuf, why: String },
    #[error("the coordinator does not take this agent: {why}")]
    Refused { why: String },
    #[error(
        "another agent took over this device ({reason})\nhint: two agents run with copies of one data directory; delete `device.json` in the copy and give it another --name"
    )]
    Superseded { reason: String },
    #[error(
        "the coordinator wants protocol version {wanted}, this agent speaks {min} to {max}\nhint: install the agent and the coordinator from the same release",
        min = proto::PROTOCOL_MIN,
        max = proto::PROTOCOL_MAX
    )]
    Protocol { wanted: u32 },
    #[error("a task of the agent panicked: this is a defect of Furlong")]
    Panicked(#[source] tokio::task::JoinError),
}
