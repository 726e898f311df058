//! Bytes pass unchanged, and what they say is known all the same.

use super::stage::{CHAT, CHAT_STREAM, MESSAGES_STREAM, Stage, post, send, until};
use flowgauge::logic::call::{Protocol, Status, TtftSource, UsageSource};
use flowgauge::logic::unit::{Micros, Tokens};
use flowgauge_testkit::upstream::Script;
use http_body_util::BodyExt;

fn corpus() -> Vec<(&'static str, &'static str, Script)> {
    let bodies = [
        ("/v1/chat/completions", CHAT),
        ("/v1/chat/completions", CHAT_STREAM),
        (
            "/v1/completions",
            r#"{"model":"m","prompt":"x","stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        ("/v1/completions", r#"{"model":"m","prompt":"x"}"#),
        ("/v1/embeddings", r#"{"model":"text-embedding-3-small","input":"x"}"#),
        ("/v1/responses", r#"{"model":"gpt-4o-mini","input":"x","stream":true}"#),
        ("/v1/responses", r#"{"model":"gpt-4o-mini","input":"x"}"#),
        ("/v1/messages", MESSAGES_STREAM),
        ("/v1/messages", r#"{"model":"claude-3-5-haiku-20241022","max_tokens":9,"messages":[]}"#),
        ("/api/chat/stream", r#"{"bookId":"b","intent":"translate","targetLang":"de"}"#),
        ("/v1/echo", r#"{"model":"m"}"#),
    ];
    let scripts = [
        Script::default(),
        Script { split: Some(1), ..Script::default() },
        Script { split: Some(7), ..Script::default() },
        Script { encoding: Some("gzip".into()), ..Script::default() },
        Script { encoding: Some("gzip".into()), split: Some(3), ..Script::default() },
        Script { padding: Some(700_000), ..Script::default() },
    ];
    let mut all = Vec::new();
    for (path, body) in bodies {
        for script in &scripts {
            all.push((path, body, script.clone()));
        }
    }
    all
}

#[tokio::test]
async fn every_answer_of_the_corpus_arrives_byte_for_byte() {
    let stage = Stage::new().await;
    let mut calls = 0;
    for (path, body, script) in corpus() {
        let through = stage.post(path, &script, body).await;
        let direct = stage.direct(path, &script, body).await;
        calls += 1;
        assert_eq!(through.status, direct.status, "{path} {script:?}");
        // The echo names the Host it saw, which is the upstream's only through the gateway.
        if path != "/v1/echo" {
            assert!(through.body == direct.body, "{path} {script:?}");
        }
        for name in ["content-type", "content-encoding", "x-request-id", "content-length", "date"] {
            let skipped = path == "/v1/echo" && name == "content-length";
            assert!(
                skipped || through.headers.get(name) == direct.headers.get(name),
                "{path} {name}"
            );
        }
        assert!(!through.broken && through.headers.contains_key("x-flowgauge-request-id"));
    }
    for row in stage.rows(calls).await {
        assert_eq!(row.outcome.status, Status::Ok, "{:?} {:?}", row.what, row.outcome);
    }
    for pair in stage.upstream.requests().chunks(2) {
        assert_eq!(pair[0].body, pair[1].body);
    }
}

#[tokio::test]
async fn encoded_and_split_answers_give_the_same_tokens_and_cost_as_plain_ones() {
    let stage = Stage::new().await;
    let scripts = [
        Script::default(),
        Script { encoding: Some("gzip".into()), ..Script::default() },
        Script { split: Some(5), ..Script::default() },
    ];
    for script in &scripts {
        stage.post("/v1/chat/completions", script, CHAT).await;
        stage.post("/v1/chat/completions", script, CHAT_STREAM).await;
    }
    let rows = stage.rows(6).await;
    for row in &rows {
        assert_eq!(row.usage.source, UsageSource::Provider);
        assert_eq!(row.usage.input_total(), Some(Tokens(12)));
        assert_eq!(row.usage.output_total(), Some(Tokens(8)));
        assert_eq!(row.outcome.finish_reason.as_deref(), Some("stop"));
        assert_eq!(row.what.protocol, Protocol::Chat);
        assert!(row.cost.nanos.is_some_and(|n| n.0 > 0), "{:?}", row.cost);
        assert_eq!(row.cost.nanos, rows[0].cost.nanos);
        assert_eq!(row.link.upstream_request_id.as_deref(), Some("req_fixed"));
        assert_eq!(row.link.response_id.as_deref(), Some("chatcmpl-fixed"));
    }
}

#[tokio::test]
async fn the_first_token_is_the_first_content_and_not_the_role() {
    let stage = Stage::new().await;
    // Head and role chunk at once, then 60 ms to the first word.
    let script = Script { chunk_delay_ms: 60, words: Some(2), ..Script::default() };
    stage.post("/v1/chat/completions", &script, CHAT_STREAM).await;
    let row = stage.row().await;
    let ttft = row.time.ttft.unwrap();
    let head = row.time.upstream_head.unwrap();
    assert_eq!(row.time.ttft_source, TtftSource::Gateway);
    assert!(ttft.0 >= head.0 + 50_000, "{ttft:?} after the head at {head:?}");
    assert!(ttft < row.time.latency.unwrap());
    let own = row.gateway_time().unwrap();
    assert!(own < Micros::from_millis(50), "own time {own:?} holds no upstream wait");
}

#[tokio::test]
async fn a_stream_is_passed_on_event_by_event() {
    let stage = Stage::new().await;
    let script =
        Script { hang: Some(flowgauge_testkit::upstream::Hang::Body), ..Script::default() };
    let response = send(stage.addr, post("/v1/chat/completions", &script, CHAT_STREAM)).await;
    let mut body = response.into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(first.starts_with(b"data: ") && first.ends_with(b"\n\n"));
    drop(body);
    until(|| !stage.upstream.aborted_at().is_empty()).await;
}

#[tokio::test]
async fn an_application_route_is_measured_in_its_own_dialect() {
    let stage = Stage::new().await;
    let body = r#"{"bookId":"b","intent":"translate","targetLang":"de","selection":{"text":"x"}}"#;
    let answer = stage.post("/api/chat/stream", &Script::default(), body).await;
    assert!(answer.text().contains("event: done"));
    let row = stage.row().await;
    assert_eq!(row.what.protocol, Protocol::FlowReader);
    assert_eq!(row.what.endpoint.as_deref(), Some("chat/stream"));
    assert_eq!(row.what.intent.as_deref(), Some("translate"));
    assert_eq!(row.origin.service.as_deref(), Some("reader"));
    assert_eq!(row.usage.output_total(), Some(Tokens(8)));
    assert!(row.what.leaf && row.time.ttft.is_some());
    assert_eq!(row.outcome.status, Status::Ok);
}
