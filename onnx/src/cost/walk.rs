//! Through the operators in the order of execution. Asks the rules for shapes and the formulas for work, and knows neither.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::budget::Budget;
use super::formula::work;
use super::order::Orders;
use super::scope::Scopes;
use super::tally::Tally;
use super::{Cost, CostError, Lengths};
use crate::format::read::{Attribute, Function, Graph, Node, SparseTensor};
use crate::inspect::{Opened, fed_inputs, full_name, weight_bytes};
use crate::shape::{Attributes, Call, Value, declared, infer};

/// Of one operator: all are at hand at once, so that there has to be a bound. Few have more than a dozen.
const MOST_OUTPUTS: usize = 4096;

/// Domain, name and overload.
type FunctionName<'a> = (&'a str, &'a str, &'a str);

pub(super) struct Walk<'g, 'a> {
    pub(super) functions: HashMap<FunctionName<'a>, &'g Function<'a>>,
    lengths: &'g Lengths,
    orders: Orders,
    pub(super) scopes: Scopes<'g, 'a>,
    pub(super) budget: Budget,
    pub(super) tally: Tally,
}

/// Where operators stand.
#[derive(Clone, Copy)]
pub(super) struct Context<'g, 'a> {
    /// Version of the standard operator set.
    pub(super) opset: i64,
    /// Of a function's call.
    pub(super) caller: &'g [Attribute<'a>],
    pub(super) caller_default: &'g [Attribute<'a>],
}

/// Counts a whole model.
pub(super) fn count<'g>(opened: &'g Opened<'_>, lengths: &'g Lengths) -> Result<Cost, CostError> {
    let Opened { model, graph, opset } = opened;
    let functions =
        model.functions.iter().map(|function| ((function.domain, function.name, function.overload), function));
    let mut walk = Walk {
        functions: functions.collect(),
        lengths,
        orders: Orders::default(),
        scopes: Scopes::default(),
        budget: Budget::default(),
        tally: Tally::default(),
    };
    walk.scopes.enter_graph(graph);
    let mut ends = 0_u64;
    for input in fed_inputs(graph) {
        let value = lengths.bind(input)?;
        ends = ends.saturating_add(value.bytes().unwrap_or(0));
        walk.define(input.name, value);
    }
    walk.define_constants(graph);
    walk.run(&graph.node, Context { opset: *opset, caller: &[], caller_default: &[] });
    for output in &graph.output {
        let bytes = walk.scopes.get(output.name).and_then(|value| value.bytes());
        ends = ends.saturating_add(bytes.unwrap_or(0));
    }
    Ok(walk.tally.finish(ends.saturating_add(weight_bytes(graph, &model.functions))))
}

impl<'g, 'a> Walk<'g, 'a> {
    pub(super) fn define(&mut self, name: &'a str, value: impl Into<Rc<Value>>) {
        self.scopes.define(name, value.into(), &mut self.budget);
    }

    /// Constants of a graph, which give way to what its inputs are fed with.
    pub(super) fn define_constants(&mut self, graph: &'g Graph<'a>) {
        for tensor in &graph.initializer {
            if !self.scopes.has(tensor.name) {
                self.define(tensor.name, Value::from(tensor));
            }
        }
        for SparseTensor { values, indices: _, dims } in &graph.sparse_initializer {
            let (Some(values), Some(dims)) = (values, dims.all()) else { continue };
            let dims = dims.iter().map(|&length| u64::try_from(length).ok()).collect();
            self.define(values.name, Value::of(values.element(), dims));
        }
    }

    pub(super) fn run(&mut self, nodes: &'g [Node<'a>], context: Context<'g, 'a>) {
        let order = self.orders.of(nodes);
        for at in 0..nodes.len() {
            let node = &nodes[order.as_ref().map_or(at, |order| order[at])];
            let operator = full_name(node.domain, node.op_type);
            if node.output.len() <= MOST_OUTPUTS && self.budget.step(steps(node)) {
                self.run_one(node, operator, context);
            } else {
                self.tally.leave_out(&operator);
            }
        }
    }

    fn run_one(&mut self, node: &'g Node<'a>, operator: String, context: Context<'g, 'a>) {
        if let Some(function) = self.functions.get(&(node.domain, node.op_type, node.overload)) {
            return self.run_function(node, &operator, function, context);
        }
        let attributes =
            Attributes { own: &node.attribute, caller: context.caller, caller_default: context.caller_default };
        let call = Call {
            operator,
            opset: context.opset,
            inputs: node.input.iter().map(|name| self.value(name)).collect(),
            outputs: node.output.len(),
            attributes,
            computes: self.budget.has_numbers(),
        };
        if matches!(call.operator.as_str(), "If" | "Loop" | "Scan") {
            return self.run_control(node, &call, context);
        }
        let outputs = self.outputs(node, infer(&call).unwrap_or_default());
        let used =
            call.inputs.iter().flatten().map(Rc::as_ref).chain(&outputs).filter_map(|value| value.numbers.as_ref());
        self.budget.use_numbers(used.map(|numbers| numbers.len()).sum());
        match work(&call, &outputs).zip(bytes(node, &call, &outputs)) {
            Some((work, bytes)) if self.budget.count_node() => self.tally.add(node.name, &call.operator, work, bytes),
            _ => self.tally.leave_out(&call.operator),
        }
        for (name, value) in node.output.iter().zip(outputs).filter(|(name, _)| !name.is_empty()) {
            self.define(name, value);
        }
    }

    /// Nothing for an input that is left out; unknown for a name that nothing defines.
    pub(super) fn value(&self, name: &str) -> Option<Rc<Value>> {
        (!name.is_empty()).then(|| self.scopes.get(name).unwrap_or_default())
    }

    /// As many as the operator has, with what the file declares where the rules left something open.
    pub(super) fn outputs(&self, node: &Node<'a>, inferred: Vec<Value>) -> Vec<Value> {
        let mut inferred = inferred.into_iter();
        node.output.iter().map(|name| self.completed(name, inferred.next().unwrap_or_default())).collect()
    }

    fn completed(&self, name: &str, value: Value) -> Value {
        let is_open = value.dims.as_ref().is_none_or(|dims| dims.contains(&None));
        let Some(tensor) = self.scopes.declared(name).filter(|_| is_open) else { return value };
        let known = declared(tensor, |symbol| self.lengths.of_axis(symbol));
        let element = if value.element == Value::unknown().element { known.element } else { value.element };
        let dims = match (value.dims, known.dims) {
            (Some(dims), Some(known)) if dims.len() == known.len() => {
                Some(dims.iter().zip(known).map(|(dim, known)| dim.or(known)).collect())
            }
            (dims, known) => dims.or(known),
        };
        Value { element, dims, numbers: value.numbers }
    }
}

/// How much a look at an operator is, see [`Budget::step`].
fn steps(node: &Node) -> usize {
    let Node { input, output, name, op_type, domain, overload, attribute } = node;
    let names = input.iter().chain(output).map(|name| name.len()).sum::<usize>();
    let characters = names + name.len() + op_type.len() + domain.len() + overload.len();
    1 + input.len() + output.len() + attribute.len() + characters / 16
}

/// Inputs and outputs, each once. A constant moves only where it is used.
fn bytes(node: &Node, call: &Call, outputs: &[Value]) -> Option<u64> {
    if call.operator == "Constant" {
        return Some(0);
    }
    let mut seen = HashSet::new();
    let inputs = node.input.iter().zip(&call.inputs).filter(|(name, _)| seen.insert(**name));
    let inputs = inputs.filter_map(|(_, value)| value.as_deref());
    let outputs = node.output.iter().zip(outputs).filter(|(name, _)| !name.is_empty()).map(|(_, value)| value);
    inputs.chain(outputs).try_fold(0_u64, |sum, value| sum.checked_add(value.bytes()?))
}
