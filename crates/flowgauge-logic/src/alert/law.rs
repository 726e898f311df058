//! What the state machine needs of a rule: how long to hold, how long to keep, what unknown and failed
//! evaluations count as, and whether an episode lasts until its budget's period ends.
//!
//! Owns the defaults that follow from the rule alone. Refuses thresholds: those are the evaluator's.

use super::condition::{
    Bound, Cmp, Comparison, Condition, Expr, Hold, Operand, Predicate, Reference,
};
use super::facts::BudgetPeriod;
use super::metric::Metric;
use super::rule::{Policy, Rule};
use crate::unit::{Micros, UnixMicros};
use crate::window::Window;
use chrono_tz::Tz;

/// `keep` is at least so many ticks: one clear tick alone may be chance.
const KEEP_TICKS: u64 = 2;
/// Else `keep` is this part of `for`: as slow to end as to begin, five times over (5 m → 1 m).
const KEEP_PART: u64 = 5;

/// A rule as the state machine sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Law {
    /// For how long the condition must hold.
    pub hold: Hold,
    /// Least time from the first clear tick to the resolve.
    pub keep: Micros,
    /// What no data and thin data count as.
    pub on_no_data: Policy,
    /// What a failed evaluation counts as.
    pub on_error: Policy,
    /// After so long without data, an open instance says so.
    pub max_hold: Micros,
    /// Between two ticks of this rule.
    pub tick: Micros,
    /// Ends with its budget's period, not before.
    pub latch: Option<Latch>,
}

/// The period a budget rule latches for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latch {
    /// Day or month.
    pub period: BudgetPeriod,
    /// Where it begins and ends.
    pub zone: Tz,
}

impl Law {
    /// The law of a rule; `tick` is the engine's, `zone` that of budgets.
    #[must_use]
    pub fn of(rule: &Rule, tick: Micros, zone: Tz) -> Self {
        let tick = rule.interval.unwrap_or(tick);
        let hold = hold_of(&rule.condition);
        let keep = Micros((hold.length.0 / KEEP_PART).max(tick.0.saturating_mul(KEEP_TICKS)));
        Self {
            hold,
            keep: rule.keep.unwrap_or(keep),
            on_no_data: rule.on_no_data,
            on_error: rule.on_error,
            max_hold: rule.max_hold,
            tick,
            latch: budget_period(&rule.condition).map(|period| Latch { period, zone }),
        }
    }
}

impl Latch {
    /// Whether a period ended after `then` and not after `now`.
    #[must_use]
    pub fn is_over(&self, then: UnixMicros, now: UnixMicros) -> bool {
        let so_far = match self.period {
            BudgetPeriod::Day => Window::day_to_date(now, self.zone),
            BudgetPeriod::Month => Window::month_to_date(now, self.zone),
        };
        so_far.is_some_and(|window| window.from > then)
    }
}

/// Which values of a metric are worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Worse {
    /// Higher ones.
    Higher,
    /// Lower ones.
    Lower,
}

impl Worse {
    /// The side a comparison warns of; nothing for `==` and `!=`.
    #[must_use]
    pub const fn of(cmp: Cmp) -> Option<Self> {
        match cmp {
            Cmp::Above | Cmp::AtLeast => Some(Self::Higher),
            Cmp::Below | Cmp::AtMost => Some(Self::Lower),
            Cmp::Equal | Cmp::NotEqual => None,
        }
    }

    /// The worse of two values; one that is no number is never the worse.
    #[must_use]
    pub fn of_two(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Higher => a.max(b),
            Self::Lower => a.min(b),
        }
    }
}

/// Which way the first comparison of a condition is bad; higher where it says nothing.
#[must_use]
pub fn worse(condition: &Condition) -> Worse {
    let Condition::When { expr, .. } = condition else { return Worse::Higher };
    first_cmp(expr).and_then(Worse::of).unwrap_or(Worse::Higher)
}

fn first_cmp(expr: &Expr) -> Option<Cmp> {
    match expr {
        Expr::And(parts) | Expr::Or(parts) => parts.iter().find_map(first_cmp),
        Expr::Not(inner) => first_cmp(inner).map(turned),
        Expr::Is(Predicate::Compare(Comparison { cmp, .. }) | Predicate::Forecast { cmp, .. }) => {
            Some(*cmp)
        }
        Expr::Is(Predicate::BurnRate { .. } | Predicate::Regression { .. }) => Some(Cmp::Above),
        Expr::Is(Predicate::NoData { .. } | Predicate::Absent(_)) => None,
    }
}

const fn turned(cmp: Cmp) -> Cmp {
    match cmp {
        Cmp::Above => Cmp::AtMost,
        Cmp::AtLeast => Cmp::Below,
        Cmp::Below => Cmp::AtLeast,
        Cmp::AtMost => Cmp::Above,
        Cmp::Equal => Cmp::NotEqual,
        Cmp::NotEqual => Cmp::Equal,
    }
}

/// The period of the budget a condition compares with, where all of it is about spending more than
/// a part of one budget: only then can it not become false before the period ends.
#[must_use]
pub fn budget_period(condition: &Condition) -> Option<BudgetPeriod> {
    match condition {
        Condition::When { expr, .. } => period_of(expr),
        Condition::Schedule(_) => None,
    }
}

fn period_of(expr: &Expr) -> Option<BudgetPeriod> {
    match expr {
        Expr::And(parts) | Expr::Or(parts) => {
            let mut periods = parts.iter().map(period_of);
            let first = periods.next()??;
            periods.all(|p| p == Some(first)).then_some(first)
        }
        Expr::Is(Predicate::Compare(comparison)) => period_of_comparison(comparison),
        Expr::Not(_) | Expr::Is(_) => None,
    }
}

fn period_of_comparison(comparison: &Comparison) -> Option<BudgetPeriod> {
    let Operand::Of(series) = &comparison.operand else { return None };
    if Worse::of(comparison.cmp) != Some(Worse::Higher) {
        return None;
    }
    let against_budget = matches!(
        &comparison.bound,
        Bound::PercentOf { of: Reference::Budget(_), .. }
            | Bound::Reference { reference: Reference::Budget(_), .. }
    );
    match series.metric {
        Metric::DailyCost if against_budget => Some(BudgetPeriod::Day),
        Metric::MonthlyCost if against_budget => Some(BudgetPeriod::Month),
        Metric::BudgetUtilization => Some(BudgetPeriod::Month),
        _ => None,
    }
}

fn hold_of(condition: &Condition) -> Hold {
    match condition {
        Condition::When { hold, .. } => *hold,
        Condition::Schedule(_) => Hold::default(),
    }
}
