//! What real libraries export, recorded, becomes the rows written beside each recording.
//!
//! Every recording is of the same calls against the same answers (`tests/fixtures/record`), so the
//! rows of two producers differ only where a producer leaves something out. `*.rows` is reviewed by
//! eye: one line a span, in the order of the recording.

use bytes::Bytes;
use flowgauge::config::Privacy;
use flowgauge::logic::call::{Call, Usage};
use flowgauge::logic::price::PriceBook;
use flowgauge::logic::unit::UnixMicros;
use flowgauge::logic::window::Window;
use flowgauge::receive::ingest::{Ingest, Signal};
use flowgauge::record::Recorder;
use flowgauge::serve::clock::Clock;
use flowgauge::store::{CallQuery, Options};
use http::{Request, StatusCode};
use http_body_util::Full;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A minute after the recordings begin: 2026-03-01T12:01:00Z.
const NOW: UnixMicros = UnixMicros(1_772_366_460_000_000);

/// Cost of the recorded call where all its parts are told: 5 × 3 µ$ + 128,955 × 0.3 µ$ +
/// 1,253 × 3.75 µ$ of input, and 1,970 × 15 µ$ of output.
const WHOLE_NANOS: i64 = 43_400_250 + 29_550_000;

/// One price for the recorded models, by the names answers and requests give them.
const PRICES: &str = r#"{"re:^(gpt-4o-mini|claude)": {"input_cost_per_token": 9e-3, "output_cost_per_token": 9e-3},
    "gpt-4o-mini-2024-07-18": {"input_cost_per_token": 3e-6, "output_cost_per_token": 1.5e-5,
        "cache_read_input_token_cost": 3e-7, "cache_creation_input_token_cost": 3.75e-6},
    "claude-sonnet-4-5-20250929": {"input_cost_per_token": 3e-6, "output_cost_per_token": 1.5e-5,
        "cache_read_input_token_cost": 3e-7, "cache_creation_input_token_cost": 3.75e-6}}"#;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/otlp")
}

fn recordings() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
        .filter_map(|name| Some(name.strip_suffix(".json")?.to_owned()))
        .collect();
    names.sort();
    names
}

/// The rows of a recording, in the order of their begin.
async fn rows(name: &str) -> Vec<Call> {
    let dir = tempfile::tempdir().unwrap();
    let (clock, _hand) = Clock::frozen(NOW);
    let recorder = Recorder::start(dir.path(), Options::default(), clock.clone()).unwrap();
    let book = PriceBook::embedded().with_override(PRICES).unwrap();
    let prices = Arc::new(arc_swap::ArcSwap::from_pointee(book));
    let ingest = Ingest::new(recorder.clone(), prices, clock, Privacy::default(), &[7; 32]);
    let body = std::fs::read(folder().join(format!("{name}.json"))).unwrap();
    let request = Request::post("/v1/traces").header("content-type", "application/json");
    let request = request.body(Full::new(Bytes::from(body))).unwrap();
    let answer = ingest.http(Signal::Traces, request).await;
    assert_eq!(answer.status(), StatusCode::OK, "{name}");
    let window = Window { from: UnixMicros(0), to: UnixMicros(NOW.0 * 2) };
    let mut query = CallQuery::newest(window, 1_000);
    query.with_spans = true;
    let mut calls = recorder.reader().unwrap().calls(&query).unwrap();
    calls.sort_by_key(|call| (call.time.start, call.link.span_id));
    calls
}

fn tokens(usage: &Usage) -> String {
    let mut out = String::new();
    match usage.input {
        Some(i) => {
            let _ = write!(out, "in {}", i.total().0);
            for (name, n) in [
                ("text", i.text),
                ("read", i.cache_read),
                ("5m", i.cache_write_5m),
                ("1h", i.cache_write_1h),
            ] {
                let _ = if n > 0 { write!(out, " {name} {n}") } else { Ok(()) };
            }
        }
        None => out.push_str("in ?"),
    }
    match usage.output {
        Some(o) => {
            let _ = write!(out, ", out {}", o.total().0);
            let _ =
                if o.reasoning > 0 { write!(out, " reasoning {}", o.reasoning) } else { Ok(()) };
        }
        None => out.push_str(", out ?"),
    }
    let _ = if usage.flags > 0 { write!(out, " flags {}", usage.flags) } else { Ok(()) };
    out
}

fn line(call: &Call) -> String {
    let text = |t: &Option<flowgauge::logic::call::Text>| t.as_deref().unwrap_or("?").to_owned();
    let what = &call.what;
    let stream = what.stream.map_or("?", |s| if s { "stream" } else { "whole" });
    let ttft = call.time.ttft.map_or_else(
        || "no ttft".to_owned(),
        |t| format!("ttft {} ms by {}", t.0 / 1_000, call.time.ttft_source.word()),
    );
    format!(
        "{} | {} {} | {} | {} asked {} used {} | {stream} | {} | {ttft} | {} {} | id {}",
        if what.leaf { "call" } else { "span" },
        call.origin.dialect.word(),
        what.operation,
        what.protocol.word(),
        text(&what.provider),
        text(&what.model_requested),
        text(&what.model_used),
        tokens(&call.usage),
        call.outcome.status.word(),
        text(&call.outcome.finish_reason),
        text(&call.link.response_id),
    )
}

#[tokio::test]
async fn every_recording_becomes_the_rows_written_beside_it() {
    let names = recordings();
    assert!(names.len() >= 8, "{names:?}");
    let mut wrong = String::new();
    for name in names {
        let found: String = rows(&name).await.iter().map(|call| line(call) + "\n").collect();
        let file = folder().join(format!("{name}.rows"));
        let expected = std::fs::read_to_string(&file).unwrap_or_default();
        if found != expected {
            let _ = write!(wrong, "{name}.rows should be\n{found}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Producers that leave a part out or count wrongly (`docs/guide/producers.md`), so that their calls
/// cost something else.
const INEXACT: [&str; 7] = [
    "js-ai-7.0.173",
    "js-ai-legacy-7.0.173",
    "js-openinference-openai-4.2.7",
    "js-traceloop-openai-0.27.0",
    "openlit-1.45.0",
    "traceloop-anthropic-0.62.4",
    "traceloop-openai-0.62.4",
];

#[tokio::test]
async fn one_call_costs_the_same_through_every_producer_that_tells_all_its_parts() {
    for name in recordings().iter().filter(|name| !INEXACT.contains(&name.as_str())) {
        let calls = rows(name).await;
        let whole =
            calls.iter().filter(|c| c.what.leaf && c.usage.output_total().is_some_and(|t| t.0 > 0));
        let mut priced = 0;
        for call in whole {
            assert_eq!(call.cost.nanos.map(|n| n.0), Some(WHOLE_NANOS), "{name}: {}", line(call));
            priced += 1;
        }
        assert!(priced >= 2, "{name}: {priced} priced calls");
    }
}

#[tokio::test]
async fn no_prompt_and_no_answer_of_a_recording_is_kept() {
    for name in recordings() {
        for call in rows(&name).await {
            let raw = call.raw.as_deref().unwrap_or_default().to_lowercase();
            assert!(!raw.contains("hello"), "{name}: {raw}");
        }
    }
}
