//! `artifacts`: the files the coordinator stores, whoever needs them.

use domain::Digest;
use proto::pb;

use crate::{
    args::{ArtifactsCommand, CollectArgs, ListArgs, VerifyArtifactsArgs},
    client::Client,
    exit::CliError,
    output::{self, ArtifactView, CollectedView, VerifiedArtifactView},
};

pub(super) async fn run(command: ArtifactsCommand) -> Result<(), CliError> {
    match command {
        ArtifactsCommand::Ls(args) => list(args).await,
        ArtifactsCommand::Gc(args) => collect(args).await,
        ArtifactsCommand::Verify(args) => verify(args).await,
    }
}

async fn list(args: ListArgs) -> Result<(), CliError> {
    let client = Client::connect(&args.connection.coordinator).await?;
    let mut answers = client.artifacts().list_artifacts(pb::ListArtifactsRequest {}).await?.into_inner();
    let mut artifacts = Vec::new();
    while let Some(artifact) = answers.message().await? {
        artifacts.push(ArtifactView::from(&artifact));
    }
    output::write(&artifacts, args.output.output)
}

async fn collect(args: CollectArgs) -> Result<(), CliError> {
    let CollectArgs { dry_run, connection, output } = args;
    let client = Client::connect(&connection.coordinator).await?;
    let reply = client.artifacts().collect_garbage(pb::CollectGarbageRequest { dry_run }).await?.into_inner();
    output::write(&CollectedView::new(reply, dry_run), output.output)
}

async fn verify(args: VerifyArtifactsArgs) -> Result<(), CliError> {
    let VerifyArtifactsArgs { sha256, connection, output } = args;
    let client = Client::connect(&connection.coordinator).await?;
    let sha256 = sha256.iter().map(|digest: &Digest| digest.as_bytes().to_vec()).collect();
    let request = pb::VerifyArtifactsRequest { sha256 };
    let mut answers = client.artifacts().verify_artifacts(request).await?.into_inner();
    let mut verified = Vec::new();
    while let Some(artifact) = answers.message().await? {
        verified.push(VerifiedArtifactView::from(&artifact));
    }
    let bad = verified.iter().filter(|artifact| !artifact.is_sound()).count();
    output::write(&verified, output.output)?;
    if bad == 0 {
        return Ok(());
    }
    Err(CliError::Invalid(format!(
        "{bad} of {} stored files are damaged or missing\nhint: upload them again: `furlong models add` or `furlong submit` with the \
         same files; `furlong artifacts ls` tells who needs them",
        verified.len()
    )))
}
