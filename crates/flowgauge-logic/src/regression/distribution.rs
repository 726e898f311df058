//! The few distribution functions tests need, total: what cannot be computed is `None`.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// Two-sided p-value of a t statistic. Degrees of freedom need not be whole.
pub(super) fn t_two_sided(t: f64, df: f64) -> Option<f64> {
    let distribution = StudentsT::new(0.0, 1.0, df).ok()?;
    let p = 2.0 * distribution.cdf(-t.abs());
    p.is_finite().then(|| p.clamp(0.0, 1.0))
}

/// The value a t variable exceeds in absolute terms with probability `alpha`.
pub(crate) fn t_critical(alpha: f64, df: f64) -> Option<f64> {
    t_quantile(1.0 - alpha / 2.0, df)
}

/// Quantile of t.
pub(super) fn t_quantile(p: f64, df: f64) -> Option<f64> {
    let distribution = StudentsT::new(0.0, 1.0, df).ok()?;
    (0.0 < p && p < 1.0).then(|| distribution.inverse_cdf(p)).filter(|q| q.is_finite())
}

/// Normal distribution function.
pub(super) fn normal_cdf(z: f64) -> f64 {
    Normal::standard().cdf(z)
}

/// Quantile of the normal distribution; `None` outside (0, 1).
pub(crate) fn normal_quantile(p: f64) -> Option<f64> {
    (0.0 < p && p < 1.0).then(|| Normal::standard().inverse_cdf(p))
}
