//! What crosses in the head of a message, and what stops here.

use super::stage::{CHAT, Stage, post, send, whole};
use flowgauge::config::{Secret, Timeouts};
use flowgauge::logic::call::{ErrorClass, Status};
use flowgauge_testkit::upstream::Script;
use http::HeaderValue;

#[tokio::test]
async fn our_fields_become_dimensions_and_never_leave() {
    let stage = Stage::with(Timeouts::default(), |c| {
        c.gateway.providers[0].api_key = Some(Secret::new("sk-provider"));
    })
    .await;
    let mut request = post("/v1/chat/completions", &Script::default(), CHAT);
    for (name, value) in [
        ("x-flowgauge-user", "ada@example.org"),
        ("x-flowgauge-session", "s-1"),
        ("x-flowgauge-intent", "explain"),
        ("x-flowgauge-app", "reader"),
        ("x-flowgauge-environment", "test"),
        ("x-flowgauge-version", "1.2"),
        ("x-flowgauge-tag-team", "red"),
        ("x-flowgauge-nonsense", "1"),
        ("authorization", "Bearer sk-caller"),
        ("x-api-key", "sk-caller"),
        ("cookie", "page=1"),
        ("connection", "x-hop"),
        ("x-hop", "1"),
        ("te", "trailers"),
        ("proxy-authorization", "Basic x"),
        ("accept-encoding", "gzip, br"),
        ("x-stainless-retry-count", "1"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ] {
        request.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    whole(send(stage.addr, request).await).await;
    let seen = stage.upstream.requests().remove(0);
    assert_eq!(seen.body, CHAT);
    assert_eq!(seen.path, "/v1/chat/completions");
    for name in seen.headers.keys() {
        assert!(!name.as_str().starts_with("x-flowgauge"), "{name}");
    }
    for gone in ["x-hop", "te", "proxy-authorization", "cookie", "connection"] {
        assert!(!seen.headers.contains_key(gone), "{gone}");
    }
    let host = seen.headers.get("host").unwrap().to_str().unwrap();
    assert_eq!(host, stage.upstream.addr().to_string());
    assert_eq!(seen.headers.get("accept-encoding").unwrap(), "gzip, br");
    assert!(seen.headers.contains_key("traceparent"));
    assert!(!format!("{:?}", seen.headers).contains("sk-caller"));

    let row = stage.row().await;
    assert_eq!(row.what.intent.as_deref(), Some("explain"));
    assert_eq!(row.origin.service.as_deref(), Some("reader"));
    assert_eq!(row.origin.environment.as_deref(), Some("test"));
    assert_eq!(row.origin.version.as_deref(), Some("1.2"));
    assert_eq!(row.who.labels.len(), 1);
    assert!(row.who.user_key.is_some() && row.who.session_key.is_some());
    assert!(!format!("{row:?}").contains("ada@"));
    assert_eq!(row.outcome.client_retry, 1);
    assert!(row.link.trace_id.is_some());
    assert_eq!(row.what.provider.as_deref(), Some("openai"));
    assert_eq!(stage.gateway.counters().malformed_headers, 1);
}

#[tokio::test]
async fn the_answer_names_the_call_the_cache_and_both_times() {
    let stage = Stage::new().await;
    let got = stage.post("/v1/chat/completions", &Script::default(), CHAT).await;
    let row = stage.row().await;
    assert_eq!(got.headers.get("x-flowgauge-request-id").unwrap(), &row.id.to_string());
    assert_eq!(got.headers.get("x-flowgauge-cache").unwrap(), "bypass");
    let timing = got.headers.get("server-timing").unwrap().to_str().unwrap();
    assert!(timing.starts_with("gw;dur=") && timing.contains(", up;dur="), "{timing}");
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_and_one_at_the_limit_is_not() {
    let stage = Stage::with(Timeouts::default(), |c| c.gateway.max_body = CHAT.len()).await;
    let at = stage.post("/v1/chat/completions", &Script::default(), CHAT).await;
    assert_eq!(at.status, 200);
    let over = format!("{CHAT} ");
    let got = stage.post("/v1/chat/completions", &Script::default(), &over).await;
    assert_eq!(got.status, 413);
    assert!(got.text().contains("request_too_large"));
    assert_eq!(got.headers.get("x-should-retry").unwrap(), "false");
    let rows = stage.rows(2).await;
    let refused = rows.iter().find(|r| r.outcome.status == Status::Refused).unwrap();
    assert_eq!(refused.outcome.class, ErrorClass::OwnLimit);
    assert_eq!(stage.upstream.requests().len(), 1);
}

#[tokio::test]
async fn the_gateway_claims_its_paths_and_leaves_otlp_alone() {
    let stage = Stage::new().await;
    for path in ["/v1/chat/completions", "/v1/models", "/api/chat/stream", "/api"] {
        assert!(stage.gateway.claims(path), "{path}");
    }
    for path in ["/v1/traces", "/v1/metrics", "/v1/logs", "/", "/apis", "/healthz"] {
        assert!(!stage.gateway.claims(path), "{path}");
    }
}

#[tokio::test]
async fn every_call_is_answered_while_the_store_is_down() {
    let stage = Stage::new().await;
    stage.recorder.clone().shutdown().await;
    std::fs::remove_dir_all(stage.data_dir()).unwrap();
    for _ in 0..50 {
        let got = stage.post("/v1/chat/completions", &Script::default(), CHAT).await;
        assert_eq!(got.status, 200);
    }
    let stats = stage.recorder.stats();
    assert_eq!((stats.received, stats.lost), (50, 50), "what is lost is counted");
}
