//! Accuracy of cells, each beside its reference.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    time::Duration,
};

use domain::{Digest, Metric, Task, units};
use proto::pb;
use serde::Serialize;

use crate::output::{Answer, Table};

/// One figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct MetricView {
    pub(crate) name: String,
    pub(crate) value: f64,
    /// 95 %.
    pub(crate) low: Option<f64>,
    pub(crate) high: Option<f64>,
    pub(crate) right: Option<u64>,
    pub(crate) of: Option<u64>,
}

impl From<&pb::Metric> for MetricView {
    fn from(metric: &pb::Metric) -> Self {
        let pb::Metric { name, value, low, high, right, of } = metric.clone();
        Self { name, value, low, high, right, of }
    }
}

impl MetricView {
    fn text(&self) -> String {
        format!("{:.4}", self.value)
    }

    fn interval_text(&self) -> String {
        let interval = self.low.zip(self.high);
        interval.map_or_else(|| "-".to_owned(), |(low, high)| format!("{low:.4} to {high:.4}"))
    }

    fn count_text(&self) -> String {
        self.right.zip(self.of).map_or_else(|| "-".to_owned(), |(right, of)| format!("{right}/{of}"))
    }
}

/// What one run over a data set reports.
#[derive(Debug, Serialize)]
pub(crate) struct RecordView {
    task: String,
    /// Of the data set's file, in hexadecimal.
    dataset_sha256: String,
    /// Examples.
    total: u64,
    seen: u64,
    scored: u64,
    skipped: u64,
    metrics: Vec<MetricView>,
    preprocessing: String,
    /// The first examples that were left out, and why.
    problems: Vec<String>,
    /// Seconds: all of it, and the model's part.
    elapsed_s: f64,
    inference_s: f64,
}

impl From<&pb::AccuracyRecord> for RecordView {
    fn from(record: &pb::AccuracyRecord) -> Self {
        let seconds = |ns| Duration::from_nanos(ns).as_secs_f64();
        let dataset = Digest::try_from(record.dataset_sha256.as_slice());
        Self {
            task: record.task.clone(),
            dataset_sha256: dataset.map_or_else(|_other_length| String::new(), |digest| digest.to_string()),
            total: record.total,
            seen: record.seen,
            scored: record.scored,
            skipped: record.skipped,
            metrics: record.metrics.iter().map(MetricView::from).collect(),
            preprocessing: record.preprocessing.clone(),
            problems: record.problems.iter().map(|problem| format!("{}: {}", problem.example, problem.why)).collect(),
            elapsed_s: seconds(record.elapsed_ns),
            inference_s: seconds(record.inference_ns),
        }
    }
}

impl RecordView {
    pub(crate) fn lines(&self) -> [(&'static str, String); 4] {
        let Self { total, seen, scored, skipped, elapsed_s, inference_s, .. } = self;
        let share = if *elapsed_s > 0.0 { inference_s / elapsed_s } else { 0.0 };
        [
            ("task", self.task.clone()),
            ("examples", format!("{seen} of {total}, {scored} scored, {skipped} skipped")),
            ("preprocessing", self.preprocessing.clone()),
            ("time", format!("{elapsed_s:.1} s, {} of it in the model", units::percent(share))),
        ]
    }

    /// The metrics, and what was left out.
    pub(crate) fn write_metrics(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(&["METRIC", ">VALUE", ">95 % INTERVAL", ">RIGHT"]);
        for metric in &self.metrics {
            table.row([metric.name.clone(), metric.text(), metric.interval_text(), metric.count_text()]);
        }
        table.write(out)?;
        self.problems.iter().try_for_each(|problem| writeln!(out, "left out {problem}"))
    }
}

/// One cell's accuracy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct AccuracyView {
    pub(crate) cell: u32,
    pub(crate) model: String,
    pub(crate) precision: Option<String>,
    pub(crate) task: String,
    pub(crate) dataset: String,
    pub(crate) run: String,
    /// Examples.
    pub(crate) scored: u64,
    pub(crate) skipped: u64,
    pub(crate) metrics: Vec<MetricView>,
    pub(crate) preprocessing: String,
    pub(crate) comparison: Option<ComparisonView>,
    /// Why there is no figure.
    pub(crate) none_because: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct ComparisonView {
    pub(crate) reference: String,
    pub(crate) metric: String,
    /// `None` = the reference's figure is 0 or less.
    pub(crate) ratio: Option<f64>,
    pub(crate) ratio_low: Option<f64>,
    pub(crate) ratio_high: Option<f64>,
    pub(crate) p_value: Option<f64>,
    pub(crate) test: String,
    pub(crate) verdict: String,
    pub(crate) only_this: Option<u64>,
    pub(crate) only_reference: Option<u64>,
    pub(crate) min_ratio: Option<f64>,
    pub(crate) reached: Option<bool>,
}

impl AccuracyView {
    /// Whether it has less of its reference's accuracy than was asked for.
    pub(crate) fn is_missed(&self) -> bool {
        self.comparison.as_ref().is_some_and(|comparison| comparison.reached == Some(false))
    }

    /// `None` for a cell that asks for no accuracy.
    pub(crate) fn of(summary: &pb::CellSummary) -> Option<Self> {
        let model = summary.spec.as_ref().and_then(|spec| spec.model.clone()).unwrap_or_default();
        let empty = Self {
            cell: summary.cell,
            precision: (!model.precision.is_empty()).then_some(model.precision),
            model: model.name,
            task: String::new(),
            dataset: String::new(),
            run: String::new(),
            scored: 0,
            skipped: 0,
            metrics: Vec::new(),
            preprocessing: String::new(),
            comparison: None,
            none_because: None,
        };
        let Some(accuracy) = &summary.accuracy else {
            let reason = summary.no_accuracy_reason.clone();
            return (!reason.is_empty()).then_some(Self { none_because: Some(reason), ..empty });
        };
        Some(Self {
            task: accuracy.task.clone(),
            dataset: accuracy.dataset.clone(),
            run: domain::RunId(accuracy.run_id).to_string(),
            scored: accuracy.scored,
            skipped: accuracy.skipped,
            metrics: accuracy.metrics.iter().map(MetricView::from).collect(),
            preprocessing: accuracy.preprocessing.clone(),
            comparison: accuracy.comparison.as_ref().map(ComparisonView::from),
            ..empty
        })
    }
}

impl From<&pb::AccuracyComparison> for ComparisonView {
    fn from(comparison: &pb::AccuracyComparison) -> Self {
        let pb::AccuracyComparison {
            reference,
            reference_run_id: _,
            metric,
            ratio,
            ratio_low,
            ratio_high,
            p_value,
            test,
            verdict,
            only_this,
            only_reference,
            min_ratio,
            reached,
        } = comparison.clone();
        Self {
            reference,
            metric,
            ratio,
            ratio_low,
            ratio_high,
            p_value,
            test,
            verdict,
            only_this,
            only_reference,
            min_ratio,
            reached,
        }
    }
}

impl ComparisonView {
    fn ratio_text(&self) -> String {
        let mark = match self.reached {
            Some(false) => " < required",
            Some(true) | None => "",
        };
        self.ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.4}{mark}"))
    }

    /// e.g. `indistinguishable from fp32 (McNemar, exact, p 0.63; +3 -5)`.
    fn verdict_text(&self) -> String {
        if self.verdict.is_empty() {
            return "-".to_owned();
        }
        let joined = match self.verdict.as_str() {
            "indistinguishable" => "indistinguishable from",
            "better" => "better than",
            "worse" => "worse than",
            other => other,
        };
        let p = self.p_value.map(|p| if p < 0.0001 { ", p < 0.0001".to_owned() } else { format!(", p {p:.4}") });
        let discordant = self.only_this.zip(self.only_reference).map(|(mine, theirs)| format!("; +{mine} -{theirs}"));
        format!(
            "{joined} {} ({}{}{})",
            self.reference,
            self.test,
            p.unwrap_or_default(),
            discordant.unwrap_or_default()
        )
    }
}

/// What was done to examples, and the numbers of the cells.
fn by_preprocessing(cells: &[AccuracyView]) -> BTreeMap<&str, Vec<String>> {
    let mut found = BTreeMap::<&str, Vec<String>>::new();
    for cell in cells.iter().filter(|cell| !cell.metrics.is_empty()) {
        found.entry(&cell.preprocessing).or_default().push(cell.cell.to_string());
    }
    found
}

/// Of models and precisions that were evaluated on all nine tasks.
fn glue_scores(cells: &[AccuracyView]) -> Vec<(String, f64)> {
    let mut models = BTreeMap::<String, BTreeMap<Task, Vec<Metric>>>::new();
    for cell in cells {
        let Ok(task) = Task::parse(&cell.task) else { continue };
        let name =
            cell.precision.as_ref().map_or_else(|| cell.model.clone(), |label| format!("{} {label}", cell.model));
        let metric = |metric: &MetricView| Metric {
            name: metric.name.clone(),
            value: metric.value,
            interval: None,
            count: None,
        };
        models.entry(name).or_default().insert(task, cell.metrics.iter().map(metric).collect());
    }
    models.into_iter().filter_map(|(name, tasks)| Some((name, score::glue_average(&tasks)?))).collect()
}

impl Answer for Vec<AccuracyView> {
    const SCHEMA: &'static str = "furlong.accuracies/v1";

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(&[
            ">#",
            "MODEL",
            "PRECISION",
            "DATA SET",
            "METRIC",
            ">ACCURACY",
            ">95 % INTERVAL",
            ">RIGHT",
            ">OF REFERENCE",
            "VERDICT",
        ]);
        let dash = || "-".to_owned();
        for cell in self {
            let lead = |metric: &str| {
                [
                    cell.cell.to_string(),
                    cell.model.clone(),
                    cell.precision.clone().unwrap_or_else(dash),
                    cell.dataset.clone(),
                    metric.to_owned(),
                ]
            };
            if cell.metrics.is_empty() {
                table.row(lead("-").into_iter().chain([dash(), dash(), dash(), dash(), dash()]));
                continue;
            }
            for metric in &cell.metrics {
                let compared = cell.comparison.as_ref().filter(|comparison| comparison.metric == metric.name);
                let figures = [
                    metric.text(),
                    metric.interval_text(),
                    metric.count_text(),
                    compared.map_or_else(dash, ComparisonView::ratio_text),
                    compared.map_or_else(dash, ComparisonView::verdict_text),
                ];
                table.row(lead(&metric.name).into_iter().chain(figures));
            }
        }
        table.write(out)?;
        for (preprocessing, cells) in by_preprocessing(self) {
            let (noun, cells) = (if cells.len() == 1 { "cell" } else { "cells" }, cells.join(", "));
            writeln!(out, "preprocessing of {noun} {cells}: {preprocessing}")?;
        }
        for (model, score) in glue_scores(self) {
            writeln!(out, "GLUE score of {model}: {score:.4}, the mean over its nine tasks on their dev sets")?;
        }
        for cell in self {
            if let Some(reason) = &cell.none_because {
                writeln!(out, "cell {}: no accuracy, {reason}", cell.cell)?;
            }
            if cell.skipped > 0 {
                writeln!(
                    out,
                    "cell {}: {} examples were left out: `furlong show {}` names them",
                    cell.cell, cell.skipped, cell.run
                )?;
            }
        }
        Ok(())
    }
}
