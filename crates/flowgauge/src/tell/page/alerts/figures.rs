//! Figures of an evaluation in the unit its condition is written in.

use crate::logic::alert::condition::{Bound, Condition, Expr, Predicate, Written};
use crate::logic::alert::metric::Metric;
use crate::logic::alert::rule::Rule;

/// The metric a rule is about and the unit its figures are told in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Measure {
    metric: Metric,
    unit: Written,
}

impl Measure {
    /// Of a rule; none where its condition compares nothing.
    pub(super) fn of(rule: &Rule) -> Option<Self> {
        match &rule.condition {
            Condition::When { expr, .. } => in_expr(expr),
            Condition::Schedule(_) => None,
        }
    }

    /// The metric's word, as in a condition.
    pub(super) fn metric(self) -> String {
        word_of(&self.metric)
    }

    /// The unit's sign, as in a condition.
    pub(super) fn unit(self) -> String {
        word_of(&self.unit)
    }

    /// A figure in that unit.
    pub(super) fn value(self, base: f64) -> f64 {
        if self.unit == Written::Percent { base * 100.0 } else { base / self.unit.base() }
    }

    /// A figure in words, with its unit.
    pub(super) fn words(self, base: f64) -> String {
        let value = self.value(base);
        let unit = self.unit();
        let digits = match self.unit {
            Written::Millis | Written::Micros | Written::Tokens => 0,
            Written::Percent => 1,
            Written::Dollar | Written::Usd if value.abs() < 1.0 => 4,
            _ => 2,
        };
        let number = trimmed(value, digits);
        match self.unit {
            Written::Dollar => format!("${number}"),
            Written::Percent | Written::OfFive => format!("{number}{unit}"),
            Written::Bare => number,
            _ => format!("{number} {unit}"),
        }
    }
}

/// Fixed digits without zeros at the end.
fn trimmed(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The word serde writes: the one of conditions.
fn word_of<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// The first thing that is compared.
fn in_expr(expr: &Expr) -> Option<Measure> {
    match expr {
        Expr::And(all) | Expr::Or(all) => all.iter().find_map(in_expr),
        Expr::Not(one) => in_expr(one),
        Expr::Is(Predicate::Compare(c)) => {
            let metric = c.operand.series().metric;
            let of_ratio =
                matches!(c.operand, crate::logic::alert::condition::Operand::Change { .. });
            Some(Measure {
                metric,
                unit: if of_ratio { Written::Percent } else { unit(metric, &c.bound) },
            })
        }
        Expr::Is(Predicate::Forecast { of, bound, .. }) => {
            Some(Measure { metric: of.metric, unit: unit(of.metric, bound) })
        }
        Expr::Is(_) => None,
    }
}

/// The unit written, else the metric's usual one.
fn unit(metric: Metric, bound: &Bound) -> Written {
    if let Bound::Quantity(quantity) = bound {
        return quantity.unit;
    }
    match metric {
        Metric::P50Latency
        | Metric::P95Latency
        | Metric::P99Latency
        | Metric::MeanLatency
        | Metric::TtftP95
        | Metric::TpotP95 => Written::Millis,
        Metric::CacheMemoryBytes => Written::MebiBytes,
        Metric::UserSatisfaction => Written::OfFive,
        Metric::TokensPerRequest | Metric::TokenEfficiency | Metric::DailyTokens => Written::Tokens,
        Metric::CostPerRequest
        | Metric::CostPerQualityUnit
        | Metric::DailyCost
        | Metric::MonthlyCost => Written::Dollar,
        Metric::Throughput => Written::PerMinute,
        Metric::ConcurrentUsers | Metric::InflightRequests | Metric::UnpricedCalls => Written::Bare,
        _ => Written::Percent,
    }
}
