//! Accepts connections and serves each until it ends, drains or is cut.
//!
//! Refuses to end by itself: an accept that fails is tried again, more slowly (descriptors run out
//! and come back).

use super::doors::Door;
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Connections of one port at once: far above what one machine's applications open, below what
/// the usual limit of descriptors allows after upstream connections and files.
const MAX_CONNECTIONS: usize = 8_192;
/// First pause after an accept that failed; doubled up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
/// Longest pause: descriptors come back within a second, and callers wait longer than that.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Longest wait for a request's head. hyper counts an idle connection as waiting too, so it must
/// outlive the pools of clients, which keep idle connections for a minute.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);
/// Header fields of a request.
const MAX_HEADERS: usize = 100;
/// Bytes of an HTTP/1 head.
const MAX_HEAD: usize = 64 << 10;
/// Bytes of an HTTP/2 header list.
const MAX_HEADER_LIST: u32 = 16 << 10;
/// Streams of one HTTP/2 connection reset by our own refusals before it is closed.
const MAX_RESETS: usize = 256;

/// How a port is told to stop.
#[derive(Debug, Clone)]
pub(super) struct Stop {
    /// Accept no more, finish what runs.
    pub(super) drain: CancellationToken,
    /// Finish nothing.
    pub(super) cut: CancellationToken,
}

/// Serves HTTP on a port until told to stop and its last connection ended.
pub(super) async fn accept(listener: TcpListener, door: Door, stop: Stop) {
    let drain = stop.drain.clone();
    let each = move |stream, peer| serve(stream, peer, door.clone(), drain.clone());
    accept_each(listener, stop, each).await;
}

/// Serves each connection of a port by `each`, until told to stop and the last one ended.
pub(super) async fn accept_each<F>(
    listener: TcpListener,
    stop: Stop,
    each: impl Fn(TcpStream, SocketAddr) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    let mut pause = FIRST_PAUSE;
    loop {
        tokio::select! {
            biased;
            () = stop.drain.cancelled() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok((stream, peer)) => {
                    pause = FIRST_PAUSE;
                    connections.spawn(each(stream, peer));
                }
                Err(e) if broke_before_accept(&e) => {}
                Err(e) => {
                    tracing::warn!(error = %e, ?pause, "cannot accept connections; trying again");
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = stop.drain.cancelled() => break,
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            },
        }
    }
    drop(listener);
    loop {
        tokio::select! {
            biased;
            // Dropping the set ends its tasks: each drops its connection.
            () = stop.cut.cancelled() => return,
            ended = connections.join_next() => if ended.is_none() { return },
        }
    }
}

/// The peer left before it was accepted: no fault of ours, and the next one may be waiting.
fn broke_before_accept(e: &io::Error) -> bool {
    matches!(
        e.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

async fn serve(stream: TcpStream, peer: SocketAddr, door: Door, drain: CancellationToken) {
    // Without it a stream's small events wait for acknowledgements of earlier ones.
    if let Err(e) = stream.set_nodelay(true) {
        tracing::debug!(error = %e, "the connection ended before it was served");
        return;
    }
    let service = service_fn(move |request: Request<Incoming>| {
        let door = door.clone();
        async move { Ok::<_, Infallible>(door.answer(request, peer).await) }
    });
    let builder = builder();
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut draining = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(e) = ended {
                    tracing::debug!(error = %e, "a connection broke");
                }
                return;
            }
            () = drain.cancelled(), if !draining => {
                draining = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(MAX_HEADER_LIST)
        .max_local_error_reset_streams(MAX_RESETS);
    builder
}
