//! Which part answers on which port.

use super::client::{NOW, Served, ask, config, get, request};
use bytes::Bytes;
use flowgauge::config::Config;
use flowgauge::logic::unit::Micros;
use flowgauge::serve::{self, clock::Clock};
use http::StatusCode;
use http_body_util::Full;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;

async fn post_json(addr: SocketAddr, path: &str, body: &Value) -> super::client::Answer {
    let asked = request("POST", addr, path).header("content-type", "application/json");
    ask(addr, asked.body(Full::new(Bytes::from(body.to_string()))).unwrap()).await
}

fn span() -> Value {
    let start = NOW.0 * 1_000 - 2_000_000_000;
    json!({"resourceSpans": [{
        "resource": {"attributes": [
            {"key": "service.name", "value": {"stringValue": "shop"}}]},
        "scopeSpans": [{"scope": {"name": "test"}, "spans": [{
            "traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331",
            "name": "chat gpt-4o-mini", "kind": 3,
            "startTimeUnixNano": start.to_string(),
            "endTimeUnixNano": (start + 1_500_000_000).to_string(),
            "attributes": [
                {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
                {"key": "gen_ai.provider.name", "value": {"stringValue": "openai"}},
                {"key": "gen_ai.request.model", "value": {"stringValue": "gpt-4o-mini"}},
                {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "100"}},
                {"key": "gen_ai.usage.output_tokens", "value": {"intValue": "20"}}]}]}]}]})
}

async fn served_with(change: impl FnOnce(&mut Config)) -> Served {
    let dir = tempfile::tempdir().unwrap();
    let (clock, hand) = Clock::frozen(NOW);
    let mut config = config(dir.path());
    change(&mut config);
    let running = serve::start(config, clock).await.unwrap();
    Served { running, hand, dir }
}

#[tokio::test]
async fn spans_come_through_either_port_and_are_one_call() {
    let served = served_with(|_| {}).await;
    let addr = served.running.addr;
    let otlp = served.running.otlp_http.unwrap();
    assert!(served.running.otlp_grpc.is_some());
    for port in [otlp, addr] {
        let taken = post_json(port, "/v1/traces", &span()).await;
        assert_eq!(taken.status, StatusCode::OK, "{}", taken.text());
    }
    let page = get(addr, "/api/v1/requests?where=service=shop").await.json();
    let [row] = page["items"].as_array().unwrap().as_slice() else { panic!("one row: {page}") };
    assert_eq!((&row["latency_us"], &row["input_tokens"]), (&json!(1_500_000), &json!(100)));
    assert_eq!((&row["door"], &row["cost_source"]), (&json!("otlp_http"), &json!("computed")));
    let status = get(addr, "/api/v1/status").await.json();
    assert!(status["first_call_by_door"]["otlp"].is_string(), "{status}");
    let told = get(addr, "/api/v1/clients").await.json();
    let [sender] = told["clients"].as_array().unwrap().as_slice() else { panic!("one: {told}") };
    assert_eq!((&sender["family"], &sender["door"]), (&json!("otlp_other"), &json!("otlp")));
    assert_eq!((&sender["calls"], &sender["version"]), (&json!(2), &json!(null)));
    served.running.stop().await;
}

#[tokio::test]
async fn the_port_of_otlp_serves_nothing_else() {
    let served = served_with(|_| {}).await;
    let otlp = served.running.otlp_http.unwrap();
    for path in ["/", "/api/v1/kpis", "/metrics", "/-/healthy", "/v1/chat/completions"] {
        assert_eq!(get(otlp, path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    served.running.stop().await;
}

#[tokio::test]
async fn a_call_whose_upstream_is_away_is_answered_and_recorded() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let served = served_with(|config| {
        if let Some(provider) = config.gateway.providers.first_mut() {
            provider.base_url = url;
        }
    })
    .await;
    let addr = served.running.addr;
    let body = json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]});
    let answer = post_json(addr, "/v1/chat/completions", &body).await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{}", answer.text());
    assert_eq!(answer.json()["error"]["code"], "upstream_unreachable");
    // A window ends before its last moment, and the call began in this one.
    served.hand.advance(Micros::from_millis(1_000));
    let recorded = async {
        loop {
            let report = get(addr, "/api/v1/errors").await.json();
            if report["failures"] == 1 {
                return report;
            }
        }
    };
    let report = tokio::time::timeout(Duration::from_secs(20), recorded).await.expect("no row");
    assert_eq!(report["groups"][0]["class"], "unreachable");
    let metrics = get(addr, "/metrics").await;
    assert!(metrics.text().contains("\nflowgauge_gateway_requests_total 1\n"));
    served.running.stop().await;
}
