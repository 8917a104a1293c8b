//! `demo --fleet`: a coordinator and four simulated boards on this machine, each an agent with a directory of its own, and one
//! campaign over all of them. Says of everything that it is simulated.

use std::{io::Write as _, path::Path, time::Duration};

use coordinator::Config;
use domain::{CampaignId, campaign::PlanOptions};
use proto::pb;

use crate::{
    args::{DownloadArgs, Format, LocalArgs},
    client::Client,
    commands::{campaign_file::Source, campaigns::show_campaign, provide, submit, watch},
    exit::CliError,
    local::{self, Equipment, Local, LocalAgent},
    output::{self, facts},
};

/// The campaign is part of the program, so that it needs no checkout.
const FLEET: &str = include_str!("../../../../scenarios/fleet.yaml");

/// The agents, and whether their boards have thermometers.
const BOARDS: [(LocalAgent, bool); 4] = [
    (board("sim-orin", "jetson-orin-nano"), true),
    (board("sim-pi", "rpi5"), true),
    (board("sim-phone", "snapdragon-8g3"), true),
    (board("sim-mac", "mac-m2"), false),
];

const fn board(name: &'static str, simulate: &'static str) -> LocalAgent {
    LocalAgent { name: Some(name), simulate: Some(simulate) }
}

pub(super) async fn demo(args: LocalArgs) -> Result<(), CliError> {
    let data_dir = std::path::absolute(args.data_dir.path())?;
    output::note(&format!(
        "furlong {}: four simulated boards, real work on this machine, no reading of any real board",
        env!("CARGO_PKG_VERSION")
    ));
    let equipment = Equipment::prepare(&data_dir, &args.tools)?;
    // Where nothing had to be installed, nothing made it yet.
    std::fs::create_dir_all(&data_dir)?;
    local::log_to_file(&data_dir.join("coordinator.log"))?;
    let listen = match args.listen {
        Some(address) => address,
        None => super::free_address()?,
    };
    let agents = BOARDS.map(|(agent, _)| agent);
    let mut running = Local::start(&data_dir, &equipment, listen, &args.timing, &agents).await?;
    let uri = format!("http://{}", running.address);
    let signals = agent::signals::until_stopped()?;
    let measured = tokio::select! {
        measured = measure(&uri, &data_dir, args.output.output) => measured,
        error = running.failed() => Err(error),
        () = signals => Err(CliError::Invalid("stopped before the fleet was measured; `furlong demo --fleet` starts a new one".to_owned())),
    };
    running.stop().await?;
    let (campaign, missed) = measured?;
    if args.output.output == Format::Table {
        epilogue(&data_dir, &campaign)?;
    }
    watch::verdict(&campaign, missed)
}

/// Waits for the boards, submits the campaign, follows it, prints what came of it.
async fn measure(uri: &str, data_dir: &Path, format: Format) -> Result<(pb::Campaign, Vec<u32>), CliError> {
    let client = Client::connect(uri).await?;
    boards_at_rest(&client, data_dir).await?;
    let folder = tempfile::tempdir()?;
    let mut source = Source::parse("fleet.yaml", FLEET.to_owned(), folder.path())?;
    let downloads = DownloadArgs::into(data_dir.to_owned());
    provide::provide(&client, &source, &PlanOptions::default(), &downloads).await?;
    let packed = submit::pack(&mut source, &client, data_dir).await?;
    let campaign = source.submit(&client, &PlanOptions::default(), String::new()).await?;
    drop(packed);
    let id = CampaignId(campaign.id);
    let campaign = watch::follow(&client, id).await?;
    let missed = show_campaign(&client, id, format).await?;
    Ok((campaign, missed))
}

/// Until every board is connected, and those with a thermometer know their temperature of rest: a run that comes before would
/// not be waited for.
async fn boards_at_rest(client: &Client, data_dir: &Path) -> Result<(), CliError> {
    /// The agents start, probe the runtime, dial, and watch their boards idle for some ten seconds; they tell of it with a
    /// heartbeat, which comes every ten.
    const PATIENCE: Duration = Duration::from_mins(2);
    const POLL: Duration = Duration::from_millis(200);
    output::note("waiting until the boards are connected and know their temperature at rest");
    let ready = async {
        loop {
            let devices = client.devices().list_devices(pb::ListDevicesRequest {}).await?.into_inner().devices;
            let is_ready = |(agent, has_thermometer): &(LocalAgent, bool)| {
                let device = devices.iter().find(|device| Some(device.name.as_str()) == agent.name);
                device.is_some_and(|device| {
                    let knows_rest = device.heat.as_ref().is_some_and(|heat| heat.reference_c.is_some());
                    device.state() != pb::DeviceState::Offline && (knows_rest || !has_thermometer)
                })
            };
            if BOARDS.iter().all(is_ready) {
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
    };
    match tokio::time::timeout(PATIENCE, ready).await {
        Ok(ready) => ready,
        Err(_elapsed) => Err(anyhow::anyhow!(
            "the simulated boards were not connected and at rest within {PATIENCE:?}; their logs are agent-sim-*.log in {}",
            data_dir.display()
        )
        .into()),
    }
}

fn epilogue(data_dir: &Path, campaign: &pb::Campaign) -> Result<(), CliError> {
    let id = CampaignId(campaign.id);
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "\nEverything above is simulated. The inferences were done on this machine and stretched to a board's pace; watts, degrees\n\
         and clocks are those of physical models whose time is compressed. No figure tells anything about a real board.\n\
         \n\
         Each run waited until its board was at its temperature of rest. The last cell did not wait and ran for 15 s on the\n\
         board without a cooler: it throttled while it was measured, which makes a run invalid. That is what the waiting is for.\n"
    )?;
    facts(
        &mut out,
        &[
            ("results", format!("PostgreSQL in {}", data_dir.join("postgres").display())),
            ("page", format!("http://{}/c/{} while `furlong up` runs", Config::DEFAULT_LISTEN, campaign.id)),
            ("next", "furlong agent --simulate BOARD  starts one simulated board".to_owned()),
            ("", format!("{:<31} prints this table again (`-o json` for programs)", format!("furlong show {id}"))),
        ],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_campaign_is_valid_and_names_every_board() {
        let folder = tempfile::tempdir().expect("a directory");
        let source = Source::parse("fleet.yaml", FLEET.to_owned(), folder.path());
        assert!(source.is_ok(), "{}", source.err().map(|error| error.to_string()).unwrap_or_default());
        for (agent, _) in BOARDS {
            let board = agent.simulate.expect("every agent pretends");
            assert!(FLEET.contains(&format!("simulated={board}")), "{board}");
        }
    }
}
