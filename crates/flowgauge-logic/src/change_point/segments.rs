//! A history divided into stretches of one level each.
//!
//! Owns binary segmentation, the level each stretch is tested at, the second look at each place between its final
//! neighbours, and the growth of published points. A stretch is tested at the share of the level that its length has in
//! the whole, and only once the stretch around it was split: so the level holds for the whole tree of tests.

use super::null::p_value;
use super::scores::{Ranked, less, ranked, scores_of};
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
/// A history made ready: finite values without season, with their places and phases.
struct History {
    places: Vec<usize>,
    phases: Vec<usize>,
    raw: Vec<f64>,
    flat: Vec<f64>,
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

/// A stretch and its values, ranked: what a stretch holds is picked from the one it is part of, which costs a look at each
/// value instead of about ten comparisons.
struct Stretch {
    start: usize,
    end: usize,
    ranked: Ranked,
}

/// Boundaries and the stretches between them.
struct Division {
    found: Vec<Found>,
    stretches: Vec<Stretch>,
}

pub(super) fn find(values: &[f64], settings: &Settings) -> Vec<ChangePoint> {
    let (mut history, whole) = History::new(values, settings);
    let level = CAUTION * settings.level;
    let mut division = Division { found: Vec::new(), stretches: vec![whole] };
    let found = history.divide(level, &mut division);
    if found && history.period > 1 {
        // What was found so far only says where levels are, so that the season can be told without them.
        let whole = history.take_season_out(&division.levels());
        division.stretches = whole.at(&division.bounds());
        division.settle(&history, level, 1);
        if history.divide(level, &mut division) {
            division.settle(&history, level, 2);
        }
    } else if found {
        division.settle(&history, level, 2);
    }
    history.tell(&division)
}

pub(super) fn update(
    published: &[ChangePoint],
    values: &[f64],
    settings: &Settings,
) -> Vec<ChangePoint> {
    let (mut history, whole) = History::new(values, settings);
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
    let mut division = Division { stretches: whole.at(&bounds), found: kept };
    if history.period > 1 {
        let whole = history.take_season_out(&division.levels());
        division.stretches = whole.at(&bounds);
    }
    division.part(|stretch| history.grown(stretch, CAUTION * settings.level));
    for i in 0..division.found.len() {
        let here = division.found[i];
        if bounds.binary_search(&here.at).is_err() {
            continue;
        }
        let around = division.around(i);
        if let Some(better) = history.split(&around, 1.0)
            && better.at != here.at
            && better.evidence >= MOVE * here.evidence
        {
            division.set(i, Some(better), around);
        }
    }
    let mut told = history.tell(&division);
    // A place that did not move is told as it was published, even where the point there is missing now.
    for point in &mut told {
        if let Some(old) = published.iter().find(|c| history.same_place(c.at, point.at)) {
            point.at = old.at;
        }
    }
    told
}

impl Stretch {
    fn of(values: &[f64]) -> Self {
        Self { start: 0, end: values.len(), ranked: ranked(values) }
    }

    fn len(&self) -> usize {
        self.end - self.start
    }

    fn median(&self) -> f64 {
        middle_of(self.ranked.len(), self.ranked.iter().map(|r| r.0))
    }

    /// Medians before a place and from it on.
    fn medians(&self, at: usize) -> (f64, f64) {
        let before = self.ranked.iter().filter(|r| (r.1 as usize) < at).map(|r| r.0);
        let after = self.ranked.iter().filter(|r| (r.1 as usize) >= at).map(|r| r.0);
        (middle_of(at - self.start, before), middle_of(self.end - at, after))
    }

    /// The stretches between bounds that lie within.
    fn at(self, bounds: &[usize]) -> Vec<Self> {
        if bounds.is_empty() {
            return vec![self];
        }
        let ends = bounds.iter().copied().chain(std::iter::once(self.end));
        let mut start = self.start;
        let mut stretches: Vec<Self> = Vec::with_capacity(bounds.len() + 1);
        let mut which = vec![0_usize; self.len()];
        for (i, end) in ends.enumerate() {
            which[start - self.start..end - self.start].fill(i);
            stretches.push(Self { start, end, ranked: Vec::with_capacity(end - start) });
            start = end;
        }
        for one in self.ranked {
            stretches[which[one.1 as usize - self.start]].ranked.push(one);
        }
        stretches
    }

    /// One of two neighbours.
    fn joined(&self, next: &Self) -> Self {
        let mut ranked = Vec::with_capacity(self.len() + next.len());
        let (mut left, mut right) = (self.ranked.as_slice(), next.ranked.as_slice());
        while let (Some(a), Some(b)) = (left.first(), right.first()) {
            if less(a, b).is_lt() {
                ranked.push(*a);
                left = &left[1..];
            } else {
                ranked.push(*b);
                right = &right[1..];
            }
        }
        ranked.extend_from_slice(left);
        ranked.extend_from_slice(right);
        Self { start: self.start, end: next.end, ranked }
    }
}

/// The median of so many values in rising order; 0 of none.
fn middle_of(n: usize, rising: impl Iterator<Item = f64>) -> f64 {
    let mut middle = rising.skip(n.saturating_sub(1) / 2);
    let Some(low) = middle.next() else { return 0.0 };
    if n % 2 == 1 { low } else { middle.next().map_or(low, |high| low + (high - low) / 2.0) }
}

impl Division {
    fn bounds(&self) -> Vec<usize> {
        self.found.iter().map(|f| f.at).collect()
    }

    /// Per point, the median of its stretch.
    fn levels(&self) -> Vec<f64> {
        let of = |s: &Stretch| std::iter::repeat_n(s.median(), s.len());
        self.stretches.iter().flat_map(of).collect()
    }

    /// Divides stretches for as long as `test` finds a place in them.
    fn part(&mut self, test: impl Fn(&Stretch) -> Option<Found>) {
        let mut open = std::mem::take(&mut self.stretches);
        while let Some(stretch) = open.pop() {
            match test(&stretch) {
                Some(found) => {
                    open.extend(stretch.at(&[found.at]));
                    self.found.push(found);
                }
                None => self.stretches.push(stretch),
            }
        }
        self.found.sort_by_key(|f| f.at);
        self.stretches.sort_by_key(|s| s.start);
    }

    /// What lies to both sides of a place.
    fn around(&self, i: usize) -> Stretch {
        self.stretches[i].joined(&self.stretches[i + 1])
    }

    /// Puts a place where another was, or none; `around` is what lay to both sides of it.
    fn set(&mut self, i: usize, found: Option<Found>, around: Stretch) {
        let bounds: Vec<usize> = found.iter().map(|f| f.at).collect();
        self.found.splice(i..=i, found);
        self.stretches.splice(i..=i + 1, around.at(&bounds));
    }

    /// Looks at each place again between its neighbours: a place chosen among all others may be off once those are known,
    /// and one that no longer stands goes. Fewer places than `fewest` are left alone.
    fn settle(&mut self, history: &History, level: f64, fewest: usize) {
        let n = history.flat.len();
        let mut i = 0;
        while self.found.len() >= fewest && i < self.found.len() {
            let around = self.around(i);
            let again = history.split(&around, level).map(|again| Found {
                p: (again.p * n as f64 / around.len() as f64).min(level),
                ..again
            });
            let stays = again.is_some();
            self.set(i, again, around);
            i += usize::from(stays);
        }
    }
}

impl History {
    fn new(values: &[f64], settings: &Settings) -> (Self, Stretch) {
        let finite = || values.iter().enumerate().filter(|(_, v)| v.is_finite());
        let places: Vec<usize> = finite().map(|(t, _)| t).collect();
        let raw: Vec<f64> = finite().map(|(_, v)| *v).collect();
        let whole = Stretch::of(&raw);
        let period = season::period_by(values, settings.period, || scores_of(&whole.ranked, 0));
        let phases = places.iter().map(|t| t % period).collect();
        let min = settings.min_segment.max(FEWEST);
        let mut history = Self { places, phases, flat: raw.clone(), raw, period, min };
        if period <= 1 {
            return (history, whole);
        }
        let none = vec![0.0; history.raw.len()];
        let whole = history.take_season_out(&none);
        (history, whole)
    }

    /// Levels are those of the raw values; zeros where nothing is known of them. What is left, ranked.
    fn take_season_out(&mut self, levels: &[f64]) -> Stretch {
        self.flat = season::remove(&self.raw, &self.phases, levels, self.period);
        Stretch::of(&self.flat)
    }

    /// The best split of a stretch, if it is less likely by chance than `most` and moves the median at all.
    fn split(&self, stretch: &Stretch, most: f64) -> Option<Found> {
        let (start, end) = (stretch.start, stretch.end);
        let period = if stretch.len() >= 2 * self.period { self.period } else { 1 };
        let phases = &self.phases[start..end];
        let scores = scores_of(&stretch.ranked, u32::try_from(start).unwrap_or(u32::MAX));
        let split: Split = best_split(&scores, phases, period, self.min)?;
        let p = p_value(&split);
        if p > most {
            return None;
        }
        let at = start + split.at;
        let (before, after) = stretch.medians(at);
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

    /// Binary segmentation of what lies between the places known; whether it found any.
    fn divide(&self, level: f64, division: &mut Division) -> bool {
        let (n, known) = (self.flat.len(), division.found.len());
        division.part(|stretch| {
            let share = n as f64 / stretch.len().max(1) as f64;
            // What the rounding of two divisions may take must not decide: the product decides below.
            let mut split = self.split(stretch, 1.01 * level / share)?;
            split.p = (split.p * share).min(1.0);
            (split.p <= level).then_some(split)
        });
        division.found.len() > known
    }

    /// A new point of a stretch that is looked at again and again.
    fn grown(&self, stretch: &Stretch, level: f64) -> Option<Found> {
        let mut split = self.split(stretch, 1.01 * level / LOOKS)?;
        split.p = (split.p * LOOKS).min(1.0);
        (split.p <= level).then_some(split)
    }

    fn same_place(&self, published: usize, told: usize) -> bool {
        let at = self.places.partition_point(|p| *p < published);
        self.places.get(at) == Some(&told)
    }

    fn tell(&self, division: &Division) -> Vec<ChangePoint> {
        let medians: Vec<f64> = division.stretches.iter().map(Stretch::median).collect();
        division
            .found
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
