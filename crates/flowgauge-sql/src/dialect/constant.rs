//! Whole numbers that are an answer by themselves: `SELECT 1` is an `integer` to clients of Postgres, and those that
//! show a `bigint` as text (node-postgres) would see `'1'`. The engine takes every whole number for a `bigint`.
//!
//! Only where nothing is read: below that, a type of its own could fall out with those of columns.

use datafusion::sql::sqlparser::ast::{
    CastKind, DataType, Expr, SelectItem, SetExpr, Statement, UnaryOperator, Value,
};

/// Gives constants of a statement without `FROM` the type they have in Postgres.
pub(super) fn adapt(statement: &mut Statement) {
    let Statement::Query(query) = statement else { return };
    let SetExpr::Select(select) = query.body.as_mut() else { return };
    if !select.from.is_empty() {
        return;
    }
    for item in &mut select.projection {
        let (SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = item else {
            continue;
        };
        if is_small(expr) {
            *expr = Expr::Cast {
                kind: CastKind::Cast,
                expr: Box::new(expr.clone()),
                data_type: DataType::Int4(None),
                array: false,
                format: None,
            };
        }
    }
}

fn is_small(expr: &Expr) -> bool {
    match expr {
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => {
            !matches!(**expr, Expr::UnaryOp { .. }) && is_small(expr)
        }
        Expr::Value(value) => {
            matches!(&value.value, Value::Number(digits, _) if digits.parse::<i32>().is_ok())
        }
        _ => false,
    }
}
