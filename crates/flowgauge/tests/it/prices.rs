//! Prices by command and by API: shown, checked, set, and in force for the next call.

use super::api::client::{self, ask, get, post, request, served};
use super::commands::{flowgauge, out};
use bytes::Bytes;
use flowgauge::logic::call::CostUnknown;
use http::StatusCode;
use http_body_util::Full;
use std::path::Path;

fn run(dir: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = flowgauge(dir);
    let done = command.args(["--data-dir", "."]).args(args).output().unwrap();
    let (stdout, stderr) = out(&done);
    (done.status.code(), stdout, stderr)
}

#[test]
fn without_a_server_a_price_is_shown_set_and_checked_in_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let (code, stdout, _) = run(dir.path(), &["prices", "show", "gpt-4o-mini"]);
    assert!(code == Some(0) && stdout.contains("$0.15 per million"), "{stdout}");
    assert!(stdout.contains("shipped, version 2026-"), "{stdout}");

    let (code, stdout, stderr) = run(dir.path(), &["prices", "show", "our-model"]);
    assert_eq!((code, stdout.as_str()), (Some(3), ""), "{stderr}");
    assert!(stderr.contains("flowgauge prices set our-model"), "{stderr}");

    let set =
        ["prices", "set", "our-model", "--input", "3", "--output", "15", "--cache-read", "0.3"];
    let (code, _, stderr) = run(dir.path(), &set);
    assert_eq!(code, Some(0), "{stderr}");
    let (_, stdout, _) = run(dir.path(), &["prices", "show", "our-model-2030-01-02", "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(shown["usd_per_million"]["cache_read_input_token_cost"], "0.3");
    assert_eq!((&shown["table"], &shown["row"]), (&"operator".into(), &"our-model".into()));

    let (code, stdout, stderr) = run(dir.path(), &["prices", "check"]);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let (code, _, stderr) = run(dir.path(), &["prices", "set", "half", "--input", "3"]);
    assert!(code == Some(64) && stderr.contains("--output"), "{stderr}");
    let (code, _, stderr) =
        run(dir.path(), &["prices", "set", "dear", "--input", "three", "--output", "1"]);
    assert!(code == Some(64) && stderr.contains("\"three\" is no price"), "{stderr}");
}

#[test]
fn a_price_file_with_rows_that_are_not_used_is_bad_data() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("mine.json");
    std::fs::write(&file, r#"{"half": {"input_cost_per_token": 1e-6}}"#).unwrap();
    let (code, stdout, _) = run(dir.path(), &["prices", "check", "mine.json"]);
    assert!(code == Some(65) && stdout.contains("no base rate"), "{stdout}");
    std::fs::write(&file, r#"{"m": {"input_cost_per_token": 3, "output_cost_per_token": 15}}"#)
        .unwrap();
    let (code, stdout, _) = run(dir.path(), &["prices", "check", "mine.json"]);
    assert!(code == Some(1) && stdout.contains("3 dollars a token"), "{stdout}");
    std::fs::write(&file, "[").unwrap();
    let (code, _, stderr) = run(dir.path(), &["prices", "check", "mine.json"]);
    assert!(code == Some(65) && stderr.contains("line 1"), "{stderr}");
}

#[tokio::test]
async fn a_price_set_by_the_api_prices_the_next_call_and_a_broken_file_changes_nothing() {
    let served = served().await;
    let addr = served.running.addr;
    let missing = get(addr, "/api/v1/prices/lookup?model=ours/model").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert!(missing.text().contains("flowgauge prices set ours/model"), "{}", missing.text());

    let put = request("PUT", addr, "/api/v1/prices")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from_static(
            br#"{"model": "ours/model", "input": "3", "output": 15}"#,
        )))
        .unwrap();
    let set = ask(addr, put).await;
    assert_eq!(set.status, StatusCode::OK, "{}", set.text());
    assert_eq!(set.json()["usd_per_million"]["output_cost_per_token"], "15");

    let file = served.dir.path().join("prices.json");
    let good = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, "{").unwrap();
    assert_eq!(post(addr, "/api/v1/prices/reload", "").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(get(addr, "/api/v1/prices/lookup?model=ours/model").await.status, StatusCode::OK);
    std::fs::write(&file, good.replace("0.000003", "0.000004")).unwrap();
    let reloaded = post(addr, "/api/v1/prices/reload", "").await;
    assert_eq!(reloaded.status, StatusCode::OK, "{}", reloaded.text());
    let now = get(addr, "/api/v1/prices/lookup?model=ours/model").await.json();
    assert_eq!(now["usd_per_million"]["input_cost_per_token"], "4");
    assert_eq!(now["version"], reloaded.json()["version"]);
}

#[tokio::test]
async fn calls_without_a_price_are_counted_named_and_warned_of() {
    let served = served().await;
    let addr = served.running.addr;
    let mut calls: Vec<_> = (0..10).map(|n| client::call(n, 60)).collect();
    for call in calls.iter_mut().take(3) {
        call.what.model_used = Some("model-y".into());
        call.cost.nanos = None;
        call.cost.unknown_reason = CostUnknown::NoPrice;
    }
    served.running.recorder.submit(calls, Vec::new()).await.unwrap();
    let kpi = get(addr, "/api/v1/kpis/unpriced_calls?since=1h").await.json();
    assert_eq!((&kpi["value"], &kpi["state"]), (&3.0.into(), &"alert".into()), "{kpi}");
    let health = get(addr, "/api/v1/health").await.json();
    assert_ne!(health["overall"], "ok", "{health}");
    let list = get(addr, "/api/v1/prices?model=gpt-4o-mini").await.json();
    assert_eq!(list["unpriced"], serde_json::json!([{"model": "model-y", "calls": 3}]));
    assert!(list["items"].as_array().unwrap().len() > 1);
    let each = get(addr, "/api/v1/kpis/cost_per_request?since=1h").await.json();
    let value = each["value"].as_f64().unwrap();
    assert!((value - 0.000_054).abs() < 1e-12 && each["n"] == 7, "{each}");
}

#[tokio::test]
async fn a_preview_tells_what_would_change_and_changes_nothing() {
    let served = served().await;
    let addr = served.running.addr;
    let mut calls: Vec<_> = (0..3).map(|n| client::call(n, 60)).collect();
    for call in &mut calls {
        call.what.model_used = Some("model-y".into());
        call.cost.nanos = None;
        call.cost.unknown_reason = CostUnknown::NoPrice;
    }
    let id = calls[0].id;
    served.running.recorder.submit(calls, Vec::new()).await.unwrap();
    let before = get(addr, "/api/v1/prices/preview?since=1h").await.json();
    assert_eq!((&before["calls"], &before["models"]), (&3.into(), &serde_json::json!([])));
    let body = br#"{"model": "model-y", "input": "3", "output": "15"}"#;
    let put = request("PUT", addr, "/api/v1/prices").body(Full::new(Bytes::from_static(body)));
    assert_eq!(ask(addr, put.unwrap()).await.status, StatusCode::OK);
    let after = get(addr, "/api/v1/prices/preview?since=1h").await.json();
    let model = &after["models"][0];
    assert_eq!((&model["newly_priced"], &model["before_nanos"]), (&3.into(), &0.into()));
    // 3 × (100 × 3 µ$ + 20 × 15 µ$)
    assert_eq!(model["after_nanos"], 1_800_000);
    let stored = get(addr, &format!("/api/v1/requests/{id}")).await.json();
    assert_eq!(stored["cost_nanos"], serde_json::Value::Null);
    let told = &stored["price_breakdown"][0];
    assert_eq!((&told["sum_nanos"], &told["row"]), (&600_000.into(), &"model-y".into()));
    assert!(told["note"].as_str().unwrap().starts_with("not priced at the time"), "{told}");
    let facts = stored["provenance"].as_array().unwrap();
    let cost = facts.iter().find(|fact| fact["field"] == "cost_nanos").unwrap();
    assert_eq!(cost["source"], "unknown");
}

async fn set(addr: std::net::SocketAddr, body: &'static [u8]) {
    let put = request("PUT", addr, "/api/v1/prices").body(Full::new(Bytes::from_static(body)));
    assert_eq!(ask(addr, put.unwrap()).await.status, StatusCode::OK);
}

/// All calls of the hour before, with further fields.
fn hour(more: &str) -> String {
    let from = client::NOW.0 - 3_600_000_000;
    format!(r#"{{"from": "{from}", "to": "{}"{more}}}"#, client::NOW.0)
}

const PATH: &str = "/api/v1/prices/recompute";

#[tokio::test]
async fn a_recompute_changes_costs_once_totals_follow_and_old_costs_stay_on_record() {
    let served = served().await;
    let addr = served.running.addr;
    let mut calls: Vec<_> = (0..6).map(|n| client::call(n, 60 + i64::from(n))).collect();
    for call in calls.iter_mut().take(4) {
        call.what.model_used = Some("model-y".into());
        call.cost.price_version = Some("2026-01-01+0".into());
    }
    calls[0].cost.nanos = None;
    calls[0].cost.unknown_reason = CostUnknown::NoPrice;
    let (unpriced, priced, other) = (calls[0].id, calls[1].id, calls[5].id);
    served.running.recorder.submit(calls, Vec::new()).await.unwrap();
    set(addr, br#"{"model": "model-y", "input": "3", "output": "15"}"#).await;

    let before = get(addr, "/api/v1/kpis/total_cost?since=1h").await.json();
    let dry = post(addr, PATH, &hour(r#", "dry_run": true, "model": "model-y""#)).await.json();
    assert_eq!((&dry["calls"], &dry["changed"]), (&4.into(), &4.into()), "{dry}");
    assert_eq!(
        get(addr, "/api/v1/kpis/total_cost?since=1h").await.json()["value"],
        before["value"]
    );
    let preview = get(addr, "/api/v1/prices/preview?since=1h").await.json();
    assert_eq!(preview["models"][0]["changed"], 4, "{preview}");

    let asked = hour(r#", "model": "model-y", "reason": "new contract""#);
    let done = post(addr, PATH, &asked).await.json();
    assert_eq!((&done["calls"], &done["changed"]), (&4.into(), &4.into()), "{done}");
    assert_eq!((&done["newly_priced"], &done["no_longer_priced"]), (&1.into(), &0.into()));
    // 3 × 54 µ$ before; 4 × (100 × 3 µ$ + 20 × 15 µ$) after.
    assert_eq!((&done["before_nanos"], &done["after_nanos"]), (&162_000.into(), &2_400_000.into()));
    assert_eq!(done["versions_before"], serde_json::json!({"2026-01-01+0": 4}));
    let spend = get(addr, "/api/v1/kpis/total_cost?since=1h").await.json();
    let (then, now) = (before["value"].as_f64().unwrap(), spend["value"].as_f64().unwrap());
    assert!((now - then - 0.002_238).abs() < 1e-9, "{before} {spend}");

    let stored = get(addr, &format!("/api/v1/requests/{priced}")).await.json();
    assert_eq!(stored["cost_nanos"], 600_000);
    let amended = &stored["amendments"][0];
    assert_eq!(amended["cost_before_nanos"], 54_000, "{stored}");
    assert_eq!(amended["price_version_before"], "2026-01-01+0");
    assert_eq!(amended["by"], "prices recompute: new contract");
    let facts = stored["provenance"].as_array().unwrap();
    let fact = facts.iter().find(|fact| fact["field"] == "amended cost_nanos").unwrap();
    assert_eq!(
        (&fact["value"], &fact["source"]),
        (&"54000".into(), &"prices recompute: new contract".into())
    );
    let stored = get(addr, &format!("/api/v1/requests/{unpriced}")).await.json();
    assert_eq!(stored["amendments"][0]["cost_before_nanos"], serde_json::Value::Null);
    let stored = get(addr, &format!("/api/v1/requests/{other}")).await.json();
    assert_eq!(stored["amendments"], serde_json::json!([]));

    let again = post(addr, PATH, &asked).await.json();
    assert_eq!((&again["calls"], &again["changed"]), (&4.into(), &0.into()), "{again}");
    let stored = get(addr, &format!("/api/v1/requests/{priced}")).await.json();
    assert_eq!(stored["amendments"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn recomputed_costs_and_the_old_ones_survive_a_restart() {
    let first = served().await;
    let calls: Vec<_> = (0..3).map(|n| client::call(n, 60)).collect();
    let id = calls[0].id;
    first.running.recorder.submit(calls, Vec::new()).await.unwrap();
    set(first.running.addr, br#"{"model": "gpt-4o-mini", "input": "3", "output": "15"}"#).await;
    let done = post(first.running.addr, PATH, &hour("")).await.json();
    assert_eq!(done["changed"], 3, "{done}");
    let dir = first.dir;
    first.running.stop().await;
    let (clock, _hand) = flowgauge::serve::clock::Clock::frozen(client::NOW);
    let second = flowgauge::serve::start(client::config(dir.path()), clock).await.unwrap();
    let stored = get(second.addr, &format!("/api/v1/requests/{id}")).await.json();
    assert_eq!(stored["cost_nanos"], 600_000, "{stored}");
    assert_eq!(stored["amendments"][0]["cost_before_nanos"], 54_000);
    let spend = get(second.addr, "/api/v1/kpis/total_cost?since=1h").await.json();
    assert!((spend["value"].as_f64().unwrap() - 0.001_8).abs() < 1e-9, "{spend}");
    assert_eq!(post(second.addr, PATH, &hour("")).await.json()["changed"], 0);
    second.stop().await;
}

#[tokio::test]
async fn a_call_of_an_application_is_priced_anew_by_the_calls_made_for_it() {
    let served = served().await;
    let addr = served.running.addr;
    let trace = Some(flowgauge::logic::id::TraceId([7; 16]));
    let mut calls: Vec<_> = (0..3).map(|n| client::call(n, 60 - i64::from(n))).collect();
    calls[2].what.model_used = Some("model-y".into());
    let app = calls[0].id;
    for call in &mut calls {
        call.link.trace_id = trace;
    }
    for call in calls.iter_mut().skip(1) {
        (call.what.leaf, call.link.merged_into) = (false, Some(app));
    }
    served.running.recorder.submit(calls, Vec::new()).await.unwrap();
    set(addr, br#"{"model": "gpt-4o-mini", "input": "3", "output": "15"}"#).await;
    set(addr, br#"{"model": "model-y", "input": "6", "output": "30"}"#).await;
    let done = post(addr, PATH, &hour("")).await.json();
    assert_eq!((&done["calls"], &done["after_nanos"]), (&1.into(), &1_800_000.into()), "{done}");
    assert_eq!(post(addr, PATH, &hour("")).await.json()["changed"], 0);
}

#[tokio::test]
async fn a_recompute_without_a_window_is_refused_with_the_way_out() {
    let served = served().await;
    let addr = served.running.addr;
    for (body, place) in [
        ("{}", "missing field `from`"),
        (r#"{"from": "yesterday", "to": "5"}"#, "body.from"),
        (r#"{"from": "5", "to": "5"}"#, "must lie before"),
        (r#"{"from": "1", "to": "5", "reason": "a\nb"}"#, "body.reason"),
        (r#"{"from": "1", "to": "5", "dry-run": true}"#, "unknown field"),
    ] {
        let answer = post(addr, PATH, body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text());
        assert!(answer.text().contains(place), "{place}: {}", answer.text());
    }
}

#[tokio::test]
async fn two_recomputes_at_once_change_every_call_of_every_page_once() {
    const CALLS: i64 = 4_500;
    let served = served().await;
    let addr = served.running.addr;
    let calls: Vec<_> = (0..CALLS).map(|n| client::call(1, n + 1)).collect();
    served.running.recorder.submit(calls, Vec::new()).await.unwrap();
    set(addr, br#"{"model": "gpt-4o-mini", "input": "3", "output": "15"}"#).await;
    let from = client::NOW.0 - 7_200_000_000;
    let body = format!(r#"{{"from": "{from}", "to": "{}"}}"#, client::NOW.0);
    let both = tokio::join!(post(addr, PATH, &body), post(addr, PATH, &body));
    let mut changed = 0;
    for answer in [&both.0, &both.1] {
        match answer.status {
            StatusCode::OK => {
                assert_eq!(answer.json()["calls"], CALLS);
                changed += answer.json()["changed"].as_i64().unwrap();
            }
            StatusCode::CONFLICT => {
                assert!(answer.text().contains("another recompute runs"), "{}", answer.text());
            }
            other => panic!("{other}: {}", answer.text()),
        }
    }
    assert_eq!(changed, CALLS);
    let total = get(addr, "/api/v1/kpis/total_cost?since=2h").await.json();
    assert!((total["value"].as_f64().unwrap() - 2.7).abs() < 1e-9, "{total}");
}

#[tokio::test]
async fn the_command_recomputes_through_the_server_and_says_what_became_of_it() {
    let served = served().await;
    let addr = served.running.addr;
    served.running.recorder.submit(vec![client::call(1, 60)], Vec::new()).await.unwrap();
    set(addr, br#"{"model": "gpt-4o-mini", "input": "3", "output": "15"}"#).await;
    let dir = served.dir.path().to_owned();
    let command = move |more: &[&str]| {
        let server = format!("http://{addr}");
        let window = ["--from", "2026-05-05T11:00:00Z", "--to", "2026-05-05T12:00:00Z"];
        let verb = ["--server", &server, "prices", "recompute"];
        run(&dir, &[&verb[..], &window[..], more].concat())
    };
    let told = tokio::task::spawn_blocking(move || {
        let dry = command(&["--dry-run"]);
        (dry, command(&["--json"]), command(&["--model", "other"]))
    });
    let (dry, done, none) = told.await.unwrap();
    assert!(dry.0 == Some(0) && dry.2.contains("nothing was changed"), "{}{}", dry.1, dry.2);
    let json: serde_json::Value = serde_json::from_str(&done.1).unwrap();
    assert_eq!((&json["changed"], &json["after_nanos"]), (&1.into(), &600_000.into()), "{json}");
    assert!(none.0 == Some(0) && none.1.contains("calls looked at"), "{}{}", none.1, none.2);
}
