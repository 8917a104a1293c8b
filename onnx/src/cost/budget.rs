//! Bounds to what one model may take, so that a hostile file costs no more than seconds and some hundred MiB. A real model
//! of a hundred thousand operators takes a fifth of each.

/// Operators, their inputs, outputs and attributes, and their names by sixteen characters. Functions that call functions
/// make exponentially many of few bytes.
const STEPS: usize = 4_000_000;
/// What a call of a function is in such steps: it has a table of names of its own.
pub(super) const CALL_STEPS: usize = 64;
/// Numbers that shapes are computed with.
const NUMBERS: usize = 4_000_000;
/// Axes of all values together.
const AXES: usize = 8_000_000;
/// Counted operators, each of which has its own entry.
const NODES: usize = 500_000;
/// Bodies within bodies and functions within functions; protobuf allows thirty of the former.
const DEPTH: usize = 64;

pub(super) struct Budget {
    steps: usize,
    numbers: usize,
    axes: usize,
    nodes: usize,
    depth: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { steps: STEPS, numbers: NUMBERS, axes: AXES, nodes: NODES, depth: DEPTH }
    }
}

impl Budget {
    /// Whether there are so many steps left; if so, they are taken.
    pub(super) fn step(&mut self, count: usize) -> bool {
        take(&mut self.steps, count)
    }

    pub(super) fn has_numbers(&self) -> bool {
        self.numbers > 0
    }

    pub(super) fn use_numbers(&mut self, count: usize) {
        self.numbers = self.numbers.saturating_sub(count);
    }

    pub(super) fn keep_axes(&mut self, count: usize) -> bool {
        take(&mut self.axes, count)
    }

    pub(super) fn count_node(&mut self) -> bool {
        take(&mut self.nodes, 1)
    }

    /// Whether one may go one level deeper; if so, [`Budget::leave`] must follow.
    pub(super) fn enter(&mut self) -> bool {
        take(&mut self.depth, 1)
    }

    pub(super) fn leave(&mut self) {
        self.depth += 1;
    }
}

fn take(left: &mut usize, count: usize) -> bool {
    let rest = left.checked_sub(count);
    *left = rest.unwrap_or(0);
    rest.is_some()
}
