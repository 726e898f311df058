//! What is to be told after a tick: which step of which episode, to which channels, not before when.
//!
//! Owns the order of an episode's steps (fired, escalated, repeat, acknowledged, resolved), what is
//! withheld and told later, and the pace within a group. Refuses to send, and to decide what fires.

use super::episode::{Episode, EpisodeId};
use super::facts::Mechanism;
use super::inhibit;
use super::instance::{Instance, InstanceKey};
use super::notice::{Kind, Message, Notice};
use super::rule::{ActiveTime, Rule};
use super::silence::{self, Covering};
use crate::call::Text;
use crate::unit::UnixMicros;
use chrono_tz::Tz;

mod event;
mod message;
mod pace;
mod steps;

#[cfg(test)]
pub(super) mod tests;

pub use event::{changed, drill, meta_labels, meta_rule, of_job, scheduled};
pub use message::fingerprint;
pub use pace::{Pace, group, horizon};

/// What messages say about this installation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Name of the application in titles.
    pub application: Text,
    /// Environment in keys of receivers.
    pub environment: Text,
    /// "View Dashboard" in messages.
    pub dashboard_url: String,
    /// Where people reach this flowgauge; without it messages have no links to it.
    pub public_url: Option<String>,
    /// Every channel and what is at its other end.
    pub channels: Vec<ChannelKind>,
}

/// A channel, as far as planning depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelKind {
    /// The name rules use.
    pub name: Text,
    /// The word of its kind, `pagerduty`.
    pub kind: Text,
}

/// Whether a rule may notify at a moment.
pub type MayNotify<'a> = dyn Fn(&[ActiveTime], UnixMicros, Tz) -> bool + 'a;

/// Everything around the episodes at one tick.
pub struct Scene<'a> {
    /// The tick.
    pub now: UnixMicros,
    /// Zone of active times without their own.
    pub zone: Tz,
    /// This tick is evaluated later than due, after a restart.
    pub late: bool,
    /// Silences that can be read, whatever their state.
    pub silences: &'a [Covering],
    /// Whether a mechanism is off.
    pub off: &'a dyn Fn(Mechanism) -> bool,
    /// When the response cache was cleared last.
    pub cache_cleared: Option<UnixMicros>,
    /// Whether a rule with such active times may notify now.
    pub may_notify: &'a MayNotify<'a>,
    /// What messages say about this installation.
    pub settings: &'a Settings,
    /// Signed address that acknowledges an episode.
    pub ack_link: &'a dyn Fn(EpisodeId) -> Option<String>,
}

/// An episode that is open, or that ended at this tick.
#[derive(Debug)]
pub struct Entry<'a> {
    /// Its rule; the one it was opened under where that is gone.
    pub rule: &'a Rule,
    /// How its instance stands; nothing where that is gone.
    pub instance: Option<&'a Instance>,
    /// The episode.
    pub episode: &'a mut Episode,
}

/// What is to be told, and what is not.
#[derive(Debug, Default, PartialEq)]
pub struct Planned {
    /// Rows for the outbox.
    pub notices: Vec<Notice>,
    /// Open episodes that are withheld now.
    pub withheld: Vec<Withheld>,
    /// Episodes that planning changed, to be stored with the notices.
    pub changed: Vec<EpisodeId>,
}

/// An open episode that is not told about now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withheld {
    /// The instance.
    pub key: InstanceKey,
    /// Its episode.
    pub episode: EpisodeId,
    /// Ids of silences that cover it.
    pub silenced_by: Vec<String>,
    /// Rules and mechanisms that inhibit it.
    pub inhibited_by: Vec<String>,
    /// It is outside its rule's active times.
    pub inactive_hours: bool,
}

impl std::fmt::Debug for Scene<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scene").field("now", &self.now).field("late", &self.late).finish()
    }
}

/// Plans one tick. `pace` is remembered from tick to tick.
///
/// Episodes are changed where something is told of them: their sequence, when they were told last,
/// their severity. What is withheld is told at the first tick at which it no longer is.
pub fn plan(scene: &Scene<'_>, entries: &mut [Entry<'_>], pace: &mut Pace) -> Planned {
    let mut planned = Planned::default();
    if entries.is_empty() {
        return planned;
    }
    let inhibited = inhibit::inhibited(scene, entries);
    for (entry, inhibited_by) in entries.iter_mut().zip(inhibited) {
        let withheld = withheld(scene, entry, inhibited_by);
        let before = entry.episode.sequence;
        steps::take(scene, entry, withheld.is_some(), pace, &mut planned.notices);
        if entry.episode.sequence != before {
            planned.changed.push(entry.episode.id);
        }
        planned.withheld.extend(withheld);
    }
    pace.forget(scene.now);
    planned
}

/// What keeps an open episode from being told about.
fn withheld(scene: &Scene<'_>, entry: &Entry<'_>, inhibited_by: Vec<String>) -> Option<Withheld> {
    let (rule, episode) = (entry.rule, &*entry.episode);
    if episode.ended.is_some() {
        return None;
    }
    let labels = silence::alert_labels(rule, &episode.labels);
    let silenced_by = silence::covering(scene.silences, &labels, scene.now);
    let may_notify = rule.active_times.is_empty()
        || (scene.may_notify)(&rule.active_times, scene.now, scene.zone);
    if silenced_by.is_empty() && inhibited_by.is_empty() && may_notify {
        return None;
    }
    let key = InstanceKey { rule: episode.rule.clone(), labels: episode.labels.clone() };
    let inactive_hours = !may_notify;
    Some(Withheld { key, episode: episode.id, silenced_by, inhibited_by, inactive_hours })
}

/// One row for every channel of a rule.
fn to_channels<'a>(
    channels: impl IntoIterator<Item = &'a Text>,
    row: &Row<'_>,
    message: &Message,
) -> Vec<Notice> {
    let expires = row.due.after(horizon(message.kind, message.severity));
    let notice = |channel: &Text| Notice {
        episode: row.episode,
        sequence: row.sequence,
        channel: channel.clone(),
        group: row.group.clone(),
        due: row.due,
        expires,
        message: message.clone(),
    };
    channels.into_iter().map(notice).collect()
}

/// What rows of one step have in common.
struct Row<'a> {
    episode: EpisodeId,
    sequence: u32,
    group: &'a Text,
    due: UnixMicros,
}

/// Whether a channel forwards acknowledgements to its receiver.
fn forwards_acks(scene: &Scene<'_>, channel: &Text) -> bool {
    scene.settings.channels.iter().any(|c| c.name == *channel && c.kind == "pagerduty")
}

/// Whether a kind is about an alert that somebody may have to act on.
const fn is_alert(kind: Kind) -> bool {
    !matches!(kind, Kind::Scheduled | Kind::Drill | Kind::Change | Kind::Heartbeat)
}
