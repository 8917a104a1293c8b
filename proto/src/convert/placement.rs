//! Where the operators of a model were executed.

use domain::{OperatorTime, PlacedNode, Placement, ProviderShare};

use super::field::InvalidMessage;
use crate::pb;

impl From<Placement> for pb::Placement {
    fn from(placement: Placement) -> Self {
        let Placement { calls, nodes, nodes_left_out, providers, operators } = placement;
        Self {
            calls,
            nodes: nodes.into_iter().map(Into::into).collect(),
            nodes_left_out,
            providers: providers.into_iter().map(Into::into).collect(),
            operators: operators.into_iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<pb::Placement> for Placement {
    type Error = InvalidMessage;

    fn try_from(placement: pb::Placement) -> Result<Self, InvalidMessage> {
        let pb::Placement { calls, nodes, nodes_left_out, providers, operators } = placement;
        if nodes.len() > Self::NODE_LIMIT {
            let why = format!("{} nodes are more than {}", nodes.len(), Self::NODE_LIMIT);
            return Err(InvalidMessage::malformed("placement.nodes", why));
        }
        Ok(Self {
            calls,
            nodes: nodes.into_iter().map(Into::into).collect(),
            nodes_left_out,
            providers: providers.into_iter().map(Into::into).collect(),
            operators: operators.into_iter().map(Into::into).collect(),
        })
    }
}

impl From<PlacedNode> for pb::PlacedNode {
    fn from(node: PlacedNode) -> Self {
        let PlacedNode { name, operator, provider, time_ns } = node;
        Self { name, operator, provider, time_ns }
    }
}

impl From<pb::PlacedNode> for PlacedNode {
    fn from(node: pb::PlacedNode) -> Self {
        let pb::PlacedNode { name, operator, provider, time_ns } = node;
        Self { name, operator, provider, time_ns }
    }
}

impl From<ProviderShare> for pb::ProviderShare {
    fn from(share: ProviderShare) -> Self {
        let ProviderShare { provider, nodes, time_ns } = share;
        Self { provider, nodes, time_ns }
    }
}

impl From<pb::ProviderShare> for ProviderShare {
    fn from(share: pb::ProviderShare) -> Self {
        let pb::ProviderShare { provider, nodes, time_ns } = share;
        Self { provider, nodes, time_ns }
    }
}

impl From<OperatorTime> for pb::OperatorTime {
    fn from(time: OperatorTime) -> Self {
        let OperatorTime { operator, provider, nodes, time_ns } = time;
        Self { operator, provider, nodes, time_ns }
    }
}

impl From<pb::OperatorTime> for OperatorTime {
    fn from(time: pb::OperatorTime) -> Self {
        let pb::OperatorTime { operator, provider, nodes, time_ns } = time;
        Self { operator, provider, nodes, time_ns }
    }
}
