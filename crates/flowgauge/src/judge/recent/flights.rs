//! Calls in flight, by series: what a hung upstream is seen by.

use super::sample::Open;
use crate::logic::id::CallId;
use crate::logic::unit::{Micros, UnixMicros};
use std::collections::HashMap;

/// Calls in flight known at most: more than the gateway lets in. Those beyond are not looked at.
const MAX_OPEN: usize = 262_144;
/// A call older than this whose end was never told of was lost: no time-out of the gateway is as
/// long, and it would be slow for ever.
const MAX_AGE: Micros = Micros::from_millis(6 * 3_600 * 1_000);

/// Calls in flight.
#[derive(Debug, Default)]
pub(super) struct Flights {
    by_series: HashMap<u32, HashMap<CallId, Open>>,
    series: HashMap<CallId, u32>,
}

impl Flights {
    pub(super) fn begin(&mut self, id: CallId, series: u32, open: Open) {
        if self.series.len() >= MAX_OPEN {
            return;
        }
        self.end(id);
        self.series.insert(id, series);
        self.by_series.entry(series).or_default().insert(id, open);
    }

    pub(super) fn first_token(&mut self, id: CallId, at: UnixMicros) {
        let Some(series) = self.series.get(&id) else { return };
        if let Some(open) = self.by_series.get_mut(series).and_then(|calls| calls.get_mut(&id)) {
            open.first.get_or_insert(at);
            open.streamed = true;
        }
    }

    /// It ended, or counts no more.
    pub(super) fn end(&mut self, id: CallId) {
        let Some(series) = self.series.remove(&id) else { return };
        if let Some(calls) = self.by_series.get_mut(&series) {
            calls.remove(&id);
            if calls.is_empty() {
                self.by_series.remove(&series);
            }
        }
    }

    /// Those in flight at a moment, with their series.
    pub(super) fn at(&self, at: UnixMicros) -> impl Iterator<Item = (u32, Open)> {
        let calls = self.by_series.iter().flat_map(|(s, calls)| calls.values().map(|c| (*s, *c)));
        calls.filter(move |(_, open)| open.start <= at)
    }

    /// Lets go of calls whose end was lost.
    pub(super) fn forget(&mut self, now: UnixMicros) {
        let lost = |open: &Open| now.since(open.start) > MAX_AGE;
        let gone: Vec<CallId> = self
            .by_series
            .values()
            .flat_map(|calls| calls.iter().filter(|(_, open)| lost(open)).map(|(id, _)| *id))
            .collect();
        gone.into_iter().for_each(|id| self.end(id));
    }
}
