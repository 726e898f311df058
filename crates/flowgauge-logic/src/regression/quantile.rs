//! Quantiles of two samples of requests: by counts above a common threshold, by the Harrell–Davis estimator, and the
//! distribution-free interval of one.

use super::bootstrap::whole;
use super::distribution::normal_cdf;
use super::generator::Generator;
use statrs::function::beta::checked_beta_reg;
use statrs::function::factorial::ln_binomial;

/// Values resampled in all for an interval: what keeps it within tens of milliseconds.
const WORK: usize = 2_000_000;
/// Draws at most: percentiles 2.5 and 97.5 then rest on 50 draws beyond each.
const DRAWS: usize = 1999;

/// Weights of the order statistics of `n` values in the estimate of quantile `p`: differences of the distribution function
/// of Beta((n+1)p, (n+1)(1−p)) (Harrell and Davis 1982). Empty where undefined.
fn weights(n: usize, p: f64) -> Vec<f64> {
    let size = n as f64 + 1.0;
    let mut before = 0.0;
    let mut weights = Vec::with_capacity(n);
    for i in 1..=n {
        let Ok(up_to) = checked_beta_reg(size * p, size * (1.0 - p), i as f64 / n as f64) else {
            return Vec::new();
        };
        weights.push(up_to - before);
        before = up_to;
    }
    weights
}

/// The Harrell–Davis estimate of quantile `p`; `None` for no values or `p` outside (0, 1).
#[must_use]
pub fn harrell_davis(values: &[f64], p: f64) -> Option<f64> {
    let weights = weights(values.len(), p);
    if weights.is_empty() {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    Some(weighted(&weights, &sorted)).filter(|q| q.is_finite())
}

fn weighted(weights: &[f64], sorted: &[f64]) -> f64 {
    weights.iter().zip(sorted).map(|(w, v)| w * v).sum()
}

/// A difference and its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// Second less first.
    pub estimate: f64,
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

/// The difference of Harrell–Davis quantiles with a percentile bootstrap interval. For independent values.
#[must_use]
pub fn harrell_davis_difference(
    base: &[f64],
    current: &[f64],
    p: f64,
    confidence: f64,
) -> Option<Difference> {
    let estimate = harrell_davis(current, p)? - harrell_davis(base, p)?;
    let (first, second) = (weights(base.len(), p), weights(current.len(), p));
    let mut generator = Generator::of(base.iter().chain(current));
    let draws = (WORK / (base.len() + current.len())).clamp(199, DRAWS);
    let mut found: Vec<f64> = (0..draws)
        .map(|_| {
            let before = weighted(&first, &resampled(base, &mut generator));
            weighted(&second, &resampled(current, &mut generator)) - before
        })
        .collect();
    found.sort_by(f64::total_cmp);
    let beyond = whole((1.0 - confidence) / 2.0 * draws as f64);
    let (low, high) = (*found.get(beyond)?, *found.get(draws - 1 - beyond)?);
    Some(Difference { estimate, low, high })
}

fn resampled(values: &[f64], generator: &mut Generator) -> Vec<f64> {
    let mut drawn: Vec<f64> = (0..values.len())
        .filter_map(|_| values.get(generator.below(values.len())).copied())
        .collect();
    drawn.sort_by(f64::total_cmp);
    drawn
}

/// The standard error of a sample quantile after Maritz and Jarrett 1978.
#[must_use]
pub fn maritz_jarrett(values: &[f64], p: f64) -> Option<f64> {
    let n = values.len();
    let rank = (p * n as f64 + 0.5).floor();
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (mut first, mut second, mut before) = (0.0, 0.0, 0.0);
    for (i, value) in sorted.iter().enumerate() {
        let at = (i + 1) as f64 / n as f64;
        let up_to = checked_beta_reg(rank - 1.0, n as f64 - rank, at).ok()?;
        first += (up_to - before) * value;
        second += (up_to - before) * value * value;
        before = up_to;
    }
    Some((second - first * first).max(0.0).sqrt()).filter(|e| n > 0 && e.is_finite())
}

/// Ranks (from 1) of the order statistics between which quantile `p` of the distribution lies with at least `confidence`,
/// whatever the distribution. `None` if `n` values cannot give such an interval.
#[must_use]
pub fn order_interval(n: u64, p: f64, confidence: f64) -> Option<(u64, u64)> {
    let tail = (1.0 - confidence) / 2.0;
    let chance =
        |i: u64| (ln_binomial(n, i) + i as f64 * p.ln() + (n - i) as f64 * (1.0 - p).ln()).exp();
    let inside = 0.0 < p && p < 1.0;
    let mut low = 0;
    let mut below = 0.0;
    // The largest j with P(fewer than j values lie below the quantile) at most the tail.
    while inside && low < n && below + chance(low) <= tail {
        below += chance(low);
        low += 1;
    }
    let mut high = n + 1;
    let mut above = 0.0;
    while inside && high > 1 && above + chance(high - 1) <= tail {
        above += chance(high - 1);
        high -= 1;
    }
    (low >= 1 && high <= n).then_some((low, high))
}

/// Requests of two periods above a common threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exceedance {
    /// Share of the first.
    pub base: f64,
    /// Share of the second.
    pub current: f64,
    /// Two-sided: Fisher's exact test where an expected count is below 5, else the score test.
    pub p_value: f64,
}

/// Compares how many of `base.1` and `current.1` requests exceed a threshold: unbiased however many they are. `None`
/// without requests on a side, or if counts exceed them.
#[must_use]
pub fn exceedance(base: (u64, u64), current: (u64, u64)) -> Option<Exceedance> {
    let ((a, n), (b, m)) = (base, current);
    if n == 0 || m == 0 || a > n || b > m {
        return None;
    }
    let (share, other) = (a as f64 / n as f64, b as f64 / m as f64);
    let pooled = (a + b) as f64 / (n + m) as f64;
    let least = n.min(m) as f64 * pooled.min(1.0 - pooled);
    let p_value = if least < 5.0 {
        fisher((a, n - a), (b, m - b))
    } else {
        let se = (pooled * (1.0 - pooled) * (1.0 / n as f64 + 1.0 / m as f64)).sqrt();
        2.0 * normal_cdf(-((other - share) / se).abs())
    };
    Some(Exceedance { base: share, current: other, p_value: p_value.min(1.0) })
}

/// Fisher's exact test of a 2×2 table, two-sided: the chance of all tables at most as likely as this one.
#[must_use]
pub fn fisher(first: (u64, u64), second: (u64, u64)) -> f64 {
    /// Tables of equal chance differ by rounding alone.
    const SLACK: f64 = 1e-7;
    let (n, m) = (first.0 + first.1, second.0 + second.1);
    let hits = first.0 + second.0;
    let whole = ln_binomial(n + m, hits);
    let chance = |i: u64| (ln_binomial(n, i) + ln_binomial(m, hits - i) - whole).exp();
    let seen = chance(first.0) * (1.0 + SLACK);
    let tables = hits.saturating_sub(m)..=hits.min(n);
    tables.map(chance).filter(|c| *c <= seen).sum::<f64>().min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: [f64; 10] = [812.0, 790.0, 845.0, 801.0, 833.0, 799.0, 820.0, 841.0, 780.0, 815.0];
    const CURRENT: [f64; 8] = [870.0, 905.0, 861.0, 888.0, 842.0, 930.0, 877.0, 842.0];

    fn close(found: Option<f64>, expected: f64) {
        assert!(found.is_some_and(|f| (f - expected).abs() < 1e-6), "{found:?} is not {expected}");
    }

    #[test]
    fn harrell_davis_is_that_of_scipy() {
        // scipy.stats.mstats.hdquantiles(BASE, [.5, .95]) and (CURRENT, [.95]), scipy 1.17.1.
        close(harrell_davis(&BASE, 0.5), 812.910_754_38);
        close(harrell_davis(&BASE, 0.95), 843.942_217_17);
        close(harrell_davis(&CURRENT, 0.95), 926.533_015_07);
        assert_eq!((harrell_davis(&[], 0.5), harrell_davis(&BASE, 1.0)), (None, None));
    }

    #[test]
    fn maritz_jarrett_is_that_of_scipy() {
        // scipy.stats.mstats.mjci(BASE, [.5]), scipy 1.17.1.
        close(maritz_jarrett(&BASE, 0.5), 10.535_177_97);
    }

    #[test]
    fn a_clear_difference_of_quantiles_excludes_zero_and_is_the_same_every_time() {
        let found = harrell_davis_difference(&BASE, &CURRENT, 0.5, 0.95).unwrap();
        assert!(found.low > 0.0 && found.low < found.estimate && found.estimate < found.high);
        assert_eq!(harrell_davis_difference(&BASE, &CURRENT, 0.5, 0.95), Some(found));
    }

    #[test]
    fn fisher_is_that_of_scipy() {
        // scipy.stats.fisher_exact([[5, 95], [14, 86]]) and ([[3, 17], [0, 25]]), scipy 1.17.1.
        close(Some(fisher((5, 95), (14, 86))), 0.051_306_138_383_771_946);
        close(Some(fisher((3, 17), (0, 25))), 0.080_338_266_384_777_82);
        assert!((fisher((0, 0), (0, 0)) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn an_order_interval_holds_its_confidence() {
        // scipy.stats.binom.cdf(39, 100, .5) = 0.0176 ≤ 0.025 < binom.cdf(40, 100, .5) = 0.0284.
        assert_eq!(order_interval(100, 0.5, 0.95), Some((40, 61)));
        // A two-sided 90 % interval of a 95th percentile takes 59 values: 0.95^59 = 0.0485.
        assert_eq!(order_interval(58, 0.95, 0.90), None);
        assert!(order_interval(59, 0.95, 0.90).is_some());
        assert_eq!(order_interval(10, 1.0, 0.95), None);
    }

    #[test]
    fn exceedance_needs_requests_on_both_sides() {
        assert_eq!(exceedance((0, 0), (1, 10)), None);
        assert_eq!(exceedance((2, 1), (1, 10)), None);
        let found = exceedance((50, 1000), (90, 1000)).unwrap();
        // 2 · Φ(−0.04 / √(0.07 · 0.93 · 0.002)).
        assert!((found.p_value - 0.000_456_48).abs() < 1e-5, "{found:?}");
        // None above on either side: no table is less likely.
        assert!((exceedance((0, 10), (0, 10)).unwrap().p_value - 1.0).abs() < 1e-12);
    }
}
