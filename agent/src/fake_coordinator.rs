//! The coordinator's half of the wire for this crate's tests: a real gRPC server on loopback, on a thread and a runtime of
//! its own, so that stopping it cuts every connection like a `kill -9`.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use domain::Digest;
use proto::pb::{self, agent_service_server as agents, artifact_service_server as artifacts};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

/// Nothing in these tests takes a second; one that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(20);
const CHUNK_BYTES: usize = 1000;

/// What goes wrong with one fetch.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    CutAfter(usize),
    FlipByte,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) artifacts: HashMap<Digest, Vec<u8>>,
    /// One for each of the next fetches.
    pub(crate) faults: VecDeque<Fault>,
    /// Offset of each fetch.
    pub(crate) fetches: Vec<u64>,
    /// Reports are answered with UNAVAILABLE.
    pub(crate) deaf: bool,
    /// Sessions are answered with this.
    pub(crate) refuse: Option<Status>,
    pub(crate) reports: Vec<(pb::ReportHeader, pb::AttemptReport)>,
    session: Option<mpsc::Sender<Result<pb::CoordinatorMessage, Status>>>,
}

type Shared = Arc<Mutex<State>>;

pub(crate) struct FakeCoordinator {
    pub(crate) address: SocketAddr,
    state: Shared,
    heard: mpsc::Receiver<pb::agent_message::Message>,
    tell: mpsc::Sender<pb::agent_message::Message>,
    server: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

#[derive(Clone)]
struct Service {
    state: Shared,
    tell: mpsc::Sender<pb::agent_message::Message>,
}

impl FakeCoordinator {
    pub(crate) fn start() -> Self {
        let (tell, heard) = mpsc::channel(1000);
        let mut fake = Self { address: free_address(), state: Shared::default(), heard, tell, server: None };
        fake.restart();
        fake
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn hold(&self, bytes: &[u8]) -> Digest {
        self.state().artifacts.insert(Digest::of(bytes), bytes.to_owned());
        Digest::of(bytes)
    }

    pub(crate) fn kill(&mut self) {
        if let Some((stop, thread)) = self.server.take() {
            drop(stop);
            thread.join().unwrap();
        }
    }

    /// Listens on the same port as before.
    pub(crate) fn restart(&mut self) {
        self.kill();
        let service = Service { state: Arc::clone(&self.state), tell: self.tell.clone() };
        let (stop, stopped) = oneshot::channel::<()>();
        let (bound, address) = std::sync::mpsc::sync_channel(1);
        let wanted = self.address;
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind(wanted).await.unwrap();
                bound.send(listener.local_addr().unwrap()).unwrap();
                let serving = Server::builder()
                    .add_service(agents::AgentServiceServer::new(service.clone()))
                    .add_service(artifacts::ArtifactServiceServer::new(service))
                    .serve_with_incoming(TcpListenerStream::new(listener));
                tokio::select! {
                    served = serving => served.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        self.address = address.recv().unwrap();
        self.server = Some((stop, thread));
    }

    /// Sends a message down the newest session.
    pub(crate) fn say(&self, message: pb::coordinator_message::Message) {
        let session = self.state().session.clone().expect("an agent is connected");
        session.try_send(Ok(pb::CoordinatorMessage { message: Some(message) })).unwrap();
    }

    /// Waits for the next Hello.
    pub(crate) async fn hello(&mut self) -> pb::Hello {
        loop {
            if let pb::agent_message::Message::Hello(hello) = self.hear().await {
                return hello;
            }
        }
    }

    /// Waits until an attempt is in this phase.
    pub(crate) async fn phase(&mut self, attempt: i64, phase: pb::AttemptPhase) {
        loop {
            if let pb::agent_message::Message::Update(update) = self.hear().await
                && (update.attempt_id, update.phase()) == (attempt, phase)
            {
                return;
            }
        }
    }

    /// Waits until so many reports are stored.
    pub(crate) async fn reports(&mut self, count: usize) -> Vec<(pb::ReportHeader, pb::AttemptReport)> {
        let wait = async {
            while self.state().reports.len() < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, wait).await.expect("the reports come");
        self.state().reports.clone()
    }

    async fn hear(&mut self) -> pb::agent_message::Message {
        timeout(PATIENCE, self.heard.recv()).await.expect("the agent says something").unwrap()
    }
}

impl Drop for FakeCoordinator {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that nobody is given by chance: below the kernel's ephemeral range, so that it is free again after a restart.
fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() * 16 % 12_000).unwrap();
    std::iter::repeat_with(|| 20_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000)
        .map(|port| SocketAddr::from(([127, 0, 0, 1], port)))
        .find(|address| std::net::TcpListener::bind(address).is_ok())
        .unwrap()
}

#[tonic::async_trait]
impl agents::AgentService for Service {
    type SessionStream = ReceiverStream<Result<pb::CoordinatorMessage, Status>>;

    async fn session(
        &self,
        request: Request<Streaming<pb::AgentMessage>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let mut stream = request.into_inner();
        let hello = stream.message().await?.and_then(|message| message.message).expect("Hello comes first");
        if let Some(status) = &self.state.lock().unwrap().refuse {
            return Err(status.clone());
        }
        let (session, replies) = mpsc::channel(100);
        let welcome = pb::Welcome { protocol: 1, session_epoch: 1, heartbeat_ms: 100, abandon: vec![] };
        let welcome = pb::coordinator_message::Message::Welcome(welcome);
        session.send(Ok(pb::CoordinatorMessage { message: Some(welcome) })).await.unwrap();
        self.state.lock().unwrap().session = Some(session);
        self.tell.send(hello).await.unwrap();
        let tell = self.tell.clone();
        let mut reading = tokio::task::JoinSet::new();
        reading.spawn(async move {
            while let Ok(Some(message)) = stream.message().await {
                tell.send(message.message.unwrap()).await.unwrap();
            }
        });
        reading.detach_all();
        Ok(Response::new(ReceiverStream::new(replies)))
    }

    async fn report_attempt(
        &self,
        request: Request<Streaming<pb::ReportChunk>>,
    ) -> Result<Response<pb::ReportReply>, Status> {
        let mut chunks = request.into_inner();
        let (mut header, mut bytes) = (None, Vec::new());
        while let Some(chunk) = chunks.message().await? {
            match chunk.chunk.unwrap() {
                pb::report_chunk::Chunk::Header(first) => header = Some(first),
                pb::report_chunk::Chunk::Data(data) => bytes.extend(data),
            }
        }
        let header = header.unwrap();
        assert_eq!((header.total_bytes, &header.sha256[..]), (bytes.len() as u64, &Digest::of(&bytes).as_bytes()[..]));
        let mut state = self.state.lock().unwrap();
        if state.deaf {
            return Err(Status::unavailable("the database is away"));
        }
        let stored = state.reports.iter().any(|(other, _)| other.result_uid == header.result_uid);
        let outcome = if stored { pb::ReportOutcome::AlreadyStored } else { pb::ReportOutcome::Stored };
        state.reports.push((header, prost::Message::decode(&bytes[..]).unwrap()));
        Ok(Response::new(pb::ReportReply { outcome: outcome.into() }))
    }
}

#[tonic::async_trait]
impl artifacts::ArtifactService for Service {
    type FetchArtifactStream = tokio_stream::Iter<std::vec::IntoIter<Result<pb::FetchChunk, Status>>>;
    type ListArtifactsStream = tokio_stream::Empty<Result<pb::StoredArtifact, Status>>;
    type VerifyArtifactsStream = tokio_stream::Empty<Result<pb::VerifiedArtifact, Status>>;

    async fn fetch_artifact(
        &self,
        request: Request<pb::FetchArtifactRequest>,
    ) -> Result<Response<Self::FetchArtifactStream>, Status> {
        let pb::FetchArtifactRequest { sha256, offset } = request.into_inner();
        let mut state = self.state.lock().unwrap();
        state.fetches.push(offset);
        let fault = state.faults.pop_front();
        let digest = Digest::try_from(&sha256[..]).unwrap();
        let mut bytes = state.artifacts.get(&digest).cloned().ok_or_else(|| Status::not_found("no such artifact"))?;
        let size_bytes = bytes.len() as u64;
        let offset = usize::try_from(offset).unwrap();
        if offset > bytes.len() {
            return Err(Status::out_of_range("beyond the end"));
        }
        match fault {
            Some(Fault::CutAfter(length)) => bytes.truncate(offset + length),
            Some(Fault::FlipByte) => bytes[offset] ^= 1,
            None => {}
        }
        let chunk = |data: &[u8]| Ok(pb::FetchChunk { size_bytes, data: data.to_owned() });
        let mut chunks: Vec<_> = bytes[offset..].chunks(CHUNK_BYTES).map(chunk).collect();
        if matches!(fault, Some(Fault::CutAfter(_))) {
            chunks.push(Err(Status::unavailable("cut")));
        }
        Ok(Response::new(tokio_stream::iter(chunks)))
    }

    async fn stat_artifacts(
        &self,
        _request: Request<pb::StatArtifactsRequest>,
    ) -> Result<Response<pb::StatArtifactsResponse>, Status> {
        Err(Status::unimplemented("agents do not ask"))
    }

    async fn upload_artifact(
        &self,
        _request: Request<Streaming<pb::UploadChunk>>,
    ) -> Result<Response<pb::UploadReply>, Status> {
        Err(Status::unimplemented("agents do not ask"))
    }

    async fn add_model(&self, _request: Request<pb::AddModelRequest>) -> Result<Response<pb::Model>, Status> {
        Err(Status::unimplemented("agents do not ask"))
    }

    async fn list_models(
        &self,
        _request: Request<pb::ListModelsRequest>,
    ) -> Result<Response<pb::ListModelsResponse>, Status> {
        Err(Status::unimplemented("agents do not ask"))
    }

    async fn get_model(&self, _request: Request<pb::GetModelRequest>) -> Result<Response<pb::Model>, Status> {
        Err(Status::unimplemented("agents do not ask"))
    }

    async fn add_variant(&self, _request: Request<pb::AddVariantRequest>) -> Result<Response<pb::Model>, Status> {
        Err(Status::unimplemented("agents do not ask"))
    }

    async fn remove_model(
        &self,
        _request: Request<pb::RemoveModelRequest>,
    ) -> Result<Response<pb::RemoveModelResponse>, Status> {
        Err(Status::unimplemented("agents do not ask"))
    }

    async fn list_artifacts(
        &self,
        _request: Request<pb::ListArtifactsRequest>,
    ) -> Result<Response<Self::ListArtifactsStream>, Status> {
        Err(Status::unimplemented("agents do not ask"))
    }

    async fn verify_artifacts(
        &self,
        _request: Request<pb::VerifyArtifactsRequest>,
    ) -> Result<Response<Self::VerifyArtifactsStream>, Status> {
        Err(Status::unimplemented("agents do not ask"))
    }

    async fn collect_garbage(
        &self,
        _request: Request<pb::CollectGarbageRequest>,
    ) -> Result<Response<pb::CollectGarbageReply>, Status> {
        Err(Status::unimplemented("agents do not ask"))
    }
}
