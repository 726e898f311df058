//! What the figures of calls come to: samples and value of each metric that is read from a rollup
//! (formulas: catalogue D5).

use crate::alert::facts::{CallSums, ScoreSums, Slower, Timing};
use crate::alert::guard::count;
use crate::alert::metric::Metric;
use crate::alert::sample::Why;
use crate::call::CacheOutcome;
use crate::rollup::{Dist, Rollup};
use crate::unit::UnixMicros;
use crate::window::Window;

/// Nano-dollars as a float, for shares and comparisons only.
#[expect(clippy::cast_precision_loss, reason = "compared, never summed")]
pub(in super::super) const fn money(nanos: i64) -> f64 {
    nanos as f64
}

/// The counts of a timing.
pub(in super::super) const fn slower(calls: &CallSums, timing: Timing) -> &Slower {
    match timing {
        Timing::Latency => &calls.latency,
        Timing::Ttft => &calls.ttft,
        Timing::Tpot => &calls.tpot,
    }
}

/// The distribution of a timing, of successes.
pub(in super::super) fn dist(rollup: &Rollup, timing: Timing) -> &Dist {
    match timing {
        Timing::Latency => &rollup.latency,
        Timing::Ttft => &rollup.ttft,
        Timing::Tpot => &rollup.tpot,
    }
}

/// Values of a timing; those of successes where nobody counted the others.
pub(in super::super) fn population(calls: &CallSums, timing: Timing) -> u64 {
    match slower(calls, timing).n {
        0 => dist(&calls.rollup, timing).count(),
        n => n,
    }
}

/// Samples of a metric among calls.
pub(super) fn samples(metric: Metric, calls: &CallSums) -> u64 {
    let r = &*calls.rollup;
    if let (Some(_), Some(timing)) = (metric.quantile(), metric.timing()) {
        return population(calls, timing);
    }
    match metric {
        Metric::MeanLatency => r.latency.count(),
        Metric::ErrorRate | Metric::Availability | Metric::Throughput => r.success + r.failure,
        Metric::CacheHitRate | Metric::CacheMissRate => hits(r) + cached(r, CacheOutcome::Miss),
        Metric::DailyTokens => r.input.count().max(r.output.count()),
        Metric::CostPerRequest | Metric::DailyCost | Metric::MonthlyCost => r.priced,
        Metric::TokensPerRequest | Metric::TokenReduction => {
            if r.input.count() == 0 && r.output.count() == 0 { 0 } else { r.success }
        }
        _ => r.requests(),
    }
}

/// Why a metric has no samples among calls that may be there.
pub(super) fn missing(metric: Metric, r: &Rollup) -> Why {
    let is_hits = matches!(metric, Metric::CacheHitRate | Metric::CacheMissRate);
    if is_hits && cached(r, CacheOutcome::Disabled) > 0 { Why::Disabled } else { Why::NoData }
}

fn cached(r: &Rollup, outcome: CacheOutcome) -> u64 {
    r.by_cache.get(usize::from(outcome.code())).copied().unwrap_or(0)
}

fn hits(r: &Rollup) -> u64 {
    cached(r, CacheOutcome::HitExact) + cached(r, CacheOutcome::HitSemantic)
}

/// Of a share the part that is counted: failures, successes, hits, misses.
pub(in super::super) fn part(metric: Metric, r: &Rollup) -> Option<u64> {
    match metric {
        Metric::ErrorRate => Some(r.failure),
        Metric::Availability => Some(r.success),
        Metric::CacheHitRate => Some(hits(r)),
        Metric::CacheMissRate => Some(cached(r, CacheOutcome::Miss)),
        _ => None,
    }
}

pub(super) fn of_calls(metric: Metric, r: &Rollup, window: Window) -> Option<f64> {
    let share = |part: u64, whole: u64| (whole > 0).then(|| count(part) / count(whole));
    match metric {
        Metric::MeanLatency => r.latency.mean(),
        Metric::ErrorRate | Metric::Availability => share(part(metric, r)?, r.success + r.failure),
        Metric::CacheHitRate | Metric::CacheMissRate => {
            share(part(metric, r)?, hits(r) + cached(r, CacheOutcome::Miss))
        }
        Metric::TokensPerRequest => tokens_per_request(r),
        Metric::DailyTokens => Some(billed(r)),
        Metric::CostPerRequest => (r.priced > 0).then(|| money(r.cost_nanos) / count(r.priced)),
        Metric::DailyCost | Metric::MonthlyCost => Some(money(r.cost_nanos)),
        Metric::Throughput => {
            let first = (r.success + r.failure).saturating_sub(r.retries);
            Some(count(first) / window.minutes())
        }
        Metric::UnpricedCalls => Some(count(r.unpriced)),
        _ => None,
    }
}

fn billed(r: &Rollup) -> f64 {
    count(r.input.sum.saturating_add(r.output.sum))
}

pub(super) fn tokens_per_request(r: &Rollup) -> Option<f64> {
    (r.success > 0).then(|| billed(r) / count(r.success))
}

/// Per perfect answer, taking the scored calls for a fair sample of all.
pub(super) fn per_quality(metric: Metric, r: &Rollup, scores: &ScoreSums) -> Option<f64> {
    let each = if metric == Metric::TokenEfficiency {
        tokens_per_request(r)?
    } else {
        of_calls(Metric::CostPerRequest, r, Window { from: UnixMicros(0), to: UnixMicros(0) })?
    };
    (scores.mean > 0.0).then(|| each / scores.mean)
}
