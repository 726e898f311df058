//! The rule of Spinnaker's canary judge, for requests of two versions running side by side.

use super::moments::mean;
use super::rank::{Shift, hodges_lehmann};

/// The judge's confidence.
const CONFIDENCE: f64 = 0.98;
/// The share of the shift its interval must clear.
const TOLERANCE: f64 = 0.25;
/// Values further than this many interquartile ranges from the quartiles are dropped.
const OUTLIER: f64 = 3.0;

/// What the rule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Classification {
    /// The second is higher.
    High,
    /// The second is lower.
    Low,
    /// No difference that counts.
    Pass,
    /// Too few values, or all equal.
    NoData,
}

/// Classifies the second sample: higher if the interval of the shift clears a quarter of it and the ratio of means is at
/// least `1 + increase`; lower by the mirror image.
#[must_use]
pub fn classify(base: &[f64], current: &[f64], increase: f64) -> Classification {
    let (base, current) = (without_outliers(base), without_outliers(current));
    let Some(Shift { estimate, low, high }) = hodges_lehmann(&base, &current, CONFIDENCE) else {
        return Classification::NoData;
    };
    let ratio = mean(&current).zip(mean(&base)).map_or(1.0, |(after, before)| after / before);
    let margin = TOLERANCE * estimate.abs();
    match () {
        () if low > margin && ratio >= 1.0 + increase => Classification::High,
        () if high < -margin && ratio <= 1.0 / (1.0 + increase) => Classification::Low,
        () => Classification::Pass,
    }
}

fn without_outliers(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let quartile = |share: usize| sorted.get(sorted.len() * share / 4).copied();
    let Some((lower, upper)) = quartile(1).zip(quartile(3)) else { return Vec::new() };
    let reach = OUTLIER * (upper - lower);
    values.iter().copied().filter(|v| (lower - reach..=upper + reach).contains(v)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clear_shift_is_high_a_small_one_passes_and_outliers_do_not_count() {
        let base: Vec<f64> = (0..100).map(|i| 100.0 + f64::from(i % 10)).collect();
        let moved = |by: f64| base.iter().map(|v| v + by).collect::<Vec<f64>>();
        assert_eq!(classify(&base, &moved(30.0), 0.1), Classification::High);
        assert_eq!(classify(&base, &moved(-30.0), 0.1), Classification::Low);
        assert_eq!(classify(&base, &moved(3.0), 0.1), Classification::Pass);
        let mut wild = base.clone();
        wild.push(1e9);
        assert_eq!(classify(&base, &wild, 0.1), Classification::Pass);
        assert_eq!(classify(&[], &base, 0.1), Classification::NoData);
    }
}
