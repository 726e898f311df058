//! The metrics a condition may name (alerting 3).

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
