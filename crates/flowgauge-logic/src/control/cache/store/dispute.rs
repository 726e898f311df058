//! Answers that somebody found wrong: out at once, and kept out as long as they could have lived.

use super::{Removal, Store};
use crate::control::cache::key::Key;
use crate::unit::UnixMicros;
use std::collections::{BTreeSet, HashMap};

/// Disputed keys remembered: five times as many as there are entries, so that a flood of bad ratings costs some
/// megabytes. At the limit the one that ends first goes.
const MAX: usize = 100_000;

/// Keys that are kept out, and until when.
#[derive(Debug, Default)]
pub(super) struct Disputed {
    until: HashMap<Key, UnixMicros>,
    ends: BTreeSet<(UnixMicros, Key)>,
}

impl Disputed {
    /// Whether a key is kept out.
    pub(super) fn holds(&self, key: &Key, now: UnixMicros) -> bool {
        self.until.get(key).is_some_and(|until| *until > now)
    }

    fn add(&mut self, key: Key, until: UnixMicros, now: UnixMicros) {
        if let Some(before) = self.until.insert(key, until) {
            self.ends.remove(&(before, key));
        }
        self.ends.insert((until, key));
        while let Some((first, key)) = self.ends.first().copied()
            && (first <= now || self.ends.len() > MAX)
        {
            self.ends.remove(&(first, key));
            self.until.remove(&key);
        }
    }
}

impl<V> Store<V> {
    /// Whether somebody found the answer to this request wrong, not long ago.
    #[must_use]
    pub fn is_disputed(&self, key: &Key, now: UnixMicros) -> bool {
        self.disputed.holds(key, now)
    }

    /// Somebody found the answer under `key` wrong: it goes, and nothing is kept under it until its life would have
    /// ended. Whether it was there.
    pub fn dispute(&mut self, key: &Key, now: UnixMicros) -> bool {
        self.counts.disputed += 1;
        self.disputed.add(*key, now.after(self.limits.ttl), now);
        self.remove(key, now, Removal::Invalidated).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Found, Limits, Put, TTL, Tags};
    use super::*;

    #[test]
    fn what_is_disputed_goes_and_is_kept_out_for_a_life() {
        let mut store = Store::new(Limits::default());
        let (one, other) = (Key([1; 32]), Key([2; 32]));
        let put = |store: &mut Store<u8>, key, at| {
            let ticket = store.ticket();
            store.put(ticket, key, 0, Tags::default(), 10, UnixMicros(at))
        };
        put(&mut store, one, 0);
        put(&mut store, other, 0);
        assert!(store.dispute(&one, UnixMicros(5)));
        assert!(matches!(store.get(&one, UnixMicros(6)), Found::Miss(_)));
        assert!(matches!(store.get(&other, UnixMicros(6)), Found::Hit { .. }));
        assert_eq!(put(&mut store, one, 7), Put::Disputed);
        assert!(!store.dispute(&Key([3; 32]), UnixMicros(5)), "it was evicted meanwhile");
        assert_eq!((store.counts().disputed, store.len()), (2, 1));
        let end = i64::try_from(TTL.0).unwrap() + 5;
        assert_eq!(put(&mut store, one, end - 1), Put::Disputed);
        assert_eq!(put(&mut store, one, end), Put::Kept);
    }
}
