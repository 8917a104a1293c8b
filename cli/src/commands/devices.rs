//! `devices ls`.

use proto::pb;

use crate::{
    args::ListArgs,
    client::Client,
    exit::CliError,
    output::{self, DeviceView},
};

pub(super) async fn list(args: ListArgs) -> Result<(), CliError> {
    let client = Client::connect(&args.connection.coordinator).await?;
    let devices = client.devices().list_devices(pb::ListDevicesRequest {}).await?.into_inner().devices;
    output::write(&devices.iter().map(DeviceView::from).collect::<Vec<_>>(), args.output.output)
}
