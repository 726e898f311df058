//! The live stream.

use super::client::{call, request, send, served};
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
