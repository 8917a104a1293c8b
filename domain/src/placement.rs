//! Where the operators of a model were executed, from the runtime's own profile.

use serde::{Deserialize, Serialize};

/// Placement of one model, taken in a pass of its own: profiling slows a model down by some 10 %, so that its times are
/// for comparing operators, not for quoting.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Placement {
    /// Inferences profiled.
    pub calls: u32,
    /// Executed nodes of the graph as the runtime rewrote it, in order of execution.
    pub nodes: Vec<PlacedNode>,
    /// Nodes beyond the greatest number that is kept.
    pub nodes_left_out: u32,
    /// Most time first. Over all nodes, kept or not.
    pub providers: Vec<ProviderShare>,
    /// By operator and provider, most time first.
    pub operators: Vec<OperatorTime>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlacedNode {
    pub name: String,
    pub operator: String,
    /// The runtime's name, e.g. `CPUExecutionProvider`.
    pub provider: String,
    /// Mean of one call.
    pub time_ns: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProviderShare {
    pub provider: String,
    pub nodes: u32,
    /// Mean of one call.
    pub time_ns: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OperatorTime {
    pub operator: String,
    pub provider: String,
    pub nodes: u32,
    /// Mean of one call.
    pub time_ns: u64,
}

impl Placement {
    /// Greatest number of nodes that are kept one by one.
    pub const NODE_LIMIT: usize = 4096;

    /// Share (0..1) of the nodes on a provider, by the runtime's name; 0 if there are no nodes.
    pub fn share_of_nodes(&self, provider: &str) -> f64 {
        self.share(provider, |share| f64::from(share.nodes))
    }

    /// Share (0..1) of the operators' time on a provider; 0 if there is none.
    #[expect(clippy::cast_precision_loss, reason = "a share to a few digits")]
    pub fn share_of_time(&self, provider: &str) -> f64 {
        self.share(provider, |share| share.time_ns as f64)
    }

    fn share(&self, provider: &str, weight: impl Fn(&ProviderShare) -> f64) -> f64 {
        let all: f64 = self.providers.iter().map(&weight).sum();
        let its: f64 = self.providers.iter().filter(|share| share.provider == provider).map(&weight).sum();
        if all > 0.0 { its / all } else { 0.0 }
    }
}
