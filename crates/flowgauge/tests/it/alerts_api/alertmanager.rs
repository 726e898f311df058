//! Alertmanager's API and Prometheus' rules.

use super::firing;
use crate::api::client::{NOW, ask, get, post, request, served};
use flowgauge::logic::unit::Micros;
use http::StatusCode;
use http_body_util::Full;
use serde_json::{Value, json};

#[tokio::test]
async fn what_fires_is_an_alert_with_everything_a_client_needs() {
    let (served, open) = firing().await;
    let addr = served.running.addr;
    let alerts = get(addr, "/api/v2/alerts").await.json();
    let [alert] = alerts.as_array().unwrap().as_slice() else { panic!("{alerts}") };
    assert_eq!(
        alert["labels"],
        json!({"alertname": "p95_latency_critical", "severity": "critical", "team": "search", "model": "gpt-4o"})
    );
    assert_eq!(alert["annotations"]["summary"], "P95 latency critically high: 2612ms");
    assert_eq!(alert["startsAt"], "2026-05-05T11:59:00.000000Z");
    assert_eq!(alert["endsAt"], "2026-05-05T12:04:00.000000Z");
    assert_eq!(alert["receivers"], json!([{"name": "slack"}, {"name": "pagerduty"}]));
    assert_eq!(alert["fingerprint"].as_str().unwrap().len(), 16);
    let status = json!({"state": "active", "silencedBy": [], "inhibitedBy": [], "mutedBy": []});
    assert_eq!(alert["status"], status);
    assert!(alert["generatorURL"].as_str().unwrap().ends_with(&format!("/alerts/{}", open.id)));
    let groups = get(addr, "/api/v2/alerts/groups?receiver=page.*").await.json();
    assert_eq!(groups[0]["receiver"]["name"], "pagerduty");
    assert_eq!(groups[0]["labels"], json!({"alertname": "p95_latency_critical"}));
    assert_eq!(groups.as_array().unwrap().len(), 1);
    served.running.stop().await;
}

#[tokio::test]
async fn filters_and_flags_leave_alerts_out() {
    let (served, _) = firing().await;
    let addr = served.running.addr;
    for (query, shown) in [
        ("filter=severity%3D%22critical%22", 1),
        ("filter=severity%3Dcritical&filter=model%3D~%22claude.*%22", 0),
        ("filter=%7Bseverity%3D%22critical%22%2Cmodel%3D~%22gpt.*%22%7D", 1),
        ("active=false", 0),
        ("silenced=false&inhibited=false&unprocessed=true&active=true", 1),
        ("receiver=none", 0),
    ] {
        let alerts = get(addr, &format!("/api/v2/alerts?{query}")).await.json();
        assert_eq!(alerts.as_array().unwrap().len(), shown, "{query}");
    }
    for query in ["filter=nonsense", "filter=a%3D~%28", "receiver=%28", "active=perhaps"] {
        let refused = get(addr, &format!("/api/v2/alerts?{query}")).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(refused.json().is_string(), "{query}");
    }
    served.running.stop().await;
}

#[tokio::test]
async fn posted_alerts_are_shown_until_they_end() {
    let served = served().await;
    let addr = served.running.addr;
    // As amtool sends it: no end is the year 1.
    let body = json!([{"labels": {"alertname": "disk", "empty": ""},
        "annotations": {"summary": "full"}, "startsAt": "0001-01-01T00:00:00.000Z",
        "endsAt": "0001-01-01T00:00:00.000Z", "generatorURL": "http://x/"}]);
    let taken = post(addr, "/api/v2/alerts", &body.to_string()).await;
    assert_eq!(taken.status, StatusCode::OK, "{}", taken.text());
    let alerts = get(addr, "/api/v2/alerts").await.json();
    assert_eq!(alerts[0]["labels"], json!({"alertname": "disk"}));
    assert_eq!(alerts[0]["endsAt"], "2026-05-05T12:05:00.000000Z");
    let own = get(addr, "/api/v1/alerts").await.json();
    assert_eq!(own["external"][0]["labels"]["alertname"], "disk");
    let mixed = json!([{"labels": {}}, {"labels": {"alertname": "cpu"}}]);
    let partly = post(addr, "/api/v2/alerts", &mixed.to_string()).await;
    assert_eq!(partly.status, StatusCode::BAD_REQUEST);
    assert_eq!(get(addr, "/api/v2/alerts").await.json().as_array().unwrap().len(), 2);
    served.hand.advance(Micros::from_millis(5 * 60_000));
    assert_eq!(get(addr, "/api/v2/alerts").await.json(), json!([]));
    served.running.stop().await;
}

#[tokio::test]
async fn a_silence_lives_as_in_alertmanager() {
    let (served, _) = firing().await;
    let addr = served.running.addr;
    let body = |id: &str, value: &str| {
        json!({"id": id, "comment": "c", "createdBy": "ada",
            "startsAt": NOW.to_rfc3339(), "endsAt": "2026-05-05T13:00:00.000Z",
            "matchers": [{"name": "alertname", "value": value, "isRegex": true}]})
        .to_string()
    };
    let made = post(addr, "/api/v2/silences", &body("", "p95.*")).await.json();
    let id = made["silenceID"].as_str().unwrap().to_owned();
    let path = format!("/api/v2/silence/{id}");
    let one = get(addr, &path).await.json();
    assert_eq!(one["status"]["state"], "active");
    assert_eq!(one["matchers"][0]["isEqual"], json!(true));
    let alerts = get(addr, "/api/v2/alerts").await.json();
    assert_eq!(alerts[0]["status"]["state"], "suppressed");
    assert_eq!(alerts[0]["status"]["silencedBy"], json!([id]));
    assert_eq!(get(addr, "/api/v2/alerts?silenced=false").await.json(), json!([]));
    let other = post(addr, "/api/v2/silences", &body(&id, "error.*")).await.json();
    assert_ne!(other["silenceID"].as_str().unwrap(), id);
    assert_eq!(get(addr, &path).await.json()["status"]["state"], "expired");
    let states = |all: &Value| -> Vec<String> {
        let all = all.as_array().unwrap().iter();
        all.map(|s| s["status"]["state"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(states(&get(addr, "/api/v2/silences").await.json()), ["active", "expired"]);
    let filtered = get(addr, "/api/v2/silences?filter=alertname%3D%22error.*%22").await.json();
    assert_eq!(states(&filtered), ["active"]);
    let path = format!("/api/v2/silence/{}", other["silenceID"].as_str().unwrap());
    let delete = request("DELETE", addr, &path).body(Full::default()).unwrap();
    assert_eq!(ask(addr, delete).await.status, StatusCode::OK);
    let none = get(addr, "/api/v2/silence/00000000-0000-4000-8000-000000000000").await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    let unknown = post(addr, "/api/v2/silences", &body("nobody", "x")).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    served.running.stop().await;
}

#[tokio::test]
async fn the_status_holds_the_routes_and_the_receivers_are_the_channels() {
    let (served, _) = firing().await;
    let addr = served.running.addr;
    let status = get(addr, "/api/v2/status").await.json();
    assert_eq!(status["cluster"]["status"], "disabled");
    for field in ["version", "revision", "branch", "buildUser", "buildDate", "goVersion"] {
        assert!(status["versionInfo"][field].is_string(), "{field}");
    }
    let config = status["config"]["original"].as_str().unwrap();
    assert!(config.contains("matchers: ['alertname=\"p95_latency_critical\"']"), "{config}");
    let receivers = get(addr, "/api/v2/receivers").await.json();
    let wanted = json!([{"name": "flowgauge"}, {"name": "pagerduty"}, {"name": "slack"}]);
    assert_eq!(receivers, wanted);
    served.running.stop().await;
}

#[tokio::test]
async fn rules_are_listed_in_prometheus_shape() {
    let (served, _) = firing().await;
    let addr = served.running.addr;
    let rules = get(addr, "/prometheus/api/v1/rules?type=alert").await.json();
    assert_eq!(rules["status"], "success");
    let [fires, waits] = rules["data"]["groups"][0]["rules"].as_array().unwrap().as_slice() else {
        panic!("{rules}")
    };
    assert_eq!((&fires["state"], &waits["state"]), (&json!("firing"), &json!("pending")));
    assert_eq!((&fires["duration"], &fires["health"]), (&json!(300.0), &json!("ok")));
    assert_eq!(fires["alerts"][0]["value"], "2.612e+06");
    let alerts = get(addr, "/prometheus/api/v1/alerts").await.json();
    assert_eq!(alerts["data"]["alerts"].as_array().unwrap().len(), 2);
    served.running.stop().await;
}
