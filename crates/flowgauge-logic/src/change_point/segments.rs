//! A history divided into stretches of one level each.
//!
//! Owns binary segmentation, the level each stretch is tested at, the second look at each place between its final
//! neighbours, and the growth of published points. A stretch is tested at the share of the level that its length has in
//! the whole, and only once the stretch around it was split: so the level holds for the whole tree of tests.

use super::null::p_value;
use super::scores::{order, scores_in};
use super::slope::median_of;
use super::split::{Split, best_split};
use super::{ChangePoint, FEWEST, Settings, season};

/// What a new point pays for repeated looks: its p-value is multiplied by this. Looking after every point while a
/// history grows to double its length finds something by chance as often as about this many independent looks; the
/// benchmark measures it on streams.
const LOOKS: f64 = 8.0;
/// Tests are made at this share of the level. At the level itself thirty kinds and lengths of noise gave false alarms in
/// 3.6 to 5.2 of a hundred series for 5 (3,000 series each): what promises a level keeps it in the worst of them, too.
const CAUTION: f64 = 0.85;
/// A place is looked for again among so many points to either side.
const NEAR: usize = 3;
/// A published point moves only for this many times its evidence.
const MOVE: f64 = 2.0;
/// Stretches shorter than this part of the whole are sorted by themselves; longer ones are picked out of the sorted whole,
/// which costs a look at every point instead of about ten comparisons for each of the stretch.
const SORTED_ALONE: usize = 8;

/// A history made ready: finite values without season, with their places and phases.
struct History {
    places: Vec<usize>,
    phases: Vec<usize>,
    raw: Vec<f64>,
    flat: Vec<f64>,
    /// Indices of `flat` from the smallest to the largest.
    order: Vec<usize>,
    period: usize,
    min: usize,
}

/// A boundary found: index into the finite values.
#[derive(Clone, Copy)]
struct Found {
    at: usize,
    p: f64,
    evidence: f64,
}

pub(super) fn find(values: &[f64], settings: &Settings) -> Vec<ChangePoint> {
    let mut history = History::new(values, settings);
    let level = CAUTION * settings.level;
    let mut found = history.divide(level, &[]);
    if history.period > 1 && !found.is_empty() {
        let bounds: Vec<usize> = found.iter().map(|f| f.at).collect();
        history.take_season_out(&history.levels(&bounds));
        found = history.settle(found, level, 1);
        found = history.divide(level, &found);
    }
    history.tell(&found)
}

pub(super) fn update(
    published: &[ChangePoint],
    values: &[f64],
    settings: &Settings,
) -> Vec<ChangePoint> {
    let mut history = History::new(values, settings);
    let n = history.raw.len();
    let mut kept: Vec<Found> = published
        .iter()
        .filter(|c| c.at > 0 && c.at < values.len())
        .map(|c| Found {
            at: history.places.partition_point(|p| *p < c.at),
            p: c.p_value,
            evidence: c.evidence,
        })
        .filter(|f| f.at > 0 && f.at < n)
        .collect();
    kept.sort_by_key(|f| f.at);
    kept.dedup_by_key(|f| f.at);
    let bounds: Vec<usize> = kept.iter().map(|f| f.at).collect();
    history.take_season_out(&history.levels(&bounds));
    let mut all = kept.clone();
    for (start, end) in stretches(&bounds, n) {
        all.extend(history.grow(start, end, CAUTION * settings.level));
    }
    all.sort_by_key(|f| f.at);
    for i in 0..all.len() {
        let here = all[i];
        if bounds.binary_search(&here.at).is_err() {
            continue;
        }
        let start = if i == 0 { 0 } else { all[i - 1].at };
        let end = all.get(i + 1).map_or(n, |f| f.at);
        if let Some(better) = history.split(start, end, 1.0)
            && better.at != here.at
            && better.evidence >= MOVE * here.evidence
        {
            all[i] = better;
        }
    }
    let mut told = history.tell(&all);
    // A place that did not move is told as it was published, even where the point there is missing now.
    for point in &mut told {
        if let Some(old) = published.iter().find(|c| history.same_place(c.at, point.at)) {
            point.at = old.at;
        }
    }
    told
}

/// The stretches between bounds.
fn stretches(bounds: &[usize], n: usize) -> impl Iterator<Item = (usize, usize)> {
    let starts = std::iter::once(0).chain(bounds.iter().copied());
    let ends = bounds.iter().copied().chain(std::iter::once(n));
    starts.zip(ends)
}

impl History {
    fn new(values: &[f64], settings: &Settings) -> Self {
        let finite = || values.iter().enumerate().filter(|(_, v)| v.is_finite());
        let places: Vec<usize> = finite().map(|(t, _)| t).collect();
        let raw: Vec<f64> = finite().map(|(_, v)| *v).collect();
        let order = order(&raw);
        let period = season::period_by(values, settings.period, || scores_in(&raw, &order));
        let phases = places.iter().map(|t| t % period).collect();
        let min = settings.min_segment.max(FEWEST);
        let mut history = Self { places, phases, flat: raw.clone(), raw, order, period, min };
        history.take_season_out(&[]);
        history
    }

    /// Levels are those of the raw values; none where nothing is known of them.
    fn take_season_out(&mut self, levels: &[f64]) {
        if self.period > 1 {
            let flat = vec![0.0; self.raw.len()];
            let levels = if levels.is_empty() { &flat } else { levels };
            self.flat = season::remove(&self.raw, &self.phases, levels, self.period);
            self.order = order(&self.flat);
        }
    }

    /// The order of a stretch, counted from its start.
    fn order(&self, start: usize, end: usize) -> Vec<usize> {
        if (end - start) * SORTED_ALONE < self.flat.len() {
            return order(&self.flat[start..end]);
        }
        let within = self.order.iter().filter(|i| (start..end).contains(*i));
        within.map(|i| i - start).collect()
    }

    /// Per point, the median of its stretch.
    fn levels(&self, bounds: &[usize]) -> Vec<f64> {
        stretches(bounds, self.flat.len())
            .flat_map(|(s, e)| std::iter::repeat_n(self.median(s, e), e - s))
            .collect()
    }

    fn median(&self, start: usize, end: usize) -> f64 {
        median_of(&mut self.flat[start..end].to_vec())
    }

    /// The best split of a stretch, if it is less likely by chance than `most` and moves the median at all.
    fn split(&self, start: usize, end: usize, most: f64) -> Option<Found> {
        let part = &self.flat[start..end];
        let period = if part.len() >= 2 * self.period { self.period } else { 1 };
        let phases = &self.phases[start..end];
        let scores = scores_in(part, &self.order(start, end));
        let split: Split = best_split(&scores, phases, period, self.min)?;
        let p = p_value(&split);
        if p > most {
            return None;
        }
        let at = start + split.at;
        let (before, after) = (self.median(start, at), self.median(at, end));
        // A lone spike among equal values splits ranks, but nothing a reader would call a change.
        if before.total_cmp(&after).is_eq() {
            return None;
        }
        let at = self.placed((start, at, end), before, after);
        Some(Found { at, p, evidence: split.ratio / 2.0 })
    }

    /// The place of a split by the values themselves. Ranks squeeze a large step until its last point
    /// before looks like its first after; a place moves where that spares half the step and more.
    fn placed(&self, (start, at, end): (usize, usize, usize), before: f64, after: f64) -> usize {
        let room = (before - after).abs() / 2.0;
        let cost = |t: usize| {
            let v = self.flat[t];
            (v - before).abs() - (v - after).abs()
        };
        // What moving the place costs, point by point, to either side.
        let (mut best, mut spared) = (at, room);
        let mut sum = 0.0;
        for t in at..(at + NEAR).min(end.saturating_sub(self.min)) {
            sum += cost(t);
            if -sum > spared {
                (best, spared) = (t + 1, -sum);
            }
        }
        sum = 0.0;
        for t in (at.saturating_sub(NEAR).max(start + self.min)..at).rev() {
            sum -= cost(t);
            if -sum > spared {
                (best, spared) = (t, -sum);
            }
        }
        best
    }

    /// Binary segmentation of what lies between the places known, then each place once more between its neighbours.
    fn divide(&self, level: f64, known: &[Found]) -> Vec<Found> {
        let n = self.flat.len();
        let mut found = known.to_vec();
        let bounds: Vec<usize> = known.iter().map(|f| f.at).collect();
        let mut open: Vec<(usize, usize)> = stretches(&bounds, n).collect();
        while let Some((start, end)) = open.pop() {
            let share = n as f64 / (end - start).max(1) as f64;
            // What the rounding of two divisions may take must not decide: the product decides below.
            let Some(mut split) = self.split(start, end, 1.01 * level / share) else { continue };
            split.p = (split.p * share).min(1.0);
            if split.p <= level {
                open.extend([(start, split.at), (split.at, end)]);
                found.push(split);
            }
        }
        if found.len() == known.len() {
            return found;
        }
        found.sort_by_key(|f| f.at);
        self.settle(found, level, 2)
    }

    /// Looks at each place again between its neighbours: a place chosen among all others may be off once those are known,
    /// and one that no longer stands goes. Fewer places than `fewest` are left alone.
    fn settle(&self, mut found: Vec<Found>, level: f64, fewest: usize) -> Vec<Found> {
        let n = self.flat.len();
        let mut i = 0;
        while found.len() >= fewest && i < found.len() {
            let start = if i == 0 { 0 } else { found[i - 1].at };
            let end = found.get(i + 1).map_or(n, |f| f.at);
            match self.split(start, end, level) {
                Some(again) => {
                    let p = (again.p * n as f64 / (end - start) as f64).min(level);
                    found[i] = Found { p, ..again };
                    i += 1;
                }
                _ => {
                    found.remove(i);
                }
            }
        }
        found
    }

    /// New points of a stretch that is looked at again and again.
    fn grow(&self, start: usize, end: usize, level: f64) -> Vec<Found> {
        let mut found = Vec::new();
        let mut open = vec![(start, end)];
        while let Some((start, end)) = open.pop() {
            let Some(mut split) = self.split(start, end, 1.01 * level / LOOKS) else { continue };
            split.p = (split.p * LOOKS).min(1.0);
            if split.p <= level {
                open.extend([(start, split.at), (split.at, end)]);
                found.push(split);
            }
        }
        found
    }

    fn same_place(&self, published: usize, told: usize) -> bool {
        let at = self.places.partition_point(|p| *p < published);
        self.places.get(at) == Some(&told)
    }

    fn tell(&self, found: &[Found]) -> Vec<ChangePoint> {
        let bounds: Vec<usize> = found.iter().map(|f| f.at).collect();
        let medians: Vec<f64> =
            stretches(&bounds, self.flat.len()).map(|(s, e)| self.median(s, e)).collect();
        found
            .iter()
            .zip(medians.windows(2))
            .map(|(f, m)| ChangePoint {
                at: self.places[f.at],
                p_value: f.p,
                before: m[0],
                after: m[1],
                evidence: f.evidence,
            })
            .collect()
    }
}
