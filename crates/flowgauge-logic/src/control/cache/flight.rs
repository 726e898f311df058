//! One of several equal requests asks for all of them.
//!
//! Owns who leads and who waits, what happens when the leader leaves, and the bound on waiters. Refuses to fail one
//! caller for another's sake: whoever waited in vain asks for itself. A state machine: whoever drives it sends the
//! wake-ups it names.

use super::key::Key;
use crate::unit::{Micros, UnixMicros};
use std::collections::{BTreeMap, BTreeSet};

/// Waiters of one request; beyond it each asks for itself. Five hundred is what a burst of one hot question brings.
const MAX_WAITING: usize = 1_024;
/// Requests led at once; beyond it nothing is shared.
const MAX_FLIGHTS: usize = 4_096;

/// A caller, numbered by whoever drives this.
pub type Caller = u64;

/// What a caller does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Ask the provider, for all who wait.
    Lead,
    /// Wait, at most until then.
    Wait(UnixMicros),
    /// Ask the provider, for itself alone.
    Alone,
}

/// Whom to wake, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wake {
    /// Nobody.
    Nobody,
    /// This waiter leads now: the leader left without an answer.
    Lead(Caller),
    /// These look the answer up: it is kept.
    Serve(Vec<Caller>),
    /// These ask for themselves: the answer may not be shared.
    Release(Vec<Caller>),
}

#[derive(Debug)]
struct Flight {
    leader: Caller,
    /// By arrival, with the moment its patience ends.
    waiting: BTreeMap<Caller, UnixMicros>,
}

/// The requests under way.
#[derive(Debug, Default)]
pub struct Flights {
    flights: BTreeMap<Key, Flight>,
    /// Waiters by the end of their patience.
    ends: BTreeSet<(UnixMicros, Caller, Key)>,
}

impl Flights {
    /// A caller comes with a request that is not in memory. Numbers of callers must rise.
    pub fn join(&mut self, key: Key, caller: Caller, now: UnixMicros, patience: Micros) -> Part {
        let room = self.flights.len() < MAX_FLIGHTS;
        match self.flights.get_mut(&key) {
            None if room => {
                self.flights.insert(key, Flight { leader: caller, waiting: BTreeMap::new() });
                Part::Lead
            }
            Some(flight) if flight.waiting.len() < MAX_WAITING => {
                let until = now.after(patience);
                flight.waiting.insert(caller, until);
                self.ends.insert((until, caller, key));
                Part::Wait(until)
            }
            _ => Part::Alone,
        }
    }

    /// Whether a request is under way.
    #[must_use]
    pub fn flies(&self, key: &Key) -> bool {
        self.flights.contains_key(key)
    }

    /// A caller goes away, leader or not. The longest waiter takes a leader's place.
    pub fn leave(&mut self, key: Key, caller: Caller) -> Wake {
        let Some(flight) = self.flights.get_mut(&key) else { return Wake::Nobody };
        if flight.leader != caller {
            if let Some(until) = flight.waiting.remove(&caller) {
                self.ends.remove(&(until, caller, key));
            }
            return Wake::Nobody;
        }
        match flight.waiting.pop_first() {
            Some((next, until)) => {
                flight.leader = next;
                self.ends.remove(&(until, next, key));
                Wake::Lead(next)
            }
            None => {
                self.flights.remove(&key);
                Wake::Nobody
            }
        }
    }

    /// The leader's answer is whole and kept, or may not be shared.
    pub fn finish(&mut self, key: Key, leader: Caller, kept: bool) -> Wake {
        if self.flights.get(&key).is_none_or(|f| f.leader != leader) {
            return Wake::Nobody;
        }
        let Some(flight) = self.flights.remove(&key) else { return Wake::Nobody };
        for (caller, until) in &flight.waiting {
            self.ends.remove(&(*until, *caller, key));
        }
        let waiting: Vec<Caller> = flight.waiting.into_keys().collect();
        match (waiting.is_empty(), kept) {
            (true, _) => Wake::Nobody,
            (false, true) => Wake::Serve(waiting),
            (false, false) => Wake::Release(waiting),
        }
    }

    /// Those whose patience is over ask for themselves.
    pub fn expire(&mut self, now: UnixMicros) -> Vec<Caller> {
        let mut released = Vec::new();
        while let Some((until, caller, key)) = self.ends.first().copied()
            && until <= now
        {
            self.ends.remove(&(until, caller, key));
            if let Some(flight) = self.flights.get_mut(&key) {
                flight.waiting.remove(&caller);
            }
            released.push(caller);
        }
        released
    }

    /// Requests led and callers waiting.
    #[must_use]
    pub fn load(&self) -> (usize, usize) {
        (self.flights.len(), self.ends.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: Key = Key([1; 32]);
    const PATIENCE: Micros = Micros::from_millis(30_000);

    fn with_followers(count: u64) -> Flights {
        let mut flights = Flights::default();
        for caller in 0..=count {
            let part = flights.join(KEY, caller, UnixMicros(0), PATIENCE);
            assert_eq!(part == Part::Lead, caller == 0, "{caller}");
        }
        flights
    }

    #[test]
    fn five_hundred_followers_cost_one_request() {
        let mut flights = with_followers(500);
        assert_eq!(flights.finish(KEY, 0, true), Wake::Serve((1..=500).collect()));
        assert_eq!(flights.load(), (0, 0));
        assert_eq!(flights.join(KEY, 501, UnixMicros(0), PATIENCE), Part::Lead);
    }

    #[test]
    fn a_leader_that_leaves_fails_nobody() {
        let mut flights = with_followers(3);
        assert_eq!(flights.leave(KEY, 2), Wake::Nobody);
        assert_eq!(flights.leave(KEY, 0), Wake::Lead(1));
        // The one that left has no say any more.
        assert_eq!(flights.finish(KEY, 0, true), Wake::Nobody);
        assert_eq!(flights.finish(KEY, 1, true), Wake::Serve(vec![3]));
    }

    #[test]
    fn an_answer_that_may_not_be_shared_sends_everyone_to_the_provider() {
        let mut flights = with_followers(2);
        assert_eq!(flights.finish(KEY, 0, false), Wake::Release(vec![1, 2]));
    }

    #[test]
    fn patience_ends_and_the_number_of_waiters_is_bounded() {
        let mut flights = with_followers(1_024);
        assert_eq!(flights.join(KEY, 9_999, UnixMicros(0), PATIENCE), Part::Alone);
        assert!(flights.expire(UnixMicros(29_999_999)).is_empty());
        assert_eq!(flights.expire(UnixMicros(30_000_000)).len(), 1_024);
        assert_eq!(flights.finish(KEY, 0, true), Wake::Nobody);
    }

    proptest! {
        #[test]
        fn every_caller_that_waits_is_woken_or_leaves(
            steps in proptest::collection::vec((0u8..4, 0u8..2, 0u64..20), 1..100),
        ) {
            let mut flights = Flights::default();
            let (mut waiting, mut leading) = (BTreeSet::new(), BTreeMap::new());
            for (caller, (what, k, pick)) in steps.into_iter().enumerate() {
                let (key, caller) = (Key([k; 32]), caller as u64);
                let hear = |wake: Wake, waiting: &mut BTreeSet<(Key, u64)>, leading: &mut BTreeMap<Key, u64>| match wake {
                    Wake::Nobody => {}
                    Wake::Lead(c) => { assert!(waiting.remove(&(key, c))); leading.insert(key, c); }
                    Wake::Serve(all) | Wake::Release(all) => {
                        all.into_iter().for_each(|c| assert!(waiting.remove(&(key, c))));
                    }
                };
                match what {
                    0 | 1 => match flights.join(key, caller, UnixMicros(0), PATIENCE) {
                        Part::Lead => { leading.insert(key, caller); }
                        Part::Wait(_) => { waiting.insert((key, caller)); }
                        Part::Alone => {}
                    },
                    2 => if let Some(leader) = leading.remove(&key) {
                        let wake = flights.finish(key, leader, pick % 2 == 0);
                        hear(wake, &mut waiting, &mut leading);
                    },
                    _ => if let Some(leader) = leading.remove(&key) {
                        let wake = flights.leave(key, leader);
                        hear(wake, &mut waiting, &mut leading);
                    },
                }
                prop_assert_eq!(flights.load(), (leading.len(), waiting.len()));
            }
        }
    }
}
