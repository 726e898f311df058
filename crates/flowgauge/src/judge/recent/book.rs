//! One selection: its label sets, and for each of them a bucket for every tick.

use super::chosen::Chosen;
use super::sample::{Open, Sample};
use super::tally::{Layout, Sum, TIMINGS, Tally};
use crate::logic::alert::facts::{CallSums, Labels, Selection, Shown, Timing};
use crate::logic::call::Call;
use crate::logic::rollup::{Dist, Rollup, SeriesKey};
use crate::logic::unit::UnixMicros;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

/// Label sets of one selection (alerting 8.1): a rule with more asks for something that has no end.
pub(in crate::judge) const MAX_GROUPS: usize = 100;

/// One selection.
#[derive(Debug)]
pub(super) struct Book {
    pub(super) of: Selection,
    pub(super) chosen: Result<Chosen, String>,
    pub(super) layout: Layout,
    groups: Vec<Group>,
    names: HashMap<Labels, usize>,
    /// Calls whose label set found no place, and the latest tick with one.
    pub(super) overflow: u64,
    pub(super) overflowed: Option<i64>,
    /// From this bucket on everything is here.
    pub(super) covered: i64,
}

#[derive(Debug, Default)]
struct Group {
    labels: Labels,
    buckets: BTreeMap<i64, Bucket>,
}

/// Calls of one tick.
#[derive(Debug, Clone, Default)]
struct Bucket {
    rollup: Rollup,
    tallies: [Tally; 3],
    /// Its tallies were counted by other thresholds.
    stale: bool,
}

/// Where a series counts in a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In this group.
    Group(usize),
    /// It is taken, but there is no room for its label set.
    NoRoom,
    /// It is not taken.
    None,
}

impl Book {
    pub(super) fn new(of: Selection, layout: Layout, covered: i64) -> Self {
        let chosen = Chosen::new(&of);
        let mut book = Self {
            of,
            chosen,
            layout,
            groups: Vec::new(),
            names: HashMap::new(),
            overflow: 0,
            overflowed: None,
            covered,
        };
        if book.of.by.is_empty() {
            // There is always one answer, which may be empty.
            book.group(Labels::new());
        }
        book
    }

    /// Where a series counts; a new label set takes the place of one that holds nothing any more.
    pub(super) fn place(&mut self, key: &SeriesKey) -> Place {
        let Ok(chosen) = &self.chosen else { return Place::None };
        if !chosen.takes(key) {
            return Place::None;
        }
        let labels = if chosen.is_whole() { Labels::new() } else { chosen.labels(key) };
        if let Some(at) = self.names.get(&labels) {
            return Place::Group(*at);
        }
        if self.groups.len() >= MAX_GROUPS {
            return Place::NoRoom;
        }
        Place::Group(self.group(labels))
    }

    fn group(&mut self, labels: Labels) -> usize {
        self.names.insert(labels.clone(), self.groups.len());
        self.groups.push(Group { labels, buckets: BTreeMap::new() });
        self.groups.len() - 1
    }

    /// Counts a call.
    pub(super) fn add(&mut self, group: usize, bucket: i64, call: &Call, sample: &Sample) {
        let Some(group) = self.groups.get_mut(group) else { return };
        let bucket = group.buckets.entry(bucket).or_default();
        bucket.rollup.record(call);
        if !bucket.stale {
            for (tally, timing) in bucket.tallies.iter_mut().zip(TIMINGS) {
                tally.add(self.layout.of(timing), sample.said(timing));
            }
        }
    }

    /// Takes back a call counted before.
    pub(super) fn take(&mut self, group: usize, bucket: i64, sample: &Sample) {
        let Some(group) = self.groups.get_mut(group) else { return };
        let Some(found) = group.buckets.get_mut(&bucket) else { return };
        found.rollup.forget(&sample.call());
        if !found.stale {
            for (tally, timing) in found.tallies.iter_mut().zip(TIMINGS) {
                tally.take(self.layout.of(timing), sample.said(timing));
            }
        }
        if found.rollup.is_empty() {
            group.buckets.remove(&bucket);
        }
    }

    /// Other thresholds count from now on. Tallies before are gone: those of `counted_again` come
    /// from samples, others only about, from histograms.
    pub(super) fn lay_out(&mut self, layout: Layout, counted_again: Range<i64>) {
        self.layout = layout;
        for group in &mut self.groups {
            for (at, bucket) in &mut group.buckets {
                bucket.tallies = Default::default();
                bucket.stale = !counted_again.contains(at);
            }
        }
    }

    /// Counts only by how a call compares with thresholds: its rollup is here already.
    pub(super) fn tally(&mut self, group: usize, bucket: i64, sample: &Sample) {
        let Some(group) = self.groups.get_mut(group) else { return };
        let Some(bucket) = group.buckets.get_mut(&bucket).filter(|b| !b.stale) else { return };
        for (tally, timing) in bucket.tallies.iter_mut().zip(TIMINGS) {
            tally.add(self.layout.of(timing), sample.said(timing));
        }
    }

    /// Lets go of buckets before this one, and of label sets that hold nothing any more where new
    /// ones found no room; whether there are such.
    pub(super) fn forget(&mut self, before: i64) -> bool {
        for group in &mut self.groups {
            group.buckets = group.buckets.split_off(&before);
        }
        if self.groups.len() < MAX_GROUPS || self.groups.iter().all(|g| !g.buckets.is_empty()) {
            return false;
        }
        self.groups.retain(|g| !g.buckets.is_empty());
        self.names = self.groups.iter().enumerate().map(|(at, g)| (g.labels.clone(), at)).collect();
        true
    }

    /// What is known of some buckets, and of calls in flight with their groups at a moment; sorted by
    /// label set.
    pub(super) fn read(
        &self,
        buckets: Range<i64>,
        open: &[(usize, Open)],
        at: UnixMicros,
    ) -> Vec<(Labels, CallSums)> {
        let mut open: Vec<(usize, Open)> = open.to_vec();
        open.sort_unstable_by_key(|(group, _)| *group);
        let mut rest = open.as_slice();
        let mut out = Vec::with_capacity(self.groups.len());
        for (at_group, group) in self.groups.iter().enumerate() {
            let mine = rest.partition_point(|(g, _)| *g <= at_group);
            let (mine, more) = rest.split_at_checked(mine).unwrap_or((&[], rest));
            rest = more;
            out.push((group.labels.clone(), group.read(&self.layout, buckets.clone(), mine, at)));
        }
        // Every rule that asks wants them in this order.
        out.sort_by(|a, b| a.0.cmp(&b.0));
        out
    }
}

impl Group {
    fn read(
        &self,
        layout: &Layout,
        range: Range<i64>,
        open: &[(usize, Open)],
        at: UnixMicros,
    ) -> CallSums {
        let mut rollup = Rollup::default();
        let mut sums = TIMINGS.map(|timing| Sum::new(layout.of(timing)));
        if range.start < range.end {
            for (_, bucket) in self.buckets.range(range) {
                rollup.merge(&bucket.rollup);
                for ((sum, tally), timing) in sums.iter_mut().zip(&bucket.tallies).zip(TIMINGS) {
                    if bucket.stale {
                        sum.add_about(&dist(&bucket.rollup, timing).histogram);
                    } else {
                        sum.add(tally);
                    }
                }
            }
        }
        for (_, call) in open {
            for (sum, timing) in sums.iter_mut().zip(TIMINGS) {
                sum.add_one(call.said(timing, at));
            }
        }
        let [latency, ttft, tpot] = sums.map(Sum::finish);
        let in_flight = open.len() as u64;
        CallSums {
            rollup: Arc::new(rollup),
            latency,
            ttft,
            tpot,
            in_flight,
            shown: Shown::default(),
        }
    }
}

/// The values of a timing in a rollup: those of successes.
pub(super) const fn dist(rollup: &Rollup, timing: Timing) -> &Dist {
    match timing {
        Timing::Latency => &rollup.latency,
        Timing::Ttft => &rollup.ttft,
        Timing::Tpot => &rollup.tpot,
    }
}
