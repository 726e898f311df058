//! What clients of Postgres write, as what the engine plans. Works on the parsed tree and changes no
//! meaning. Refuses statements that do not read: `policy` judges those, the server answers `SET`.
//!
//! In order: parts that look at tables which never have rows here become nothing (`empty`); then names
//! (`name`), casts (`cast`) and operators (`operator`) from the leaves up; last the answer's constants (`constant`).

mod cast;
mod constant;
mod empty;
mod name;
mod operator;

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident,
    ObjectName, Query, Select, Statement, TableFactor, Value, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use std::ops::ControlFlow;

/// Turns a statement of Postgres into one the engine plans.
pub fn adapt(statement: &mut Statement) {
    // The visitors never break off.
    let _ = statement.visit(&mut empty::Fold::default());
    let _ = statement.visit(&mut Adapt);
    constant::adapt(statement);
}

struct Adapt;

impl VisitorMut for Adapt {
    type Break = ();

    fn post_visit_relation(&mut self, relation: &mut ObjectName) -> ControlFlow<()> {
        name::relation(relation);
        ControlFlow::Continue(())
    }

    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        name::factor(factor);
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        operator::subquery(expr);
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        operator::adapt(expr);
        cast::adapt(expr);
        name::call(expr);
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        name::columns(select);
        ControlFlow::Continue(())
    }
}

/// A call of a function.
fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    let args =
        arguments.into_iter().map(|e| FunctionArg::Unnamed(FunctionArgExpr::Expr(e))).collect();
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args,
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// The one argument of a call of this function.
fn argument_of<'a>(expr: &'a Expr, function: &str) -> Option<&'a Expr> {
    let Expr::Function(called) = expr else { return None };
    let [part] = called.name.0.as_slice() else { return None };
    let FunctionArguments::List(list) = &called.args else { return None };
    match list.args.as_slice() {
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(inner))]
            if part.as_ident().is_some_and(|i| i.value == function) =>
        {
            Some(inner)
        }
        _ => None,
    }
}

/// The text of a literal.
fn literal(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) => Some(text),
            _ => None,
        },
        Expr::Nested(inner) => literal(inner),
        _ => None,
    }
}

fn text(value: &str) -> Expr {
    Expr::Value(Value::SingleQuotedString(value.to_owned()).into())
}

fn null() -> Expr {
    Expr::Value(Value::Null.into())
}

fn truth(value: bool) -> Expr {
    Expr::Value(Value::Boolean(value).into())
}

/// Names of a dotted name, as written.
fn parts(name: &ObjectName) -> Vec<&str> {
    name.0.iter().filter_map(|p| p.as_ident()).map(|i| i.value.as_str()).collect()
}

/// A query from its text; nothing where that is none.
fn query(text: &str) -> Option<Query> {
    let mut parser = Parser::new(&PostgreSqlDialect {}).try_with_sql(text).ok()?;
    parser.parse_query().ok().map(|q| *q)
}

#[cfg(test)]
mod tests;
