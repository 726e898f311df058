//! Quantiles looked at any time: a band around the distribution function that holds for all sample sizes at once.
//!
//! Owns the band of Howard and Ramdas (2022, "Sequential estimation of quantiles", Theorem 2 with their constants) and its
//! inversion to order statistics and to histogram buckets. Refuses densities: no bandwidth, no normality.

use crate::quantile::{Histogram, bucket_range};

/// Half the width of the band around the empirical distribution function after `n` observations.
#[must_use]
pub fn band(n: f64, alpha: f64) -> f64 {
    0.85 * (((std::f64::consts::E * n).ln().ln() + 0.8 * (1612.0 / alpha).ln()) / n).sqrt()
}

/// Ranks (from 1) of the order statistics that hold the quantile `q` at every `n`; an end that the sample does not reach
/// is `None`.
#[must_use]
pub fn order_statistics(n: u64, q: f64, alpha: f64) -> (Option<u64>, Option<u64>) {
    if n == 0 {
        return (None, None);
    }
    let size = n as f64;
    let off = band(size, alpha);
    let (low, high) = ((size * (q - off)).floor(), (size * (q + off)).floor() + 1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 1..=n")]
    let rank = |r: f64| (r >= 1.0 && r <= size).then_some(r as u64);
    (rank(low), rank(high))
}

/// The interval of quantile `q` from a histogram: the lower bound of the lower bucket to the upper bound of the upper one.
#[must_use]
pub fn histogram_interval(histogram: &Histogram, q: f64, alpha: f64) -> (Option<u64>, Option<u64>) {
    let n: u64 = histogram.buckets().iter().map(|b| b.1).sum();
    let (low, high) = order_statistics(n, q, alpha);
    let value = |rank: u64, upper: bool| {
        let mut seen = 0;
        histogram.buckets().iter().find_map(|(bucket, count)| {
            seen += count;
            let (from, width) = bucket_range(*bucket);
            (seen >= rank).then_some(if upper { from + (width - 1) } else { from })
        })
    };
    (low.and_then(|r| value(r, false)), high.and_then(|r| value(r, true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `0.85*sqrt((log(log(e*n)) + 0.8*log(1612/a))/n)` in Python for n = 1000, a = .05.
    #[test]
    fn the_band_has_the_published_width() {
        assert!((band(1000.0, 0.05) - 0.086_569_1).abs() < 1e-6, "{}", band(1000.0, 0.05));
    }

    #[test]
    fn a_small_sample_leaves_the_ends_of_a_high_quantile_open() {
        assert_eq!(order_statistics(50, 0.95, 0.05).1, None);
        let (low, high) = order_statistics(100_000, 0.95, 0.05);
        assert!(low.unwrap() < 95_000 && high.unwrap() > 95_000);
    }
}
