//! What a campaign would measure.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use domain::campaign::{KnownDevice, Plan, PlannedCell};
use domain::{Order, Precision};
use serde::Serialize;

use crate::output::{Answer, Table, facts};

#[derive(Debug, Serialize)]
pub(crate) struct PlanView {
    pub(crate) name: String,
    pub(crate) repetitions: u32,
    pub(crate) runs: usize,
    /// Of these, over a data set: one for all cells that differ in their load alone.
    pub(crate) accuracy_runs: usize,
    pub(crate) order: &'static str,
    /// Of a random order.
    pub(crate) seed: Option<u64>,
    /// Cells of the bare matrix.
    pub(crate) product: usize,
    pub(crate) rules: Vec<RuleView>,
    pub(crate) devices: Vec<DeviceClassView>,
    /// Nanoseconds if every selector's runs are executed by one device after another, selectors at the same time.
    pub(crate) duration_ns: u64,
    /// Cells whose time is known from earlier runs; the others count with the least that their rule allows.
    pub(crate) cells_with_history: usize,
    pub(crate) missing: Absent,
    pub(crate) notes: Vec<String>,
    pub(crate) cells: Vec<PlannedCellView>,
}

#[derive(Debug, Serialize)]
pub(crate) struct RuleView {
    pub(crate) rule: String,
    pub(crate) why: Option<String>,
    pub(crate) at: String,
    pub(crate) cells: usize,
}

/// The cells of one selector.
#[derive(Debug, Serialize)]
pub(crate) struct DeviceClassView {
    pub(crate) selector: String,
    pub(crate) cells: usize,
    pub(crate) runs: usize,
    /// Enrolled devices that match; `None` if there is no coordinator to ask.
    pub(crate) matching: Option<usize>,
    pub(crate) duration_ns: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct PlannedCellView {
    pub(crate) cell: u32,
    /// See [`domain::CellSpec::key`]; `None` if its model is not there yet.
    pub(crate) key: Option<String>,
    pub(crate) device: String,
    pub(crate) tag: Option<String>,
    pub(crate) settings: String,
}

/// What must be made or found before the campaign can be measured.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Absent {
    pub(crate) models: Vec<String>,
    /// Models that the campaign file declares; `submit` adds them.
    pub(crate) declared: Vec<String>,
    /// Model and precision; `submit` makes them.
    pub(crate) variants: Vec<(String, Precision)>,
    /// Selectors that match too few devices.
    pub(crate) devices: Vec<String>,
}

/// What the plan was held against.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Known<'a> {
    /// A coordinator's devices.
    All(&'a [KnownDevice]),
    Nothing,
}

impl PlanView {
    /// `estimate`: time of one run of a cell, and whether it is known from earlier ones.
    pub(crate) fn new(
        plan: &Plan,
        known: Known<'_>,
        missing: Absent,
        estimate: impl Fn(&PlannedCell) -> (Duration, bool),
    ) -> Self {
        let absent = |cell: &PlannedCell| {
            let model = &cell.spec.model;
            matches!(known, Known::Nothing)
                || missing.models.contains(&model.name)
                || missing.declared.contains(&model.name)
                || missing
                    .variants
                    .iter()
                    .any(|(name, precision)| *name == model.name && Some(precision) == model.precision.as_ref())
        };
        let cells: Vec<_> = plan.cells.iter().map(|cell| PlannedCellView::new(cell, !absent(cell))).collect();
        let mut classes: BTreeMap<String, (usize, usize, Duration)> = BTreeMap::new();
        let mut cells_with_history = 0;
        for cell in &plan.cells {
            let (run, seen) = estimate(cell);
            cells_with_history += usize::from(seen);
            let class = classes.entry(cell.device.to_string()).or_default();
            class.0 += 1;
            class.1 += plan.repetitions as usize + usize::from(cell.evaluates);
            class.2 += run * plan.repetitions;
        }
        let devices = classes.into_iter().map(|(selector, (cells, runs, duration))| DeviceClassView {
            matching: match known {
                Known::All(devices) => selector
                    .parse::<domain::Selector>()
                    .ok()
                    .map(|parsed| devices.iter().filter(|device| parsed.matches(&device.labels)).count()),
                Known::Nothing => None,
            },
            runs,
            duration_ns: nanoseconds(duration),
            selector,
            cells,
        });
        let devices: Vec<_> = devices.collect();
        Self {
            name: plan.name.clone(),
            repetitions: plan.repetitions,
            runs: plan.runs().len(),
            accuracy_runs: plan.cells.iter().filter(|cell| cell.evaluates).count(),
            order: match plan.order {
                Order::Blocked => "blocked",
                Order::Interleaved => "interleaved",
                Order::Random => "random",
            },
            seed: plan.seed.filter(|_| plan.order == Order::Random),
            product: plan.product,
            rules: plan.rules.iter().map(RuleView::from).collect(),
            duration_ns: devices.iter().map(DeviceClassView::wall_ns).max().unwrap_or(0),
            devices,
            cells_with_history,
            missing,
            notes: plan.notes.clone(),
            cells,
        }
    }

    fn duration(&self) -> String {
        let rest = match (self.cells_with_history, self.cells.len()) {
            (0, _) => "at least: no cell of it was measured before".to_owned(),
            _ if self.accuracy_runs > 0 => "without the runs over data sets, whose time nobody knows".to_owned(),
            (known, all) if known == all => "as earlier runs took".to_owned(),
            (known, all) => format!("at least: {known} of {all} cells were measured before"),
        };
        format!("{} ({rest})", span(self.duration_ns))
    }
}

impl DeviceClassView {
    /// Devices of a selector share its cells.
    fn wall_ns(&self) -> u64 {
        let devices = self.matching.unwrap_or(1).clamp(1, self.cells.max(1));
        self.duration_ns / u64::try_from(devices).unwrap_or(1)
    }
}

impl PlannedCellView {
    fn new(cell: &PlannedCell, model_is_there: bool) -> Self {
        Self {
            cell: cell.number,
            key: model_is_there.then(|| cell.key.to_string()),
            device: cell.device.to_string(),
            tag: cell.tag.clone(),
            settings: cell.spec.describe(),
        }
    }
}

impl From<&domain::campaign::RuleCount> for RuleView {
    fn from(rule: &domain::campaign::RuleCount) -> Self {
        let domain::campaign::RuleCount { rule, why, at, cells } = rule;
        Self { rule: rule.clone(), why: why.clone(), at: format!("{}:{}", at.file, at.line), cells: *cells }
    }
}

impl Answer for PlanView {
    const SCHEMA: &'static str = "furlong.plan/v2";

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        /// What fits on a few screens; `-o json` has all.
        const SHOWN: usize = 200;
        let order = match self.seed {
            Some(seed) => format!("{} order, seed {seed}", self.order),
            None => format!("{} order", self.order),
        };
        let cells = self.cells.len();
        let over_data = match self.accuracy_runs {
            0 => String::new(),
            1 => " + 1 over a data set".to_owned(),
            runs => format!(" + {runs} over data sets"),
        };
        let (name, repetitions, runs) = (&self.name, self.repetitions, self.runs);
        writeln!(out, "{name}: {cells} cells x {repetitions}{over_data} = {runs} runs, {order}")?;
        if !self.rules.is_empty() {
            writeln!(out)?;
            let mut table = Table::new(&["RULE", ">CELLS", "WHERE", "WHY"]);
            table.row(["matrix".to_owned(), self.product.to_string(), String::new(), String::new()]);
            for RuleView { rule, why, at, cells } in &self.rules {
                let sign = match rule.split(' ').next() {
                    Some("exclude") => "-",
                    Some("extra") => "+",
                    _ => "~",
                };
                table.row([rule.clone(), format!("{sign}{cells}"), at.clone(), why.clone().unwrap_or_default()]);
            }
            table.write(out)?;
        }
        writeln!(out)?;
        let mut table = Table::new(&["DEVICE", ">CELLS", ">RUNS", ">ENROLLED", ">TIME"]);
        for class in &self.devices {
            table.row([
                class.selector.clone(),
                class.cells.to_string(),
                class.runs.to_string(),
                class.matching.map_or_else(|| "?".to_owned(), |count| count.to_string()),
                span(class.wall_ns()),
            ]);
        }
        table.write(out)?;
        writeln!(out)?;
        let variants = self.missing.variants.iter().map(|(name, precision)| format!("{name} {precision}"));
        let variants: Vec<_> = variants.collect();
        let (models, devices) = (self.missing.models.join(", "), self.missing.devices.join("; "));
        facts(
            out,
            &[
                ("time", self.duration()),
                ("no such model", models),
                ("models to add", self.missing.declared.join(", ")),
                ("variants to make", variants.join(", ")),
                ("too few devices", devices),
            ],
        )?;
        for note in &self.notes {
            writeln!(out, "note: {note}")?;
        }
        writeln!(out)?;
        let mut table = Table::new(&[">#", "DEVICE", "SETTINGS"]);
        for cell in self.cells.iter().take(SHOWN) {
            let tag = cell.tag.as_ref().map_or_else(String::new, |tag| format!(" ({tag})"));
            table.row([cell.cell.to_string(), cell.device.clone(), format!("{}{tag}", cell.settings)]);
        }
        table.write(out)?;
        if cells > SHOWN {
            writeln!(out, ".. and {} more cells; `-o json` lists all", cells - SHOWN)?;
        }
        Ok(())
    }
}

/// One cell with everything it resolves to, and where each value comes from.
#[derive(Debug, Serialize)]
pub(crate) struct ResolvedCellView<'a> {
    pub(crate) cell: u32,
    pub(crate) key: String,
    pub(crate) device: String,
    pub(crate) tag: Option<&'a str>,
    pub(crate) spec: &'a domain::CellSpec,
    /// By the path of the setting; what is not among them is built in.
    pub(crate) origins: BTreeMap<&'a str, String>,
}

impl<'a> ResolvedCellView<'a> {
    pub(crate) fn new(cell: &'a PlannedCell) -> Self {
        let PlannedCell { number, spec, device, key, tag, evaluates: _, origins } = cell;
        Self {
            cell: *number,
            key: key.to_string(),
            device: device.to_string(),
            tag: tag.as_deref(),
            spec,
            origins: origins.iter().map(|(path, origin)| (path.as_str(), origin.to_string())).collect(),
        }
    }
}

impl Answer for ResolvedCellView<'_> {
    const SCHEMA: &'static str = "furlong.cell/v1";

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.spec.describe())
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// As people plan with it: `3h 20m`, `45s`.
fn span(ns: u64) -> String {
    const MINUTE: u64 = 60;
    let seconds = ns.div_ceil(1_000_000_000);
    let seconds = if seconds < 10 * MINUTE { seconds } else { seconds.div_ceil(MINUTE) * MINUTE };
    humantime::format_duration(Duration::from_secs(seconds)).to_string()
}
