//! However a call ends, the client sees it and one row says so.

use super::stage::{
    CHAT, CHAT_STREAM, MESSAGES_STREAM, Stage, connect, post, send, short, until, whole,
};
use flowgauge::config::Timeouts;
use flowgauge::logic::call::{ErrorClass, Status};
use flowgauge_testkit::upstream::{Hang, Script};
use http_body_util::BodyExt;
use std::time::Duration;
use tokio::time::Instant;

/// 250 ms as promised, and room for a loaded machine.
const CANCELLED_WITHIN: Duration = Duration::from_millis(250 + 500);

#[tokio::test]
async fn a_client_that_leaves_mid_stream_leaves_one_cancelled_row() {
    let stage = Stage::new().await;
    let script = Script { hang: Some(Hang::Body), ..Script::default() };
    let response = send(stage.addr, post("/v1/messages", &script, MESSAGES_STREAM)).await;
    let mut body = response.into_body();
    body.frame().await.unwrap().unwrap();
    let left = Instant::now();
    drop(body);
    until(|| stage.upstream.aborted_at().len() == 1).await;
    let after = stage.upstream.aborted_at()[0] - left;
    assert!(after <= CANCELLED_WITHIN, "{after:?}");
    let row = stage.row().await;
    assert_eq!((row.outcome.status, row.outcome.class), (Status::Cancelled, ErrorClass::None));
    assert_eq!(row.outcome.http_status, Some(200));
    assert!(row.usage.input_total().is_some(), "what came before is kept");
    assert_eq!(stage.gateway.counters().drains, 1);
}

#[tokio::test]
async fn a_client_that_leaves_before_the_first_token_leaves_one_cancelled_row() {
    let stage = Stage::new().await;
    let script = Script { hang: Some(Hang::Head), ..Script::default() };
    let mut client = connect(stage.addr).await;
    let pending = client.send_request(post("/v1/chat/completions", &script, CHAT_STREAM));
    let waiting = tokio::spawn(pending);
    until(|| stage.upstream.requests().len() == 1).await;
    let left = Instant::now();
    waiting.abort();
    drop(client);
    until(|| stage.upstream.aborted_at().len() == 1).await;
    let after = stage.upstream.aborted_at()[0] - left;
    assert!(after <= CANCELLED_WITHIN, "{after:?}");
    let row = stage.row().await;
    assert_eq!(row.outcome.status, Status::Cancelled);
    assert_eq!(row.time.ttft, None);
    assert_eq!(row.what.model_requested.as_deref(), Some("gpt-4o-mini"));
}

#[tokio::test]
async fn usage_that_comes_within_the_drain_window_is_kept() {
    let stage = Stage::with(Timeouts::default(), |c| {
        c.gateway.drain_window = flowgauge::logic::unit::Micros::from_millis(10_000);
    })
    .await;
    let script = Script { chunk_delay_ms: 10, ..Script::default() };
    let response = send(stage.addr, post("/v1/chat/completions", &script, CHAT_STREAM)).await;
    let mut body = response.into_body();
    body.frame().await.unwrap().unwrap();
    drop(body);
    let row = stage.row().await;
    assert_eq!(row.outcome.status, Status::Cancelled);
    assert_eq!(row.usage.output_total().map(|t| t.0), Some(8));
    assert!(stage.upstream.aborted_at().is_empty());
}

#[tokio::test]
async fn a_client_that_leaves_after_the_end_mark_had_everything() {
    let stage = Stage::new().await;
    let mut client = connect(stage.addr).await;
    let request = post("/v1/chat/completions", &Script::default(), CHAT_STREAM);
    let mut body = client.send_request(request).await.unwrap().into_body();
    let mut seen = Vec::new();
    while !seen.ends_with(b"data: [DONE]\n\n") {
        seen.extend_from_slice(&body.frame().await.unwrap().unwrap().into_data().unwrap());
    }
    drop((body, client));
    assert_eq!(stage.row().await.outcome.status, Status::Ok);
}

#[tokio::test]
async fn a_stream_cut_at_any_byte_is_truncated_and_the_client_sees_it() {
    let stage = Stage::new().await;
    let full = stage.direct("/v1/chat/completions", &Script::default(), CHAT_STREAM).await;
    let end = full.text().find("data: [DONE]").unwrap();
    let mut calls = 0;
    for cut in (1..end).step_by(37) {
        let script = Script { cut_at: Some(cut), ..Script::default() };
        let got = stage.post("/v1/chat/completions", &script, CHAT_STREAM).await;
        calls += 1;
        let at_event_end = full.body[..cut].ends_with(b"\n\n");
        assert!(got.body.starts_with(&full.body[..cut]), "cut at {cut}");
        let added = String::from_utf8_lossy(&got.body[cut..]).into_owned();
        assert_eq!(got.broken, !at_event_end, "cut at {cut}");
        assert_eq!(added.contains("upstream_closed"), at_event_end, "cut at {cut}: {added}");
        assert!(!got.text().contains("[DONE]"));
    }
    for row in stage.rows(calls).await {
        assert_eq!(
            (row.outcome.status, row.outcome.class),
            (Status::Truncated, ErrorClass::Truncated)
        );
    }
    let after = stage.post("/v1/chat/completions", &Script::default(), CHAT_STREAM).await;
    assert_eq!(after.body, full.body, "the pool is not poisoned");
}

#[tokio::test]
async fn a_cut_between_events_appends_an_error_event_of_the_family() {
    let stage = Stage::new().await;
    let full = stage.direct("/v1/messages", &Script::default(), MESSAGES_STREAM).await;
    let cut = full.text().find("event: content_block_stop").unwrap();
    let script = Script { cut_at: Some(cut), ..Script::default() };
    let got = stage.post("/v1/messages", &script, MESSAGES_STREAM).await;
    assert!(!got.broken);
    assert_eq!(&got.body[..cut], &full.body[..cut]);
    let added = String::from_utf8_lossy(&got.body[cut..]).into_owned();
    assert!(added.starts_with("event: error\ndata: {") && added.ends_with("\n\n"), "{added}");
    assert_eq!(stage.row().await.outcome.status, Status::Truncated);
}

#[tokio::test]
async fn a_clean_end_without_the_end_mark_is_truncated_and_nothing_is_added() {
    let stage = Stage::new().await;
    for (path, body) in [("/v1/chat/completions", CHAT_STREAM), ("/v1/messages", MESSAGES_STREAM)] {
        let script = Script { stop_after: Some(4), ..Script::default() };
        let through = stage.post(path, &script, body).await;
        let direct = stage.direct(path, &script, body).await;
        assert_eq!(through.body, direct.body);
        assert!(!through.broken);
    }
    for row in stage.rows(2).await {
        assert_eq!(row.outcome.status, Status::Truncated);
    }
}

#[tokio::test]
async fn a_cut_unstreamed_answer_breaks_off_and_is_truncated() {
    let stage = Stage::new().await;
    let script = Script { cut_at: Some(40), ..Script::default() };
    let got = stage.post("/v1/chat/completions", &script, CHAT).await;
    assert!(got.broken && got.body.len() == 40);
    assert_eq!(stage.row().await.outcome.status, Status::Truncated);
}

#[tokio::test]
async fn an_error_inside_a_successful_stream_is_an_error() {
    let stage = Stage::new().await;
    for (path, body) in [
        ("/v1/chat/completions", CHAT_STREAM),
        ("/v1/messages", MESSAGES_STREAM),
        ("/api/chat/stream", r#"{"intent":"ask"}"#),
    ] {
        let script = Script { error_after: Some(3), ..Script::default() };
        let through = stage.post(path, &script, body).await;
        assert_eq!(through.status, 200);
        assert_eq!(through.body, stage.direct(path, &script, body).await.body);
    }
    for row in stage.rows(3).await {
        assert_eq!((row.outcome.status, row.outcome.class), (Status::Error, ErrorClass::InStream));
        let named = row.outcome.error_type.as_deref();
        assert!(matches!(named, Some("scripted_error" | "overloaded_error")), "{named:?}");
    }
}

#[tokio::test]
async fn upstream_errors_pass_unchanged_and_are_classed() {
    let stage = Stage::new().await;
    let cases = [
        (400, ErrorClass::Client4xx),
        (429, ErrorClass::Upstream429),
        (500, ErrorClass::Upstream5xx),
        (504, ErrorClass::Timeout),
    ];
    for (status, class) in cases {
        let script = Script { status: Some(status), ..Script::default() };
        // Also where a stream was asked for: no error turns into an event stream.
        for body in [CHAT, CHAT_STREAM] {
            let through = stage.post("/v1/chat/completions", &script, body).await;
            let direct = stage.direct("/v1/chat/completions", &script, body).await;
            assert_eq!((through.status, &through.body), (direct.status, &direct.body));
            for name in ["content-type", "retry-after"] {
                assert_eq!(through.headers.get(name), direct.headers.get(name));
            }
        }
        let expect_rows = stage.recorder.stats().received;
        let rows = stage.rows(expect_rows).await;
        let newest = rows.iter().filter(|r| r.outcome.http_status == Some(status));
        for row in newest {
            assert_eq!((row.outcome.status, row.outcome.class), (Status::Error, class));
            assert!(row.outcome.error_type.is_some());
        }
    }
    assert_eq!(stage.rows(8).await.len(), 8);
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_502_and_one_that_says_nothing_504() {
    let stage = Stage::with(short(5_000), |c| {
        // Port 1 of loopback: nobody listens there.
        c.gateway.providers[1].base_url = "http://127.0.0.1:1".into();
    })
    .await;
    let away = stage.post("/v1/messages", &Script::default(), MESSAGES_STREAM).await;
    assert_eq!(away.status, 502);
    assert!(
        away.text().contains("upstream_unreachable") && away.text().contains(r#""type":"error""#)
    );
    let hang = Script { hang: Some(Hang::Head), ..Script::default() };
    let silent = stage.post("/v1/chat/completions", &hang, CHAT).await;
    assert_eq!(silent.status, 504);
    assert!(silent.text().contains("upstream_timeout"));
    assert!(silent.headers.contains_key("x-flowgauge-request-id"));
    let mut classes: Vec<_> = stage.rows(2).await.iter().map(|r| r.outcome.class).collect();
    classes.sort();
    assert_eq!(classes, [ErrorClass::Timeout, ErrorClass::Unreachable]);
    until(|| stage.upstream.aborted_at().len() == 1).await;
}

#[tokio::test]
async fn keep_alives_alone_do_not_keep_a_stream_alive() {
    let stage = Stage::with(short(150), |_| {}).await;
    for hang in [Hang::Body, Hang::Comments] {
        let script = Script { hang: Some(hang), chunk_delay_ms: 20, ..Script::default() };
        let response = send(stage.addr, post("/v1/chat/completions", &script, CHAT_STREAM)).await;
        let got = whole(response).await;
        assert!(got.text().contains("upstream_timeout"), "{}", got.text());
    }
    for row in stage.rows(2).await {
        assert_eq!((row.outcome.status, row.outcome.class), (Status::Error, ErrorClass::Timeout));
    }
}
