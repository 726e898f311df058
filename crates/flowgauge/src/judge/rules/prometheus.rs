//! Rules from and for Prometheus: comparisons over the series of our `/metrics`, which are in base
//! units there (seconds, ratios, dollars). Whatever does not map is listed with the reason.

mod export;
mod import;

use crate::logic::alert::metric::{Dimension, Metric};

pub use export::export;
pub use import::import;

/// Metrics with a series in `/metrics` of the same meaning, and that series.
const SERIES: &[(Metric, &str)] = &[
    (Metric::P50Latency, "flowgauge_p50_latency_seconds"),
    (Metric::P95Latency, "flowgauge_p95_latency_seconds"),
    (Metric::P99Latency, "flowgauge_p99_latency_seconds"),
    (Metric::MeanLatency, "flowgauge_mean_latency_seconds"),
    (Metric::TtftP95, "flowgauge_ttft_p95_seconds"),
    (Metric::TpotP95, "flowgauge_tpot_p95_seconds"),
    (Metric::ErrorRate, "flowgauge_error_rate_ratio"),
    (Metric::Availability, "flowgauge_availability_ratio"),
    (Metric::CacheHitRate, "flowgauge_cache_hit_rate_ratio"),
    (Metric::QualityScore, "flowgauge_quality_score_ratio"),
    (Metric::UserSatisfaction, "flowgauge_user_satisfaction_rating"),
    (Metric::TokensPerRequest, "flowgauge_tokens_per_request_tokens"),
    (Metric::CostPerRequest, "flowgauge_cost_per_request_usd"),
    (Metric::InflightRequests, "flowgauge_in_flight_requests"),
];

/// A translation, and what it left out and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Translated {
    /// The rule file.
    pub text: String,
    /// Name of each rule that does not map, and the reason.
    pub left_out: Vec<(String, String)>,
}

/// A text as a JSON string, which is YAML too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// One unit of `/metrics` in the evaluator's base unit.
const fn scale(dimension: Dimension) -> f64 {
    match dimension {
        Dimension::Time => 1e6,
        Dimension::Money => 1e9,
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{World, load, load_text};
    use super::import::parsed;
    use super::*;
    use crate::config::Config;
    use crate::config::alerts::RuleSource;
    use crate::judge::rules::RuleSet;

    fn world<T>(act: impl FnOnce(&World<'_>) -> T) -> T {
        act(&World { config: &Config::default(), env: &|_| None })
    }

    #[test]
    fn what_is_exported_is_imported_again() {
        let set = world(|w| load(&[RuleSource::Guide, RuleSource::Derived], w)).unwrap();
        let exported = export(&set);
        assert!(
            exported.text.contains("expr: \"flowgauge_p95_latency_seconds > 2.5\""),
            "{}",
            exported.text
        );
        let left: Vec<&str> = exported.left_out.iter().map(|(n, _)| n.as_str()).collect();
        assert!(
            left.contains(&"daily_summary") && left.contains(&"token_usage_warning"),
            "{left:?}"
        );
        let imported = import("rules.yml", &exported.text).unwrap();
        assert_eq!(imported.left_out, []);
        let again =
            world(|w| load_text("a.yaml", &imported.text, w)).unwrap_or_else(|p| panic!("{p}"));
        let of = |set: &RuleSet, name: &str| {
            set.rules.iter().find(|r| r.name == name).map(|r| r.condition.clone())
        };
        assert_eq!(of(&again, "error_rate_critical"), of(&set, "error_rate_critical"));
        assert_eq!(again.rules.len() + left.len(), set.rules.iter().filter(|r| r.enabled).count());
    }

    #[test]
    fn what_does_not_map_is_listed_with_the_reason() {
        let text = "groups:\n- name: g\n  interval: 30s\n  rules:\n  - {record: x, expr: sum(y)}\n  \
                    - {alert: A, expr: 'rate(http_requests_total[5m]) > 1', for: 5m}\n  \
                    - {alert: B, expr: flowgauge_error_rate_ratio > 0.07, for: 5m, labels: {severity: page}}\n";
        let imported = import("rules.yml", text).unwrap();
        assert_eq!(imported.left_out.len(), 2);
        assert!(
            imported.text.contains("condition: error_rate > 7% for 5m\n    severity: critical")
        );
        assert!(imported.text.contains("interval: 30s\n"));
    }

    #[test]
    fn labels_of_a_group_are_those_of_its_rules_and_what_else_it_says_is_listed() {
        let text = "groups:\n- name: g\n  interval: 5m\n  limit: 9\n  labels: {team: a, area: b}\n  rules:\n  \
                    - {alert: A, expr: flowgauge_error_rate_ratio > 0.07, labels: {team: c}}\n\
                    - name: h\n  interval: 30s\n  rules: []\n";
        let imported = import("rules.yml", text).unwrap();
        assert!(
            imported.text.contains("    labels:\n      \"area\": \"b\"\n      \"team\": \"c\"\n"),
            "{}",
            imported.text
        );
        let left: Vec<&str> = imported.left_out.iter().map(|(what, _)| what.as_str()).collect();
        assert_eq!(left, ["interval 5m of group g", "limit 9 of group g"]);
    }

    proptest::proptest! {
        #[test]
        fn no_expression_makes_it_panic(text in "[a-z_ <>=0-9.()]{0,40}") {
            let _read = parsed(&text);
        }
    }
}
