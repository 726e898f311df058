//! The one figure of a condition that a message is about: of several predicates the first that
//! compares something.

use super::super::condition::{Bound, Condition, Expr, Operand, Predicate, Reference, Written};
use super::super::metric::Metric;

/// What a message shows of a condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure<'a> {
    /// Whose value it is.
    pub metric: Metric,
    /// In which unit it is written.
    pub unit: Written,
    /// How value and reference are put.
    pub against: Against<'a>,
}

/// What a value is put against.
#[derive(Debug, Clone, PartialEq)]
pub enum Against<'a> {
    /// The threshold alone.
    Threshold,
    /// A budget or capacity: the value is shown as a share of it.
    Limit,
    /// Something that it deviates from.
    Past(&'a Reference),
    /// The value is a change itself.
    Change,
    /// The value is a burn rate: a factor without unit.
    Burn,
}

/// The predicate a message is about.
#[must_use]
pub fn main_predicate(condition: &Condition) -> Option<&Predicate> {
    let Condition::When { expr, .. } = condition else { return None };
    first(expr, &|p| matches!(p, Predicate::Compare(_) | Predicate::Forecast { .. }))
        .or_else(|| first(expr, &|_| true))
}

fn first<'e>(expr: &'e Expr, wanted: &dyn Fn(&Predicate) -> bool) -> Option<&'e Predicate> {
    match expr {
        Expr::And(parts) | Expr::Or(parts) => parts.iter().find_map(|part| first(part, wanted)),
        Expr::Not(inner) => first(inner, wanted),
        Expr::Is(predicate) => wanted(predicate).then_some(predicate),
    }
}

impl<'a> Figure<'a> {
    /// The figure of a condition; a schedule has none.
    #[must_use]
    pub fn of(condition: &'a Condition) -> Option<Self> {
        let figure = |metric: Metric, bound: &'a Bound| {
            let (unit, against) = against(metric, bound);
            Self { metric, unit, against }
        };
        Some(match main_predicate(condition)? {
            Predicate::Compare(comparison) => match &comparison.operand {
                Operand::Of(series) => figure(series.metric, &comparison.bound),
                Operand::Change { of, .. } => {
                    Self { metric: of.metric, unit: Written::Percent, against: Against::Change }
                }
            },
            Predicate::Forecast { of, bound, .. } => figure(of.metric, bound),
            Predicate::Regression { of, .. } => {
                Self { metric: of.metric, unit: Written::Percent, against: Against::Change }
            }
            // Of the two windows the availability of requests is the nearest in kind.
            Predicate::BurnRate { .. } => {
                Self { metric: Metric::Availability, unit: Written::Bare, against: Against::Burn }
            }
            Predicate::NoData { from: series, .. } | Predicate::Absent(series) => Self {
                metric: series.metric,
                unit: series.metric.display(),
                against: Against::Threshold,
            },
        })
    }
}

fn against(metric: Metric, bound: &Bound) -> (Written, Against<'_>) {
    let reference = match bound {
        Bound::Quantity(quantity) => {
            let unit =
                if quantity.unit == Written::Bare { metric.display() } else { quantity.unit };
            return (unit, Against::Threshold);
        }
        Bound::PercentOf { of, .. } => of,
        Bound::Reference { reference, .. } => reference,
    };
    match reference {
        Reference::Budget(_) | Reference::Capacity => (Written::Percent, Against::Limit),
        reference => (metric.display(), Against::Past(reference)),
    }
}
