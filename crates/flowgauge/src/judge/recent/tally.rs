//! Exact counts of values between thresholds: one binary search for each value.
//!
//! Refuses histograms: a count here is a count of values strictly above a threshold.

use super::sample::Said;
use crate::logic::alert::facts::{Slower, Timing};
use crate::logic::quantile::Histogram;
use std::sync::Arc;

/// The timings, in the order of everything that is kept for each.
pub(super) const TIMINGS: [Timing; 3] = [Timing::Latency, Timing::Ttft, Timing::Tpot];

/// Ascending thresholds of a selection, µs, for each timing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) latency: Arc<[u64]>,
    pub(super) ttft: Arc<[u64]>,
    pub(super) tpot: Arc<[u64]>,
}

impl Layout {
    pub(super) fn of(&self, timing: Timing) -> &[u64] {
        match timing {
            Timing::Latency => &self.latency,
            Timing::Ttft => &self.ttft,
            Timing::Tpot => &self.tpot,
        }
    }

    /// Takes these thresholds in.
    pub(super) fn add(&mut self, timing: Timing, thresholds: &[u64]) {
        let mut all: Vec<u64> = self.of(timing).iter().chain(thresholds).copied().collect();
        all.sort_unstable();
        all.dedup();
        match timing {
            Timing::Latency => self.latency = all.into(),
            Timing::Ttft => self.ttft = all.into(),
            Timing::Tpot => self.tpot = all.into(),
        }
    }
}

/// Values of one timing of one bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tally {
    decided: Between,
    at_least: Between,
}

/// How many values lie above so many of the thresholds, and how many there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Between {
    /// Sorted by the number of thresholds below the value; none for zero.
    counts: Vec<(u32, u32)>,
    n: u64,
}

impl Between {
    fn add(&mut self, below: u32) {
        self.n += 1;
        if below == 0 {
            return;
        }
        match self.counts.binary_search_by_key(&below, |c| c.0) {
            Ok(at) => {
                if let Some(slot) = self.counts.get_mut(at) {
                    slot.1 = slot.1.saturating_add(1);
                }
            }
            Err(at) => self.counts.insert(at, (below, 1)),
        }
    }

    fn take(&mut self, below: u32) {
        self.n = self.n.saturating_sub(1);
        if let Ok(at) = self.counts.binary_search_by_key(&below, |c| c.0)
            && let Some(slot) = self.counts.get_mut(at)
        {
            slot.1 = slot.1.saturating_sub(1);
            if slot.1 == 0 {
                self.counts.remove(at);
            }
        }
    }
}

/// How many thresholds a value is above.
fn below(thresholds: &[u64], value: u64) -> u32 {
    u32::try_from(thresholds.partition_point(|t| *t < value)).unwrap_or(u32::MAX)
}

impl Tally {
    /// Counts what a call said.
    pub(super) fn add(&mut self, thresholds: &[u64], said: Said) {
        match said {
            Said::Decided(value) => self.decided.add(below(thresholds, value)),
            Said::AtLeast(value) => self.at_least.add(below(thresholds, value)),
            Said::Nothing => {}
        }
    }

    /// Takes back what a call said before.
    pub(super) fn take(&mut self, thresholds: &[u64], said: Said) {
        match said {
            Said::Decided(value) => self.decided.take(below(thresholds, value)),
            Said::AtLeast(value) => self.at_least.take(below(thresholds, value)),
            Said::Nothing => {}
        }
    }
}

/// Tallies being added up over buckets.
#[derive(Debug)]
pub(super) struct Sum<'a> {
    thresholds: &'a [u64],
    /// One more than thresholds: by how many thresholds the values are above.
    decided: Vec<u64>,
    at_least: Vec<u64>,
    n: u64,
    open: u64,
    exact: bool,
}

impl<'a> Sum<'a> {
    pub(super) fn new(thresholds: &'a [u64]) -> Self {
        let empty = vec![0; thresholds.len() + 1];
        Self { thresholds, decided: empty.clone(), at_least: empty, n: 0, open: 0, exact: true }
    }

    /// Adds a bucket counted by the same thresholds.
    pub(super) fn add(&mut self, tally: &Tally) {
        self.n += tally.decided.n;
        self.open += tally.at_least.n;
        for (into, from) in
            [(&mut self.decided, &tally.decided), (&mut self.at_least, &tally.at_least)]
        {
            for (below, count) in &from.counts {
                if let Some(slot) = usize::try_from(*below).ok().and_then(|at| into.get_mut(at)) {
                    *slot += u64::from(*count);
                }
            }
        }
    }

    /// Adds one value.
    pub(super) fn add_one(&mut self, said: Said) {
        let mut one = Tally::default();
        one.add(self.thresholds, said);
        self.add(&one);
    }

    /// Adds values of which only how many are above each threshold is known, about.
    pub(super) fn add_about(&mut self, values: &Histogram) {
        let n = values.count();
        self.n += n;
        self.exact &= n == 0;
        let mut more = 0;
        for (at, now) in values.counts_above(self.thresholds).into_iter().enumerate().rev() {
            if let Some(slot) = self.decided.get_mut(at + 1) {
                *slot += now.saturating_sub(more);
            }
            more = now.max(more);
        }
    }

    pub(super) fn finish(self) -> Slower {
        let (mut decided, mut at_least) = (0u64, 0u64);
        let mut above = Vec::with_capacity(self.thresholds.len());
        let mut undecided = Vec::with_capacity(self.thresholds.len());
        for (at, threshold) in self.thresholds.iter().enumerate().rev() {
            decided += self.decided.get(at + 1).copied().unwrap_or(0);
            at_least += self.at_least.get(at + 1).copied().unwrap_or(0);
            above.push((*threshold, decided + at_least));
            undecided.push(self.open - at_least.min(self.open));
        }
        above.reverse();
        undecided.reverse();
        Slower { n: self.n + self.open, above, undecided, exact: self.exact }
    }
}
