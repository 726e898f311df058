//! Means of the two arms with intervals that hold however often they are looked at.

use crate::sequential::{FEWEST, half_width};
use serde::{Deserialize, Serialize};

/// Halvings after which the end of an interval is known to a billionth.
const HALVINGS: u32 = 34;

/// An estimate and its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// The estimate.
    pub estimate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// A difference and the evidence against there being none.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// Touched minus untouched.
    pub span: Span,
    /// e-value against "no difference".
    pub e_value: f64,
}

/// Count, mean and sum of squares of one arm (Welford 1962).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Running {
    n: u64,
    mean: f64,
    squares: f64,
}

impl Running {
    fn observe(&mut self, value: f64) {
        self.n += 1;
        let off = value - self.mean;
        self.mean += off / self.n as f64;
        self.squares += off * (value - self.mean);
    }

    /// Variance, where there are enough observations to believe it.
    fn variance(&self) -> Option<f64> {
        (self.n >= FEWEST).then(|| self.squares / (self.n as f64 - 1.0))
    }
}

/// Both arms of one quantity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Means {
    untouched: Running,
    touched: Running,
    /// Mean of the untouched when there were just enough of them: the yardstick of a hoped-for share, frozen, so that
    /// it does not follow the data it measures.
    yardstick: Option<f64>,
}

impl Means {
    pub(super) fn observe(&mut self, touched: bool, value: f64) {
        if !value.is_finite() {
            return;
        }
        if touched {
            self.touched.observe(value);
            return;
        }
        self.untouched.observe(value);
        if self.untouched.n == FEWEST {
            self.yardstick = Some(self.untouched.mean.abs()).filter(|m| *m > 0.0);
        }
    }

    /// Untouched and touched observations.
    pub(super) const fn counts(&self) -> (u64, u64) {
        (self.untouched.n, self.touched.n)
    }

    /// Upper end of the confidence sequence of the touched mean, tightest for a difference of about `effect`.
    pub(super) fn touched_at_most(&self, effect: f64, alpha: f64) -> Option<f64> {
        let (n, variance) = (self.touched.n as f64, self.touched.variance()?);
        let half =
            if variance > 0.0 { half_width(n, variance, effect * effect, alpha) } else { 0.0 };
        Some(self.touched.mean + half)
    }

    /// The difference of the means: a confidence sequence and e-value of the normal mixture (Robbins 1970), tightest
    /// for a difference of about `effect`. Nothing while an arm is too small or nothing varies.
    pub(super) fn difference(&self, effect: f64, alpha: f64) -> Option<Compared> {
        let (a, b) = (self.untouched.n as f64, self.touched.n as f64);
        let n = a * b / (a + b);
        let variance = n * (self.untouched.variance()? / a + self.touched.variance()? / b);
        if variance <= 0.0 {
            return None;
        }
        let tau2 = effect * effect;
        let off = self.touched.mean - self.untouched.mean;
        let half = half_width(n, variance, tau2, alpha);
        let total = variance + n * tau2;
        let log =
            0.5 * (variance / total).ln() + n * n * tau2 * off * off / (2.0 * variance * total);
        let span = Span { estimate: off, low: off - half, high: off + half };
        Some(Compared { span, e_value: log.min(f64::MAX.ln()).exp() })
    }

    /// Touched as a share of untouched, less one: all ratios at which the difference of the one and so many times the
    /// other may be nothing (Fieller 1954), by the confidence sequence of that difference. Nothing while an arm is too
    /// small, or where the untouched mean may be zero.
    pub(super) fn relative(&self, effect: f64, alpha: f64) -> Option<Span> {
        let (a, b) = (self.untouched.n as f64, self.touched.n as f64);
        let n = a * b / (a + b);
        let (before, after) = (self.untouched.variance()?, self.touched.variance()?);
        let (was, is) = (self.untouched.mean, self.touched.mean);
        if was <= 0.0 || is < 0.0 {
            return None;
        }
        // Positive where the touched mean is certainly above so many times the untouched, negative where below.
        let beyond = |ratio: f64| {
            let variance = n * (ratio * ratio * before / a + after / b);
            let half =
                if variance > 0.0 { half_width(n, variance, effect * effect, alpha) } else { 0.0 };
            let off = is - ratio * was;
            off.signum() * (off.abs() - half).max(0.0)
        };
        let estimate = is / was;
        let most = 2.0 * estimate + 2.0;
        if beyond(0.0) <= 0.0 || beyond(most) >= 0.0 {
            return None;
        }
        let end = |mut certain: f64, mut possible: f64| {
            for _ in 0..HALVINGS {
                let middle = f64::midpoint(certain, possible);
                if beyond(middle).abs() <= 0.0 { possible = middle } else { certain = middle }
            }
            certain - 1.0
        };
        let (low, high) = (end(0.0, estimate), end(most, estimate));
        Some(Span { estimate: estimate - 1.0, low, high })
    }

    /// Share of the untouched mean that the touched one is lower by. Each mean has a confidence sequence of half the
    /// error; the share is between those of their ends.
    pub(super) fn saved(&self, hoped: f64, alpha: f64) -> Option<Span> {
        let effect = self.yardstick? * hoped;
        let ends = |arm: &Running| {
            // A constant is known exactly.
            let variance = arm.variance()?;
            let half = if variance > 0.0 {
                half_width(arm.n as f64, variance, effect * effect, alpha / 2.0)
            } else {
                0.0
            };
            Some((arm.mean - half, arm.mean + half))
        };
        let (untouched, touched) = (ends(&self.untouched)?, ends(&self.touched)?);
        // A mean that may be zero or less is nothing to have a share of.
        if untouched.0 <= 0.0 {
            return None;
        }
        let share = |touched: f64, untouched: f64| 1.0 - touched / untouched;
        let by = |touched: f64| if touched >= 0.0 { untouched } else { (untouched.1, untouched.0) };
        Some(Span {
            estimate: share(self.touched.mean, self.untouched.mean),
            low: share(touched.1, by(touched.1).0),
            high: share(touched.0, by(touched.0).1),
        })
    }
}
