//! The metrics a condition may name (alerting 3): word, dimension, range, window, guards of each, one row per
//! metric. Refuses to compute them.

use super::condition::Written;
use super::facts::{Mechanism, Timing};
use crate::kpi::{Better, CATALOGUE, Kpi, Unit};
use crate::unit::Micros;
use serde::{Deserialize, Serialize};

/// A metric of the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the catalogue of KPIs says what each is")]
pub enum Metric {
    P50Latency,
    P95Latency,
    P99Latency,
    MeanLatency,
    TtftP95,
    TpotP95,
    ErrorRate,
    Availability,
    CacheHitRate,
    CacheMissRate,
    CacheMemoryUsage,
    CacheMemoryBytes,
    TtlEffectiveness,
    TokenReduction,
    BudgetUtilization,
    QualityScore,
    QualityRegression,
    UserSatisfaction,
    TokensPerRequest,
    TokenEfficiency,
    DailyTokens,
    CostPerRequest,
    CostPerQualityUnit,
    DailyCost,
    MonthlyCost,
    Throughput,
    ConcurrentUsers,
    InflightRequests,
    UnpricedCalls,
}

/// What a metric measures; a condition's unit must measure the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dimension {
    /// µs.
    Time,
    /// 0–1 as a rule.
    Ratio,
    /// Tokens, users, requests.
    Count,
    /// Nano-dollars.
    Money,
    /// Bytes.
    Size,
    /// Requests per minute.
    Rate,
    /// 1–5.
    Rating,
}

impl Dimension {
    /// A few words for a person.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Time => "a time",
            Self::Ratio => "a share in percent",
            Self::Count => "a count",
            Self::Money => "an amount of money",
            Self::Size => "a size in bytes",
            Self::Rate => "a rate of requests",
            Self::Rating => "a rating from 1 to 5",
        }
    }

    /// Units that may be written for it, as examples in messages.
    #[must_use]
    pub const fn units(self) -> &'static str {
        match self {
            Self::Time => "us, ms, s, m, h",
            Self::Ratio => "%",
            Self::Count => "no unit, tokens, k, M, G",
            Self::Money => "$, USD, cents",
            Self::Size => "B, KB, MB, GB, KiB, MiB, GiB",
            Self::Rate => "rpm, rps",
            Self::Rating => "no unit, /5",
        }
    }
}

/// Over which time a metric is taken where the condition does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MetricWindow {
    /// One minute, growing backwards while samples are few (alerting 7).
    Short,
    /// Exactly so long.
    Last(Micros),
    /// No window: as it is at the tick.
    Now,
    /// The budget's calendar day so far.
    PeriodDay,
    /// The budget's calendar month so far.
    PeriodMonth,
    /// The period so far of the budget it is measured against.
    Period,
}

/// One row of the registry.
#[derive(Debug, Clone, Copy)]
struct Row {
    word: &'static str,
    dimension: Dimension,
    range: (Option<f64>, Option<f64>),
    window: MetricWindow,
    min_samples: u64,
    display: Written,
    better: Better,
}

const MINUTE: Micros = Micros(60_000_000);
const HOUR: Micros = Micros(3_600_000_000);
const DAY: Micros = Micros(24 * HOUR.0);

/// Never below nothing.
const POSITIVE: (Option<f64>, Option<f64>) = (Some(0.0), None);
/// A share of a whole.
const SHARE: (Option<f64>, Option<f64>) = (Some(0.0), Some(1.0));
/// A saving or a loss: at most the whole, but it may have gone the other way.
const SIGNED: (Option<f64>, Option<f64>) = (None, Some(1.0));

const fn row(word: &'static str, dimension: Dimension, display: Written) -> Row {
    Row {
        word,
        dimension,
        range: POSITIVE,
        window: MetricWindow::Short,
        min_samples: 0,
        display,
        better: Better::Lower,
    }
}

/// Fewest samples are those of alerting 7, where the statistics behind them stand.
const fn time(word: &'static str, min_samples: u64) -> Row {
    Row { min_samples, ..row(word, Dimension::Time, Written::Millis) }
}

const fn ratio(word: &'static str, min_samples: u64, better: Better) -> Row {
    Row { range: SHARE, min_samples, better, ..row(word, Dimension::Ratio, Written::Percent) }
}

/// A mean over the requests of the last hour.
const fn hourly(word: &'static str, dimension: Dimension, display: Written) -> Row {
    Row { window: MetricWindow::Last(HOUR), min_samples: 30, ..row(word, dimension, display) }
}

impl Metric {
    /// All of them, in the order of the registry.
    pub const ALL: &[Self] = &[
        Self::P50Latency,
        Self::P95Latency,
        Self::P99Latency,
        Self::MeanLatency,
        Self::TtftP95,
        Self::TpotP95,
        Self::ErrorRate,
        Self::Availability,
        Self::CacheHitRate,
        Self::CacheMissRate,
        Self::CacheMemoryUsage,
        Self::CacheMemoryBytes,
        Self::TtlEffectiveness,
        Self::TokenReduction,
        Self::BudgetUtilization,
        Self::QualityScore,
        Self::QualityRegression,
        Self::UserSatisfaction,
        Self::TokensPerRequest,
        Self::TokenEfficiency,
        Self::DailyTokens,
        Self::CostPerRequest,
        Self::CostPerQualityUnit,
        Self::DailyCost,
        Self::MonthlyCost,
        Self::Throughput,
        Self::ConcurrentUsers,
        Self::InflightRequests,
        Self::UnpricedCalls,
    ];

    const fn row(self) -> Row {
        use Better::{Higher, Lower, Neither};
        use MetricWindow::{Last, Now, Period, PeriodDay, PeriodMonth};
        match self {
            Self::P50Latency => time("p50_latency", 20),
            Self::P95Latency => time("p95_latency", 100),
            Self::P99Latency => time("p99_latency", 300),
            Self::MeanLatency => time("mean_latency", 30),
            Self::TtftP95 => time("ttft_p95", 100),
            Self::TpotP95 => time("tpot_p95", 100),
            Self::ErrorRate => ratio("error_rate", 50, Lower),
            Self::Availability => ratio("availability", 50, Higher),
            Self::CacheHitRate => ratio("cache_hit_rate", 50, Higher),
            Self::CacheMissRate => ratio("cache_miss_rate", 50, Lower),
            Self::CacheMemoryUsage => Row { window: Now, ..ratio("cache_memory_usage", 0, Lower) },
            Self::CacheMemoryBytes => Row {
                window: Now,
                ..row("cache_memory_bytes", Dimension::Size, Written::MebiBytes)
            },
            Self::TtlEffectiveness => {
                Row { window: Last(HOUR), ..ratio("ttl_effectiveness", 0, Higher) }
            }
            Self::TokenReduction => {
                Row { window: Last(DAY), range: SIGNED, ..ratio("token_reduction", 50, Higher) }
            }
            Self::BudgetUtilization => {
                Row { window: Period, range: POSITIVE, ..ratio("budget_utilization", 0, Lower) }
            }
            Self::QualityScore => ratio("quality_score", 20, Higher),
            Self::QualityRegression => {
                Row { range: SIGNED, ..ratio("quality_regression", 20, Lower) }
            }
            Self::UserSatisfaction => Row {
                window: Last(Micros(7 * DAY.0)),
                range: (Some(1.0), Some(5.0)),
                min_samples: 30,
                better: Higher,
                ..row("user_satisfaction", Dimension::Rating, Written::OfFive)
            },
            Self::TokensPerRequest => {
                hourly("tokens_per_request", Dimension::Count, Written::Tokens)
            }
            Self::TokenEfficiency => hourly("token_efficiency", Dimension::Count, Written::Tokens),
            Self::DailyTokens => {
                Row { window: Last(DAY), ..row("daily_tokens", Dimension::Count, Written::Tokens) }
            }
            Self::CostPerRequest => hourly("cost_per_request", Dimension::Money, Written::Dollar),
            Self::CostPerQualityUnit => {
                hourly("cost_per_quality_unit", Dimension::Money, Written::Dollar)
            }
            Self::DailyCost => {
                Row { window: PeriodDay, ..row("daily_cost", Dimension::Money, Written::Dollar) }
            }
            Self::MonthlyCost => Row {
                window: PeriodMonth,
                ..row("monthly_cost", Dimension::Money, Written::Dollar)
            },
            Self::Throughput => Row {
                window: Last(MINUTE),
                better: Neither,
                ..row("throughput", Dimension::Rate, Written::PerMinute)
            },
            Self::ConcurrentUsers => Row {
                window: Now,
                better: Neither,
                ..row("concurrent_users", Dimension::Count, Written::Bare)
            },
            Self::InflightRequests => Row {
                window: Now,
                better: Neither,
                ..row("inflight_requests", Dimension::Count, Written::Bare)
            },
            Self::UnpricedCalls => {
                Row { window: Last(HOUR), ..row("unpriced_calls", Dimension::Count, Written::Bare) }
            }
        }
    }

    /// The word in conditions.
    #[must_use]
    pub const fn word(self) -> &'static str {
        self.row().word
    }

    /// The metric of a word; words are case-sensitive.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|m| m.word() == word)
    }

    /// What it measures.
    #[must_use]
    pub const fn dimension(self) -> Dimension {
        self.row().dimension
    }

    /// Its smallest and largest value in base units, where there is one.
    #[must_use]
    pub const fn range(self) -> (Option<f64>, Option<f64>) {
        self.row().range
    }

    /// Over which time it is taken where the condition does not say.
    #[must_use]
    pub const fn window(self) -> MetricWindow {
        self.row().window
    }

    /// Fewest samples for a verdict; 0 where samples play no part.
    #[must_use]
    pub const fn min_samples(self) -> u64 {
        self.row().min_samples
    }

    /// Fewest bad ones for a verdict that it is too high: one failure in a thin window is no trend.
    #[must_use]
    pub const fn min_bad(self) -> u64 {
        if matches!(self, Self::ErrorRate) { 3 } else { 0 }
    }

    /// Which quantile it is; decided by counts (alerting 6.3).
    #[must_use]
    pub const fn quantile(self) -> Option<f64> {
        match self {
            Self::P50Latency => Some(0.5),
            Self::P95Latency | Self::TtftP95 | Self::TpotP95 => Some(0.95),
            Self::P99Latency => Some(0.99),
            _ => None,
        }
    }

    /// Whether it counts whole things, so that `==` means something.
    #[must_use]
    pub const fn is_integer(self) -> bool {
        matches!(
            self,
            Self::DailyTokens
                | Self::ConcurrentUsers
                | Self::InflightRequests
                | Self::UnpricedCalls
        )
    }

    /// The unit it is shown in where the condition writes none.
    #[must_use]
    pub const fn display(self) -> Written {
        self.row().display
    }

    /// Which way is better.
    #[must_use]
    pub const fn better(self) -> Better {
        self.row().better
    }

    /// Its entry in the catalogue of KPIs. `availability` here is that of requests, not of checks.
    #[must_use]
    pub const fn kpi(self) -> Option<&'static str> {
        match self {
            Self::Availability => Some("request_availability"),
            Self::CacheMemoryBytes | Self::InflightRequests => None,
            metric => Some(metric.word()),
        }
    }

    /// Its target in base units, from the catalogue.
    #[must_use]
    pub fn target(self) -> Option<f64> {
        let name = self.kpi()?;
        let kpi: &Kpi = CATALOGUE.iter().find(|k| k.name == name)?;
        let worth = match kpi.unit {
            Unit::Ms => 1e3,
            // Division is exact where the product is not: 7 % is 0.07.
            Unit::Percent => return kpi.target.map(|t| t / 100.0),
            Unit::Usd => 1e9,
            Unit::Tokens | Unit::PerMinute | Unit::Count | Unit::Rating => 1.0,
        };
        kpi.target.map(|t| t * worth)
    }

    /// Which timing of a call it is about.
    #[must_use]
    pub const fn timing(self) -> Option<Timing> {
        match self {
            Self::P50Latency | Self::P95Latency | Self::P99Latency | Self::MeanLatency => {
                Some(Timing::Latency)
            }
            Self::TtftP95 => Some(Timing::Ttft),
            Self::TpotP95 => Some(Timing::Tpot),
            _ => None,
        }
    }

    /// The mechanism it is about: while that is off the metric means nothing.
    #[must_use]
    pub const fn mechanism(self) -> Option<Mechanism> {
        match self {
            Self::CacheHitRate
            | Self::CacheMissRate
            | Self::CacheMemoryUsage
            | Self::CacheMemoryBytes
            | Self::TtlEffectiveness => Some(Mechanism::ResponseCaching),
            Self::TokenReduction => Some(Mechanism::TokenSaving),
            _ => None,
        }
    }

    /// The mechanism whose switching off must move it against its own past; an absolute limit on it
    /// still stands.
    #[must_use]
    pub const fn mechanism_of_change(self) -> Option<Mechanism> {
        match self {
            Self::DailyTokens | Self::TokensPerRequest => Some(Mechanism::TokenSaving),
            metric => metric.mechanism(),
        }
    }

    /// Whether it can be narrowed and split by labels; gauges are one figure for the whole gateway.
    #[must_use]
    pub const fn has_labels(self) -> bool {
        !matches!(
            self,
            Self::CacheMemoryUsage
                | Self::CacheMemoryBytes
                | Self::TtlEffectiveness
                | Self::ConcurrentUsers
        )
    }

    /// Whether it adds up over days, so that `over 7d` is the last seven complete days.
    #[must_use]
    pub const fn is_sum(self) -> bool {
        matches!(self, Self::DailyTokens | Self::DailyCost)
    }

    /// Whether its unit is tokens.
    #[must_use]
    pub const fn counts_tokens(self) -> bool {
        matches!(self, Self::TokensPerRequest | Self::TokenEfficiency | Self::DailyTokens)
    }
}

#[cfg(test)]
mod tests;
