//! PagerDuty Events API v2: incidents triggered, acknowledged and resolved, and change events.
//!
//! Source: <https://github.com/PagerDuty/developer-docs/tree/main/docs/events-API-v2>. An incident is
//! found by its `dedup_key`, which holds environment, rule and label set, so that order is kept per
//! key and a new episode opens a new incident.

use super::exchange::{Letter, Post};
use super::wording;
use super::{Outcome, Sent};
use crate::config::Secret;
use crate::logic::alert::notice::{Kind, Message};
use crate::logic::unit::UnixMicros;
use serde_json::{Map, Value, json};

/// Longest `dedup_key`, characters.
const MAX_KEY: usize = 255;
/// Longest `summary`, characters.
const MAX_SUMMARY: usize = 1_024;
/// Largest body, bytes.
const MAX_BODY: usize = 512_000;
/// Words in names of metrics, and what such metrics are about; the first match counts.
const GROUPS: [(&[&str], &str); 6] = [
    (&["latency", "ttft", "tpot"], "latency"),
    (&["error", "availability"], "errors"),
    (&["cache", "ttl"], "cache"),
    (&["cost", "budget", "unpriced"], "cost"),
    (&["token"], "tokens"),
    (&["quality", "satisfaction"], "quality"),
];

/// One request: to which path, with what.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// `/v2/enqueue` or `/v2/change/enqueue`.
    pub path: &'static str,
    /// What is posted.
    pub body: Value,
}

/// What is said about a message, in order. `key` is the notice's own, for incidents of their own.
#[must_use]
pub fn events(message: &Message, routing_key: &str, key: &str) -> Vec<Event> {
    let dedup = match message.kind {
        Kind::Drill => cut_key(&format!("flowgauge:drill:{key}")),
        _ => dedup_key(message),
    };
    let trigger = || incident(trigger(message, routing_key, &dedup));
    let follow = |action: &str| {
        incident(json!({
            "routing_key": routing_key, "event_action": action, "dedup_key": dedup,
        }))
    };
    match message.kind {
        Kind::Fired | Kind::Escalated | Kind::Repeat | Kind::Digest => vec![trigger()],
        Kind::Acknowledged => vec![follow("acknowledge")],
        Kind::Resolved => vec![follow("resolve")],
        // The second alone would be dropped, and nobody would ever know. A drill leaves nothing open.
        Kind::FiredAndResolved | Kind::Drill => vec![trigger(), follow("resolve")],
        Kind::Scheduled | Kind::Change | Kind::Heartbeat => {
            vec![Event { path: "/v2/change/enqueue", body: change(message, routing_key) }]
        }
    }
}

const fn incident(body: Value) -> Event {
    Event { path: "/v2/enqueue", body }
}

/// `flowgauge:prod:p95_latency_critical:9f2c…`; the hash at its end is never cut.
fn dedup_key(message: &Message) -> String {
    let end = format!(":{}", message.fingerprint);
    let start = format!("flowgauge:{}:{}", message.environment, message.rule);
    let room = MAX_KEY.saturating_sub(end.chars().count());
    let start: String = start.chars().take(room).collect();
    cut_key(&format!("{start}{end}"))
}

fn cut_key(key: &str) -> String {
    key.chars().take(MAX_KEY).collect()
}

fn trigger(message: &Message, routing_key: &str, dedup: &str) -> Value {
    let body = |details: Value| {
        let mut payload = json!({
            "summary": summary(message),
            "source": source(message),
            "severity": message.severity.word(),
            "timestamp": timestamp(message.at),
            "component": "gateway",
            "group": group(&message.metric),
            "class": if message.metric.is_empty() { &message.rule } else { &message.metric },
        });
        if let (false, Some(payload)) = (details.is_null(), payload.as_object_mut()) {
            payload.insert("custom_details".into(), details);
        }
        json!({
            "routing_key": routing_key,
            "event_action": "trigger",
            "dedup_key": dedup,
            "client": "flowgauge",
            "client_url": wording::page(message),
            "payload": payload,
            "links": links(message),
            "images": [],
        })
    };
    let whole = body(details(message));
    if whole.to_string().len() <= MAX_BODY { whole } else { body(Value::Null) }
}

fn change(message: &Message, routing_key: &str) -> Value {
    let body = |details: Value| {
        let mut payload = json!({
            "summary": summary(message),
            "source": source(message),
            "timestamp": timestamp(message.at),
        });
        if let (false, Some(payload)) = (details.is_null(), payload.as_object_mut()) {
            payload.insert("custom_details".into(), details);
        }
        json!({"routing_key": routing_key, "payload": payload, "links": links(message)})
    };
    let whole = body(details(message));
    if whole.to_string().len() <= MAX_BODY { whole } else { body(Value::Null) }
}

/// The text, and which step it is where it is not the first: an incident's title has no room for more.
fn summary(message: &Message) -> String {
    let text = wording::text(message);
    let summary = match wording::step(message) {
        Some(step) => format!("[{step}] {text}"),
        None => text,
    };
    wording::cut(&summary, MAX_SUMMARY)
}

fn source(message: &Message) -> String {
    format!("flowgauge/{}", message.environment)
}

/// As PagerDuty's own examples write it.
fn timestamp(at: UnixMicros) -> String {
    wording::utc(at).format("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string()
}

/// What a metric is about.
fn group(metric: &str) -> &'static str {
    let known = GROUPS.iter().find(|(words, _)| words.iter().any(|word| metric.contains(word)));
    match known {
        Some((_, group)) => group,
        None if metric.is_empty() => "flowgauge",
        None => "traffic",
    }
}

fn details(message: &Message) -> Value {
    let mut details = Map::new();
    let mut put = |key: &str, value: Value| {
        let empty = value.is_null() || value.as_str().is_some_and(str::is_empty);
        if !empty {
            details.insert(key.to_owned(), value);
        }
    };
    put("alert", message.rule.as_str().into());
    put("value", message.value.as_str().into());
    put("threshold", message.threshold.as_str().into());
    put("now", message.now.as_deref().into());
    put("condition", message.condition.as_str().into());
    put("n", message.n.into());
    put("exceeding", message.exceed.into());
    put("sentence", message.sentence.as_deref().into());
    put("started_at", wording::iso_millis(message.started).into());
    put("runbook", message.runbook.as_deref().into());
    for (name, value) in &message.labels {
        put(&format!("label.{name}"), value.as_str().into());
    }
    for (name, value) in &message.annotations {
        put(&format!("annotation.{name}"), value.as_str().into());
    }
    let alerts: Vec<Value> = message.items.iter().map(|i| i.text.as_str().into()).collect();
    if !alerts.is_empty() {
        put("alerts", alerts.into());
    }
    Value::Object(details)
}

fn links(message: &Message) -> Vec<Value> {
    let is_url = |url: &&str| url.starts_with("https://") || url.starts_with("http://");
    let runbook = message.runbook.as_deref().filter(is_url);
    let all = [
        (Some(message.dashboard_url.as_str()), "Dashboard"),
        (message.episode_url.as_deref(), "Episode"),
        (runbook, "Runbook"),
    ];
    let given = all.into_iter().filter_map(|(url, text)| Some((url?, text)));
    given.map(|(url, text)| json!({"href": url, "text": text})).collect()
}

/// Says everything in order and stops at the first that is not taken; all of it may be said again.
pub(super) async fn send(
    post: &Post,
    url: &str,
    routing_key: &Secret,
    message: &Message,
    key: &str,
) -> Sent {
    let base = url.trim_end_matches('/');
    let mut last = Sent::delivered("");
    for event in events(message, routing_key.reveal(), key) {
        let url = format!("{base}{}", event.path);
        last = post.send(Letter::json(&url, &event.body)).await.sent();
        if last.outcome != Outcome::Delivered {
            break;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::super::scene::{self, Receiver, answer};
    use super::*;
    use crate::config::alerts::ChannelKind;

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    fn of(kind: Kind) -> Vec<Event> {
        let notice = scene::notice(kind);
        events(&notice.message, KEY, &notice.key())
    }

    fn actions(events: &[Event]) -> Vec<&str> {
        events.iter().filter_map(|e| e.body["event_action"].as_str()).collect()
    }

    fn channel(url: &str) -> crate::config::alerts::Channel {
        scene::channel(ChannelKind::PagerDuty {
            routing_key: Some(Secret::new(KEY)),
            url: url.to_owned(),
        })
    }

    #[test]
    fn a_fired_alert_triggers_with_every_documented_field() {
        scene::golden_json("pagerduty_trigger.json", &of(Kind::Fired)[0].body);
        scene::golden_json("pagerduty_resolve.json", &of(Kind::Resolved)[0].body);
        scene::golden_json("pagerduty_change.json", &of(Kind::Change)[0].body);
        assert_eq!(of(Kind::Change)[0].path, "/v2/change/enqueue");
    }

    #[test]
    fn one_key_goes_through_an_episode_and_no_step_is_silent() {
        let fired = of(Kind::Fired);
        for kind in [Kind::Escalated, Kind::Repeat, Kind::Acknowledged, Kind::Resolved] {
            assert_eq!(of(kind)[0].body["dedup_key"], fired[0].body["dedup_key"], "{kind:?}");
        }
        assert_eq!(actions(&of(Kind::Acknowledged)), ["acknowledge"]);
        assert_eq!(actions(&of(Kind::Resolved)), ["resolve"]);
        assert_eq!(actions(&of(Kind::FiredAndResolved)), ["trigger", "resolve"]);
    }

    #[test]
    fn a_drill_leaves_no_open_incident_and_touches_no_real_one() {
        let drill = of(Kind::Drill);
        assert_eq!(actions(&drill), ["trigger", "resolve"]);
        assert_ne!(drill[0].body["dedup_key"], of(Kind::Fired)[0].body["dedup_key"]);
        let summary = drill[0].body["payload"]["summary"].as_str().unwrap();
        assert!(summary.starts_with("[TEST"), "{summary}");
    }

    #[test]
    fn limits_are_kept_and_the_hash_is_never_cut() {
        let mut message = scene::message(Kind::Fired);
        message.rule = "r".repeat(400).into();
        message.text = "ü".repeat(5_000);
        message.annotations = [("long".into(), "x".repeat(600_000))].into();
        let event = &events(&message, KEY, "k")[0].body;
        let key = event["dedup_key"].as_str().unwrap();
        assert_eq!(key.chars().count(), MAX_KEY);
        assert!(key.ends_with(":9f2c41d07be35a68"));
        assert_eq!(event["payload"]["summary"].as_str().unwrap().chars().count(), MAX_SUMMARY);
        assert!(event.to_string().len() <= MAX_BODY);
        assert_eq!(event["payload"].get("custom_details"), None);
    }

    #[tokio::test]
    async fn accepted_is_delivered_and_what_is_invalid_is_final() {
        let accepted = answer("202 Accepted", "", r#"{"status":"success","dedup_key":"k"}"#);
        let invalid = answer("400 Bad Request", "", r#"{"status":"invalid event","errors":["x"]}"#);
        let receiver = Receiver::answering(&[&accepted, &accepted, &invalid]).await;
        let (ways, channel) = (scene::ways(), channel(&receiver.url));
        let sent = ways.send(&channel, &scene::notice(Kind::FiredAndResolved)).await;
        assert_eq!(sent.outcome, Outcome::Delivered);
        let sent = ways.send(&channel, &scene::notice(Kind::Fired)).await;
        assert!(matches!(sent.outcome, Outcome::Refused { .. }));
        assert!(sent.answer.contains("invalid event"), "{}", sent.answer);
        let seen = receiver.seen().await;
        assert_eq!(seen[0].json()["event_action"], "trigger");
        assert_eq!(seen[1].json()["event_action"], "resolve");
        assert!(seen.iter().all(|s| s.path == "/v2/enqueue"));
    }

    #[tokio::test]
    async fn after_a_trigger_that_was_not_taken_nothing_is_resolved() {
        let receiver = Receiver::answering(&[&answer("500 Oops", "", "")]).await;
        let channel = channel(&receiver.url);
        let sent = scene::ways().send(&channel, &scene::notice(Kind::FiredAndResolved)).await;
        assert_eq!(sent.outcome, Outcome::Later { after: None });
        assert_eq!(receiver.seen().await.len(), 1);
    }
}
