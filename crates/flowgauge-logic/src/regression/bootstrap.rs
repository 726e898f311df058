//! Resampling: moving blocks for series, and BCa intervals for means and ratios of independent values.

use super::distribution::{normal_cdf, normal_quantile, t_critical};
use super::generator::Generator;
use super::moments::{mean, variance};
use super::spread::block_length;

/// Draws, where work allows: 50 of them lie beyond the level of 5 %, a number that by itself strays by 14 % (√(.95 / 50)).
const DRAWS: usize = 999;
/// Block draws in all: what keeps one comparison within milliseconds.
const WORK: usize = 200_000;
/// Fewest blocks a side, as chosen: fewer are drawn again and again, and Student's t is left as it is.
const BLOCKS: usize = 8;
/// Most that a shape may widen an interval, as chosen: one odd resample shall not make every comparison inconclusive.
const WIDEST: f64 = 2.0;

/// How much wider than Student's t the studentised difference of two means is at level `alpha`, for series of this shape:
/// moving blocks (Künsch 1989), studentised by the blocks drawn (Götze and Künsch 1996). 1 where blocks are too few.
pub(super) fn stretch(base: &[f64], current: &[f64], alpha: f64) -> f64 {
    let (base, current) = (Blocks::of(base), Blocks::of(current));
    let count = base.drawn + current.drawn;
    if base.drawn < BLOCKS || current.drawn < BLOCKS {
        return 1.0;
    }
    let draws = (WORK / count).clamp(DRAWS / 5, DRAWS);
    let mut generator = Generator::of(base.means.iter().chain(&current.means));
    let mut statistics = Vec::with_capacity(draws);
    for _ in 0..draws {
        let (first, first_variance) = base.draw(&mut generator);
        let (second, second_variance) = current.draw(&mut generator);
        let t = (second - first).abs() / (first_variance + second_variance).sqrt();
        if t.is_finite() {
            statistics.push(t);
        }
    }
    let (v, w) = (base.variance(), current.variance());
    let (k, l) = (base.drawn as f64 - 1.0, current.drawn as f64 - 1.0);
    let df = (v + w).powi(2) / (v * v / k + w * w / l);
    let drawn = upper(&mut statistics, alpha);
    let ratio = drawn.zip(t_critical(alpha, df)).map_or(1.0, |(q, t)| q / t);
    ratio.clamp(1.0, WIDEST)
}

/// The value a share `alpha` of values lies above.
fn upper(values: &mut [f64], alpha: f64) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let above = whole(alpha * (values.len() + 1) as f64 + 0.5);
    values.get(values.len().checked_sub(above.max(1))?).copied()
}

/// The whole number of things a number that is not negative holds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates at both ends, and indices are checked where they are used"
)]
pub(super) fn whole(value: f64) -> usize {
    value as usize
}

/// Means of all blocks of a series, less their own mean, and how many a resample draws.
#[derive(Debug)]
struct Blocks {
    means: Vec<f64>,
    drawn: usize,
}

impl Blocks {
    fn of(series: &[f64]) -> Self {
        let length = block_length(series.len());
        let mut means: Vec<f64> = series.windows(length).filter_map(mean).collect();
        let centre = mean(&means).unwrap_or(0.0);
        for block in &mut means {
            *block -= centre;
        }
        Self { means, drawn: series.len() / length }
    }

    /// A resample's mean, and the variance of that mean.
    fn draw(&self, generator: &mut Generator) -> (f64, f64) {
        let (mut sum, mut squares) = (0.0, 0.0);
        for _ in 0..self.drawn {
            let block = self.means.get(generator.below(self.means.len())).copied().unwrap_or(0.0);
            sum += block;
            squares += block * block;
        }
        let k = self.drawn as f64;
        (sum / k, (squares - sum * sum / k) / (k - 1.0) / k)
    }

    fn variance(&self) -> f64 {
        variance(&self.means).unwrap_or(0.0) / self.drawn as f64
    }
}

/// A bias-corrected, accelerated interval and its two corrections.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bca {
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
    /// Bias correction.
    pub z0: f64,
    /// Acceleration.
    pub a: f64,
}

/// The BCa interval (Efron 1987) of a smooth statistic of independent values: means, ratios, cost. Not for raw sample
/// quantiles, where the jackknife in `a` is inconsistent. `None` for fewer than three values or where nothing varies.
#[must_use]
pub fn bca(
    values: &[f64],
    confidence: f64,
    draws: usize,
    statistic: impl Fn(&[f64]) -> f64,
) -> Option<Bca> {
    if values.len() < 3 || values.iter().any(|v| !v.is_finite()) {
        return None;
    }
    let mut generator = Generator::of(values);
    let mut resample = vec![0.0; values.len()];
    let mut found: Vec<f64> = (0..draws)
        .map(|_| {
            for value in &mut resample {
                *value = values.get(generator.below(values.len())).copied().unwrap_or(0.0);
            }
            statistic(&resample)
        })
        .collect();
    found.sort_by(f64::total_cmp);
    let a = acceleration(values, &statistic)?;
    bca_of(&found, statistic(values), a, confidence)
}

/// The jackknife's `Σ(θ̄−θᵢ)³ / (6[Σ(θ̄−θᵢ)²]^{3/2})`.
#[must_use]
pub fn acceleration(values: &[f64], statistic: impl Fn(&[f64]) -> f64) -> Option<f64> {
    let left_out: Vec<f64> = (0..values.len())
        .map(|out| {
            let rest: Vec<f64> =
                values.iter().enumerate().filter(|(i, _)| *i != out).map(|(_, v)| *v).collect();
            statistic(&rest)
        })
        .collect();
    let centre = mean(&left_out)?;
    let power = |k| left_out.iter().map(|t| (centre - t).powi(k)).sum::<f64>();
    Some(power(3) / (6.0 * power(2).powf(1.5))).filter(|a| a.is_finite())
}

/// The interval from sorted resampled statistics.
#[must_use]
pub fn bca_of(sorted: &[f64], estimate: f64, a: f64, confidence: f64) -> Option<Bca> {
    let below = sorted.partition_point(|t| *t < estimate);
    // Ties count half, as everywhere where a statistic is discrete.
    let ties = sorted.partition_point(|t| *t <= estimate) - below;
    let z0 = normal_quantile((below as f64 + ties as f64 / 2.0) / sorted.len() as f64)?;
    let bound = |p: f64| {
        let z = z0 + normal_quantile(p)?;
        interpolated(sorted, normal_cdf(z0 + z / (1.0 - a * z)))
    };
    let tail = (1.0 - confidence) / 2.0;
    Some(Bca { low: bound(tail)?, high: bound(1.0 - tail)?, z0, a })
}

/// Quantile of sorted values, between neighbours linearly.
fn interpolated(sorted: &[f64], p: f64) -> Option<f64> {
    let at = p * (sorted.len().checked_sub(1)? as f64);
    let lower = whole(at);
    let (low, high) = (sorted.get(lower)?, sorted.get(lower + 1).or(sorted.get(lower))?);
    Some(low + (at - lower as f64) * (high - low)).filter(|q| q.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: [f64; 10] = [1.2, 3.4, 2.2, 9.1, 4.4, 5.0, 1.1, 2.8, 7.7, 3.3];

    #[test]
    fn bca_agrees_with_scipy_within_its_own_error() {
        // scipy.stats.bootstrap((VALUES,), numpy.mean, n_resamples=99999, method="BCa", random_state=1): 2.73, 5.91; its
        // draws are others than ours, so bounds agree within the error of percentiles of 20 000 draws.
        let found = bca(&VALUES, 0.95, 20_000, |v| mean(v).unwrap_or(0.0)).unwrap();
        assert!((found.low - 2.73).abs() < 0.06 && (found.high - 5.91).abs() < 0.08, "{found:?}");
        // Exactly the jackknife of numpy: (d**3).sum() / 6 / (d**2).sum() ** 1.5.
        assert!((found.a - 0.042_413_015_875_161_185).abs() < 1e-12);
        assert_eq!(bca(&[1.0, 1.0, 1.0], 0.95, 100, |v| v[0]), None);
    }

    #[test]
    fn normal_shapes_are_not_stretched_and_few_blocks_are_left_alone() {
        let mut generator = Generator::of(&[3.0]);
        let mut normal =
            || (0..12).map(|_| generator.below(1000) as f64 / 1000.0).sum::<f64>() - 6.0;
        let (base, current): (Vec<f64>, Vec<f64>) =
            ((0..168).map(|_| normal()).collect(), (0..168).map(|_| normal()).collect());
        let found = stretch(&base, &current, 0.05);
        assert!((1.0..1.15).contains(&found), "{found}");
        assert!((stretch(&base[..7], &current[..7], 0.05) - 1.0).abs() < 1e-12);
    }
}
