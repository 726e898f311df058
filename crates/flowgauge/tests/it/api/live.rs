//! The live stream.

use super::client::{call, request, send, served};
use flowgauge::logic::call::Door;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::Value;
use std::time::Duration;

/// Reads events until one of the wanted name passes `accept`.
async fn event(body: &mut Incoming, name: &str, accept: impl Fn(&Value) -> bool) -> Value {
    let mut text = String::new();
    let found = async {
        loop {
            let frame = body.frame().await.expect("the stream ended early").unwrap();
            text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
            while let Some((first, rest)) = text.split_once("\n\n") {
                let data = first.strip_prefix(&format!("event: {name}\ndata: "));
                let data = data.map(|d| serde_json::from_str::<Value>(d).unwrap());
                if let Some(data) = data.filter(&accept) {
                    return data;
                }
                text = rest.to_owned();
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), found).await.expect("no such event")
}

#[tokio::test]
async fn calls_and_ticks_come_live_and_the_stream_ends_with_flowgauge() {
    let served = served().await;
    let addr = served.running.addr;
    let asked = request("GET", addr, "/api/v1/live").body(Full::default()).unwrap();
    let answer = send(addr, asked).await;
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut body = answer.into_body();
    event(&mut body, "tick", |_| true).await;
    served.running.recorder.finished(call(7, 1));
    let seen = event(&mut body, "call", |_| true).await;
    assert_eq!(seen["model_used"], "gpt-4o-mini");
    let tick = event(&mut body, "tick", |t| t["last_second"]["requests"] == 1).await;
    assert_eq!(tick["last_second"]["tokens"], 120);
    assert_eq!(tick["in_flight"], 0);
    served.running.stop().await;
    let end = async {
        while let Some(frame) = body.frame().await {
            drop(frame)
        }
    };
    tokio::time::timeout(Duration::from_secs(5), end).await.expect("the stream goes on");
}

#[tokio::test]
async fn a_call_seen_through_two_doors_is_told_once_and_one_merged_later_is_taken_back() {
    let served = served().await;
    let addr = served.running.addr;
    let asked = request("GET", addr, "/api/v1/live").body(Full::default()).unwrap();
    let mut body = send(addr, asked).await.into_body();
    event(&mut body, "tick", |_| true).await;
    let answered = |number, door: Door, id: &str| {
        let mut call = call(number, 1);
        call.origin.door = door;
        call.link.response_id = Some(id.into());
        call
    };
    let recorder = &served.running.recorder;
    // The gateway first, as usual: its witness is no call of its own.
    let gateway = answered(1, Door::Gateway, "a");
    recorder.finished(gateway.clone());
    event(&mut body, "call", |c| c["call_id"] == gateway.id.to_string()).await;
    let witness = answered(2, Door::OtlpHttp, "a");
    recorder.submit(vec![witness.clone()], Vec::new()).await.unwrap();
    let merged = event(&mut body, "merged", |_| true).await;
    assert_eq!(merged["call_id"], witness.id.to_string());
    assert_eq!(merged["merged_into"], gateway.id.to_string());
    // The witness first: it is shown, and taken back.
    let witness = answered(3, Door::OtlpHttp, "b");
    recorder.submit(vec![witness.clone()], Vec::new()).await.unwrap();
    let next = event(&mut body, "call", |_| true).await;
    assert_eq!(next["call_id"], witness.id.to_string(), "no call for the witness of the first");
    let gateway = answered(4, Door::Gateway, "b");
    recorder.finished(gateway.clone());
    let merged = event(&mut body, "merged", |_| true).await;
    assert_eq!(merged["call_id"], witness.id.to_string());
    served.running.stop().await;
}
