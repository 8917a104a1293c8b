//! Serves gRPC and pages on one port until told to stop, then drains with a deadline.

use std::time::Duration;

use axum::{Router, response::IntoResponse as _};
use tokio::{task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;
use tonic::{
    service::Routes,
    transport::{Server, server::TcpIncoming},
};
use tracing::{info, warn};

use crate::{Coordinator, StartError, cluster::ClusterError, database, grpc, web};

/// Together they find a dead peer within 50 s, which TCP alone may take hours for.
const HTTP2_KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
const HTTP2_KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// Streams of one connection: an agent needs a handful, a browser some dozens.
const MAX_CONCURRENT_STREAMS: u32 = 128;
/// Requests that are under way get this long; a peer that does not answer must not hold up the exit.
const DRAIN: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("cannot describe the services")]
    Start(#[from] StartError),
    #[error("the server failed")]
    Server(#[from] tonic::transport::Error),
    #[error("a part of the coordinator ended by itself: {0}")]
    Ended(&'static str),
    #[error("a part of the coordinator panicked")]
    Panicked(#[from] tokio::task::JoinError),
    #[error("the private PostgreSQL did not stop in order")]
    Cluster(#[from] ClusterError),
}

impl Coordinator {
    /// Runs until `shutdown` is cancelled. Then agents are told goodbye, requests are drained, the database is stopped.
    pub async fn serve(self, shutdown: CancellationToken) -> Result<(), ServeError> {
        let Self { listener, address: _, engine, cluster } = self;
        let services = grpc::routes(&engine).map_err(StartError::from)?;
        let router = services.into_axum_router().merge(web::router(engine.clone()));
        // One fallback for both worlds: gRPC clients get a gRPC status, people a page.
        let router = reset_fallback(router);
        let stop = engine.stopping().clone();
        let server = Server::builder()
            .accept_http1(true)
            .http2_keepalive_interval(Some(HTTP2_KEEPALIVE_INTERVAL))
            .http2_keepalive_timeout(Some(HTTP2_KEEPALIVE_TIMEOUT))
            .max_concurrent_streams(MAX_CONCURRENT_STREAMS)
            .add_routes(Routes::from(router))
            .serve_with_incoming_shutdown(
                TcpIncoming::from(listener).with_nodelay(Some(true)),
                stop.clone().cancelled_owned(),
            );

        let stop_database = CancellationToken::new();
        let mut supervisor = JoinSet::new();
        let supervised = cluster.is_some();
        if let Some(cluster) = cluster {
            supervisor.spawn(database::keep_alive(cluster, engine.store().clone(), stop_database.clone()));
        }
        let mut tasks: JoinSet<Result<(), ServeError>> = JoinSet::new();
        tasks.spawn(async move { server.await.map_err(ServeError::from) });
        let driver = engine.clone();
        tasks.spawn(async move {
            driver.run().await;
            Ok(())
        });

        let outcome = tokio::select! {
            () = shutdown.cancelled() => Ok(()),
            Some(ended) = tasks.join_next() => early_end(ended, "server or scheduler"),
            Some(ended) = supervisor.join_next(), if supervised => early_end(ended.map(|kept| kept.map_err(ServeError::from)), "database"),
        };
        info!("shutting down");
        engine.say_goodbye();
        stop.cancel();
        if timeout(DRAIN, async { while tasks.join_next().await.is_some() {} }).await.is_err() {
            warn!("some requests did not end in time and were cut off");
            tasks.shutdown().await;
        }
        engine.store().close().await;
        stop_database.cancel();
        while let Some(stopped) = supervisor.join_next().await {
            stopped??;
        }
        outcome
    }
}

fn early_end(
    ended: Result<Result<(), ServeError>, tokio::task::JoinError>,
    part: &'static str,
) -> Result<(), ServeError> {
    ended??;
    Err(ServeError::Ended(part))
}

fn reset_fallback(router: Router) -> Router {
    router.reset_fallback().fallback(|request: axum::extract::Request| async move {
        let content_type = request.headers().get(axum::http::header::CONTENT_TYPE);
        if content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc")) {
            tonic::Status::unimplemented("there is no such service").into_http::<axum::body::Body>().into_response()
        } else {
            web::not_found()
        }
    })
}
