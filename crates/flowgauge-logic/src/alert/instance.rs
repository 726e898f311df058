//! One instance: a rule and a label set, and where its state machine stands.

use super::episode::EpisodeId;
use super::facts::Labels;
use super::sample::{Evidence, Why};
use crate::call::Text;
use crate::unit::{Micros, UnixMicros};
use serde::{Deserialize, Serialize};

/// Which instance: the rule and its label set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InstanceKey {
    /// The rule's name.
    pub rule: Text,
    /// Sorted by name.
    pub labels: Labels,
}

/// Where an instance stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    /// The state.
    pub state: State,
    /// The tick that moved it last.
    pub since: UnixMicros,
    /// The tick it was evaluated at last.
    pub evaluated: UnixMicros,
    /// Why it is not known, where the last evaluation was unknown.
    pub unknown: Option<Why>,
    /// The last failure to evaluate, and how many in a row.
    pub failed: Option<(String, u32)>,
    /// Ticks of the last `n` that were true, newest in bit 0, for `(k of n)`.
    pub recent: u64,
    /// The open episode.
    pub episode: Option<EpisodeId>,
    /// The last figures.
    pub evidence: Evidence,
    /// Since when it has been firing without data.
    pub held_since: Option<UnixMicros>,
    /// `flowgauge_no_data` or `flowgauge_rule_error` was raised for it.
    pub raised: bool,
}

impl Instance {
    /// One that was never evaluated, seen first at this tick.
    #[must_use]
    pub fn new(at: UnixMicros) -> Self {
        Self {
            state: State::Unknown,
            since: at,
            evaluated: at,
            unknown: None,
            failed: None,
            recent: 0,
            episode: None,
            evidence: Evidence::default(),
            held_since: None,
            raised: false,
        }
    }
}

/// A state, with what its clock needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Never known.
    Unknown,
    /// Not true.
    Inactive,
    /// True, but not yet for long enough.
    Pending {
        /// Credited so far: time that was not known does not count.
        elapsed: Micros,
    },
    /// True for long enough.
    Firing,
    /// Clear, but not yet for long enough.
    Recovering {
        /// Credited so far.
        elapsed: Micros,
    },
}

impl State {
    /// The word used everywhere.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Inactive => "inactive",
            Self::Pending { .. } => "pending",
            Self::Firing => "firing",
            Self::Recovering { .. } => "recovering",
        }
    }

    /// Whether an episode is open.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Firing | Self::Recovering { .. })
    }
}
