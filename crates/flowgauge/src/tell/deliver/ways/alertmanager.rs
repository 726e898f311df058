//! Alertmanager outwards: its webhook format, version 4, and alerts handed on to Alertmanagers.
//!
//! Sources: <https://prometheus.io/docs/alerting/latest/configuration/#webhook_config> and
//! <https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml>. Refuses to repeat by
//! itself: whoever owns the open episodes hands them in again in time.

use super::exchange::Post;
use super::wording;
use super::{Outcome, Sent};
use crate::logic::alert::facts::Labels;
use crate::logic::alert::notice::{Kind, Message};
use crate::logic::alert::rule::Severity;
use crate::logic::call::Text;
use crate::logic::unit::{Micros, UnixMicros};
use futures_util::future::join_all;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A firing alert that is not heard of for so long ends by itself: four times the minute in which it
/// is told again, as Prometheus does (`notifier/sendloop.go`).
const FIRING_LASTS: Micros = Micros(4 * 60_000_000);
/// Go's zero time, which Alertmanager's webhook writes for an alert that has not ended.
const NOT_ENDED: &str = "0001-01-01T00:00:00Z";
/// Most alerts in one webhook message; the rest is counted in `truncatedAlerts`. A message stays well
/// below the megabyte that receivers commonly take.
const MAX_ALERTS: usize = 100;

/// One alert as Alertmanager knows them.
#[derive(Debug, Clone)]
struct Alert {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    resolved: bool,
    started: UnixMicros,
    at: UnixMicros,
    generator: String,
}

/// The webhook message, version 4.
#[must_use]
pub fn webhook_body(message: &Message, receiver: &str) -> Value {
    let alerts = alerts(message);
    let all_over = alerts.iter().all(|a| a.resolved);
    let status = if all_over { "resolved" } else { "firing" };
    let group = labels_named("alertname", &message.rule);
    let common_labels = common(alerts.iter().map(|a| &a.labels));
    let common_annotations = common(alerts.iter().map(|a| &a.annotations));
    json!({
        "version": "4",
        "groupKey": format!("{{}}:{{alertname={:?}}}", message.rule.as_str()),
        "truncatedAlerts": alerts.len().saturating_sub(MAX_ALERTS),
        "status": status,
        "receiver": receiver,
        "groupLabels": group,
        "commonLabels": common_labels,
        "commonAnnotations": common_annotations,
        "externalURL": message.dashboard_url,
        "notification_reason": reason(message),
        "alerts": alerts.iter().take(MAX_ALERTS).map(told).collect::<Vec<_>>(),
    })
}

/// The reason in Alertmanager's own words.
fn reason(message: &Message) -> &'static str {
    match message.kind {
        Kind::Repeat => "repeat interval elapsed",
        Kind::Resolved | Kind::FiredAndResolved => "all alerts resolved",
        Kind::Digest if message.items.iter().any(|item| item.resolved) => "some alerts resolved",
        Kind::Digest | Kind::Escalated => "new alerts added",
        _ => "first notification",
    }
}

fn told(alert: &Alert) -> Value {
    let ends = if alert.resolved { wording::iso_millis(alert.at) } else { NOT_ENDED.to_owned() };
    json!({
        "status": if alert.resolved { "resolved" } else { "firing" },
        "labels": alert.labels,
        "annotations": alert.annotations,
        "startsAt": wording::iso_millis(alert.started),
        "endsAt": ends,
        "generatorURL": alert.generator,
        "fingerprint": format!("{:016x}", fingerprint(&alert.labels)),
    })
}

/// What `POST /api/v2/alerts` takes.
#[must_use]
pub fn forward_body(messages: &[Message], now: UnixMicros) -> Value {
    let all = messages.iter().flat_map(alerts);
    let posted = all.map(|alert| {
        let ends = if alert.resolved { alert.at } else { now.after(FIRING_LASTS) };
        json!({
            "labels": alert.labels,
            "annotations": alert.annotations,
            "startsAt": wording::iso_millis(alert.started),
            "endsAt": wording::iso_millis(ends),
            "generatorURL": alert.generator,
        })
    });
    Value::Array(posted.collect())
}

/// The alerts of a message: itself, or those of its group.
fn alerts(message: &Message) -> Vec<Alert> {
    let over = matches!(message.kind, Kind::Resolved | Kind::FiredAndResolved);
    let generator = wording::page(message).to_owned();
    if message.items.is_empty() {
        return vec![Alert {
            labels: labels(message, &message.rule, message.severity, &message.labels),
            annotations: annotations(message, wording::text(message), &message.value),
            resolved: over,
            started: message.started,
            at: message.at,
            generator,
        }];
    }
    let of_item = |item: &crate::logic::alert::notice::Item| Alert {
        labels: labels(message, &item.rule, item.severity, &item.labels),
        annotations: annotations(message, item.text.clone(), &item.value),
        resolved: item.resolved,
        started: message.started,
        at: message.at,
        generator: generator.clone(),
    };
    message.items.iter().map(of_item).collect()
}

/// A rule's name wins over a label of that name, or the alert could not be found again.
fn labels(
    message: &Message,
    rule: &Text,
    severity: Severity,
    own: &Labels,
) -> BTreeMap<String, String> {
    let mut labels: BTreeMap<String, String> =
        own.iter().map(|(name, value)| (label_name(name), value.to_string())).collect();
    labels.insert("alertname".into(), rule.to_string());
    labels.insert("severity".into(), severity.word().into());
    labels.insert("environment".into(), message.environment.to_string());
    if message.kind == Kind::Drill {
        labels.insert("drill".into(), "true".into());
    }
    // Alertmanager refuses alerts with empty label values.
    labels.retain(|_, value| !value.is_empty());
    labels
}

/// A name every Alertmanager takes: `[a-zA-Z_][a-zA-Z0-9_]*`.
fn label_name(name: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' };
    let mut safe: String = name.chars().map(safe).collect();
    if !safe.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        safe.insert(0, '_');
    }
    safe
}

fn annotations(message: &Message, text: String, value: &str) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> =
        message.annotations.iter().map(|(k, v)| (label_name(k), v.clone())).collect();
    let mut put = |name: &str, value: &str| {
        if !value.is_empty() {
            all.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        }
    };
    put("summary", &text);
    put("value", value);
    put("threshold", &message.threshold);
    put("condition", &message.condition);
    put("description", message.sentence.as_deref().unwrap_or_default());
    put("runbook_url", message.runbook.as_deref().unwrap_or_default());
    put("dashboard_url", &message.dashboard_url);
    all
}

fn labels_named(name: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(name.to_owned(), value.to_owned())])
}

/// What all of them say alike.
fn common<'a>(sets: impl Iterator<Item = &'a BTreeMap<String, String>>) -> Map<String, Value> {
    let mut sets = sets;
    let mut common = sets.next().cloned().unwrap_or_default();
    for set in sets {
        common.retain(|name, value| set.get(name) == Some(value));
    }
    common.into_iter().map(|(name, value)| (name, value.into())).collect()
}

/// FNV-1a over names and values in order, each followed by 0xff: how Prometheus names a label set
/// (`model/signature.go` of prometheus/common), so that ours is the one Alertmanager shows.
fn fingerprint(labels: &BTreeMap<String, String>) -> u64 {
    const START: u64 = 14_695_981_039_346_656_037;
    const PRIME: u64 = 1_099_511_628_211;
    let parts = labels.iter().flat_map(|(name, value)| [name, value]);
    let bytes = parts.flat_map(|part| part.bytes().chain([0xff]));
    bytes.fold(START, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
}

/// Posts to every peer. One that has it is enough: peers tell each other, and every alert is told
/// again within a minute; a dead peer must not hold up the living.
pub(super) async fn forward(post: &Post, urls: &[String], body: &Value) -> Sent {
    let one = |url: &String| {
        let url = format!("{}/api/v2/alerts", url.trim_end_matches('/'));
        async move {
            let sent = post.json(&url, body).await.sent();
            (peer(&url), sent)
        }
    };
    let results = join_all(urls.iter().map(one)).await;
    let answers: Vec<String> =
        results.iter().map(|(peer, sent)| format!("{peer}: {}", sent.answer)).collect();
    let outcomes = results.into_iter().map(|(_, sent)| sent.outcome);
    let outcome = outcomes.min_by_key(rank).unwrap_or(Outcome::Delivered);
    Sent { outcome, answer: answers.join("; ") }
}

/// A peer's host and port: the rest of an address may be secret.
fn peer(url: &str) -> String {
    let uri = url.parse::<http::Uri>().unwrap_or_default();
    let host = uri.host().unwrap_or("unknown");
    uri.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Best first.
const fn rank(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Delivered => 0,
        Outcome::PartlyRefused { .. } => 1,
        Outcome::Later { .. } => 2,
        Outcome::Ambiguous => 3,
        Outcome::Refused { .. } => 4,
        Outcome::Gone => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::{self, Receiver, answer};
    use super::*;
    use crate::config::alerts::ChannelKind;

    #[test]
    fn the_webhook_is_version_four() {
        let body = webhook_body(&scene::message(Kind::Fired), "ops");
        scene::golden_json("alertmanager_webhook.json", &body);
        let mut group = scene::message(Kind::Digest);
        group.items = scene::items(130, "slow");
        let body = webhook_body(&group, "ops");
        assert_eq!(body["truncatedAlerts"], 30);
        assert_eq!(body["alerts"].as_array().unwrap().len(), 100);
        assert_eq!(body["status"], "firing");
        assert_eq!(body["commonLabels"], json!({"environment": "prod"}));
    }

    #[test]
    fn a_fingerprint_is_prometheus_own() {
        // prometheus/common model/signature_test.go: the empty label set, and FNV-1a of one pair.
        assert_eq!(fingerprint(&BTreeMap::new()), 14_695_981_039_346_656_037);
        let one = fingerprint(&labels_named("a", "b"));
        let bytes = [b'a', 0xff, b'b', 0xff];
        let by_hand = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        assert_eq!(one, by_hand);
    }

    #[test]
    fn a_firing_alert_lasts_four_minutes_more_and_a_resolved_one_has_ended() {
        let now = UnixMicros(scene::AT.0 + UnixMicros::MINUTE);
        let both = [scene::message(Kind::Fired), scene::message(Kind::Resolved)];
        let body = forward_body(&both, now);
        scene::golden_json("alertmanager_forward.json", &body);
        assert_eq!(body[0]["endsAt"], "2025-01-06T09:10:10.000Z");
        assert_eq!(body[1]["endsAt"], "2025-01-06T09:05:10.000Z");
        assert_eq!(body[0]["labels"], body[1]["labels"]);
    }

    #[test]
    fn names_and_values_alertmanager_refuses_are_mended() {
        let mut message = scene::message(Kind::Fired);
        message.labels = vec![("1st.model".into(), "x".into()), ("empty".into(), "".into())];
        let body = forward_body(std::slice::from_ref(&message), scene::AT);
        assert_eq!(body[0]["labels"]["_1st_model"], "x");
        assert_eq!(body[0]["labels"].get("empty"), None);
    }

    #[tokio::test]
    async fn every_peer_is_told_and_one_that_listens_is_enough() {
        let up = Receiver::answering(&[&answer("200 OK", "", "")]).await;
        let down = Receiver::answering(&[&answer("503 Unavailable", "", "")]).await;
        let urls = vec![down.url.clone(), format!("{}/", up.url)];
        let channel = scene::channel(ChannelKind::Alertmanager { urls });
        let sent = scene::ways().send(&channel, &scene::notice(Kind::Fired)).await;
        assert_eq!(sent.outcome, Outcome::Delivered);
        assert!(sent.answer.contains("HTTP 503"), "{}", sent.answer);
        assert_eq!(up.seen().await[0].path, "/api/v2/alerts");
        assert_eq!(down.seen().await[0].path, "/api/v2/alerts");
    }

    #[tokio::test]
    async fn where_no_peer_listens_it_is_tried_again() {
        let down = Receiver::answering(&[&answer("503 Unavailable", "", "")]).await;
        let refusing = Receiver::answering(&[&answer("400 Bad Request", "", "")]).await;
        let urls = vec![refusing.url.clone(), down.url.clone()];
        let channel = scene::channel(ChannelKind::Alertmanager { urls });
        let sent = scene::ways().send(&channel, &scene::notice(Kind::Fired)).await;
        assert_eq!(sent.outcome, Outcome::Later { after: None });
        down.seen().await;
        refusing.seen().await;
    }
}
