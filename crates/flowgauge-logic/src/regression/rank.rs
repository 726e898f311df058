//! Rank tests of two samples of independent values, such as requests: robust to outliers and shape.

use super::distribution::{normal_cdf, normal_quantile};

/// Outcome of a Mann–Whitney test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MannWhitney {
    /// Pairs in which the second is larger, ties counting half.
    pub u: f64,
    /// Two-sided, by the normal approximation with corrections for ties and continuity.
    pub p_value: f64,
    /// The probability that a value of the second exceeds one of the first (Vargha and Delaney 2000).
    pub a: f64,
}

/// Mann and Whitney 1947. `None` for an empty side or where all values are equal.
#[must_use]
pub fn mann_whitney(base: &[f64], current: &[f64]) -> Option<MannWhitney> {
    let (n, m) = (base.len() as f64, current.len() as f64);
    let mut all: Vec<(f64, bool)> = base.iter().map(|v| (*v, false)).collect();
    all.extend(current.iter().map(|v| (*v, true)));
    if base.is_empty() || current.is_empty() || all.iter().any(|(v, _)| !v.is_finite()) {
        return None;
    }
    all.sort_by(|x, y| x.0.total_cmp(&y.0));
    let (mut ranks, mut ties, mut before) = (0.0, 0.0, 0.0);
    for group in all.chunk_by(|x, y| x.0 >= y.0) {
        let size = group.len() as f64;
        let second = group.iter().filter(|(_, second)| *second).count() as f64;
        ranks += second * (before + f64::midpoint(size, 1.0));
        ties += size * size * size - size;
        before += size;
    }
    let u = ranks - m * (m + 1.0) / 2.0;
    let total = n + m;
    let sd = (n * m / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)))).sqrt();
    let z = ((u - n * m / 2.0).abs() - 0.5).max(0.0) / sd;
    let p_value = (2.0 * normal_cdf(-z)).min(1.0);
    (sd > 0.0 && p_value.is_finite()).then_some(MannWhitney { u, p_value, a: u / (n * m) })
}

/// A shift and its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shift {
    /// Hodges–Lehmann: the median of all differences, second less first.
    pub estimate: f64,
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

/// The shift with the interval that inverts the Mann–Whitney test (Hodges and Lehmann 1963). `None` as there.
#[must_use]
pub fn hodges_lehmann(base: &[f64], current: &[f64], confidence: f64) -> Option<Shift> {
    mann_whitney(base, current)?;
    let (n, m) = (base.len() as f64, current.len() as f64);
    let differences = Differences::of(base, current);
    let pairs = n * m;
    let z = normal_quantile(1.0 - (1.0 - confidence) / 2.0)?;
    let tail = (pairs / 2.0 - z * (pairs * (n + m + 1.0) / 12.0).sqrt()).floor().max(0.0);
    let half = pairs / 2.0;
    let middle = f64::midpoint(differences.at(half.floor()), differences.at((half - 0.5).floor()));
    Some(Shift {
        estimate: middle,
        low: differences.at(tail),
        high: differences.at(pairs - 1.0 - tail),
    })
}

/// All differences of two sorted samples, found without being listed.
#[derive(Debug)]
struct Differences {
    base: Vec<f64>,
    current: Vec<f64>,
}

impl Differences {
    fn of(base: &[f64], current: &[f64]) -> Self {
        let sorted = |values: &[f64]| {
            let mut values = values.to_vec();
            values.sort_by(f64::total_cmp);
            values
        };
        Self { base: sorted(base), current: sorted(current) }
    }

    /// How many are at most `x`.
    fn at_most(&self, x: f64) -> f64 {
        let mut within = 0;
        let mut count = 0.0;
        for base in &self.base {
            // Both are sorted: the larger the baseline value, the more current ones lie within reach.
            while self.current.get(within).is_some_and(|c| c - base <= x) {
                within += 1;
            }
            count += within as f64;
        }
        count
    }

    /// The one with `rank` others below it, by halving the range until neighbouring numbers are left.
    fn at(&self, rank: f64) -> f64 {
        let end = |values: &[f64]| (values.first().copied(), values.last().copied());
        let ((Some(b0), Some(b1)), (Some(c0), Some(c1))) = (end(&self.base), end(&self.current))
        else {
            return 0.0;
        };
        let (mut low, mut high) = (c0 - b1, c1 - b0);
        if self.at_most(low) > rank {
            return low;
        }
        loop {
            let middle = f64::midpoint(low, high);
            if middle <= low || middle >= high {
                return high;
            }
            if self.at_most(middle) > rank { high = middle } else { low = middle }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: [f64; 10] = [812.0, 790.0, 845.0, 801.0, 833.0, 799.0, 820.0, 841.0, 780.0, 815.0];
    const CURRENT: [f64; 8] = [870.0, 905.0, 861.0, 888.0, 842.0, 930.0, 877.0, 842.0];

    #[test]
    fn mann_whitney_is_that_of_scipy() {
        // scipy.stats.mannwhitneyu(CURRENT, BASE, method="asymptotic"), scipy 1.17.1.
        let found = mann_whitney(&BASE, &CURRENT).unwrap();
        assert!((found.u - 78.0).abs() < 1e-12 && (found.a - 0.975).abs() < 1e-12);
        assert!((found.p_value - 0.000_857_042_579_384_458_3).abs() < 1e-12);
        // The same of [2, 3, 5, 6, 7] and [1, 2, 2, 3, 4, 5, 5].
        let tied = mann_whitney(&[1.0, 2.0, 2.0, 3.0, 4.0, 5.0, 5.0], &[2.0, 3.0, 5.0, 6.0, 7.0]);
        let tied = tied.unwrap();
        // The normal distribution functions at hand differ in the last digits.
        assert!((tied.u - 25.5).abs() < 1e-12);
        assert!((tied.p_value - 0.215_854_879_504_591_8).abs() < 1e-10, "{tied:?}");
    }

    #[test]
    fn the_shift_is_the_median_of_all_differences() {
        // numpy.median(numpy.subtract.outer(CURRENT, BASE)).
        let found = hodges_lehmann(&BASE, &CURRENT, 0.95).unwrap();
        assert!((found.estimate - 62.0).abs() < 1e-9, "{found:?}");
        let mut all: Vec<f64> =
            CURRENT.iter().flat_map(|c| BASE.iter().map(move |b| c - b)).collect();
        all.sort_by(f64::total_cmp);
        // floor(40 − 1.96 · √(80 · 19 / 12)) = 17 differences lie below the interval.
        assert!((found.low - all[17]).abs() < 1e-9 && (found.high - all[62]).abs() < 1e-9);
    }

    #[test]
    fn equal_or_missing_values_are_no_test() {
        assert_eq!(mann_whitney(&[1.0, 1.0], &[1.0]), None);
        assert_eq!(hodges_lehmann(&[], &[1.0], 0.95), None);
        assert_eq!(mann_whitney(&[f64::NAN], &[1.0]), None);
    }
}
