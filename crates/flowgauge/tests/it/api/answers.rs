//! What the API answers over known rows.

use super::client::{call, failed, get, post, served};
use flowgauge::logic::call::Door;
use flowgauge::logic::id::TraceId;
use http::StatusCode;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::{Command, Stdio};

#[tokio::test]
async fn figures_of_known_rows_are_exact() {
    let served = served().await;
    let addr = served.running.addr;
    let mut rows: Vec<_> = (1..=40).map(|n| call(n, 60)).collect();
    rows.push(failed(41, 60));
    served.running.recorder.submit(rows, Vec::new()).await.unwrap();

    let kpis = get(addr, "/api/v1/kpis?since=1h").await.json();
    let value = |name: &str| {
        let kpis = kpis["kpis"].as_array().unwrap();
        kpis.iter().find(|k| k["name"] == name).unwrap()["value"].clone()
    };
    assert_eq!(value("request_count"), json!(41.0));
    assert_eq!(value("error_count"), json!(1.0));
    assert_eq!(value("total_tokens"), json!(41.0 * 120.0));
    assert_eq!(value("p99_latency"), Value::Null, "P99 needs 100 requests");
    let p50 = get(addr, "/api/v1/kpis/p50_latency").await.json();
    let ms = p50["value"].as_f64().unwrap();
    assert!((ms - 920.0).abs() < 920.0 * 0.01, "{ms}");
    assert_eq!(p50["n"], 40);

    let other = get(addr, "/api/v1/kpis/request_count?where=model=none").await.json();
    assert_eq!(other["value"], json!(0.0));
    served.running.stop().await;
}

#[tokio::test]
async fn figures_can_be_read_with_and_without_the_clients_own_retries() {
    let served = served().await;
    let addr = served.running.addr;
    let mut rows: Vec<_> = (1..=30).map(|n| call(n, 60)).collect();
    for n in 31..=40 {
        let mut again = if n > 35 { failed(n, 60) } else { call(n, 60) };
        again.outcome.client_retry = 1;
        rows.push(again);
    }
    served.running.recorder.submit(rows, Vec::new()).await.unwrap();
    for (only, count, errors, per_minute) in [
        ("", 40.0, 12.5, 0.5),
        ("&where=retry=false", 30.0, 0.0, 0.5),
        ("&where=retry=true", 10.0, 50.0, 0.0),
    ] {
        let kpis = get(addr, &format!("/api/v1/kpis?since=1h{only}")).await.json();
        let value = |name: &str| {
            let kpis = kpis["kpis"].as_array().unwrap();
            kpis.iter().find(|k| k["name"] == name).unwrap()["value"].clone()
        };
        assert_eq!(value("request_count"), json!(count), "{only}");
        assert_eq!(value("error_rate"), json!(errors), "{only}");
        assert_eq!(value("throughput"), json!(per_minute), "{only}");
    }
    served.running.stop().await;
}

#[tokio::test]
async fn a_series_is_cut_by_time_and_dimension() {
    let served = served().await;
    let addr = served.running.addr;
    let rows = vec![call(1, 90), call(2, 30), call(3, 30)];
    served.running.recorder.submit(rows, Vec::new()).await.unwrap();
    let path = "/api/v1/series?kpi=request_count,p95_latency&by=model&step=1min&since=10min";
    let table = get(addr, path).await.json();
    assert_eq!(table["kpis"], json!(["request_count", "p95_latency"]));
    let counts: Vec<_> =
        table["rows"].as_array().unwrap().iter().map(|r| r["values"][0]["n"].clone()).collect();
    assert_eq!(counts, [json!(1), json!(2)]);
    assert_eq!(table["rows"][0]["key"], json!(["gpt-4o-mini"]));
    served.running.stop().await;
}

#[tokio::test]
async fn pages_hold_every_row_once_newest_first() {
    let served = served().await;
    let addr = served.running.addr;
    let rows = (1..=25).map(|n| call(n, i64::from(n))).collect();
    served.running.recorder.submit(rows, Vec::new()).await.unwrap();
    let mut path = "/api/v1/requests?limit=10&since=1h".to_owned();
    let mut times = Vec::new();
    let mut ids = BTreeSet::new();
    loop {
        let page = get(addr, &path).await.json();
        for item in page["items"].as_array().unwrap() {
            times.push(item["start_time"].as_str().unwrap().to_owned());
            ids.insert(item["call_id"].as_str().unwrap().to_owned());
        }
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/v1/requests?limit=10&since=1h&cursor={cursor}");
    }
    assert_eq!((times.len(), ids.len()), (25, 25));
    assert!(times.is_sorted_by(|a, b| a >= b));
    let id = ids.first().unwrap();
    let one = get(addr, &format!("/api/v1/requests/{id}")).await;
    assert_eq!((one.status, &one.json()["call_id"]), (StatusCode::OK, &json!(id)));
    assert_eq!(one.json()["cost_usd"], "0.000054000");
    served.running.stop().await;
}

#[tokio::test]
async fn failures_are_grouped_and_health_says_critical() {
    let served = served().await;
    let addr = served.running.addr;
    assert_eq!(get(addr, "/api/v1/health").await.json()["overall"], "unknown");
    let rows = vec![call(1, 60), failed(2, 50), failed(3, 40)];
    served.running.recorder.submit(rows, Vec::new()).await.unwrap();
    let report = get(addr, "/api/v1/errors?last=30m").await.json();
    let group = &report["groups"][0];
    assert_eq!((&group["class"], &group["count"]), (&json!("upstream_5xx"), &json!(2)));
    assert_eq!(group["by_endpoint"], json!([{"name": "chat/stream", "count": 2}]));
    assert_eq!(group["examples"].as_array().unwrap().len(), 2);
    let health = get(addr, "/api/v1/health?critical=true").await.json();
    assert_eq!(health["overall"], "critical");
    let parts = health["components"].as_array().unwrap();
    assert!(parts.iter().any(|p| p["name"] == "store" && p["state"] == "ok"), "{parts:?}");
    served.running.stop().await;
}

#[tokio::test]
async fn status_tells_addresses_and_the_first_call_of_a_door() {
    let served = served().await;
    let addr = served.running.addr;
    let status = get(addr, "/api/v1/status").await.json();
    assert_eq!(status["listen"], json!(addr.to_string()));
    assert_eq!(
        status["first_call_by_door"],
        json!({"gateway": null, "otlp": null, "import": null})
    );
    served.running.recorder.submit(vec![call(1, 5)], Vec::new()).await.unwrap();
    let status = get(addr, "/api/v1/status").await.json();
    assert_eq!(status["first_call_by_door"]["gateway"], "2026-05-05T11:59:55.000000Z");
    assert_eq!(status["record"]["stored"], 1);
    served.running.stop().await;
}

#[tokio::test]
async fn wrong_questions_name_place_value_and_way_out() {
    let served = served().await;
    let addr = served.running.addr;
    for (path, status, place) in [
        ("/api/v1/kpis?since=yesterday", 400, "query.since"),
        ("/api/v1/kpis?wehre=model=a", 400, "query.wehre"),
        ("/api/v1/kpis?where=colour=red", 400, "query.where"),
        ("/api/v1/kpis/p59_latency", 404, "path.name"),
        ("/api/v1/requests?limit=501", 400, "query.limit"),
        ("/api/v1/requests?cursor=zzz", 400, "query.cursor"),
        ("/api/v1/requests?status=fine", 400, "query.status"),
        ("/api/v1/requests/xyz", 400, "path.id"),
        ("/api/v1/requests/01900000000070008000000000000001", 404, "path.id"),
        ("/api/v1/series?step=90s", 400, "query.step"),
    ] {
        let answer = get(addr, path).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.text());
        assert_eq!(answer.headers["content-type"], "application/problem+json", "{path}");
        assert_eq!(answer.json()["errors"][0]["place"], place, "{path}");
        assert_eq!(answer.json()["status"], status, "{path}");
    }
    let mistyped = get(addr, "/api/v1/kpis/p59_latency").await;
    assert!(mistyped.text().contains("did you mean"), "{}", mistyped.text());
    served.running.stop().await;
}

#[tokio::test]
async fn requests_are_found_by_answer_and_by_trace_at_any_age_with_every_row_of_the_call() {
    let served = served().await;
    let addr = served.running.addr;
    let long_ago = 3 * 86_400;
    let trace = TraceId([7; 16]);
    let mut agent = call(1, long_ago);
    agent.what.leaf = false;
    let (mut gateway, mut witness) = (call(2, long_ago), call(3, long_ago));
    for row in [&mut agent, &mut witness] {
        row.origin.door = Door::OtlpHttp;
        row.link.trace_id = Some(trace);
    }
    for row in [&mut gateway, &mut witness] {
        row.link.response_id = Some("chatcmpl-3".into());
    }
    let other = call(4, long_ago);
    let rows = vec![agent.clone(), gateway.clone(), witness.clone(), other];
    served.running.recorder.submit(rows, Vec::new()).await.unwrap();

    let ids = |answer: &Value| -> BTreeSet<String> {
        let items = answer["items"].as_array().unwrap();
        items.iter().map(|row| row["call_id"].as_str().unwrap().to_owned()).collect()
    };
    let both = BTreeSet::from([gateway.id.to_string(), witness.id.to_string()]);
    let by_answer = get(addr, "/api/v1/requests?response_id=chatcmpl-3").await.json();
    assert_eq!(ids(&by_answer), both);
    let by_trace = get(addr, &format!("/api/v1/requests?trace_id={trace}")).await.json();
    let mut all = both.clone();
    all.insert(agent.id.to_string());
    assert_eq!(ids(&by_trace), all, "the gateway's row has its trace from its witness");
    let merged = by_trace["items"].as_array().unwrap().iter();
    let merged: Vec<&Value> = merged.filter(|row| row["merged_into"] != Value::Null).collect();
    assert_eq!(merged.len(), 1);
    assert_eq!(merged[0]["merged_into"], json!(gateway.id.to_string()));
    let path = format!("/api/v1/requests?trace_id={trace}&response_id=chatcmpl-3&since=1h");
    assert!(ids(&get(addr, &path).await.json()).is_empty(), "a window still holds");
    let wrong = get(addr, "/api/v1/requests?trace_id=abc").await;
    assert!(wrong.status == 400 && wrong.text().contains("query.trace_id"), "{}", wrong.text());
    served.running.stop().await;
}

#[tokio::test]
async fn imported_lines_are_durable_and_a_wrong_one_is_named() {
    let served = served().await;
    let addr = served.running.addr;
    let lines: Vec<String> = (1..=3).map(|n| serde_json::to_string(&call(n, 5)).unwrap()).collect();
    let done = post(addr, "/api/v1/import", &lines.join("\n")).await;
    assert_eq!(done.json()["stored"], 3, "{}", done.text());
    let again = post(addr, "/api/v1/import", &format!("{}\n{{\"id\":", lines[0])).await.json();
    assert_eq!((&again["stored"], &again["duplicates"]), (&json!(0), &json!(1)));
    assert_eq!((&again["rejected"][0][0], &again["rejected_total"]), (&json!(2), &json!(1)));
    let rows = get(addr, "/api/v1/requests?since=1h").await.json();
    assert_eq!(rows["items"][0]["door"], "import");
    served.running.stop().await;
}

#[tokio::test]
async fn metrics_pass_promtool_and_leave_out_what_is_unknown() {
    let served = served().await;
    let addr = served.running.addr;
    let rows = (1..=40).map(|n| call(n, 60)).collect();
    served.running.recorder.submit(rows, Vec::new()).await.unwrap();
    let metrics = get(addr, "/metrics").await;
    let text = metrics.text();
    assert!(text.contains("\nflowgauge_record_stored_total 40\n"), "{text}");
    assert!(text.contains("\nflowgauge_p95_latency_seconds 0.9"), "{text}");
    assert!(!text.contains("p99_latency"), "P99 needs 100 requests");
    let mut names = BTreeSet::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("# TYPE ") {
            assert!(names.insert(name.to_owned()), "{name} twice");
        } else if !line.starts_with('#') {
            let (name, value) = line.split_once(' ').unwrap();
            assert!(name.starts_with("flowgauge_") && value.parse::<f64>().is_ok(), "{line}");
        }
    }
    promtool(text);
    served.running.stop().await;
}

/// Prometheus' own check, where it is installed.
fn promtool(text: &str) {
    let child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else { return };
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success() && said.is_empty(), "{said}{:?}", out.stdout);
}
