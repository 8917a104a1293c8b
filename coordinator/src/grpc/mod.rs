//! The gRPC doors: they convert, call the engine or the store, and convert back. Errors become statuses in [`status`]
//! alone.

mod agent;
mod artifact;
mod campaign;
mod convert;
mod device;
mod model;
mod report;
mod result;
mod status;
mod stored;
#[cfg(test)]
mod tests;
mod trace;

use std::pin::Pin;

use proto::pb;
use tokio::sync::mpsc;
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::{Status, service::Routes};

use crate::engine::Engine;

/// What a server-streaming method answers.
type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Messages a slow reader may be behind before its producer waits.
const STREAM_QUEUE: usize = 4;

/// All services, with health and reflection (v1, and v1alpha for older clients).
pub(crate) fn routes(engine: &Engine) -> Result<Routes, tonic_reflection::server::Error> {
    let (_, health) = tonic_health::server::health_reporter();
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    Ok(Routes::new(pb::agent_service_server::AgentServiceServer::new(agent::AgentDoor::new(engine.clone())))
        .add_service(pb::campaign_service_server::CampaignServiceServer::new(campaign::CampaignDoor(engine.clone())))
        .add_service(pb::device_service_server::DeviceServiceServer::new(device::DeviceDoor(engine.clone())))
        .add_service(pb::artifact_service_server::ArtifactServiceServer::new(artifact::ArtifactDoor(engine.clone())))
        .add_service(pb::result_service_server::ResultServiceServer::new(result::ResultDoor(engine.clone())))
        .add_service(health)
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?))
}

/// A stream fed by a task that ends when its reader does, or when the coordinator stops.
fn produce<T, Task>(engine: &Engine, task: impl FnOnce(mpsc::Sender<Result<T, Status>>) -> Task) -> Answers<T>
where
    T: Send + 'static,
    Task: Future<Output = ()> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(STREAM_QUEUE);
    let stop = engine.stopping().clone();
    let produced = task(sender);
    engine.spawn(async move {
        stop.run_until_cancelled(produced).await;
    });
    Box::pin(ReceiverStream::new(receiver))
}
