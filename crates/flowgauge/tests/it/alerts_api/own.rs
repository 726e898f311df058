//! `/api/v1/alerts`.

use super::{episode, firing};
use crate::api::client::{NOW, ask, get, post, request, served};
use flowgauge::logic::alert::episode::EndReason;
use flowgauge::store::AlertChanges;
use http::StatusCode;
use http_body_util::Full;
use serde_json::json;

#[tokio::test]
async fn rules_are_shown_with_their_instances_and_the_time_left() {
    let (served, open) = firing().await;
    let all = get(served.running.addr, "/api/v1/alerts").await.json();
    assert_eq!((&all["firing"], &all["pending"]), (&json!(1), &json!(1)));
    let [fires, waits] = all["rules"].as_array().unwrap().as_slice() else { panic!("{all}") };
    assert_eq!(fires["state"], "firing");
    let one = &fires["instances"][0];
    assert_eq!(one["episode"], json!(open.id.to_string()));
    assert_eq!(one["figures"]["value"], json!(2612.0));
    assert_eq!(one["figures"]["value_text"], "2612ms");
    assert_eq!(one["figures"]["threshold_text"], "2500ms");
    assert_eq!(waits["instances"][0]["fires_in_s"], json!(60.0));
    assert_eq!(waits["instances"][0]["figures"]["value_text"], "6.2%");
    let pending = get(served.running.addr, "/api/v1/alerts?state=pending").await.json();
    assert_eq!(pending["rules"].as_array().unwrap().len(), 1);
    let wrong = get(served.running.addr, "/api/v1/alerts?state=broken").await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    let rules = get(served.running.addr, "/api/v1/alerts/rules").await.json();
    assert_eq!(rules[0]["for_s"], json!(300.0));
    served.running.stop().await;
}

#[tokio::test]
async fn without_any_rule_everything_is_empty_and_nothing_fails() {
    let served = served().await;
    let addr = served.running.addr;
    assert_eq!(get(addr, "/api/v1/alerts").await.json()["rules"], json!([]));
    assert_eq!(get(addr, "/api/v1/alerts/episodes").await.json()["items"], json!([]));
    assert_eq!(get(addr, "/api/v1/alerts/silences").await.json(), json!([]));
    assert_eq!(get(addr, "/api/v1/alerts/deliveries").await.json()["dead"], json!([]));
    assert_eq!(get(addr, "/api/v1/alerts/noise").await.json()["fired"], json!(0));
    assert_eq!(get(addr, "/api/v2/alerts").await.json(), json!([]));
    assert_eq!(get(addr, "/api/v2/alerts/groups").await.json(), json!([]));
    served.running.stop().await;
}

#[tokio::test]
async fn an_episode_is_told_with_what_moved_and_is_acknowledged_once() {
    let (served, open) = firing().await;
    let addr = served.running.addr;
    let path = format!("/api/v1/alerts/episodes/{}", open.id);
    let one = get(addr, &path).await.json();
    assert_eq!((&one["peak_text"], &one["lasted_s"]), (&json!("3100ms"), &json!(60.0)));
    assert_eq!(one["transitions"][0]["to"], "firing");
    let ack = format!("{path}/ack");
    let done = post(addr, &ack, r#"{"by":"ada","note":"looking"}"#).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text());
    assert_eq!(done.json()["acked_by"], "ada");
    let again = post(addr, &ack, r#"{"by":"bob"}"#).await.json();
    assert_eq!(again["acked_by"], "ada", "the first one counts");
    let shown = get(addr, "/api/v1/alerts").await.json();
    assert_eq!(shown["rules"][0]["instances"][0]["acked_by"], "ada");
    let unknown = "/api/v1/alerts/episodes/01900000000070008000000000000001";
    assert_eq!(get(addr, unknown).await.status, StatusCode::NOT_FOUND);
    assert_eq!(post(addr, &format!("{unknown}/ack"), "").await.status, StatusCode::NOT_FOUND);
    served.running.stop().await;
}

#[tokio::test]
async fn what_is_over_cannot_be_acknowledged() {
    let (served, open) = firing().await;
    let over = flowgauge::logic::alert::episode::Episode {
        ended: Some((NOW, EndReason::Recovered)),
        ..open
    };
    let changes = AlertChanges { episodes: vec![over.clone()], ..AlertChanges::default() };
    served.running.app().desk().store().commit(&changes).unwrap();
    let path = format!("/api/v1/alerts/episodes/{}/ack", over.id);
    let refused = post(served.running.addr, &path, "").await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.text());
    served.running.stop().await;
}

#[tokio::test]
async fn episodes_come_by_pages_the_latest_first() {
    let (served, _) = firing().await;
    let addr = served.running.addr;
    let episodes = (2..6).map(episode).collect();
    let changes = AlertChanges { episodes, ..AlertChanges::default() };
    served.running.app().desk().store().commit(&changes).unwrap();
    let first = get(addr, "/api/v1/alerts/episodes?limit=3").await.json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = get(addr, &format!("/api/v1/alerts/episodes?limit=3&cursor={cursor}")).await.json();
    let ids = |page: &serde_json::Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap().iter();
        items.map(|e| e["id"].as_str().unwrap().to_owned()).collect()
    };
    let all = [ids(&first), ids(&rest)].concat();
    let wanted: Vec<String> = (1..6).map(|n| episode(n).id.to_string()).collect();
    assert_eq!(all, wanted);
    assert_eq!(rest["next_cursor"], json!(null));
    let none = get(addr, "/api/v1/alerts/episodes?rule=other").await.json();
    assert_eq!(none["items"], json!([]));
    served.running.stop().await;
}

#[tokio::test]
async fn a_silence_is_made_previewed_listed_and_ended() {
    let (served, _) = firing().await;
    let addr = served.running.addr;
    let preview =
        "/api/v1/alerts/silences/preview?match=alertname%3D~%22p95.*%22&match=team%3Dsearch";
    let hidden = get(addr, preview).await.json();
    assert_eq!((&hidden["episodes"], &hidden["open"]), (&json!(1), &json!(1)));
    let body = json!({"match": ["alertname=p95_latency_critical"], "for": "2h",
        "created_by": "ada", "comment": "known"});
    let made = post(addr, "/api/v1/alerts/silences", &body.to_string()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    let made = made.json();
    assert_eq!(made["state"], "active");
    assert_eq!(made["text"], r#"alertname="p95_latency_critical""#);
    assert_eq!(made["ends"], "2026-05-05T14:00:00.000000Z");
    let shown = get(addr, "/api/v2/alerts").await.json();
    assert_eq!(shown[0]["status"]["silencedBy"], json!([made["id"]]), "at once");
    let path = format!("/api/v1/alerts/silences/{}", made["id"].as_str().unwrap());
    let gone = ask(addr, request("DELETE", addr, &path).body(Full::default()).unwrap()).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(get(addr, &path).await.json()["state"], "expired");
    for wrong in [
        json!({"match": ["alertname=~.*"]}),
        json!({"match": []}),
        json!({"match": ["x"]}),
        json!({"match": ["a=b"], "for": "soon"}),
        json!({"match": ["a=b"], "until": "2027"}),
    ] {
        let refused = post(addr, "/api/v1/alerts/silences", &wrong.to_string()).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
    served.running.stop().await;
}

#[tokio::test]
async fn a_channel_without_an_address_is_shown_as_such() {
    let (served, _) = firing().await;
    let addr = served.running.addr;
    let shown = get(addr, "/api/v1/alerts/deliveries").await.json();
    assert_eq!(shown["channels"][0]["name"], "slack");
    assert_eq!(shown["channels"][0]["routed"], json!(false));
    let none = post(addr, "/api/v1/alerts/deliveries/7/retry", "").await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    served.running.stop().await;
}

#[tokio::test]
async fn who_asks_for_the_rule_files_to_be_read_again_is_told_where_to_look() {
    let (served, _) = firing().await;
    let asked = post(served.running.addr, "/-/reload", "").await;
    assert_eq!(asked.status, StatusCode::ACCEPTED, "{}", asked.text());
    assert!(asked.text().contains("GET /api/v1/alerts "), "{}", asked.text());
    served.running.stop().await;
}

#[tokio::test]
async fn a_drill_is_put_into_the_outbox_and_can_be_looked_up() {
    let (served, _) = firing().await;
    let addr = served.running.addr;
    let unknown = post(addr, "/api/v1/alerts/drill", "{\"channel\": \"slak\"}").await;
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST);
    let begun = post(addr, "/api/v1/alerts/drill", "{\"channel\": \"slack\"}").await;
    assert_eq!(begun.status, StatusCode::ACCEPTED);
    let drill = begun.json();
    assert_eq!(drill["deliveries"][0]["kind"], "drill");
    assert_eq!(drill["deliveries"][0]["channel"], "slack");
    let path = format!("/api/v1/alerts/drill/{}", drill["id"].as_str().unwrap());
    assert_eq!(get(addr, &path).await.json()["id"], drill["id"]);
    let by_rule = post(addr, "/api/v1/alerts/drill", "{\"rule\": \"p95_latency_critical\"}").await;
    assert_eq!(by_rule.json()["deliveries"][0]["rule"], "p95_latency_critical");
    let none = post(addr, "/api/v1/alerts/drill", "{}").await;
    assert_eq!(none.status, StatusCode::BAD_REQUEST);
    served.running.stop().await;
}

#[tokio::test]
async fn figures_of_alerting_are_in_the_metrics() {
    let (served, _) = firing().await;
    let text = get(served.running.addr, "/metrics").await;
    for line in [
        "flowgauge_alerts_firing{severity=\"critical\"} 1",
        "flowgauge_alerts_pending 1",
        "flowgauge_alert_missed_ticks_total 0",
        "flowgauge_alert_deliveries_dead 0",
    ] {
        assert!(text.text().contains(line), "{line}: {}", text.text());
    }
    served.running.stop().await;
}
