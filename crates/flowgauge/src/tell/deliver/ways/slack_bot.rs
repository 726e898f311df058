//! A Slack app with a bot token: what belongs to one episode stays in one thread, and the message that
//! opened it shows how it ended.
//!
//! Source: <https://docs.slack.dev/reference/methods/chat.postMessage> and `chat.update`.

use super::exchange::{Letter, Post, Reply, by_status};
use super::memory::{self, Memory};
use super::slack;
use super::{Outcome, Sent};
use crate::config::Secret;
use crate::logic::alert::notice::{Kind, Notice};
use crate::logic::unit::Micros;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Answers after which the same message may be taken later.
const PASSING: [&str; 9] = [
    "ratelimited",
    "rate_limited",
    "message_limit_exceeded",
    "internal_error",
    "fatal_error",
    "service_unavailable",
    "request_timeout",
    "accesslimited",
    "team_added_to_org",
];
/// Answers that a new token or scope cures.
const TOKEN: [&str; 8] = [
    "invalid_auth",
    "not_authed",
    "account_inactive",
    "token_revoked",
    "token_expired",
    "missing_scope",
    "no_permission",
    "not_allowed_token_type",
];
/// Answers that an invitation or another channel cures.
const ROOM: [&str; 4] = ["channel_not_found", "not_in_channel", "is_archived", "restricted_action"];

/// Whose word it is and where it goes.
#[derive(Debug, Clone, Copy)]
pub struct Bot<'a> {
    /// Bot token.
    pub token: &'a Secret,
    /// Channel id or name.
    pub room: &'a str,
    /// The API, `https://slack.com/api`.
    pub api_url: &'a str,
}

/// Where an episode's first message is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Root {
    channel: String,
    ts: String,
}

/// What every method answers.
#[derive(Debug, Deserialize)]
struct Answer {
    ok: bool,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    channel: Option<String>,
    #[serde(default)]
    ts: Option<String>,
}

/// The message for `chat.postMessage`; into the thread of `thread` where there is one, and shown in
/// the channel too where it is more than a reminder.
#[must_use]
pub fn body(notice: &Notice, room: &str, thread: Option<&str>) -> Value {
    let message = &notice.message;
    let mut body = json!({
        "channel": room,
        "text": slack::text(message),
        "attachments": [slack::attachment(message)],
        "unfurl_links": false,
    });
    if let (Some(thread), Some(body)) = (thread, body.as_object_mut()) {
        body.insert("thread_ts".into(), thread.into());
        let loud = matches!(message.kind, Kind::Escalated | Kind::Resolved);
        body.insert("reply_broadcast".into(), loud.into());
    }
    body
}

pub(super) async fn send(post: &Post, bot: &Bot<'_>, notice: &Notice, memory: &Memory) -> Sent {
    let key = memory::key(notice, "thread");
    let root: Option<Root> = memory.get(&key);
    let ts = root.as_ref().map(|root| root.ts.as_str());
    let room = root.as_ref().map_or(bot.room, |root| root.channel.as_str());
    let (sent, answer) = call(post, bot, "chat.postMessage", &body(notice, room, ts)).await;
    if sent.outcome != Outcome::Delivered {
        return sent;
    }
    match (root, answer) {
        (None, Some(Answer { channel: Some(channel), ts: Some(ts), .. })) => {
            memory.put(key, &Root { channel, ts });
        }
        (Some(root), _) if notice.message.kind == Kind::Resolved => {
            // The thread has the news already; that the first message keeps its colour is no failure.
            let update = json!({
                "channel": root.channel,
                "ts": root.ts,
                "text": slack::text(&notice.message),
                "attachments": [slack::attachment(&notice.message)],
            });
            let (updated, _) = call(post, bot, "chat.update", &update).await;
            if updated.outcome != Outcome::Delivered {
                tracing::debug!(answer = %updated.answer, "the first message was not updated");
            }
            memory.forget(&key);
        }
        _ => {}
    }
    sent
}

async fn call(post: &Post, bot: &Bot<'_>, method: &str, body: &Value) -> (Sent, Option<Answer>) {
    let url = format!("{}/{method}", bot.api_url.trim_end_matches('/'));
    match post.send(Letter::json(&url, body).bearer(bot.token)).await {
        Reply::Failed(sent) => (sent, None),
        Reply::Answered { status: StatusCode::OK, after, body } => {
            match serde_json::from_str::<Answer>(&body) {
                Ok(answer) => (read(&answer, after), Some(answer)),
                Err(_) => (Sent::refused("no Slack API answers there", "check api_url"), None),
            }
        }
        Reply::Answered { status, after, body } => (by_status(status, after, &body), None),
    }
}

fn read(answer: &Answer, after: Option<Micros>) -> Sent {
    if answer.ok {
        return Sent::delivered("ok");
    }
    let word = answer.error.as_deref().unwrap_or("no reason given");
    let hint = match word {
        _ if PASSING.contains(&word) => {
            return Sent { outcome: Outcome::Later { after }, answer: word.into() };
        }
        _ if TOKEN.contains(&word) => "reconnect the app: give it a valid token with chat:write",
        _ if ROOM.contains(&word) => "invite the app to the channel, or name another",
        _ => "Slack does not take this message",
    };
    Sent::refused(word, hint)
}

#[cfg(test)]
mod tests {
    use super::super::scene::{self, Receiver, answer};
    use super::*;
    use crate::config::alerts::{Channel, ChannelKind};

    fn channel(url: &str) -> Channel {
        scene::channel(ChannelKind::SlackBot {
            token: Some(Secret::new("xoxb-1")),
            channel: "#performance-alerts".into(),
            api_url: format!("{url}/api"),
        })
    }

    fn posted(ts: &str) -> String {
        let body = json!({"ok": true, "channel": "C1", "ts": ts});
        answer("200 OK", "", &body.to_string())
    }

    async fn answered(word: &str) -> Outcome {
        let body = json!({"ok": false, "error": word}).to_string();
        let receiver = Receiver::answering(&[&answer("200 OK", "retry-after: 3\r\n", &body)]).await;
        let channel = channel(&receiver.url);
        let sent = scene::ways().send(&channel, &scene::notice(Kind::Fired)).await;
        receiver.seen().await;
        sent.outcome
    }

    #[tokio::test]
    async fn an_episode_is_one_thread_and_its_first_message_shows_the_end() {
        let answers = [posted("1.1"), posted("1.2"), posted("1.3"), posted("1.1")];
        let answers: Vec<&str> = answers.iter().map(String::as_str).collect();
        let receiver = Receiver::answering(&answers).await;
        let (ways, channel) = (scene::ways(), channel(&receiver.url));
        for kind in [Kind::Fired, Kind::Repeat, Kind::Resolved] {
            let sent = ways.send(&channel, &scene::notice(kind)).await;
            assert_eq!(sent.outcome, Outcome::Delivered, "{kind:?}");
        }
        let seen = receiver.seen().await;
        assert_eq!(seen[0].header("authorization"), Some("Bearer xoxb-1"));
        let paths: Vec<&str> = seen.iter().map(|s| s.path.as_str()).collect();
        let post = "/api/chat.postMessage";
        assert_eq!(paths, [post, post, post, "/api/chat.update"]);
        let bodies: Vec<Value> = seen.iter().map(scene::Seen::json).collect();
        assert_eq!(bodies[0]["channel"], "#performance-alerts");
        assert_eq!(bodies[0].get("thread_ts"), None);
        assert_eq!((&bodies[1]["thread_ts"], &bodies[1]["channel"]), (&json!("1.1"), &json!("C1")));
        assert_eq!(bodies[1]["reply_broadcast"], false);
        assert_eq!(bodies[2]["reply_broadcast"], true);
        assert_eq!((&bodies[3]["ts"], &bodies[3]["channel"]), (&json!("1.1"), &json!("C1")));
        assert_eq!(bodies[3]["attachments"][0]["color"], "good");
    }

    #[tokio::test]
    async fn what_may_pass_is_tried_again_and_the_rest_names_its_way_out() {
        let after = Some(Micros(3_000_000));
        assert_eq!(answered("ratelimited").await, Outcome::Later { after });
        assert_eq!(answered("internal_error").await, Outcome::Later { after });
        for word in ["invalid_auth", "not_in_channel", "msg_too_long"] {
            assert!(matches!(answered(word).await, Outcome::Refused { .. }), "{word}");
        }
    }

    #[tokio::test]
    async fn a_thread_goes_on_after_a_restart() {
        let answers = [posted("1.1"), posted("1.2"), posted("1.1")];
        let answers: Vec<&str> = answers.iter().map(String::as_str).collect();
        let receiver = Receiver::answering(&answers).await;
        let (before, channel) = (scene::ways(), channel(&receiver.url));
        before.send(&channel, &scene::notice(Kind::Fired)).await;
        let notes = before.notes().into_iter().filter_map(|(key, note)| Some((key, note?)));
        let after = scene::ways_remembering(notes.collect());
        after.send(&channel, &scene::notice(Kind::Resolved)).await;
        let bodies: Vec<Value> = receiver.seen().await.iter().map(scene::Seen::json).collect();
        assert_eq!(bodies[1]["thread_ts"], "1.1");
        assert_eq!(bodies[2]["ts"], "1.1");
        assert!(matches!(after.notes().as_slice(), [(_, None)]), "the thread is over");
    }

    #[test]
    fn a_reminder_stays_in_its_thread() {
        scene::golden_json(
            "slack_bot_reply.json",
            &body(&scene::notice(Kind::Repeat), "C1", Some("1.1")),
        );
    }
}
