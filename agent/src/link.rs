//! The connection to the coordinator: its settings, and one session's two streams. It decides nothing.

use std::net::IpAddr;
use std::pin::Pin;
use std::time::Duration;

use proto::pb::{self, agent_service_client::AgentServiceClient};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Status, Streaming};

/// A TCP handshake across the world takes a second at worst.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A dead peer is noticed within 40 s; proxies that drop idle connections usually wait for a minute.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// Messages to the coordinator that may wait: one a phase and one a heartbeat; more waiting ones mean it is stuck.
const OUTGOING_LIMIT: usize = 16;

/// The coordinator's address, checked.
#[derive(Debug, Clone)]
pub(crate) struct Address(Uri);

impl Address {
    /// Reads `http://host:port` or `host:port`; the error says what is wrong.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let uri: Uri = with_scheme.parse().map_err(|error| format!("{error}"))?;
        match (uri.scheme_str(), uri.port_u16()) {
            (Some("http"), Some(_)) => Ok(Self(uri)),
            (Some("http"), None) => Err("it has no port".to_owned()),
            (Some("https"), _) => Err("this version speaks no TLS; use http".to_owned()),
            _ => Err("the scheme must be http".to_owned()),
        }
    }

    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.0.host().unwrap_or_default().trim_matches(['[', ']']);
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// A channel that connects when it is first used, and again whenever it is used after a loss.
    pub(crate) fn channel(&self) -> Channel {
        Endpoint::from(self.0.clone())
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
            .keep_alive_timeout(KEEPALIVE_TIMEOUT)
            .keep_alive_while_idle(true)
            .connect_lazy()
    }
}

type Opening = Pin<Box<dyn Future<Output = Result<Streaming<pb::CoordinatorMessage>, Status>> + Send>>;

/// One session. Dropping it hangs up.
pub(crate) struct Link {
    outgoing: mpsc::Sender<pb::AgentMessage>,
    incoming: Incoming,
    /// Whether the coordinator took us: what it says before that, it says about us.
    pub(crate) welcomed: bool,
}

enum Incoming {
    Opening(Opening),
    Open(Box<Streaming<pb::CoordinatorMessage>>),
}

impl Link {
    /// Dials, with `hello` as the first message. Nothing happens before [`Link::next`] is awaited.
    pub(crate) fn dial(channel: &Channel, hello: pb::AgentMessage) -> Self {
        let (outgoing, queue) = mpsc::channel(OUTGOING_LIMIT);
        outgoing.try_send(hello).expect("the queue is new");
        let mut client = AgentServiceClient::new(channel.clone());
        let opening =
            Box::pin(async move { client.session(ReceiverStream::new(queue)).await.map(tonic::Response::into_inner) });
        Self { outgoing, incoming: Incoming::Opening(opening), welcomed: false }
    }

    /// Queues a message. False if the coordinator has not taken the last ones: it is stuck, and the link of no use.
    pub(crate) fn send(&self, message: pb::AgentMessage) -> bool {
        self.outgoing.try_send(message).is_ok()
    }

    /// The next message; `None` at the end of the stream. May be dropped and called again.
    pub(crate) async fn next(&mut self) -> Result<Option<pb::CoordinatorMessage>, Status> {
        loop {
            match &mut self.incoming {
                Incoming::Opening(opening) => self.incoming = Incoming::Open(Box::new(opening.await?)),
                Incoming::Open(stream) => return stream.message().await,
            }
        }
    }
}
