//! The slope of a history: how much it rises per point, robustly, with an interval that knows about autocorrelation.
//!
//! Owns Theil–Sen (Theil 1950, Sen 1968): the median of all pairwise slopes, and its interval from the order
//! statistics of those slopes at `z · √var(S)`, S being Kendall's. Under autocorrelation var(S) is larger: it is multiplied by
//! `(1 + φ) / (1 − φ)`, φ being that of the residuals. Refuses to call a slope a regression.

use super::scores::normal_quantile;

/// Pairs grow with the square; beyond this many points the medians of equal blocks stand for them.
const MOST: usize = 1_000;
/// The fewest points a slope is told for: an interval from fewer has no pairs to its sides.
const FEWEST: usize = 5;
/// Confidence of the interval.
const CONFIDENCE: f64 = 0.95;
/// Most autocorrelation corrected for; a history beyond it is a random walk, which has no slope.
const PHI_MAX: f64 = 0.95;

/// A slope and its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slope {
    /// Change per point.
    pub per_point: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Upper end of the 95 % interval.
    pub high: f64,
    /// Autocorrelation of what the slope leaves, from one point to the next.
    pub phi: f64,
}

/// Theil–Sen slope per point; nothing for fewer than five finite values.
#[must_use]
pub fn slope(values: &[f64]) -> Option<Slope> {
    let points: Vec<(f64, f64)> = values
        .iter()
        .enumerate()
        .filter(|(_, v)| v.is_finite())
        .map(|(t, v)| (t as f64, *v))
        .collect();
    if points.len() < FEWEST {
        return None;
    }
    let size = points.len().div_ceil(MOST);
    let blocks: Vec<(f64, f64)> = points.chunks(size).map(block).collect();
    let mut slopes = Vec::with_capacity(blocks.len() * (blocks.len() - 1) / 2);
    for (i, a) in blocks.iter().enumerate() {
        slopes.extend(blocks.iter().skip(i + 1).map(|b| (b.1 - a.1) / (b.0 - a.0)));
    }
    slopes.sort_unstable_by(f64::total_cmp);
    let per_point = median_of_sorted(&slopes);
    let phi = residual_phi(&blocks, per_point);
    let n = blocks.len() as f64;
    let inflation = (1.0 + phi) / (1.0 - phi);
    let spread = (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0 * inflation).sqrt();
    let reach = normal_quantile(0.5 + CONFIDENCE / 2.0) * spread;
    let count = slopes.len();
    let (low, high) = ranks(count, reach);
    Some(Slope { per_point, low: slopes.get(low).copied()?, high: slopes.get(high).copied()?, phi })
}

/// Places of the interval's ends among the sorted slopes (Sen 1968), as scipy's `theilslopes` has them.
fn ranks(count: usize, reach: f64) -> (usize, usize) {
    let last = count as f64 - 1.0;
    let low = ((count as f64 - reach) / 2.0).round_ties_even() - 1.0;
    let high = ((count as f64 + reach) / 2.0).round_ties_even();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 0..=last"
    )]
    let index = |rank: f64| rank.clamp(0.0, last) as usize;
    (index(low), index(high))
}

fn block(points: &[(f64, f64)]) -> (f64, f64) {
    let mut values: Vec<f64> = points.iter().map(|p| p.1).collect();
    values.sort_unstable_by(f64::total_cmp);
    let time = points.iter().map(|p| p.0).sum::<f64>() / points.len() as f64;
    (time, median_of_sorted(&values))
}

/// Lag-one autocorrelation after the slope, corrected for its bias of about `(1 + 4φ) / n` (Kendall 1954, with the
/// slope's own share); none where it is negative.
fn residual_phi(points: &[(f64, f64)], slope: f64) -> f64 {
    let mut left: Vec<f64> = points.iter().map(|p| p.1 - slope * p.0).collect();
    let mean = left.iter().sum::<f64>() / left.len() as f64;
    for l in &mut left {
        *l -= mean;
    }
    let below: f64 = left.iter().map(|l| l * l).sum();
    let above: f64 = left.windows(2).map(|w| w[0] * w[1]).sum();
    if below <= 0.0 {
        return 0.0;
    }
    let phi = above / below;
    (phi + (1.0 + 4.0 * phi) / left.len() as f64).clamp(0.0, PHI_MAX)
}

/// The median of values in any order, which it changes; 0 of none.
pub(super) fn median_of(values: &mut [f64]) -> f64 {
    let n = values.len();
    if n == 0 {
        return 0.0;
    }
    let (below, high, _) = values.select_nth_unstable_by(n / 2, f64::total_cmp);
    let high = *high;
    if n % 2 == 1 {
        return high;
    }
    let low = below.iter().copied().max_by(f64::total_cmp).unwrap_or(high);
    low + (high - low) / 2.0
}

/// The median of sorted values; 0 of none.
pub(super) fn median_of_sorted(sorted: &[f64]) -> f64 {
    let n = sorted.len();
    match (sorted.get(n / 2), sorted.get(n.saturating_sub(1) / 2)) {
        (Some(high), Some(low)) => low + (high - low) / 2.0,
        _ => 0.0,
    }
}
