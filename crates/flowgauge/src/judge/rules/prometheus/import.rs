//! Rules of Prometheus as ours.

use super::super::fields::Fields;
use super::super::forms;
use super::{SERIES, Translated, quoted};
use crate::config::problem::{Problem, Problems};
use crate::config::tree::{Node, Value};
use crate::logic::alert::condition::{
    Bound, Cmp, Comparison, Condition, Expr, Guards, Hold, Operand, Predicate, Quantity, Series,
    Written,
};
use crate::logic::alert::language;
use crate::logic::alert::metric::Dimension;
use crate::logic::alert::rule::Severity;
use std::collections::BTreeMap;

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
    if !crate::judge::rules::is_name(name) {
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
pub(super) fn parsed(text: &str) -> Result<Expr, String> {
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
