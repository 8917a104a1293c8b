//! One model with everything that is known of it.

use std::collections::BTreeMap;
use std::io::{self, Write};

use domain::{
    Agreement, CostFacts, Digest, ExpectedAccuracy, GraphFacts, ModelCard, ModelFile, Postprocessing, Preprocessing,
    Provenance, Timestamp, Weights, units,
};
use proto::{InvalidMessage, pb};
use serde::Serialize;

use super::count;
use crate::output::{Answer, Table, facts};

#[derive(Debug, Serialize)]
pub(crate) struct ModelDetailView {
    name: String,
    sha256: Digest,
    size_bytes: u64,
    tokenizer_sha256: Option<Digest>,
    files: Vec<ModelFile>,
    source: String,
    licence: String,
    added_at: String,
    card: ModelCard,
    variants: Vec<VariantView>,
}

#[derive(Debug, Serialize)]
struct VariantView {
    precision: String,
    sha256: Digest,
    size_bytes: u64,
    files: Vec<ModelFile>,
    provenance: Provenance,
    added_at: String,
}

impl TryFrom<pb::Model> for ModelDetailView {
    type Error = InvalidMessage;

    fn try_from(model: pb::Model) -> Result<Self, InvalidMessage> {
        let pb::Model {
            name,
            sha256,
            size_bytes,
            tokenizer_sha256,
            source,
            licence,
            added_at_us,
            files,
            card,
            variants,
            parameters: _,
        } = model;
        Ok(Self {
            name,
            sha256: digest("sha256", &sha256)?,
            size_bytes,
            tokenizer_sha256: match tokenizer_sha256.as_slice() {
                [] => None,
                bytes => Some(digest("tokenizer_sha256", bytes)?),
            },
            files: files.into_iter().map(ModelFile::try_from).collect::<Result<_, _>>()?,
            source,
            licence,
            added_at: Timestamp(added_at_us).to_string(),
            card: card.ok_or(InvalidMessage::Missing("card"))?.try_into()?,
            variants: variants.into_iter().map(VariantView::try_from).collect::<Result<_, _>>()?,
        })
    }
}

impl TryFrom<pb::ModelVariant> for VariantView {
    type Error = InvalidMessage;

    fn try_from(variant: pb::ModelVariant) -> Result<Self, InvalidMessage> {
        let pb::ModelVariant { precision, sha256, size_bytes, files, provenance, added_at_us } = variant;
        Ok(Self {
            precision,
            sha256: digest("variants.sha256", &sha256)?,
            size_bytes,
            files: files.into_iter().map(ModelFile::try_from).collect::<Result<_, _>>()?,
            provenance: provenance.ok_or(InvalidMessage::Missing("variants.provenance"))?.try_into()?,
            added_at: Timestamp(added_at_us).to_string(),
        })
    }
}

fn digest(field: &'static str, bytes: &[u8]) -> Result<Digest, InvalidMessage> {
    Digest::try_from(bytes).map_err(|error| InvalidMessage::Malformed { field, why: error.to_string() })
}

impl Answer for ModelDetailView {
    const SCHEMA: &'static str = "furlong.model/v1";

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        let ModelCard { precision, weights, task, preprocessing, postprocessing, expected_accuracy, graph } =
            &self.card;
        facts(
            out,
            &[
                ("model", self.name.clone()),
                ("precision", precision.as_ref().map_or_else(|| "not known".to_owned(), ToString::to_string)),
                ("weights", describe_weights(weights)),
                ("task", task.clone().unwrap_or_default()),
                ("licence", self.licence.clone()),
                ("source", self.source.clone()),
                ("added", self.added_at.clone()),
            ],
        )?;
        self.write_files(out)?;
        match graph {
            Some(graph) => write_graph(out, graph)?,
            None => {
                writeln!(out, "\nnothing is known of its graph: the file could not be inspected when it was added")?;
            }
        }
        self.write_variants(out)?;
        write_declared(out, preprocessing.as_ref(), postprocessing.as_ref())?;
        write_accuracy(out, weights, expected_accuracy)
    }
}

impl ModelDetailView {
    fn write_files(&self, out: &mut dyn Write) -> io::Result<()> {
        heading(out, "files")?;
        let mut table = Table::new(&["FILE", ">SIZE", "SHA256"]);
        table.row(["model".to_owned(), units::bytes(self.size_bytes), self.sha256.to_string()]);
        for file in &self.files {
            table.row([file.path.clone(), units::bytes(file.size_bytes), file.sha256.to_string()]);
        }
        if let Some(tokenizer) = &self.tokenizer_sha256 {
            table.row(["tokenizer".to_owned(), String::new(), tokenizer.to_string()]);
        }
        table.write(out)
    }

    fn write_variants(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.variants.is_empty() {
            return Ok(());
        }
        heading(out, "variants")?;
        let mut table = Table::new(&["PRECISION", ">SIZE", "SHA256", "MADE BY"]);
        for variant in &self.variants {
            let size = variant.files.iter().fold(variant.size_bytes, |sum, file| sum.saturating_add(file.size_bytes));
            table.row([
                variant.precision.clone(),
                units::bytes(size),
                variant.sha256.to_string().chars().take(12).collect(),
                describe_provenance(&variant.provenance),
            ]);
        }
        table.write(out)
    }
}

fn heading(out: &mut dyn Write, text: &str) -> io::Result<()> {
    writeln!(out, "\n{text}")
}

fn describe_weights(weights: &Weights) -> String {
    match weights {
        Weights::Trained => String::new(),
        Weights::Random { seed } => {
            format!("random, seed {seed}: for latency, memory and energy; accuracy does not apply")
        }
    }
}

fn describe_provenance(provenance: &Provenance) -> String {
    let Provenance { original: _, tool, versions, options, agreement } = provenance;
    let pairs = versions.iter().chain(options).map(|(name, value)| format!("{name}={value}"));
    let pairs = pairs.collect::<Vec<_>>().join(" ");
    let agreement = agreement.map_or_else(String::new, |Agreement { samples, cosine_mean, cosine_min }| {
        format!("; cosine to the original {cosine_mean:.4}, least {cosine_min:.4}, over {samples} inputs")
    });
    if pairs.is_empty() { format!("{tool}{agreement}") } else { format!("{tool} ({pairs}){agreement}") }
}

fn write_graph(out: &mut dyn Write, graph: &GraphFacts) -> io::Result<()> {
    let GraphFacts { producer, opsets, inputs, outputs, free_axes, operators, nodes, parameters, weight_bytes, cost } =
        graph;
    heading(out, "graph")?;
    let total = graph.parameter_count();
    let by_type =
        by_count(parameters, |count| *count).into_iter().map(|(name, number)| format!("{} {name}", count(*number)));
    facts(
        out,
        &[
            ("inputs", inputs.join("; ")),
            ("outputs", outputs.join("; ")),
            ("free axes", free_axes.join(", ")),
            ("parameters", format!("{total}: {}, {}", joined(by_type), units::bytes(*weight_bytes))),
            ("operators", format!("{nodes}: {}", describe_operators(operators))),
            ("opsets", joined(opsets.iter().map(|(domain, version)| format!("{domain} {version}")))),
            ("producer", producer.clone()),
        ],
    )?;
    cost.as_ref().map_or(Ok(()), |cost| write_cost(out, cost, *nodes))
}

fn write_cost(out: &mut dyn Write, cost: &CostFacts, nodes: u64) -> io::Result<()> {
    let CostFacts { lengths, macs, flops, integer_ops, bytes_lower, bytes_upper, covered_nodes, uncovered } = cost;
    let at = joined(lengths.iter().map(|(axis, length)| format!("{axis} {length}")));
    heading(out, &if at.is_empty() { "one inference".to_owned() } else { format!("one inference at {at}") })?;
    let some = |number: u64, unit: &str| if number > 0 { format!("{}{unit}", count(number)) } else { String::new() };
    let missing = if uncovered.is_empty() { String::new() } else { format!("; not {}", describe_operators(uncovered)) };
    facts(
        out,
        &[
            (
                "arithmetic",
                joined([some(*macs, "MAC"), some(*flops, "FLOP")].into_iter().filter(|text| !text.is_empty())),
            ),
            ("on integers", some(*integer_ops, "OP")),
            (
                "memory moved",
                format!("{} if all is fused, {} if nothing is", units::bytes(*bytes_lower), units::bytes(*bytes_upper)),
            ),
            ("covers", format!("{covered_nodes} of {nodes} nodes{missing}")),
        ],
    )
}

/// What becomes of an example on its way to an input, and of outputs on their way to a prediction.
fn write_declared(
    out: &mut dyn Write,
    preprocessing: Option<&Preprocessing>,
    postprocessing: Option<&Postprocessing>,
) -> io::Result<()> {
    if preprocessing.is_none() && postprocessing.is_none() {
        return Ok(());
    }
    heading(out, "evaluation")?;
    facts(
        out,
        &[
            ("preprocessing", preprocessing.map(ToString::to_string).unwrap_or_default()),
            ("postprocessing", postprocessing.map(ToString::to_string).unwrap_or_default()),
        ],
    )
}

fn write_accuracy(out: &mut dyn Write, weights: &Weights, expected: &[ExpectedAccuracy]) -> io::Result<()> {
    if expected.is_empty() || matches!(weights, Weights::Random { .. }) {
        return Ok(());
    }
    heading(out, "expected accuracy")?;
    let mut table = Table::new(&["DATASET", "METRIC", ">VALUE", "SOURCE"]);
    for ExpectedAccuracy { dataset, metric, value, source } in expected {
        table.row([dataset.clone(), metric.clone(), value.to_string(), source.clone()]);
    }
    table.write(out)
}

/// The most frequent first.
fn by_count<N, K: Ord + Copy>(map: &BTreeMap<String, N>, key: impl Fn(&N) -> K) -> Vec<(&String, &N)> {
    let mut pairs: Vec<_> = map.iter().collect();
    pairs.sort_by_key(|(name, number)| (std::cmp::Reverse(key(number)), *name));
    pairs
}

fn describe_operators(operators: &BTreeMap<String, u32>) -> String {
    joined(by_count(operators, |count| *count).into_iter().map(|(name, count)| format!("{count} {name}")))
}

fn joined(texts: impl Iterator<Item = String>) -> String {
    texts.collect::<Vec<_>>().join(", ")
}
