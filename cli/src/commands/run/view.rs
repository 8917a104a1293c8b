//! What `run` answers.

use std::io::{self, Write};
use std::path::Path;

use analysis::Analysis;
use domain::{CellSpec, Measurement, VerdictLevel, units};
use serde::Serialize;

use crate::output::{Answer, Figures, Table, facts};

/// One launch of a model.
pub(super) struct Launch {
    pub(super) measurement: Measurement,
    pub(super) analysis: Analysis,
}

/// A model with its launches.
#[derive(Serialize)]
pub(super) struct Subject {
    model: String,
    settings: String,
    cell: CellSpec,
    launches: Vec<Figures>,
}

impl Subject {
    pub(super) fn new(model: &Path, cell: &CellSpec, launches: &[Launch]) -> Self {
        let figures = launches
            .iter()
            .map(|launch| Figures::new(&launch.measurement, &launch.analysis.statistics, &launch.analysis.verdict));
        Self {
            model: model.display().to_string(),
            settings: cell.describe(),
            cell: cell.clone(),
            launches: figures.collect(),
        }
    }

    /// Medians of the launches that may be compared.
    fn medians(&self) -> Vec<f64> {
        let usable = self.launches.iter().filter(|launch| launch.verdict.level != VerdictLevel::Invalid);
        #[expect(clippy::cast_precision_loss, reason = "latencies are far below 2^52 ns")]
        usable.map(|launch| launch.statistics.latency.p50_ns as f64).collect()
    }
}

/// Time of the second model over that of the first, with its 95 % interval.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Comparison {
    pub(super) ratio: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// The whole answer.
#[derive(Serialize)]
pub(super) struct Report {
    models: Vec<Subject>,
    /// Median latency of the second over the first, by launches.
    comparison: Option<Comparison>,
}

impl Report {
    pub(super) fn new(models: Vec<Subject>) -> Self {
        let comparison = match models.as_slice() {
            [first, second] => super::compare(&first.medians(), &second.medians()),
            _ => None,
        };
        Self { models, comparison }
    }
}

impl Answer for Report {
    const SCHEMA: &'static str = "furlong.local-run/v1";

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        for subject in &self.models {
            match subject.launches.as_slice() {
                [only] => one(out, subject, only)?,
                launches => several(out, subject, launches)?,
            }
            writeln!(out)?;
        }
        if let [first, second] = self.models.as_slice() {
            comparison(out, first, second, self.comparison)?;
        }
        Ok(())
    }
}

fn one(out: &mut dyn Write, subject: &Subject, figures: &Figures) -> io::Result<()> {
    let mut lines = vec![("model", subject.model.clone()), ("settings", subject.settings.clone())];
    lines.extend(figures.verdict_lines());
    facts(out, &lines)?;
    writeln!(out)?;
    figures.percentiles(out)?;
    writeln!(out)?;
    facts(out, &figures.lines())?;
    writeln!(out)?;
    figures.placement(out)?;
    writeln!(out)?;
    figures.energy(out)?;
    figures.environment(out)
}

fn several(out: &mut dyn Write, subject: &Subject, launches: &[Figures]) -> io::Result<()> {
    facts(out, &[("model", subject.model.clone()), ("settings", subject.settings.clone())])?;
    let mut table =
        Table::new(&[">LAUNCH", ">QUERIES", ">P50", ">P90", ">THROUGHPUT", "STEADINESS", ">OTHERS", "VERDICT"]);
    for (figures, number) in launches.iter().zip(1..) {
        let latency = &figures.statistics.latency;
        let codes: Vec<&str> = figures.verdict.reasons.iter().map(|reason| reason.code.as_str()).collect();
        table.row([
            number.to_string(),
            figures.queries.to_string(),
            units::duration_ns(latency.p50_ns),
            units::duration_ns(latency.p90_ns),
            units::per_second(figures.statistics.throughput_per_s),
            figures.statistics.steady.class.name().to_owned(),
            figures.environment.volatile.foreign_cpu_share.map_or_else(|| "-".to_owned(), units::percent),
            format!("{} {}", figures.verdict.level, codes.join(", ")).trim_end().to_owned(),
        ]);
    }
    table.write(out)
}

fn comparison(out: &mut dyn Write, first: &Subject, second: &Subject, found: Option<Comparison>) -> io::Result<()> {
    let name = |subject: &Subject| {
        let path = Path::new(&subject.model);
        path.file_name().map_or_else(|| subject.model.clone(), |name| name.to_string_lossy().into_owned())
    };
    let (first, second) = (name(first), name(second));
    let Some(Comparison { ratio, low, high }) = found else {
        return writeln!(
            out,
            "{first} and {second}: no ratio, because that takes two launches of each that are not invalid"
        );
    };
    let (faster, slower, ratio, low, high) = if ratio >= 1.0 {
        (first, second, ratio, low, high)
    } else {
        (second, first, 1.0 / ratio, 1.0 / high, 1.0 / low)
    };
    if low <= 1.0 {
        return writeln!(
            out,
            "no difference shown: {faster} is {ratio:.3} times as fast as {slower}, 95 % interval {low:.3} .. {high:.3}, by the medians of launches"
        );
    }
    writeln!(
        out,
        "{faster} is {ratio:.3} times as fast as {slower}, 95 % interval {low:.3} .. {high:.3}, by the medians of launches"
    )
}
