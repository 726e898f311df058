//! Welch's and Student's two-sample t-tests, for independent points. Kept for comparison and for block means: on points
//! that depend on their neighbours both find changes where there are none.

use super::distribution::t_two_sided;
use super::moments::{mean, variance};
use super::tested::Tested;

/// A t statistic, its degrees of freedom and its two-sided p-value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TTest {
    /// The statistic, second less first.
    pub t: f64,
    /// Degrees of freedom.
    pub df: f64,
    /// Two-sided.
    pub p_value: f64,
}

/// Unequal variances (Welch 1947), degrees of freedom after Satterthwaite. `None` for fewer than two values a side or
/// where nothing varies.
#[must_use]
pub fn welch(base: &[f64], current: &[f64]) -> Option<TTest> {
    outcome(&welch_parts(base, current)?)
}

/// Equal variances (Student 1908). `None` as for [`welch`].
#[must_use]
pub fn student(base: &[f64], current: &[f64]) -> Option<TTest> {
    outcome(&student_parts(base, current)?)
}

pub(super) fn welch_parts(base: &[f64], current: &[f64]) -> Option<Tested> {
    let (n, m) = (base.len() as f64, current.len() as f64);
    let (v, w) = (variance(base)? / n, variance(current)? / m);
    let df = (v + w).powi(2) / (v * v / (n - 1.0) + w * w / (m - 1.0));
    parts(base, current, (v, w), df)
}

pub(super) fn student_parts(base: &[f64], current: &[f64]) -> Option<Tested> {
    let (n, m) = (base.len() as f64, current.len() as f64);
    let df = n + m - 2.0;
    let pooled = ((n - 1.0) * variance(base)? + (m - 1.0) * variance(current)?) / df;
    parts(base, current, (pooled / n, pooled / m), df)
}

fn parts(base: &[f64], current: &[f64], variances: (f64, f64), df: f64) -> Option<Tested> {
    let (base_variance, current_variance) = variances;
    let (base, current) = (mean(base)?, mean(current)?);
    df.is_finite().then_some(Tested {
        base,
        current,
        base_variance,
        current_variance,
        df,
        stretch: 1.0,
    })
}

fn outcome(found: &Tested) -> Option<TTest> {
    let t = (found.current - found.base) / (found.base_variance + found.current_variance).sqrt();
    let p_value = t.is_finite().then(|| t_two_sided(t, found.df)).flatten()?;
    Some(TTest { t, df: found.df, p_value })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: [f64; 10] = [812.0, 790.0, 845.0, 801.0, 833.0, 799.0, 820.0, 841.0, 780.0, 815.0];
    const CURRENT: [f64; 8] = [870.0, 905.0, 861.0, 888.0, 842.0, 930.0, 877.0, 842.0];

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-9 * expected.abs(), "{found} is not {expected}");
    }

    #[test]
    fn welch_is_that_of_scipy() {
        // scipy.stats.ttest_ind(CURRENT, BASE, equal_var=False), scipy 1.17.1.
        let found = welch(&BASE, &CURRENT).unwrap();
        close(found.t, 4.965_769_943_897_966);
        close(found.df, 12.260_738_556_405_771);
        close(found.p_value, 0.000_307_241_132_674_161_9);
    }

    #[test]
    fn student_is_that_of_scipy() {
        // scipy.stats.ttest_ind(CURRENT, BASE), scipy 1.17.1.
        let found = student(&BASE, &CURRENT).unwrap();
        close(found.t, 5.161_881_545_978_173);
        close(found.df, 16.0);
        close(found.p_value, 9.455_695_955_122_772e-5);
    }

    #[test]
    fn one_value_or_no_variation_is_no_test() {
        assert_eq!(welch(&[1.0], &CURRENT), None);
        assert_eq!(student(&[1.0, 1.0], &[2.0, 2.0]), None);
        assert_eq!(welch(&[1.0, 1.0], &[2.0, 2.0]), None);
    }
}
