//! `models verify`: are the bytes what the model's name stands for?

use std::path::Path;

use domain::Digest;
use proto::pb;

use super::get;
use crate::{
    args::VerifyModelArgs,
    client::{Client, digest_file},
    exit::CliError,
    output::{self, VerifiedFileView},
};

pub(super) async fn verify(args: VerifyModelArgs) -> Result<(), CliError> {
    let VerifyModelArgs { name, file, connection, output: format } = args;
    let client = Client::connect(&connection.coordinator).await?;
    let model = get(&client, name.clone()).await?;
    let files = match &file {
        Some(path) => compare_local(&model, path)?,
        None => ask_coordinator(&client, &model).await?,
    };
    output::write(&files, format.output)?;
    let bad = files.iter().filter(|file| !file.is_sound()).count();
    if bad == 0 {
        return Ok(());
    }
    let hint = if file.is_some() {
        format!("`furlong models add {name} FILE --replace` gives the name to the file")
    } else {
        format!("add the model `{name}` again from its source: what is damaged or missing is uploaded anew")
    };
    Err(CliError::Invalid(format!("{bad} of {} files are not what `{name}` stands for\nhint: {hint}", files.len())))
}

/// Every file of the model and its variants, by what it is to people.
fn parts(model: &pb::Model) -> Vec<(String, Vec<u8>)> {
    let mut parts = vec![("model".to_owned(), model.sha256.clone())];
    parts.extend(model.files.iter().map(|file| (file.path.clone(), file.sha256.clone())));
    if !model.tokenizer_sha256.is_empty() {
        parts.push(("tokenizer".to_owned(), model.tokenizer_sha256.clone()));
    }
    for variant in &model.variants {
        let precision = &variant.precision;
        parts.push((precision.clone(), variant.sha256.clone()));
        parts.extend(variant.files.iter().map(|file| (format!("{precision}: {}", file.path), file.sha256.clone())));
    }
    parts
}

async fn ask_coordinator(client: &Client, model: &pb::Model) -> Result<Vec<VerifiedFileView>, CliError> {
    let parts = parts(model);
    let sha256 = parts.iter().map(|(_, sha256)| sha256.clone()).collect();
    let mut answers = client.artifacts().verify_artifacts(pb::VerifyArtifactsRequest { sha256 }).await?.into_inner();
    let mut conditions = std::collections::BTreeMap::new();
    while let Some(answer) = answers.message().await? {
        let state = match answer.condition() {
            pb::ArtifactCondition::Sound => "sound",
            pb::ArtifactCondition::Damaged => "damaged",
            pb::ArtifactCondition::Missing => "missing",
            pb::ArtifactCondition::Unspecified => "unknown",
        };
        conditions.insert(answer.sha256, state);
    }
    let view = |(file, sha256): (String, Vec<u8>)| {
        let state = conditions.get(&sha256).copied().unwrap_or("unknown");
        VerifiedFileView { file, sha256: hex(&sha256), state: state.to_owned() }
    };
    Ok(parts.into_iter().map(view).collect())
}

/// The file and those beside it, against the model or, if it is one of them, the variant.
fn compare_local(model: &pb::Model, path: &Path) -> Result<Vec<VerifiedFileView>, CliError> {
    let (sha256, _) = digest_file(path)?;
    let is_it = |held: &[u8]| held == sha256.as_bytes();
    let variant = model.variants.iter().find(|variant| is_it(&variant.sha256)).filter(|_| !is_it(&model.sha256));
    let (name, state, side_files) = match variant {
        Some(variant) => (variant.precision.as_str(), "sound", &variant.files),
        None => ("model", if is_it(&model.sha256) { "sound" } else { "other" }, &model.files),
    };
    let mut files =
        vec![VerifiedFileView { file: name.to_owned(), sha256: sha256.to_string(), state: state.to_owned() }];
    let folder = path.parent().unwrap_or(Path::new(""));
    for side in side_files {
        let beside = folder.join(onnx::confined(&side.path).map_err(|error| CliError::Invalid(error.to_string()))?);
        let (sha256, state) = if beside.is_file() {
            let (sha256, _) = digest_file(&beside)?;
            (sha256.to_string(), if sha256.as_bytes().as_slice() == side.sha256 { "sound" } else { "other" })
        } else {
            (String::new(), "missing")
        };
        files.push(VerifiedFileView { file: side.path.clone(), sha256, state: state.to_owned() });
    }
    Ok(files)
}

fn hex(sha256: &[u8]) -> String {
    Digest::try_from(sha256).map(String::from).unwrap_or_default()
}
