//! The best place to split one stretch of scores in two, and how much better two levels explain it than one.
//!
//! Owns the statistic: the logarithm of the likelihood ratio between "a step at k, with AR(1) noise" and "no step, with
//! AR(1) noise", maximised over k. It is a CUSUM with a max null whose variance is the long-run variance of the residuals
//! *after* the fitted step. The step is matched as autocorrelated noise shows it: whitened by φ, a step is a full jump at
//! its first point and a jump of `1 − φ` at all later ones. Seasons are projected out, so that every k is weighed by what
//! the season leaves of it. Refuses to say how likely the statistic is by chance: that is `null`.

mod plain;
mod seasonal;

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
    if n < 2 * min || n < period + 4 || (period > 1 && phases.len() != n) {
        return None;
    }
    if period <= 1 {
        return plain::best_split(scores, min);
    }
    // Pairs begin with the second point.
    let season = Season { phases: phases.get(1..)?, period };
    seasonal::best_split(scores, season, min)
}

/// Several at a time, so that one comparison does not wait for the other.
fn largest(values: &[f64]) -> f64 {
    let mut most = [0.0_f64; 8];
    for part in values.chunks(most.len()) {
        for (m, v) in most.iter_mut().zip(part) {
            *m = if *v > *m { *v } else { *m };
        }
    }
    most.into_iter().fold(0.0, f64::max)
}
