//! Slack incoming webhooks: the guide's message, escaped and short enough for Slack to take.
//!
//! Shape and limits: <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks> and
//! <https://docs.slack.dev/reference/messaging/attachments>. Success is 200 with the body `ok`.

use super::exchange::{Letter, Post, Reply, by_status, shown};
use super::wording::{self, Tone};
use super::{Outcome, Sent};
use crate::config::Secret;
use crate::config::alerts::ChannelKind;
use crate::logic::alert::notice::{Item, Message};
use crate::logic::alert::rule::Severity;
use http::StatusCode;
use serde_json::{Map, Value, json};

/// Longest text of the message, characters, escaped. Slack takes 40,000 and advises 4,000; with the
/// rest a whole message stays below 10,000.
const MAX_TEXT: usize = 2_000;
/// Longest value of a field, characters, escaped.
const MAX_FIELD: usize = 300;
/// Longest list of alerts, characters, escaped.
const MAX_LIST: usize = 3_000;
/// Most alerts listed; a person reads no more, and the page has them all.
const MAX_LISTED: usize = 20;
/// The accent of the page, for messages that are neither good nor bad.
const ACCENT: &str = "#1F5FBF";
/// Words Slack's webhooks answer with, and the way out of each. All last until somebody acts.
const WORDS: [(&str, &str); 16] = [
    ("invalid_payload", "the message was not understood; report this as a fault of flowgauge"),
    ("no_text", "the message was empty; report this as a fault of flowgauge"),
    ("too_many_attachments", "report this as a fault of flowgauge"),
    ("msg_blocks_too_long", "report this as a fault of flowgauge"),
    ("user_not_found", "reconnect the channel: its user is gone"),
    ("channel_not_found", "reconnect the channel: it is gone or hidden from the app"),
    ("channel_is_archived", "unarchive the channel or connect another"),
    ("action_prohibited", "ask an admin of the workspace to allow the app to post"),
    ("posting_to_general_channel_denied", "connect a channel the app may post to"),
    ("invalid_token", "reconnect the channel: the webhook was revoked"),
    ("no_active_hooks", "reconnect the channel: the webhook is disabled"),
    ("no_service", "reconnect the channel: the webhook was removed"),
    ("no_service_id", "reconnect the channel: the address is incomplete"),
    ("no_team", "reconnect the channel: the workspace is unknown"),
    ("team_disabled", "reconnect the channel: the workspace is disabled"),
    ("rollup_error", "reconnect the channel: Slack could not take the message"),
];

/// What only webhooks made before Slack apps obey.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Legacy<'a> {
    channel: Option<&'a str>,
    username: Option<&'a str>,
    icon_emoji: Option<&'a str>,
}

impl<'a> Legacy<'a> {
    /// What a channel sends of it: nothing unless it says `legacy: true`.
    #[must_use]
    pub fn of(kind: &'a ChannelKind) -> Self {
        match kind {
            ChannelKind::Slack { legacy: true, channel, username, icon_emoji, .. } => Self {
                channel: channel.as_deref(),
                username: username.as_deref(),
                icon_emoji: icon_emoji.as_deref(),
            },
            _ => Self::default(),
        }
    }
}

/// The message as Slack takes it.
#[must_use]
pub fn body(message: &Message, legacy: Legacy<'_>) -> Value {
    let mut body = Map::new();
    body.insert("text".into(), text(message).into());
    body.insert("attachments".into(), json!([attachment(message)]));
    let named = [
        ("channel", legacy.channel),
        ("username", legacy.username),
        ("icon_emoji", legacy.icon_emoji),
    ];
    for (key, value) in named {
        if let Some(value) = value {
            body.insert(key.into(), value.into());
        }
    }
    Value::Object(body)
}

/// First line the guide's title, then the message: what notifications and old clients show.
pub(super) fn text(message: &Message) -> String {
    let title = escape(&wording::title(message), MAX_FIELD);
    let text = wording::text(message);
    let short = escape(&text, MAX_TEXT);
    if short.ends_with('…') && !text.ends_with('…') {
        return format!("{title}\n{short} ({})", link(wording::page(message), "link"));
    }
    format!("{title}\n{short}")
}

pub(super) fn attachment(message: &Message) -> Value {
    let field = |title: &str, value: &str, short: bool| {
        let value = escape(value, MAX_FIELD);
        json!({"title": title, "value": value, "short": short})
    };
    let mut fields = vec![
        field("Alert", &message.rule, true),
        field("Severity", &message.severity.word().to_uppercase(), true),
        field("Value", &message.value, true),
        field("Threshold", &message.threshold, true),
        field("Time", &wording::iso_millis(message.at), false),
    ];
    // A report has neither value nor threshold.
    fields.retain(|field| field["value"] != "");
    if let Some(runbook) = &message.runbook {
        fields.push(field("Runbook", runbook, false));
    }
    let mut attachment = json!({
        "color": colour(message),
        "fields": fields,
        "title": escape(subject(message), MAX_FIELD),
        "title_link": wording::page(message),
        "footer": escape(&format!("flowgauge · {}", message.environment), MAX_FIELD),
        "ts": message.at.0.div_euclid(1_000_000),
        "mrkdwn_in": ["text"],
    });
    let below = below(message);
    if let (false, Some(object)) = (below.is_empty(), attachment.as_object_mut()) {
        object.insert("text".into(), below.into());
    }
    attachment
}

/// What the title says: the condition, else the rule.
fn subject(message: &Message) -> &str {
    if message.condition.is_empty() { &message.rule } else { &message.condition }
}

/// The decision in words, the alerts of a group, and where to acknowledge.
fn below(message: &Message) -> String {
    let mut lines = Vec::new();
    lines.extend(message.sentence.as_deref().map(|s| escape(s, MAX_FIELD)));
    lines.extend(list(&message.items, wording::page(message)));
    lines.extend(message.ack_url.as_deref().map(|url| link(url, "Acknowledge")));
    lines.join("\n")
}

fn list(items: &[Item], page: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut length = 0_usize;
    for item in items.iter().take(MAX_LISTED) {
        let mark = if item.resolved { "✅" } else { severity_mark(item.severity) };
        let line = escape(&format!("{mark} {}: {}", item.rule, item.text), MAX_FIELD);
        length = length.saturating_add(line.chars().count());
        if length > MAX_LIST {
            break;
        }
        lines.push(line);
    }
    let more = items.len().saturating_sub(lines.len());
    if more > 0 {
        lines.push(format!("… and {more} more ({})", link(page, "all of them")));
    }
    lines
}

const fn severity_mark(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "🔴",
        Severity::Warning => "🟠",
        Severity::Info => "🔵",
    }
}

pub(super) fn colour(message: &Message) -> &'static str {
    match wording::tone(message) {
        Tone::Critical => "danger",
        Tone::Warning => "warning",
        Tone::Good => "good",
        Tone::Info => ACCENT,
    }
}

/// Without Slack's three control characters: after this no text can mention, link or call anybody. At
/// most `limit` characters; where something was cut the last is `…`.
fn escape(text: &str, limit: usize) -> String {
    let mut out = String::new();
    let mut left = limit;
    let mut end = 0;
    for c in text.chars() {
        let written = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            _ => "",
        };
        let length = written.len().max(1);
        if length > left {
            // Room for the sign that something is missing, at the last place where it fits.
            out.truncate(end);
            out.push('…');
            return out;
        }
        left -= length;
        if written.is_empty() {
            out.push(c);
        } else {
            out.push_str(written);
        }
        if left > 0 {
            end = out.len();
        }
    }
    out
}

/// A link in Slack's notation; what would end it early is percent-encoded.
fn link(url: &str, label: &str) -> String {
    let url = url.replace('|', "%7C").replace('<', "%3C").replace('>', "%3E").replace('&', "&amp;");
    format!("<{url}|{label}>")
}

pub(super) async fn send(post: &Post, webhook: &Secret, body: &Value) -> Sent {
    match post.send(Letter::json(webhook.reveal(), body)).await {
        Reply::Failed(sent) => sent,
        Reply::Answered { status: StatusCode::OK, body, .. } if body.trim() == "ok" => {
            Sent::delivered("ok")
        }
        Reply::Answered { status, after, body } => {
            let sent = by_status(status, after, &body);
            match sent.outcome {
                Outcome::Later { .. } => sent,
                _ => Sent::refused(shown(status, &body), hint(body.trim())),
            }
        }
    }
}

/// The way out of an answer.
fn hint(word: &str) -> &'static str {
    let known = WORDS.iter().find(|(known, _)| *known == word);
    known.map_or("reconnect the channel", |(_, hint)| *hint)
}

#[cfg(test)]
mod tests {
    use super::super::scene::{self, Receiver, answer};
    use super::*;
    use crate::logic::alert::episode::EndReason;
    use crate::logic::alert::notice::Kind;
    use crate::logic::unit::Micros;
    use proptest::prelude::*;

    fn channel(url: &str) -> crate::config::alerts::Channel {
        scene::channel(ChannelKind::Slack {
            webhook: Some(Secret::new(url)),
            legacy: false,
            channel: Some("#performance-alerts".into()),
            username: None,
            icon_emoji: None,
        })
    }

    async fn answered(answer: &str) -> Sent {
        let receiver = Receiver::answering(&[answer]).await;
        let channel = channel(&receiver.url);
        let sent = scene::ways().send(&channel, &scene::notice(Kind::Fired)).await;
        receiver.seen().await;
        sent
    }

    #[test]
    fn the_message_is_the_guides_with_its_fields_in_order() {
        scene::golden_json(
            "slack_fired.json",
            &body(&scene::message(Kind::Fired), Legacy::default()),
        );
        let resolved = body(&scene::message(Kind::Resolved), Legacy::default());
        scene::golden_json("slack_resolved.json", &resolved);
        let mut digest = scene::message(Kind::Digest);
        digest.items = scene::items(25, "P95 latency high");
        scene::golden_json("slack_digest.json", &body(&digest, Legacy::default()));
    }

    #[test]
    fn the_guides_channel_name_and_icon_go_only_where_they_are_obeyed() {
        let kind = |legacy| ChannelKind::Slack {
            webhook: None,
            legacy,
            channel: Some("#performance-alerts".into()),
            username: Some("FlowReader Performance Monitor".into()),
            icon_emoji: Some(":chart_with_upwards_trend:".into()),
        };
        let (old, new) = (kind(true), kind(false));
        let message = scene::message(Kind::Fired);
        let old = body(&message, Legacy::of(&old));
        assert_eq!(old["username"], "FlowReader Performance Monitor");
        assert_eq!(old["icon_emoji"], ":chart_with_upwards_trend:");
        assert_eq!(body(&message, Legacy::of(&new)).get("channel"), None);
    }

    #[test]
    fn an_end_without_recovery_is_not_shown_as_good() {
        let mut message = scene::message(Kind::Resolved);
        message.ended = Some(EndReason::RuleChanged);
        let body = body(&message, Legacy::default());
        assert_eq!(body["attachments"][0]["color"], ACCENT);
        assert!(body["text"].as_str().unwrap().contains("ended: the rule was changed"));
    }

    fn strings(value: &Value, out: &mut Vec<String>) {
        match value {
            Value::String(text) => out.push(text.clone()),
            Value::Array(all) => all.iter().for_each(|v| strings(v, out)),
            Value::Object(all) => all.values().for_each(|v| strings(v, out)),
            _ => {}
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn no_text_mentions_anybody_and_no_message_is_too_long(
            text in "(<!channel>|<@U1>|[&<>|a-z 🚨]{1,40}){0,120}",
            label in "(<!here>|.{1,20}){0,40}",
            count in 0_usize..60,
        ) {
            let mut message = scene::message(Kind::Digest);
            message.items = scene::items(count, &text);
            message.value = label.clone();
            message.rule = label.into();
            message.text = text;
            let body = body(&message, Legacy::default());
            let mut all = Vec::new();
            strings(&body, &mut all);
            for text in &all {
                prop_assert!(!text.contains("<!") && !text.contains("<@"), "{text}");
            }
            let length: usize = all.iter().map(|t| t.chars().count()).sum();
            prop_assert!(length < 10_000, "{length}");
            prop_assert!(body["attachments"][0]["fields"].as_array().unwrap().len() <= 20);
        }
    }

    #[test]
    fn a_message_of_plain_text_stays_below_ten_thousand_characters() {
        let mut message = scene::message(Kind::Digest);
        message.items = scene::items(60, &"x".repeat(5_000));
        message.text = "y".repeat(50_000);
        message.value = "z".repeat(5_000);
        let body = body(&message, Legacy::default());
        assert!(body.to_string().chars().count() < 10_000);
        let text = body["text"].as_str().unwrap();
        assert!(text.ends_with("… (<https://flow.test/episodes/1?a=b&amp;c=d|link>)"), "{text}");
    }

    #[tokio::test]
    async fn only_the_word_ok_means_that_slack_has_it() {
        let sent = answered(&answer("200 OK", "", "ok")).await;
        assert_eq!(sent.outcome, Outcome::Delivered);
        let sent = answered(&answer("200 OK", "", "no_text")).await;
        assert!(matches!(sent.outcome, Outcome::Refused { .. }), "{sent:?}");
    }

    #[tokio::test]
    async fn slack_says_when_to_come_back() {
        let limited = r#"{"retry_after":7,"ok":false,"error":"rate_limited"}"#;
        let sent = answered(&answer("429 Too Many Requests", "Retry-After: 7\r\n", limited)).await;
        assert_eq!(sent.outcome, Outcome::Later { after: Some(Micros(7_000_000)) });
        let sent = answered(&answer("503 Service Unavailable", "", "")).await;
        assert_eq!(sent.outcome, Outcome::Later { after: None });
    }

    #[tokio::test]
    async fn every_word_slack_answers_with_has_a_way_out_and_is_final() {
        for (word, hint) in WORDS {
            let sent = answered(&answer("404 Not Found", "", word)).await;
            assert_eq!(sent.outcome, Outcome::Refused { hint: hint.into() }, "{word}");
            assert!(sent.answer.contains(word));
        }
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let sent =
            answered(&answer("302 Found", "location: http://169.254.169.254/\r\n", "")).await;
        assert!(matches!(sent.outcome, Outcome::Refused { .. }), "{sent:?}");
    }

    #[tokio::test]
    async fn no_answer_after_the_request_means_that_slack_may_have_it() {
        assert_eq!(answered("").await.outcome, Outcome::Ambiguous);
    }

    #[tokio::test]
    async fn nobody_listening_means_later() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", free.local_addr().unwrap());
        drop(free);
        let sent = scene::ways().send(&channel(&url), &scene::notice(Kind::Fired)).await;
        assert_eq!(sent.outcome, Outcome::Later { after: None });
    }
}
