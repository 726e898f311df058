//! The 95th percentile of few requests lies below that of many from the same traffic, so windows of unlike size differ
//! where nothing changed. How far they may.

/// Relative bias of a 95th percentile of n requests, times n: the largest of seven shapes of latency at 20 to 1,000 requests
/// (`bench/regression/bias.py`, 40,000 windows each). Lognormal with σ .3, .6 and 1: up to 1.5, 2.2 and 2.8; exponential 2.9,
/// gamma(2) 2.3, Pareto(3) 1.8; one request in ten five times as slow, as where answers from memory are mixed with others: 7.0.
const BIAS: f64 = 7.0;

/// The most by which two averages of 95th percentiles may differ, relatively, because of the requests behind them alone.
pub(super) fn allowance(base: &[u64], current: &[u64]) -> f64 {
    let shortness = |counts: &[u64]| {
        let inverse: f64 = counts.iter().map(|n| 1.0 / (*n).max(1) as f64).sum();
        inverse / counts.len().max(1) as f64
    };
    BIAS * (shortness(base) - shortness(current)).abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_windows_need_no_allowance_and_unlike_ones_do() {
        assert!(allowance(&[1000, 50], &[50, 1000]) < 1e-12);
        let unlike = allowance(&[1000; 7], &[50; 7]);
        assert!((unlike - 7.0 * (0.02 - 0.001)).abs() < 1e-12);
    }
}
