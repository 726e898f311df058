//! What the store counts: hit rate, TTL effectiveness, and what hits saved.

use crate::unit::{NanoUsd, Ratio};
use serde::{Deserialize, Serialize};

/// Sums since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Lookups that found an answer.
    pub hits: u64,
    /// Lookups that did not, those whose answer had expired included.
    pub misses: u64,
    /// Answers kept.
    pub kept: u64,
    /// Answers not kept: too large, or purged meanwhile.
    pub refused: u64,
    /// Entries that reached their end.
    pub expired: u64,
    /// Entries that made room.
    pub evicted: u64,
    /// Entries replaced or purged one by one.
    pub invalidated: u64,
    /// Entries whose answer somebody found wrong; they stay out until their life would have ended.
    #[serde(default)]
    pub disputed: u64,
    /// Entries cleared all together.
    pub cleared: u64,
    /// Time that expired and evicted entries lived, µs.
    pub lived: u64,
    /// Time they could have lived, µs.
    pub could_live: u64,
    /// Expired and evicted entries that were used at least once.
    pub reused: u64,
    /// Sum of the ages at hits, µs.
    pub age_at_hits: u64,
    /// Tokens that hits saved.
    pub saved_tokens: u64,
    /// Known cost that hits saved.
    pub saved_cost: NanoUsd,
    /// Latency of the answers that hits gave again, µs.
    pub saved_latency: u64,
}

impl Counts {
    /// Hits among lookups (K13).
    #[must_use]
    pub fn hit_rate(&self) -> Option<Ratio> {
        Ratio::of(self.hits, self.hits + self.misses)
    }

    /// Time lived of the time that could be lived, over expired and evicted entries (K16).
    #[must_use]
    pub fn ttl_effectiveness(&self) -> Option<Ratio> {
        Ratio::of(self.lived, self.could_live)
    }

    /// Share of expired and evicted entries that were used.
    #[must_use]
    pub fn reuse(&self) -> Option<Ratio> {
        Ratio::of(self.reused, self.expired + self.evicted)
    }
}
