//! Thresholds that fit what was seen, within bounds: never looser than both the threshold in force and the
//! KPI's target, never stricter than the target (a rule must not fire while the target is met).
//!
//! Refuses rules whose threshold is no plain number, or is about some calls only. Proposes; whether it
//! is taken over is for a person.

use super::condition::{Bound, Cmp, Comparison, Condition, Expr, Operand, Predicate, Quantity};
use super::language::print;
use super::metric::Metric;
use super::rule::Rule;
use crate::quantile::exact;

/// Hours that must be known: fewer than a week hide the weekend.
pub const FEWEST_HOURS: usize = 168;

/// A threshold stands at what 99 of 100 hours keep: about two hours a week beyond it, which the rule's
/// own duration mostly outlasts.
const KEPT_BY: f64 = 0.99;

/// And so far beyond that, so that the next ordinary week does not touch it.
const ROOM: f64 = 0.10;

/// Smaller changes are not worth a person's look.
const WORTH: f64 = 0.05;

/// A rule whose threshold can be proposed.
#[derive(Debug, Clone, PartialEq)]
pub struct Plain {
    /// The metric.
    pub metric: Metric,
    /// How it is compared.
    pub cmp: Cmp,
    /// The threshold in force.
    pub current: Quantity,
}

/// What is proposed for a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposed {
    /// The threshold, in the unit of the one in force.
    pub threshold: Quantity,
    /// The condition with it.
    pub text: String,
    /// What kept it from following what was seen.
    pub held_by: Option<HeldBy>,
    /// Hours beyond the threshold in force.
    pub beyond_current: usize,
    /// Hours beyond the proposed one.
    pub beyond_proposed: usize,
}

/// What kept a threshold from following what was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldBy {
    /// It would fire while the target is met.
    Target,
    /// It would be looser than what is in force.
    InForce,
}

/// Why nothing is proposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotProposed {
    /// Fewer hours are known than [`FEWEST_HOURS`].
    TooFew,
    /// What fits is what is in force.
    Fits,
}

/// The threshold of a rule, where it is a plain number over all calls.
#[must_use]
pub fn plain(rule: &Rule) -> Option<Plain> {
    let Condition::When { expr: Expr::Is(Predicate::Compare(c)), .. } = &rule.condition else {
        return None;
    };
    let Comparison { operand: Operand::Of(series), cmp, bound: Bound::Quantity(current), .. } = c
    else {
        return None;
    };
    let whole = series.selector.is_empty() && series.by.is_empty();
    let ordered = !matches!(cmp, Cmp::Equal | Cmp::NotEqual);
    (whole && ordered && current.number > 0.0).then_some(Plain {
        metric: series.metric,
        cmp: *cmp,
        current: *current,
    })
}

/// A threshold for what was seen: one value an hour, and the KPI's target, both in base units.
///
/// # Errors
/// Why there is none.
pub fn propose(
    rule: &Rule,
    of: &Plain,
    hours: &[f64],
    target: Option<f64>,
) -> Result<Proposed, NotProposed> {
    if hours.len() < FEWEST_HOURS {
        return Err(NotProposed::TooFew);
    }
    let upper = matches!(of.cmp, Cmp::Above | Cmp::AtLeast);
    let (share, room) = if upper { (KEPT_BY, 1.0 + ROOM) } else { (1.0 - KEPT_BY, 1.0 - ROOM) };
    let mut sorted = hours.to_vec();
    let seen = exact(&mut sorted, share).ok_or(NotProposed::TooFew)? * room;
    let current = of.current.base();
    // Stricter and looser point in opposite directions for the two kinds of rules.
    let sign = if upper { 1.0 } else { -1.0 };
    let strictest = target.map_or(f64::NEG_INFINITY, |t| sign * t);
    let loosest = (sign * current).max(strictest);
    let wanted = sign * seen;
    let (held, held_by) = match () {
        () if wanted < strictest => (strictest, Some(HeldBy::Target)),
        () if wanted > loosest => (loosest, Some(HeldBy::InForce)),
        () => (wanted, None),
    };
    let threshold = rounded(of.current, sign * held, held_by.is_some());
    let moved = (threshold.base() - current).abs() / current;
    if moved < WORTH {
        return Err(NotProposed::Fits);
    }
    let beyond = |limit: f64| hours.iter().filter(|v| sign * **v > sign * limit).count();
    Ok(Proposed {
        threshold,
        text: with(rule, threshold),
        held_by,
        beyond_current: beyond(current),
        beyond_proposed: beyond(threshold.base()),
    })
}

/// A number with two digits, in the unit of the threshold in force; a bound stays as it is.
fn rounded(unit: Quantity, base: f64, is_bound: bool) -> Quantity {
    let one = Quantity { number: 1.0, ..unit }.base();
    let number = base / one;
    if is_bound || number <= 0.0 {
        return Quantity { number: (number * 1e6).round() / 1e6, ..unit };
    }
    let step = 10f64.powf(number.log10().floor() - 1.0);
    // Binary fractions of a step leave digits nobody wrote.
    let number = ((number / step).round() * step * 1e6).round() / 1e6;
    Quantity { number, ..unit }
}

/// The condition of a rule with another threshold.
fn with(rule: &Rule, threshold: Quantity) -> String {
    let mut condition = rule.condition.clone();
    if let Condition::When { expr: Expr::Is(Predicate::Compare(c)), .. } = &mut condition {
        c.bound = Bound::Quantity(threshold);
    }
    print(&condition)
}

#[cfg(test)]
mod tests;
