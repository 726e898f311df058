//! Small samples: how far a share seen in a few calls can be from the true one (alerting 7).
//!
//! Owns the Wilson score interval and the interval of a mean. Refuses to decide what follows.
//! Sources: E. B. Wilson, JASA 22 (1927) 209–212; P. J. Acklam's rational approximation of the
//! normal quantile, relative error below 1.15e-9.

use crate::unit::Micros;

/// Nobody asks for more confidence, and the quantile of 1 is infinite.
const MOST_CONFIDENCE: f64 = 0.999_999;

/// A short window grows at least up to this: a minute of thin traffic says nothing.
const LEAST_GROWTH: Micros = Micros(5 * 60_000_000);

/// A short window never grows beyond this: that is how far exact counts are kept in memory.
pub const MOST_GROWTH: Micros = Micros(30 * 60_000_000);

/// Lengths a short window takes on while it grows, minutes; each at most twice the one before, so
/// that little old data is taken in.
const STEPS: [u64; 8] = [1, 2, 3, 5, 10, 15, 20, 30];

/// The longest a short window may become for a rule that must hold for `hold`.
#[must_use]
pub const fn growth_limit(hold: Micros) -> Micros {
    let longer = if hold.0 > LEAST_GROWTH.0 { hold } else { LEAST_GROWTH };
    if longer.0 > MOST_GROWTH.0 { MOST_GROWTH } else { longer }
}

/// The lengths a short window takes on, shortest first, up to `limit`.
pub fn growth(limit: Micros) -> impl Iterator<Item = Micros> {
    STEPS.iter().map(|m| Micros(m * 60_000_000)).take_while(move |l| *l <= limit)
}

/// One-sided lower bound of a share of which `bad` of `n` were seen. Zero where nothing was.
#[must_use]
pub fn wilson_lower(bad: u64, n: u64, z: f64) -> f64 {
    wilson(bad, n, -z).unwrap_or(0.0)
}

/// One-sided upper bound of a share of which `bad` of `n` were seen. One where nothing was.
#[must_use]
pub fn wilson_upper(bad: u64, n: u64, z: f64) -> f64 {
    wilson(bad, n, z).unwrap_or(1.0)
}

fn wilson(bad: u64, n: u64, z: f64) -> Option<f64> {
    let share = crate::unit::Ratio::of(bad.min(n), n)?.0;
    let n = count(n);
    let z2 = z * z;
    let middle = share + z2 / (2.0 * n);
    let width = z * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    Some(((middle + width) / (1.0 + z2 / n)).clamp(0.0, 1.0))
}

/// Half the width of the interval of a mean: z standard errors.
#[must_use]
pub fn mean_margin(variance: f64, n: u64, z: f64) -> f64 {
    if n == 0 { f64::INFINITY } else { z * (variance.max(0.0) / count(n)).sqrt() }
}

/// The z of a one-sided confidence: 0.95 → 1.645. No confidence is asked below one half.
#[must_use]
pub fn z_of(confidence: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 6] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
        1.0,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 5] = [
        7.784_695_709_041_462e-3,
        3.224_671_290_700_398e-1,
        2.445_134_137_142_996,
        3.754_408_661_907_416,
        1.0,
    ];
    /// Where the approximation changes from the middle to the tail.
    const TAIL: f64 = 0.024_25;
    let p = if confidence.is_nan() { 0.5 } else { confidence.clamp(0.5, MOST_CONFIDENCE) };
    let polynomial = |terms: &[f64], x: f64| terms.iter().fold(0.0, |sum, t| sum * x + t);
    if 1.0 - p < TAIL {
        let q = (-2.0 * (1.0 - p).ln()).sqrt();
        return -polynomial(&C, q) / polynomial(&D, q);
    }
    let q = p - 0.5;
    let r = q * q;
    polynomial(&A, r) * q / polynomial(&B, r)
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
pub(super) fn count(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_error_in_fifteen_is_no_page_and_five_in_forty_are_one() {
        // Alerting 7: L = 1.5 % and 6.2 % against a threshold of 5 %.
        let z = z_of(0.95);
        assert!((wilson_lower(1, 15, z) - 0.015).abs() < 5e-4, "{}", wilson_lower(1, 15, z));
        assert!((wilson_lower(5, 40, z) - 0.062).abs() < 5e-4, "{}", wilson_lower(5, 40, z));
        assert!(wilson_lower(1, 15, z) < 0.05 && wilson_lower(5, 40, z) > 0.05);
    }

    #[test]
    fn normal_quantiles_are_those_of_the_tables() {
        // NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.1.
        for (p, z) in [(0.5, 0.0), (0.9, 1.281_552), (0.95, 1.644_854), (0.99, 2.326_348)] {
            assert!((z_of(p) - z).abs() < 1e-6, "{p}: {}", z_of(p));
        }
        assert!((z_of(0.999) - 3.090_232).abs() < 1e-6);
        assert!(z_of(f64::NAN).abs() < 1e-12 && z_of(1.0).is_finite() && z_of(2.0).is_finite());
    }

    #[test]
    fn nothing_seen_bounds_nothing() {
        assert!(wilson_lower(0, 0, 1.645).abs() < f64::EPSILON);
        assert!((wilson_upper(0, 0, 1.645) - 1.0).abs() < f64::EPSILON);
        assert!(mean_margin(1.0, 0, 1.645).is_infinite());
    }

    #[test]
    fn a_window_grows_to_five_minutes_or_the_hold_and_never_past_thirty() {
        let minutes = |m: u64| Micros(m * 60_000_000);
        assert_eq!(growth_limit(Micros(0)), minutes(5));
        assert_eq!(growth_limit(minutes(10)), minutes(10));
        assert_eq!(growth_limit(minutes(60)), minutes(30));
        let lengths: Vec<u64> = growth(minutes(10)).map(|l| l.0 / 60_000_000).collect();
        assert_eq!(lengths, [1, 2, 3, 5, 10]);
    }

    proptest! {
        #[test]
        fn the_bounds_enclose_the_share(n in 1u64..100_000, part in 0.0f64..=1.0, z in 0.0f64..4.0) {
            let bad = (part * count(n)).round() as u64;
            let share = count(bad) / count(n);
            let (low, high) = (wilson_lower(bad, n, z), wilson_upper(bad, n, z));
            prop_assert!((0.0..=1.0).contains(&low) && (0.0..=1.0).contains(&high));
            prop_assert!(low <= share + 1e-12 && share <= high + 1e-12);
        }

        #[test]
        fn more_confidence_is_a_wider_interval(n in 1u64..1000, bad in 0u64..1000, c in 0.5f64..0.99) {
            let bad = bad.min(n);
            let (z, more) = (z_of(c), z_of(c + 0.005));
            prop_assert!(more >= z);
            prop_assert!(wilson_lower(bad, n, more) <= wilson_lower(bad, n, z) + 1e-12);
            prop_assert!(wilson_upper(bad, n, more) >= wilson_upper(bad, n, z) - 1e-12);
        }
    }
}
