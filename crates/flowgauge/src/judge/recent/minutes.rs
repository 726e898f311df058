//! What rule tests and replays look back on in the place of a store: rollups by minute, later by
//! hour, and scores, all in memory.

use super::sample::Sample;
use crate::logic::call::Call;
use crate::logic::rollup::Rollup;
use crate::logic::unit::{Micros, UnixMicros};
use crate::logic::window::Window;
use std::collections::{BTreeMap, HashMap};

const MINUTES_PER_HOUR: i64 = 60;
/// Minutes kept as minutes: as far back as a window over minutes reasonably begins.
const FINE: i64 = 48 * MINUTES_PER_HOUR;

/// Rollups and scores by the minute their call began.
#[derive(Debug)]
pub(super) struct Minutes {
    keep: Micros,
    newest: i64,
    fine: BTreeMap<i64, HashMap<u32, Rollup>>,
    coarse: BTreeMap<i64, HashMap<u32, Rollup>>,
    scores: BTreeMap<i64, Vec<(u32, Judged)>>,
}

/// One score or rating.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Judged {
    /// Quality, 0–1.
    Quality(f64),
    /// 1 to 5.
    Rating(u8),
}

impl Minutes {
    pub(super) const fn new(keep: Micros) -> Self {
        Self {
            keep,
            newest: i64::MIN,
            fine: BTreeMap::new(),
            coarse: BTreeMap::new(),
            scores: BTreeMap::new(),
        }
    }

    pub(super) fn add(&mut self, start: UnixMicros, series: u32, call: &Call) {
        let minute = start.minute();
        self.advance(minute);
        self.at(minute).entry(series).or_default().record(call);
    }

    pub(super) fn take(&mut self, sample: &Sample) {
        let minute = sample.start.minute();
        if let Some(rollup) = self.at(minute).get_mut(&sample.series) {
            rollup.forget(&sample.call());
        }
    }

    pub(super) fn judge(&mut self, start: UnixMicros, series: u32, judged: Judged) {
        self.advance(start.minute());
        self.scores.entry(start.minute()).or_default().push((series, judged));
    }

    fn at(&mut self, minute: i64) -> &mut HashMap<u32, Rollup> {
        if minute < self.newest.saturating_sub(FINE) {
            return self.coarse.entry(minute.div_euclid(MINUTES_PER_HOUR)).or_default();
        }
        self.fine.entry(minute).or_default()
    }

    /// Minutes that are old become hours, and what is too old goes.
    fn advance(&mut self, minute: i64) {
        if minute <= self.newest {
            return;
        }
        self.newest = minute;
        while let Some(oldest) = self.fine.first_entry().filter(|e| *e.key() < minute - FINE) {
            let hour = oldest.key().div_euclid(MINUTES_PER_HOUR);
            let into = self.coarse.entry(hour).or_default();
            for (series, rollup) in oldest.remove() {
                into.entry(series).or_default().merge(&rollup);
            }
        }
        let kept = i64::try_from(self.keep.0).unwrap_or(i64::MAX) / UnixMicros::MINUTE;
        let first = minute.saturating_sub(kept);
        self.coarse = self.coarse.split_off(&first.div_euclid(MINUTES_PER_HOUR));
        self.scores = self.scores.split_off(&first);
    }

    /// Rollups of a window, widened to whole minutes; old ones to whole hours.
    pub(super) fn rollups(&self, window: Window) -> impl Iterator<Item = (u32, &Rollup)> {
        let window = window.whole_minutes();
        let (from, to) = (window.from.minute(), window.to.minute().max(window.from.minute()));
        let hours = from.div_euclid(MINUTES_PER_HOUR)
            ..(to + MINUTES_PER_HOUR - 1).div_euclid(MINUTES_PER_HOUR);
        let fine = self.fine.range(from..to).map(|(_, rollups)| rollups);
        let coarse = self.coarse.range(hours).map(|(_, rollups)| rollups);
        fine.chain(coarse).flatten().map(|(series, rollup)| (*series, rollup))
    }

    /// The first moment there is anything of.
    pub(super) fn first(&self) -> Option<UnixMicros> {
        let hour = self.coarse.first_key_value().map(|(hour, _)| hour * MINUTES_PER_HOUR);
        let minute = self.fine.first_key_value().map(|(minute, _)| *minute);
        hour.or(minute).map(UnixMicros::from_minute)
    }

    /// Scores and ratings of a window, widened to whole minutes.
    pub(super) fn judged(&self, window: Window) -> impl Iterator<Item = (u32, Judged)> {
        let window = window.whole_minutes();
        let (from, to) = (window.from.minute(), window.to.minute().max(window.from.minute()));
        self.scores.range(from..to).flat_map(|(_, judged)| judged.iter().copied())
    }
}
