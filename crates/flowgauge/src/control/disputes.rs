//! Answers from memory that users or evaluators find wrong: which answer a call got, until its verdict can have come.
//!
//! Owns which verdict disputes an answer. Refuses to remember calls for longer than an answer lives.

use super::live::Live;
use super::memory::Memory;
use crate::logic::control::cache::key::Key;
use crate::logic::id::CallId;
use crate::logic::score::{Score, ScoreKind};
use crate::logic::unit::UnixMicros;
use crate::record::scores::HeardScores;
use crate::serve::clock::Clock;
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Calls remembered: at a hundred answers from memory a second those of the last quarter of an hour, which is how long an
/// answer lives.
const MAX: usize = 90_000;
/// Ratings up to this one say that the answer is wrong: two stars of five; a thumb down is one.
const BAD: u8 = 2;

/// Which answer each call got.
#[derive(Debug)]
pub struct Disputes {
    memory: Arc<Memory>,
    live: Arc<Live>,
    clock: Clock,
    served: Mutex<Served>,
}

#[derive(Debug, Default)]
struct Served {
    keys: HashMap<CallId, Key>,
    order: VecDeque<CallId>,
}

impl Disputes {
    pub(super) fn new(memory: Arc<Memory>, live: Arc<Live>, clock: Clock) -> Arc<Self> {
        Arc::new(Self { memory, live, clock, served: Mutex::default() })
    }

    /// A call got the answer held under a key.
    pub fn served(&self, call: CallId, key: Key) {
        let mut served = self.served.lock();
        if served.keys.insert(call, key).is_none() {
            served.order.push_back(call);
        }
        while served.order.len() > MAX {
            if let Some(oldest) = served.order.pop_front() {
                served.keys.remove(&oldest);
            }
        }
    }

    /// Whether a verdict says that the answer is wrong: a bad rating, or an evaluation below the floor, where the
    /// operator set one (`/guardrail/floor`).
    fn is_bad(&self, score: &Score) -> bool {
        match score.kind {
            ScoreKind::Feedback => score.rating.is_some_and(|r| r <= BAD),
            ScoreKind::Evaluation => {
                let state = self.live.load();
                let floor = state.settings.as_ref().and_then(|s| s.guardrail.floor);
                score.quality.zip(floor).is_some_and(|(quality, floor)| quality < floor)
            }
        }
    }

    fn now(&self) -> UnixMicros {
        self.clock.now()
    }
}

impl HeardScores for Disputes {
    fn scored(&self, call: CallId, score: &Score) {
        if !self.is_bad(score) {
            return;
        }
        // A verdict that is told again finds nothing more.
        let Some(key) = self.served.lock().keys.remove(&call) else { return };
        self.memory.dispute(&key, self.now());
        tracing::info!(%call, "an answer from memory was found wrong; it is served no more");
    }
}
