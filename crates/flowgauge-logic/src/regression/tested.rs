//! What a method found: two means, their variances, the shape of the statistic; and from these p-value and interval.
//!
//! The interval of the relative change is Fieller's, which inverts the test itself: it holds 0 exactly when the p-value
//! is at least the level.

use super::distribution::{t_critical, t_quantile, t_two_sided};

/// The chance of seeing a change as large as the minimum detectable effect: the usual 80 % (Cohen 1988).
const POWER: f64 = 0.8;

/// Means and what is known of their errors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Tested {
    pub(super) base: f64,
    pub(super) current: f64,
    pub(super) base_variance: f64,
    pub(super) current_variance: f64,
    /// Degrees of freedom of the variance of the difference.
    pub(super) df: f64,
    /// How much wider than Student's t the statistic is; 1 where it is t.
    pub(super) stretch: f64,
}

impl Tested {
    fn error(&self) -> f64 {
        (self.base_variance + self.current_variance).sqrt()
    }

    /// Two-sided p-value of "no change", after allowing for a systematic difference of `allowance` times the baseline.
    pub(super) fn p_value(&self, allowance: f64) -> Option<f64> {
        let distance = ((self.current - self.base).abs() - allowance * self.base.abs()).max(0.0);
        let t = distance / self.error() / self.stretch;
        t.is_finite().then(|| t_two_sided(t, self.df)).flatten()
    }

    /// Interval of (current − base) / base (Fieller 1954); `None` where the baseline cannot be told from 0.
    pub(super) fn interval(&self, alpha: f64, allowance: f64) -> Option<(f64, f64)> {
        let critical = t_critical(alpha, self.df)? * self.stretch;
        let g = critical * critical;
        let a = self.base * self.base - g * self.base_variance;
        let b = self.base * self.current;
        let c = self.current * self.current - g * self.current_variance;
        let half = (b * b - a * c).max(0.0).sqrt();
        let bounds = ((b - half) / a - 1.0 - allowance, (b + half) / a - 1.0 + allowance);
        (a > 0.0 && bounds.0.is_finite() && bounds.1.is_finite()).then_some(bounds)
    }

    /// The relative change that would be significant four times out of five.
    pub(super) fn detectable(&self, alpha: f64) -> Option<f64> {
        let wide = t_critical(alpha, self.df)? * self.stretch + t_quantile(POWER, self.df)?;
        Some(wide * self.error() / self.base.abs()).filter(|m| m.is_finite())
    }
}
