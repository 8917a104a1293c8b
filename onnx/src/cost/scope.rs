//! Names and what is known of the values behind them. A body sees the names around it, a function only its own.

use std::collections::HashMap;
use std::rc::Rc;

use super::budget::Budget;
use crate::format::read::{Graph, TensorType};
use crate::shape::Value;

#[derive(Default)]
pub(super) struct Scopes<'g, 'a>(Vec<Scope<'g, 'a>>);

#[derive(Default)]
struct Scope<'g, 'a> {
    values: HashMap<&'a str, Rc<Value>>,
    /// What the file says of values, which is believed where no rule knows better.
    declared: HashMap<&'a str, &'g TensorType<'a>>,
    is_function: bool,
}

impl<'g, 'a> Scopes<'g, 'a> {
    pub(super) fn enter_graph(&mut self, graph: &'g Graph<'a>) {
        let values = graph.value_info.iter().chain(&graph.output);
        let declared = values.filter_map(|value| Some((value.name, value.kind.as_ref()?.tensor.as_deref()?))).collect();
        self.0.push(Scope { declared, ..Scope::default() });
    }

    pub(super) fn enter_function(&mut self) {
        self.0.push(Scope { is_function: true, ..Scope::default() });
    }

    pub(super) fn leave(&mut self) {
        self.0.pop();
    }

    pub(super) fn get(&self, name: &str) -> Option<Rc<Value>> {
        for scope in self.0.iter().rev() {
            if let Some(value) = scope.values.get(name) {
                return Some(value.clone());
            }
            if scope.is_function {
                break;
            }
        }
        None
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.last().is_some_and(|scope| scope.values.contains_key(name))
    }

    pub(super) fn declared(&self, name: &str) -> Option<&'g TensorType<'a>> {
        self.0.last()?.declared.get(name).copied()
    }

    pub(super) fn define(&mut self, name: &'a str, value: Rc<Value>, budget: &mut Budget) {
        let Some(scope) = self.0.last_mut() else { return };
        let fits = budget.keep_axes(value.dims.as_ref().map_or(0, Vec::len));
        scope.values.insert(name, if fits { value } else { Rc::new(Value::unknown()) });
    }
}
