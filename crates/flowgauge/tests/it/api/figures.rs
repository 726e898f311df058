//! Figures for a page: only those asked for, their spread over time, what the month will cost, what came when.

use super::client::{NOW, call, failed, get, served};
use http::StatusCode;
use serde_json::{Value, json};

#[tokio::test]
async fn figures_asked_for_by_name_are_those_of_the_whole_and_no_others() {
    let served = served().await;
    let addr = served.running.addr;
    let rows: Vec<_> = (1..=40).map(|n| call(n, 60)).collect();
    served.running.recorder.submit(rows, Vec::new()).await.unwrap();
    let whole = get(addr, "/api/v1/kpis?since=1h").await.json();
    let wanted = "monthly_cost,p95_latency&kpi=concurrent_users,p95_ttft,quality_score";
    let some = get(addr, &format!("/api/v1/kpis?since=1h&kpi={wanted}")).await.json();
    let some = some["kpis"].as_array().unwrap();
    let names: Vec<_> = some.iter().map(|k| k["name"].as_str().unwrap()).collect();
    let order = ["p95_latency", "ttft_p95", "quality_score", "monthly_cost", "concurrent_users"];
    assert_eq!(names, order, "in catalogue order");
    for one in some {
        assert!(whole["kpis"].as_array().unwrap().contains(one), "{one}");
    }
    let wrong = get(addr, "/api/v1/kpis?kpi=p95_latncy").await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert!(wrong.text().contains("did you mean p95_latency"), "{}", wrong.text());
    served.running.stop().await;
}

#[tokio::test]
async fn changes_up_to_a_later_window_have_intervals_and_totals_have_none() {
    let served = served().await;
    let addr = served.running.addr;
    let hour_ago = |n: u8| if n.is_multiple_of(4) { failed(n, 5_400) } else { call(n, 5_400) };
    let of_late = |n: u8| if n.is_multiple_of(10) { failed(n, 1_800) } else { call(n, 1_800) };
    let rows = (1..=120).map(hour_ago).chain((121..=240).map(of_late));
    served.running.recorder.submit(rows.collect(), Vec::new()).await.unwrap();
    let at = |hours: i64| NOW.0 - hours * 3_600_000_000;
    let kpis = "p95_latency,total_cost,error_rate,request_count,quality_score";
    let before = format!("/api/v1/kpis?kpi={kpis}&from={}&to={}", at(2), at(1));
    let told = get(addr, &format!("{before}&later_from={}&later_to={}", at(1), at(0))).await.json();
    let changes = told["changes"].as_array().unwrap();
    let names: Vec<_> = changes.iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["p95_latency", "error_rate"], "{told}");
    let figure = |n: usize, name: &str| changes[n][name].as_f64().unwrap();
    assert!((figure(1, "percent") + 60.0).abs() < 1e-9, "30 of 120, then 12 of 120: {told}");
    for n in 0..2 {
        assert!(
            figure(n, "low") < figure(n, "percent") && figure(n, "percent") < figure(n, "high")
        );
    }
    assert!(figure(0, "low") > 0.0 && figure(1, "high") < 0.0, "neither is chance: {told}");
    assert!(get(addr, &before).await.json().get("changes").is_none(), "no later window is named");
    let half = get(addr, &format!("{before}&later_to={}", at(0))).await;
    assert_eq!(half.status, StatusCode::BAD_REQUEST);
    assert!(half.text().contains("query.later_to"), "{}", half.text());
    served.running.stop().await;
}

#[tokio::test]
async fn the_heat_map_holds_every_call_once_in_its_minute_between_its_edges() {
    let served = served().await;
    let addr = served.running.addr;
    let mut rows: Vec<_> = (1..=40).map(|n| call(n, 90)).collect();
    let mut slow = call(41, 150);
    slow.time.latency = Some(flowgauge::logic::unit::Micros(9_000_000));
    rows.push(slow);
    served.running.recorder.submit(rows, Vec::new()).await.unwrap();
    let heat = get(addr, "/api/v1/heat?since=10min&step=1min").await.json();
    let edges: Vec<f64> =
        heat["edges_ms"].as_array().unwrap().iter().map(|e| e.as_f64().unwrap()).collect();
    assert!(edges.is_sorted() && edges[0] <= 901.0 && edges[edges.len() - 1] > 9_000.0);
    let rows = heat["rows"].as_array().unwrap();
    let sum = |row: &Value| -> u64 {
        row["counts"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).sum()
    };
    assert_eq!(rows.iter().map(sum).collect::<Vec<_>>(), [1, 40]);
    assert!(rows.iter().all(|r| r["counts"].as_array().unwrap().len() == edges.len() - 1));
    assert_eq!(rows[0]["counts"].as_array().unwrap().last(), Some(&json!(1)), "the slow one");
    let none = get(addr, "/api/v1/heat?since=10min&where=model=none").await.json();
    assert_eq!((&none["rows"], &none["edges_ms"]), (&json!([]), &json!([])));
    let wrong = get(addr, "/api/v1/heat?metric=cost").await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    served.running.stop().await;
}

#[tokio::test]
async fn the_forecast_is_unknown_before_fourteen_days_and_then_what_even_days_give() {
    let served = served().await;
    let addr = served.running.addr;
    let before = get(addr, "/api/v1/forecast").await.json();
    assert_eq!((&before["cost_usd"], &before["unknown"]), (&Value::Null, &json!("no_data")));
    let day = |n: u8| call(n, i64::from(n) * 86_400 + 7_200);
    served.running.recorder.submit((1..=13).map(day).collect(), Vec::new()).await.unwrap();
    let few = get(addr, "/api/v1/forecast").await.json();
    assert_eq!((&few["unknown"], &few["days"]), (&json!("too_few"), &json!(13)));
    served.running.recorder.submit((14..=21).map(day).collect(), Vec::new()).await.unwrap();
    let told = get(addr, "/api/v1/forecast").await.json();
    // 31 days of one call of $0.000054 each, without any spread.
    assert_eq!(told["cost_usd"], json!("0.001674000"), "{told}");
    assert_eq!((&told["low_usd"], &told["high_usd"]), (&told["cost_usd"], &told["cost_usd"]));
    assert_eq!((&told["month"], &told["days"]), (&json!("2026-05"), &json!(21)));
    served.running.stop().await;
}

#[tokio::test]
async fn a_version_is_told_in_the_hour_it_came_and_the_first_one_is_not() {
    let served = served().await;
    let addr = served.running.addr;
    let version = |n: u8, hours: i64, version: &str| {
        let mut call = call(n, hours * 3_600 - 60);
        call.origin.service = Some("shop".into());
        call.origin.version = Some(version.into());
        call
    };
    let rows =
        vec![version(1, 30, "1"), version(2, 2, "1"), version(3, 3, "2"), version(4, 1, "2")];
    served.running.recorder.submit(rows, Vec::new()).await.unwrap();
    let told = get(addr, "/api/v1/history?kind=deployment").await.json();
    let [only] = told.as_array().unwrap().as_slice() else { panic!("one: {told}") };
    assert_eq!(only["what"], json!("shop 2 was seen first"));
    assert_eq!(only["at"], json!("2026-05-05T09:00:00.000000Z"));
    served.running.stop().await;
}

#[tokio::test]
async fn how_long_what_is_kept_is_told_as_it_is_configured() {
    let served = served().await;
    let status = get(served.running.addr, "/api/v1/status").await.json();
    let kept = json!({"raw": "30d", "minutes": "90d", "hours": "25mo", "archive": null});
    assert_eq!(status["retention"], kept);
    served.running.stop().await;
}
