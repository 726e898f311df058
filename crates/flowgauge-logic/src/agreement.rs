//! How far two judges agree: difference, correlation, kappa, Krippendorff's alpha, each with its sample count.
//!
//! Owns what the audit of an evaluator rests on. Refuses a figure where it is not defined: too few
//! pairs, or a judge who says the same of everything.

use crate::regression::distribution::t_critical;
use crate::regression::moments;
use serde::Serialize;

/// 97.5 % quantile of the standard normal: intervals here are of 95 %.
const Z: f64 = 1.959_963_984_540_054;

/// Pairs below which Fisher's transformation has no interval.
const LEAST_PAIRS: usize = 4;

/// A coefficient with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Coefficient {
    /// −1 to 1.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Pairs behind it.
    pub n: usize,
}

/// By how much one judge's figures lie above another's on average, with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Difference {
    /// Mean of second − first.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Pairs behind it.
    pub n: usize,
}

/// How near two categories count as agreeing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Weighting {
    /// Only the same category agrees.
    Same,
    /// Agreement falls by steps.
    Linear,
    /// Agreement falls by squared steps.
    Quadratic,
}

/// What correlation is left when one judge's verdicts are dealt out anew: near 0, or the measure
/// is broken.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Shuffled {
    /// Mean over the deals.
    pub mean: f64,
    /// Below this in absolute value lie 95 % of the deals.
    pub bound: f64,
    /// Deals.
    pub rounds: u32,
}

/// Mean of y − x over pairs, with Student's interval (1908). Nothing for fewer than two pairs.
#[must_use]
pub fn difference(x: &[f64], y: &[f64]) -> Option<Difference> {
    if x.len() != y.len() || x.iter().chain(y).any(|v| !v.is_finite()) {
        return None;
    }
    let apart: Vec<f64> = x.iter().zip(y).map(|(x, y)| y - x).collect();
    let n = apart.len();
    let (value, spread) = (moments::mean(&apart)?, moments::variance(&apart)?);
    let half = t_critical(0.05, count(n.checked_sub(1)?))? * (spread / count(n)).sqrt();
    Some(Difference { value, low: value - half, high: value + half, n })
}

/// Pearson's correlation; interval by Fisher's z (1921).
#[must_use]
pub fn pearson(x: &[f64], y: &[f64]) -> Option<Coefficient> {
    let r = correlation(x, y)?;
    interval(r, x.len(), 1.0)
}

/// Spearman's rank correlation, ties at their mean rank; interval by Fisher's z with the variance
/// of Bonett and Wright (2000), (1 + r² / 2) / (n − 3).
#[must_use]
pub fn spearman(x: &[f64], y: &[f64]) -> Option<Coefficient> {
    let r = correlation(&ranks(x)?, &ranks(y)?)?;
    interval(r, x.len(), 1.0 + r * r / 2.0)
}

fn interval(r: f64, n: usize, spread: f64) -> Option<Coefficient> {
    if n < LEAST_PAIRS {
        return None;
    }
    let half = Z * (spread / count(n - 3)).sqrt();
    let z = r.atanh();
    Some(Coefficient { value: r, low: (z - half).tanh(), high: (z + half).tanh(), n })
}

fn correlation(x: &[f64], y: &[f64]) -> Option<f64> {
    if x.len() != y.len() || x.iter().chain(y).any(|v| !v.is_finite()) {
        return None;
    }
    let (mx, my) = (mean(x)?, mean(y)?);
    let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
    for (a, b) in x.iter().zip(y) {
        xy += (a - mx) * (b - my);
        xx += (a - mx).powi(2);
        yy += (b - my).powi(2);
    }
    let scale = (xx * yy).sqrt();
    (scale > 0.0 && scale.is_finite()).then(|| (xy / scale).clamp(-1.0, 1.0))
}

/// Ranks from 1, ties at their mean.
fn ranks(values: &[f64]) -> Option<Vec<f64>> {
    if values.iter().any(|v| !v.is_finite()) {
        return None;
    }
    let mut order: Vec<(usize, f64)> = values.iter().copied().enumerate().collect();
    order.sort_by(|(_, a), (_, b)| a.total_cmp(b));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for tie in order.chunk_by(|(_, a), (_, b)| a.total_cmp(b).is_eq()) {
        let rank = count(before) + (count(tie.len()) + 1.0) / 2.0;
        for (at, _) in tie {
            if let Some(slot) = ranks.get_mut(*at) {
                *slot = rank;
            }
        }
        before += tie.len();
    }
    Some(ranks)
}

/// Cohen's kappa over categories 0 to `categories` − 1, weighted or not, with the large-sample
/// interval of Fleiss, Cohen and Everitt (1969).
#[must_use]
pub fn kappa(a: &[u8], b: &[u8], categories: u8, weighting: Weighting) -> Option<Coefficient> {
    let k = usize::from(categories);
    if a.len() != b.len() || a.is_empty() || k < 2 || a.iter().chain(b).any(|c| *c >= categories) {
        return None;
    }
    let each = 1.0 / count(a.len());
    let mut table = vec![vec![0.0; k]; k];
    let (mut rows, mut columns) = (vec![0.0; k], vec![0.0; k]);
    for (i, j) in a.iter().map(|c| usize::from(*c)).zip(b.iter().map(|c| usize::from(*c))) {
        *table.get_mut(i)?.get_mut(j)? += each;
        *rows.get_mut(i)? += each;
        *columns.get_mut(j)? += each;
    }
    let weight = |i: usize, j: usize| weighting.of(i, j, k);
    let at = |list: &[f64], i: usize| list.get(i).copied().unwrap_or(0.0);
    let over = |list: &[f64], w: &dyn Fn(usize) -> f64| {
        list.iter().enumerate().map(|(i, share)| share * w(i)).sum::<f64>()
    };
    let of_row: Vec<f64> = (0..k).map(|i| over(&columns, &|j| weight(i, j))).collect();
    let of_column: Vec<f64> = (0..k).map(|j| over(&rows, &|i| weight(i, j))).collect();
    let expected = over(&rows, &|i| at(&of_row, i));
    let cells = || {
        table
            .iter()
            .enumerate()
            .flat_map(|(i, r)| r.iter().enumerate().map(move |(j, share)| (i, j, *share)))
    };
    let observed: f64 = cells().map(|(i, j, share)| share * weight(i, j)).sum();
    let room = 1.0 - expected;
    if room <= f64::EPSILON {
        return None;
    }
    let value = (observed - expected) / room;
    let spread: f64 = cells()
        .map(|(i, j, share)| {
            let off = (at(&of_row, i) + at(&of_column, j)) * (1.0 - observed);
            share * (weight(i, j) * room - off).powi(2)
        })
        .sum();
    let middle = (observed * expected - 2.0 * expected + observed).powi(2);
    let half = Z * ((spread - middle).max(0.0) * each).sqrt() / room.powi(2);
    let (low, high) = ((value - half).max(-1.0), (value + half).min(1.0));
    Some(Coefficient { value, low, high, n: a.len() })
}

impl Weighting {
    fn of(self, i: usize, j: usize, k: usize) -> f64 {
        let steps = count(i.abs_diff(j)) / count(k - 1);
        match self {
            Self::Same => f64::from(u8::from(i == j)),
            Self::Linear => 1.0 - steps,
            Self::Quadratic => 1.0 - steps * steps,
        }
    }
}

/// Krippendorff's alpha of two judges on an interval scale: 1 − observed / expected squared
/// difference (Krippendorff 1970).
#[must_use]
pub fn alpha(x: &[f64], y: &[f64]) -> Option<f64> {
    if x.len() != y.len() || x.len() < 2 || x.iter().chain(y).any(|v| !v.is_finite()) {
        return None;
    }
    let observed = x.iter().zip(y).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / count(x.len());
    let all: Vec<f64> = x.iter().chain(y).copied().collect();
    let middle = mean(&all)?;
    let squares: f64 = all.iter().map(|v| (v - middle).powi(2)).sum();
    let expected = 2.0 * squares / count(all.len() - 1);
    (expected > 0.0).then(|| 1.0 - observed / expected)
}

/// Deals out `y` anew `rounds` times and looks at Spearman's correlation with `x`. The deals are
/// the same for the same seed.
#[must_use]
pub fn shuffled(x: &[f64], y: &[f64], rounds: u32, seed: u64) -> Option<Shuffled> {
    let (x, mut y) = (ranks(x)?, ranks(y)?);
    let mut state = seed;
    let mut found = Vec::new();
    for _ in 0..rounds {
        deal(&mut y, &mut state);
        found.push(correlation(&x, &y)?);
    }
    let mean = mean(&found)?;
    let mut sizes: Vec<f64> = found.iter().map(|r| r.abs()).collect();
    let bound = crate::quantile::exact(&mut sizes, 0.95)?;
    Some(Shuffled { mean, bound, rounds })
}

/// Fisher and Yates' shuffle, with splitmix64 (Steele, Lea, Flood 2014) for chance.
fn deal(values: &mut [f64], state: &mut u64) {
    for last in (1..values.len()).rev() {
        let bound = u128::try_from(last + 1).unwrap_or(1);
        let drawn = (u128::from(splitmix(state)) * bound) >> 64;
        values.swap(last, usize::try_from(drawn).unwrap_or(0));
    }
}

const fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / count(values.len()))
}

#[expect(clippy::cast_precision_loss, reason = "sample counts stay far below 2^53")]
fn count(n: usize) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests;
