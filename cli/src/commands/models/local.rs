//! A model's file on this machine: what inspecting it tells, and the files it needs beside it.

use std::{collections::BTreeMap, path::Path};

use domain::{CostFacts, GraphFacts, ModelCard, ModelFile, Precision};
use onnx::Inspection;
use proto::pb;

use crate::{client::Client, exit::CliError, output};

/// What an ONNX file tells. Both are empty for what is no model, which is taken all the same: what a model is, its runtime
/// decides.
#[derive(Debug, Default)]
pub(super) struct Inspected {
    pub(super) card: ModelCard,
    /// Paths of side files as the model names them; each leads nowhere else than below its folder.
    pub(super) side_files: Vec<String>,
}

/// Looks at a file; warns if it is no model. An error if it names side files that no device would be given.
pub(super) fn inspect(path: &Path) -> Result<Inspected, CliError> {
    let unreadable = |error: std::io::Error| CliError::Invalid(format!("cannot read `{}`: {error}", path.display()));
    let read = || std::fs::read(path).map_err(unreadable);
    let inspected = match onnx::check_size(path.metadata().map_err(unreadable)?.len()) {
        Ok(()) => {
            let bytes = read()?;
            onnx::inspect(&bytes).map(|inspection| {
                let cost = cost(&bytes, &inspection);
                (inspection, cost)
            })
        }
        Err(error) => Err(error),
    };
    match inspected {
        Ok((inspection, cost)) => of_inspection(path, inspection, cost),
        Err(error) => {
            let path = path.display();
            output::note(&format!("warning: `{path}` does not look like a model: {error}; its runs will fail"));
            Ok(Inspected::default())
        }
    }
}

/// Of one inference; `None` if no shape can be told.
fn cost(bytes: &[u8], inspection: &Inspection) -> Option<CostFacts> {
    let lengths: BTreeMap<String, u64> =
        inspection.free_axes.iter().map(|axis| (axis.clone(), usual_length(axis))).collect();
    let wanted = onnx::Lengths { dims: lengths.clone(), shapes: BTreeMap::new() };
    let cost = onnx::cost(bytes, &wanted).ok()?;
    let covered_nodes = cost.covered();
    let onnx::Cost {
        macs,
        flops,
        integer_ops,
        bytes_lower,
        bytes_upper,
        nodes: _,
        uncovered,
        assumed: _,
        nodes_by_cost: _,
        by_operator: _,
    } = cost;
    Some(CostFacts { lengths, macs, flops, integer_ops, bytes_lower, bytes_upper, covered_nodes, uncovered })
}

/// One sample, and for text the 128 tokens that the literature of small language models measures with.
fn usual_length(axis: &str) -> u64 {
    let axis = axis.to_ascii_lowercase();
    if axis.contains("seq") || axis.contains("token") { 128 } else { 1 }
}

fn of_inspection(path: &Path, inspection: Inspection, cost: Option<CostFacts>) -> Result<Inspected, CliError> {
    let Inspection {
        ir_version: _,
        producer,
        opset: _,
        opsets,
        inputs,
        outputs,
        free_axes,
        operators,
        nodes,
        parameters,
        weight_bytes,
        external_data,
    } = inspection;
    for location in &external_data {
        onnx::confined(location).map_err(|error| CliError::Invalid(format!("`{}`: {error}", path.display())))?;
    }
    let card = ModelCard {
        precision: precision(&operators, &parameters),
        graph: Some(GraphFacts {
            producer,
            opsets,
            inputs: inputs.iter().map(ToString::to_string).collect(),
            outputs: outputs.iter().map(ToString::to_string).collect(),
            free_axes,
            operators,
            nodes,
            parameters,
            weight_bytes,
            cost,
        }),
        ..ModelCard::default()
    };
    Ok(Inspected { card, side_files: external_data })
}

/// Of most of the weights.
fn precision(operators: &BTreeMap<String, u32>, parameters: &BTreeMap<String, u64>) -> Option<Precision> {
    // Its weights are stored packed, as bytes: their type says nothing.
    if operators.contains_key("com.microsoft.MatMulNBits") {
        return None;
    }
    let (element, _) = parameters.iter().max_by_key(|(_, count)| **count)?;
    let name = match element.as_str() {
        "float32" => return Some(Precision::FP32),
        "float16" => "fp16",
        "bfloat16" => "bf16",
        "float64" => "fp64",
        "int8" | "uint8" => "int8",
        _ => return None,
    };
    Precision::parse(name).ok()
}

/// Uploads the files beside a model's file, from its folder.
pub(super) async fn upload_side_files(
    client: &Client,
    model: &Path,
    side_files: &[String],
) -> Result<Vec<pb::ModelFile>, CliError> {
    let folder = model.parent().unwrap_or(Path::new(""));
    let mut files = Vec::new();
    for location in side_files {
        let below = onnx::confined(location).map_err(|error| CliError::Invalid(error.to_string()))?;
        let path = folder.join(below);
        if !path.is_file() {
            return Err(missing_side_file(model, location, &path));
        }
        files.push(upload_side_file(client, location, &path).await?);
    }
    Ok(files)
}

pub(super) async fn upload_side_file(client: &Client, location: &str, path: &Path) -> Result<pb::ModelFile, CliError> {
    // Without `./` and the like: the same file, in the one spelling that the wire admits.
    let below = onnx::confined(location).map_err(|error| CliError::Invalid(error.to_string()))?;
    let uploaded = client.upload(path).await?;
    let file = ModelFile {
        path: below.to_string_lossy().into_owned(),
        sha256: uploaded.sha256,
        size_bytes: uploaded.size_bytes,
    };
    Ok(file.into())
}

fn missing_side_file(model: &Path, location: &str, path: &Path) -> CliError {
    CliError::Invalid(format!(
        "`{}` stores weights in the file `{location}` beside it, and there is no `{}`\n\
         hint: put the file there; a model is added together with the files it needs",
        model.display(),
        path.display()
    ))
}
