//! What a campaign would measure.

use std::io::{self, Write};

use domain::campaign::Plan;
use serde::Serialize;

use super::describe_cell;
use crate::output::{Answer, Table};

#[derive(Debug, Serialize)]
pub(crate) struct PlanView {
    pub(crate) name: String,
    pub(crate) repetitions: u32,
    pub(crate) runs: usize,
    pub(crate) cells: Vec<PlannedCellView>,
}

#[derive(Debug, Serialize)]
pub(crate) struct PlannedCellView {
    pub(crate) cell: u32,
    /// See [`domain::CellSpec::key`]; `None` if the models are not checked.
    pub(crate) key: Option<String>,
    pub(crate) device: String,
    pub(crate) settings: String,
}

/// Whether the models' bytes were known when the plan was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Models {
    Known,
    Unchecked,
}

impl PlanView {
    pub(crate) fn new(plan: &Plan, models: Models) -> Self {
        let cells = plan.cells.iter().map(|cell| PlannedCellView {
            cell: cell.number,
            key: (models == Models::Known).then(|| cell.key.to_string()),
            device: cell.device.to_string(),
            settings: describe_cell(&cell.spec.clone().into()),
        });
        Self { name: plan.name.clone(), repetitions: plan.repetitions, runs: plan.runs().len(), cells: cells.collect() }
    }
}

impl Answer for PlanView {
    const SCHEMA: &'static str = "furlong.plan/v1";

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}: {} cells x {} = {} runs", self.name, self.cells.len(), self.repetitions, self.runs)?;
        let mut table = Table::new(&[">#", "DEVICE", "SETTINGS"]);
        for cell in &self.cells {
            table.row([cell.cell.to_string(), cell.device.clone(), cell.settings.clone()]);
        }
        table.write(out)
    }
}
