//! Where a KPI lies and by how much it changed between two windows, with 95 % confidence.
//!
//! Owns both intervals. Refuses totals and counts: they are what happened, no sample of it. Calls are
//! taken as independent of each other, as a rollup does not know their order: in bursts an interval is
//! too narrow, and a verdict takes the tests of `regression`.

use super::{Context, Kpi, measure};
use crate::alert::guard::{wilson_lower, wilson_upper};
use crate::call::CacheOutcome;
use crate::quantile::{Histogram, bucket_range};
use crate::rollup::{Dist, Rollup, Spreads};
use statrs::distribution::{Binomial, DiscreteCDF};

/// 97.5 % quantile of the standard normal.
const Z: f64 = 1.959_963_984_540_054;
/// Chance left on either side.
const TAIL: f64 = 0.025;
/// Samples up to which ranks come from the binomial distribution itself: beyond, its sum is slow and
/// the normal curve is within a rank of it.
const EXACT: u64 = 2_000;

/// A figure and where it lies with 95 % confidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The distributions [`estimate`] reads of a KPI; nothing where it has no interval from calls.
#[must_use]
pub fn spreads(kpi: &Kpi) -> Option<Spreads> {
    match kpi.name {
        "mean_latency" => Some(Spreads::LATENCY),
        "tokens_per_request" => Some(Spreads::INPUT | Spreads::OUTPUT),
        "error_rate" | "request_availability" | "cache_hit_rate" | "cache_miss_rate" => {
            Some(Spreads::NONE)
        }
        _ => Some(kpi.spreads()).filter(|own| *own != Spreads::NONE),
    }
}

/// The value of a KPI that calls tell, and its interval; nothing where either is not known. Quantiles lie
/// between order statistics (Hahn and Meeker 1991, 5.2), shares in Wilson's interval (1927), means within
/// [`Z`] standard errors.
#[must_use]
pub fn estimate(kpi: &Kpi, r: &Rollup) -> Option<Estimate> {
    let value = measure(kpi, r, Context { minutes: 1.0 }).value.value()?;
    let (low, high) = match kpi.name {
        "mean_latency" => around(value, mean_error(&r.latency)? / 1_000.0),
        "tokens_per_request" => around(value, tokens_error(r)?),
        "error_rate" => share(r.failure, r.success + r.failure),
        "request_availability" => share(r.success, r.success + r.failure),
        "cache_hit_rate" => share(hits(r), hits(r) + misses(r)),
        "cache_miss_rate" => share(misses(r), hits(r) + misses(r)),
        _ => quantile(kpi, r)?,
    };
    (low <= value && value <= high).then_some(Estimate { value, low, high })
}

/// By how many percent a figure changed, from two independent estimates of what is never negative:
/// MOVER-R (Donner and Zou 2012; Newcombe 2016), which needs nothing but both intervals. Nothing where
/// the earlier figure may be 0.
#[must_use]
pub fn change(now: Estimate, before: Estimate) -> Option<Estimate> {
    let known = [now.low, now.high, before.low, before.high].iter().all(|v| v.is_finite());
    if !known || now.low < 0.0 || before.low <= 0.0 || before.value <= 0.0 {
        return None;
    }
    let (x, y) = (now.value, before.value);
    let square = x * x * y * y;
    let under = |end: f64, other: f64| {
        let product = end * other * (2.0 * x - end) * (2.0 * y - other);
        (square - product).max(0.0).sqrt()
    };
    // Both ends as quotients that stay finite where an interval is wider than its figure.
    let low = if now.low > 0.0 {
        now.low * (2.0 * x - now.low) / (x * y + under(now.low, before.high))
    } else {
        0.0
    };
    let high = (x * y + under(now.high, before.low)) / (before.low * (2.0 * y - before.low));
    let percent = |ratio: f64| 100.0 * (ratio - 1.0);
    let told = Estimate { value: percent(x / y), low: percent(low), high: percent(high) };
    (told.low.is_finite() && told.high.is_finite()).then_some(told)
}

fn around(value: f64, error: f64) -> (f64, f64) {
    ((value - Z * error).max(0.0), value + Z * error)
}

fn share(part: u64, whole: u64) -> (f64, f64) {
    (100.0 * wilson_lower(part, whole, Z), 100.0 * wilson_upper(part, whole, Z))
}

fn hits(r: &Rollup) -> u64 {
    of_cache(r, CacheOutcome::HitExact) + of_cache(r, CacheOutcome::HitSemantic)
}

fn misses(r: &Rollup) -> u64 {
    of_cache(r, CacheOutcome::Miss)
}

fn of_cache(r: &Rollup, outcome: CacheOutcome) -> u64 {
    r.by_cache.get(usize::from(outcome.code())).copied().unwrap_or(0)
}

/// Standard error of a mean, from the middles of the buckets.
fn mean_error(d: &Dist) -> Option<f64> {
    Some((variance(&d.histogram)? / count(d.count())).sqrt())
}

/// Standard error of Σ tokens / requests. Input and output of a call go together to a degree no rollup
/// knows: their errors are added, as if fully, which is never too narrow. Nothing where calls have no count.
fn tokens_error(r: &Rollup) -> Option<f64> {
    if r.usage_absent > 0 || r.success == 0 {
        return None;
    }
    let of_sum = |d: &Dist| Some((variance(&d.histogram)? * count(d.count())).sqrt());
    Some((of_sum(&r.input)? + of_sum(&r.output)?) / count(r.success))
}

fn variance(histogram: &Histogram) -> Option<f64> {
    let n = count(histogram.count());
    let middle = |bucket: u16| {
        let (low, span) = bucket_range(bucket);
        count(low) + count(span - 1) / 2.0
    };
    let each = || histogram.buckets().iter().map(|(bucket, c)| (middle(*bucket), count(*c)));
    let mean = each().map(|(v, c)| v * c).sum::<f64>() / n;
    (n > 1.0).then(|| each().map(|(v, c)| c * (v - mean).powi(2)).sum::<f64>() / (n - 1.0))
}

/// Of a quantile, in the unit of its KPI.
fn quantile(kpi: &Kpi, r: &Rollup) -> Option<(f64, f64)> {
    let (of, q) = match kpi.name {
        "p50_latency" => (&r.latency, 0.50),
        "p95_latency" => (&r.latency, 0.95),
        "p99_latency" => (&r.latency, 0.99),
        "ttft_p50" => (&r.ttft, 0.50),
        "ttft_p95" => (&r.ttft, 0.95),
        "ttft_p99" => (&r.ttft, 0.99),
        "tpot_p95" => (&r.tpot, 0.95),
        "overhead_p50" => (&r.overhead, 0.50),
        "overhead_p99" => (&r.overhead, 0.99),
        _ => return None,
    };
    let (low, high) = ranks(of.count(), q)?;
    let edge = |rank: u64, upper: bool| {
        let mut seen = 0u64;
        of.histogram.buckets().iter().find_map(|(bucket, n)| {
            seen = seen.saturating_add(*n);
            let (from, span) = bucket_range(*bucket);
            (seen >= rank).then(|| count(if upper { from + (span - 1) } else { from }) / 1_000.0)
        })
    };
    Some((edge(low, false)?, edge(high, true)?))
}

/// Ranks, from 1, of the order statistics that hold a quantile; nothing where the sample does not reach
/// both ends.
fn ranks(n: u64, q: f64) -> Option<(u64, u64)> {
    let (low, high) = if n <= EXACT {
        let binomial = Binomial::new(q, n).ok()?;
        (binomial.inverse_cdf(TAIL), binomial.inverse_cdf(1.0 - TAIL) + 1)
    } else {
        let (middle, half) = (count(n) * q, Z * (count(n) * q * (1.0 - q)).sqrt());
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "within 0 ≤ rank ≤ n + 1"
        )]
        let rank = |at: f64| at.clamp(0.0, count(n) + 1.0) as u64;
        (rank((middle - half).floor()), rank((middle + half).ceil() + 1.0))
    };
    (low >= 1 && high <= n).then_some((low, high))
}

#[expect(clippy::cast_precision_loss, reason = "counts and sums stay below 2^53")]
fn count(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(told: f64, want: f64) {
        assert!((told - want).abs() <= 1e-7 * want.abs().max(1.0), "{told} against {want}");
    }

    fn kpi(name: &str) -> &'static Kpi {
        Kpi::find(name).unwrap()
    }

    fn rollup(latencies_ms: impl Iterator<Item = u64>) -> Rollup {
        let mut r = Rollup::default();
        for ms in latencies_ms {
            r.success += 1;
            r.latency.record(ms * 1_000);
        }
        r
    }

    /// `stats.binom.ppf(.025, n, q)` and `stats.binom.ppf(.975, n, q) + 1`, scipy 1.17.1.
    #[test]
    fn ranks_are_those_of_the_binomial_distribution() {
        for (n, q, want) in [
            (100, 0.5, (40, 61)),
            (100, 0.95, (90, 100)),
            (1_000, 0.95, (936, 964)),
            (1_000, 0.5, (469, 532)),
            (2_000, 0.99, (1_971, 1_989)),
        ] {
            assert_eq!(ranks(n, q), Some(want), "{n} {q}");
        }
        for (n, want) in [(5_000, (4_719, 4_781)), (100_000, (94_864, 95_136))] {
            let (low, high) = ranks(n, 0.95).unwrap();
            assert!(low.abs_diff(want.0) <= 1 && high.abs_diff(want.1) <= 1, "{low} {high}");
        }
        assert_eq!(ranks(60, 0.99), None, "no order statistic lies above");
        assert_eq!(ranks(0, 0.5), None);
    }

    /// Roots of Donner and Zou's defining equations, x − θ y = ± √((x − l)² + θ² (u − y)²), found by
    /// `scipy.optimize.brentq` (scipy 1.17.1) with `statsmodels` 0.15.0's `proportion_confint(method='wilson')`.
    #[test]
    fn a_change_of_shares_is_that_of_its_defining_equation() {
        for ((a, n), (b, m), want) in [
            ((7, 34), (1, 34), [600.0, 15.366_868_923_368_028, 4_097.626_167_251_752]),
            ((30, 1_000), (20, 1_000), [50.0, -14.000_024_600_020_556, 160.816_973_432_086_5]),
            ((450, 900), (400, 1_000), [25.0, 13.095_940_408_097_274, 38.162_396_073_928_75]),
        ] {
            let of = |part: u64, whole: u64| {
                let r = Rollup { failure: part, success: whole - part, ..Rollup::default() };
                estimate(kpi("error_rate"), &r).unwrap()
            };
            let told = change(of(a, n), of(b, m)).unwrap();
            near(told.value, want[0]);
            near(told.low, want[1]);
            near(told.high, want[2]);
        }
    }

    /// The same equations.
    #[test]
    fn intervals_wider_than_their_figures_still_give_a_change() {
        let of = |value, low, high| Estimate { value, low, high };
        let told = change(of(105.0, 103.0, 107.0), of(100.0, 98.5, 101.0)).unwrap();
        near(told.low, 2.751_492_291_139_379);
        near(told.high, 7.569_733_586_654_137);
        let wide = change(of(40.0, 10.0, 90.0), of(100.0, 60.0, 230.0)).unwrap();
        near(wide.low, -91.826_239_378_295_5);
        near(wide.high, 5.403_148_092_912_624);
    }

    #[test]
    fn no_change_is_told_from_a_figure_that_may_be_nothing() {
        let of = |value, low, high| Estimate { value, low, high };
        assert_eq!(change(of(1.0, 0.5, 2.0), of(0.0, 0.0, 0.4)), None);
        let gone = change(of(0.0, 0.0, 0.4), of(2.0, 1.0, 4.0)).unwrap();
        near(gone.low, -100.0);
        assert!(gone.high > -100.0 && gone.high < 0.0, "{gone:?}");
    }

    #[test]
    fn a_quantile_lies_between_order_statistics_and_a_small_sample_has_no_interval() {
        let told = estimate(kpi("p95_latency"), &rollup(1..=1_000)).unwrap();
        // The ranks 936 and 964 of 1 ms to 1000 ms, to within a bucket of 1/128.
        assert!((told.low - 936.0).abs() < 8.0 && (told.high - 964.0).abs() < 8.0, "{told:?}");
        assert_eq!(estimate(kpi("p99_latency"), &rollup(1..=150)), None);
        assert_eq!(estimate(kpi("p95_latency"), &Rollup::default()), None);
    }

    #[test]
    fn means_have_standard_errors_and_totals_no_interval() {
        let told = estimate(kpi("mean_latency"), &rollup(1..=1_000)).unwrap();
        // 500.5 ± 1.96 · √(1000 · 1001 / 12 / 1000)
        assert!((told.low - 482.6).abs() < 0.2 && (told.high - 518.4).abs() < 0.2, "{told:?}");
        assert_eq!(estimate(kpi("total_cost"), &rollup(1..=1_000)), None);
        let mut tokens = rollup(1..=100);
        for n in 1..=100 {
            tokens.input.record(n);
            tokens.output.record(n);
        }
        // Twice the error of one of them: 2 · 1.96 · √(100 · 101 / 12 / 100).
        let told = estimate(kpi("tokens_per_request"), &tokens).unwrap();
        near(told.value, 101.0);
        assert!((told.high - told.value - 11.37).abs() < 0.02, "{told:?}");
        tokens.usage_absent = 1;
        assert_eq!(estimate(kpi("tokens_per_request"), &tokens), None);
    }

    #[test]
    fn whoever_has_an_interval_says_what_must_be_read_for_it() {
        for kpi in crate::kpi::CATALOGUE {
            let mut r = rollup(1..=400);
            r.failure = 40;
            r.by_cache = [100; 5];
            for n in 1..=400 {
                for d in [&mut r.ttft, &mut r.tpot, &mut r.overhead, &mut r.input, &mut r.output] {
                    d.record(n * 1_000);
                }
            }
            let Some(told) = estimate(kpi, &r) else { continue };
            let cut = r.cut_to(spreads(kpi).unwrap());
            assert_eq!(estimate(kpi, &cut), Some(told), "{}", kpi.name);
        }
    }
}
