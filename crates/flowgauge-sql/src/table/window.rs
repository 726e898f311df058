//! The stretch of time a scan asks for, read off its conditions. It may be wider than they are, never
//! narrower: the engine checks each row again.

use crate::function::minute_of;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::Between;
use datafusion::logical_expr::{BinaryExpr, Cast, Expr, Operator, TryCast};

/// Microseconds in a minute and a day.
const MINUTE: i64 = 60_000_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// From, and up to and not including, µs; open where nothing was said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) from: Option<i64>,
    pub(super) to: Option<i64>,
}

impl Stretch {
    /// Of conditions that all hold, on a column of time.
    pub(super) fn of(conditions: &[Expr], column: &str) -> Self {
        let mut out = Self::default();
        conditions.iter().for_each(|c| out.narrow(c, column));
        out
    }

    fn narrow(&mut self, condition: &Expr, column: &str) {
        match condition {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
                self.narrow(left, column);
                self.narrow(right, column);
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                if let (Some(step), Some(at)) = (step_of(left, column), literal(right)) {
                    self.bound(*op, at, step);
                } else if let (Some(at), Some(step)) = (literal(left), step_of(right, column))
                    && let Some(op) = op.swap()
                {
                    self.bound(op, at, step);
                }
            }
            Expr::Between(Between { expr, negated: false, low, high }) => {
                let step = step_of(expr, column);
                if let (Some(step), Some(at)) = (step, literal(low)) {
                    self.bound(Operator::GtEq, at, step);
                }
                if let (Some(step), Some(at)) = (step, literal(high)) {
                    self.bound(Operator::LtEq, at, step);
                }
            }
            _ => {}
        }
    }

    /// A value rounded down to steps is at most a step below what it came from.
    fn bound(&mut self, op: Operator, at: i64, step: i64) {
        let later = at.saturating_add(step);
        match op {
            Operator::Gt | Operator::GtEq => self.after(at),
            Operator::Lt | Operator::LtEq => self.before(later),
            Operator::Eq => {
                self.after(at);
                self.before(later);
            }
            _ => {}
        }
    }

    fn after(&mut self, at: i64) {
        self.from = Some(self.from.map_or(at, |f| f.max(at)));
    }

    fn before(&mut self, at: i64) {
        self.to = Some(self.to.map_or(at, |t| t.min(at)));
    }
}

/// How coarse an expression is, where it is the column of time or rounded from it.
fn step_of(expression: &Expr, column: &str) -> Option<i64> {
    match expression {
        Expr::Column(c) if c.name == column => Some(1),
        Expr::Cast(Cast { expr, field }) | Expr::TryCast(TryCast { expr, field }) => {
            let whole = field.data_type().is_temporal();
            // A cast to days or seconds rounds; a day covers them all.
            step_of(expr, column)
                .filter(|_| whole)
                .map(|step| step.max(coarseness(field.data_type())))
        }
        Expr::ScalarFunction(f) if f.name() == "date" => {
            step_of(f.args.first()?, column).map(|step| step.max(DAY))
        }
        other => step_of(minute_of(other)?, column).map(|step| step.max(MINUTE)),
    }
}

fn coarseness(kind: &datafusion::arrow::datatypes::DataType) -> i64 {
    use datafusion::arrow::datatypes::{DataType, TimeUnit};
    match kind {
        DataType::Timestamp(TimeUnit::Nanosecond | TimeUnit::Microsecond, _) => 1,
        DataType::Timestamp(TimeUnit::Millisecond, _) => 1_000,
        DataType::Timestamp(TimeUnit::Second, _) => 1_000_000,
        _ => DAY,
    }
}

/// A moment, µs. Fractions below are dropped: a lower bound gets wider by it, an upper one has a step.
fn literal(expression: &Expr) -> Option<i64> {
    match expression {
        Expr::Literal(value, _) => moment(value),
        Expr::Cast(Cast { expr, .. }) => literal(expr),
        _ => None,
    }
}

fn moment(value: &ScalarValue) -> Option<i64> {
    match value {
        ScalarValue::TimestampNanosecond(Some(t), _) => Some(t.div_euclid(1_000)),
        ScalarValue::TimestampMicrosecond(Some(t), _) => Some(*t),
        ScalarValue::TimestampMillisecond(Some(t), _) => t.checked_mul(1_000),
        ScalarValue::TimestampSecond(Some(t), _) => t.checked_mul(1_000_000),
        ScalarValue::Date32(Some(d)) => i64::from(*d).checked_mul(DAY),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::logical_expr::{col, lit};

    fn at(us: i64) -> Expr {
        lit(ScalarValue::TimestampMicrosecond(Some(us), Some("UTC".into())))
    }

    #[test]
    fn bounds_are_read_off_comparisons_of_the_column() {
        let both = [col("t").gt_eq(at(100)), at(900).gt(col("t")), col("other").gt(at(500))];
        assert_eq!(Stretch::of(&both, "t"), Stretch { from: Some(100), to: Some(901) });
    }

    #[test]
    fn the_tightest_of_several_bounds_counts() {
        let several =
            [col("t").gt(at(5)).and(col("t").gt(at(9))), col("t").lt(at(99)), col("t").lt(at(50))];
        assert_eq!(Stretch::of(&several, "t"), Stretch { from: Some(9), to: Some(51) });
    }

    #[test]
    fn what_is_no_bound_leaves_it_open() {
        let none = [col("t").not_eq(at(5)), col("t").gt(at(5)).or(col("u").gt(at(9)))];
        assert_eq!(Stretch::of(&none, "t"), Stretch::default());
    }
}
