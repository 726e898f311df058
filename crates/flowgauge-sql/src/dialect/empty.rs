//! Parts of a query that look only where there is never anything: indexes, keys, policies, publications.
//!
//! Clients ask after these with constructions the engine has not. What an inner join with a table without
//! rows gives is known beforehand, so such a part becomes a query without rows, NULL or false.

use super::{call, literal, null, parts, query, truth};
use crate::catalog::{SYSTEM, always_empty, is_system, system_columns};
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, JoinOperator,
    ObjectName, Query, Select, SelectItem, SetExpr, SetOperator, TableFactor, TableWithJoins,
    Value, VisitorMut,
};
use std::fmt::Write as _;
use std::ops::ControlFlow;

/// Functions that give a row where there are none.
const AGGREGATES: &[&str] = &[
    "count",
    "sum",
    "min",
    "max",
    "avg",
    "array_agg",
    "string_agg",
    "bool_and",
    "bool_or",
    "json_agg",
    "jsonb_agg",
    "percentile",
    "json_object_agg",
];

/// Folds them, outermost first.
#[derive(Debug, Default)]
pub(super) struct Fold {
    /// Names of `WITH` that have no rows.
    named: Vec<String>,
}

impl VisitorMut for Fold {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if self.is_empty(query) {
            if let Some(none) = without_rows(query) {
                *query = none;
            }
        } else {
            self.fold_sides(&mut query.body);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let folded = match &mut *expr {
            Expr::Subquery(q) if self.is_empty(q) => Some(null()),
            Expr::Exists { subquery, negated } if self.is_empty(subquery) => Some(truth(*negated)),
            Expr::InSubquery { subquery, negated, .. } if self.is_empty(subquery) => {
                Some(truth(*negated))
            }
            Expr::Function(f) => array_of(f).and_then(|q| self.is_empty(q).then(no_texts)),
            _ => None,
        };
        if let Some(folded) = folded {
            *expr = folded;
        }
        ControlFlow::Continue(())
    }
}

impl Fold {
    /// Learns the names of `WITH`, and whether the query has no rows.
    fn is_empty(&mut self, query: &Query) -> bool {
        for cte in query.with.iter().flat_map(|w| &w.cte_tables) {
            if self.is_empty(&cte.query) {
                self.named.push(cte.alias.name.value.clone());
            }
        }
        self.body(&query.body)
    }

    fn body(&mut self, body: &SetExpr) -> bool {
        match body {
            SetExpr::Select(select) => self.select(select),
            SetExpr::Query(inner) => self.is_empty(inner),
            SetExpr::SetOperation { op, left, right, .. } => match op {
                SetOperator::Union => self.body(left) && self.body(right),
                SetOperator::Intersect => self.body(left) || self.body(right),
                _ => self.body(left),
            },
            _ => false,
        }
    }

    fn select(&mut self, select: &Select) -> bool {
        let grouped = !matches!(&select.group_by, GroupByExpr::Expressions(by, _) if by.is_empty());
        let told_false =
            matches!(&select.selection, Some(Expr::Value(v)) if v.value == Value::Boolean(false));
        (grouped || !select.projection.iter().any(aggregates))
            && (told_false || select.from.iter().any(|f| self.from(f)))
    }

    fn from(&mut self, from: &TableWithJoins) -> bool {
        let mut empty = self.factor(&from.relation);
        for join in &from.joins {
            let right = self.factor(&join.relation);
            empty = match &join.join_operator {
                JoinOperator::Join(_) | JoinOperator::Inner(_) | JoinOperator::CrossJoin(_) => {
                    empty || right
                }
                JoinOperator::Right(_) | JoinOperator::RightOuter(_) => right,
                JoinOperator::FullOuter(_) => empty && right,
                _ => empty,
            };
        }
        empty
    }

    fn factor(&mut self, factor: &TableFactor) -> bool {
        match factor {
            TableFactor::Table { name, args: None, .. } => self.table(name),
            TableFactor::Table { name, args: Some(args), .. } => {
                parts(name).last() == Some(&"unnest") && args.args.iter().any(never_set)
            }
            TableFactor::Function { name, args, .. } => {
                parts(name).last() == Some(&"unnest") && args.iter().any(never_set)
            }
            TableFactor::UNNEST { array_exprs, .. } => array_exprs.iter().any(is_never_set),
            TableFactor::Derived { subquery, .. } => self.is_empty(subquery),
            TableFactor::NestedJoin { table_with_joins, .. } => self.from(table_with_joins),
            _ => false,
        }
    }

    fn table(&self, name: &ObjectName) -> bool {
        match parts(name).as_slice() {
            [table] if self.named.iter().any(|n| n == table) => true,
            [table] => is_system(table) && always_empty(SYSTEM, table),
            [schema, table] | [_, schema, table] => always_empty(schema, table),
            _ => false,
        }
    }

    /// Of a union, the sides without rows.
    fn fold_sides(&mut self, body: &mut SetExpr) {
        let SetExpr::SetOperation { left, right, .. } = body else { return };
        for side in [left, right] {
            if self.body(side) {
                if let Some(none) = select_of(side).and_then(nothing_like) {
                    **side = *none.body;
                }
            } else {
                self.fold_sides(side);
            }
        }
    }
}

fn aggregates(item: &SelectItem) -> bool {
    let (SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = item else {
        return false;
    };
    holds_aggregate(expr)
}

/// Whether an expression holds a call of an aggregate outside of subqueries.
pub(super) fn holds_aggregate(expr: &Expr) -> bool {
    match expr {
        Expr::Function(f) => {
            let aggregate = parts(&f.name)
                .last()
                .is_some_and(|name| AGGREGATES.contains(&name.to_ascii_lowercase().as_str()));
            aggregate && f.over.is_none() || arguments(f).any(holds_aggregate)
        }
        Expr::Cast { expr, .. } | Expr::Nested(expr) | Expr::UnaryOp { expr, .. } => {
            holds_aggregate(expr)
        }
        Expr::BinaryOp { left, right, .. } => holds_aggregate(left) || holds_aggregate(right),
        Expr::Case { conditions, else_result, .. } => {
            conditions.iter().any(|c| holds_aggregate(&c.result) || holds_aggregate(&c.condition))
                || else_result.as_deref().is_some_and(holds_aggregate)
        }
        _ => false,
    }
}

fn arguments(function: &Function) -> impl Iterator<Item = &Expr> {
    let list = match &function.args {
        FunctionArguments::List(list) => list.args.as_slice(),
        _ => &[],
    };
    list.iter().filter_map(|a| match a {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) => Some(e),
        _ => None,
    })
}

/// `ARRAY(SELECT …)`
pub(super) fn array_of(function: &Function) -> Option<&Query> {
    match &function.args {
        FunctionArguments::Subquery(q)
            if parts(&function.name).last().is_some_and(|n| n.eq_ignore_ascii_case("array")) =>
        {
            Some(q)
        }
        _ => None,
    }
}

fn no_texts() -> Expr {
    call("arrow_cast", vec![call("make_array", Vec::new()), super::text("List(Utf8)")])
}

fn never_set(argument: &FunctionArg) -> bool {
    matches!(argument, FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) if is_never_set(e))
}

/// Whether it is a column of lists of the system's tables: all of them are NULL here.
fn is_never_set(expr: &Expr) -> bool {
    let name = match expr {
        Expr::Identifier(name) => name,
        Expr::CompoundIdentifier(names) => match names.last() {
            Some(name) => name,
            None => return false,
        },
        _ => return literal(expr) == Some("{}"),
    };
    system_columns().any(|(column, kind)| column == name.value && kind.ends_with("[]"))
}

fn select_of(body: &SetExpr) -> Option<&Select> {
    match body {
        SetExpr::Select(select) => Some(select),
        SetExpr::SetOperation { left, .. } => select_of(left),
        SetExpr::Query(inner) => select_of(&inner.body),
        _ => None,
    }
}

fn without_rows(query: &Query) -> Option<Query> {
    nothing_like(select_of(&query.body)?)
}

/// A query with the same columns and no rows.
fn nothing_like(select: &Select) -> Option<Query> {
    let mut names: Vec<String> = Vec::new();
    for item in &select.projection {
        match item {
            SelectItem::ExprWithAlias { alias, .. } => names.push(alias.value.clone()),
            SelectItem::UnnamedExpr(expr) => names.push(super::name::of(expr)),
            _ => names.extend(star(select)?),
        }
    }
    let mut text = String::from("SELECT ");
    for (at, name) in names.iter().enumerate() {
        let again = names.iter().take(at).filter(|n| *n == name).count();
        let more = if again == 0 { String::new() } else { format!("_{again}") };
        let comma = if at == 0 { "" } else { ", " };
        // Writing to a String cannot fail.
        let _ = write!(text, "{comma}NULL AS \"{}{more}\"", name.replace('"', "\"\""));
    }
    query(&format!("{text} WHERE false"))
}

/// Columns that `*` stands for, of one system table.
fn star(select: &Select) -> Option<Vec<String>> {
    let [from] = select.from.as_slice() else { return None };
    let TableFactor::Table { name, .. } = &from.relation else { return None };
    let parts = parts(name);
    let (schema, table) = match parts.as_slice() {
        [table] => (SYSTEM, *table),
        [schema, table] | [_, schema, table] => (*schema, *table),
        _ => return None,
    };
    let columns = crate::catalog::columns_of(schema, table)?;
    from.joins.is_empty().then(|| columns.iter().map(|c| c.0.to_owned()).collect())
}
