//! Published latencies beside the measured ones, each with its ratio to the same model: only ratios travel between machines.

use std::io::{self, Write};

use domain::{campaign::Reference, units};
use serde::Serialize;

use super::CellView;
use crate::output::{Answer, Table};

#[derive(Debug, Serialize)]
pub(crate) struct ReferenceView {
    pub(crate) name: String,
    pub(crate) source: String,
    pub(crate) note: String,
    pub(crate) relative_to: Option<String>,
    /// By the published latency, the longest first.
    pub(crate) rows: Vec<ReferenceRow>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ReferenceRow {
    pub(crate) model: String,
    /// Of the first cell that fits; `None` if none was measured.
    pub(crate) cell: Option<u32>,
    pub(crate) p50_ns: Option<u64>,
    /// The simulated board that measured; `None` = a real device.
    pub(crate) simulated: Option<String>,
    pub(crate) measured_ratio: Option<f64>,
    pub(crate) published_ns: u64,
    pub(crate) published_ratio: Option<f64>,
}

impl ReferenceView {
    pub(crate) fn new(reference: &Reference, cells: &[CellView]) -> Self {
        let Reference { name, source, note, relative_to, precision, scenario, latencies } = reference;
        let fits = |cell: &&CellView| {
            precision.as_ref().is_none_or(|wanted| cell.precision.as_deref() == Some(wanted.as_str()))
                && scenario.as_ref().is_none_or(|wanted| cell.scenario.starts_with(wanted.as_str()))
        };
        let measured = |model: &str| cells.iter().filter(fits).find(|cell| cell.model == model);
        let published = |model: &str| latencies.get(model).map(|latency| nanoseconds(*latency));
        let base = relative_to.as_deref();
        let (measured_base, published_base) =
            (base.and_then(measured).and_then(|cell| cell.p50_ns), base.and_then(published));
        let mut rows: Vec<_> = latencies
            .iter()
            .map(|(model, latency)| {
                let cell = measured(model);
                let p50_ns = cell.and_then(|cell| cell.p50_ns);
                let published_ns = nanoseconds(*latency);
                ReferenceRow {
                    model: model.clone(),
                    cell: cell.map(|cell| cell.cell),
                    p50_ns,
                    simulated: cell.and_then(|cell| cell.simulated.clone()),
                    measured_ratio: p50_ns.zip(measured_base).map(|(own, base)| ratio(own, base)),
                    published_ns,
                    published_ratio: published_base.map(|base| ratio(published_ns, base)),
                }
            })
            .collect();
        rows.sort_by(|one, other| other.published_ns.cmp(&one.published_ns).then_with(|| one.model.cmp(&other.model)));
        Self { name: name.clone(), source: source.clone(), note: note.clone(), relative_to: relative_to.clone(), rows }
    }
}

impl Answer for ReferenceView {
    const SCHEMA: &'static str = "furlong.reference/v1";

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        let source = if self.source.is_empty() { String::new() } else { format!(" ({})", self.source) };
        writeln!(out, "beside {}{source}", self.name)?;
        let relative = self.relative_to.as_deref().map_or_else(String::new, |model| format!("TO {model}"));
        let (measured_ratio, published_ratio) = (format!(">{relative}"), format!(">{} {relative}", self.name));
        let mut headings = vec![">#", "MODEL", ">MEASURED P50"];
        let published = format!(">{}", self.name);
        if self.relative_to.is_some() {
            headings.push(&measured_ratio);
        }
        headings.push(&published);
        if self.relative_to.is_some() {
            headings.push(&published_ratio);
        }
        let mut table = Table::new(&headings);
        let dash = || "-".to_owned();
        for row in &self.rows {
            let mut cells = vec![
                row.cell.map_or_else(dash, |cell| cell.to_string()),
                row.model.clone(),
                row.p50_ns.map_or_else(dash, |ns| {
                    let simulated = if row.simulated.is_some() { " (simulated)" } else { "" };
                    format!("{}{simulated}", units::duration_ns(ns))
                }),
            ];
            let ratio = |ratio: Option<f64>| ratio.map_or_else(dash, |ratio| format!("{ratio:.3}"));
            if self.relative_to.is_some() {
                cells.push(ratio(row.measured_ratio));
            }
            cells.push(units::duration_ns(row.published_ns));
            if self.relative_to.is_some() {
                cells.push(ratio(row.published_ratio));
            }
            table.row(cells);
        }
        table.write(out)?;
        if !self.note.is_empty() {
            writeln!(out, "note: {}", self.note.trim())?;
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn ratio(own: u64, base: u64) -> f64 {
    own as f64 / base as f64
}

fn nanoseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
