//! In: a bound listener, the routes, limits, and a future that ends it. Out: served connections. Never: a connection
//! that may stay for ever.
//!
//! `axum::serve` has no deadline for headers, none for bodies and no cap, so this is a loop of our own.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tower::ServiceExt;

use super::body::Intake;
use super::stream::Guarded;
use crate::receive::BODY_BYTES_MAX;

/// The largest head of a request, in bytes. GitHub's and Render's are below 2 KiB.
const HEAD_BYTES_MAX: usize = 32 * 1024;

/// What hyper may buffer per connection, in bytes; what connections can cost is this times their number.
const BUFFER_BYTES_MAX: usize = 64 * 1024;

/// How long the loop waits when the process has run out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a peer may cost us. The defaults suit GitHub, which waits 10 s, and Render, which waits 15 s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections served at once. The next ones wait in the kernel's queue: they would rather wait than be refused.
    pub connections_max: usize,
    /// How long a request's head may take, counted from when it could begin: also how long a connection may idle.
    pub head_deadline: Duration,
    /// How long a body may take in all.
    pub body_deadline: Duration,
    /// How long a body, or the reading of an answer, may make no progress.
    pub progress_deadline: Duration,
    /// The largest body, in bytes.
    pub body_bytes_max: usize,
    /// Bytes of all bodies held at once; requests beyond are answered 503.
    pub bytes_in_flight_max: usize,
    /// How long open connections may finish after the end was asked for; then they are closed.
    pub drain_deadline: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 4096,
            head_deadline: Duration::from_secs(10),
            body_deadline: Duration::from_secs(30),
            progress_deadline: Duration::from_secs(10),
            body_bytes_max: BODY_BYTES_MAX,
            bytes_in_flight_max: 256 * 1024 * 1024,
            drain_deadline: Duration::from_secs(10),
        }
    }
}

/// Serves `router` on `listener` until `shutdown` is ready, then drains: no new connections, requests under way are
/// answered, and what has not ended at the drain deadline is closed.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    shutdown: impl Future<Output = ()> + Send,
) {
    let (closing, closed) = watch::channel(false);
    let slots = Arc::new(Semaphore::new(
        limits.connections_max.clamp(1, Semaphore::MAX_PERMITS),
    ));
    let intake = Arc::new(Intake::new(limits));
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(ended) = connections.join_next() => log_death(ended),
            (slot, accepted) = next(&slots, &listener) => match accepted {
                Ok((stream, peer)) => {
                    let served = connection(stream, peer, router.clone(), Arc::clone(&intake), closed.clone());
                    connections.spawn(async move {
                        let _slot = slot;
                        served.await;
                    });
                }
                Err(error) => pause_if_exhausted(&error).await,
            },
        }
    }
    drop(listener);
    let _ = closing.send(true);
    let ended = async {
        while let Some(ended) = connections.join_next().await {
            log_death(ended);
        }
    };
    if tokio::time::timeout(limits.drain_deadline, ended).await.is_err() {
        tracing::warn!(
            connections = connections.len(),
            "closing connections that did not end in time"
        );
        connections.shutdown().await;
    }
}

/// A free slot first, then a connection for it.
async fn next(
    slots: &Arc<Semaphore>,
    listener: &TcpListener,
) -> (Option<OwnedSemaphorePermit>, io::Result<(TcpStream, SocketAddr)>) {
    // The semaphore is never closed, so there always comes a slot.
    let slot = Arc::clone(slots).acquire_owned().await.ok();
    (slot, listener.accept().await)
}

/// A peer that went away before it was accepted is no trouble; to have no descriptors left is, and passes.
async fn pause_if_exhausted(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    ) {
        tracing::error!("cannot accept connections: {error}; raise the limit of open files if this stays");
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

fn log_death(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!("a connection's task died; why, the line of its panic says");
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    intake: Arc<Intake>,
    mut closed: watch::Receiver<bool>,
) {
    // Answers are small and complete: waiting to fill a packet only delays them.
    let _ = stream.set_nodelay(true);
    let limits = intake.limits();
    let stream = Guarded::new(stream, limits.progress_deadline);
    let closing = closed.clone();
    let service = router.map_request(move |mut request: http::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(Arc::clone(&intake));
        request.extensions_mut().insert(Peer(peer));
        request.extensions_mut().insert(Closing(closing.clone()));
        request.map(axum::body::Body::new)
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_deadline)
        .max_header_size(HEAD_BYTES_MAX)
        .max_buf_size(BUFFER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let mut served = std::pin::pin!(served);
    let asked_to_end = async { drop(closed.wait_for(|closed| *closed).await) };
    let ended = tokio::select! {
        ended = served.as_mut() => Some(ended),
        () = asked_to_end => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, "connection ended: {error}");
    }
}

/// Becomes true when the end was asked for: an answer that goes on for ever is to end then.
#[derive(Clone, Debug)]
pub(super) struct Closing(pub(super) watch::Receiver<bool>);

/// Who is at the other end of the socket: a proxy, mostly.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) SocketAddr);
