//! The best split where a season repeats: the same statistic with the season projected out, from sums made once.
//!
//! Owns the shortcut only. What a season takes of a step, and what is left of the scores after it, are suffix sums over
//! the pairs. Lifting a step out, φ and the weight of every place follow from them, so that only the making of the sums
//! asks for phases.

use super::{EXACT, PHI_MAX, ROUNDS, Season, Split, Step, largest};

/// The pairs `(z_t, z_{t−1})` without their season, and per place what a step from there on has in common with them.
///
/// Below, `u` is the step as the pairs' first members show it (from the place on) and `v` as the second ones do (from one
/// later), both without their season.
struct Sums {
    now: Vec<f64>,
    before: Vec<f64>,
    /// Σ now·v.
    now_past: Vec<f64>,
    /// Σ before·v.
    before_past: Vec<f64>,
    /// Σ u².
    first: Vec<f64>,
    /// Σ u·v.
    both: Vec<f64>,
    /// Σ v².
    second: Vec<f64>,
    /// Σ now², Σ now·before, Σ before².
    squares: (f64, f64, f64),
}

/// A place that a season leaves less than this of the step's square is not weighed: the rest is rounding.
const LEAST_WEIGHT: f64 = 1e-9;
/// Places weighed before the best of them is looked for: their gains stay in the nearest cache.
const AT_ONCE: usize = 256;

pub(super) fn best_split(scores: &[f64], season: Season<'_>, min: usize) -> Option<Split> {
    let free = scores.len() + 1 - season.period;
    let sums = Sums::of(scores, season);
    let (whole, both, below) = sums.squares;
    let phi_flat = phi(both, below);
    let left = |phi: f64| whole - 2.0 * phi * both + phi * phi * below;
    let left_flat = left(phi_flat);
    if left_flat <= 0.0 || whole <= 0.0 {
        return None;
    }
    let mut fitted = phi_flat;
    let mut step = sums.scan(fitted, min)?;
    for _ in 0..ROUNDS {
        fitted = sums.lifted_phi(step);
        step = sums.scan(fitted, min)?;
    }
    let least = EXACT * whole;
    let rest = (left(fitted) - step.gain).max(least);
    let ratio = (free as f64 * (left_flat.max(least) / rest).ln()).max(0.0);
    Some(Split { at: step.at, ratio, phi: fitted, free })
}

/// Conditional least squares. Negative values are taken as none: that is the cautious side, and keeps independent noise
/// from paying for an estimate it does not need.
fn phi(both: f64, below: f64) -> f64 {
    if below > 0.0 { (both / below).clamp(0.0, PHI_MAX) } else { 0.0 }
}

/// What a season does to the pairs of one phase.
#[derive(Clone, Copy, Default)]
struct Phase {
    /// Sums of the pairs' members at first, then their means.
    now: f64,
    before: f64,
    /// Pairs at first, then one over them.
    share: f64,
    /// Pairs after the place looked at.
    own: f64,
}

impl Phase {
    fn all(scores: &[f64], season: Season<'_>) -> Vec<Self> {
        let mut phases = vec![Self::default(); season.period];
        for (pair, phase) in scores.windows(2).zip(season.phases) {
            let phase = &mut phases[*phase];
            phase.before += pair[0];
            phase.now += pair[1];
            phase.share += 1.0;
        }
        for phase in phases.iter_mut().filter(|p| p.share > 0.0) {
            phase.now /= phase.share;
            phase.before /= phase.share;
            phase.share = phase.share.recip();
        }
        phases
    }
}

impl Sums {
    fn of(scores: &[f64], season: Season<'_>) -> Self {
        let pairs = scores.len() - 1;
        let mut phases = Phase::all(scores, season);
        let empty = || vec![0.0; pairs];
        let (mut now, mut before) = (empty(), empty());
        let (mut now_past, mut before_past) = (empty(), empty());
        let (mut first, mut both, mut second) = (empty(), empty(), empty());
        let (mut a, mut b, mut taken, mut points) = (0.0, 0.0, 0.0, 0.0);
        let mut squares = (0.0, 0.0, 0.0);
        for i in (0..pairs).rev() {
            let phase = &mut phases[season.phases[i]];
            let (own, share) = (phase.own, phase.share);
            phase.own += 1.0;
            let (y, x) = (scores[i + 1] - phase.now, scores[i] - phase.before);
            (now[i], before[i]) = (y, x);
            (now_past[i], before_past[i]) = (a, b);
            second[i] = points - taken;
            both[i] = points - taken - share * own;
            taken += (2.0 * own + 1.0) * share;
            points += 1.0;
            first[i] = points - taken;
            a += y;
            b += x;
            squares = (squares.0 + y * y, squares.1 + y * x, squares.2 + x * x);
        }
        Self { now, before, now_past, before_past, first, both, second, squares }
    }

    /// φ of what a step leaves.
    fn lifted_phi(&self, step: Step) -> f64 {
        let i = step.at - 1;
        let (height, (_, both, below)) = (step.height, self.squares);
        let crossed = self.now_past[i] + self.before_past[i] + self.before[i];
        phi(
            both + height * (height * self.both[i] - crossed),
            below + height * (height * self.second[i] - 2.0 * self.before_past[i]),
        )
    }

    /// What a step at a pair has in common with the whitened scores, and its own square, whitened.
    fn fit(&self, i: usize, phi: f64) -> (f64, f64) {
        let later = 1.0 - phi;
        let white = self.now[i] - phi * self.before[i];
        let past = self.now_past[i] - phi * self.before_past[i];
        // Whitened, a step is `u − φ v`: 1 at its first point, `1 − φ` later.
        let weight = self.first[i] - 2.0 * phi * self.both[i] + phi * phi * self.second[i];
        (white + later * past, weight)
    }

    /// The step that explains most under φ, over all places with `min` points a side.
    fn scan(&self, phi: f64, min: usize) -> Option<Step> {
        let (from, to) = (min - 1, self.now.len() + 1 - min);
        let mut gains = [0.0; AT_ONCE];
        let (mut most, mut found) = (0.0, None);
        let mut start = from;
        while start < to {
            let end = (start + AT_ONCE).min(to);
            let gains = &mut gains[..end - start];
            self.gains(start, phi, gains);
            let highest = largest(gains);
            // The last of equals, as a scan from the end finds it.
            if highest >= most {
                most = highest;
                found = gains.iter().rposition(|g| *g >= most).map(|i| start + i);
            }
            start = end;
        }
        let i = found?;
        let (overlap, weight) = self.fit(i, phi);
        (weight > LEAST_WEIGHT).then(|| Step { at: i + 1, height: overlap / weight, gain: most })
    }

    /// What a step at each of some places explains, beginning with one.
    fn gains(&self, start: usize, phi: f64, gains: &mut [f64]) {
        let range = start..start + gains.len();
        let later = 1.0 - phi;
        let (now, before) = (&self.now[range.clone()], &self.before[range.clone()]);
        let (now_past, before_past) =
            (&self.now_past[range.clone()], &self.before_past[range.clone()]);
        let (first, both, second) =
            (&self.first[range.clone()], &self.both[range.clone()], &self.second[range]);
        for (i, gain) in gains.iter_mut().enumerate() {
            let past = now_past[i] - phi * before_past[i];
            let overlap = now[i] - phi * before[i] + later * past;
            let weight = first[i] - 2.0 * phi * both[i] + phi * phi * second[i];
            *gain = if weight > LEAST_WEIGHT { overlap * overlap / weight } else { 0.0 };
        }
    }
}
