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
            (url, sent)
        }
    };
    let results = join_all(urls.iter().map(one)).await;
    let answers: Vec<String> =
        results.iter().map(|(url, sent)| format!("{url}: {}", sent.answer)).collect();
    let outcomes = results.into_iter().map(|(_, sent)| sent.outcome);
    let outcome = outcomes.min_by_key(rank).unwrap_or(Outcome::Delivered);
    Sent { outcome, answer: answers.join("; ") }
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
