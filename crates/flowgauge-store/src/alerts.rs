//! `state.db`, alerting: instances, episodes, transitions, the outbox, silences. What an evaluation
//! changed is one transaction, so that a crash leaves all of it or nothing.

use flowgauge_logic::alert::episode::{Episode, EpisodeId};
use flowgauge_logic::alert::instance::{Instance, InstanceKey};
use flowgauge_logic::alert::notice::Notice;
use flowgauge_logic::alert::rule::Rule;
use flowgauge_logic::call::Text;
use flowgauge_logic::unit::UnixMicros;
use serde::{Deserialize, Serialize};

/// What one evaluation changed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AlertChanges {
    /// The tick up to which everything is evaluated now.
    pub tick: Option<UnixMicros>,
    /// Instances as they stand; nothing = forgotten.
    pub instances: Vec<(InstanceKey, Option<Instance>)>,
    /// Episodes as they stand.
    pub episodes: Vec<Episode>,
    /// What moved.
    pub transitions: Vec<Transition>,
    /// What is to be told.
    pub outbox: Vec<Notice>,
    /// All rules as they are now, where they changed.
    pub rules: Option<Vec<Rule>>,
    /// Scheduled runs that are decided now: (rule, start of the period, told).
    pub runs: Vec<(Text, UnixMicros, bool)>,
}

/// One line of the alert history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transition {
    /// The tick.
    pub at: UnixMicros,
    /// Which instance.
    pub key: InstanceKey,
    /// From which state, as its word.
    pub from: Text,
    /// To which state, as its word.
    pub to: Text,
    /// Of which episode.
    pub episode: Option<EpisodeId>,
    /// Why, in a few words.
    pub why: String,
}

/// What was there at start.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SavedAlerts {
    /// The tick up to which everything was evaluated.
    pub tick: Option<UnixMicros>,
    /// Instances.
    pub instances: Vec<(InstanceKey, Instance)>,
    /// Episodes without an end.
    pub open: Vec<Episode>,
    /// The rules of the last evaluation.
    pub rules: Vec<Rule>,
    /// The last decided run of each scheduled rule: start of its period.
    pub runs: Vec<(Text, UnixMicros)>,
}

/// A row of the outbox and what became of it so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutboxRow {
    /// Number of the row: order of planning.
    pub seq: i64,
    /// What is told, and where.
    pub notice: Notice,
    /// Where it stands.
    pub state: Delivery,
    /// Attempts so far.
    pub attempts: u32,
    /// Not tried before this.
    pub next: UnixMicros,
    /// When it was sent last, whatever came back.
    pub sent: Option<UnixMicros>,
    /// What came back last.
    pub answer: Option<String>,
}

/// Where a row of the outbox stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// Waits for its turn.
    Queued,
    /// Being sent; after a crash it is sent again.
    Sending,
    /// The receiver has it.
    Delivered,
    /// Refused for good, or given up: in the dead letters.
    Dead,
    /// The channel has no address.
    NoRoute,
    /// Merged into a later row, or no longer needed.
    Merged,
}

impl Delivery {
    /// The word used everywhere.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
            Self::NoRoute => "no_route",
            Self::Merged => "merged",
        }
    }
}

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempted {
    /// Where the row stands now.
    pub state: Delivery,
    /// Not tried again before this.
    pub next: UnixMicros,
    /// What came back, shortened.
    pub answer: String,
}
