//! Like with like: how much of a change happened within kinds of traffic, and how much because their shares changed.
//!
//! `Σ w₀(m₁ − m₀)` within, `Σ (w₁ − w₀)·m₁` mix; together the whole change. Only the first can be a regression.

use super::comparison::{Comparison, compare};
use super::metric::Metric;
use super::moments::mean;
use super::settings::{Points, Settings};

/// One kind of traffic in two periods.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// Its share before.
    pub base_share: f64,
    /// Its share after.
    pub current_share: f64,
    /// Its mean before; for quantiles its share of requests above the pooled quantile. `None` if it had no traffic.
    pub base_mean: Option<f64>,
    /// The same after.
    pub current_mean: Option<f64>,
}

/// A change, taken apart. `within + mix` is `total`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Split {
    /// The whole change.
    pub total: f64,
    /// At the shares of before.
    pub within: f64,
    /// By the change of shares.
    pub mix: f64,
}

/// Takes a change apart. A kind that is missing in one period is taken not to have changed by itself.
#[must_use]
pub fn split(parts: &[Part]) -> Split {
    let mut found = Split { total: 0.0, within: 0.0, mix: 0.0 };
    for part in parts {
        let (Some(before), Some(after)) =
            (part.base_mean.or(part.current_mean), part.current_mean.or(part.base_mean))
        else {
            continue;
        };
        found.within += part.base_share * (after - before);
        found.mix += (part.current_share - part.base_share) * after;
    }
    found.total = found.within + found.mix;
    found
}

/// The share of values above a threshold; `None` for no values.
#[must_use]
pub fn share_above(values: &[f64], threshold: f64) -> Option<f64> {
    let above = values.iter().filter(|v| **v > threshold).count();
    (!values.is_empty()).then(|| above as f64 / values.len() as f64)
}

/// One kind of traffic as series: its value in every bucket, and its shares of the requests.
#[derive(Debug, Clone, PartialEq)]
pub struct Stratum {
    /// Values before, one per bucket, the same buckets in all strata; not a number where it had no traffic.
    pub base: Vec<f64>,
    /// Values after.
    pub current: Vec<f64>,
    /// Its share before.
    pub base_share: f64,
    /// Its share after.
    pub current_share: f64,
}

/// Compares with the mix of traffic held as it was before; the effect of the mix is reported beside.
#[must_use]
pub fn compare_strata(metric: Metric, strata: &[Stratum], settings: &Settings) -> Comparison {
    let base = at_base_shares(strata, |s| &s.base, |s| &s.current);
    let current = at_base_shares(strata, |s| &s.current, |s| &s.base);
    let before = mean(&base);
    let mut found = compare(metric, &Points::of(base), &Points::of(current), settings);
    let parts: Vec<Part> = strata
        .iter()
        .map(|s| Part {
            base_share: s.base_share,
            current_share: s.current_share,
            base_mean: finite_mean(&s.base),
            current_mean: finite_mean(&s.current),
        })
        .collect();
    let relative = before.map(|b| metric.adverse() * split(&parts).mix / b);
    found.mix_effect = relative.filter(|m| m.is_finite());
    found
}

/// Per bucket the sum over strata of share before times value; gaps hold the stratum's mean.
fn at_base_shares<'a>(
    strata: &'a [Stratum],
    side: impl Fn(&'a Stratum) -> &'a Vec<f64>,
    other: impl Fn(&'a Stratum) -> &'a Vec<f64>,
) -> Vec<f64> {
    let buckets = strata.iter().map(|s| side(s).len()).max().unwrap_or(0);
    let mut sums = vec![0.0; buckets];
    for stratum in strata {
        let usual = finite_mean(side(stratum)).or_else(|| finite_mean(other(stratum)));
        for (at, sum) in sums.iter_mut().enumerate() {
            let value = side(stratum).get(at).copied().filter(|v| v.is_finite()).or(usual);
            *sum += stratum.base_share * value.unwrap_or(0.0);
        }
    }
    sums
}

fn finite_mean(values: &[f64]) -> Option<f64> {
    let finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    mean(&finite)
}

#[cfg(test)]
mod tests {
    use super::super::comparison::Verdict;
    use super::super::generator::Generator;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_pure_shift_of_mix_is_no_regression_and_is_reported_as_mix() {
        let mut random = Generator::of(&[1.0]);
        let mut around = |level: f64, n: usize| -> Vec<f64> {
            (0..n).map(|_| level + random.below(1000) as f64 / 100.0).collect()
        };
        let long = Stratum {
            base: around(900.0, 168),
            current: around(900.0, 168),
            base_share: 0.12,
            current_share: 0.31,
        };
        let short = Stratum {
            base: around(300.0, 168),
            current: around(300.0, 168),
            base_share: 0.88,
            current_share: 0.69,
        };
        let found = compare_strata(Metric::Latency, &[long, short], &Settings::default());
        assert_eq!(found.verdict, Verdict::Fine, "{found:?}");
        // 0.19 · 600 of 0.12 · 905 + 0.88 · 305.
        let expected = 0.19 * 600.0 / (0.12 * 905.0 + 0.88 * 305.0);
        assert!(found.mix_effect.is_some_and(|m| (m - expected).abs() < 0.01), "{found:?}");
        assert!(found.effect.is_some_and(|e| e.abs() < 0.01), "{found:?}");
    }

    #[test]
    fn quantiles_split_by_the_share_above_the_pooled_quantile() {
        assert_eq!(share_above(&[1.0, 2.0, 3.0, 4.0], 3.0), Some(0.25));
        assert_eq!(share_above(&[], 3.0), None);
    }

    proptest! {
        #[test]
        fn within_and_mix_add_to_the_whole_change(
            rows in prop::collection::vec((0.0..1.0f64, 0.0..1.0f64, 0.0..1e3f64, 0.0..1e3f64), 1..9)
        ) {
            let parts: Vec<Part> = rows.iter().map(|r| Part {
                base_share: r.0, current_share: r.1, base_mean: Some(r.2), current_mean: Some(r.3),
            }).collect();
            let total: f64 = rows.iter().map(|r| r.1 * r.3 - r.0 * r.2).sum();
            let found = split(&parts);
            prop_assert!((found.total - total).abs() < 1e-9 * (1.0 + total.abs()));
            prop_assert!((found.within + found.mix - found.total).abs() < 1e-9 * (1.0 + total.abs()));
        }
    }
}
