//! Our rules as rules of Prometheus.

use super::super::RuleSet;
use super::{SERIES, Translated, quoted, scale};
use crate::logic::alert::condition::{
    Bound, Cmp, Comparison, Condition, Expr, Operand, Predicate, Series,
};
use crate::logic::alert::language;
use crate::logic::alert::rule::Rule;

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
