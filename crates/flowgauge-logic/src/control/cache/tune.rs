//! What another life, size or order of eviction would have done: the lookups of late, replayed.
//!
//! Owns the log of lookups, bounded and without any text, and the advice drawn from it. The replay runs the very store
//! that serves, so that it cannot differ from it. Refuses advice from a log that is too short to know.

use super::key::Key;
use super::store::{Eviction, Found, Limits, Store, Tags};
use crate::unit::{Micros, NanoUsd, Ratio, UnixMicros};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};
use std::fmt;

/// Events remembered: 2.5 MB, and at ten lookups a second an hour and a half.
pub const EVENTS: usize = 65_536;
/// Fewest lookups for advice: a hit rate over so many is known to ten points (binomial, 95 %).
const MIN_LOOKUPS: u64 = 100;
/// A log must be so many times longer than a life, or entries that would outlive it are counted as if they ended.
const SPANS: u64 = 2;
/// Lives tried, as multiples of the present one. Longer than four times makes answers stale that nobody asked to keep.
const LIVES: [(u64, u64); 4] = [(1, 3), (1, 1), (2, 1), (4, 1)];
/// The same where staleness is accepted.
const LONG_LIVES: [(u64, u64); 2] = [(8, 1), (24, 1)];
/// Sizes tried, likewise.
const SIZES: [(u64, u64); 4] = [(1, 4), (1, 2), (1, 1), (2, 1)];
/// What saves this part of the most that any would is as good: beyond it lies noise.
const GOOD_ENOUGH: f64 = 0.98;
/// Smallest gain in saved tokens that is worth a change.
const WORTH: f64 = 1.05;

/// One event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    /// A request was looked up.
    Look { key: u64, at: UnixMicros },
    /// An answer was kept.
    Kept { key: u64, bytes: u64, tokens: u64, cost: Option<NanoUsd> },
}

/// Lookups of late: keys as 64 bits, times and sizes.
#[derive(Debug, Clone, Default)]
pub struct AccessLog {
    events: VecDeque<Event>,
}

/// What bounds would have done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The bounds.
    pub limits: Limits,
    /// Lookups replayed.
    pub lookups: u64,
    /// Of those, answered.
    pub hits: u64,
    /// Their share; nothing without lookups.
    pub hit_rate: Option<Ratio>,
    /// Tokens not asked for again.
    pub saved_tokens: u64,
    /// What they would have cost, where known.
    pub saved_cost: NanoUsd,
    /// Most bytes held at once.
    pub most_bytes: u64,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "advice")]
pub enum Advice {
    /// Nothing can be said yet.
    TooLittle {
        /// Why.
        reason: String,
    },
    /// It is good as it is.
    Keep {
        /// Why.
        reason: String,
    },
    /// Other bounds are better.
    Change {
        /// Which.
        limits: Limits,
        /// Why.
        reason: String,
    },
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLittle { reason } => write!(f, "too little to say: {reason}"),
            Self::Keep { reason } => write!(f, "keep it: {reason}"),
            Self::Change { limits, reason } => write!(f, "{limits}: {reason}"),
        }
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ttl, max_entries, max_bytes, eviction } = self;
        let order = format!("{eviction:?}").to_lowercase();
        let (seconds, megabytes) = (ttl.0 / 1_000_000, max_bytes >> 20);
        write!(f, "{seconds} s, {max_entries} entries, {megabytes} MB, {order}")
    }
}

/// A replay of all candidates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tuning {
    /// From the first lookup to the last.
    pub span: Micros,
    /// What the bounds in force would have done.
    pub present: Outcome,
    /// What others would have.
    pub candidates: Vec<Outcome>,
    /// What to do.
    pub advice: Advice,
}

impl AccessLog {
    /// A request was looked up.
    pub fn look(&mut self, key: &Key, at: UnixMicros) {
        self.push(Event::Look { key: short(key), at });
    }

    /// An answer was kept; `bytes` is its size in memory.
    pub fn kept(&mut self, key: &Key, bytes: u64, tags: &Tags) {
        let Tags { tokens, cost, .. } = *tags;
        self.push(Event::Kept { key: short(key), bytes, tokens, cost });
    }

    /// Events held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    fn push(&mut self, event: Event) {
        if self.events.len() >= EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// What bounds would have done, from an empty store on.
    #[must_use]
    pub fn replay(&self, limits: Limits) -> Outcome {
        let answers = self.answers();
        let mut store = Store::new(limits);
        let mut outcome = Outcome {
            limits,
            lookups: 0,
            hits: 0,
            hit_rate: None,
            saved_tokens: 0,
            saved_cost: NanoUsd(0),
            most_bytes: 0,
        };
        for event in &self.events {
            let Event::Look { key, at } = event else { continue };
            outcome.lookups += 1;
            let ticket = match store.get(&long(*key), *at) {
                Found::Hit { .. } => {
                    outcome.hits += 1;
                    continue;
                }
                Found::Miss(ticket) => ticket,
            };
            // What was never kept may not be: an error, tools, an answer cut short.
            if let Some((bytes, tags)) = answers.get(key) {
                store.put(ticket, long(*key), (), tags.clone(), *bytes, *at);
                outcome.most_bytes = outcome.most_bytes.max(store.bytes());
            }
        }
        let counts = store.counts();
        outcome.saved_tokens = counts.saved_tokens;
        outcome.saved_cost = counts.saved_cost;
        outcome.hit_rate = Ratio::of(outcome.hits, outcome.lookups);
        outcome
    }

    /// Replays what could be set instead, and says what to do. `aggressive` also tries lives of up to a day.
    #[must_use]
    pub fn tune(&self, present: Limits, aggressive: bool) -> Tuning {
        let span = self.span();
        let now = self.replay(present);
        let mut candidates: Vec<Outcome> = candidates(present, aggressive)
            .into_iter()
            .filter(|c| c.ttl.0.saturating_mul(SPANS) <= span.0)
            .map(|limits| self.replay(limits))
            .collect();
        candidates.sort_by(|a, b| b.saved_tokens.cmp(&a.saved_tokens).then(cheaper(a, b)));
        let advice = advise(span, &now, &candidates);
        Tuning { span, present: now, candidates, advice }
    }

    fn span(&self) -> Micros {
        let mut times = self.events.iter().filter_map(|e| match e {
            Event::Look { at, .. } => Some(*at),
            Event::Kept { .. } => None,
        });
        let first = times.next();
        let last = times.next_back().or(first);
        match (first, last) {
            (Some(first), Some(last)) => last.since(first),
            _ => Micros(0),
        }
    }

    /// What each key's answer was when it was kept last.
    fn answers(&self) -> HashMap<u64, (u64, Tags)> {
        let kept = self.events.iter().filter_map(|event| match *event {
            Event::Kept { key, bytes, tokens, cost } => {
                Some((key, (bytes, Tags { tokens, cost, ..Tags::default() })))
            }
            Event::Look { .. } => None,
        });
        kept.collect()
    }
}

/// Bounds that could be set instead of the present ones.
fn candidates(present: Limits, aggressive: bool) -> Vec<Limits> {
    let mut lives: Vec<(u64, u64)> = LIVES.to_vec();
    if aggressive {
        lives.extend(LONG_LIVES);
    }
    let scale = |value: u64, (times, by): (u64, u64)| (value.saturating_mul(times) / by).max(1);
    let mut out = Vec::new();
    for life in lives {
        for size in SIZES {
            for eviction in [Eviction::Lru, Eviction::Lfu] {
                let entries = scale(present.max_entries as u64, size);
                out.push(Limits {
                    ttl: Micros(scale(present.ttl.0, life)),
                    max_bytes: scale(present.max_bytes, size),
                    max_entries: usize::try_from(entries).unwrap_or(usize::MAX),
                    eviction,
                });
            }
        }
    }
    out.retain(|limits| *limits != present);
    out
}

/// Shorter lives, then less memory: what is as good and costs less comes first.
fn cheaper(a: &Outcome, b: &Outcome) -> std::cmp::Ordering {
    let cost = |o: &Outcome| (o.limits.ttl, o.limits.max_bytes, o.limits.eviction != Eviction::Lru);
    cost(a).cmp(&cost(b))
}

fn advise(span: Micros, now: &Outcome, candidates: &[Outcome]) -> Advice {
    if now.lookups < MIN_LOOKUPS {
        let reason = format!("{} lookups; {MIN_LOOKUPS} are needed", now.lookups);
        return Advice::TooLittle { reason };
    }
    let Some(most) = candidates.iter().map(|c| c.saved_tokens).max() else {
        let minutes = span.0 / 60_000_000;
        let reason = format!("{minutes} min of lookups, which is less than twice any life to try");
        return Advice::TooLittle { reason };
    };
    let enough = |c: &&Outcome| as_float(c.saved_tokens) >= GOOD_ENOUGH * as_float(most);
    let best = candidates.iter().filter(enough).min_by(|a, b| cheaper(a, b));
    match best {
        Some(best)
            if as_float(best.saved_tokens) >= WORTH * as_float(now.saved_tokens) && most > 0 =>
        {
            let reason = format!(
                "it would have saved {} tokens instead of {}, {} of {} lookups answered instead of {}",
                best.saved_tokens, now.saved_tokens, best.hits, best.lookups, now.hits
            );
            Advice::Change { limits: best.limits, reason }
        }
        _ => {
            let reason = format!(
                "nothing tried would have saved 5 % more than its {} tokens",
                now.saved_tokens
            );
            Advice::Keep { reason }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "tokens of an hour are far below 2^53")]
const fn as_float(n: u64) -> f64 {
    n as f64
}

/// A key's first 64 bits. Two that fall together among 65,536 would spoil one line of a replay in 2^32.
fn short(key: &Key) -> u64 {
    key.0.iter().take(8).fold(0, |n, byte| (n << 8) | u64::from(*byte))
}

fn long(key: u64) -> Key {
    let mut bytes = [0; 32];
    bytes.iter_mut().zip(key.to_be_bytes()).for_each(|(place, byte)| *place = byte);
    Key(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KB: u64 = 1_024;

    fn key(n: u64) -> Key {
        long(n)
    }

    fn tags() -> Tags {
        Tags { tokens: 100, cost: Some(NanoUsd(7)), ..Tags::default() }
    }

    fn at(seconds: u64) -> UnixMicros {
        UnixMicros(i64::try_from(seconds * 1_000_000).unwrap())
    }

    fn limits(ttl_s: u64, entries: usize) -> Limits {
        Limits { ttl: Micros(ttl_s * 1_000_000), max_entries: entries, ..Limits::default() }
    }

    /// Every question is asked again after `every` seconds.
    fn repeating(questions: u64, every: u64, rounds: u64) -> AccessLog {
        let mut log = AccessLog::default();
        for round in 0..rounds {
            for n in 0..questions {
                log.look(&key(n), at(round * every + n));
                log.kept(&key(n), KB, &tags());
            }
        }
        log
    }

    #[test]
    fn a_life_shorter_than_the_repeat_hits_nothing_and_a_longer_one_all() {
        let log = repeating(50, 600, 10);
        let short = log.replay(limits(300, 1_000));
        assert_eq!((short.lookups, short.hits, short.saved_tokens), (500, 0, 0));
        let long = log.replay(limits(6_000, 1_000));
        assert_eq!((long.hits, long.saved_tokens, long.saved_cost), (450, 45_000, NanoUsd(3_150)));
    }

    #[test]
    fn what_was_never_kept_is_never_answered() {
        let mut log = AccessLog::default();
        for n in 0..10 {
            log.look(&key(1), at(n));
        }
        assert_eq!(log.replay(limits(900, 10)).hits, 0);
    }

    #[test]
    fn a_longer_life_is_advised_where_questions_come_back_later() {
        let log = repeating(50, 600, 10);
        let tuning = log.tune(limits(300, 1_000), false);
        let Advice::Change { limits, reason } = &tuning.advice else {
            panic!("{:?}", tuning.advice)
        };
        assert_eq!(limits.ttl, Micros(1_200_000_000), "{reason}");
        // Only as much memory as it takes: a quarter of 1,000 entries holds 50.
        assert_eq!(limits.max_entries, 250);
    }

    #[test]
    fn nothing_is_advised_from_too_little_or_where_nothing_is_won() {
        let few = repeating(5, 600, 3).tune(limits(300, 1_000), false);
        assert!(matches!(few.advice, Advice::TooLittle { .. }), "{:?}", few.advice);
        let brief = repeating(200, 1, 2).tune(limits(900, 1_000), false);
        assert!(matches!(brief.advice, Advice::TooLittle { .. }), "{:?}", brief.advice);
        let good = repeating(50, 60, 100).tune(limits(900, 1_000), false);
        assert!(matches!(good.advice, Advice::Keep { .. }), "{:?}", good.advice);
    }

    #[test]
    fn lives_beyond_four_times_are_tried_only_when_asked_for() {
        let log = repeating(50, 3_000, 10);
        let careful = log.tune(limits(300, 1_000), false);
        assert!(matches!(careful.advice, Advice::Keep { .. }), "{:?}", careful.advice);
        let bold = log.tune(limits(300, 1_000), true);
        let Advice::Change { limits, .. } = bold.advice else { panic!("{:?}", bold.advice) };
        assert_eq!(limits.ttl, Micros(7_200_000_000));
    }

    #[test]
    fn the_log_holds_so_many_events_and_forgets_the_oldest() {
        let mut log = AccessLog::default();
        for n in 0..(EVENTS as u64 + 10) {
            log.look(&key(n), at(n));
        }
        assert_eq!((log.len(), log.is_empty()), (EVENTS, false));
        assert_eq!(log.span(), Micros((EVENTS as u64 - 1) * 1_000_000));
    }

    proptest! {
        #[test]
        fn hits_never_exceed_repeats_and_equal_replays_agree(
            looks in prop::collection::vec((0u64..20, 0u64..5_000), 1..200),
            ttl in 1u64..5_000,
            entries in 1usize..30,
        ) {
            let mut log = AccessLog::default();
            let mut looks = looks;
            looks.sort_by_key(|(_, second)| *second);
            for (n, second) in &looks {
                log.look(&key(*n), at(*second));
                log.kept(&key(*n), KB, &tags());
            }
            let distinct: std::collections::BTreeSet<_> = looks.iter().map(|(n, _)| n).collect();
            let outcome = log.replay(limits(ttl, entries));
            prop_assert!(outcome.hits <= (looks.len() - distinct.len()) as u64);
            prop_assert_eq!(&outcome, &log.replay(limits(ttl, entries)));
        }
    }
}
