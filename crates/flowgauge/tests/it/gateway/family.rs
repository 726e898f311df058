//! A user's call of an application and the model calls made for it count once.

use super::stage::{CHAT, CHAT_STREAM, Stage, post, send, until, whole};
use flowgauge::config::Timeouts;
use flowgauge::demo::app;
use flowgauge::logic::call::{Call, CostSource, Protocol, Usage, UsageSource};
use flowgauge::logic::unit::{NanoUsd, Tokens};
use flowgauge::serve::clock::Clock;
use flowgauge_testkit::upstream::{Hang, Script};
use http::HeaderValue;
use http_body_util::BodyExt;
use std::sync::{Arc, OnceLock};

const APP: &str = "/api/chat/stream";
const ASK: &str = r#"{"bookId":"book-1","intent":"ask","query":"Who narrates?"}"#;
const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn traced(
    path: &str,
    script: &Script,
    body: &str,
) -> http::Request<http_body_util::Full<bytes::Bytes>> {
    let mut request = post(path, script, body);
    request.headers_mut().insert("traceparent", HeaderValue::from_static(TRACE));
    request
}

/// The application's row and those of the calls made for it.
fn split(rows: Vec<Call>) -> (Call, Vec<Call>) {
    let is_app = |row: &Call| row.what.protocol == Protocol::FlowReader;
    let (mut apps, inner): (Vec<_>, Vec<_>) = rows.into_iter().partition(is_app);
    (apps.remove(0), inner)
}

#[tokio::test]
async fn an_application_that_passes_the_trace_on_is_counted_once_with_the_tokens_of_its_model() {
    let url = Arc::new(OnceLock::new());
    let reader = app::start(Arc::clone(&url), Clock::real()).await.unwrap();
    let stage = Stage::with(Timeouts::default(), |c| c.apps[0].upstream = reader.url()).await;
    url.set(format!("http://{}/v1", stage.addr)).unwrap();
    let answer = stage.post(APP, &Script::default(), ASK).await;
    assert!(answer.text().contains("event: done"), "{}", answer.text());
    let (app, inner) = split(stage.rows(2).await);
    assert!(app.what.leaf && !inner[0].what.leaf);
    assert_eq!(inner[0].link.merged_into, Some(app.id));
    assert!(app.link.trace_id.is_some() && app.link.trace_id == inner[0].link.trace_id);
    assert_eq!(app.usage.source, UsageSource::Provider);
    assert_eq!(app.usage.input_total(), inner[0].usage.input_total());
    assert_eq!(app.usage.output_total(), Some(Tokens(8)));
    assert_eq!(app.what.model_used, inner[0].what.model_used);
    assert!(app.cost.nanos.is_some_and(|n| n.0 > 0) && app.cost.nanos == inner[0].cost.nanos);
    reader.stop().await.unwrap();
}

#[tokio::test]
async fn an_application_s_own_usage_stays_and_its_cost_is_that_of_its_models() {
    let stage = Stage::new().await;
    let slow = Script { chunk_delay_ms: 20, words: Some(3), ..Script::default() };
    let mut answer = send(stage.addr, traced(APP, &slow, ASK)).await.into_body();
    answer.frame().await.unwrap().unwrap();
    // Two models are asked meanwhile; one of them is not ready when the application is.
    whole(send(stage.addr, traced("/v1/chat/completions", &Script::default(), CHAT)).await).await;
    let slower = Script { chunk_delay_ms: 60, ..Script::default() };
    let mut late =
        send(stage.addr, traced("/v1/chat/completions", &slower, CHAT_STREAM)).await.into_body();
    late.frame().await.unwrap().unwrap();
    while answer.frame().await.is_some_and(|f| f.is_ok()) {}
    assert_eq!(stage.recorder.stats().received, 1, "the application's row waits for the second");
    while late.frame().await.is_some_and(|f| f.is_ok()) {}
    let (app, inner) = split(stage.rows(3).await);
    assert_eq!(app.usage.output_total(), Some(Tokens(3)), "what the application states");
    let costs: i64 = inner.iter().map(|row| row.cost.nanos.unwrap().0).sum();
    assert_eq!((app.cost.nanos, app.cost.source), (Some(NanoUsd(costs)), CostSource::Computed));
    assert!(app.cost.reported.is_some());
    assert!(inner.iter().all(|row| row.link.merged_into == Some(app.id) && !row.what.leaf));
}

#[tokio::test]
async fn calls_of_another_trace_or_after_the_application_s_end_count_for_themselves() {
    let stage = Stage::new().await;
    whole(send(stage.addr, traced(APP, &Script::default(), ASK)).await).await;
    until(|| stage.gateway.in_flight() == 0).await;
    whole(send(stage.addr, traced("/v1/chat/completions", &Script::default(), CHAT)).await).await;
    stage.post("/v1/chat/completions", &Script::default(), CHAT).await;
    assert!(stage.rows(3).await.iter().all(|row| row.what.leaf && row.link.merged_into.is_none()));
}

#[tokio::test]
async fn an_application_called_without_a_trace_gets_one_and_a_given_one_is_left_alone() {
    let stage = Stage::new().await;
    stage.post(APP, &Script::default(), ASK).await;
    whole(send(stage.addr, traced(APP, &Script::default(), ASK)).await).await;
    stage.post("/v1/chat/completions", &Script::default(), CHAT).await;
    let seen: Vec<_> = stage
        .upstream
        .requests()
        .iter()
        .map(|r| r.headers.get("traceparent").map(|v| v.to_str().unwrap().to_owned()))
        .collect();
    assert_eq!(seen[1..], [Some(TRACE.to_owned()), None]);
    let mut rows = stage.rows(3).await;
    rows.sort_by_key(|row| row.id);
    let (trace, span) = (rows[0].link.trace_id.unwrap(), rows[0].link.span_id.unwrap());
    assert_eq!(seen[0].as_deref(), Some(&*format!("00-{trace}-{span}-01")));
}

#[tokio::test]
async fn an_answer_from_the_application_s_own_cache_spent_nothing() {
    let stage = Stage::new().await;
    let script = Script { cached: true, ..Script::default() };
    stage.post(APP, &script, ASK).await;
    let row = stage.row().await;
    assert_eq!(row.usage.total(), Some(Tokens(0)));
    assert_ne!(row.usage.flags & Usage::APP_CACHED, 0);
    assert_eq!((row.cost.nanos, row.cost.source), (Some(NanoUsd(0)), CostSource::Reported));
    assert_eq!(row.cost.reported, Some(NanoUsd(1_000_000)), "what the application says");
    assert!(row.cost.avoided.is_some_and(|n| n.0 > 0));
    let raw = row.raw.as_deref();
    assert_eq!(raw, Some(r#"{"cached":true,"input_tokens":12,"output_tokens":8}"#));
    assert_eq!(row.control.cache.word(), "disabled", "our own cache had no part in it");
}

#[tokio::test]
async fn an_application_left_by_its_client_holds_the_flagged_estimate_of_its_models() {
    let stage = Stage::new().await;
    let hang = Script { hang: Some(Hang::Body), ..Script::default() };
    let mut app = send(stage.addr, traced(APP, &hang, ASK)).await.into_body();
    app.frame().await.unwrap().unwrap();
    let unasked =
        r#"{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
    let mut inner =
        send(stage.addr, traced("/v1/chat/completions", &hang, unasked)).await.into_body();
    inner.frame().await.unwrap().unwrap();
    drop((app, inner));
    let (app, inner) = split(stage.rows(2).await);
    assert_eq!(app.usage.source, UsageSource::Estimated);
    assert_ne!(app.usage.flags & Usage::NOT_AWAITED, 0);
    assert_eq!(app.usage, inner[0].usage);
    assert!(app.cost.nanos.is_some_and(|n| n.0 > 0) && app.cost.nanos == inner[0].cost.nanos);
}
