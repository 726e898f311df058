//! The latest calls, one by one, within a limit: counted again when thresholds change, taken back
//! when another row counts in their place.

use super::sample::Sample;
use crate::logic::id::CallId;
use std::collections::{HashMap, VecDeque};

/// Calls kept one by one, about 35 MB when full: 70 a second for half an hour. Beyond it counts
/// stay exact; only thresholds that are new then begin with what histograms know.
pub(super) const MAX_SAMPLES: usize = 131_072;

/// The latest calls, in the order they were told of.
#[derive(Debug)]
pub(super) struct Ring {
    samples: VecDeque<Option<Sample>>,
    /// Number of the first.
    first: u64,
    places: HashMap<CallId, u64>,
    /// From this bucket on every call is here.
    pub(super) whole_from: i64,
    room: usize,
}

impl Ring {
    pub(super) fn new(room: usize) -> Self {
        Self {
            samples: VecDeque::new(),
            first: 0,
            places: HashMap::new(),
            whole_from: i64::MIN,
            room: room.max(1),
        }
    }

    /// Keeps a call; `bucket_of` says which bucket one that must go was counted in.
    pub(super) fn push(&mut self, sample: Sample, bucket_of: impl Fn(&Sample) -> i64) {
        while self.samples.len() >= self.room {
            if let Some(gone) = self.pop() {
                self.whole_from = self.whole_from.max(bucket_of(&gone).saturating_add(1));
            }
        }
        self.places.insert(sample.id, self.first + self.samples.len() as u64);
        self.samples.push_back(Some(sample));
    }

    fn pop(&mut self) -> Option<Sample> {
        let gone = self.samples.pop_front()?;
        self.first += 1;
        if let Some(sample) = &gone
            && self.places.get(&sample.id) == Some(&(self.first - 1))
        {
            self.places.remove(&sample.id);
        }
        gone
    }

    /// Takes a call out.
    pub(super) fn take(&mut self, id: CallId) -> Option<Sample> {
        let place = self.places.remove(&id)?;
        let at = usize::try_from(place.checked_sub(self.first)?).ok()?;
        self.samples.get_mut(at)?.take()
    }

    /// All of them, the latest told first.
    pub(super) fn latest(&self) -> impl Iterator<Item = &Sample> {
        self.samples.iter().rev().flatten()
    }

    /// Lets go of the oldest as long as they are of buckets before this one.
    pub(super) fn forget(&mut self, before: i64, bucket_of: impl Fn(&Sample) -> i64) {
        while let Some(oldest) = self.samples.front() {
            if oldest.as_ref().is_some_and(|s| bucket_of(s) >= before) {
                return;
            }
            self.pop();
        }
    }
}
