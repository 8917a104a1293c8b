//! Operators that run other operators: functions, branches, loops.

use std::rc::Rc;

use super::budget::CALL_STEPS;
use super::walk::{Context, Walk};
use crate::element::ElementType;
use crate::format::read::{Function, Graph, Node, is_standard};
use crate::shape::{Call, Length, Value, length};

impl<'g, 'a> Walk<'g, 'a> {
    pub(super) fn run_function(
        &mut self,
        node: &'g Node<'a>,
        operator: &str,
        function: &'g Function<'a>,
        context: Context<'g, 'a>,
    ) {
        if !self.budget.step(CALL_STEPS) || !self.budget.enter() {
            return self.tally.leave_out(operator);
        }
        let inputs: Vec<Rc<Value>> = node.input.iter().map(|name| self.value(name).unwrap_or_default()).collect();
        self.scopes.enter_function();
        for (name, value) in function.input.iter().zip(inputs) {
            self.define(name, value);
        }
        let own = function.opset_import.iter().find(|set| is_standard(set.domain));
        let opset = own.map_or(context.opset, |set| set.version);
        self.run(&function.node, Context { opset, caller: &node.attribute, caller_default: &function.default });
        let outputs: Vec<Rc<Value>> = function.output.iter().map(|name| self.value(name).unwrap_or_default()).collect();
        self.scopes.leave();
        self.budget.leave();
        for (name, value) in node.output.iter().zip(outputs).filter(|(name, _)| !name.is_empty()) {
            self.define(name, value);
        }
    }

    /// If, Loop or Scan.
    pub(super) fn run_control(&mut self, node: &'g Node<'a>, call: &Call<'g, 'a>, context: Context<'g, 'a>) {
        let outputs = match call.operator.as_str() {
            "If" => self.branch(call, context),
            "Loop" => self.turn(call, context),
            _ => self.scan(call, context),
        };
        let Some(outputs) = outputs else {
            return self.tally.leave_out(&call.operator);
        };
        self.tally.add(node.name, &call.operator, super::formula::Work::default(), 0);
        let outputs = self.outputs(node, outputs);
        for (name, value) in node.output.iter().zip(outputs).filter(|(name, _)| !name.is_empty()) {
            self.define(name, value);
        }
    }

    fn branch(&mut self, call: &Call<'g, 'a>, context: Context<'g, 'a>) -> Option<Vec<Value>> {
        let condition = call.number(0);
        let name = if condition == Some(0.0) { "else_branch" } else { "then_branch" };
        let outputs = self.body(body(call, name)?, Vec::new(), context)?;
        if condition.is_none() {
            self.tally.assume(&call.operator);
        }
        Some(outputs)
    }

    /// Inputs: how often, whether at all, and what goes from turn to turn. The body's: which turn, whether, the same.
    fn turn(&mut self, call: &Call<'g, 'a>, context: Context<'g, 'a>) -> Option<Vec<Value>> {
        let graph = body(call, "body")?;
        let carried: Vec<Value> = call.inputs.iter().skip(2).map(|value| lasting(value.as_deref())).collect();
        let scalar = |element| Value::of(element, Vec::new());
        let mut inputs = vec![scalar(ElementType::INT64), scalar(ElementType::BOOL)];
        inputs.extend_from_slice(&carried);
        let outputs = self.body(graph, inputs, context)?;
        let turns = call.number(0).and_then(length);
        self.tally.assume(&call.operator);
        let mut outputs = outputs.into_iter().skip(1);
        let last: Vec<Value> = carried.iter().zip(outputs.by_ref()).map(|(first, last)| common(first, &last)).collect();
        Some(last.into_iter().chain(outputs.map(|value| stacked(value, turns))).collect())
    }

    /// Inputs: what goes from turn to turn, and tensors that are gone through along their first axis.
    fn scan(&mut self, call: &Call<'g, 'a>, context: Context<'g, 'a>) -> Option<Vec<Value>> {
        let graph = body(call, "body")?;
        let scanned = usize::try_from(call.int("num_scan_inputs")?).ok()?;
        let states = call.inputs.len().checked_sub(scanned)?;
        let is_plain = |name: &str| call.ints(name).is_none_or(|axes| axes.iter().all(|axis| *axis == 0));
        // Version 8 had a batch, and later ones may go along other axes: both are rare, and not understood.
        (call.opset > 8 && is_plain("scan_input_axes") && is_plain("scan_output_axes")).then_some(())?;
        let mut turns = None;
        let mut inputs = Vec::new();
        for (at, value) in call.inputs.iter().enumerate() {
            let mut value = lasting(value.as_deref());
            if at >= states {
                let mut dims = value.dims.take()?;
                (!dims.is_empty()).then_some(())?;
                turns = turns.or(dims.remove(0));
                value.dims = Some(dims);
            }
            inputs.push(value);
        }
        let outputs = self.body(graph, inputs.clone(), context)?;
        self.tally.assume(&call.operator);
        let mut outputs = outputs.into_iter();
        let last: Vec<Value> =
            inputs.iter().take(states).zip(outputs.by_ref()).map(|(first, last)| common(first, &last)).collect();
        Some(last.into_iter().chain(outputs.map(|value| stacked(value, turns))).collect())
    }

    /// Goes through a body with what its inputs are, and tells its outputs.
    fn body(&mut self, graph: &'g Graph<'a>, inputs: Vec<Value>, context: Context<'g, 'a>) -> Option<Vec<Value>> {
        let parts = graph.value_info.len() + graph.output.len() + graph.initializer.len() + graph.input.len();
        if !self.budget.step(parts) || !self.budget.enter() {
            return None;
        }
        self.scopes.enter_graph(graph);
        for (input, value) in graph.input.iter().zip(inputs) {
            self.define(input.name, value);
        }
        self.define_constants(graph);
        self.run(&graph.node, context);
        let value = |name: &str| self.value(name).map_or_else(Value::unknown, |value| Value::clone(&value));
        let outputs = graph.output.iter().map(|output| value(output.name)).collect();
        self.scopes.leave();
        self.budget.leave();
        Some(outputs)
    }
}

fn body<'g, 'a>(call: &Call<'g, 'a>, name: &str) -> Option<&'g Graph<'a>> {
    call.attributes.get(name)?.g.as_deref()
}

/// What holds of a value in every turn: not its numbers.
fn lasting(value: Option<&Value>) -> Value {
    let Some(Value { element, dims, numbers: _ }) = value else { return Value::unknown() };
    Value { element: *element, dims: dims.clone(), numbers: None }
}

/// What holds of a value before the first turn and after it.
fn common(first: &Value, last: &Value) -> Value {
    let same = |(first, last): (&Length, &Length)| if first == last { *first } else { None };
    let dims = match (&first.dims, &last.dims) {
        (Some(first), Some(last)) if first.len() == last.len() => Some(first.iter().zip(last).map(same).collect()),
        _ => None,
    };
    Value { element: last.element, dims, numbers: None }
}

/// One of each turn, along a new first axis.
fn stacked(value: Value, turns: Length) -> Value {
    let Value { element, dims, numbers: _ } = value;
    match dims {
        Some(dims) => Value::of(element, std::iter::once(turns).chain(dims).collect()),
        None => Value { element, ..Value::unknown() },
    }
}
