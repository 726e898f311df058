//! The registry against alerting 3 and 7.

use super::registry::{DAY, HOUR, MINUTE};
use super::*;
use crate::unit::Micros;

/// Word, dimension, smallest, largest, shown as, window, fewest samples: alerting 3 and 7.
type Line = (&'static str, Dimension, Option<f64>, Option<f64>, Written, MetricWindow, u64);

const HOURLY: MetricWindow = MetricWindow::Last(HOUR);
const DAILY: MetricWindow = MetricWindow::Last(DAY);
const WEEKLY: MetricWindow = MetricWindow::Last(Micros(7 * DAY.0));

/// The table of alerting 3, line by line; fewest samples from alerting 7.
const TABLE: &[Line] = &[
    ("p50_latency", Dimension::Time, Some(0.0), None, Written::Millis, MetricWindow::Short, 20),
    ("p95_latency", Dimension::Time, Some(0.0), None, Written::Millis, MetricWindow::Short, 100),
    ("p99_latency", Dimension::Time, Some(0.0), None, Written::Millis, MetricWindow::Short, 300),
    ("mean_latency", Dimension::Time, Some(0.0), None, Written::Millis, MetricWindow::Short, 30),
    ("ttft_p95", Dimension::Time, Some(0.0), None, Written::Millis, MetricWindow::Short, 100),
    ("tpot_p95", Dimension::Time, Some(0.0), None, Written::Millis, MetricWindow::Short, 100),
    (
        "error_rate",
        Dimension::Ratio,
        Some(0.0),
        Some(1.0),
        Written::Percent,
        MetricWindow::Short,
        50,
    ),
    (
        "availability",
        Dimension::Ratio,
        Some(0.0),
        Some(1.0),
        Written::Percent,
        MetricWindow::Short,
        50,
    ),
    (
        "cache_hit_rate",
        Dimension::Ratio,
        Some(0.0),
        Some(1.0),
        Written::Percent,
        MetricWindow::Short,
        50,
    ),
    (
        "cache_miss_rate",
        Dimension::Ratio,
        Some(0.0),
        Some(1.0),
        Written::Percent,
        MetricWindow::Short,
        50,
    ),
    (
        "cache_memory_usage",
        Dimension::Ratio,
        Some(0.0),
        Some(1.0),
        Written::Percent,
        MetricWindow::Now,
        0,
    ),
    (
        "cache_memory_bytes",
        Dimension::Size,
        Some(0.0),
        None,
        Written::MebiBytes,
        MetricWindow::Now,
        0,
    ),
    ("ttl_effectiveness", Dimension::Ratio, Some(0.0), Some(1.0), Written::Percent, HOURLY, 0),
    ("token_reduction", Dimension::Ratio, None, Some(1.0), Written::Percent, DAILY, 50),
    (
        "budget_utilization",
        Dimension::Ratio,
        Some(0.0),
        None,
        Written::Percent,
        MetricWindow::Period,
        0,
    ),
    (
        "quality_score",
        Dimension::Ratio,
        Some(0.0),
        Some(1.0),
        Written::Percent,
        MetricWindow::Short,
        20,
    ),
    (
        "quality_regression",
        Dimension::Ratio,
        None,
        Some(1.0),
        Written::Percent,
        MetricWindow::Short,
        20,
    ),
    ("user_satisfaction", Dimension::Rating, Some(1.0), Some(5.0), Written::OfFive, WEEKLY, 30),
    ("tokens_per_request", Dimension::Count, Some(0.0), None, Written::Tokens, HOURLY, 30),
    ("token_efficiency", Dimension::Count, Some(0.0), None, Written::Tokens, HOURLY, 30),
    ("daily_tokens", Dimension::Count, Some(0.0), None, Written::Tokens, DAILY, 0),
    ("cost_per_request", Dimension::Money, Some(0.0), None, Written::Dollar, HOURLY, 30),
    ("cost_per_quality_unit", Dimension::Money, Some(0.0), None, Written::Dollar, HOURLY, 30),
    ("daily_cost", Dimension::Money, Some(0.0), None, Written::Dollar, MetricWindow::PeriodDay, 0),
    (
        "monthly_cost",
        Dimension::Money,
        Some(0.0),
        None,
        Written::Dollar,
        MetricWindow::PeriodMonth,
        0,
    ),
    (
        "throughput",
        Dimension::Rate,
        Some(0.0),
        None,
        Written::PerMinute,
        MetricWindow::Last(MINUTE),
        0,
    ),
    ("concurrent_users", Dimension::Count, Some(0.0), None, Written::Bare, MetricWindow::Now, 0),
    ("inflight_requests", Dimension::Count, Some(0.0), None, Written::Bare, MetricWindow::Now, 0),
    // Ours: the KPI of calls without a price.
    ("unpriced_calls", Dimension::Count, Some(0.0), None, Written::Bare, HOURLY, 0),
];

#[test]
fn the_registry_is_the_table_of_the_specification() {
    assert_eq!(Metric::ALL.len(), TABLE.len());
    for (metric, line) in Metric::ALL.iter().zip(TABLE) {
        let (low, high) = metric.range();
        let have: Line = (
            metric.word(),
            metric.dimension(),
            low,
            high,
            metric.display(),
            metric.window(),
            metric.min_samples(),
        );
        assert_eq!(&have, line);
    }
}

#[test]
fn a_word_and_its_serialised_form_name_the_same_metric() {
    for metric in Metric::ALL {
        assert_eq!(Metric::from_word(metric.word()), Some(*metric));
        let json = serde_json::to_string(metric).unwrap();
        assert_eq!(json, format!("{:?}", metric.word()));
    }
    assert_eq!(Metric::from_word("P95_latency"), None, "words are case-sensitive");
}

#[test]
fn every_named_kpi_is_in_the_catalogue_and_agrees_on_what_is_better() {
    for metric in Metric::ALL {
        let Some(name) = metric.kpi() else { continue };
        let kpi = CATALOGUE.iter().find(|k| k.name == name).unwrap();
        assert!(
            kpi.better == Better::Neither || kpi.better == metric.better(),
            "{name}: {:?} against {:?}",
            kpi.better,
            metric.better()
        );
    }
}

#[test]
fn targets_are_those_of_the_catalogue_in_base_units() {
    // Catalogue A2: 1500 ms, 80 %, $0.007, 4.0.
    assert_eq!(Metric::P95Latency.target(), Some(1_500_000.0));
    assert_eq!(Metric::QualityScore.target(), Some(0.8));
    assert_eq!(Metric::CostPerRequest.target(), Some(7_000_000.0));
    assert_eq!(Metric::UserSatisfaction.target(), Some(4.0));
    assert_eq!(Metric::DailyCost.target(), None);
}

#[test]
fn quantiles_belong_to_timings_and_only_error_rate_wants_three_errors() {
    for metric in Metric::ALL {
        assert!(metric.quantile().is_none() || metric.timing().is_some(), "{metric:?}");
        assert_eq!(metric.min_bad(), if *metric == Metric::ErrorRate { 3 } else { 0 });
    }
}
