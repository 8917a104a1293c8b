//! `models attach`: a variant that its user made.

use std::{collections::BTreeMap, path::Path};

use domain::{Digest, Precision, Provenance};
use proto::pb;

use super::{detail, get, local};
use crate::{args::AttachArgs, client::Client, exit::CliError, output};

/// What made a variant of which nothing else is known.
const TOOL: &str = "attached";

pub(super) async fn attach(args: AttachArgs) -> Result<(), CliError> {
    let AttachArgs { name, label, file, replace, connection, output: format } = args;
    let client = Client::connect(&connection.coordinator).await?;
    let model = attach_file(&client, name, label, &file, replace).await?;
    output::write(&detail(model)?, format.output)
}

/// Makes a file the variant of a model under that label.
pub(in crate::commands) async fn attach_file(
    client: &Client,
    name: String,
    label: Precision,
    file: &Path,
    replace: bool,
) -> Result<pb::Model, CliError> {
    let original = get(client, name.clone()).await?;
    let original = Digest::try_from(original.sha256.as_slice()).map_err(anyhow::Error::from)?;
    let inspected = local::inspect(file)?;
    let files = local::upload_side_files(client, file, &inspected.side_files).await?;
    let uploaded = client.upload(file).await?;
    let file_name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let provenance = Provenance {
        original,
        tool: TOOL.to_owned(),
        versions: BTreeMap::new(),
        options: BTreeMap::from([("file".to_owned(), file_name)]),
        agreement: None,
    };
    let request = pb::AddVariantRequest {
        model: name,
        precision: label.into(),
        sha256: uploaded.sha256.as_bytes().to_vec(),
        files,
        provenance: Some(provenance.into()),
        replace,
    };
    Ok(client.artifacts().add_variant(request).await?.into_inner())
}
