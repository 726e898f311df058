//! How much of a conversation a provider's prompt cache was last seen to hold.
//!
//! Owns the memory of it, by conversation and model. Refuses to guess: without a look at a usage there is nothing to lose.

use crate::logic::unit::{Micros, UnixMicros};
use parking_lot::Mutex;
use std::collections::HashMap;

/// Providers keep a prefix for five minutes after its last use.
const LIFE: Micros = Micros::from_millis(5 * 60_000);
/// Conversations remembered; when it is full those that ended are let go, and if there are none, all.
const MAX: usize = 50_000;

/// What prompt caches hold.
#[derive(Debug, Default)]
pub struct Prefixes(Mutex<HashMap<u64, (u64, UnixMicros)>>);

impl Prefixes {
    /// A call of a conversation read and wrote so many tokens of its prefix.
    pub fn saw(&self, conversation: u64, tokens: u64, now: UnixMicros) {
        let mut all = self.0.lock();
        if tokens == 0 {
            all.remove(&conversation);
            return;
        }
        if all.len() >= MAX && !all.contains_key(&conversation) {
            all.retain(|_, (_, seen)| now.since(*seen) < LIFE);
            if all.len() >= MAX {
                all.clear();
            }
        }
        all.insert(conversation, (tokens, now));
    }

    /// Tokens from the beginning that the next call would not pay in full.
    #[must_use]
    pub fn of(&self, conversation: u64, now: UnixMicros) -> u64 {
        let all = self.0.lock();
        let held = all.get(&conversation).filter(|(_, seen)| now.since(*seen) < LIFE);
        held.map_or(0, |(tokens, _)| *tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_held_for_five_minutes_after_its_last_use() {
        let prefixes = Prefixes::default();
        prefixes.saw(1, 2_048, UnixMicros(0));
        assert_eq!(prefixes.of(1, UnixMicros(299_999_999)), 2_048);
        assert_eq!(prefixes.of(1, UnixMicros(300_000_000)), 0);
        assert_eq!(prefixes.of(2, UnixMicros(0)), 0);
        prefixes.saw(1, 0, UnixMicros(1));
        assert_eq!(prefixes.of(1, UnixMicros(1)), 0);
    }
}
