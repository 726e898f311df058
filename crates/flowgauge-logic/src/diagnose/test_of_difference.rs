//! Whether two windows differ: shares, means, and many of either at once.
//!
//! Tests are two-sided. A difference alone is no finding: callers demand an effect as well, because
//! with many requests every difference is significant. Refuses samples too small for the normal
//! approximation.

use super::finding::{Interval, whole};
use crate::quantile::{Histogram, bucket_range};
use statrs::distribution::{ContinuousCDF, StudentsT};
use statrs::function::erf::erfc;

/// Fewest samples of a side: below, the normal approximation of a mean of skewed values is poor.
pub const LEAST: u64 = 30;
/// Chance of a false claim that one run may take, spread over everything looked at. Stricter than
/// the usual 5 %: these commands are run daily, and requests of one conversation are not independent.
pub const ALPHA: f64 = 0.01;
/// Normal quantile of a 95 % interval.
const Z95: f64 = 1.959_963_984_540_054;

/// Moments of a sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    /// How many.
    pub n: f64,
    /// Mean.
    pub mean: f64,
    /// Variance of one value, divisor n − 1.
    pub variance: f64,
}

/// How two samples differ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// After minus before.
    pub difference: f64,
    /// Its standard error.
    pub error: f64,
    /// Two-sided probability under no difference.
    pub p: f64,
}

impl Difference {
    /// From an estimate and its standard error, by the normal distribution.
    #[must_use]
    pub fn normal(difference: f64, error: f64) -> Option<Self> {
        let usable = difference.is_finite() && error.is_finite() && error > 0.0;
        usable.then(|| Self { difference, error, p: two_sided(difference / error) })
    }

    /// 95 % interval of the difference.
    #[must_use]
    pub fn interval(&self) -> Interval {
        let half = Z95 * self.error;
        Interval { low: self.difference - half, high: self.difference + half }
    }

    /// The same relative to a figure before.
    #[must_use]
    pub fn relative_to(&self, before: f64) -> Option<Interval> {
        let Interval { low, high } = self.interval();
        (before > 0.0).then(|| Interval { low: low / before, high: high / before })
    }
}

impl Moments {
    /// Of values in a histogram: the mean from the exact sum, the spread from bucket middles (error
    /// below 0.5 %).
    #[must_use]
    pub fn of(histogram: &Histogram, sum: u64) -> Option<Self> {
        let count = histogram.count();
        if count < 2 {
            return None;
        }
        let n = whole(count);
        let mean = whole(sum) / n;
        let squares: f64 = histogram
            .buckets()
            .iter()
            .map(|(bucket, count)| {
                let (low, span) = bucket_range(*bucket);
                let off = whole(low) + whole(span - 1) / 2.0 - mean;
                off * off * whole(*count)
            })
            .sum();
        Some(Self { n, mean, variance: squares / (n - 1.0) })
    }

    /// Of a share.
    #[must_use]
    pub fn of_share(part: u64, all: u64) -> Option<Self> {
        if all < 2 {
            return None;
        }
        let (n, mean) = (whole(all), whole(part) / whole(all));
        Some(Self { n, mean, variance: mean * (1.0 - mean) })
    }

    /// Variance of the mean.
    #[must_use]
    pub fn of_mean(&self) -> f64 {
        self.variance / self.n
    }
}

/// Two-sided tail of the standard normal distribution.
#[must_use]
pub fn two_sided(z: f64) -> f64 {
    erfc(z.abs() / std::f64::consts::SQRT_2).clamp(0.0, 1.0)
}

/// Welch's unequal variances test (Welch 1947), degrees of freedom by Welch–Satterthwaite.
#[must_use]
pub fn welch(before: &Moments, after: &Moments) -> Option<Difference> {
    let (a, b) = (before.of_mean(), after.of_mean());
    let error = (a + b).sqrt();
    let freedom = (a + b).powi(2) / (a * a / (before.n - 1.0) + b * b / (after.n - 1.0));
    let difference = after.mean - before.mean;
    if !(error > 0.0 && freedom.is_finite() && freedom >= 1.0) {
        return None;
    }
    let t = StudentsT::new(0.0, 1.0, freedom).ok()?;
    let p = (2.0 * t.sf((difference / error).abs())).clamp(0.0, 1.0);
    Some(Difference { difference, error, p })
}

/// Score test of two shares: the variance is that of the pooled share (Pearson 1900).
#[must_use]
pub fn shares(
    (part_before, before): (u64, u64),
    (part_after, after): (u64, u64),
) -> Option<Difference> {
    if before == 0 || after == 0 {
        return None;
    }
    let pooled = whole(part_before + part_after) / whole(before + after);
    let error = (pooled * (1.0 - pooled) * (1.0 / whole(before) + 1.0 / whole(after))).sqrt();
    Difference::normal(whole(part_after) / whole(after) - whole(part_before) / whole(before), error)
}

/// A ratio of two positive estimates whose logarithm has this standard error.
#[must_use]
pub fn ratio_interval(ratio: f64, log_error: f64) -> Option<Interval> {
    let half = Z95 * log_error;
    let log = ratio.ln();
    (log.is_finite() && half.is_finite())
        .then(|| Interval { low: (log - half).exp(), high: (log + half).exp() })
}

/// Adjusted probabilities by Benjamini and Hochberg (1995): at most so many false claims among all
/// claims, over everything that was looked at. In the order given.
#[must_use]
pub fn benjamini_hochberg(ps: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..ps.len()).collect();
    let at = |i: &usize| ps.get(*i).copied().unwrap_or(1.0);
    order.sort_by(|a, b| at(b).total_cmp(&at(a)));
    let m = order.len();
    let mut adjusted = vec![1.0; m];
    let mut least = 1.0f64;
    for (from_top, i) in order.iter().enumerate() {
        let rank = m - from_top;
        #[expect(clippy::cast_precision_loss, reason = "how many tests")]
        let scaled = at(i) * m as f64 / rank as f64;
        least = least.min(scaled);
        if let Some(slot) = adjusted.get_mut(*i) {
            *slot = least;
        }
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-9 * b.abs().max(1e-3), "{a} against {b}");
    }

    #[test]
    fn welch_matches_scipy() {
        // scipy.stats.ttest_ind_from_stats(15.0, 2.0, 40, 16.2, 3.5, 55, equal_var=False):
        // t = -2.1126..., computed here from its definition: v = .1 and .22272727.., df = 88.26..
        let before = Moments { n: 40.0, mean: 15.0, variance: 4.0 };
        let after = Moments { n: 55.0, mean: 16.2, variance: 12.25 };
        let d = welch(&before, &after).unwrap();
        near(d.error, (0.1f64 + 12.25 / 55.0).sqrt());
        assert!(d.p > 0.03 && d.p < 0.04, "{}", d.p);
    }

    #[test]
    fn the_share_test_is_pearsons() {
        // [[90, 10], [75, 25]]: chi-square without correction = 7.792207..., z² of the score test.
        let d = shares((10, 100), (25, 100)).unwrap();
        near((d.difference / d.error).powi(2), 7.792_207_792_207_792);
    }

    #[test]
    fn the_normal_tail_is_known() {
        near(two_sided(1.959_963_984_540_054), 0.05);
        assert!(two_sided(40.0) >= 0.0);
    }

    #[test]
    fn adjusted_probabilities_match_the_paper() {
        // Benjamini and Hochberg 1995, section 3.1 (15 tests); R: p.adjust(p, "BH").
        let ps = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
            0.5719, 0.6528, 0.7590, 1.0,
        ];
        let adjusted = benjamini_hochberg(&ps);
        near(adjusted[0], 0.0015);
        near(adjusted[3], 0.035_625);
        assert_eq!(adjusted.iter().filter(|p| **p <= 0.05).count(), 4, "the paper rejects four");
        near(adjusted[14], 1.0);
    }

    #[test]
    fn moments_of_a_histogram_are_those_of_its_values() {
        let mut histogram = Histogram::default();
        let values = [3u64, 7, 7, 19, 200];
        values.iter().for_each(|v| histogram.record(*v));
        let m = Moments::of(&histogram, values.iter().sum()).unwrap();
        near(m.mean, 47.2);
        // statistics.variance([3, 7, 7, 19, 200])
        near(m.variance, 7_332.2);
    }
}
