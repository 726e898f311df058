//! Rules from and for Prometheus: comparisons over the series of our `/metrics`, which are in base
//! units there (seconds, ratios, dollars). Whatever does not map is listed with the reason.

use super::RuleSet;
use super::fields::Fields;
use super::forms;
use crate::config::problem::{Problem, Problems};
use crate::config::tree::{Node, Value};
use crate::logic::alert::condition::{
    Bound, Cmp, Comparison, Condition, Expr, Guards, Hold, Operand, Predicate, Quantity, Series,
    Written,
};
use crate::logic::alert::language;
use crate::logic::alert::metric::{Dimension, Metric};
use crate::logic::alert::rule::{Rule, Severity};
use std::collections::BTreeMap;

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

/// Our rules as a rule file of Prometheus.
#[must_use]
pub fn export(set: &RuleSet) -> Translated {
    let mut text = String::from(
        "# Written by `flowgauge alert export prometheus`. Prometheus has no hysteresis, no guard\n\
         # against few samples and no notion of calls in flight; /metrics tells the last 5 minutes.\n\
         groups:\n- name: flowgauge\n  rules:\n",
    );
    let (mut left_out, mut written) = (Vec::new(), false);
    for rule in set.rules.iter().filter(|r| r.enabled) {
        match exported(rule) {
            Ok(lines) => {
                written = true;
                text.push_str(&lines);
            }
            Err(why) => left_out.push((rule.name.to_string(), why)),
        }
    }
    if !written {
        text = text.replace("  rules:\n", "  rules: []\n");
    }
    Translated { text, left_out }
}

fn exported(rule: &Rule) -> Result<String, String> {
    let Condition::When { expr, hold } = &rule.condition else {
        return Err("a schedule is no expression".to_owned());
    };
    if hold.tolerance.is_some() {
        return Err("`(k of n)` cannot be said there".to_owned());
    }
    let mut text = format!("  - alert: {}\n    expr: {}\n", rule.name, quoted(&promql(expr, 0)?));
    if hold.length.0 > 0 {
        text.push_str(&format!("    for: {}\n", language::print_duration(hold.length)));
    }
    text.push_str(&format!("    labels:\n      severity: {}\n", rule.severity.word()));
    for (name, value) in &rule.labels {
        text.push_str(&format!("      {}: {}\n", quoted(name), quoted(value)));
    }
    // Their templates are another language; the condition says as much.
    let summary = format!("{}: {}", rule.name, rule.text);
    text.push_str(&format!("    annotations:\n      summary: {}\n", quoted(&summary)));
    Ok(text)
}

/// A text as a JSON string, which is YAML too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn promql(expr: &Expr, binds: u8) -> Result<String, String> {
    let joined = |parts: &[Expr], word: &str, own: u8| -> Result<String, String> {
        let parts: Result<Vec<String>, String> = parts.iter().map(|p| promql(p, own)).collect();
        let text = parts?.join(word);
        Ok(if own < binds { format!("({text})") } else { text })
    };
    match expr {
        // Our series have other labels than each other; what counts is that both are there.
        Expr::And(parts) => joined(parts, " and on () ", 2),
        Expr::Or(parts) => joined(parts, " or on () ", 1),
        Expr::Not(_) => Err("`not` cannot be said there".to_owned()),
        Expr::Is(Predicate::Compare(comparison)) => compared(comparison),
        Expr::Is(Predicate::Absent(series)) => Ok(format!("absent({})", series_of(series)?)),
        Expr::Is(_) => Err("only comparisons with an amount can be said there".to_owned()),
    }
}

fn compared(comparison: &Comparison) -> Result<String, String> {
    let (Operand::Of(series), Bound::Quantity(limit)) = (&comparison.operand, &comparison.bound)
    else {
        return Err("only comparisons with an amount can be said there".to_owned());
    };
    let cmp = match comparison.cmp {
        Cmp::Above => ">",
        Cmp::AtLeast => ">=",
        Cmp::Below => "<",
        Cmp::AtMost => "<=",
        Cmp::Equal => "==",
        Cmp::NotEqual => "!=",
    };
    let limit = limit.base() / scale(series.metric.dimension());
    Ok(format!("{} {cmp} {limit}", series_of(series)?))
}

fn series_of(series: &Series) -> Result<&'static str, String> {
    let narrowed = !series.selector.is_empty() || !series.by.is_empty() || series.calendar_day;
    if narrowed || series.over.is_some() {
        return Err("/metrics tells all calls of the last 5 minutes, nothing narrower".to_owned());
    }
    let found = SERIES.iter().find(|(metric, _)| *metric == series.metric);
    let missing = || format!("{} has no series of this meaning in /metrics", series.metric.word());
    found.map(|(_, name)| *name).ok_or_else(missing)
}

/// One unit of `/metrics` in the evaluator's base unit.
const fn scale(dimension: Dimension) -> f64 {
    match dimension {
        Dimension::Time => 1e6,
        Dimension::Money => 1e9,
        _ => 1.0,
    }
}

/// A rule file of Prometheus as one of ours.
///
/// # Errors
/// What is no rule file of Prometheus.
pub fn import(name: &str, text: &str) -> Result<Translated, Problems> {
    let problems = |list| Problems { file: name.to_owned(), text: text.to_owned(), list };
    let (pieces, broken) = forms::pieces(text);
    if !broken.is_empty() {
        return Err(problems(broken));
    }
    let root = pieces.first().map(|p| &p.root);
    let Some(Value::List(groups)) = root.and_then(|r| r.child("groups")).map(|n| &n.value) else {
        let place = root.map_or(crate::config::Place::Whole, |r| r.place.clone());
        let problem = Problem::new(place, "no list `groups`: this is no rule file of Prometheus");
        return Err(problems(vec![problem.hint("`flowgauge alert check` reads our own")]));
    };
    let mut out = Translated { text: String::new(), left_out: Vec::new() };
    let mut intervals: Vec<&str> = Vec::new();
    let mut names: Vec<String> = Vec::new();
    for group in groups {
        let Some(Value::List(rules)) = group.child("rules").map(|n| &n.value) else { continue };
        intervals.push(text_at(group, "interval").unwrap_or("1m"));
        for rule in rules {
            let name = text_at(rule, "alert").or_else(|| text_at(rule, "record"));
            let name = name.unwrap_or("(no name)");
            // There a name may be given several times, for several severities.
            let same = names.iter().filter(|n| *n == name).count();
            names.push(name.to_owned());
            let own = if same == 0 { name.to_owned() } else { format!("{name}_{}", same + 1) };
            match imported(&own, group, rule) {
                Ok(lines) => out.text.push_str(&lines),
                Err(why) => out.left_out.push((name.to_owned(), why)),
            }
        }
    }
    let length = |text: &str| language::duration(text).map_or(u64::MAX, |m| m.0);
    let interval = intervals.into_iter().min_by_key(|t| length(t));
    for group in groups {
        beside(group, interval.unwrap_or("1m"), &mut out.left_out);
    }
    let list = if out.text.is_empty() { "alerts: []\n" } else { "alerts:\n" };
    out.text = format!(
        "# Written by `flowgauge alert import prometheus`. An alert ends as there: no hysteresis.\n\
         semantics: prometheus\ninterval: {}\n{list}{}",
        interval.unwrap_or("1m"),
        out.text
    );
    Ok(out)
}

/// What a group says beside its rules and a file here cannot.
fn beside(group: &Node, interval: &str, left_out: &mut Vec<(String, String)>) {
    let name = text_at(group, "name").unwrap_or("(no name)");
    let own = text_at(group, "interval").unwrap_or("1m");
    if language::duration(own).ok() != language::duration(interval).ok() {
        let why = format!("a file has one interval, which is {interval}; give this group its own");
        left_out.push((format!("interval {own} of group {name}"), why));
    }
    for key in ["limit", "query_offset"] {
        if let Some(value) = text_at(group, key).filter(|value| *value != "0") {
            let why = "there is no such thing here".to_owned();
            left_out.push((format!("{key} {value} of group {name}"), why));
        }
    }
}

fn text_at<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    match &(Fields { own: node, defaults: None }).get(key)?.value {
        Value::Text(text) => Some(text.trim()),
        _ => None,
    }
}

fn imported(name: &str, group: &Node, rule: &Node) -> Result<String, String> {
    if text_at(rule, "alert").is_none() {
        return Err("a recording rule; flowgauge keeps its own series".to_owned());
    }
    if !super::is_name(name) {
        return Err("its name is no name of a rule here".to_owned());
    }
    let expr = parsed(text_at(rule, "expr").unwrap_or_default())?;
    let length = match text_at(rule, "for") {
        Some(text) => language::duration(text).map_err(|fault| fault.to_string())?,
        None => crate::logic::unit::Micros(0),
    };
    let hold = Hold { length, tolerance: None };
    let condition = language::print(&Condition::When { expr, hold });
    let label = |key: &str| rule.child("labels").and_then(|l| text_at(l, key));
    let grouped = |key: &str| group.child("labels").and_then(|l| text_at(l, key));
    let severity = label("severity").or_else(|| grouped("severity")).unwrap_or("warning");
    let severity = match severity {
        "critical" | "page" | "error" => Severity::Critical,
        "info" | "none" => Severity::Info,
        _ => Severity::Warning,
    };
    let message = format!("{name}: {{{{value}}}} (limit {{{{threshold}}}})");
    let mut text = format!(
        "  - alert: {name}\n    condition: {condition}\n    severity: {}\n    channels: [slack]\n    message: {}\n",
        severity.word(),
        quoted(&message)
    );
    if let Some(keep) = text_at(rule, "keep_firing_for") {
        text.push_str(&format!("    keep: {keep}\n"));
    }
    for key in ["labels", "annotations"] {
        // Labels of the group are those of its rules, unless a rule has its own.
        let mut all: BTreeMap<&str, &str> = BTreeMap::new();
        for node in [group, rule].into_iter().filter_map(|n| n.child(key)) {
            let Value::Map(entries) = &node.value else { continue };
            for entry in entries.iter().filter(|e| key != "labels" || e.key != "severity") {
                if let Value::Text(value) = &entry.node.value {
                    all.insert(&entry.key, value);
                }
            }
        }
        let line = |(name, value)| format!("      {}: {}\n", quoted(name), quoted(value));
        let lines: String = all.into_iter().map(line).collect();
        if !lines.is_empty() {
            text.push_str(&format!("    {key}:\n{lines}"));
        }
    }
    Ok(text)
}

/// One comparison of one of our series with a number, or several joined by `and` or `or`.
fn parsed(text: &str) -> Result<Expr, String> {
    let plain = text.replace(" on ()", "").replace(" on()", "");
    if plain.contains(['(', ')', '{', '}', '[', ']']) {
        return Err(format!(
            "only series of flowgauge's /metrics against a number map, not {text:?}"
        ));
    }
    let joined = |word: &str| -> Result<Vec<Expr>, String> {
        plain
            .split(word)
            .map(|part| if word == " or " { parsed(part) } else { one(part) })
            .collect()
    };
    if plain.contains(" or ") {
        return joined(" or ").map(Expr::Or);
    }
    if plain.contains(" and ") {
        return joined(" and ").map(Expr::And);
    }
    one(&plain)
}

fn one(text: &str) -> Result<Expr, String> {
    let why = || {
        format!("only series of flowgauge's /metrics against a number map, not {:?}", text.trim())
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    let [name, cmp, number] = words.as_slice() else { return Err(why()) };
    let (metric, _) = SERIES.iter().find(|(_, series)| series == name).ok_or_else(why)?;
    let cmp = match *cmp {
        ">" => Cmp::Above,
        ">=" => Cmp::AtLeast,
        "<" => Cmp::Below,
        "<=" => Cmp::AtMost,
        "==" => Cmp::Equal,
        "!=" => Cmp::NotEqual,
        _ => return Err(why()),
    };
    let number: f64 = number.parse().ok().filter(|n: &f64| n.is_finite()).ok_or_else(why)?;
    // In the unit people read: 0.05 is 5 %.
    let (number, unit) = match metric.dimension() {
        Dimension::Time => (number, Written::Seconds),
        Dimension::Ratio => (rounded(number * 100.0), Written::Percent),
        Dimension::Money => (number, Written::Dollar),
        _ => (number, Written::Bare),
    };
    let series = Series {
        metric: *metric,
        selector: Vec::new(),
        calendar_day: false,
        over: None,
        by: Vec::new(),
    };
    let comparison = Comparison {
        operand: Operand::Of(series),
        cmp,
        bound: Bound::Quantity(Quantity { number, unit }),
        guards: Guards::default(),
    };
    let condition = Expr::Is(Predicate::Compare(comparison));
    let faults = language::check_expr(&condition, &language::Context::default());
    faults.first().map_or(Ok(condition), |fault| Err(fault.to_string()))
}

/// Without the digits that a product of decimals adds: 0.07 · 100 is 7.
fn rounded(number: f64) -> f64 {
    (number * 1e9).round() / 1e9
}

#[cfg(test)]
mod tests {
    use super::super::{World, load, load_text};
    use super::*;
    use crate::config::Config;
    use crate::config::alerts::RuleSource;

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
