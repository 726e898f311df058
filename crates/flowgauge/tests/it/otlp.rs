//! The OTLP doors over a real store: what is acknowledged is there, what is not is refused aloud.

use crate::otlp_wire::{field, gauge, int, log, request, span, text, varint};
use bytes::Bytes;
use flowgauge::config::Privacy;
use flowgauge::logic::call::{Call, Dialect, Door};
use flowgauge::logic::price::PriceBook;
use flowgauge::logic::unit::{Micros, UnixMicros};
use flowgauge::logic::window::Window;
use flowgauge::receive::ingest::otlp::{MAX_GRPC_MESSAGE, MAX_HTTP_BODY};
use flowgauge::receive::ingest::{Ingest, Signal};
use flowgauge::record::Recorder;
use flowgauge::serve::clock::Clock;
use flowgauge::store::{CallQuery, Options};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use std::io::Write;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

const NOW: UnixMicros = UnixMicros(1_763_000_000_000_000);
const START_NS: u64 = 1_762_999_990_000_000_000;

struct Fixture {
    ingest: Arc<Ingest>,
    recorder: Recorder,
    _dir: tempfile::TempDir,
}

fn fixture() -> Fixture {
    let dir = tempfile::tempdir().expect("a directory");
    let (clock, _hand) = Clock::frozen(NOW);
    let recorder =
        Recorder::start(dir.path(), Options::default(), clock.clone()).expect("a recorder");
    let prices = Arc::new(arc_swap::ArcSwap::from_pointee(PriceBook::embedded()));
    let ingest = Ingest::new(recorder.clone(), prices, clock, Privacy::default(), &[7; 32]);
    Fixture { ingest, recorder, _dir: dir }
}

impl Fixture {
    fn calls(&self) -> Vec<Call> {
        let window = Window { from: UnixMicros(0), to: UnixMicros(NOW.0 * 2) };
        let mut query = CallQuery::newest(window, 10_000);
        query.with_spans = true;
        self.recorder.reader().expect("readable").calls(&query).expect("calls")
    }

    async fn post(&self, signal: Signal, kind: &str, coding: &str, body: Vec<u8>) -> Answer {
        let mut request = Request::post("/").header("content-type", kind);
        if !coding.is_empty() {
            request = request.header("content-encoding", coding);
        }
        let request = request.body(Full::new(Bytes::from(body))).expect("a request");
        Answer::of(Arc::clone(&self.ingest).http(signal, request).await).await
    }

    async fn traces(&self, spans: &[Vec<u8>]) -> Answer {
        self.post(Signal::Traces, PROTO, "", request(spans)).await
    }
}

const PROTO: &str = "application/x-protobuf";
const JSON: &str = "application/json";

struct Answer {
    status: StatusCode,
    kind: String,
    body: Bytes,
    retry_after: bool,
}

impl Answer {
    async fn of(response: Response<Full<Bytes>>) -> Self {
        let (head, body) = response.into_parts();
        let kind = head.headers["content-type"].to_str().expect("text").to_owned();
        let body = body.collect().await.expect("a body").to_bytes();
        let retry_after = head.headers.contains_key("retry-after");
        Self { status: head.status, kind, body, retry_after }
    }
}

fn chat(tokens: i64) -> Vec<Vec<u8>> {
    vec![
        text("gen_ai.operation.name", "chat"),
        text("gen_ai.provider.name", "openai"),
        text("gen_ai.request.model", "gpt-4o"),
        int("gen_ai.usage.input_tokens", tokens),
        int("gen_ai.usage.output_tokens", 10),
    ]
}

fn good(n: u64) -> Vec<u8> {
    span(n, START_NS, START_NS + 5_000_000, &chat(100))
}

#[tokio::test]
async fn an_acknowledged_span_is_a_priced_call_in_the_store() {
    let f = fixture();
    let answer = f.traces(&[good(1)]).await;
    assert_eq!(
        (answer.status, answer.kind.as_str(), answer.body.len()),
        (StatusCode::OK, PROTO, 0)
    );
    let calls = f.calls();
    assert_eq!(calls.len(), 1);
    let call = &calls[0];
    assert_eq!(call.origin.door, Door::OtlpHttp);
    assert_eq!(call.origin.dialect, Dialect::SemconvG2);
    assert_eq!(call.origin.service.as_deref(), Some("shop"));
    assert_eq!(call.time.latency, Some(Micros(5_000)));
    assert!(call.cost.nanos.is_some_and(|n| n.0 > 0), "{:?}", call.cost);
}

#[tokio::test]
async fn bad_rows_are_refused_by_number_and_the_others_stored() {
    let f = fixture();
    let mut spans: Vec<_> = (0..999).map(good).collect();
    spans.push(span(5_000, START_NS, START_NS - 1, &[]));
    let answer = f.traces(&spans).await;
    assert_eq!(answer.status, StatusCode::OK);
    let mut partial = vec![0x08, 1];
    partial.extend(field(2, "1 × span ends before it starts".as_bytes()));
    assert_eq!(answer.body, field(1, &partial));
    assert_eq!(f.calls().len(), 999);
}

#[tokio::test]
async fn each_batch_sent_three_times_counts_once() {
    let f = fixture();
    let (a, b) = ([good(1), good(2)], [good(3)]);
    for batch in [&a[..], &b, &a, &a, &b, &b] {
        assert_eq!(f.traces(batch).await.status, StatusCode::OK);
    }
    assert_eq!(f.calls().len(), 3);
}

#[tokio::test]
async fn json_gives_the_same_call_as_protobuf() {
    let f = fixture();
    let json = r#"{"unknown":{"a":[1]},"resourceSpans":[{"resource":{"attributes":[{"key":"service.name",
      "value":{"stringValue":"shop"}}]},"scopeSpans":[{"scope":{"name":"test"},"spans":[{
      "traceId":"00000000000000010707070707070707","spanId":"0000000000000002","name":"chat m","kind":3,
      "startTimeUnixNano":"1762999990000000000","endTimeUnixNano":1762999990005000000,"attributes":[
      {"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},
      {"key":"gen_ai.provider.name","value":{"stringValue":"openai"}},
      {"key":"gen_ai.request.model","value":{"stringValue":"gpt-4o"}},
      {"key":"gen_ai.usage.input_tokens","value":{"intValue":"100"}},
      {"key":"gen_ai.usage.output_tokens","value":{"int_value":10}}]}]}]}]}"#;
    let answer = f.post(Signal::Traces, "application/json; charset=utf-8", "", json.into()).await;
    assert_eq!((answer.status, answer.kind.as_str()), (StatusCode::OK, JSON));
    assert_eq!(&answer.body[..], b"{}");
    let other = fixture();
    assert_eq!(other.traces(&[good(1)]).await.status, StatusCode::OK);
    assert_eq!(f.calls(), other.calls());
}

#[tokio::test]
async fn compressed_bodies_are_read_and_bombs_refused() {
    let f = fixture();
    let gzip = |body: &[u8]| {
        let mut w = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        w.write_all(body).expect("written");
        w.finish().expect("finished")
    };
    let body = request(&[good(1)]);
    let zstd = zstd::encode_all(&request(&[good(2)])[..], 1).expect("compressed");
    assert_eq!(f.post(Signal::Traces, PROTO, "gzip", gzip(&body)).await.status, StatusCode::OK);
    assert_eq!(f.post(Signal::Traces, PROTO, "zstd", zstd).await.status, StatusCode::OK);
    assert_eq!(f.calls().len(), 2);
    let bomb = gzip(&vec![0; MAX_HTTP_BODY + 1]);
    let too_large = f.post(Signal::Traces, PROTO, "gzip", bomb).await;
    assert_eq!((too_large.status, too_large.retry_after), (StatusCode::PAYLOAD_TOO_LARGE, false));
    let raw = f.post(Signal::Traces, PROTO, "", vec![0; MAX_HTTP_BODY + 1]).await;
    assert_eq!(raw.status, StatusCode::PAYLOAD_TOO_LARGE);
    let damaged = f.post(Signal::Traces, PROTO, "gzip", body.clone()).await;
    assert_eq!(damaged.status, StatusCode::BAD_REQUEST);
    let unknown = f.post(Signal::Traces, PROTO, "br", body).await;
    assert_eq!(unknown.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn bad_data_is_a_400_and_other_types_a_415_and_nothing_is_a_success() {
    let f = fixture();
    let bad = f.post(Signal::Traces, PROTO, "", vec![0x0a, 0xff]).await;
    assert_eq!((bad.status, bad.kind.as_str()), (StatusCode::BAD_REQUEST, PROTO));
    assert_eq!(&bad.body[..2], [0x08, 3], "INVALID_ARGUMENT");
    let bad = f.post(Signal::Logs, JSON, "", b"{".to_vec()).await;
    assert_eq!(bad.status, StatusCode::BAD_REQUEST);
    assert!(
        serde_json::from_slice::<serde_json::Value>(&bad.body).expect("JSON")["message"]
            .is_string()
    );
    let other = f.post(Signal::Traces, "text/plain", "", Vec::new()).await;
    assert_eq!(other.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    for signal in [Signal::Traces, Signal::Logs, Signal::Metrics] {
        assert_eq!(f.post(signal, PROTO, "", Vec::new()).await.status, StatusCode::OK);
        assert_eq!(f.post(signal, JSON, "", b"{}".to_vec()).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn gen_ai_events_are_kept_and_metrics_and_other_logs_refused_aloud() {
    let f = fixture();
    let logs =
        request(&[log("gen_ai.client.operation.exception", START_NS), log("other", START_NS)]);
    let answer = f.post(Signal::Logs, PROTO, "", logs).await;
    let said = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(said.contains("1 × only log records with a gen_ai.* event name"), "{said}");
    let window = Window { from: UnixMicros(0), to: UnixMicros(NOW.0 * 2) };
    let events = f.recorder.reader().expect("readable").events(window, 10).expect("events");
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].name, "gen_ai.client.operation.exception");
    let answer = f.post(Signal::Metrics, PROTO, "", request(&[gauge(3), gauge(2)])).await;
    assert_eq!((answer.status, answer.body[2], answer.body[3]), (StatusCode::OK, 0x08, 5));
    let json =
        r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"sum":{"dataPoints":[{},{}]}}]}]}]}"#;
    let answer = f.post(Signal::Metrics, JSON, "", json.into()).await;
    let said: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!(said["partialSuccess"]["rejectedDataPoints"], "2");
}

async fn grpc(address: std::net::SocketAddr, coding: &str, message: &[u8]) -> (String, Bytes) {
    grpc_to(address, "trace.v1.TraceService", coding, message).await
}

async fn grpc_to(
    address: std::net::SocketAddr,
    service: &str,
    coding: &str,
    message: &[u8],
) -> (String, Bytes) {
    let stream = tokio::net::TcpStream::connect(address).await.expect("connected");
    let io = hyper_util::rt::TokioIo::new(stream);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(executor, io).await.expect("a handshake");
    tokio::spawn(connection);
    let mut frame = vec![u8::from(!coding.is_empty())];
    frame.extend_from_slice(&(message.len() as u32).to_be_bytes());
    frame.extend_from_slice(message);
    let mut request =
        Request::post(format!("http://{address}/opentelemetry.proto.collector.{service}/Export"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
    if !coding.is_empty() {
        request = request.header("grpc-encoding", coding);
    }
    let request = request.body(Full::new(Bytes::from(frame))).expect("a request");
    let (head, body) = sender.send_request(request).await.expect("an answer").into_parts();
    let collected = body.collect().await.expect("a body");
    let trailers = collected.trailers().cloned().unwrap_or_default();
    let code = trailers.get("grpc-status").or_else(|| head.headers.get("grpc-status"));
    let code = code.expect("a status").to_str().expect("text").to_owned();
    (code, collected.to_bytes())
}

#[tokio::test]
async fn grpc_stores_spans_and_refuses_what_is_bad_or_too_large() {
    let f = fixture();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let stop = CancellationToken::new();
    let served = tokio::spawn(Arc::clone(&f.ingest).serve_grpc(listener, stop.clone()));
    let (code, body) = grpc(address, "", &request(&[good(1)])).await;
    assert_eq!((code.as_str(), &body[..]), ("0", &[0u8; 5][..]));
    let zstd = zstd::encode_all(&request(&[good(2)])[..], 1).expect("compressed");
    assert_eq!(grpc(address, "zstd", &zstd).await.0, "0");
    assert_eq!(grpc(address, "", &[0x0a, 0xff]).await.0, "3", "INVALID_ARGUMENT");
    let bomb = zstd::encode_all(&vec![0; MAX_GRPC_MESSAGE + 1][..], 1).expect("compressed");
    assert_ne!(grpc(address, "zstd", &bomb).await.0, "0");
    let calls = f.calls();
    assert_eq!(calls.len(), 2);
    assert!(calls.iter().all(|c| c.origin.door == Door::OtlpGrpc));
    stop.cancel();
    served.await.expect("stopped");
}

/// Rows that a protobuf answer says were refused.
fn refused(body: &[u8]) -> u64 {
    let number = |bytes: &mut dyn Iterator<Item = u8>| {
        let mut n = 0u64;
        for (at, byte) in bytes.enumerate() {
            n |= u64::from(byte & 0x7f) << (7 * at);
            if byte < 0x80 {
                break;
            }
        }
        n
    };
    let mut bytes = body.iter().copied();
    if bytes.next().is_none() {
        return 0;
    }
    number(&mut bytes);
    assert_eq!(bytes.next(), Some(0x08), "{body:?}");
    number(&mut bytes)
}

#[tokio::test]
async fn of_logs_and_metrics_what_was_sent_is_stored_or_refused_in_every_wire_form() {
    let f = fixture();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let stop = CancellationToken::new();
    let served = tokio::spawn(Arc::clone(&f.ingest).serve_grpc(listener, stop.clone()));
    let logs = |from: u64| {
        let named = field(6, &text("gen_ai.evaluation.name", "tone"));
        let judged =
            |n| [log("gen_ai.evaluation.result", START_NS + from + n), named.clone()].concat();
        let nameless = log("gen_ai.evaluation.result", START_NS);
        request(&[judged(1_000), judged(2_000), nameless, log("other", START_NS)])
    };
    let stored = || {
        let window = Window { from: UnixMicros(0), to: UnixMicros(NOW.0 * 2) };
        f.recorder.reader().expect("readable").events(window, 100).expect("events").len() as u64
    };
    let sent = 4;
    let answer = f.post(Signal::Logs, PROTO, "", logs(10_000)).await;
    assert_eq!((refused(&answer.body), stored()), (2, sent - 2));
    let (code, frame) = grpc_to(address, "logs.v1.LogsService", "", &logs(20_000)).await;
    assert_eq!((code.as_str(), refused(&frame[5..]), stored()), ("0", 2, 2 * (sent - 2)));
    let record = |name: &str, ms: u64| {
        format!(
            r#"{{"timeUnixNano":"{}","eventName":"{name}","attributes":[
            {{"key":"gen_ai.evaluation.name","value":{{"stringValue":"tone"}}}}]}}"#,
            START_NS + ms * 1_000_000
        )
    };
    let records =
        [record("gen_ai.evaluation.result", 1), record("gen_ai.choice", 2), record("x", 3)];
    let json = format!(
        r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{}]}}]}}]}}"#,
        records.join(",")
    );
    let answer = f.post(Signal::Logs, JSON, "", json.into_bytes()).await;
    let said: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!(said["partialSuccess"]["rejectedLogRecords"], "1");
    assert_eq!(stored(), 2 * (sent - 2) + 2);

    let (code, frame) =
        grpc_to(address, "metrics.v1.MetricsService", "", &request(&[gauge(7)])).await;
    assert_eq!((code.as_str(), refused(&frame[5..])), ("0", 7));
    let answer = f.post(Signal::Metrics, PROTO, "", request(&[gauge(7)])).await;
    assert_eq!(refused(&answer.body), 7);
    stop.cancel();
    served.await.expect("stopped");
}

#[tokio::test]
async fn nesting_beyond_the_limit_is_a_400() {
    let f = fixture();
    let nested = |depth: usize| {
        let mut value = field(1, b"x");
        for _ in 0..depth {
            value = field(5, &field(1, &value));
        }
        let attribute = [field(1, b"deep"), field(2, &value)].concat();
        request(&[span(1, START_NS, START_NS + 1, &[attribute])])
    };
    assert_eq!(f.post(Signal::Traces, PROTO, "", nested(64)).await.status, StatusCode::OK);
    let refused = f.post(Signal::Traces, PROTO, "", nested(65)).await.status;
    assert_eq!(refused, StatusCode::BAD_REQUEST);
    let bomb = f.post(Signal::Traces, PROTO, "", nested(20_000)).await.status;
    assert_eq!(bomb, StatusCode::BAD_REQUEST);
    let mut size = Vec::new();
    varint(&mut size, u64::MAX);
    let lying = f.post(Signal::Traces, PROTO, "", [vec![0x0a], size].concat()).await.status;
    assert_eq!(lying, StatusCode::BAD_REQUEST, "a false length");
}
