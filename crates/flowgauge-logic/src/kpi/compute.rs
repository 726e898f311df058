//! From a merged rollup to the value of a KPI (formulas: catalogue D5).

use super::{Basis, Kpi, Measured};
use crate::call::{CacheOutcome, Status};
use crate::known::{Known, Reason};
use crate::rollup::{Dist, Rollup};
use crate::unit::{NanoUsd, Ratio};

/// What a rollup does not say about itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Context {
    /// Length of the window in minutes.
    pub minutes: f64,
}

/// The value of a KPI over a merged rollup. KPIs that need more than calls are unknown here.
#[must_use]
pub fn measure(kpi: &Kpi, r: &Rollup, context: Context) -> Measured {
    let ms = |d: &Dist, q: f64| {
        let value = d.histogram.quantile(q).map(|us| us / 1_000.0);
        Measured::of(value, d.count(), kpi.min_samples)
    };
    let tokens =
        |d: &Dist, q: f64| Measured::of(d.histogram.quantile(q), d.count(), kpi.min_samples);
    let billed = r.input.sum.saturating_add(r.output.sum);
    let with_tokens = r.input.count().max(r.output.count());
    match kpi.name {
        "p50_latency" => ms(&r.latency, 0.50),
        "p95_latency" => ms(&r.latency, 0.95),
        "p99_latency" => ms(&r.latency, 0.99),
        "mean_latency" => Measured::of(
            r.latency.mean().map(|us| us / 1_000.0),
            r.latency.count(),
            kpi.min_samples,
        ),
        "ttft_p50" => ms(&r.ttft, 0.50),
        "ttft_p95" => ms(&r.ttft, 0.95),
        "ttft_p99" => ms(&r.ttft, 0.99),
        "tpot_p95" => ms(&r.tpot, 0.95),
        "overhead_p50" => ms(&r.overhead, 0.50),
        "overhead_p99" => ms(&r.overhead, 0.99),
        "input_tokens_p50" => tokens(&r.input, 0.50),
        "input_tokens_p95" => tokens(&r.input, 0.95),
        "input_tokens_p99" => tokens(&r.input, 0.99),
        "output_tokens_p50" => tokens(&r.output, 0.50),
        "output_tokens_p95" => tokens(&r.output, 0.95),
        "output_tokens_p99" => tokens(&r.output, 0.99),
        "tokens_per_request" => per_request(count(billed), r.success, with_tokens),
        "total_tokens" | "daily_tokens" => Measured::of(Some(count(billed)), with_tokens, 1),
        "input_tokens" => Measured::of(Some(count(r.input.sum)), r.input.count(), 1),
        "output_tokens" => Measured::of(Some(count(r.output.sum)), r.output.count(), 1),
        "token_reduction" => reduction(r),
        "estimated_usage" => share(r.usage_estimated, r.requests()),
        "cache_hit_rate" => hit_rate(r, true),
        "cache_miss_rate" => hit_rate(r, false),
        "cost_per_request" => cost_per_request(r),
        "total_cost" | "daily_cost" | "monthly_cost" => cost(r),
        "unpriced_calls" => Measured::of(Some(count(r.unpriced)), r.requests(), 1),
        "error_rate" => share(r.failure, r.success + r.failure),
        "request_availability" => share(r.success, r.success + r.failure),
        "throughput" => throughput(r, context),
        "request_count" => plain(r.requests(), r),
        "error_count" => plain(r.failure, r),
        "cancelled_count" => {
            plain(r.by_status.get(usize::from(Status::Cancelled.code())).copied().unwrap_or(0), r)
        }
        _ => Measured::unknown(missing(kpi.basis), 0),
    }
}

fn missing(basis: Basis) -> Reason {
    match basis {
        Basis::Cache => Reason::SwitchedOff,
        Basis::Calls
        | Basis::Scores
        | Basis::Feedback
        | Basis::Budget
        | Basis::Checks
        | Basis::Users
        | Basis::Baseline => Reason::NotConfigured,
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts and sums stay below 2^53")]
fn count(n: u64) -> f64 {
    n as f64
}

fn plain(n: u64, r: &Rollup) -> Measured {
    Measured { value: crate::known::Known::Value(count(n)), n: r.requests() }
}

fn share(part: u64, whole: u64) -> Measured {
    Measured::of(Ratio::of(part, whole).map(Ratio::percent), whole, 1)
}

fn per_request(sum: f64, requests: u64, with_tokens: u64) -> Measured {
    if requests > 0 && with_tokens == 0 {
        return Measured::unknown(Reason::NotReported, requests);
    }
    Measured::of(Some(sum / count(requests.max(1))), requests, 1)
}

fn reduction(r: &Rollup) -> Measured {
    match r.counterfactual() {
        Known::Unknown(Reason::SwitchedOff) => Measured::unknown(Reason::SwitchedOff, 0),
        Known::Unknown(why) => Measured::unknown(why, r.success),
        Known::Value((came, sent)) => {
            let kept = count(sent) / count(came.max(1));
            Measured::of(Some(100.0 * (1.0 - kept)), r.success, 1)
        }
    }
}

fn hit_rate(r: &Rollup, hits_wanted: bool) -> Measured {
    let of = |c: CacheOutcome| r.by_cache.get(usize::from(c.code())).copied().unwrap_or(0);
    let hits = of(CacheOutcome::HitExact) + of(CacheOutcome::HitSemantic);
    let misses = of(CacheOutcome::Miss);
    if hits + misses == 0 {
        let reason = if r.requests() == 0 { Reason::NoData } else { Reason::SwitchedOff };
        return Measured::unknown(reason, 0);
    }
    share(if hits_wanted { hits } else { misses }, hits + misses)
}

fn cost(r: &Rollup) -> Measured {
    if r.priced == 0 && r.unpriced > 0 {
        return Measured::unknown(Reason::NotPriced, r.unpriced);
    }
    Measured::of(Some(NanoUsd(r.cost_nanos).as_usd_f64()), r.priced, 1)
}

/// Σ cost / requests with a price, failed ones too: those without one are left out of both, and `n` says how many are in.
fn cost_per_request(r: &Rollup) -> Measured {
    let total = cost(r);
    if total.value.value().is_none() {
        return total;
    }
    Measured::of(Some(NanoUsd(r.cost_nanos).as_usd_f64() / count(r.priced)), r.priced, 1)
}

fn throughput(r: &Rollup, context: Context) -> Measured {
    let first = (r.success + r.failure).saturating_sub(r.retries);
    let value = (context.minutes > 0.0).then(|| count(first) / context.minutes);
    Measured::of(value, r.success + r.failure, 1)
}
