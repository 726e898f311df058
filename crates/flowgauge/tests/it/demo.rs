//! The demo's parts as their clients see them: provider, application, readers.

use flowgauge::demo::caller::{Caller, SseReader};
use flowgauge::demo::drive::{self, Ended, Readers, Visit};
use flowgauge::demo::local::LocalServer;
use flowgauge::demo::model_server::{self, Pace};
use flowgauge::demo::{self, DemoOptions, SMALL, app, text};
use flowgauge::serve::clock::Clock;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A thousand times life: answers in a millisecond or two.
const FAST: f64 = 1_000.0;

async fn provider(failures: f64) -> LocalServer {
    let pace = Pace::new(Clock::real(), FAST, "enhance");
    model_server::start_with(1, pace, failures).await.unwrap()
}

/// An application whose gateway is left out: it talks to the provider directly.
async fn application(failures: f64) -> (LocalServer, LocalServer) {
    let provider = provider(failures).await;
    let url = Arc::new(OnceLock::from(format!("{}/v1", provider.url())));
    (app::start(url, Clock::real()).await.unwrap(), provider)
}

async fn post(url: &str, body: &Value) -> (u16, Vec<u8>) {
    let answer = Caller::default().post(url, &[], body.to_string()).await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.into_body().collect().await.unwrap().to_bytes().to_vec())
}

async fn events(url: &str, body: &Value) -> Vec<(String, Value)> {
    let answer = Caller::default().post(url, &[], body.to_string()).await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    let mut reader = SseReader::new(answer.into_body());
    let mut events = Vec::new();
    while let Some(event) = reader.next().await.unwrap() {
        events.push((event.name, serde_json::from_str(&event.data).unwrap_or(Value::Null)));
    }
    events
}

fn chat(stream: bool, include_usage: bool) -> Value {
    json!({
        "model": SMALL, "stream": stream,
        "stream_options": { "include_usage": include_usage },
        "messages": [{ "role": "user", "content": "Why do readers write in the margins of books?" }],
    })
}

#[tokio::test]
async fn the_provider_bills_the_tokens_of_what_it_said() {
    let provider = provider(0.0).await;
    let url = format!("{}/v1/chat/completions", provider.url());
    let (status, body) = post(&url, &chat(false, false)).await;
    assert_eq!(status, 200);
    let answer: Value = serde_json::from_slice(&body).unwrap();
    let said = answer["choices"][0]["message"]["content"].as_str().unwrap();
    assert_eq!(answer["usage"]["completion_tokens"], text::tokens(said));
    assert_eq!(answer["usage"]["prompt_tokens"], 12);
    provider.stop().await.unwrap();
}

#[tokio::test]
async fn a_streamed_answer_ends_with_its_usage_where_that_was_asked_for() {
    let provider = provider(0.0).await;
    let url = format!("{}/v1/chat/completions", provider.url());
    for asked in [true, false] {
        let events = events(&url, &chat(true, asked)).await;
        let said: String = events
            .iter()
            .filter_map(|(_, e)| e["choices"][0]["delta"]["content"].as_str())
            .collect();
        let usage: Vec<&Value> =
            events.iter().map(|(_, e)| &e["usage"]).filter(|u| u.is_object()).collect();
        assert!(!said.is_empty());
        assert_eq!(usage.len(), usize::from(asked));
        for u in usage {
            assert_eq!(u["completion_tokens"], text::tokens(&said));
        }
    }
}

#[tokio::test]
async fn the_provider_lists_its_models_and_embeds_texts() {
    let provider = provider(0.0).await;
    let (status, body) =
        Caller::default().get(&format!("{}/v1/models", provider.url())).await.unwrap();
    assert_eq!(status.as_u16(), 200);
    let list: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(list["data"].as_array().unwrap().len(), 2);
    let input = json!({ "model": SMALL, "input": ["four", "eight ch"] });
    let (_, body) = post(&format!("{}/v1/embeddings", provider.url()), &input).await;
    let answer: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(answer["data"].as_array().unwrap().len(), 2);
    assert_eq!(answer["usage"]["total_tokens"], 3);
}

#[tokio::test]
async fn the_application_sends_sources_tokens_usage_and_done_in_this_order() {
    let (app, _provider) = application(0.0).await;
    let url = format!("{}/api/chat/stream", app.url());
    let ask = json!({ "bookId": "book-1", "intent": "ask", "query": "Who speaks here?" });
    let events = events(&url, &ask).await;
    let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    let tokens = names.iter().filter(|n| **n == "token").count();
    assert!(tokens > 1);
    assert_eq!(names[0], "sources");
    assert!(names[1..=tokens].iter().all(|n| *n == "token"));
    assert_eq!(names[tokens + 1..], ["usage", "done"]);
    let said: String = events.iter().filter_map(|(_, e)| e["token"].as_str()).collect();
    assert!(said.ends_with('.'), "{said}");
    assert!(events[tokens + 1].1["total_tokens"].is_null(), "figures would count twice");
}

#[tokio::test]
async fn an_enhancement_comes_whole_and_with_its_own_shape_of_usage() {
    let (app, _provider) = application(0.0).await;
    let url = format!("{}/api/chat/stream", app.url());
    let body = json!({ "bookId": "book-2", "intent": "enhance", "enhanceType": "historical",
        "selection": { "text": "She has no engine." } });
    let events = events(&url, &body).await;
    let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["sources", "enhancement", "usage", "done"]);
    assert_eq!(events[2].1["enhancement_type"], "historical");
    assert!(!events[1].1["summary"].as_str().unwrap().is_empty());
}

#[tokio::test]
async fn wrong_requests_are_refused_before_the_stream_and_missing_books_inside_it() {
    let (app, _provider) = application(0.0).await;
    let url = format!("{}/api/chat/stream", app.url());
    assert_eq!(post(&url, &json!({ "intent": "ask" })).await.0, 400);
    assert_eq!(post(&url, &json!({ "bookId": "book-1", "intent": "sing" })).await.0, 422);
    assert_eq!(Caller::default().get(&url).await.unwrap().0.as_u16(), 405);
    let gone = json!({ "bookId": "book-gone", "intent": "ask", "query": "Where is it?" });
    let events = events(&url, &gone).await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].0, "error");
    assert_eq!(events[0].1["message"], "Book not found");
}

#[tokio::test]
async fn a_failing_model_is_an_error_event_inside_a_200() {
    let (app, _provider) = application(1.0).await;
    let url = format!("{}/api/chat/stream", app.url());
    let ask = json!({ "bookId": "book-1", "intent": "ask", "query": "Who speaks here?" });
    let events = events(&url, &ask).await;
    let (name, data) = events.last().unwrap();
    assert_eq!(name, "error");
    assert!(data["error"].as_str().unwrap().starts_with("The model answered "));
}

#[tokio::test]
async fn readers_get_answers_and_some_leave_before_the_end() {
    let (app, _provider) = application(0.0).await;
    let url = format!("{}/api/chat/stream", app.url());
    let caller = Caller::default();
    let mut readers = Readers::new(3);
    for _ in 0..20 {
        let visit = Visit { patience: None, ..readers.next_visit() };
        let gone = visit.body["bookId"] == "book-gone";
        let ended = drive::send(&caller, &url, &visit).await.unwrap();
        assert_eq!(ended, if gone { Ended::Failed } else { Ended::Answered });
    }
    let hasty = Visit { patience: Some(1), ..readers.next_visit() };
    assert_eq!(drive::send(&caller, &url, &hasty).await.unwrap(), Ended::Left);
}

/// The demo with a week behind it, asked as a user would: a page of requests and the KPIs.
#[tokio::test(flavor = "multi_thread")]
async fn the_whole_demo_has_a_week_at_once_and_live_calls_that_belong_together() {
    // Bound and released: the demo wants to be told an address, and the test to know it.
    let listen = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let options = DemoOptions { listen: Some(listen), speed: 50.0, ..DemoOptions::default() };
    let stop = CancellationToken::new();
    let stopped = stop.clone().cancelled_owned();
    let demo = tokio::spawn(async move { demo::play(&options, Clock::real(), stopped).await });

    let url = format!("http://{listen}");
    let trace = loop_until(|| live_trace(url.clone())).await;
    let rows = get(&format!("{url}/api/v1/requests?spans=true&trace={trace}")).await.unwrap();
    let rows = rows["items"].as_array().unwrap().clone();
    let of = |protocol: &str| rows.iter().find(|r| r["protocol"] == protocol).unwrap().clone();
    let (app, model) = (of("flowreader"), of("chat"));
    assert_eq!((&app["service"], &app["endpoint"]), (&json!("flowreader"), &json!("chat/stream")));
    assert_eq!((&app["leaf"], &model["leaf"]), (&json!(true), &json!(false)));
    assert_eq!(model["merged_into"], app["call_id"], "both are one call of one reader");
    for counted in ["cost_nanos", "input_tokens", "output_tokens", "model_used", "provider"] {
        assert_eq!(app[counted], model[counted], "{counted}");
    }
    assert_eq!(model["intent"], app["intent"]);
    assert_eq!(model["session_key"], app["session_key"]);
    assert!(
        model["cost_nanos"].as_i64().unwrap() > 0 && model["output_tokens"].as_u64().unwrap() > 0
    );
    assert!(app["latency_us"].as_u64() >= model["latency_us"].as_u64());

    let kpis = get(&format!("{url}/api/v1/kpis?since=8d")).await.unwrap();
    let n = kpis["kpis"].as_array().unwrap().iter().filter_map(|k| k["n"].as_u64()).max();
    assert!(n.unwrap() > 35_000, "{n:?}");

    stop.cancel();
    demo.await.unwrap().unwrap();
}

/// FlowReader's workload with all four optimisations on, as many readers as it takes to see them act.
#[tokio::test(flavor = "multi_thread")]
async fn with_all_four_optimisations_on_more_than_a_fifth_of_the_tokens_is_saved() {
    let listen = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let options = DemoOptions {
        listen: Some(listen),
        speed: FAST,
        optimised: true,
        no_history: true,
        ..DemoOptions::default()
    };
    let stop = CancellationToken::new();
    let stopped = stop.clone().cancelled_owned();
    let demo = tokio::spawn(async move { demo::play(&options, Clock::real(), stopped).await });
    let url = format!("http://{listen}");
    loop_until(|| async { get(&format!("{url}/api/v1/control")).await }).await;
    let tally = Arc::new(drive::Tally::default());
    let readers =
        drive::run(format!("{url}/api/chat/stream"), 7, 100.0, Arc::clone(&tally), stop.clone());
    let readers = tokio::spawn(readers);
    let told = loop_until(|| async {
        let told = get(&format!("{url}/api/v1/control/evidence")).await?;
        (told["before_after"]["calls"].as_u64()? >= 500).then_some(told)
    })
    .await;
    let reduction = told["before_after"]["reduction"].as_f64().unwrap();
    assert!(reduction >= 0.21, "{reduction}");
    for one in told["mechanisms"].as_array().unwrap() {
        assert!(one["touched"].as_u64().unwrap() > 10, "{one}");
        assert!(one["before_after"]["calls"].as_u64().unwrap() > 10, "{one}");
    }
    let quality = &told["mechanisms"][0]["findings"][0];
    assert_eq!(quality["metric"], "quality");
    assert!(quality["touched"].as_u64().unwrap() > 10, "answers are scored: {quality}");
    stop.cancel();
    readers.await.unwrap();
    demo.await.unwrap().unwrap();
}

/// What `demo --optimised --calls` prints. Each request is a reader's of its own. How far quality stays within 5 % of the
/// hold-out takes thousands of calls to say with certainty; no harm is seen in a few hundred.
#[tokio::test(flavor = "multi_thread")]
async fn so_many_calls_are_compared_and_told_and_what_each_optimisation_took_off_adds_up() {
    let options = DemoOptions {
        listen: Some("127.0.0.1:0".parse().unwrap()),
        speed: FAST,
        optimised: true,
        no_history: true,
        calls: Some(400),
        ..DemoOptions::default()
    };
    let ended = std::future::pending();
    let told = demo::play(&options, Clock::real(), ended).await.unwrap().unwrap();
    let whole = &told["before_after"];
    assert!(whole["reduction"].as_f64().unwrap() >= 0.21, "{whole}");
    let taken = whole["by_mechanism"].as_object().unwrap();
    let taken: u64 = taken.values().filter_map(Value::as_u64).sum();
    let saved = whole["original"].as_u64().unwrap() - whole["sent"].as_u64().unwrap();
    assert!(taken.abs_diff(saved) * 100 <= saved, "{taken} of {saved}: {whole}");
    for one in told["mechanisms"].as_array().unwrap() {
        assert_ne!(one["findings"][0]["verdict"], "regressed", "{one}");
        assert_eq!(one["guardrail"]["decision"], "keep", "{one}");
    }
}

async fn get(url: &str) -> Option<Value> {
    let (status, body) = Caller::default().get(url).await.ok()?;
    status.is_success().then(|| serde_json::from_slice(&body).ok())?
}

/// Trace of a live request of which both rows are there, answered in full.
async fn live_trace(url: String) -> Option<String> {
    let page =
        get(&format!("{url}/api/v1/requests?limit=100&status=ok&since=1m&spans=true")).await?;
    let rows = page["items"].as_array()?;
    let has = |trace: &Value, protocol: &str| {
        rows.iter().any(|r| &r["trace_id"] == trace && r["protocol"] == protocol)
    };
    let live = rows.iter().map(|r| &r["trace_id"]).find(|t| has(t, "flowreader") && has(t, "chat"));
    live?.as_str().map(str::to_owned)
}

async fn loop_until<T, F: Future<Output = Option<T>>>(ask: impl Fn() -> F) -> T {
    let patience = Duration::from_secs(60);
    let answer = tokio::time::timeout(patience, async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    answer.await.expect("within a minute")
}

#[test]
fn a_demo_for_a_second_ends_by_itself() {
    let options = DemoOptions {
        listen: Some("127.0.0.1:0".parse().unwrap()),
        no_history: true,
        for_seconds: Some(1),
        ..DemoOptions::default()
    };
    demo::run(options).unwrap();
}

#[test]
fn a_speed_of_nothing_is_refused() {
    let options = DemoOptions { speed: 0.0, ..DemoOptions::default() };
    assert!(demo::run(options).unwrap_err().to_string().contains("above 0"));
}

#[test]
fn an_application_that_has_no_address_is_refused() {
    for url in ["127.0.0.1:3000", "https://127.0.0.1", "http://127.0.0.1:3000/api", "http:///", ""]
    {
        let options = DemoOptions { app: Some(url.to_owned()), ..DemoOptions::default() };
        let told = demo::run(options).unwrap_err().to_string();
        assert!(told.contains("http://127.0.0.1:3000"), "{url}: {told}");
    }
}
