//! Streams that did not ask for their usage tell it all the same, and the client cannot see that.

use super::stage::{CHAT_STREAM, Stage, connect, post, send, short, whole};
use flowgauge::config::{Route, StreamSettings};
use flowgauge::logic::call::{AttemptReason, Status, Usage, UsageSource};
use flowgauge::logic::unit::Tokens;
use flowgauge_testkit::upstream::{Hang, Script};
use http::HeaderValue;
use http_body_util::BodyExt;

const CHAT: &str = "/v1/chat/completions";
const TEXT: &str = "/v1/completions";

/// Streams that do not ask, in every way there is not to.
const UNASKED: [(&str, &str); 6] = [
    (CHAT, r#"{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"user","content":"hi"}]}"#),
    (CHAT, r#"{"model":"gpt-4o-mini","stream_options":null,"stream":true,"messages":[]}"#),
    (CHAT, r#"{"model":"gpt-4o-mini","stream":true,"stream_options":{},"messages":[]}"#),
    (
        CHAT,
        r#"{"model":"m","stream":true,"stream_options":{"include_obfuscation":false},"messages":[]}"#,
    ),
    (CHAT, r#"{"model":"m","stream_options":{"include_usage":false},"stream":true,"messages":[]}"#),
    (TEXT, r#"{"model":"gpt-3.5-turbo-instruct","stream":true,"prompt":"hi"}"#),
];

fn scripts() -> Vec<Script> {
    let mut all = vec![
        Script { comments: true, ..Script::default() },
        Script { together: Some(3), ..Script::default() },
        Script { together: Some(100), ..Script::default() },
        Script { words: Some(0), ..Script::default() },
        Script { stop_after: Some(4), ..Script::default() },
        Script { error_after: Some(3), ..Script::default() },
    ];
    for line_end in ["\n", "\r\n", "\r"] {
        for split in [None, Some(1), Some(2), Some(13), Some(100)] {
            let line_end = Some(line_end.to_owned());
            all.push(Script { line_end, split, comments: split.is_some(), ..Script::default() });
        }
    }
    all
}

#[tokio::test]
async fn the_client_of_a_stream_that_did_not_ask_gets_the_bytes_of_a_direct_call() {
    let stage = Stage::new().await;
    let mut calls = 0;
    for (path, body) in UNASKED {
        for script in scripts() {
            let through = stage.post(path, &script, body).await;
            let direct = stage.direct(path, &script, body).await;
            calls += 1;
            assert_eq!(through.status, 200, "{body} {script:?}");
            assert!(!through.broken && through.body == direct.body, "{body} {script:?}");
            assert_eq!(through.headers.get("content-type"), direct.headers.get("content-type"));
        }
    }
    let whole_answers = |row: &&flowgauge::logic::call::Call| row.outcome.status == Status::Ok;
    let rows = stage.rows(calls).await;
    assert!(rows.iter().filter(whole_answers).count() > 100);
    for row in rows.iter().filter(whole_answers) {
        assert_eq!(row.usage.source, UsageSource::Provider, "{:?}", row.what);
        assert_eq!(row.usage.input_total(), Some(Tokens(12)));
        assert_eq!(row.usage.flags, 0);
    }
}

/// Every cut: what arrives before the break is what a direct call brings, however it ends after that.
#[tokio::test]
async fn a_stream_cut_anywhere_brings_a_beginning_of_the_direct_call() {
    let stage = Stage::new().await;
    let (path, body) = UNASKED[0];
    let direct = stage.direct(path, &Script::default(), body).await;
    let asked = stage.direct(path, &Script { usage: true, ..Script::default() }, body).await;
    let mut calls = 0;
    for cut in (1..asked.body.len()).step_by(7) {
        let script = Script { cut_at: Some(cut), ..Script::default() };
        let got = stage.post(path, &script, body).await;
        calls += 1;
        let text = got.text();
        let (kept, added) = match text.find("data: {\"error\"") {
            Some(at) => text.split_at(at),
            None => (text.as_str(), ""),
        };
        assert!(!kept.contains("usage"), "cut at {cut}: {kept}");
        assert!(direct.text().starts_with(kept), "cut at {cut}");
        if added.is_empty() {
            assert!(got.broken || kept.contains("[DONE]"), "cut at {cut}");
        } else {
            assert!(added.contains("upstream_closed"), "cut at {cut}");
            assert!(kept.is_empty() || kept.ends_with("\n\n"), "cut at {cut}");
        }
    }
    stage.rows(calls).await;
}

#[tokio::test]
async fn a_client_that_asks_gets_its_usage_chunk_and_its_request_passes_untouched() {
    let stage = Stage::new().await;
    let through = stage.post(CHAT, &Script::default(), CHAT_STREAM).await;
    let direct = stage.direct(CHAT, &Script::default(), CHAT_STREAM).await;
    assert!(through.body == direct.body && through.text().contains("\"prompt_tokens\":12"));
    let seen = stage.upstream.requests();
    assert_eq!(seen[0].body, seen[1].body);
}

#[tokio::test]
async fn each_token_leaves_as_soon_as_it_comes() {
    let stage = Stage::new().await;
    let script = Script { hang: Some(Hang::Body), ..Script::default() };
    let mut body = send(stage.addr, post(CHAT, &script, UNASKED[0].1)).await.into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(first.starts_with(b"data: ") && first.ends_with(b"\n\n"));
    assert!(!String::from_utf8_lossy(&first).contains("usage"));
}

#[tokio::test]
async fn a_stream_that_was_made_to_ask_is_asked_for_plain_and_decoded_where_it_comes_encoded() {
    let stage = Stage::new().await;
    let (path, body) = UNASKED[0];
    let script = Script { encoding: Some("gzip".into()), split: Some(9), ..Script::default() };
    let mut request = post(path, &script, body);
    request.headers_mut().insert("accept-encoding", HeaderValue::from_static("gzip, br"));
    let through = whole(send(stage.addr, request).await).await;
    let plain = stage.direct(path, &Script::default(), body).await;
    assert!(through.body == plain.body);
    assert!(!through.headers.contains_key("content-encoding"));
    let seen = stage.upstream.requests();
    assert_eq!(seen[0].headers["accept-encoding"], "identity");
    let length = seen[0].headers["content-length"].to_str().unwrap().parse::<usize>().unwrap();
    assert_eq!(length, seen[0].body.len());
    assert_eq!(stage.row().await.usage.output_total(), Some(Tokens(8)));
}

#[tokio::test]
async fn a_route_or_provider_that_wants_no_option_gets_none() {
    let stage = Stage::with(short(5_000), |c| {
        c.gateway.providers[0].streams.inject_usage = Some(false);
        let streams = StreamSettings { inject_usage: Some(true), ..StreamSettings::default() };
        c.gateway.routes = vec![Route {
            model: Some("asked-*".into()),
            provider: "openai".into(),
            streams,
            ..Route::default()
        }];
    })
    .await;
    let body = |model: &str| format!(r#"{{"model":"{model}","stream":true,"messages":[]}}"#);
    stage.post(CHAT, &Script::default(), &body("plain")).await;
    stage.post(CHAT, &Script::default(), &body("asked-1")).await;
    stage.post("/api/chat/stream", &Script::default(), &body("app")).await;
    let seen = stage.upstream.requests();
    assert_eq!(seen[0].body, body("plain").as_bytes());
    assert!(String::from_utf8_lossy(&seen[1].body).contains("include_usage"));
    assert_eq!(seen[2].body, body("app").as_bytes());
}

#[tokio::test]
async fn a_provider_that_refuses_to_be_asked_is_asked_once_and_then_left_alone() {
    let stage = Stage::new().await;
    let (path, body) = UNASKED[0];
    let script = Script { refuses_usage: true, ..Script::default() };
    let direct = stage.direct(path, &script, body).await;
    for _ in 0..2 {
        let through = stage.post(path, &script, body).await;
        assert!(through.status == 200 && through.body == direct.body);
    }
    // Another model of the same provider is asked anew.
    stage.post(TEXT, &script, UNASKED[5].1).await;
    let mut rows = stage.rows(3).await;
    rows.sort_by_key(|row| row.id);
    let attempts: Vec<_> = rows.iter().map(|row| row.outcome.attempts).collect();
    assert_eq!(attempts, [2, 1, 2]);
    for row in &rows {
        assert_eq!(row.outcome.status, Status::Ok);
        assert_ne!(row.usage.flags & Usage::INCLUDE_USAGE_REFUSED, 0);
        assert_eq!(row.usage.source, UsageSource::Estimated);
        let reasons: Vec<_> = row.attempts.iter().map(|a| a.reason).collect();
        let refused = [AttemptReason::First, AttemptReason::OptionRefused];
        assert_eq!(reasons, refused[..if row.attempts.is_empty() { 0 } else { 2 }]);
    }
    let seen = stage.upstream.requests();
    assert_eq!(seen.len(), 1 + 2 + 1 + 2);
    assert_eq!(seen[2].body, body.as_bytes(), "the retry is the client's own request");
}

#[tokio::test]
async fn another_error_passes_unchanged_and_is_not_repeated() {
    let stage = Stage::new().await;
    let (path, body) = UNASKED[0];
    for status in [400, 404, 422, 429] {
        let script = Script { status: Some(status), split: Some(5), ..Script::default() };
        let through = stage.post(path, &script, body).await;
        let direct = stage.direct(path, &script, body).await;
        assert_eq!((through.status, &through.body), (direct.status, &direct.body));
        for name in ["content-type", "content-length", "retry-after"] {
            assert_eq!(through.headers.get(name), direct.headers.get(name), "{name}");
        }
    }
    for row in stage.rows(4).await {
        assert_eq!((row.outcome.status, row.outcome.attempts), (Status::Error, 1));
        assert_eq!(row.usage.source, UsageSource::Absent, "a failed call is not estimated");
        assert!(row.outcome.error_type.is_some());
    }
}

#[tokio::test]
async fn a_request_whose_body_is_vouched_for_is_left_alone() {
    let stage = Stage::new().await;
    let (path, body) = UNASKED[0];
    let mut request = post(path, &Script::default(), body);
    let digest = HeaderValue::from_static("sha-256=:AAAA:");
    request.headers_mut().insert("content-digest", digest);
    whole(send(stage.addr, request).await).await;
    assert_eq!(stage.upstream.requests()[0].body, body.as_bytes());
    assert_eq!(stage.row().await.usage.source, UsageSource::Estimated);
}

#[tokio::test]
async fn a_connection_serves_the_next_call_after_a_spliced_stream() {
    let stage = Stage::new().await;
    let mut client = connect(stage.addr).await;
    for _ in 0..3 {
        client.ready().await.unwrap();
        let got = client.send_request(post(CHAT, &Script::default(), UNASKED[0].1)).await.unwrap();
        assert!(whole(got).await.text().ends_with("data: [DONE]\n\n"));
    }
    stage.rows(3).await;
}
