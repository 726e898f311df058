//! Calls whose scores are looked at once more: a row that was scored may turn out to be the same
//! call as another, seen through another door later, and then count in that one's place.
//!
//! The writer tells of such rows. Looking again by time is for what it cannot tell: a score that is
//! attached while its row is being merged, and a listener too slow for it.

use crate::logic::id::CallId;
use crate::logic::unit::UnixMicros;
use std::collections::{HashMap, VecDeque};

/// After a score is attached, its row is looked at again so much later: senders of spans batch for
/// seconds, collectors for minutes.
const AFTER: [i64; 2] = [UnixMicros::MINUTE, 15 * UnixMicros::MINUTE];
/// Calls remembered at once; beyond, the oldest are looked at no more. At 100 scores a second it
/// holds the first quarter of an hour.
pub(super) const MOST: usize = 100_000;
/// Calls looked at in one round: each is one row read.
pub(super) const PER_ROUND: usize = 200;

/// When which call is due.
#[derive(Debug, Default)]
pub(super) struct Recheck {
    /// By delay; each ascends by itself.
    due: [VecDeque<(UnixMicros, CallId)>; AFTER.len()],
    waiting: HashMap<CallId, u8>,
    /// Rows that were merged a moment ago, scored or not.
    merged: VecDeque<CallId>,
}

impl Recheck {
    /// A score was attached to this call.
    pub(super) fn note(&mut self, call: CallId, now: UnixMicros) {
        if self.waiting.contains_key(&call) {
            return;
        }
        for (list, after) in self.due.iter_mut().zip(AFTER) {
            if list.len() >= MOST
                && let Some((_, oldest)) = list.pop_front()
            {
                self.waiting.remove(&oldest);
            }
            list.push_back((UnixMicros(now.0.saturating_add(after)), call));
            *self.waiting.entry(call).or_default() += 1;
        }
    }

    /// This row counts in another's place now.
    pub(super) fn merged(&mut self, row: CallId) {
        if self.merged.len() >= MOST {
            // Its scores follow at the next look of those above.
            self.merged.pop_front();
        }
        self.merged.push_back(row);
    }

    /// Rows merged since the last look.
    pub(super) fn take_merged(&mut self) -> Vec<CallId> {
        self.merged.drain(..).collect()
    }

    /// Calls that are due, [`PER_ROUND`] at most.
    pub(super) fn due(&mut self, now: UnixMicros) -> Vec<CallId> {
        let mut out = Vec::new();
        for list in &mut self.due {
            while out.len() < PER_ROUND && list.front().is_some_and(|(at, _)| *at <= now) {
                out.extend(list.pop_front().map(|(_, call)| call));
            }
        }
        for call in &out {
            let Some(left) = self.waiting.get_mut(call) else { continue };
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.waiting.remove(call);
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_looked_at_twice_however_often_it_was_scored() {
        let mut recheck = Recheck::default();
        let (call, now) = (CallId([1; 16]), UnixMicros(0));
        recheck.note(call, now);
        recheck.note(call, now);
        assert!(recheck.due(now).is_empty());
        assert_eq!(recheck.due(UnixMicros(UnixMicros::MINUTE)), [call]);
        assert!(recheck.due(UnixMicros(2 * UnixMicros::MINUTE)).is_empty());
        assert_eq!(recheck.due(UnixMicros(UnixMicros::HOUR)), [call]);
        assert!(recheck.waiting.is_empty());
    }
}
