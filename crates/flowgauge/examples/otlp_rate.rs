//! Prints what one core ingests: decode and normalise per span, and durable spans per second.
//!
//! `cargo run --release -p flowgauge --example otlp_rate`

use bytes::Bytes;
use flowgauge::config::Privacy;
use flowgauge::logic::call::Door;
use flowgauge::logic::price::PriceBook;
use flowgauge::receive::ingest::otlp::Form;
use flowgauge::receive::ingest::{Ingest, Signal};
use flowgauge::record::Recorder;
use flowgauge::serve::clock::Clock;
use flowgauge::store::Options;
use http::Request;
use http_body_util::Full;
use std::io::Write;
use std::sync::Arc;

/// Spans of one payload, as exporters batch them.
const SPANS: u64 = 512;
/// Payloads decoded, and payloads stored.
const ROUNDS: u64 = 200;

fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![(number << 3) | 2];
    varint(&mut out, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    out.extend_from_slice(bytes);
    out
}

fn varint(out: &mut Vec<u8>, mut n: u64) {
    loop {
        let [low, ..] = (n & 0x7f).to_le_bytes();
        n >>= 7;
        out.push(if n == 0 { low } else { low | 0x80 });
        if n == 0 {
            return;
        }
    }
}

fn attribute(key: &str, value: &[u8]) -> Vec<u8> {
    field(9, &[field(1, key.as_bytes()), field(2, value)].concat())
}

fn text(key: &str, value: &str) -> Vec<u8> {
    attribute(key, &field(1, value.as_bytes()))
}

fn int(key: &str, value: u64) -> Vec<u8> {
    let mut any = vec![3 << 3];
    varint(&mut any, value);
    attribute(key, &any)
}

fn double(key: &str, value: f64) -> Vec<u8> {
    let mut any = vec![(4 << 3) | 1];
    any.extend_from_slice(&value.to_le_bytes());
    attribute(key, &any)
}

fn fixed64(number: u8, n: u64) -> Vec<u8> {
    let mut out = vec![(number << 3) | 1];
    out.extend_from_slice(&n.to_le_bytes());
    out
}

/// A span with the 18 attributes of a usual chat call.
fn span(n: u64, start_ns: u64) -> Vec<u8> {
    let trace = [n.to_be_bytes(), [7; 8]].concat();
    let finish =
        attribute("gen_ai.response.finish_reasons", &field(5, &field(1, &field(1, b"stop"))));
    [
        field(1, &trace),
        field(2, &(n + 1).to_be_bytes()),
        field(5, b"chat gpt-4o"),
        fixed64(7, start_ns),
        fixed64(8, start_ns + 735_000_000 + n * 1_000),
        text("gen_ai.operation.name", "chat"),
        text("gen_ai.provider.name", "openai"),
        text("gen_ai.request.model", "gpt-4o"),
        text("gen_ai.response.model", "gpt-4o-2024-08-06"),
        double("gen_ai.request.temperature", 0.7),
        int("gen_ai.request.max_tokens", 1024),
        text("gen_ai.response.id", &format!("chatcmpl-{n:029}")),
        finish,
        int("gen_ai.usage.input_tokens", 800 + n % 900),
        int("gen_ai.usage.output_tokens", 200 + n % 300),
        text("server.address", "api.openai.com"),
        int("server.port", 443),
        text("session.id", &format!("s-{}", n % 20_000)),
        text("user.id", &format!("u-{}", n % 5_000)),
        text("intent", "translate"),
        text("app.cache", "miss"),
        double("app.quality", 0.9132),
        double("gen_ai.usage.cost", 0.0042),
    ]
    .concat()
}

fn payload(round: u64, start_ns: u64) -> Vec<u8> {
    let service = [field(1, b"service.name"), field(2, &field(1, b"shop"))].concat();
    let mut scope = Vec::new();
    for n in 0..SPANS {
        scope.extend(field(2, &span(round * SPANS + n + 1, start_ns)));
    }
    field(1, &[field(1, &field(1, &service)), field(2, &scope)].concat())
}

fn rate(out: &mut impl Write, what: &str, us: u64) -> std::io::Result<()> {
    let spans = SPANS * ROUNDS;
    let ns = us * 1_000 / spans;
    writeln!(out, "{what}: {ns} ns/span, {} spans/s", spans * 1_000_000 / us.max(1))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let clock = Clock::real();
    let dir = tempfile::tempdir()?;
    let recorder = Recorder::start(dir.path(), Options::default(), clock.clone())?;
    let prices = Arc::new(arc_swap::ArcSwap::from_pointee(PriceBook::embedded()));
    let ingest = Ingest::new(recorder, prices, clock.clone(), Privacy::default(), &[7; 32]);
    let start_ns = u64::try_from(clock.now().0)? * 1_000 - 1_000_000_000;
    let one = payload(0, start_ns);
    writeln!(out, "payload: {} bytes/span", u64::try_from(one.len())? / SPANS)?;
    let began = clock.monotonic();
    for _ in 0..ROUNDS {
        let batch = ingest.decode(Signal::Traces, Door::OtlpHttp, Form::Protobuf, &one)?;
        anyhow::ensure!(u64::try_from(batch.calls.len())? == SPANS, "every span is a call");
    }
    rate(&mut out, "decode, normalise, price", clock.monotonic().saturating_sub(began).0)?;
    let bodies: Vec<_> = (0..ROUNDS).map(|r| payload(r, start_ns)).collect();
    let began = clock.monotonic();
    let mut posts = tokio::task::JoinSet::new();
    for body in bodies {
        let request = Request::post("/v1/traces")
            .header("content-type", "application/x-protobuf")
            .header("content-length", body.len())
            .body(Full::new(Bytes::from(body)))?;
        posts.spawn(Arc::clone(&ingest).http(Signal::Traces, request));
        if posts.len() >= 8 {
            posts.join_next().await;
        }
    }
    while let Some(answer) = posts.join_next().await {
        anyhow::ensure!(answer?.status() == 200, "every payload is stored");
    }
    rate(&mut out, "acknowledged as durable", clock.monotonic().saturating_sub(began).0)?;
    Ok(())
}
