//! Words every channel shares: titles, times, and how a text is shortened.
//!
//! Refuses to know any channel's layout, and to escape: each channel escapes for its receiver.

use crate::logic::alert::episode::EndReason;
use crate::logic::alert::notice::{Kind, Message};
use crate::logic::alert::rule::Severity;
use crate::logic::unit::UnixMicros;
use chrono::{DateTime, SecondsFormat, Utc};
use std::fmt::Write as _;

/// The actions the guide's mail recommends, for rules that name none.
const RECOMMENDED: [&str; 4] = [
    "Check performance dashboard",
    "Run diagnostic scripts",
    "Review recent changes",
    "Consider optimization adjustments",
];

/// How a message is to be taken, for colours and icons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Critical,
    Warning,
    Good,
    Info,
}

/// How a message is to be taken. An end that is no recovery is no good news.
pub(super) fn tone(message: &Message) -> Tone {
    let recovered =
        matches!(message.ended, Some(EndReason::Recovered | EndReason::NoDataOk) | None);
    match (message.kind, message.severity) {
        (Kind::Resolved | Kind::FiredAndResolved, _) if recovered => Tone::Good,
        (Kind::Resolved | Kind::FiredAndResolved, _) => Tone::Info,
        (Kind::Scheduled | Kind::Change | Kind::Heartbeat, _) => Tone::Info,
        (_, Severity::Critical) => Tone::Critical,
        (_, Severity::Warning) => Tone::Warning,
        (_, Severity::Info) => Tone::Info,
    }
}

/// The guide's heading, `🚨 FlowReader Performance Alert`, and what step this is where it is not the
/// first.
pub(super) fn title(message: &Message) -> String {
    let icon = icon(message);
    let heading = heading(message);
    match step(message) {
        Some(step) => format!("{icon} {heading} ({step})"),
        None => format!("{icon} {heading}"),
    }
}

/// `FlowReader Performance Alert`.
pub(super) fn heading(message: &Message) -> String {
    let what = match message.kind {
        Kind::Scheduled => "Performance Report",
        Kind::Change => "Change",
        Kind::Heartbeat => "Heartbeat",
        _ => "Performance Alert",
    };
    format!("{} {what}", message.application)
}

const fn icon(message: &Message) -> &'static str {
    match message.kind {
        Kind::Drill => "🧪",
        Kind::Acknowledged => "👀",
        Kind::Resolved | Kind::FiredAndResolved => match message.ended {
            Some(EndReason::Recovered | EndReason::NoDataOk) | None => "✅",
            Some(_) => "ℹ️",
        },
        Kind::Scheduled => "📊",
        Kind::Change => "🔧",
        Kind::Heartbeat => "💓",
        Kind::Fired | Kind::Escalated | Kind::Repeat | Kind::Digest => "🚨",
    }
}

/// Which step of its episode a message is, and of how many alerts it speaks; nothing for the first of
/// one.
pub(super) fn step(message: &Message) -> Option<String> {
    let word = match message.kind {
        Kind::Fired | Kind::Digest | Kind::Scheduled | Kind::Change | Kind::Heartbeat => None,
        Kind::Escalated => Some("severity raised".to_owned()),
        Kind::Repeat => Some("still firing".to_owned()),
        Kind::Acknowledged => Some("acknowledged".to_owned()),
        Kind::FiredAndResolved => Some(format!("fired and {}", end_word(message))),
        Kind::Resolved => Some(end_word(message).to_owned()),
        Kind::Drill => Some("TEST, nothing is wrong".to_owned()),
    };
    let several = Some(message.items.len()).filter(|n| *n > 1).map(|n| format!("{n} alerts"));
    match (word, several) {
        (Some(word), Some(several)) => Some(format!("{several} {word}")),
        (word, several) => word.or(several),
    }
}

/// How an episode ended, in a word or two.
fn end_word(message: &Message) -> &'static str {
    match message.ended.unwrap_or(EndReason::Recovered) {
        EndReason::Recovered => "resolved",
        EndReason::RuleChanged => "ended: the rule was changed",
        EndReason::RuleRemoved => "ended: the rule was removed",
        EndReason::PeriodEnded => "ended: the budget period is over or the budget was raised",
        EndReason::NoDataOk => "resolved: no more data",
    }
}

/// The message's text; where it is over, what the value is now; where it was evaluated late, that.
pub(super) fn text(message: &Message) -> String {
    let mut text = message.text.clone();
    if let Some(now) = &message.now {
        _ = write!(text, " (now: {now})");
    }
    if message.late {
        text.push_str(" [evaluated late after restart]");
    }
    text
}

/// What is recommended, the guide's four where the rule says nothing.
pub(super) fn recommended(message: &Message) -> Vec<&str> {
    if message.recommended.is_empty() {
        RECOMMENDED.to_vec()
    } else {
        message.recommended.iter().map(String::as_str).collect()
    }
}

/// As JavaScript's `toISOString`: `2025-01-06T09:05:10.000Z`.
pub(super) fn iso_millis(at: UnixMicros) -> String {
    utc(at).to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The moment as a calendar date; the epoch where it lies beyond all calendars.
pub(super) fn utc(at: UnixMicros) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at.0).unwrap_or_default()
}

/// Where a person goes from here: the episode, else the dashboard.
pub(super) fn page(message: &Message) -> &str {
    message.episode_url.as_deref().unwrap_or(&message.dashboard_url)
}

/// At most `limit` characters, the last of them `…` where something was cut.
pub(super) fn cut(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(limit.saturating_sub(1)).collect();
    short.push('…');
    short
}
