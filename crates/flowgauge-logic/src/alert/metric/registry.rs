//! The registry of metrics, one row for each: word, dimension, range, window, guards (alerting 3).

use super::{Dimension, Metric};
use crate::alert::condition::Written;
use crate::kpi::Better;
use crate::unit::Micros;

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
pub(super) struct Row {
    pub(super) word: &'static str,
    pub(super) dimension: Dimension,
    pub(super) range: (Option<f64>, Option<f64>),
    pub(super) window: MetricWindow,
    pub(super) min_samples: u64,
    pub(super) display: Written,
    pub(super) better: Better,
}

pub(super) const MINUTE: Micros = Micros(60_000_000);
pub(super) const HOUR: Micros = Micros(3_600_000_000);
pub(super) const DAY: Micros = Micros(24 * HOUR.0);

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

/// How much is going on: neither more nor less is better.
const fn load(word: &'static str, dimension: Dimension, display: Written) -> Row {
    Row { better: Better::Neither, ..row(word, dimension, display) }
}

const fn within(window: MetricWindow, row: Row) -> Row {
    Row { window, ..row }
}

impl Metric {
    /// Its row.
    pub(super) const fn row(self) -> Row {
        use Better::{Higher, Lower};
        use Dimension::{Count, Money, Size};
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
            Self::CacheMemoryUsage => within(Now, ratio("cache_memory_usage", 0, Lower)),
            Self::CacheMemoryBytes => {
                within(Now, row("cache_memory_bytes", Size, Written::MebiBytes))
            }
            Self::TtlEffectiveness => within(Last(HOUR), ratio("ttl_effectiveness", 0, Higher)),
            Self::TokenReduction => {
                within(Last(DAY), Row { range: SIGNED, ..ratio("token_reduction", 50, Higher) })
            }
            Self::BudgetUtilization => {
                within(Period, Row { range: POSITIVE, ..ratio("budget_utilization", 0, Lower) })
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
            Self::TokensPerRequest => hourly("tokens_per_request", Count, Written::Tokens),
            Self::TokenEfficiency => hourly("token_efficiency", Count, Written::Tokens),
            Self::DailyTokens => within(Last(DAY), row("daily_tokens", Count, Written::Tokens)),
            Self::CostPerRequest => hourly("cost_per_request", Money, Written::Dollar),
            Self::CostPerQualityUnit => hourly("cost_per_quality_unit", Money, Written::Dollar),
            Self::DailyCost => within(PeriodDay, row("daily_cost", Money, Written::Dollar)),
            Self::MonthlyCost => within(PeriodMonth, row("monthly_cost", Money, Written::Dollar)),
            Self::Throughput => {
                within(Last(MINUTE), load("throughput", Dimension::Rate, Written::PerMinute))
            }
            Self::ConcurrentUsers => within(Now, load("concurrent_users", Count, Written::Bare)),
            Self::InflightRequests => within(Now, load("inflight_requests", Count, Written::Bare)),
            Self::UnpricedCalls => within(Last(HOUR), row("unpriced_calls", Count, Written::Bare)),
        }
    }
}
