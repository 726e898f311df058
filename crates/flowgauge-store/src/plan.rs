//! Which rollups answer a question: whole hours where they fit, minutes at the edges and in memory.

use crate::bytes::Damage;
use crate::live::{SeriesTable, total_of};
use crate::packed::Peeked;
use crate::seal::{HOUR_LEVEL, MINUTE_LEVEL, MINUTES_PER_HOUR};
use crate::{Group, RollupQuery, Step};
use flowgauge_logic::call::{Call, Door, Source, Text};
use flowgauge_logic::id::CallId;
use flowgauge_logic::rollup::{Dim, Rollup, SeriesKey, Spreads};
use flowgauge_logic::unit::UnixMicros;
use std::borrow::Cow;
use std::collections::HashMap;

use sum::Sum;

mod sum;

/// Up to so many sums have a count for each bucket, some 10 KiB a distribution: what a page asks for. More are kept as they
/// are stored, which is slower and a fifth of the room.
const DENSE: usize = 512;

/// A stretch of one level: buckets from, up to and not including.
pub(crate) type Stretch = (i64, i64, i64);

/// A question made ready.
#[derive(Debug)]
pub(crate) struct Plan {
    from: i64,
    to: i64,
    /// First minute that has rollups of its own; before it there are hours.
    minutes_from: i64,
    step: Option<i64>,
    /// What of each rollup is wanted whole: all of them are cut alike.
    spreads: Spreads,
    /// Group of each series that counts.
    pub(crate) series: HashMap<u32, usize>,
    groups: Vec<Vec<Text>>,
    sums: HashMap<(i64, usize), Sum>,
    /// Whether sums keep a count for each bucket.
    dense: bool,
    /// Taken away at the end: what it was added by may come later, from disk.
    taken: HashMap<(i64, usize), Rollup>,
}

impl Plan {
    pub(crate) fn new(
        query: &RollupQuery,
        spreads: Spreads,
        table: &SeriesTable,
        minutes_from: Option<i64>,
    ) -> Self {
        let window = query.window.whole_minutes();
        let minutes_from = minutes_from.unwrap_or(i64::MIN);
        let step = match query.step {
            Step::Whole => None,
            Step::Minutes(m) => Some(i64::from(m.max(1))),
        };
        let mut plan = Self {
            from: coarse(window.from.minute(), minutes_from, 0),
            to: coarse(window.to.minute(), minutes_from, MINUTES_PER_HOUR - 1),
            minutes_from,
            step,
            spreads,
            series: HashMap::new(),
            groups: Vec::new(),
            sums: HashMap::new(),
            dense: false,
            taken: HashMap::new(),
        };
        let mut names =
            query.filter.terms.iter().map(|t| t.0).chain(query.group_by.iter().copied());
        if names.all(|d| d == Dim::Source) {
            for source in Source::ALL {
                plan.want(query, total_of(*source), &blank(*source));
            }
        } else {
            for (id, key) in table.keys() {
                plan.want(query, *id, key);
            }
        }
        let steps = step.map_or(1, |s| (plan.to - plan.from) / s + 2);
        let steps = usize::try_from(steps).unwrap_or(usize::MAX);
        plan.dense = plan.groups.len().saturating_mul(steps) <= DENSE;
        plan
    }

    fn want(&mut self, query: &RollupQuery, id: u32, key: &SeriesKey) {
        if !query.filter.accepts(key) {
            return;
        }
        let name: Vec<Text> = query.group_by.iter().map(|d| Text::from(key.get(*d))).collect();
        let known = self.groups.iter().position(|g| *g == name);
        let group = known.unwrap_or_else(|| {
            self.groups.push(name);
            self.groups.len() - 1
        });
        self.series.insert(id, group);
    }

    /// What to read from disk.
    pub(crate) fn stretches(&self) -> Vec<Stretch> {
        let (from, to) = (self.from.max(self.minutes_from), self.to);
        let mut out = Vec::with_capacity(4);
        if self.from < self.minutes_from {
            // Both are whole hours there.
            let end = self.minutes_from.min(self.to).div_euclid(MINUTES_PER_HOUR);
            out.push((HOUR_LEVEL, self.from.div_euclid(MINUTES_PER_HOUR), end));
        }
        let first = from.saturating_add(MINUTES_PER_HOUR - 1).div_euclid(MINUTES_PER_HOUR);
        let last = to.div_euclid(MINUTES_PER_HOUR);
        let whole_hours = self.step.is_none_or(|s| s % MINUTES_PER_HOUR == 0);
        if !whole_hours || first >= last {
            out.push((MINUTE_LEVEL, from, to));
            return out;
        }
        out.extend([
            (MINUTE_LEVEL, from, first * MINUTES_PER_HOUR),
            (HOUR_LEVEL, first, last),
            (MINUTE_LEVEL, last * MINUTES_PER_HOUR, to),
        ]);
        out
    }

    /// Adds a rollup of a minute if it counts.
    pub(crate) fn add(&mut self, minute: i64, series: u32, rollup: &Rollup) {
        let spreads = self.spreads;
        if let Some(sum) = self.sum(minute, series) {
            sum.add(rollup, spreads);
        }
    }

    /// Adds one as it is on disk if it counts.
    pub(crate) fn add_packed(
        &mut self,
        minute: i64,
        series: u32,
        packed: Peeked<'_>,
    ) -> Result<(), Damage> {
        let spreads = self.spreads;
        self.sum(minute, series).map_or(Ok(()), |sum| sum.add_packed(packed, spreads))
    }

    fn sum(&mut self, minute: i64, series: u32) -> Option<&mut Sum> {
        let at = self.place(minute, series)?;
        let dense = self.dense;
        Some(self.sums.entry(at).or_insert_with(|| Sum::new(dense)))
    }

    fn cut<'r>(&self, rollup: &'r Rollup) -> Cow<'r, Rollup> {
        if self.spreads == Spreads::ALL {
            Cow::Borrowed(rollup)
        } else {
            Cow::Owned(rollup.cut_to(self.spreads))
        }
    }

    /// Takes a rollup of a minute away if it counts.
    pub(crate) fn take(&mut self, minute: i64, series: u32, rollup: &Rollup) {
        if let Some(at) = self.place(minute, series) {
            let rollup = self.cut(rollup);
            self.taken.entry(at).or_default().merge(&rollup);
        }
    }

    fn place(&self, minute: i64, series: u32) -> Option<(i64, usize)> {
        if !(self.from..self.to).contains(&minute) {
            return None;
        }
        let minute = coarse(minute, self.minutes_from, 0);
        let group = self.series.get(&series)?;
        Some((self.step.map_or(self.from, |s| minute.div_euclid(s) * s), *group))
    }

    /// The answer, sorted by step, then key.
    pub(crate) fn finish(self) -> Vec<Group> {
        let Self { sums, taken, groups, .. } = self;
        let mut sums: HashMap<_, _> =
            sums.into_iter().map(|(at, sum)| (at, sum.finish())).collect();
        for (at, gone) in &taken {
            if let Some(sum) = sums.get_mut(at) {
                sum.unmerge(gone);
            }
        }
        sums.retain(|_, sum| !sum.is_empty());
        let group = |((minute, group), rollup): ((i64, usize), Rollup)| Group {
            from: UnixMicros::from_minute(minute),
            key: groups.get(group).cloned().unwrap_or_default(),
            rollup,
        };
        let mut out: Vec<Group> = sums.into_iter().map(group).collect();
        out.sort_by(|a, b| (a.from, &a.key).cmp(&(b.from, &b.key)));
        out
    }
}

/// The start of a minute's hour where only hours are known, `add` minutes later; else the minute.
fn coarse(minute: i64, minutes_from: i64, add: i64) -> i64 {
    if minute >= minutes_from {
        return minute;
    }
    minute.saturating_add(add).div_euclid(MINUTES_PER_HOUR) * MINUTES_PER_HOUR
}

/// The key of a total: the source, and of the rest what a call has that says nothing.
pub(crate) fn blank(source: Source) -> SeriesKey {
    let mut call = Call::begun(CallId([0; 16]), UnixMicros(0), UnixMicros(0), Door::Gateway);
    call.origin.source = source;
    SeriesKey::of(&call)
}
