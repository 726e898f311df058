//! How likely a split statistic is by chance, where nothing changed.
//!
//! Owns the reading of the embedded null table. The null of the *maximum* over all splits is what is tabulated, so that a
//! p-value is that of a split that was selected. The table is indexed by length and by autocorrelation and interpolated in
//! both (in the logarithm of the length; a bucketed table makes p jump where one point is added). An estimate of φ is too
//! low in short series, more so after a fitted step: it is taken to the φ whose median estimate it is (Andrews 1993,
//! median-unbiased estimation) before the table is read.

use super::null_table::{LENGTHS, MEDIAN_PHI, PHIS, QUANTILES, TAILS};
use super::split::Split;

/// Slopes of `ln p` allowed beyond the table's last column. Half a unit a point is that of a χ² tail, the steepest the
/// statistic can have; the bound below keeps simulation noise out of the extrapolation.
const STEEPEST: f64 = 0.5;
const FLATTEST: f64 = 0.35;
/// Smallest p-value told: below this the extrapolated tail means nothing but "never".
const SMALLEST: f64 = 1e-12;

/// The probability that the best split of a series without change reaches this ratio.
#[must_use]
pub(super) fn p_value(split: &Split) -> f64 {
    let (row, toward) = place(LENGTHS, split.free as f64, f64::ln);
    let medians: Vec<f64> =
        (0..PHIS.len()).map(|j| mix(MEDIAN_PHI[row][j], MEDIAN_PHI[row + 1][j], toward)).collect();
    let (column, across) = place(&medians, split.phi, |x| x);
    let quantile = |q: usize| {
        let at = |r: usize| mix(QUANTILES[r][column][q], QUANTILES[r][column + 1][q], across);
        mix(at(row), at(row + 1), toward)
    };
    let quantiles: Vec<f64> = (0..TAILS.len()).map(quantile).collect();
    tail(&quantiles, split.ratio).clamp(SMALLEST, 1.0)
}

/// Linear in `ln p` between the tabulated quantiles.
fn tail(quantiles: &[f64], ratio: f64) -> f64 {
    let last = quantiles.len() - 1;
    let above = quantiles.partition_point(|q| *q <= ratio);
    if above == 0 {
        return mix(1.0, TAILS[0], ratio / quantiles[0].max(f64::MIN_POSITIVE));
    }
    let (low, high) = if above > last { (last - 1, last) } else { (above - 1, above) };
    let run = (quantiles[high] - quantiles[low]).max(f64::MIN_POSITIVE);
    let slope = (TAILS[low] / TAILS[high]).ln() / run;
    if above > last {
        let slope = slope.clamp(FLATTEST, STEEPEST);
        return TAILS[last] * (-slope * (ratio - quantiles[last])).exp();
    }
    TAILS[low] * (-slope * (ratio - quantiles[low])).exp()
}

/// The cell of a rising grid a value lies in, and how far in; values outside take the nearest edge.
fn place(grid: &[f64], value: f64, scale: fn(f64) -> f64) -> (usize, f64) {
    let above = grid.partition_point(|g| *g <= value).clamp(1, grid.len() - 1);
    let (low, high) = (scale(grid[above - 1]), scale(grid[above]));
    let share = if high > low { (scale(value) - low) / (high - low) } else { 0.0 };
    (above - 1, share.clamp(0.0, 1.0))
}

fn mix(a: f64, b: f64, share: f64) -> f64 {
    a + (b - a) * share
}
