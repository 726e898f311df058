//! A flowgauge of one's own on an ephemeral port, and a client that controls every header.

use bytes::Bytes;
use flowgauge::config::Config;
use flowgauge::logic::call::{
    Call, Door, ErrorClass, InputTokens, OutputTokens, Status, UsageSource,
};
use flowgauge::logic::id::CallId;
use flowgauge::logic::unit::{Micros, NanoUsd, UnixMicros};
use flowgauge::serve::clock::{Clock, Hand};
use flowgauge::serve::{self, Running};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use tokio::net::TcpStream;

/// Tuesday 2026-05-05, 12:00 UTC.
pub(crate) const NOW: UnixMicros = UnixMicros(1_777_982_400_000_000);

pub(crate) struct Served {
    pub(crate) running: Running,
    pub(crate) hand: Hand,
    pub(crate) dir: tempfile::TempDir,
}

pub(crate) fn config(dir: &std::path::Path) -> Config {
    let mut config = Config::default();
    let anywhere: SocketAddr = "127.0.0.1:0".parse().unwrap();
    for listener in [
        &mut config.listen,
        &mut config.otlp_http,
        &mut config.otlp_grpc,
        &mut config.postgres.listener,
    ] {
        listener.addr = anywhere;
        listener.explicit = true;
    }
    config.data_dir = dir.to_owned();
    config.alerts.rules.clear();
    config
}

pub(crate) async fn served() -> Served {
    let dir = tempfile::tempdir().unwrap();
    let (clock, hand) = Clock::frozen(NOW);
    let running = serve::start(config(dir.path()), clock).await.unwrap();
    Served { running, hand, dir }
}

/// Sends one request on a connection of its own; the head of the answer is awaited.
pub(crate) async fn send(addr: SocketAddr, request: Request<Full<Bytes>>) -> Response<Incoming> {
    let stream = TcpStream::connect(addr).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender.send_request(request).await.unwrap()
}

pub(crate) fn request(method: &str, addr: SocketAddr, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(path).header("host", addr.to_string())
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

pub(crate) async fn ask(addr: SocketAddr, request: Request<Full<Bytes>>) -> Answer {
    let (head, body) = send(addr, request).await.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer { status: head.status, headers: head.headers, body }
}

pub(crate) async fn get(addr: SocketAddr, path: &str) -> Answer {
    ask(addr, request("GET", addr, path).body(Full::default()).unwrap()).await
}

pub(crate) async fn post(addr: SocketAddr, path: &str, body: &str) -> Answer {
    let body = Full::new(Bytes::copy_from_slice(body.as_bytes()));
    ask(addr, request("POST", addr, path).body(body).unwrap()).await
}

/// A successful call, `seconds` before now.
pub(crate) fn call(number: u8, seconds: i64) -> Call {
    let start = UnixMicros(NOW.0 - seconds * 1_000_000);
    let mut call = Call::begun(CallId::new(start, [number; 10]), start, start, Door::Gateway);
    call.what.leaf = true;
    call.what.operation = "chat".into();
    call.what.model_used = Some("gpt-4o-mini".into());
    call.what.endpoint = Some("chat/stream".into());
    call.time.latency = Some(Micros(900_000 + u64::from(number) * 1_000));
    call.usage.source = UsageSource::Provider;
    call.usage.input = Some(InputTokens { text: 100, ..InputTokens::default() });
    call.usage.output = Some(OutputTokens { visible: 20, ..OutputTokens::default() });
    call.cost.nanos = Some(NanoUsd(54_000));
    call.outcome.http_status = Some(200);
    call.outcome.attempts = 1;
    call
}

/// The same, refused by the upstream with 500.
pub(crate) fn failed(number: u8, seconds: i64) -> Call {
    let mut call = call(number, seconds);
    call.outcome.status = Status::Error;
    call.outcome.class = ErrorClass::Upstream5xx;
    call.outcome.http_status = Some(500);
    call.outcome.error_type = Some("server_error".into());
    call
}
