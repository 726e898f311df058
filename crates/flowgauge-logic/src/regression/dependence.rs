//! How far neighbouring points depend on each other, and what that does to the variance of their mean.
//!
//! Works on residuals: the caller has removed the step between the two periods, which would pass for dependence.

/// Lag-1 autocorrelation of residuals; `None` where they do not vary.
#[must_use]
pub fn lag1(residuals: &[f64]) -> Option<f64> {
    let whole: f64 = residuals.iter().map(|e| e * e).sum();
    let lagged: f64 = residuals.windows(2).map(|pair| pair[0] * pair[1]).sum();
    Some(lagged / whole).filter(|r| r.is_finite())
}

/// The number of independent points worth as much as `n` dependent ones: `n(1−φ)/(1+φ)`, at most `n`.
#[must_use]
pub fn effective_size(n: usize, phi: f64) -> f64 {
    let phi = phi.clamp(0.0, MOST);
    n as f64 * (1.0 - phi) / (1.0 + phi)
}

/// Above this a series is a random walk for our purposes, and variances of means lose their meaning.
pub(super) const MOST: f64 = 0.97;

/// Variance of the mean of `n` points of an AR(1) process, in units of the points' variance.
pub(super) fn mean_variance(n: usize, phi: f64) -> f64 {
    let n = n as f64;
    // Σ (1 − h/n) φ^h for h = 1 … n − 1, in closed form.
    let tail = phi / (1.0 - phi) - phi * (1.0 - phi.powf(n)) / (n * (1.0 - phi).powi(2));
    ((1.0 + 2.0 * tail) / n).clamp(0.0, 1.0)
}

/// Long-run variance: `γ₀ + 2 Σ (1 − h/(L+1)) γ_h` (Newey and West 1987), autocovariances with divisor n.
#[must_use]
pub fn newey_west(residuals: &[f64], lags: usize) -> f64 {
    let n = residuals.len();
    let covariance = |lag: usize| -> f64 {
        let pairs = residuals.iter().zip(residuals.iter().skip(lag));
        pairs.map(|(a, b)| a * b).sum::<f64>() / n.max(1) as f64
    };
    let weighted = (1..=lags.min(n.saturating_sub(1)))
        .map(|lag| (1.0 - lag as f64 / (lags + 1) as f64) * covariance(lag));
    covariance(0) + 2.0 * weighted.sum::<f64>()
}

/// Variance of the mean of a window of `length` points, from all overlapping windows of that length (overlapping batch
/// means, Meketon and Schmeiser 1984), corrected for having removed their own mean. `None` for less than two lengths.
#[must_use]
pub fn window_variance(residuals: &[f64], length: usize) -> Option<f64> {
    let n = residuals.len();
    if length == 0 || n < 2 * length {
        return None;
    }
    let mut sum: f64 = residuals[..length].iter().sum();
    let mut squares = sum * sum;
    for (old, new) in residuals.iter().zip(&residuals[length..]) {
        sum += new - old;
        squares += sum * sum;
    }
    let windows = (n - length + 1) as f64;
    let length = length as f64;
    Some(squares / windows / (length * length) / (1.0 - length / n as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variance_of_a_mean_grows_with_dependence() {
        assert!((mean_variance(7, 0.0) - 1.0 / 7.0).abs() < 1e-12);
        // By the sum itself: (1 + 2 Σ (1 − h/7) 0.6^h) / 7.
        let tail: f64 = (1..7).map(|h| (1.0 - f64::from(h) / 7.0) * 0.6_f64.powi(h)).sum();
        assert!((mean_variance(7, 0.6) - (1.0 + 2.0 * tail) / 7.0).abs() < 1e-12);
        assert!((effective_size(168, 0.6) - 42.0).abs() < 1e-9);
    }

    #[test]
    fn newey_west_agrees_with_statsmodels() {
        // statsmodels.stats.sandwich_covariance.S_hac_simple(x[:, None], nlags=2) / 8, x below less its mean.
        let x = [1.0, 2.0, 4.0, 3.0, 5.0, 7.0, 6.0, 8.0];
        let residuals = super::super::moments::residuals(&x);
        assert!((newey_west(&residuals, 0) - 5.25).abs() < 1e-12);
        assert!((newey_west(&residuals, 2) - 9.541_666_666_666_666).abs() < 1e-12);
    }

    #[test]
    fn windows_of_one_point_have_the_variance_of_points() {
        let e = [1.0, -1.0, 2.0, -2.0];
        let expected = (1.0 + 1.0 + 4.0 + 4.0) / 3.0;
        assert!(window_variance(&e, 1).is_some_and(|v| (v - expected).abs() < 1e-12));
        assert_eq!(window_variance(&e, 3), None);
    }
}
