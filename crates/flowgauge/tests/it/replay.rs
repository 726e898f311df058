//! Real arrivals of a production service, sent again through the gateway: nothing is lost.

use bytes::Bytes;
use flowgauge::config::{Config, Provider, StreamSettings, Timeouts};
use flowgauge::logic::kpi::Kpi;
use flowgauge::logic::rollup::Filter;
use flowgauge::logic::unit::UnixMicros;
use flowgauge::logic::window::Window;
use flowgauge::query;
use flowgauge::serve::clock::Clock;
use flowgauge_testkit::upstream::{Script, Upstream};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How many times faster than life; `FLOWGAUGE_REPLAY_SPEED=60` is the published run of a minute.
const SPEED: f64 = 300.0;

fn data() -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    std::env::var_os("FLOWGAUGE_DATA").map_or(beside, PathBuf::from)
}

/// Offset in seconds from the first call, and generated tokens, of every call.
fn arrivals(text: &str) -> Vec<(f64, usize)> {
    let rows: Vec<(f64, usize)> = text
        .lines()
        .skip(1)
        .map(|line| {
            let mut fields = line.trim().split(',');
            let time = fields.next().unwrap();
            let (day, fraction) = time.split_once('.').unwrap();
            let whole = chrono::NaiveDateTime::parse_from_str(day, "%Y-%m-%d %H:%M:%S").unwrap();
            let fraction: f64 = format!("0.{fraction}").parse().unwrap();
            let at = whole.and_utc().timestamp() as f64 + fraction;
            (at, fields.nth(1).unwrap().parse().unwrap())
        })
        .collect();
    let first = rows[0].0;
    rows.into_iter().map(|(at, tokens)| (at - first, tokens)).collect()
}

fn config(dir: &Path, upstream: &str) -> Config {
    let mut config = Config { data_dir: dir.to_owned(), ..Config::default() };
    for listener in [
        &mut config.listen,
        &mut config.otlp_grpc,
        &mut config.otlp_http,
        &mut config.postgres.listener,
    ] {
        listener.addr = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    }
    config.gateway.providers = vec![Provider {
        name: "scripted".to_owned(),
        base_url: format!("{upstream}/v1"),
        api_key: None,
        timeouts: Timeouts::default(),
        retry: None,
        streams: StreamSettings::default(),
    }];
    config
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_of_a_replayed_production_hour_is_answered_and_stored() {
    let file = data().join("azure-llm-2023/code.csv");
    let Ok(text) = std::fs::read_to_string(&file) else {
        eprintln!("skipped: {} is not there; set FLOWGAUGE_DATA", file.display());
        return;
    };
    let arrivals = arrivals(&text);
    let speed = std::env::var("FLOWGAUGE_REPLAY_SPEED").ok().and_then(|s| s.parse().ok());
    let speed: f64 = speed.unwrap_or(SPEED);
    let upstream = Upstream::start_on(0, Vec::new(), false).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let running = flowgauge::serve::start(config(dir.path(), &upstream.base_url()), Clock::real())
        .await
        .unwrap();
    let client: Client<HttpConnector, Full<Bytes>> =
        Client::builder(TokioExecutor::new()).build_http();
    let url = format!("http://{}/v1/chat/completions", running.addr);
    let started = tokio::time::Instant::now();
    let before = Clock::real().now();
    let sent: Vec<_> = arrivals
        .iter()
        .map(|(offset, tokens)| {
            let at = started + Duration::from_secs_f64(offset / speed);
            tokio::spawn(one_call(client.clone(), url.clone(), at, *tokens))
        })
        .collect();
    let mut words = 0;
    for call in sent {
        words += call.await.unwrap();
    }
    assert_eq!(words, arrivals.iter().map(|(_, t)| *t as u64).sum::<u64>());
    let reader = running.recorder.reader().unwrap();
    running.stop().await;

    let window =
        Window { from: before, to: UnixMicros(Clock::real().now().0 + UnixMicros::MINUTE) };
    let count = |name: &str| {
        let kpi = Kpi::find(name).unwrap();
        query::one(&reader, kpi, window, &Filter::default()).unwrap().value
    };
    assert_eq!(count("request_count"), Some(arrivals.len() as f64));
    assert_eq!(count("error_count"), Some(0.0));
    assert_eq!(count("output_tokens"), Some(words as f64));
    assert!(reader.gaps(window).unwrap().is_empty());
}

/// Sends one call at its moment and returns how many tokens the provider says it made.
async fn one_call(
    client: Client<HttpConnector, Full<Bytes>>,
    url: String,
    at: tokio::time::Instant,
    tokens: usize,
) -> u64 {
    tokio::time::sleep_until(at).await;
    let script = Script { words: Some(tokens), ..Script::default() };
    let body = r#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"go"}]}"#;
    let request = http::Request::post(url)
        .header("content-type", "application/json")
        .header("x-script", script.header())
        .body(Full::from(body))
        .unwrap();
    let answer = client.request(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    json["usage"]["completion_tokens"].as_u64().unwrap()
}
