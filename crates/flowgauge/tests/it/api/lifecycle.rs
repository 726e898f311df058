//! Start and stop.

use super::client::{call, config, get, served};
use flowgauge::serve::{self, clock::Clock};
use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn it_lives_is_ready_and_shows_the_page() {
    let served = served().await;
    let addr = served.running.addr;
    assert_eq!(get(addr, "/-/healthy").await.status, StatusCode::OK);
    let ready = get(addr, "/-/ready").await.json();
    assert_eq!(ready["ready"], true);
    let page = get(addr, "/").await;
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    served.running.stop().await;
}

#[tokio::test]
async fn a_bind_that_others_reach_needs_a_key_or_a_word() {
    let dir = tempfile::tempdir().unwrap();
    let mut open = config(dir.path());
    open.listen.addr = "0.0.0.0:0".parse().unwrap();
    let refused = serve::start(open.clone(), Clock::real()).await.unwrap_err().to_string();
    assert!(refused.contains("flowgauge key create"), "{refused}");
    open.allow_open_bind = true;
    let running = serve::start(open.clone(), Clock::real()).await.unwrap();
    running.keys().make("first", serve::keys::Scope::Admin, None).unwrap();
    running.stop().await;
    open.allow_open_bind = false;
    serve::start(open, Clock::real()).await.unwrap().stop().await;
}

#[tokio::test]
async fn a_key_does_not_open_the_door_that_checks_none() {
    let dir = tempfile::tempdir().unwrap();
    let mut open = config(dir.path());
    let running = serve::start(open.clone(), Clock::real()).await.unwrap();
    running.keys().make("first", serve::keys::Scope::Admin, None).unwrap();
    running.stop().await;
    open.otlp_grpc.enabled = true;
    open.otlp_grpc.addr = "0.0.0.0:0".parse().unwrap();
    let refused = serve::start(open, Clock::real()).await.unwrap_err().to_string();
    assert!(refused.contains("otlp.grpc"), "{refused}");
}

#[tokio::test]
async fn a_port_that_was_named_and_is_taken_stops_the_start() {
    let served = served().await;
    let dir = tempfile::tempdir().unwrap();
    let mut second = config(dir.path());
    second.listen.addr = served.running.addr;
    let refused = serve::start(second, Clock::real()).await.unwrap_err().to_string();
    assert!(refused.contains(&served.running.addr.to_string()), "{refused}");
    served.running.stop().await;
}

#[tokio::test]
async fn stopping_ends_idle_connections_and_keeps_every_row() {
    let dir = tempfile::tempdir().unwrap();
    let running = serve::start(config(dir.path()), Clock::real()).await.unwrap();
    let mut idle = TcpStream::connect(running.addr).await.unwrap();
    let head = format!("GET /-/healthy HTTP/1.1\r\nhost: {}\r\n\r\n", running.addr);
    idle.write_all(head.as_bytes()).await.unwrap();
    let mut first = [0; 12];
    idle.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    for number in 0..100 {
        running.recorder.finished(call(number, 5));
    }
    running.stop().await;
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    let reader = flowgauge::store::Reader::open(dir.path()).unwrap();
    let window = flowgauge::logic::window::Window {
        from: flowgauge::logic::unit::UnixMicros(0),
        to: super::client::NOW,
    };
    let rows = reader.calls(&flowgauge::store::CallQuery::newest(window, 1_000)).unwrap();
    assert_eq!(rows.len(), 100);
}
