//! What rules look at: calls of the last half hour and calls in flight, counted exactly as they
//! come, and everything older or scarcer from the store.
//!
//! Owns when a call counts (at its end; rows of others after the evaluation delay), which calls
//! count against a threshold (alerting 6.3) and how far memory reaches. Refuses a clock: every
//! question brings its tick. Refuses verdicts: those are `logic::alert`'s.

mod at_tick;
mod book;
mod chosen;
mod flights;
mod kept;
mod long;
mod minutes;
mod ring;
mod sample;
mod state;
mod tally;
mod usual;

use crate::logic::alert::facts::{Selection, Timing};
use crate::logic::call::Call;
use crate::logic::id::CallId;
use crate::logic::rollup::SeriesKey;
use crate::logic::unit::{Micros, UnixMicros};
use crate::record::Heard;
use crate::store::Merge;
use chrono_tz::Tz;
use parking_lot::Mutex;
use state::State;
use std::collections::{HashMap, HashSet};

pub use at_tick::AtTick;
pub(super) use book::MAX_GROUPS;
pub use long::{Findings, Long};

/// Calls of the past counted under one lock: more would hold up the writer.
const REFILL_STEP: usize = 1_024;

/// How calls are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecentOptions {
    /// Between two evaluations, and the width of a bucket. Windows end where buckets do.
    pub tick: Micros,
    /// Rows sent by others count this much later than their end: that long they are waited for.
    pub eval_delay: Micros,
    /// Zone of calendar days, months and hours of the week.
    pub zone: Tz,
    /// How far back memory reaches: 30 minutes and the longest `for`.
    pub keep: Micros,
}

/// Calls of late, for rules. Fed by the recorder's writer, or by hand.
#[derive(Debug)]
pub struct Recent {
    options: RecentOptions,
    state: Mutex<State>,
}

impl Recent {
    /// Knows nothing yet. Answers are exact once [`Recent::refill`] has brought the past.
    #[must_use]
    pub fn new(options: RecentOptions) -> Self {
        Self { options, state: Mutex::new(State::new(options)) }
    }

    /// Keeps rollups by minute in memory too, so long, for use without a store.
    #[must_use]
    pub fn with_minutes(self, keep: Micros) -> Self {
        self.state.lock().minutes = Some(minutes::Minutes::new(keep));
        self
    }

    /// How calls are kept.
    #[must_use]
    pub const fn options(&self) -> &RecentOptions {
        &self.options
    }

    /// Takes over what the rules look at: the thresholds of timings, and selections without any.
    /// What was watched before and is not named any more is let go. Counters that are new begin
    /// with the calls kept one by one.
    pub fn watch(&self, thresholds: &[(Selection, Timing, Vec<u64>)], selections: &[Selection]) {
        let mut wanted = HashMap::new();
        for (of, timing, values) in thresholds {
            state::want(&mut wanted, of, *timing, values);
        }
        for of in selections {
            wanted.entry(of.clone()).or_default();
        }
        self.state.lock().watch(wanted);
    }

    /// Brings the calls of the past, in any order; those heard of meanwhile are not counted twice.
    /// To be called once after `watch` and the recorder's `listen`, and again after a later `watch`.
    pub fn refill(&self, calls: impl Iterator<Item = Call>) {
        let mut calls = calls.fuse();
        loop {
            let step: Vec<Call> = calls.by_ref().take(REFILL_STEP).collect();
            if step.is_empty() {
                break;
            }
            self.state.lock().refill(&step);
        }
        self.state.lock().refilled();
    }

    /// What is known at a tick.
    #[must_use]
    pub fn at<'a>(&'a self, tick: UnixMicros, long: &'a Long) -> AtTick<'a> {
        AtTick::new(self, tick, long)
    }

    /// Lets go of what ended before a moment, and of calls in flight whose end was lost long since.
    pub fn forget(&self, before: UnixMicros) {
        let now = before.after(self.options.keep);
        self.state.lock().forget(before, now);
    }

    /// When flowgauge last learnt of a call.
    #[must_use]
    pub fn last_received(&self) -> Option<UnixMicros> {
        self.state.lock().last_received
    }

    /// Selections with more label sets than are told apart, and how many calls were left out.
    #[must_use]
    pub fn overflows(&self) -> Vec<(Selection, u64)> {
        let state = self.state.lock();
        let over = state.books.iter().filter(|book| book.overflow > 0);
        over.map(|book| (book.of.clone(), book.overflow)).collect()
    }

    /// Selections of which calls were left out since a moment.
    #[must_use]
    pub fn overflowed_since(&self, moment: UnixMicros) -> HashSet<Selection> {
        let state = self.state.lock();
        let from = state.bucket_of(moment);
        let over = state.books.iter().filter(|book| book.overflowed.is_some_and(|at| at >= from));
        over.map(|book| book.of.clone()).collect()
    }

    /// A quality score, 0–1, of a call that began at a moment; only with [`Recent::with_minutes`].
    pub fn scored(&self, start: UnixMicros, series: &SeriesKey, quality: f64) {
        self.judged(start, series, minutes::Judged::Quality(quality));
    }

    /// A rating, 1 to 5, of a call that began at a moment; only with [`Recent::with_minutes`].
    pub fn rated(&self, start: UnixMicros, series: &SeriesKey, stars: u8) {
        self.judged(start, series, minutes::Judged::Rating(stars));
    }

    fn judged(&self, start: UnixMicros, series: &SeriesKey, judged: minutes::Judged) {
        let mut state = self.state.lock();
        let series = state.series_named(series);
        if let Some(minutes) = &mut state.minutes {
            minutes.judge(start, series, judged);
        }
    }
}

impl Heard for Recent {
    fn started(&self, call: &Call) {
        self.state.lock().begin(call);
    }

    fn first_token(&self, call: CallId, at: UnixMicros) {
        self.state.lock().flights().first_token(call, at);
    }

    fn left(&self, call: CallId) {
        self.state.lock().flights().end(call);
    }

    fn ended(&self, calls: &[Call]) {
        let mut state = self.state.lock();
        calls.iter().for_each(|call| state.end(call));
    }

    fn merged(&self, merges: &[Merge]) {
        let mut state = self.state.lock();
        merges.iter().for_each(|merge| state.take(merge.row));
    }

    fn lost(&self, call: CallId) {
        self.state.lock().flights().end(call);
    }
}

#[cfg(test)]
mod tests;
