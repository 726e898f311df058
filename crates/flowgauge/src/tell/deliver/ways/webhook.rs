//! Generic webhooks after Standard Webhooks: signed, with an id that is stable over retries.
//!
//! Source: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.
//! Refuses to send with a secret that `signing` cannot read.

use super::Sent;
use super::exchange::{Letter, Post};
use super::signing::signature;
use super::wording;
use crate::config::Secret;
use crate::logic::alert::notice::{Item, Kind, Message, Notice};
use crate::logic::unit::UnixMicros;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value, json};

/// Largest body, bytes: the standard's advice for receivers with limits of their own.
const MAX_BODY: usize = 20_000;
/// Longest text where the whole does not fit, characters; at most four bytes each.
const CUT_TEXT: usize = 1_000;
/// Where to, and how it is signed.
#[derive(Debug, Clone, Copy)]
pub struct Endpoint<'a> {
    /// Where to.
    pub url: &'a str,
    /// Signing secrets, the current one first; without any nothing is signed.
    pub secrets: &'a [Secret],
    /// Whether link-local and metadata addresses are allowed.
    pub allow_internal: bool,
}

/// The type of the event.
#[must_use]
pub const fn event_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Fired | Kind::Digest => "alert.fired",
        Kind::Escalated => "alert.escalated",
        Kind::Repeat => "alert.repeated",
        Kind::Acknowledged => "alert.acknowledged",
        Kind::Resolved | Kind::FiredAndResolved => "alert.resolved",
        Kind::Scheduled => "report.ready",
        // A type of its own: what acts on alerts must not act on a test.
        Kind::Drill => "alert.drill",
        Kind::Change => "action.executed",
        Kind::Heartbeat => "flowgauge.heartbeat",
    }
}

/// `{type, timestamp, data}`, at most 20 kB.
#[must_use]
pub fn body(notice: &Notice) -> String {
    let event = |data: Map<String, Value>| {
        let body = json!({
            "type": event_type(notice.message.kind),
            "timestamp": wording::iso_millis(notice.message.at),
            "data": data,
        });
        body.to_string()
    };
    let full = data(notice);
    let whole = event(full.clone());
    if whole.len() <= MAX_BODY {
        return whole;
    }
    event(shortened(full, &notice.message, MAX_BODY))
}

fn data(notice: &Notice) -> Map<String, Value> {
    let m = &notice.message;
    let figures = m.figures.as_ref();
    let labels: Map<String, Value> =
        m.labels.iter().map(|(k, v)| (k.to_string(), v.as_str().into())).collect();
    let pairs = [
        ("episode", notice.episode.to_string().into()),
        ("sequence", notice.sequence.into()),
        ("kind", json!(m.kind)),
        ("alert", m.rule.as_str().into()),
        ("severity", m.severity.word().into()),
        ("text", wording::text(m).into()),
        ("value", figures.and_then(|f| f.value).into()),
        ("threshold", figures.and_then(|f| f.threshold).into()),
        ("unit", figures.map(|f| f.unit.as_str()).into()),
        ("shown", json!({"value": m.value, "threshold": m.threshold, "now": m.now})),
        ("metric", Some(m.metric.as_str()).filter(|metric| !metric.is_empty()).into()),
        ("condition", m.condition.as_str().into()),
        ("labels", labels.into()),
        ("annotations", json!(m.annotations)),
        ("application", m.application.as_str().into()),
        ("environment", m.environment.as_str().into()),
        ("started_at", wording::iso_millis(m.started).into()),
        ("ended", json!(m.ended)),
        ("samples", m.n.into()),
        ("exceeding", m.exceed.into()),
        ("sentence", m.sentence.as_deref().into()),
        ("late", m.late.into()),
        ("runbook", m.runbook.as_deref().into()),
        ("url", m.episode_url.as_deref().into()),
        ("dashboard_url", m.dashboard_url.as_str().into()),
        ("fingerprint", m.fingerprint.as_str().into()),
        ("alerts", m.items.iter().map(item).collect::<Vec<_>>().into()),
    ];
    pairs.into_iter().map(|(key, value): (&str, Value)| (key.to_owned(), value)).collect()
}

fn item(item: &Item) -> Value {
    let labels: Map<String, Value> =
        item.labels.iter().map(|(k, v)| (k.to_string(), v.as_str().into())).collect();
    json!({
        "alert": item.rule, "severity": item.severity.word(), "labels": labels,
        "text": item.text, "value": item.value, "resolved": item.resolved,
    })
}

/// Without what can be looked up: texts cut, then as many alerts of the group as fit.
fn shortened(mut data: Map<String, Value>, message: &Message, limit: usize) -> Map<String, Value> {
    data.insert("shortened".into(), true.into());
    data.insert("annotations".into(), json!({}));
    data.insert("text".into(), wording::cut(&wording::text(message), CUT_TEXT).into());
    for key in ["condition", "sentence", "runbook"] {
        if let Some(Value::String(text)) = data.get(key) {
            let short = wording::cut(text, CUT_TEXT);
            data.insert(key.into(), short.into());
        }
    }
    let all = match data.remove("alerts") {
        Some(Value::Array(all)) => all,
        _ => Vec::new(),
    };
    // What comes round the data, and a number of alerts left out.
    let mut room = limit.saturating_sub(Value::Object(data.clone()).to_string().len() + 200);
    let mut kept = Vec::new();
    for alert in &all {
        let length = alert.to_string().len() + 1;
        if length > room {
            break;
        }
        room -= length;
        kept.push(alert.clone());
    }
    data.insert("alerts_left_out".into(), all.len().saturating_sub(kept.len()).into());
    data.insert("alerts".into(), kept.into());
    data
}

pub(super) async fn send(post: &Post, to: &Endpoint<'_>, notice: &Notice, now: UnixMicros) -> Sent {
    let body = body(notice);
    let id = notice.key();
    let timestamp = now.0.div_euclid(1_000_000);
    let mut headers = HeaderMap::new();
    let mut put = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    put("webhook-id", &id);
    put("webhook-timestamp", &timestamp.to_string());
    if !to.secrets.is_empty() {
        match signature(to.secrets, &id, timestamp, &body) {
            Ok(signature) => put("webhook-signature", &signature),
            Err(error) => return Sent::refused(error.to_string(), "correct the channel's secrets"),
        }
    }
    let letter = Letter { url: to.url, body, headers, allow_internal: to.allow_internal };
    post.send(letter).await.sent()
}

#[cfg(test)]
mod tests {
    use super::super::scene::{self, Receiver, answer};
    use super::super::{Outcome, Sent};
    use super::*;
    use crate::config::alerts::ChannelKind;
    use crate::logic::unit::Micros;

    /// The example of the reference libraries (`standardwebhooks`, tests of every language).
    const EXAMPLE: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn channel(url: &str, allow_internal: bool) -> crate::config::alerts::Channel {
        scene::channel(ChannelKind::Webhook {
            url: url.to_owned(),
            secrets: vec![Secret::new(EXAMPLE)],
            allow_internal,
        })
    }

    async fn answered(answer: &str) -> Sent {
        let receiver = Receiver::answering(&[answer]).await;
        let channel = channel(&receiver.url, false);
        let sent = scene::ways().send(&channel, &scene::notice(Kind::Fired)).await;
        receiver.seen().await;
        sent
    }

    #[test]
    fn the_body_names_its_type_and_carries_value_and_unit() {
        let json = |kind| serde_json::from_str(&body(&scene::notice(kind))).unwrap();
        scene::golden_json("webhook_fired.json", &json(Kind::Fired));
        scene::golden_json("webhook_resolved.json", &json(Kind::Resolved));
        let (notice, seconds) = (scene::notice(Kind::Fired), 1_736_154_310);
        let body = body(&notice);
        let signed = signature(&[Secret::new(EXAMPLE)], &notice.key(), seconds, &body).unwrap();
        let signed = json!({
            "secret": EXAMPLE, "id": notice.key(), "timestamp": seconds, "body": body,
            "signature": signed,
        });
        scene::golden_json("webhook_signed.json", &signed);
    }

    #[test]
    fn a_large_body_is_shortened_below_twenty_kilobytes() {
        let mut notice = scene::notice(Kind::Digest);
        notice.message.items = scene::items(500, "P95 latency high");
        notice.message.text = "ü".repeat(30_000);
        let text = body(&notice);
        assert!(text.len() <= MAX_BODY, "{}", text.len());
        let json: Value = serde_json::from_str(&text).unwrap();
        let kept = json["data"]["alerts"].as_array().unwrap().len();
        assert!(kept > 10);
        assert_eq!(json["data"]["alerts_left_out"], 500 - kept);
    }

    #[tokio::test]
    async fn the_id_is_stable_and_time_and_signature_are_the_attempts() {
        let ok = answer("204 No Content", "", "");
        let receiver = Receiver::answering(&[&ok, &ok]).await;
        let channel = channel(&receiver.url, false);
        let (clock, hand) = crate::serve::clock::Clock::frozen(scene::AT);
        let ways =
            super::super::Ways::new(&crate::config::alerts::Alerts::default(), Vec::new(), clock)
                .unwrap();
        let notice = scene::notice(Kind::Fired);
        assert_eq!(ways.send(&channel, &notice).await.outcome, Outcome::Delivered);
        hand.advance(Micros(60_000_000));
        assert_eq!(ways.send(&channel, &notice).await.outcome, Outcome::Delivered);
        let seen = receiver.seen().await;
        assert_eq!(seen[0].header("webhook-id"), Some(notice.key().as_str()));
        assert_eq!(seen[0].header("webhook-id"), seen[1].header("webhook-id"));
        assert_eq!(seen[0].header("webhook-timestamp"), Some("1736154310"));
        assert_eq!(seen[1].header("webhook-timestamp"), Some("1736154370"));
        let signed =
            signature(&[Secret::new(EXAMPLE)], &notice.key(), 1_736_154_370, &seen[1].body);
        assert_eq!(seen[1].header("webhook-signature"), Some(signed.unwrap().as_str()));
    }

    #[tokio::test]
    async fn gone_is_for_ever_and_a_limit_is_not() {
        assert_eq!(answered(&answer("410 Gone", "", "")).await.outcome, Outcome::Gone);
        let date = "retry-after: Mon, 06 Jan 2025 09:06:10 GMT\r\n";
        let sent = answered(&answer("429 Too Many Requests", date, "")).await;
        assert_eq!(sent.outcome, Outcome::Later { after: Some(Micros(60_000_000)) });
        let sent = answered(&answer("301 Moved", "location: /x\r\n", "")).await;
        assert!(matches!(sent.outcome, Outcome::Refused { .. }));
    }

    #[tokio::test]
    async fn metadata_addresses_are_not_asked_unless_that_is_meant() {
        let url = "http://169.254.169.254/latest/meta-data";
        let sent = scene::ways().send(&channel(url, false), &scene::notice(Kind::Fired)).await;
        let hint = "set allow_internal on the channel where this is meant".to_owned();
        assert_eq!(sent.outcome, Outcome::Refused { hint });
        // A decimal address is a name to the resolver, which gives the address behind it.
        let sent = scene::ways()
            .send(&channel("http://2852039166/", false), &scene::notice(Kind::Fired))
            .await;
        assert!(matches!(sent.outcome, Outcome::Refused { .. }), "{sent:?}");
    }
}
