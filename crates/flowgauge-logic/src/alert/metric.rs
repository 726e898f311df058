//! The metrics a condition may name (alerting 3), and what each is about: its quantile, timing, mechanism,
//! target. Refuses to compute them.

mod dimension;
mod registry;

use super::condition::Written;
use super::facts::{Mechanism, Timing};
use crate::kpi::{Better, CATALOGUE, Kpi, Unit};
use serde::{Deserialize, Serialize};

pub use dimension::Dimension;
pub use registry::MetricWindow;

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
