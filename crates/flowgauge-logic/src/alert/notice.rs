//! What is told: one row of the outbox, and the message in it, before any channel's own layout.

use super::episode::{EndReason, EpisodeId};
use super::facts::Labels;
use super::rule::Severity;
use crate::call::Text;
use crate::unit::UnixMicros;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A row of the outbox, unique by episode, sequence and channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// What it belongs to; a schedule, drill or digest has an episode id of its own.
    pub episode: EpisodeId,
    /// Step of the episode: 0 = fired.
    pub sequence: u32,
    /// The channel.
    pub channel: Text,
    /// Order is kept within one channel and group.
    pub group: Text,
    /// Not before this.
    pub due: UnixMicros,
    /// Given up after this.
    pub expires: UnixMicros,
    /// What is told.
    pub message: Message,
}

impl Notice {
    /// Stable over retries and restarts; what receivers deduplicate by where the episode is not
    /// enough.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}.{}", self.episode, self.sequence)
    }
}

/// Which step of an episode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It fired.
    Fired,
    /// Its severity was raised.
    Escalated,
    /// It is still firing.
    Repeat,
    /// Somebody acknowledged it.
    Acknowledged,
    /// It is over.
    Resolved,
    /// It fired and was over before the message could be delivered.
    FiredAndResolved,
    /// An event of a schedule.
    Scheduled,
    /// Many at once.
    Digest,
    /// A marked test message.
    Drill,
    /// A change of configuration, a rollback: no alert.
    Change,
    /// flowgauge is alive.
    Heartbeat,
}

/// A message, rendered texts and the figures behind them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Which step.
    pub kind: Kind,
    /// Name of the application in titles, `FlowReader`.
    pub application: Text,
    /// Environment of this flowgauge, `prod`.
    pub environment: Text,
    /// The rule's name.
    pub rule: Text,
    /// How bad.
    pub severity: Severity,
    /// The rule's `message` with its variables filled in, not escaped.
    pub text: String,
    /// The value with its unit, `2612ms`; of the last violating tick once it is over.
    pub value: String,
    /// The threshold with its unit, `2500ms`.
    pub threshold: String,
    /// The value now, where it is over.
    pub now: Option<String>,
    /// Value and threshold as numbers at the edge, and their unit, for machines.
    pub figures: Option<Figures>,
    /// The metric's name; empty where a rule has none.
    pub metric: Text,
    /// The condition as text.
    pub condition: String,
    /// Label set and the rule's labels.
    pub labels: Labels,
    /// Texts for people.
    pub annotations: BTreeMap<Text, String>,
    /// When it fired.
    pub started: UnixMicros,
    /// What this message is about happened at.
    pub at: UnixMicros,
    /// Why it is over.
    pub ended: Option<EndReason>,
    /// Samples in the window.
    pub n: u64,
    /// How many were beyond the threshold.
    pub exceed: Option<u64>,
    /// The decision in words.
    pub sentence: Option<String>,
    /// What to do.
    pub runbook: Option<String>,
    /// Recommended actions, in order.
    pub recommended: Vec<String>,
    /// Page of the episode.
    pub episode_url: Option<String>,
    /// Signed address that acknowledges.
    pub ack_url: Option<String>,
    /// The dashboard.
    pub dashboard_url: String,
    /// Evaluated later than due, after a restart.
    pub late: bool,
    /// Lines of a digest, one per episode; several alerts of one group.
    pub items: Vec<Item>,
    /// Hash of rule and labels, for keys of receivers.
    pub fingerprint: Text,
}

/// Figures at the edge units.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// The value.
    pub value: Option<f64>,
    /// The threshold.
    pub threshold: Option<f64>,
    /// Their unit, `ms`.
    pub unit: Text,
}

/// One alert of several in a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// The rule's name.
    pub rule: Text,
    /// How bad.
    pub severity: Severity,
    /// The label set.
    pub labels: Labels,
    /// The rendered text.
    pub text: String,
    /// Its value.
    pub value: String,
    /// Whether it is over.
    pub resolved: bool,
}
