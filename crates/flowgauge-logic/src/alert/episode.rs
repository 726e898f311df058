//! One firing…resolved arc: everything a person sees hangs off it.

use super::facts::Labels;
use super::law::worse;
use super::rule::{Rule, Severity};
use super::sample::{Evidence, Sample, Verdict};
use crate::call::Text;
use crate::id::CallId;
use crate::unit::UnixMicros;
use serde::{Deserialize, Serialize};

/// Ordered by the time it was minted; a UUID version 7.
pub type EpisodeId = CallId;

/// One episode.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Episode {
    /// Its id.
    pub id: EpisodeId,
    /// The rule's name.
    pub rule: Text,
    /// The label set.
    pub labels: Labels,
    /// How bad, at its worst.
    pub severity: Severity,
    /// First true tick of the arc.
    pub first_true: UnixMicros,
    /// When it fired.
    pub fired: UnixMicros,
    /// When it ended, and why.
    pub ended: Option<(UnixMicros, EndReason)>,
    /// The worst violating value, base unit.
    pub peak: Option<f64>,
    /// Figures of the last violating tick.
    pub last_violation: Evidence,
    /// When that was.
    pub last_violation_at: UnixMicros,
    /// Ticks that violated.
    pub violations: u64,
    /// Evaluated after a restart, later than due.
    pub late: bool,
    /// Who has acknowledged it.
    pub acked: Option<Ack>,
    /// Steps told so far: 1 = fired.
    pub sequence: u32,
    /// When its last notification was planned.
    pub told: Option<UnixMicros>,
    /// What was done about it, newest last.
    pub actions: Vec<Text>,
}

/// An acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// When.
    pub at: UnixMicros,
    /// Who.
    pub by: Text,
    /// What they said.
    pub note: Option<String>,
}

/// Why an episode ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// It was clear for long enough.
    Recovered,
    /// Its rule's condition was changed.
    RuleChanged,
    /// Its rule is gone.
    RuleRemoved,
    /// The budget's period ended, or the budget was raised.
    PeriodEnded,
    /// No data, and the rule says that this is good.
    NoDataOk,
}

impl EndReason {
    /// The word used everywhere.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Recovered => "recovered",
            Self::RuleChanged => "rule_changed",
            Self::RuleRemoved => "rule_removed",
            Self::PeriodEnded => "period_ended",
            Self::NoDataOk => "no_data_ok",
        }
    }
}

/// An episode that begins: its rule fired at `at`, after having been true since `first_true`.
#[must_use]
pub fn open(
    rule: &Rule,
    labels: &Labels,
    evidence: &Evidence,
    (first_true, at): (UnixMicros, UnixMicros),
    id: EpisodeId,
) -> Episode {
    Episode {
        id,
        rule: rule.name.clone(),
        labels: labels.clone(),
        severity: rule.severity,
        first_true,
        fired: at,
        ended: None,
        peak: evidence.value,
        last_violation: evidence.clone(),
        last_violation_at: at,
        violations: 1,
        late: false,
        acked: None,
        sequence: 0,
        told: None,
        actions: Vec::new(),
    }
}

impl Episode {
    /// Takes in a tick after the one it opened at; only a true one says more than there was.
    pub fn update(&mut self, rule: &Rule, sample: &Sample, at: UnixMicros) {
        if sample.verdict != Verdict::True || at <= self.last_violation_at {
            return;
        }
        if let Some(value) = sample.evidence.value.filter(|value| !value.is_nan()) {
            let worse = worse(&rule.condition);
            self.peak = Some(self.peak.map_or(value, |peak| worse.of_two(peak, value)));
        }
        self.last_violation.clone_from(&sample.evidence);
        self.last_violation_at = at;
        self.violations = self.violations.saturating_add(1);
    }

    /// Ends it; an end stays as it was told first.
    pub fn close(&mut self, at: UnixMicros, reason: EndReason) {
        if self.ended.is_none() {
            self.ended = Some((at, reason));
        }
    }
}
