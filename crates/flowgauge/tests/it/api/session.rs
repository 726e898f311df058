//! The page's login: a key exchanged for a cookie, and what the cookie may do.

use super::client::{Answer, Served, ask, get, post, request, send, served};
use bytes::Bytes;
use flowgauge::logic::unit::Micros;
use flowgauge::serve::keys::{Made, Scope};
use http::StatusCode;
use http_body_util::{BodyExt, Full};
use serde_json::json;
use std::net::SocketAddr;

const ROLLBACK: &str = "/api/v1/control/rollback";

fn key(served: &Served, scope: Scope) -> Made {
    served.running.keys().make(scope.word(), scope, None).unwrap()
}

async fn log_in(addr: SocketAddr, key: &str) -> Answer {
    post(addr, "/api/v1/session", &json!({ "key": key }).to_string()).await
}

/// The cookie as a browser sends it back, and the token of its session.
async fn browser(addr: SocketAddr, key: &str) -> (String, String) {
    let answer = log_in(addr, key).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let set = answer.headers["set-cookie"].to_str().unwrap();
    let cookie = set.split(';').next().unwrap().to_owned();
    (cookie, answer.json()["csrf"].as_str().unwrap().to_owned())
}

/// One request of a browser with some headers beside its cookie.
async fn with(
    addr: SocketAddr,
    (method, path): (&str, &str),
    cookie: &str,
    headers: &[(&str, &str)],
) -> Answer {
    let mut asked = request(method, addr, path).header("cookie", cookie);
    for (name, value) in headers {
        asked = asked.header(*name, *value);
    }
    let body = match path {
        ROLLBACK => r#"{"all":true,"author":"Ann","reason":"a test"}"#,
        _ => "",
    };
    ask(addr, asked.body(Full::new(Bytes::from_static(body.as_bytes()))).unwrap()).await
}

#[tokio::test]
async fn without_a_cookie_or_with_a_wrong_key_nobody_is_logged_in() {
    let served = served().await;
    let addr = served.running.addr;
    let open = get(addr, "/api/v1/session").await.json();
    assert_eq!((&open["required"], &open["by"]), (&json!(false), &json!("open")), "{open}");
    let viewer = key(&served, Scope::Viewer);
    let nobody = get(addr, "/api/v1/session").await.json();
    assert_eq!((&nobody["required"], &nobody["may"]), (&json!(true), &json!([])), "{nobody}");
    assert_eq!(get(addr, "/api/v1/kpis").await.status, StatusCode::UNAUTHORIZED);
    let made_up = format!("fg_{}", "0".repeat(72));
    for wrong in [viewer.text.replace("fg_", "fg_0"), made_up, String::new()] {
        let answer = log_in(addr, &wrong).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{wrong}");
        assert!(answer.headers.get("set-cookie").is_none());
    }
    for (body, status) in [("", StatusCode::BAD_REQUEST), ("{\"kee\":1}", StatusCode::BAD_REQUEST)]
    {
        assert_eq!(post(addr, "/api/v1/session", body).await.status, status, "{body}");
    }
    let sender = key(&served, Scope::Gateway);
    assert_eq!(log_in(addr, &sender.text).await.status, StatusCode::FORBIDDEN);
    let answer = with(addr, ("GET", "/api/v1/kpis"), "flowgauge_session=made-up", &[]).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    served.running.stop().await;
}

#[tokio::test]
async fn a_cookie_reads_and_is_for_this_site_and_no_script() {
    let served = served().await;
    let addr = served.running.addr;
    let viewer = key(&served, Scope::Viewer);
    let answer = log_in(addr, &viewer.text).await;
    let set = answer.headers["set-cookie"].to_str().unwrap();
    for part in ["; HttpOnly", "; SameSite=Strict", "; Path=/", "; Max-Age=43200"] {
        assert!(set.contains(part), "{set}");
    }
    assert!(!answer.text().contains(&viewer.text) && !set.contains(&viewer.text));
    let secret = set.split(['=', ';']).nth(1).unwrap();
    assert!(!answer.text().contains(secret));
    let (cookie, token) = browser(addr, &viewer.text).await;
    assert_eq!(with(addr, ("GET", "/api/v1/kpis"), &cookie, &[]).await.status, StatusCode::OK);
    let who = with(addr, ("GET", "/api/v1/session"), &cookie, &[]).await.json();
    assert_eq!(who["by"], json!("session"));
    assert_eq!(who["name"], json!("viewer"));
    assert_eq!(who["may"], json!(["viewer"]));
    assert_eq!(who["csrf"], json!(token));
    assert_eq!(who["ends"], json!("2026-05-06T00:00:00.000000Z"));
    served.running.stop().await;
}

#[tokio::test]
async fn a_change_with_the_cookie_needs_the_token_of_its_session() {
    let served = served().await;
    let addr = served.running.addr;
    let operator = key(&served, Scope::Operator);
    let (cookie, token) = browser(addr, &operator.text).await;
    let (_, others) = browser(addr, &operator.text).await;
    let change = ("POST", ROLLBACK);
    for wrong in [&[][..], &[("x-flowgauge-csrf", &*others)], &[("x-flowgauge-csrf", "")]] {
        let answer = with(addr, change, &cookie, wrong).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{wrong:?} {}", answer.text());
        assert!(answer.text().contains("x-flowgauge-csrf"), "{}", answer.text());
    }
    let note = with(addr, ("POST", "/api/v1/history"), &cookie, &[]).await;
    assert_eq!(note.status, StatusCode::FORBIDDEN, "{}", note.text());
    let right = [("x-flowgauge-csrf", &*token)];
    let foreign = [("x-flowgauge-csrf", &*token), ("origin", "https://evil.example")];
    let answer = with(addr, change, &cookie, &foreign).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.text());
    let state = with(addr, ("GET", "/api/v1/control"), &cookie, &[]).await.json();
    assert_eq!(state["kill_all"], json!(false), "nothing was changed so far");
    let answer = with(addr, change, &cookie, &right).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let state = with(addr, ("GET", "/api/v1/control"), &cookie, &[]).await.json();
    assert_eq!(state["kill_all"], json!(true));
    let bearer = format!("Bearer {}", operator.text);
    let with_key = request("POST", addr, ROLLBACK).header("authorization", bearer);
    let body = r#"{"all":true,"author":"Ann","reason":"again"}"#;
    let status = send(addr, with_key.body(Full::from(body)).unwrap()).await.status();
    assert_eq!(status, StatusCode::OK, "a key in a header needs no token");
    served.running.stop().await;
}

#[tokio::test]
async fn a_session_may_what_its_key_may() {
    let served = served().await;
    let addr = served.running.addr;
    let viewer = key(&served, Scope::Viewer);
    let (cookie, token) = browser(addr, &viewer.text).await;
    let right = [("x-flowgauge-csrf", &*token)];
    let answer = with(addr, ("POST", ROLLBACK), &cookie, &right).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.text().contains("needs operator"), "{}", answer.text());
    let answer = with(addr, ("GET", "/api/v1/keys"), &cookie, &[]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    served.running.stop().await;
}

#[tokio::test]
async fn a_session_ends_by_its_time_by_logging_out_and_with_its_key() {
    let served = served().await;
    let addr = served.running.addr;
    let viewer = key(&served, Scope::Viewer);
    let read = ("GET", "/api/v1/kpis");
    let status = async |cookie: &str| with(addr, read, cookie, &[]).await.status;

    let (cookie, token) = browser(addr, &viewer.text).await;
    let answer = with(addr, ("DELETE", "/api/v1/session"), &cookie, &[]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "logging out is a change");
    assert_eq!(status(&cookie).await, StatusCode::OK);
    let right = [("x-flowgauge-csrf", &*token)];
    let answer = with(addr, ("DELETE", "/api/v1/session"), &cookie, &right).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert!(answer.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(status(&cookie).await, StatusCode::UNAUTHORIZED);

    let (cookie, _) = browser(addr, &viewer.text).await;
    served.hand.advance(Micros(12 * 3_600_000_000 - 1));
    assert_eq!(status(&cookie).await, StatusCode::OK);
    served.hand.advance(Micros(1));
    assert_eq!(status(&cookie).await, StatusCode::UNAUTHORIZED);

    let (cookie, _) = browser(addr, &viewer.text).await;
    let asked = request("GET", addr, "/api/v1/live").header("cookie", &cookie);
    let stream = send(addr, asked.body(Full::default()).unwrap()).await;
    assert_eq!(stream.status(), StatusCode::OK);
    let _other = key(&served, Scope::Admin);
    assert!(served.running.keys().revoke(&viewer.row.id).unwrap());
    assert_eq!(status(&cookie).await, StatusCode::UNAUTHORIZED);
    let told = stream.into_body().collect();
    let told = tokio::time::timeout(std::time::Duration::from_secs(20), told).await;
    assert!(told.is_ok(), "a stream goes on after its key was revoked");
    served.running.stop().await;
}
