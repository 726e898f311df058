//! OTLP over gRPC: tonic frames and decompresses, the walker reads the bytes. No message types.

use super::batch::Malformed;
use super::{Form, Ingest, MAX_GRPC_MESSAGE, Signal, answer};
use crate::logic::call::Door;
use bytes::{Buf, BufMut, Bytes};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{Grpc, UnaryService};
use tonic::{Code, Status};

/// Connections at once; a gRPC client needs one each.
const MAX_CONNECTIONS: usize = 512;
/// A silent peer is asked whether it lives after this long …
const PING_EVERY: Duration = Duration::from_secs(20);
/// … and dropped when it does not say so within this.
const PING_PATIENCE: Duration = Duration::from_secs(20);
/// Streams per connection: exporters use a few.
const MAX_STREAMS: u32 = 64;
/// Largest header list: what hyper's server takes by default.
const MAX_HEADERS: u32 = 16 * 1024;

/// Method path and what it carries.
const METHODS: &[(&str, Signal)] = &[
    ("/opentelemetry.proto.collector.trace.v1.TraceService/Export", Signal::Traces),
    ("/opentelemetry.proto.collector.logs.v1.LogsService/Export", Signal::Logs),
    ("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", Signal::Metrics),
];

impl Ingest {
    /// Serves the three export services until `stop`, then finishes what is under way.
    pub async fn serve_grpc(self: Arc<Self>, listener: TcpListener, stop: CancellationToken) {
        let mut connections = JoinSet::new();
        loop {
            let full = connections.len() >= MAX_CONNECTIONS;
            tokio::select! {
                () = stop.cancelled() => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                accepted = listener.accept(), if !full => match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(connection(Arc::clone(&self), stream, stop.clone()));
                    }
                    Err(error) => tracing::warn!(%error, "OTLP/gRPC: accept failed"),
                },
            }
        }
        drop(listener);
        while connections.join_next().await.is_some() {}
    }
}

async fn connection(ingest: Arc<Ingest>, stream: TcpStream, stop: CancellationToken) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "OTLP/gRPC: no TCP_NODELAY");
    }
    let service = hyper::service::service_fn(move |request| {
        let ingest = Arc::clone(&ingest);
        async move { Ok::<_, Infallible>(route(ingest, request).await) }
    });
    let served = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_PATIENCE)
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = stop.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "OTLP/gRPC: connection ended");
    }
}

async fn route(
    ingest: Arc<Ingest>,
    request: http::Request<Incoming>,
) -> http::Response<tonic::body::Body> {
    let method = METHODS.iter().find(|(path, _)| *path == request.uri().path());
    let Some((_, signal)) = method else {
        return Status::unimplemented("only the OTLP export services are served").into_http();
    };
    Grpc::new(Raw)
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Zstd)
        .max_decoding_message_size(MAX_GRPC_MESSAGE)
        .unary(Export { ingest, signal: *signal }, request)
        .await
}

struct Export {
    ingest: Arc<Ingest>,
    signal: Signal,
}

impl UnaryService<Bytes> for Export {
    type Response = Bytes;
    type Future = Pin<Box<dyn Future<Output = Result<tonic::Response<Bytes>, Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let (ingest, signal) = (Arc::clone(&self.ingest), self.signal);
        Box::pin(async move {
            let (said, _, body) = request.into_parts();
            let agent = said.get("user-agent").and_then(|v| v.to_str().ok());
            let Some(_held) = ingest.hold(body.len()) else {
                return Err(come_back("too many bytes in flight", 1));
            };
            let decoded = ingest.decode(signal, Door::OtlpGrpc, Form::Protobuf, &body);
            let mut batch = decoded.map_err(|Malformed(text)| Status::invalid_argument(text))?;
            let calls = batch.calls.len();
            if let Err(refused) = ingest.store(&mut batch).await {
                return Err(come_back(&refused.reason, refused.retry_after_s.max(1)));
            }
            ingest.taken_from(agent, calls);
            Ok(tonic::Response::new(answer::export(signal, Form::Protobuf, &batch.rejections)))
        })
    }
}

/// UNAVAILABLE with the time to wait: without it clients drop the data.
fn come_back(reason: &str, seconds: u32) -> Status {
    let details = answer::retry_status(14, reason, seconds);
    Status::with_details(Code::Unavailable, reason, details)
}

/// Messages as the bytes they are.
#[derive(Debug, Clone, Copy)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
