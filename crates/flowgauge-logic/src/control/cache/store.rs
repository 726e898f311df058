//! Answers in memory, bounded in bytes and entries, each with an end.
//!
//! Owns eviction (LRU, LFU, FIFO), expiry, purging with a generation (a late writer cannot put back what was
//! cleared), and the counts behind hit rate and TTL effectiveness. Refuses chance and clocks: equal calls in equal
//! order leave equal contents.

mod counts;
mod dispute;
mod purge;

#[cfg(test)]
mod tests;

pub use counts::Counts;
use dispute::Disputed;
pub use purge::Purge;

use super::key::Key;
use crate::call::{Protocol, Text};
use crate::unit::{Micros, NanoUsd, Ratio, UnixMicros};
use crate::wire::Observed;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};

/// Life of an answer: the application's own (catalogue E.2).
pub const TTL: Micros = Micros::from_millis(900_000);
/// Bytes held: the application's own limit, 100 MB (catalogue E.2).
const MAX_BYTES: u64 = 100 << 20;
/// Entries held: 100 MB at 5 KB each (catalogue E.2).
const MAX_ENTRIES: usize = 20_480;
/// What an entry costs beside its answer: key, tags and three index nodes.
const OVERHEAD: u64 = 256;
/// An answer may take this part of the whole at most, so that one does not push out a thousand.
const LARGEST_PART: u64 = 16;

/// Which entry goes first when there is no room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Eviction {
    /// The one unused for longest.
    #[default]
    Lru,
    /// The one used least often; among equals the one unused for longest.
    Lfu,
    /// The oldest.
    Fifo,
}

/// Bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of all entries.
    pub max_bytes: u64,
    /// Number of entries.
    pub max_entries: usize,
    /// Life of an entry.
    pub ttl: Micros,
    /// Who goes first.
    pub eviction: Eviction,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_bytes: MAX_BYTES, max_entries: MAX_ENTRIES, ttl: TTL, eviction: Eviction::Lru }
    }
}

/// What an entry can be found and purged by, and what a hit on it saves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags {
    /// Tenant it belongs to.
    pub tenant: Option<Text>,
    /// Model that answered.
    pub model: Option<Text>,
    /// Purpose.
    pub intent: Option<Text>,
    /// Endpoint.
    pub route: Option<Text>,
    /// Tokens the answer took.
    pub tokens: u64,
    /// What it cost, where known.
    pub cost: Option<NanoUsd>,
    /// How long it took.
    pub latency: Micros,
}

/// A permission to write, taken at the lookup that missed. It is void once its part of the cache was purged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket(u64);

/// What a lookup found.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<'a, V> {
    /// An answer.
    Hit {
        /// The answer.
        value: &'a V,
        /// What is known of it.
        tags: &'a Tags,
        /// How old it is.
        age: Micros,
    },
    /// None; whoever gets one may put it here.
    Miss(Ticket),
}

/// What happened to an answer that was to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Put {
    /// It is kept.
    Kept,
    /// It would take too large a part of the whole.
    TooLarge,
    /// The cache was purged since its request was looked up.
    Purged,
    /// Somebody found the answer to this request wrong, not long ago.
    Disputed,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    tags: Tags,
    bytes: u64,
    begun: UnixMicros,
    ends: UnixMicros,
    hits: u64,
    /// Eviction takes the entry with the lowest rank.
    rank: Rank,
}

/// Uses that count, then the turn of the last touch that counts.
type Rank = (u64, u64);

/// A bounded store of answers.
#[derive(Debug)]
pub struct Store<V> {
    limits: Limits,
    entries: HashMap<Key, Entry<V>>,
    order: BTreeSet<(Rank, Key)>,
    ends: BTreeSet<(UnixMicros, Key)>,
    bytes: u64,
    turn: u64,
    generation: u64,
    counts: Counts,
    disputed: Disputed,
}

/// Whether an answer may be kept: whole, without error, and ended by itself. One that was cut short, filtered or asks
/// for a tool is never served again.
#[must_use]
pub fn is_keepable(protocol: Protocol, status: u16, observed: &Observed) -> bool {
    const BY_ITSELF: [&str; 4] = ["stop", "end_turn", "stop_sequence", "completed"];
    let ended = match observed.finish_reason.as_deref() {
        Some(reason) => BY_ITSELF.contains(&reason),
        // These have no reason to name.
        None => matches!(protocol, Protocol::Embeddings | Protocol::FlowReader),
    };
    status == 200 && observed.complete && observed.error.is_none() && ended && !observed.cached
}

impl<V> Store<V> {
    /// An empty store.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            entries: HashMap::new(),
            order: BTreeSet::new(),
            ends: BTreeSet::new(),
            bytes: 0,
            turn: 0,
            generation: 0,
            counts: Counts::default(),
            disputed: Disputed::default(),
        }
    }

    /// Looks a request up.
    pub fn get(&mut self, key: &Key, now: UnixMicros) -> Found<'_, V> {
        if self.entries.get(key).is_some_and(|e| e.ends <= now) {
            self.remove(key, now, Removal::Expired);
        }
        self.turn += 1;
        let Some(entry) = self.entries.get_mut(key) else {
            self.counts.misses += 1;
            return Found::Miss(Ticket(self.generation));
        };
        entry.hits += 1;
        let rank = match self.limits.eviction {
            Eviction::Lru => (0, self.turn),
            Eviction::Lfu => (entry.hits, self.turn),
            Eviction::Fifo => entry.rank,
        };
        if rank != entry.rank {
            self.order.remove(&(entry.rank, *key));
            self.order.insert((rank, *key));
            entry.rank = rank;
        }
        let age = now.since(entry.begun);
        let counts = &mut self.counts;
        counts.hits += 1;
        counts.age_at_hits = counts.age_at_hits.saturating_add(age.0);
        counts.saved_tokens = counts.saved_tokens.saturating_add(entry.tags.tokens);
        counts.saved_latency = counts.saved_latency.saturating_add(entry.tags.latency.0);
        if let Some(cost) = entry.tags.cost {
            counts.saved_cost = counts.saved_cost.saturating_add(cost);
        }
        Found::Hit { value: &entry.value, tags: &entry.tags, age }
    }

    /// A permission to write, for one who does not look.
    #[must_use]
    pub const fn ticket(&self) -> Ticket {
        Ticket(self.generation)
    }

    /// Whether there is an answer, without counting as a use.
    #[must_use]
    pub fn holds(&self, key: &Key, now: UnixMicros) -> bool {
        self.entries.get(key).is_some_and(|e| e.ends > now)
    }

    /// Keeps an answer whose lookup gave `ticket`; `bytes` is its size in memory. An older answer makes way.
    pub fn put(
        &mut self,
        ticket: Ticket,
        key: Key,
        value: V,
        tags: Tags,
        bytes: u64,
        now: UnixMicros,
    ) -> Put {
        self.put_since(ticket, key, value, tags, bytes, (now, now))
    }

    /// Keeps an answer that was made before now: it ends when it would have ended had it been kept then.
    pub fn put_since(
        &mut self,
        ticket: Ticket,
        key: Key,
        value: V,
        tags: Tags,
        bytes: u64,
        (begun, now): (UnixMicros, UnixMicros),
    ) -> Put {
        let bytes = bytes.saturating_add(OVERHEAD);
        let refused = if ticket.0 != self.generation {
            Some(Put::Purged)
        } else if self.disputed.holds(&key, now) {
            Some(Put::Disputed)
        } else if bytes > self.limits.max_bytes / LARGEST_PART || self.limits.max_entries == 0 {
            Some(Put::TooLarge)
        } else {
            None
        };
        if let Some(refused) = refused {
            self.counts.refused += 1;
            return refused;
        }
        self.remove(&key, now, Removal::Invalidated);
        self.sweep(now);
        self.make_room(bytes, now);
        self.turn += 1;
        let (rank, ends) = ((0, self.turn), begun.after(self.limits.ttl));
        self.order.insert((rank, key));
        self.ends.insert((ends, key));
        self.bytes += bytes;
        self.counts.kept += 1;
        self.entries.insert(key, Entry { value, tags, bytes, begun, ends, hits: 0, rank });
        Put::Kept
    }

    fn make_room(&mut self, bytes: u64, now: UnixMicros) {
        while self.bytes.saturating_add(bytes) > self.limits.max_bytes
            || self.entries.len() >= self.limits.max_entries
        {
            let Some((_, key)) = self.order.first().copied() else { break };
            self.remove(&key, now, Removal::Evicted);
        }
    }

    /// Removes what has expired; how many.
    pub fn sweep(&mut self, now: UnixMicros) -> u64 {
        let mut gone = 0;
        while let Some((ends, key)) = self.ends.first().copied()
            && ends <= now
        {
            self.remove(&key, now, Removal::Expired);
            gone += 1;
        }
        gone
    }

    /// Bytes held.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Entries held, expired ones that nobody asked for included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes held of those there are (K15).
    #[must_use]
    pub fn fullness(&self) -> Option<Ratio> {
        Ratio::of(self.bytes, self.limits.max_bytes)
    }

    /// Sums since the start.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Takes other bounds; what no longer fits goes now. Entries keep the end they have.
    pub fn bound(&mut self, limits: Limits, now: UnixMicros) {
        self.limits = limits;
        self.sweep(now);
        while self.bytes > limits.max_bytes || self.entries.len() > limits.max_entries {
            let Some((_, key)) = self.order.first().copied() else { break };
            self.remove(&key, now, Removal::Evicted);
        }
    }

    fn remove(&mut self, key: &Key, now: UnixMicros, why: Removal) -> Option<Entry<V>> {
        let entry = self.entries.remove(key)?;
        self.order.remove(&(entry.rank, *key));
        self.ends.remove(&(entry.ends, *key));
        self.bytes -= entry.bytes;
        let counts = &mut self.counts;
        let could = entry.ends.since(entry.begun).0;
        let lived = match why {
            Removal::Expired => {
                counts.expired += 1;
                could
            }
            Removal::Evicted => {
                counts.evicted += 1;
                now.since(entry.begun).0.min(could)
            }
            Removal::Invalidated => {
                counts.invalidated += 1;
                return Some(entry);
            }
            Removal::Cleared => {
                counts.cleared += 1;
                return Some(entry);
            }
        };
        counts.lived = counts.lived.saturating_add(lived);
        counts.could_live = counts.could_live.saturating_add(could);
        counts.reused += u64::from(entry.hits > 0);
        Some(entry)
    }
}

/// Why an entry went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Removal {
    Expired,
    Evicted,
    Invalidated,
    Cleared,
}
