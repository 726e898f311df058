//! Calls of the last hours that a score may still be about: which arms they were in.
//!
//! Refuses to grow: beyond its room the oldest goes, and a score that finds its call gone is counted.

use super::row::Row;
use crate::logic::control::rollout::{Arm, Mechanism};
use crate::logic::id::CallId;
use crate::logic::unit::UnixMicros;
use std::collections::{HashMap, VecDeque};

/// A score may be so much later than its call: batch evaluators run every few hours.
pub(super) const KEPT: i64 = 6 * UnixMicros::HOUR;
/// Calls kept, about 20 MB: six a second for six hours, or a minute of the busiest gateway.
const MOST: usize = 131_072;

/// A call as a score finds it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Known {
    pub(super) conversation: Option<u64>,
    pub(super) arms: Vec<(Mechanism, Arm)>,
    pub(super) generation: u64,
    pub(super) place: Place,
    /// Failed calls have no quality; of a call the first score counts.
    open: bool,
    ended: UnixMicros,
}

/// Route and intent, which say what mode a call was in.
pub(super) type Place = (Option<crate::logic::call::Text>, Option<crate::logic::call::Text>);

/// What a score finds.
#[derive(Debug, PartialEq)]
pub(super) enum Join {
    /// Its call.
    Call(Known),
    /// A call that has its score, or failed.
    Taken,
    /// No call of late.
    Unknown,
}

/// The calls.
#[derive(Debug)]
pub(super) struct Joined {
    calls: HashMap<CallId, Known>,
    order: VecDeque<CallId>,
    room: usize,
}

impl Default for Joined {
    fn default() -> Self {
        Self { calls: HashMap::new(), order: VecDeque::new(), room: MOST }
    }
}

impl Joined {
    /// Keeps a call that is in an arm.
    pub(super) fn keep(&mut self, row: &Row) {
        if row.arms.is_empty() {
            return;
        }
        let known = Known {
            conversation: row.conversation,
            arms: row.arms.clone(),
            generation: row.generation,
            place: (row.route.clone(), row.intent.clone()),
            open: row.sample.failed.is_some_and(|failed| failed <= 0.0),
            ended: row.ended,
        };
        if self.calls.insert(row.id, known).is_none() {
            self.order.push_back(row.id);
        }
        while self.order.len() > self.room
            && let Some(oldest) = self.order.pop_front()
        {
            self.calls.remove(&oldest);
        }
    }

    /// The call of a score. It is not found a second time.
    pub(super) fn find(&mut self, id: CallId) -> Join {
        match self.calls.get_mut(&id) {
            None => Join::Unknown,
            Some(known) if !known.open => Join::Taken,
            Some(known) => {
                known.open = false;
                Join::Call(known.clone())
            }
        }
    }

    /// Lets go of what no score is expected for any more.
    pub(super) fn forget(&mut self, now: UnixMicros) {
        while let Some(oldest) = self.order.front().copied() {
            let old = self.calls.get(&oldest).is_none_or(|k| now.0 - k.ended.0 > KEPT);
            if !old {
                return;
            }
            self.order.pop_front();
            self.calls.remove(&oldest);
        }
    }
}
