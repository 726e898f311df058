//! The pace of one channel: a token bucket, a pause its receiver asked for, and how many instances it
//! was told of within the last minute.

use crate::call::Text;
use crate::unit::{Micros, UnixMicros};
use std::collections::{BTreeMap, VecDeque};

/// Over which time instances are counted for the digest.
const MINUTE: Micros = Micros::from_millis(60_000);

/// Lanes by the name of their channel.
pub type Lanes = BTreeMap<Text, Lane>;

/// The pace of one channel.
#[derive(Debug, Clone)]
pub struct Lane {
    /// Messages a second.
    per_second: f64,
    /// Most messages at once after a quiet time.
    burst: f64,
    /// Whether one message may speak for several episodes. Not where the receiver opens an incident,
    /// or keeps a state, per episode.
    together: bool,
    tokens: f64,
    filled: UnixMicros,
    paused_until: Option<UnixMicros>,
    told: VecDeque<(UnixMicros, usize)>,
}

impl Lane {
    /// The lane of a channel of this kind; `per_second` where it is configured.
    #[must_use]
    pub fn of(kind: &str, per_second: Option<f64>) -> Self {
        let (usual, burst) = match kind {
            // Slack: one a second "with short bursts" (alerting 17.1).
            "slack" | "slack_bot" => (1.0, 3.0),
            // Mail servers take a handful at once and grow suspicious of more.
            "email" => (1.0, 5.0),
            // Events API: throttled above about 120 events a minute for one key.
            "pagerduty" => (2.0, 10.0),
            // One's own receivers.
            _ => (10.0, 20.0),
        };
        let wanted = per_second.filter(|rate| rate.is_finite() && *rate > 0.0);
        let per_second = wanted.unwrap_or(usual);
        Self {
            per_second,
            burst,
            together: matches!(kind, "slack" | "slack_bot" | "email"),
            tokens: burst,
            filled: UnixMicros(0),
            paused_until: None,
            told: VecDeque::new(),
        }
    }

    /// Sends nothing before then: the receiver asked for it, or a breaker is open.
    pub fn pause(&mut self, until: UnixMicros) {
        self.paused_until = Some(self.paused_until.map_or(until, |before| before.max(until)));
    }

    /// Sends again: the channel was changed, or a delivery got through.
    pub fn resume(&mut self) {
        self.paused_until = None;
    }

    /// Until when it is paused.
    #[must_use]
    pub fn paused(&self, now: UnixMicros) -> Option<UnixMicros> {
        self.paused_until.filter(|until| *until > now)
    }

    /// Whether one message may speak for several episodes.
    #[must_use]
    pub const fn is_together(&self) -> bool {
        self.together
    }

    /// Takes a token for a message about so many instances; nothing is taken where there is none.
    pub(super) fn take(&mut self, now: UnixMicros, instances: usize) -> bool {
        self.fill(now);
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        self.told.push_back((now, instances));
        true
    }

    /// When there is a token again.
    pub(super) fn free_at(&self, now: UnixMicros) -> UnixMicros {
        let missing = (1.0 - self.tokens).max(0.0);
        let micros = (missing / self.per_second * 1e6).ceil().clamp(1.0, 1e15);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to a positive number far below 2^53"
        )]
        let micros = micros as u64;
        now.after(Micros(micros))
    }

    /// Instances told of within the last minute.
    pub(super) fn told_lately(&mut self, now: UnixMicros) -> usize {
        self.forget(now);
        self.told.iter().map(|(_, instances)| instances).sum()
    }

    fn fill(&mut self, now: UnixMicros) {
        self.forget(now);
        #[expect(clippy::cast_precision_loss, reason = "an approximate pace is enough")]
        let passed = now.since(self.filled).0 as f64 / 1e6;
        self.tokens = (self.tokens + passed * self.per_second).min(self.burst);
        self.filled = self.filled.max(now);
    }

    fn forget(&mut self, now: UnixMicros) {
        while self.told.front().is_some_and(|(at, _)| at.after(MINUTE) <= now) {
            self.told.pop_front();
        }
    }
}
