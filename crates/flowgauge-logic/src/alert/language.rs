//! The condition language (alerting 4 and 5): text to tree, tree to text, and what may not be said.
//!
//! Every fault names the place in bytes of the text, the value, and what to write instead. Refuses
//! to know files and lines; whoever read the file moves the places there.

use super::condition::{Condition, Expr};
use super::facts::BudgetPeriod;
use super::rule::Slo;
use crate::call::Text;
use crate::unit::Micros;
use std::fmt;
use std::ops::Range;

pub use self::print::{print, print_duration, print_expr};

mod check;
mod cursor;
mod length;
mod lexer;
mod operand;
mod parser;
mod print;
mod schedule;
mod unit;

/// Something that cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where, in bytes of the text; empty at 0 for trees that were not read from text.
    pub span: Range<usize>,
    /// What is wrong, with the value.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl Fault {
    pub(crate) fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With a hint, where there is one.
    pub(crate) fn maybe(mut self, hint: Option<String>) -> Self {
        self.hint = hint.or(self.hint);
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Fault {}

/// What is configured around a rule: references to what is not are faults.
#[derive(Debug, Clone, Copy, Default)]
pub struct Context<'a> {
    /// Budgets and their periods.
    pub budgets: &'a [(Text, BudgetPeriod)],
    /// Service level objectives.
    pub slos: &'a [Slo],
    /// Whether the response cache has a capacity.
    pub capacity: bool,
    /// A rule shipped with flowgauge: a missing budget, objective or capacity is shown as "needs
    /// budget", not refused.
    pub shipped: bool,
}

/// Reads a condition.
///
/// # Errors
/// Every fault found, in the order of the text.
pub fn read(text: &str, context: &Context<'_>) -> Result<Condition, Vec<Fault>> {
    parser::condition(text, context)
}

/// Reads an expression without `for`, as `clear:` has it.
///
/// # Errors
/// Every fault found, in the order of the text.
pub fn read_expr(text: &str, context: &Context<'_>) -> Result<Expr, Vec<Fault>> {
    parser::expression(text, context)
}

/// The faults of a tree that was not read from text. A tree without faults prints as a text that
/// reads as the same tree.
#[must_use]
pub fn check(condition: &Condition, context: &Context<'_>) -> Vec<Fault> {
    check::condition(condition, context)
}

/// The faults of an expression that was not read from text.
#[must_use]
pub fn check_expr(expr: &Expr, context: &Context<'_>) -> Vec<Fault> {
    check::whole_expr(expr, context)
}

/// Reads a length of time, as `for: 5m` has it.
///
/// # Errors
/// The place and what to write instead.
pub fn duration(text: &str) -> Result<Micros, Fault> {
    length::whole(text)
}

#[cfg(test)]
mod tests;
