//! The default condition that ends an episode: the same thresholds, passed clearly the other way
//! (alerting 8.3).
//!
//! Owns how much slack each kind of bound gets. Refuses conditions that a rule writes itself.

use super::condition::{
    Bound, Cmp, Comparison, Expr, Guards, Operand, Predicate, Quantity, Written,
};
use super::metric::{Dimension, Metric};

/// A rating is over by a twentieth of a star.
const RATING: f64 = 0.05;

/// Time, count, money, rate, size: one part in so many of the threshold, 5 %.
const PART: f64 = 20.0;

/// Shares: one percentage point …
const POINT: f64 = 1.0;

/// … but at most one part in so many of the distance to nothing or everything, 10 %.
const PART_OF_DISTANCE: f64 = 10.0;

/// The condition that ends an episode of `expr`: it holds where `expr` is clearly false.
#[must_use]
pub fn release(expr: &Expr) -> Expr {
    released(expr, false)
}

/// `negated`: the episode began because `expr` did not hold.
fn released(expr: &Expr, negated: bool) -> Expr {
    let all = |parts: &[Expr]| parts.iter().map(|p| released(p, negated)).collect();
    match (expr, negated) {
        (Expr::And(parts), false) | (Expr::Or(parts), true) => Expr::Or(all(parts)),
        (Expr::Or(parts), false) | (Expr::And(parts), true) => Expr::And(all(parts)),
        (Expr::Not(inner), _) => released(inner, !negated),
        (Expr::Is(predicate), _) => predicate_released(predicate, negated),
    }
}

fn predicate_released(predicate: &Predicate, negated: bool) -> Expr {
    // Written with `not`, it began on the other side.
    let began = |cmp: Cmp| if negated { opposite(cmp) } else { cmp };
    match predicate {
        Predicate::Compare(c) => {
            let (cmp, bound) = passed(began(c.cmp), &c.bound, dimension(&c.operand), &c.operand);
            // Confidence is asked of a fault, not of its end.
            let guards = Guards { confidence: None, ..c.guards };
            let operand = c.operand.clone();
            Expr::Is(Predicate::Compare(Comparison { operand, cmp, bound, guards }))
        }
        Predicate::Forecast { of, ahead, cmp, bound } => {
            let operand = Operand::Of(of.clone());
            let (cmp, bound) = passed(began(*cmp), bound, of.metric.dimension(), &operand);
            Expr::Is(Predicate::Forecast { of: of.clone(), ahead: *ahead, cmp, bound })
        }
        other if negated => Expr::Is(other.clone()),
        other => Expr::Not(Box::new(Expr::Is(other.clone()))),
    }
}

/// What an operand is measured in: a change is a share, whatever changes.
const fn dimension(operand: &Operand) -> Dimension {
    match operand {
        Operand::Of(series) => series.metric.dimension(),
        Operand::Change { .. } => Dimension::Ratio,
    }
}

/// The bound with slack and the comparison that holds beyond it.
fn passed(cmp: Cmp, bound: &Bound, dimension: Dimension, operand: &Operand) -> (Cmp, Bound) {
    // Where the fault is above, its end is below: the bound moves down.
    let down = match cmp {
        Cmp::Above | Cmp::AtLeast => true,
        Cmp::Below | Cmp::AtMost => false,
        Cmp::Equal | Cmp::NotEqual => return (opposite(cmp), bound.clone()),
    };
    let moved = |by: f64| if down { -by } else { by };
    let loose = match bound {
        Bound::Quantity(q) => {
            let number = q.number + moved(slack(*q, dimension));
            let loose = Quantity { number, ..*q };
            (in_range(operand, loose) && differs(number, q.number))
                .then_some(Bound::Quantity(loose))
        }
        Bound::PercentOf { percent, of } => {
            Some(Bound::PercentOf { percent: percent + moved(POINT), of: of.clone() })
        }
        Bound::Reference { reference, offset: None } => {
            Some(Bound::PercentOf { percent: 100.0 + moved(POINT), of: reference.clone() })
        }
        Bound::Reference { reference, offset: Some(offset) } => {
            let mut offset = *offset;
            let by = slack_of_offset(offset.amount);
            offset.amount.number += if offset.minus { -moved(by) } else { moved(by) };
            Some(Bound::Reference { reference: reference.clone(), offset: Some(offset) })
        }
    };
    match loose {
        Some(bound) => (if down { Cmp::Below } else { Cmp::Above }, bound),
        // No slack is possible: it is over as soon as the condition does not hold.
        None => (opposite(cmp), bound.clone()),
    }
}

/// How far a threshold moves, in the unit it is written in.
fn slack(q: Quantity, dimension: Dimension) -> f64 {
    match dimension {
        Dimension::Ratio => {
            let whole = if q.unit == Written::Percent { 100.0 } else { 1.0 };
            let distance = q.number.abs().min((whole - q.number).abs());
            (POINT * whole / 100.0).min(distance / PART_OF_DISTANCE)
        }
        Dimension::Rating => RATING,
        Dimension::Time
        | Dimension::Count
        | Dimension::Money
        | Dimension::Size
        | Dimension::Rate => q.number.abs() / PART,
    }
}

/// An offset in percent is as `N% of` the reference; another one gives its own part.
fn slack_of_offset(amount: Quantity) -> f64 {
    if amount.unit == Written::Percent { POINT } else { amount.number.abs() / PART }
}

/// Whether a metric can be beyond a threshold; a clear threshold it cannot pass never clears.
fn in_range(operand: &Operand, threshold: Quantity) -> bool {
    let Operand::Of(series) = operand else { return true };
    let (low, high) = Metric::range(series.metric);
    let base = threshold.base();
    low.is_none_or(|l| base > l) && high.is_none_or(|h| base < h)
}

fn differs(a: f64, b: f64) -> bool {
    (a - b).abs() > 0.0
}

/// The comparison that holds where this one does not.
#[must_use]
pub const fn opposite(cmp: Cmp) -> Cmp {
    match cmp {
        Cmp::Above => Cmp::AtMost,
        Cmp::AtLeast => Cmp::Below,
        Cmp::Below => Cmp::AtLeast,
        Cmp::AtMost => Cmp::Above,
        Cmp::Equal => Cmp::NotEqual,
        Cmp::NotEqual => Cmp::Equal,
    }
}
