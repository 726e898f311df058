//! Means looked at any time: the mixture sequential probability ratio test, and the confidence sequence that inverts it.
//!
//! Owns the normal mixture (Robbins 1970; Johari, Pekelis, Walsh 2017) for one mean and for the difference of two arms.
//! The variance is the running one, so that the guarantee is asymptotic (Waudby-Smith et al. 2024); below
//! [`FEWEST`] observations nothing is said. Refuses bounded data that deserve an exact test: those bet (`betting`).

use serde::{Deserialize, Serialize};

/// Observations an arm needs before its variance is believed.
pub const FEWEST: u64 = 30;

/// Half the width of the confidence sequence of a mean after `n` observations.
///
/// `tau2` is the mixture variance: the square of the effect the sequence is to be tightest for.
#[must_use]
pub fn half_width(n: f64, variance: f64, tau2: f64, alpha: f64) -> f64 {
    let total = variance + n * tau2;
    (2.0 * variance * total / (n * n * tau2) * ((total / variance).sqrt() / alpha).ln()).sqrt()
}

/// An estimate and its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The estimate.
    pub estimate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The mixture sequential probability ratio test of a mean with known variance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Msprt {
    theta: f64,
    variance: f64,
    tau2: f64,
    n: u64,
    sum: f64,
    p: f64,
}

impl Msprt {
    /// Tests whether the mean is `theta`; nothing where a variance is not positive.
    #[must_use]
    pub fn new(theta: f64, variance: f64, tau2: f64) -> Option<Self> {
        (theta.is_finite() && variance > 0.0 && tau2 > 0.0).then_some(Self {
            theta,
            variance,
            tau2,
            n: 0,
            sum: 0.0,
            p: 1.0,
        })
    }

    /// Takes one observation; returns the p-value, valid at whichever observation one stops.
    pub fn observe(&mut self, value: f64) -> f64 {
        if value.is_finite() {
            self.n += 1;
            self.sum += value - self.theta;
            self.p = self.p.min((-self.log_ratio()).exp());
        }
        self.p
    }

    /// Logarithm of the likelihood ratio Λ; its exponential is an e-value.
    #[must_use]
    pub fn log_ratio(&self) -> f64 {
        let total = self.variance + self.n as f64 * self.tau2;
        0.5 * (self.variance / total).ln()
            + self.tau2 * self.sum * self.sum / (2.0 * self.variance * total)
    }
}

/// Running count, mean and variance of one arm (Welford 1962).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Arm {
    n: u64,
    mean: f64,
    squares: f64,
}

impl Arm {
    /// Takes one observation; one that is not finite is not counted.
    pub fn observe(&mut self, value: f64) {
        if value.is_finite() {
            self.n += 1;
            let off = value - self.mean;
            self.mean += off / self.n as f64;
            self.squares += off * (value - self.mean);
        }
    }

    /// Observations taken.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.n
    }

    /// Mean of the observations; 0 of none.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.mean
    }
}

/// Two arms of a randomised comparison: the difference of their means, at any time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TwoArms {
    /// Without the change under test.
    pub control: Arm,
    /// With it.
    pub treated: Arm,
    tau2: f64,
}

impl TwoArms {
    /// For a difference about as large as `effect`; nothing where that is not positive.
    #[must_use]
    pub fn new(effect: f64) -> Option<Self> {
        (effect > 0.0 && effect.is_finite()).then_some(Self {
            control: Arm::default(),
            treated: Arm::default(),
            tau2: effect * effect,
        })
    }

    /// Treated minus control with its confidence sequence; nothing while an arm has fewer than [`FEWEST`]
    /// observations or nothing varies.
    #[must_use]
    pub fn difference(&self, alpha: f64) -> Option<Interval> {
        let (n, variance) = self.scale()?;
        let estimate = self.treated.mean - self.control.mean;
        let half = half_width(n, variance, self.tau2, alpha);
        Some(Interval { estimate, low: estimate - half, high: estimate + half })
    }

    /// The e-value against "no difference", with the same conditions.
    #[must_use]
    pub fn e_value(&self) -> Option<f64> {
        let (n, variance) = self.scale()?;
        let off = self.treated.mean - self.control.mean;
        let total = variance + n * self.tau2;
        let log = 0.5 * (variance / total).ln()
            + n * n * self.tau2 * off * off / (2.0 * variance * total);
        Some(log.min(f64::MAX.ln()).exp())
    }

    /// The count that both arms amount to, n₁n₀/(n₁+n₀), and the variance that goes with it: each arm's own, weighed
    /// so that `variance / n` is that of the difference (pooling would be wrong where the small arm is noisier).
    fn scale(&self) -> Option<(f64, f64)> {
        let (c, t) = (&self.control, &self.treated);
        if c.n < FEWEST || t.n < FEWEST {
            return None;
        }
        let (a, b) = (c.n as f64, t.n as f64);
        let n = a * b / (a + b);
        let variance = n * (c.squares / (a - 1.0) / a + t.squares / (b - 1.0) / b);
        (variance > 0.0).then_some((n, variance))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_half_width_is_where_the_ratio_reaches_one_over_alpha() {
        let half = half_width(100.0, 4.0, 0.25, 0.05);
        let mut test = Msprt::new(0.0, 4.0, 0.25).unwrap();
        let mut p = 1.0;
        for _ in 0..100 {
            p = test.observe(half);
        }
        assert!((p - 0.05).abs() < 1e-9, "{p}");
    }

    #[test]
    fn a_noisier_small_arm_widens_the_interval() {
        let fill = |spread: f64| {
            let mut arms = TwoArms::new(0.5).unwrap();
            for i in 0..400 {
                arms.control.observe(f64::from(i % 2));
            }
            for i in 0..40 {
                arms.treated.observe(spread * f64::from(i % 2));
            }
            let i = arms.difference(0.05).unwrap();
            i.high - i.low
        };
        assert!(fill(4.0) > 2.0 * fill(1.0));
    }
}
