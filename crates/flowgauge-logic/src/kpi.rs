//! The KPI catalogue (decision D11): name, unit, direction, target, limits and minimum sample of
//! every figure flowgauge shows. Alerts, dashboard, reports, commands and docs derive from it.

use crate::known::{Known, Reason};
use crate::rollup::Spreads;
use crate::unit::UnixMicros;
use crate::window::Window;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

pub use self::compute::{Context, measure};
pub use self::labels::{BudgetSums, CheckSums, Labels, PEAK_MINUTES, Users};

pub mod change;
mod compute;
mod labels;

/// One entry of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Kpi {
    /// Row of the guide's catalogue, or empty where the figure is ours.
    pub id: &'static str,
    /// Name in SQL, JSON, rules and commands.
    pub name: &'static str,
    /// Name for people.
    pub title: &'static str,
    /// What it is, in one sentence.
    pub meaning: &'static str,
    /// Unit at the edges.
    pub unit: Unit,
    /// Which way is better.
    pub better: Better,
    /// Meets the target on this side of it.
    pub target: Option<f64>,
    /// Worth a warning beyond this.
    pub warning: Option<f64>,
    /// Critical beyond this.
    pub critical: Option<f64>,
    /// Fewest samples for which a value is shown.
    pub min_samples: u64,
    /// Where the figure comes from.
    pub basis: Basis,
}

/// Units at the edges. Inside, latency is µs, money nano-dollars, ratios 0–1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Milliseconds.
    Ms,
    /// Percent, 0–100.
    Percent,
    /// Tokens.
    Tokens,
    /// US dollars.
    Usd,
    /// Requests per minute.
    PerMinute,
    /// A plain count.
    Count,
    /// A rating from 1 to 5.
    Rating,
}

impl Unit {
    /// The sign behind a number.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Ms => "ms",
            Self::Percent => "%",
            Self::Tokens => "tokens",
            Self::Usd => "USD",
            Self::PerMinute => "/min",
            Self::Count => "",
            Self::Rating => "/5",
        }
    }
}

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// Less is better.
    Lower,
    /// More is better.
    Higher,
    /// Neither.
    Neither,
}

/// What a KPI is computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Rollups of calls.
    Calls,
    /// Quality scores.
    Scores,
    /// User ratings.
    Feedback,
    /// State of the response cache.
    Cache,
    /// Budgets.
    Budget,
    /// Uptime checks.
    Checks,
    /// Users per minute.
    Users,
    /// A promoted baseline.
    Baseline,
}

/// A measured KPI.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The value at the edge unit of the KPI, or why there is none.
    pub value: Known<f64>,
    /// Samples behind it.
    pub n: u64,
}

/// A KPI judged against its target and limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Meets the target.
    Met,
    /// Between target and alert.
    OffTarget,
    /// Beyond the warning limit.
    Alert,
    /// Beyond the critical limit.
    Critical,
    /// No value.
    NoData,
    /// It has no target.
    NoTarget,
}

impl State {
    /// The words the guide's reports use.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::OffTarget => "off target",
            Self::Alert => "alert",
            Self::Critical => "alert (critical)",
            Self::NoData => "no data",
            Self::NoTarget => "no target",
        }
    }
}

impl Kpi {
    /// The entry of a name; quantiles may be named from either end (`p95_ttft`, `ttft_p95`).
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        let name = match name {
            "requests" | "count" => "request_count",
            "tokens" => "total_tokens",
            "cost" => "total_cost",
            n => n,
        };
        let named = |name: &str| CATALOGUE.iter().find(|k| k.name == name);
        named(name).or_else(|| {
            let (quantile, rest) = name.split_once('_')?;
            named(&format!("{rest}_{quantile}")).filter(|_| quantile.starts_with('p'))
        })
    }

    /// The catalogued name nearest to a mistyped one, by edit distance, if any is near.
    #[must_use]
    pub fn nearest(name: &str) -> Option<&'static str> {
        crate::nearest::nearest(name, CATALOGUE.iter().map(|k| k.name))
    }

    /// How a value stands against target and limits.
    #[must_use]
    pub fn state(&self, value: Known<f64>) -> State {
        let Known::Value(v) = value else { return State::NoData };
        let beyond = |limit: Option<f64>| match (limit, self.better) {
            (Some(l), Better::Lower) => v > l,
            (Some(l), Better::Higher) => v < l,
            (None, _) | (_, Better::Neither) => false,
        };
        if beyond(self.critical) {
            State::Critical
        } else if beyond(self.warning) {
            State::Alert
        } else if self.target.is_none() {
            State::NoTarget
        } else if beyond(self.target) {
            State::OffTarget
        } else {
            State::Met
        }
    }

    /// Which distributions its value is read from; count and sum of the others are enough for it.
    #[must_use]
    pub fn spreads(&self) -> Spreads {
        match self.name {
            "p50_latency" | "p95_latency" | "p99_latency" => Spreads::LATENCY,
            "ttft_p50" | "ttft_p95" | "ttft_p99" => Spreads::TTFT,
            "tpot_p95" => Spreads::TPOT,
            "overhead_p50" | "overhead_p99" => Spreads::OVERHEAD,
            "input_tokens_p50" | "input_tokens_p95" | "input_tokens_p99" => Spreads::INPUT,
            "output_tokens_p50" | "output_tokens_p95" | "output_tokens_p99" => Spreads::OUTPUT,
            _ => Spreads::NONE,
        }
    }

    /// The window of a KPI that has one of its own: the calendar day or month so far.
    #[must_use]
    pub fn own_window(&self, now: UnixMicros, zone: Tz) -> Option<Window> {
        match self.name {
            "daily_tokens" | "daily_cost" => Window::day_to_date(now, zone),
            "user_satisfaction" | "satisfied_users" => Some(Window::last(7 * UnixMicros::DAY, now)),
            "monthly_cost" => Window::month_to_date(now, zone),
            _ => None,
        }
    }

    /// The target as the guide writes it, e.g. `< 1500 ms`.
    #[must_use]
    pub fn target_text(&self) -> Option<String> {
        let target = self.target?;
        // Nothing is less than no count: a target of zero is zero.
        if target <= 0.0 && self.better == Better::Lower {
            return Some("0".to_owned());
        }
        let sign = if self.better == Better::Higher { ">" } else { "<" };
        Some(match self.unit {
            Unit::Usd => format!("{sign} ${target}"),
            Unit::Percent => format!("{sign} {target}%"),
            unit => format!("{sign} {target} {}", unit.sign()).trim_end().to_owned(),
        })
    }
}

impl Measured {
    /// A value over `n` samples, or the reason there is none.
    #[must_use]
    pub fn of(value: Option<f64>, n: u64, min: u64) -> Self {
        let value = match value {
            _ if n == 0 => Known::Unknown(Reason::NoData),
            _ if n < min => Known::Unknown(Reason::TooFew),
            v => Known::from_option(v.filter(|v| v.is_finite()), Reason::NoData),
        };
        Self { value, n }
    }

    /// No value, because of `reason`.
    #[must_use]
    pub const fn unknown(reason: Reason, n: u64) -> Self {
        Self { value: Known::Unknown(reason), n }
    }
}

const fn kpi(id: &'static str, name: &'static str, title: &'static str, unit: Unit) -> Kpi {
    Kpi {
        id,
        name,
        title,
        meaning: "",
        unit,
        better: Better::Neither,
        target: None,
        warning: None,
        critical: None,
        min_samples: 1,
        basis: Basis::Calls,
    }
}

/// The catalogue, in the guide's order. Limits: catalogue A2 and A14; those not from the guide are
/// marked in `meaning`. Minimum samples are those of the live view (catalogue S10).
pub const CATALOGUE: &[Kpi] = &[
    Kpi {
        meaning: "Median response time of successful requests, cache hits included.",
        better: Better::Lower,
        target: Some(1000.0),
        warning: Some(1500.0),
        min_samples: 5,
        ..kpi("K1", "p50_latency", "P50 latency", Unit::Ms)
    },
    Kpi {
        meaning: "95th percentile of the response time of successful requests.",
        better: Better::Lower,
        target: Some(1500.0),
        warning: Some(2000.0),
        critical: Some(2500.0),
        min_samples: 20,
        ..kpi("K2", "p95_latency", "P95 latency", Unit::Ms)
    },
    Kpi {
        meaning: "99th percentile of the response time of successful requests. Limits are not from the guide.",
        better: Better::Lower,
        target: Some(2500.0),
        warning: Some(3000.0),
        critical: Some(4000.0),
        min_samples: 100,
        ..kpi("K3", "p99_latency", "P99 latency", Unit::Ms)
    },
    Kpi {
        meaning: "Mean response time of successful requests.",
        better: Better::Lower,
        target: Some(1100.0),
        warning: Some(1600.0),
        ..kpi("K4", "mean_latency", "Mean latency", Unit::Ms)
    },
    Kpi {
        meaning: "Median time to the first content of streamed successful requests.",
        better: Better::Lower,
        min_samples: 5,
        ..kpi("", "ttft_p50", "P50 time to first token", Unit::Ms)
    },
    Kpi {
        meaning: "95th percentile of the time to the first content of streamed successful requests.",
        better: Better::Lower,
        min_samples: 20,
        ..kpi("", "ttft_p95", "P95 time to first token", Unit::Ms)
    },
    Kpi {
        meaning: "99th percentile of the time to the first content of streamed successful requests.",
        better: Better::Lower,
        min_samples: 100,
        ..kpi("", "ttft_p99", "P99 time to first token", Unit::Ms)
    },
    Kpi {
        meaning: "95th percentile of the time per output token after the first, of streamed requests.",
        better: Better::Lower,
        min_samples: 20,
        ..kpi("", "tpot_p95", "P95 time per output token", Unit::Ms)
    },
    Kpi {
        meaning: "Median of flowgauge's own share of the response time, upstream time subtracted.",
        better: Better::Lower,
        min_samples: 5,
        ..kpi("", "overhead_p50", "P50 gateway overhead", Unit::Ms)
    },
    Kpi {
        meaning: "99th percentile of flowgauge's own share of the response time.",
        better: Better::Lower,
        min_samples: 100,
        ..kpi("", "overhead_p99", "P99 gateway overhead", Unit::Ms)
    },
    Kpi {
        meaning: "Billed input and output tokens per successful request.",
        better: Better::Lower,
        ..kpi("K5", "tokens_per_request", "Tokens per request", Unit::Tokens)
    },
    Kpi {
        meaning: "Billed input and output tokens in the window.",
        ..kpi("", "total_tokens", "Tokens", Unit::Tokens)
    },
    Kpi {
        meaning: "Input tokens in the window.",
        ..kpi("", "input_tokens", "Input tokens", Unit::Tokens)
    },
    Kpi {
        meaning: "Output tokens in the window.",
        ..kpi("", "output_tokens", "Output tokens", Unit::Tokens)
    },
    Kpi {
        meaning: "Median input tokens of a request.",
        min_samples: 5,
        ..kpi("", "input_tokens_p50", "P50 input tokens", Unit::Tokens)
    },
    Kpi {
        meaning: "95th percentile of the input tokens of a request.",
        min_samples: 20,
        ..kpi("", "input_tokens_p95", "P95 input tokens", Unit::Tokens)
    },
    Kpi {
        meaning: "99th percentile of the input tokens of a request.",
        min_samples: 100,
        ..kpi("", "input_tokens_p99", "P99 input tokens", Unit::Tokens)
    },
    Kpi {
        meaning: "Median output tokens of a request.",
        min_samples: 5,
        ..kpi("", "output_tokens_p50", "P50 output tokens", Unit::Tokens)
    },
    Kpi {
        meaning: "95th percentile of the output tokens of a request.",
        min_samples: 20,
        ..kpi("", "output_tokens_p95", "P95 output tokens", Unit::Tokens)
    },
    Kpi {
        meaning: "99th percentile of the output tokens of a request.",
        min_samples: 100,
        ..kpi("", "output_tokens_p99", "P99 output tokens", Unit::Tokens)
    },
    Kpi {
        meaning: "Billed tokens of the calendar day to date.",
        ..kpi("K6", "daily_tokens", "Daily tokens", Unit::Tokens)
    },
    Kpi {
        meaning: "Input tokens not sent thanks to optimisation: 1 − Σ sent / Σ original of all requests (method a).",
        better: Better::Higher,
        target: Some(21.0),
        ..kpi("K8b", "token_reduction", "Token reduction", Unit::Percent)
    },
    Kpi {
        meaning: "Share of requests whose tokens were counted locally, not by the provider.",
        better: Better::Lower,
        ..kpi("", "estimated_usage", "Estimated usage", Unit::Percent)
    },
    Kpi {
        meaning: "Tokens per perfect answer: Σ tokens of scored requests / Σ (score / 100).",
        better: Better::Lower,
        basis: Basis::Scores,
        ..kpi("K7", "token_efficiency", "Token efficiency", Unit::Tokens)
    },
    Kpi {
        meaning: "Mean of quality scores, 0–100; intents weighed by their share of the requests.",
        better: Better::Higher,
        target: Some(80.0),
        warning: Some(78.0),
        critical: Some(75.0),
        min_samples: 20,
        basis: Basis::Scores,
        ..kpi("K9", "quality_score", "Quality score", Unit::Percent)
    },
    Kpi {
        meaning: "Relative drop of quality against the promoted baseline.",
        better: Better::Lower,
        target: Some(5.0),
        basis: Basis::Baseline,
        ..kpi("K11", "quality_regression", "Quality regression", Unit::Percent)
    },
    Kpi {
        meaning: "Mean rating of users, 1–5, of the requests of the trailing 7 days.",
        better: Better::Higher,
        target: Some(4.0),
        min_samples: 30,
        basis: Basis::Feedback,
        ..kpi("K12", "user_satisfaction", "User satisfaction", Unit::Rating)
    },
    Kpi {
        meaning: "Share of ratings of 4 and 5, of the requests of the trailing 7 days.",
        better: Better::Higher,
        min_samples: 30,
        basis: Basis::Feedback,
        ..kpi("", "satisfied_users", "Satisfied users", Unit::Percent)
    },
    Kpi {
        meaning: "Hits among cache lookups; unknown while caching is off.",
        better: Better::Higher,
        target: Some(25.0),
        warning: Some(20.0),
        ..kpi("K13", "cache_hit_rate", "Cache hit rate", Unit::Percent)
    },
    Kpi {
        meaning: "Misses among cache lookups; unknown while caching is off.",
        better: Better::Lower,
        ..kpi("K14", "cache_miss_rate", "Cache miss rate", Unit::Percent)
    },
    Kpi {
        meaning: "Bytes held by the response cache against its capacity.",
        better: Better::Lower,
        target: Some(80.0),
        basis: Basis::Cache,
        ..kpi("K15", "cache_memory_usage", "Cache memory usage", Unit::Percent)
    },
    Kpi {
        meaning: "Σ actual lifetime / Σ TTL over cache entries removed in the window.",
        better: Better::Higher,
        target: Some(70.0),
        basis: Basis::Cache,
        ..kpi("K16", "ttl_effectiveness", "TTL effectiveness", Unit::Percent)
    },
    Kpi {
        meaning: "Cost of all requests with a price / their number, at the price in force at the time of the call.",
        better: Better::Lower,
        target: Some(0.007),
        ..kpi("K17", "cost_per_request", "Cost per request", Unit::Usd)
    },
    Kpi { meaning: "Cost in the window.", ..kpi("", "total_cost", "Cost", Unit::Usd) },
    Kpi {
        meaning: "Cost of the calendar day to date.",
        ..kpi("K8", "daily_cost", "Daily cost", Unit::Usd)
    },
    Kpi {
        meaning: "Cost of the calendar month to date.",
        ..kpi("K18", "monthly_cost", "Monthly cost", Unit::Usd)
    },
    Kpi {
        meaning: "Cost per perfect answer: Σ cost of scored requests / Σ (score / 100).",
        better: Better::Lower,
        basis: Basis::Scores,
        ..kpi("K19", "cost_per_quality_unit", "Cost per quality unit", Unit::Usd)
    },
    Kpi {
        meaning: "Spent share of the period's budget.",
        better: Better::Lower,
        warning: Some(90.0),
        basis: Basis::Budget,
        ..kpi("K20", "budget_utilization", "Budget utilisation", Unit::Percent)
    },
    Kpi {
        meaning: "Requests with usage but without a price; their cost is unknown, not zero.",
        better: Better::Lower,
        target: Some(0.0),
        warning: Some(0.0),
        ..kpi("", "unpriced_calls", "Unpriced calls", Unit::Count)
    },
    Kpi {
        meaning: "Failed requests; wrong requests, own limits and clients that left are counted apart. Target and warning are not from the guide.",
        better: Better::Lower,
        target: Some(1.0),
        warning: Some(2.0),
        critical: Some(5.0),
        ..kpi("K21", "error_rate", "Error rate", Unit::Percent)
    },
    Kpi {
        meaning: "Good uptime checks among those that ran. Target is not from the guide.",
        better: Better::Higher,
        target: Some(99.5),
        warning: Some(99.5),
        basis: Basis::Checks,
        ..kpi("K22", "availability", "Availability", Unit::Percent)
    },
    Kpi {
        meaning: "Requests that did not fail, among those that succeeded or failed.",
        better: Better::Higher,
        ..kpi("", "request_availability", "Request-based availability", Unit::Percent)
    },
    Kpi {
        meaning: "Requests per minute without the client's own retries.",
        ..kpi("K23", "throughput", "Throughput", Unit::PerMinute)
    },
    Kpi {
        meaning: "Peak of the distinct users (else sessions) with a request within 5 minutes.",
        basis: Basis::Users,
        ..kpi("K24", "concurrent_users", "Concurrent users", Unit::Count)
    },
    Kpi {
        meaning: "All requests of the window, whatever their outcome.",
        min_samples: 0,
        ..kpi("", "request_count", "Requests", Unit::Count)
    },
    Kpi {
        meaning: "Failed requests of the window.",
        min_samples: 0,
        ..kpi("", "error_count", "Failed requests", Unit::Count)
    },
    Kpi {
        meaning: "Requests whose client went away.",
        min_samples: 0,
        ..kpi("", "cancelled_count", "Cancelled requests", Unit::Count)
    },
];

#[cfg(test)]
mod tests;
