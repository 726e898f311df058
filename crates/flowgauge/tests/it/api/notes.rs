//! Notes of people: made with a time, read back with all that changed, by those who may.

use super::client::{ask, get, post, request, served};
use flowgauge::serve::keys::Scope;
use http::StatusCode;
use http_body_util::Full;
use serde_json::{Value, json};

const HISTORY: &str = "/api/v1/history";

#[tokio::test]
async fn a_note_stands_at_its_time_as_it_was_written() {
    let served = served().await;
    let addr = served.running.addr;
    let markup = "<b>load test</b>\n begins & [x](javascript:1)";
    for (at, text) in [(Some("2026-05-05T10:00:00+02:00"), markup), (None, "now")] {
        let mut note = json!({"text": text, "author": " Ann "});
        if let Some(at) = at {
            note["at"] = json!(at);
        }
        let made = post(addr, HISTORY, &note.to_string()).await;
        assert_eq!(made.status, StatusCode::OK, "{}", made.text());
    }
    let told = get(addr, "/api/v1/history?kind=note").await.json();
    let line = |what: &str, at: &str| json!({"at": at, "kind": "note", "what": what, "by": "Ann"});
    let now = line("now", "2026-05-05T12:00:00.000000Z");
    let before = line("<b>load test</b> begins & [x](javascript:1)", "2026-05-05T08:00:00.000000Z");
    assert_eq!(told, json!([now, before]), "the newest first, on one line, nothing taken out");
    let all = get(addr, HISTORY).await.json();
    assert_eq!(all.as_array().unwrap().iter().filter(|l| l["kind"] == "note").count(), 2);
    served.running.stop().await;
}

#[tokio::test]
async fn a_note_without_text_or_name_too_long_or_about_the_future_is_refused() {
    let served = served().await;
    let addr = served.running.addr;
    let note =
        |text: &str, author: &str, at: Value| json!({"text": text, "author": author, "at": at});
    for (wrong, place) in [
        (note(" \n", "Ann", Value::Null), "body.text"),
        (note("x", "", Value::Null), "body.author"),
        (note(&"x".repeat(1_001), "Ann", Value::Null), "body.text"),
        (note("x", &"n".repeat(201), Value::Null), "body.author"),
        (note("x", "Ann", json!("2026-05-05T12:00:01Z")), "body.at"),
        (note("x", "Ann", json!("1969-12-31T23:59:59Z")), "body.at"),
        (note("x", "Ann", json!("yesterday")), "body.at"),
    ] {
        let answer = post(addr, HISTORY, &wrong.to_string()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{wrong}");
        assert_eq!(answer.json()["errors"][0]["place"], json!(place), "{}", answer.text());
    }
    assert_eq!(get(addr, "/api/v1/history?kind=note").await.json(), json!([]));
    served.running.stop().await;
}

#[tokio::test]
async fn a_viewer_makes_no_note_and_an_operators_carries_the_name_of_the_key() {
    let served = served().await;
    let addr = served.running.addr;
    let keys = served.running.keys();
    let viewer = keys.make("reader", Scope::Viewer, None).unwrap();
    let operator = keys.make("oncall", Scope::Operator, None).unwrap();
    let send = |key: String| {
        let body = json!({"text": "provider was slow", "author": "Ann"}).to_string();
        let bearer = format!("Bearer {key}");
        ask(
            addr,
            request("POST", addr, HISTORY)
                .header("authorization", bearer)
                .body(Full::from(body))
                .unwrap(),
        )
    };
    assert_eq!(send(viewer.text).await.status, StatusCode::FORBIDDEN);
    let made = send(operator.text).await;
    assert_eq!(made.json()["by"], json!("Ann (key oncall)"), "{}", made.text());
    served.running.stop().await;
}
