//! Reads the runtime's profile: an array of events in Chrome's trace format, of which those of kernels count.
//!
//! Source of the format: ONNX Runtime's `core/common/profiler.cc` and `core/framework/sequential_executor.cc`. Each
//! executed node ends with an event `<node's name>_kernel_time` of category `Node`, each call with `model_run` of `Session`.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use domain::{OperatorTime, PlacedNode, Placement, ProviderShare};
use serde::Deserialize;
use serde::de::{Deserializer as _, SeqAccess, Visitor};

use super::profile::ProfileError;

/// The runtime keeps a million events, of some 250 bytes each.
const LIMIT_BYTES: u64 = 256 << 20;

/// Reads a profile, without its first `left_out` calls.
pub(super) fn read(path: &Path, left_out: usize) -> Result<Placement, ProfileError> {
    let file = File::open(path).map_err(ProfileError::Unreadable)?;
    let size_bytes = file.metadata().map_err(ProfileError::Unreadable)?.len();
    if size_bytes > LIMIT_BYTES {
        return Err(ProfileError::TooLarge { size_bytes, limit_bytes: LIMIT_BYTES });
    }
    parse(BufReader::new(file), left_out)
}

fn parse(json: impl Read, left_out: usize) -> Result<Placement, ProfileError> {
    let mut tally = Tally { left_out, ..Tally::default() };
    let mut deserializer = serde_json::Deserializer::from_reader(json);
    deserializer.deserialize_seq(Events(&mut tally)).map_err(ProfileError::Malformed)?;
    tally.placement().ok_or(ProfileError::Empty)
}

/// One event; what it has beside is skipped.
#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    cat: String,
    #[serde(default)]
    name: String,
    /// Begin and duration in microseconds.
    #[serde(default)]
    ts: u64,
    #[serde(default)]
    dur: u64,
    #[serde(default)]
    tid: Option<serde_json::Number>,
    #[serde(default)]
    args: Args,
}

#[derive(Default, Deserialize)]
struct Args {
    provider: Option<String>,
    op_name: Option<String>,
    node_index: Option<String>,
}

/// Hands events on one by one: an array of a million is never in memory.
struct Events<'a>(&'a mut Tally);

impl<'de> Visitor<'de> for Events<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut events: A) -> Result<(), A::Error> {
        while let Some(event) = events.next_element()? {
            self.0.take(event);
        }
        Ok(())
    }
}

/// A node of the graph or of a body.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Node {
    name: String,
    operator: String,
    provider: String,
    /// Tells apart nodes of one name.
    index: Option<String>,
}

/// An execution of a node.
struct Kernel {
    node: Node,
    begin_us: u64,
    end_us: u64,
    thread: Option<serde_json::Number>,
    /// Without the nodes of its bodies.
    own_us: u64,
}

#[derive(Default)]
struct Tally {
    left_out: usize,
    calls_seen: usize,
    /// Of the call that has not ended yet.
    pending: Vec<Kernel>,
    /// Numbers of pending kernels that no other one encloses so far.
    outermost: Vec<usize>,
    calls: u32,
    /// In the order of their first execution, with the sum of their times.
    nodes: Vec<(Node, u64)>,
    numbers: HashMap<Node, usize>,
}

impl Tally {
    fn take(&mut self, event: Event) {
        let Event { cat, name, ts, dur, tid, args } = event;
        match (cat.as_str(), name.strip_suffix("_kernel_time"), args) {
            ("Node", Some(name), Args { provider: Some(provider), op_name: Some(operator), node_index }) => {
                let node = Node { name: name.to_owned(), operator, provider, index: node_index };
                self.take_kernel(Kernel { node, begin_us: ts, end_us: ts + dur, thread: tid, own_us: dur });
            }
            ("Session", None, _) if name == "model_run" => self.end_call(),
            _ => {}
        }
    }

    /// The time of a loop or branch includes its body's nodes, whose events come first: it is taken off.
    fn take_kernel(&mut self, mut kernel: Kernel) {
        while let Some(&last) = self.outermost.last()
            && let inner = &self.pending[last]
            && inner.thread == kernel.thread
            && kernel.begin_us <= inner.begin_us
            && inner.end_us <= kernel.end_us
        {
            kernel.own_us = kernel.own_us.saturating_sub(inner.end_us - inner.begin_us);
            self.outermost.pop();
        }
        self.outermost.push(self.pending.len());
        self.pending.push(kernel);
    }

    fn end_call(&mut self) {
        self.calls_seen += 1;
        self.outermost.clear();
        let counts = self.calls_seen > self.left_out;
        for Kernel { node, own_us, .. } in self.pending.drain(..).filter(|_| counts) {
            let number = *self.numbers.entry(node.clone()).or_insert(self.nodes.len());
            if number == self.nodes.len() {
                self.nodes.push((node, 0));
            }
            self.nodes[number].1 += own_us;
        }
        self.calls += u32::from(counts);
    }

    /// `None` if no call was counted.
    fn placement(self) -> Option<Placement> {
        if self.calls == 0 {
            return None;
        }
        let mean_ns = |sum_us: u64| sum_us * 1000 / u64::from(self.calls);
        let (mut providers, mut operators) = (BTreeMap::new(), BTreeMap::new());
        for (Node { operator, provider, .. }, sum_us) in &self.nodes {
            add(providers.entry(provider.clone()).or_default(), *sum_us);
            add(operators.entry((operator.clone(), provider.clone())).or_default(), *sum_us);
        }
        let providers = providers.into_iter();
        let mut providers: Vec<ProviderShare> = providers
            .map(|(provider, (nodes, sum_us))| ProviderShare { provider, nodes, time_ns: mean_ns(sum_us) })
            .collect();
        let operators = operators.into_iter();
        let mut operators: Vec<OperatorTime> = operators
            .map(|((operator, provider), (nodes, sum_us))| OperatorTime {
                operator,
                provider,
                nodes,
                time_ns: mean_ns(sum_us),
            })
            .collect();
        // Stable: among equals the order by name stays.
        providers.sort_by_key(|share| Reverse(share.time_ns));
        operators.sort_by_key(|time| Reverse(time.time_ns));
        let left_out = self.nodes.len().saturating_sub(Placement::NODE_LIMIT);
        let nodes = self.nodes.into_iter().take(Placement::NODE_LIMIT);
        let nodes = nodes.map(|(Node { name, operator, provider, .. }, sum_us)| PlacedNode {
            name,
            operator,
            provider,
            time_ns: mean_ns(sum_us),
        });
        Some(Placement {
            calls: self.calls,
            nodes: nodes.collect(),
            nodes_left_out: u32::try_from(left_out).unwrap_or(u32::MAX),
            providers,
            operators,
        })
    }
}

fn add((nodes, sum): &mut (u32, u64), sum_us: u64) {
    *nodes += 1;
    *sum += sum_us;
}

#[cfg(test)]
mod tests;
