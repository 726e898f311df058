//! Changes of control under a condition: the generation that was looked at, and a name for a request that may come twice.

use super::client::{Answer, Served, ask, get, request, served};
use bytes::Bytes;
use http::StatusCode;
use http_body_util::Full;
use serde_json::{Value, json};
use std::net::SocketAddr;

const CHANGES: &str = "/api/v1/control/changes";

async fn send(addr: SocketAddr, path: &str, fields: &[(&str, &str)], body: &Value) -> Answer {
    let mut request = request("POST", addr, path);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    ask(addr, request.body(Full::new(Bytes::from(body.to_string()))).unwrap()).await
}

fn tokens(many: u32) -> Value {
    json!({"set": {"/prune/context_tokens": many}, "author": "ann", "reason": "try it"})
}

fn tag(answer: &Answer) -> &str {
    answer.headers.get("etag").unwrap().to_str().unwrap()
}

#[tokio::test]
async fn a_change_against_a_state_that_went_on_is_refused_with_the_generation_in_force() {
    let Served { running, dir: _dir, .. } = served().await;
    let addr = running.addr;
    for path in ["/api/v1/control", "/api/v1/control/settings"] {
        assert_eq!(tag(&get(addr, path).await), "\"0\"");
    }
    let made = send(addr, CHANGES, &[("if-match", "\"0\"")], &tokens(900)).await;
    assert_eq!((made.status, tag(&made)), (StatusCode::OK, "\"1\""), "{}", made.text());
    let bodies = [
        (CHANGES, tokens(800)),
        ("/api/v1/control/rollback", json!({"all": true})),
        ("/api/v1/control/restore", json!({"all": true, "author": "ann", "reason": "x"})),
        (
            "/api/v1/control/profile",
            json!({"profile": "conservative", "author": "ann", "reason": "x"}),
        ),
        ("/api/v1/control/changes/1/undo", json!({"author": "ann", "reason": "x"})),
    ];
    for (path, body) in &bodies {
        let stale = send(addr, path, &[("if-match", "\"0\"")], body).await;
        assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED, "{path}: {}", stale.text());
        assert_eq!(tag(&stale), "\"1\"");
        assert!(stale.text().contains("generation 1 is in force"), "{}", stale.text());
    }
    let weak = send(addr, CHANGES, &[("if-match", "W/\"1\"")], &tokens(800)).await;
    assert_eq!(weak.status, StatusCode::PRECONDITION_FAILED);
    let any = send(addr, CHANGES, &[("if-match", "*")], &tokens(800)).await;
    assert_eq!((any.status, tag(&any)), (StatusCode::OK, "\"2\""));
    running.stop().await;
}

#[tokio::test]
async fn a_request_sent_again_under_its_name_changes_nothing_twice_and_gets_the_first_answer() {
    let Served { running, dir: _dir, hand } = served().await;
    let addr = running.addr;
    let named = [("idempotency-key", "deploy-7"), ("if-match", "\"0\"")];
    let first = send(addr, CHANGES, &named, &tokens(900)).await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text());
    let again = send(addr, CHANGES, &named, &tokens(900)).await;
    assert_eq!((again.status, &again.body, tag(&again)), (StatusCode::OK, &first.body, "\"1\""));
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(get(addr, CHANGES).await.json().as_array().unwrap().len(), 1);
    let other = send(addr, CHANGES, &named, &tokens(800)).await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", other.text());
    let refusal = [("idempotency-key", "refused")];
    for _ in 0..2 {
        let refused = send(addr, CHANGES, &refusal, &tokens(9)).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let incident = json!({"severity": "medium", "note": "dear", "author": "ann"});
    for _ in 0..2 {
        let opened = send(addr, "/api/v1/incidents", &[("idempotency-key", "i")], &incident).await;
        assert_eq!(opened.json()["id"], 1);
    }
    hand.advance(flowgauge::logic::unit::Micros(86_400_000_000));
    let after_a_day = send(addr, CHANGES, &[("idempotency-key", "deploy-7")], &tokens(700)).await;
    assert_eq!(after_a_day.status, StatusCode::OK, "{}", after_a_day.text());
    running.stop().await;
}
