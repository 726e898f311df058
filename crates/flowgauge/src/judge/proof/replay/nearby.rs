//! The same rule with thresholds nearby: how many pages a change of it would cost.

use crate::logic::alert::condition::{Bound, Condition, Expr, Predicate};
use crate::logic::alert::language;
use crate::logic::alert::rule::Rule;

/// Thresholds nearby: a tenth and a fifth to either side, enough to see where noise begins.
const NEARBY: [f64; 4] = [0.8, 0.9, 1.1, 1.2];

/// The same rule with thresholds nearby, where it has one that is a number.
pub(super) fn rules(rule: &Rule) -> Vec<Rule> {
    let with = |factor: f64| {
        let mut other = rule.clone();
        let Condition::When { expr: Expr::Is(Predicate::Compare(c)), .. } = &mut other.condition
        else {
            return None;
        };
        match &mut c.bound {
            Bound::Quantity(quantity) => {
                quantity.number = (quantity.number * factor * 1e6).round() / 1e6;
            }
            _ => return None,
        }
        other.text = language::print(&other.condition);
        // A threshold the metric never crosses is no neighbour.
        let context = language::Context { shipped: true, ..language::Context::default() };
        language::read(&other.text, &context).is_ok().then_some(other)
    };
    NEARBY.into_iter().filter_map(with).collect()
}
