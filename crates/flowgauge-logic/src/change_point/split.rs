//! The best place to split one stretch of scores in two, and how much better two levels explain it than one.
//!
//! Owns the statistic: the logarithm of the likelihood ratio between "a step at k, with AR(1) noise" and "no step, with
//! AR(1) noise", maximised over k. It is a CUSUM with a max null whose variance is the long-run variance of the residuals
//! *after* the fitted step. The step is matched as autocorrelated noise shows it: whitened by φ, a step is a full jump at
//! its first point and a jump of `1 − φ` at all later ones. Seasons are projected out, so that every k is weighed by what
//! the season leaves of it. Refuses to say how likely the statistic is by chance: that is `null`.

mod plain;

/// Largest autocorrelation believed in: beyond it a level and a wandering mean cannot be told apart within any history
/// kept, and the whitened step vanishes.
const PHI_MAX: f64 = 0.95;
/// Rounds of "fit the step, then φ from what is left". The fit changes little after the second.
const ROUNDS: usize = 2;
/// A residual below this share of the whole is rounding, not noise: steps in noiseless data would be infinitely likely.
const EXACT: f64 = 1e-9;

/// A best split.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Split {
    /// The first point after.
    pub at: usize,
    /// Twice the logarithm of the likelihood ratio; never negative.
    pub ratio: f64,
    /// Lag-one autocorrelation of the scores, after the step.
    pub phi: f64,
    /// Points less what the season took.
    pub free: usize,
}

/// Which phase each pair belongs to.
#[derive(Clone, Copy)]
struct Season<'a> {
    phases: &'a [usize],
    period: usize,
}

impl Season<'_> {
    fn phase(&self, pair: usize) -> usize {
        if self.period <= 1 { 0 } else { self.phases[pair] }
    }
}

/// The pairs `(z_t, z_{t−1})` with the season taken out.
struct Pairs {
    now: Vec<f64>,
    before: Vec<f64>,
}

/// A step fitted under a given φ.
#[derive(Clone, Copy)]
struct Step {
    at: usize,
    height: f64,
    gain: f64,
}

/// The best split of `scores` with at least `min` points a side. `phases` are the places in the season, below `period`;
/// a period of 1 means no season.
///
/// Nothing where there are too few points, or where no split explains anything.
#[must_use]
pub(super) fn best_split(
    scores: &[f64],
    phases: &[usize],
    period: usize,
    min: usize,
) -> Option<Split> {
    let n = scores.len();
    let min = min.max(2);
    // Pairs begin with the second point.
    let season = Season { phases: phases.get(1..).unwrap_or_default(), period };
    if n < 2 * min || n < period + 4 || (period > 1 && phases.len() != n) {
        return None;
    }
    if period <= 1 {
        return plain::best_split(scores, min);
    }
    let free = n + 1 - period;
    let flat = Pairs::new(scores, season);
    let phi_flat = flat.phi();
    let left_flat = flat.left(phi_flat);
    let whole = square_sum(&flat.now);
    if left_flat <= 0.0 || whole <= 0.0 {
        return None;
    }
    let mut phi = phi_flat;
    let mut step = scan(&flat, phi, season, min)?;
    for _ in 0..ROUNDS {
        phi = lifted_phi(scores, step, season);
        step = scan(&flat, phi, season, min)?;
    }
    let left = (flat.left(phi) - step.gain).max(EXACT * whole);
    let ratio = (free as f64 * (left_flat.max(EXACT * whole) / left).ln()).max(0.0);
    Some(Split { at: step.at, ratio, phi, free })
}

/// φ of what a step leaves, the season taken out: from sums per phase, in one look at the scores.
fn lifted_phi(scores: &[f64], step: Step, season: Season<'_>) -> f64 {
    let mut phases = vec![(0.0_f64, 0.0_f64, 0.0_f64); season.period];
    let (mut both, mut squares) = (0.0, 0.0);
    let lifted = |t: usize| if t >= step.at { scores[t] - step.height } else { scores[t] };
    let mut before = lifted(0);
    for t in 1..scores.len() {
        let now = lifted(t);
        let phase = &mut phases[season.phase(t - 1)];
        *phase = (phase.0 + now, phase.1 + before, phase.2 + 1.0);
        both += now * before;
        squares += before * before;
        before = now;
    }
    for (now, before, points) in phases {
        if points > 0.0 {
            both -= now * before / points;
            squares -= before * before / points;
        }
    }
    if squares > 0.0 { (both / squares).clamp(0.0, PHI_MAX) } else { 0.0 }
}

impl Pairs {
    fn new(scores: &[f64], season: Season<'_>) -> Self {
        let now = without_season(scores.get(1..).unwrap_or_default(), season);
        let before = without_season(
            scores.get(..scores.len().saturating_sub(1)).unwrap_or_default(),
            season,
        );
        Self { now, before }
    }

    /// Conditional least squares. Negative values are taken as none: that is the cautious side, and keeps independent
    /// noise from paying for an estimate it does not need.
    fn phi(&self) -> f64 {
        let below = square_sum(&self.before);
        let above: f64 = self.now.iter().zip(&self.before).map(|(a, b)| a * b).sum();
        if below > 0.0 { (above / below).clamp(0.0, PHI_MAX) } else { 0.0 }
    }

    /// What is left of the square sum once φ has explained its part.
    fn left(&self, phi: f64) -> f64 {
        self.now.iter().zip(&self.before).map(|(a, b)| (a - phi * b).powi(2)).sum()
    }
}

/// The step that explains most under φ, over all places with `min` points a side.
fn scan(pairs: &Pairs, phi: f64, season: Season<'_>, min: usize) -> Option<Step> {
    let n = pairs.now.len() + 1;
    let later = 1.0 - phi;
    // Per phase: points in all (inverted), and points after k.
    let mut share = vec![0.0_f64; season.period];
    for t in 1..n {
        share[season.phase(t - 1)] += 1.0;
    }
    for s in &mut share {
        *s = if *s > 0.0 { s.recip() } else { 0.0 };
    }
    let mut after = vec![0.0_f64; season.period];
    let (mut points, mut squares, mut sum) = (0.0_f64, 0.0_f64, 0.0_f64);
    let mut best: Option<Step> = None;
    for k in (min..n).rev() {
        let phase = season.phase(k - 1);
        let white = pairs.now[k - 1] - phi * pairs.before[k - 1];
        let (of, own) = (share[phase], after[phase]);
        if k <= n - min {
            let overlap = white + later * sum;
            let weight = 1.0 + later * later * (points - squares) - of * (2.0 * later * own + 1.0);
            if weight > 1e-9 {
                let gain = overlap * overlap / weight;
                if best.is_none_or(|b| gain > b.gain) {
                    best = Some(Step { at: k, height: overlap / weight, gain });
                }
            }
        }
        sum += white;
        points += 1.0;
        squares += (2.0 * own + 1.0) * of;
        after[phase] = own + 1.0;
    }
    best
}

/// Minus the mean of each phase.
fn without_season(values: &[f64], season: Season<'_>) -> Vec<f64> {
    let mut sums = vec![(0.0_f64, 0.0_f64); season.period];
    for (t, v) in values.iter().enumerate() {
        let s = &mut sums[season.phase(t)];
        s.0 += v;
        s.1 += 1.0;
    }
    values
        .iter()
        .enumerate()
        .map(|(t, v)| {
            let (sum, count) = sums[season.phase(t)];
            v - sum / count
        })
        .collect()
}

fn square_sum(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum()
}
