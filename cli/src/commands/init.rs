//! `init`: a commented starter campaign for this machine, which is planned before it is written.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use domain::{DeviceFacts, units};
use proto::pb;

use super::campaign_file::Source;
use crate::{args::InitArgs, client::Client, exit::CliError, output};

/// Named where the coordinator has no model yet, or none answers: the demo's, which declares where it comes from.
const QUICKSTART_MODEL: &str = "all-minilm-l6-v2";

pub(super) async fn init(args: InitArgs) -> Result<(), CliError> {
    let facts = agent::probe::facts();
    let models = match Client::connect(&args.connection.coordinator).await {
        Ok(client) => client.artifacts().list_models(pb::ListModelsRequest::default()).await?.into_inner().models,
        Err(CliError::Unreachable { .. }) => Vec::new(),
        Err(error) => return Err(error),
    };
    let name = args.file.file_stem().map_or_else(|| "first".into(), |stem| stem.to_string_lossy().into_owned());
    let text = starter(&name, &facts, &models);
    // A starter that does not parse would be a poor start.
    Source::parse(&args.file.display().to_string(), text.clone(), Path::new(""))?;
    write(&args.file, &text, args.force)?;
    output::line(&format!(
        "wrote {file}; look at it, then\n  furlong plan {file}\n  furlong submit {file} --wait",
        file = args.file.display()
    ))
}

fn write(path: &Path, text: &str, force: bool) -> Result<(), CliError> {
    let file = OpenOptions::new().write(true).create(force).truncate(force).create_new(!force).open(path);
    let mut file = match file {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(CliError::Invalid(format!(
                "`{}` exists\nhint: name another file, or write over it with --force",
                path.display()
            )));
        }
        file => file.with_context(|| format!("cannot write `{}`", path.display()))?,
    };
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write `{}`", path.display()))?;
    Ok(())
}

/// The file's text: what this machine can do, said in comments beside the settings that use it.
fn starter(name: &str, facts: &DeviceFacts, models: &[pb::Model]) -> String {
    let DeviceFacts { arch, os, cpu_model, cores, memory_bytes, isa, .. } = facts;
    let model = models.first().map_or(QUICKSTART_MODEL, |model| &model.name);
    let text_input = models.first().is_some_and(|model| !model.tokenizer_sha256.is_empty());
    let threads = if *cores > 1 { format!("[1, {cores}]") } else { "[1]".to_owned() };
    let mut text = String::new();
    let mut line = |words: &str| writeln!(text, "{words}").expect("writing to a string never fails");
    line("# A campaign: every combination of the matrix is a cell, and every cell is measured `repetitions` times.");
    line(&format!("# Written on {cpu_model}, {cores} cores, {}, {os} {arch}.", units::bytes(*memory_bytes)));
    line("#   furlong plan FILE            what it would measure, and what is missing");
    line("#   furlong submit FILE --wait   measures, then prints the table");
    line("# `furlong schema campaign > campaign.schema.json` lets an editor complete and check it.");
    line("apiVersion: furlong/v1");
    line("kind: Campaign");
    line(&format!("name: {}", quoted(name)));
    line("labels: {}                       # yours, to find it again");
    line("defaults:");
    line(
        "  device: any                    # a device's name or class, or labels such as `class=orin-nano-8g,os=linux`",
    );
    line("  scenario: single-stream        # or offline, { multi-stream: { samples_per_query: 8 } }, ..");
    line("  sequence_length: 128           # of the model's free axes; `dims: { height: 224 }` sets others by name");
    if text_input {
        line("  # The model has a tokenizer: `input: { text: sentences.txt }` measures on sentences, one a line.");
    }
    line("  input: { random: { seed: 0 } } # or { tensors: inputs.npz }");
    line("  warmup: { min_iterations: 10, min_duration: 500ms }");
    line("  # `tier: smoke` needs seconds a run, `official` ten minutes: MLPerf's own rule.");
    line("  measure: { tier: smoke, repetitions: 5, order: interleaved }");
    line("matrix:");
    if models.is_empty() {
        line("  # `furlong models add NAME FILE` adds a model of yours, `furlong models build` one of the zoo.");
    } else {
        let others: Vec<_> = models.iter().map(|model| model.name.as_str()).collect();
        line(&format!("  # This coordinator's models: {}.", others.join(", ")));
    }
    line(&format!("  model: [{}]", quoted(model)));
    line(&format!("  # Variants are made once, from the fp32 original.{}", int8_note(arch, isa)));
    line("  # precision: [fp32, fp16, int8-dynamic]");
    line(&format!("  intra_threads: {threads}          # threads inside one operator; this machine has {cores}"));
    text
}

/// A word of caution where 8-bit products saturate (onnxruntime's quantization guide: U8S8 on AVX2 and AVX512).
fn int8_note(arch: &str, isa: &[String]) -> &'static str {
    let has = |name: &str| isa.iter().any(|extension| extension.contains(name));
    if arch == "x86_64" && !has("vnni") { " Without VNNI, as here, int8 is made with reduced range." } else { "" }
}

/// As YAML takes it for text, whatever it looks like.
fn quoted(word: &str) -> String {
    let plain = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if plain
        && word.starts_with(|first: char| first.is_ascii_alphabetic())
        && !matches!(word, "null" | "true" | "false")
    {
        word.to_owned()
    } else {
        serde_json::Value::from(word).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_starter_is_a_valid_campaign_whatever_the_machine_and_the_models() {
        let facts = agent::probe::facts();
        let model = |name: &str| pb::Model { name: name.to_owned(), ..pb::Model::default() };
        for models in [vec![], vec![model("resnet")], vec![model("yes: no"), model("1.10")]] {
            for (name, cores) in [("first", 1), ("a \"b\"", 64)] {
                let text = starter(name, &DeviceFacts { cores, ..facts.clone() }, &models);
                let file =
                    domain::campaign::CampaignFile::parse("starter.yaml", &text, &domain::campaign::Includes::new())
                        .expect("parses");
                assert_eq!(file.name(), name);
                let first = models.first().map_or(QUICKSTART_MODEL, |model| &model.name);
                assert_eq!(file.model_names(), [first]);
            }
        }
    }
}
