//! Rank normal scores: what the change-point statistic is computed on.
//!
//! Owns the step from values to scores (van der Waerden: `Φ⁻¹(rank / (n + 1))`), which makes the statistic
//! distribution-free under independence and bounds the pull of any outlier. Refuses values that are not finite:
//! callers drop or replace those, since a rank for them would be invented.

use statrs::function::erf::erfc_inv;

/// The quantile function of the standard normal distribution.
pub(crate) fn normal_quantile(p: f64) -> f64 {
    -std::f64::consts::SQRT_2 * erfc_inv(2.0 * p)
}

/// The order of the values: indices from the smallest to the largest.
pub(crate) fn order(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&a, &b| values[a].total_cmp(&values[b]).then(a.cmp(&b)));
    order
}

/// Normal scores of the ranks; equal values share the middle of their ranks.
pub(crate) fn normal_scores(values: &[f64]) -> Vec<f64> {
    let order = order(values);
    let n = values.len();
    let mut scores = vec![0.0; n];
    let mut start = 0;
    while start < n {
        let mut end = start + 1;
        while end < n && values[order[end]].total_cmp(&values[order[start]]).is_eq() {
            end += 1;
        }
        // Ranks count from one: the middle of start+1 ..= end. Symmetric, so that a mirrored
        // series has exactly mirrored scores.
        let rank = (start + 1 + end) as f64 / 2.0;
        let share = rank / (n as f64 + 1.0);
        let score =
            if share > 0.5 { -normal_quantile(1.0 - share) } else { normal_quantile(share) };
        for &i in &order[start..end] {
            scores[i] = score;
        }
        start = end;
    }
    scores
}
