//! The fleet.

use proto::pb;
use tonic::{Request, Response, Status};

use crate::engine::Engine;

pub(super) struct DeviceDoor(pub(super) Engine);

#[tonic::async_trait]
impl pb::device_service_server::DeviceService for DeviceDoor {
    async fn list_devices(
        &self,
        _request: Request<pb::ListDevicesRequest>,
    ) -> Result<Response<pb::ListDevicesResponse>, Status> {
        let devices = self.0.devices().await?.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListDevicesResponse { devices }))
    }

    async fn get_device(&self, request: Request<pb::GetDeviceRequest>) -> Result<Response<pb::Device>, Status> {
        let name = request.into_inner().name;
        let device = self.0.devices().await?.into_iter().find(|device| device.record.name == name);
        let device = device.ok_or_else(|| Status::not_found(format!("there is no device `{name}`")))?;
        Ok(Response::new(device.into()))
    }
}
