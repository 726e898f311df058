//! Hears of finished calls on the recorder's thread and keeps what they say until the next look.
//!
//! Refuses to wait and to grow: what does not fit is counted, and the answers say so.

use super::row::Row;
use crate::logic::call::Call;
use crate::logic::id::CallId;
use crate::logic::score::{Evaluator, Score, ScoreKind};
use crate::logic::unit::UnixMicros;
use crate::record::Heard;
use crate::record::scores::HeardScores;
use crate::store::Merge;
use parking_lot::Mutex;

/// Rows between two looks: 13,000 a second for ten seconds, about 25 MB.
const MOST_ROWS: usize = 131_072;
/// Scores between two looks: evaluators are slower than gateways.
const MOST_SCORES: usize = 32_768;

/// A score and the call it is about.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Judged {
    pub(super) call: CallId,
    pub(super) by: Evaluator,
    pub(super) quality: f64,
}

/// What came since the last look.
#[derive(Debug, Default)]
pub(super) struct Heap {
    pub(super) rows: Vec<Row>,
    pub(super) scores: Vec<Judged>,
    /// Rows and scores for which there was no room.
    pub(super) dropped: u64,
}

/// Listens.
#[derive(Debug)]
pub(super) struct Tap {
    heap: Mutex<Heap>,
    room: usize,
}

impl Default for Tap {
    fn default() -> Self {
        Self { heap: Mutex::default(), room: MOST_ROWS }
    }
}

impl Tap {
    #[cfg(test)]
    pub(super) fn with_room(room: usize) -> Self {
        Self { room, ..Self::default() }
    }

    /// Everything that came, in its order.
    pub(super) fn drain(&self) -> Heap {
        std::mem::take(&mut self.heap.lock())
    }
}

impl Heard for Tap {
    fn started(&self, _call: &Call) {}

    fn first_token(&self, _call: CallId, _at: UnixMicros) {}

    fn left(&self, _call: CallId) {}

    fn ended(&self, calls: &[Call]) {
        for row in calls.iter().filter_map(Row::of) {
            let mut heap = self.heap.lock();
            if heap.rows.len() < self.room {
                heap.rows.push(row);
            } else {
                heap.dropped += 1;
            }
        }
    }

    fn merged(&self, _merges: &[Merge]) {}

    fn lost(&self, _call: CallId) {}
}

impl HeardScores for Tap {
    fn scored(&self, call: CallId, score: &Score) {
        let Some(quality) = score.quality.filter(|_| score.kind == ScoreKind::Evaluation) else {
            return;
        };
        let by = Evaluator { name: score.evaluator.clone(), version: score.version.clone() };
        let mut heap = self.heap.lock();
        if heap.scores.len() < MOST_SCORES {
            heap.scores.push(Judged { call, by, quality });
        } else {
            heap.dropped += 1;
        }
    }
}
