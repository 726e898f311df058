//! What of a rule and its instance inhibition compares: metric, direction, threshold, population.

use crate::alert::condition::{
    Bound, Comparison, Condition, Expr, MatchOp, Matcher, Operand, Predicate, Reference, Series,
};
use crate::alert::facts::{Labels, Mechanism};
use crate::alert::law::Worse;
use crate::alert::metric::Metric;
use crate::alert::plan::Entry;
use crate::alert::rule::Severity;
use crate::alert::step::Raise;
use crate::call::Text;
use crate::rollup::Dim;
use std::collections::BTreeMap;

/// A part of a condition that is true or false by itself.
#[derive(Debug)]
pub(super) struct Leaf<'a> {
    series: Option<&'a Series>,
    /// Compared with its own past.
    of_change: bool,
}

impl Leaf<'_> {
    pub(super) fn metric(&self) -> Option<Metric> {
        self.series.map(|series| series.metric)
    }

    /// The mechanism that must be on for it to mean anything.
    pub(super) fn mechanism(&self) -> Option<Mechanism> {
        let metric = self.metric()?;
        if self.of_change { metric.mechanism_of_change() } else { metric.mechanism() }
    }
}

/// All parts of a condition.
pub(super) fn leaves(condition: &Condition) -> Vec<Leaf<'_>> {
    let mut found = Vec::new();
    if let Condition::When { expr, .. } = condition {
        collect(expr, &mut found);
    }
    found
}

fn collect<'a>(expr: &'a Expr, into: &mut Vec<Leaf<'a>>) {
    match expr {
        Expr::And(parts) | Expr::Or(parts) => parts.iter().for_each(|part| collect(part, into)),
        Expr::Not(inner) => collect(inner, into),
        Expr::Is(predicate) => into.push(leaf(predicate)),
    }
}

fn leaf(predicate: &Predicate) -> Leaf<'_> {
    match predicate {
        Predicate::Compare(Comparison { operand, bound, .. }) => {
            let of_change = matches!(operand, Operand::Change { .. }) || is_past(bound);
            Leaf { series: Some(operand.series()), of_change }
        }
        Predicate::NoData { from: series, .. }
        | Predicate::Absent(series)
        | Predicate::Forecast { of: series, .. } => Leaf { series: Some(series), of_change: false },
        Predicate::Regression { of, .. } => Leaf { series: Some(of), of_change: true },
        Predicate::BurnRate { .. } => Leaf { series: None, of_change: false },
    }
}

const fn is_past(bound: &Bound) -> bool {
    let (Bound::PercentOf { of: reference, .. } | Bound::Reference { reference, .. }) = bound
    else {
        return false;
    };
    matches!(
        reference,
        Reference::Baseline(_)
            | Reference::Previous(_)
            | Reference::Yesterday
            | Reference::LastWeek
    )
}

/// What thresholds must have in common to be compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Scale {
    pub(super) metric: Metric,
    worse: Worse,
    calendar_day: bool,
    /// Direction and reference of a change; none for the metric itself.
    change: Option<String>,
}

/// A rule of a single comparison and the population of its instance.
#[derive(Debug)]
pub(super) struct Facet {
    pub(super) scale: Scale,
    /// In the evaluator's base unit.
    threshold: Option<f64>,
    severity: Severity,
    /// What is known of every call it looks at: the instance's labels and `=` of the selector.
    pub(super) labels: Labels,
    /// The rest of the selector.
    others: Vec<Matcher>,
}

impl Facet {
    pub(super) fn of(entry: &Entry<'_>) -> Option<Self> {
        let Condition::When { expr: Expr::Is(Predicate::Compare(comparison)), .. } =
            &entry.rule.condition
        else {
            return None;
        };
        if Raise::is_name(&entry.rule.name) {
            return None;
        }
        let series = comparison.operand.series();
        let change = match &comparison.operand {
            Operand::Of(_) => None,
            Operand::Change { kind, against, .. } => Some(format!("{kind:?} {against:?}")),
        };
        let scale = Scale {
            metric: series.metric,
            worse: Worse::of(comparison.cmp)?,
            calendar_day: series.calendar_day,
            change,
        };
        let written = match &comparison.bound {
            Bound::Quantity(quantity) => Some(quantity.base()),
            Bound::PercentOf { .. } | Bound::Reference { .. } => None,
        };
        let mut labels: BTreeMap<Text, Text> = entry.episode.labels.iter().cloned().collect();
        let (equal, others): (Vec<&Matcher>, Vec<&Matcher>) =
            series.selector.iter().partition(|matcher| matcher.op == MatchOp::Equal);
        labels.extend(equal.iter().map(|m| (Text::const_new(m.dim.word()), m.value.clone())));
        Some(Self {
            scale,
            threshold: written.or(entry.episode.last_violation.threshold),
            severity: entry.rule.severity,
            labels: labels.into_iter().collect(),
            others: others.into_iter().cloned().collect(),
        })
    }

    /// Its labels of these names, sorted; nothing where it lacks one.
    pub(super) fn narrowed_to(&self, names: &[Text]) -> Option<Labels> {
        let one = |name: &Text| self.labels.iter().find(|(label, _)| label == name).cloned();
        names.iter().map(one).collect()
    }

    pub(super) fn has(&self, dim: Dim) -> bool {
        self.labels.iter().any(|(name, _)| name == dim.word())
    }

    /// Whether every call the other looks at is one of its own, labels aside.
    pub(super) fn holds(&self, other: &Self) -> bool {
        self.others.iter().all(|matcher| other.others.contains(matcher))
    }

    /// Whether it says all that the other says, and more; never where it is milder.
    pub(super) fn is_stricter(&self, other: &Self) -> bool {
        let (Some(own), Some(theirs)) = (self.threshold, other.threshold) else { return false };
        if self.severity < other.severity {
            return false;
        }
        super::stricter(self.scale.worse, own, theirs)
            || (own.total_cmp(&theirs).is_eq() && self.severity > other.severity)
    }

    /// Whether it says that a provider as a whole does not answer.
    pub(super) fn is_provider_down(&self) -> bool {
        let bad = matches!(
            (self.scale.metric, self.scale.worse),
            (Metric::ErrorRate, Worse::Higher) | (Metric::Availability, Worse::Lower)
        );
        bad && self.scale.change.is_none() && self.has(Dim::Provider) && !self.has(Dim::Model)
    }
}
