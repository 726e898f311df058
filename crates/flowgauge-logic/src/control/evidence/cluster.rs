//! Calls of one conversation count as one: they resemble each other, and a comparison that takes them for independent
//! is too sure.

use super::{Evidence, Sample};
use crate::control::rollout::Arm;
use crate::unit::{Micros, UnixMicros};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A conversation is over when nothing came for so long. Sessions of web analytics end after thirty minutes; harm is to be
/// seen earlier, and who comes back after ten asks something else.
const IDLE: Micros = Micros::from_millis(10 * 60_000);
/// Conversations open at once; beyond it the one quiet for longest is counted as it stands.
const MAX_OPEN: usize = 10_000;
/// Calls after which a conversation is counted and begins anew, so that an endless one is seen.
const MAX_CALLS: u32 = 50;

/// Sum and number of the values known.
type Sum = (f64, u32);

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Open {
    arm: Arm,
    last: UnixMicros,
    calls: u32,
    sums: [Sum; 4],
    failed: f64,
}

/// The conversations under way.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Clusters {
    open: BTreeMap<u64, Open>,
    quiet: BTreeSet<(UnixMicros, u64)>,
}

impl Clusters {
    /// Takes a call of a conversation; what has ended by then goes to `evidence`. A conversation that changes its arm
    /// is counted and begins anew.
    pub fn observe(
        &mut self,
        conversation: u64,
        arm: Arm,
        sample: &Sample,
        now: UnixMicros,
        evidence: &mut Evidence,
    ) {
        self.settle(now, evidence);
        if self.open.get(&conversation).is_some_and(|o| o.arm != arm || o.calls >= MAX_CALLS) {
            self.close(conversation, evidence);
        }
        if !self.open.contains_key(&conversation)
            && self.open.len() >= MAX_OPEN
            && let Some((_, quietest)) = self.quiet.first().copied()
        {
            self.close(quietest, evidence);
        }
        let entry = self.open.entry(conversation).or_insert(Open {
            arm,
            last: now,
            calls: 0,
            sums: [(0.0, 0); 4],
            failed: 0.0,
        });
        self.quiet.remove(&(entry.last, conversation));
        entry.last = entry.last.max(now);
        if let Some(failed) = sample.failed {
            entry.calls += 1;
            entry.failed += failed;
        }
        let values = [sample.tokens, sample.cost, sample.latency, sample.quality];
        for (sum, value) in entry.sums.iter_mut().zip(values) {
            if let Some(value) = value {
                *sum = (sum.0 + value, sum.1 + 1);
            }
        }
        self.quiet.insert((entry.last, conversation));
    }

    /// Counts the conversations that have ended.
    pub fn settle(&mut self, now: UnixMicros, evidence: &mut Evidence) {
        while let Some((last, conversation)) = self.quiet.first().copied()
            && now.since(last) >= IDLE
        {
            self.close(conversation, evidence);
        }
    }

    /// Another evaluator judges from now on: what the one before said of conversations under way does not count.
    pub fn forget_quality(&mut self) {
        for open in self.open.values_mut() {
            let [_, _, _, quality] = &mut open.sums;
            *quality = (0.0, 0);
        }
    }

    /// The evidence with what is under way counted as it stands: to be shown, not to be acted on, since it changes still.
    #[must_use]
    pub fn so_far(&self, evidence: &Evidence) -> Evidence {
        let (mut open, mut all) = (self.clone(), evidence.clone());
        let conversations: Vec<u64> = self.open.keys().copied().collect();
        conversations.into_iter().for_each(|c| open.close(c, &mut all));
        all
    }

    /// Conversations under way.
    #[must_use]
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    fn close(&mut self, conversation: u64, evidence: &mut Evidence) {
        let Some(open) = self.open.remove(&conversation) else { return };
        self.quiet.remove(&(open.last, conversation));
        let mean = |(sum, n): Sum| (n > 0).then(|| sum / f64::from(n));
        let [tokens, cost, latency, quality] = open.sums.map(mean);
        let failed = (open.calls > 0).then(|| open.failed / f64::from(open.calls));
        evidence.observe(open.arm, &Sample { tokens, cost, latency, quality, failed });
    }
}
