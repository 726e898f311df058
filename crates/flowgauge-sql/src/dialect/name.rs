//! Names: of tables without their schema, of functions with one, and those columns get that have none.

use super::{parts, query};
use crate::catalog::{DATABASE, SYSTEM, is_system};
use crate::encode::AGAIN;
use datafusion::sql::sqlparser::ast::{
    DataType, Expr, FunctionArgumentList, FunctionArguments, Ident, ObjectName, Select, SelectItem,
    TableFactor,
};
use std::fmt::Write as _;

/// Words that are functions without brackets in Postgres.
const BARE: &[&str] =
    &["current_schema", "current_user", "session_user", "current_catalog", "current_role", "user"];
/// Schemas whose functions are known without it.
const SCHEMAS: &[&str] = &[SYSTEM, "information_schema", "public"];

/// Gives a system table its schema, and takes the database from a name of three parts.
pub(super) fn relation(name: &mut ObjectName) {
    let words = parts(name);
    match words.as_slice() {
        [table] if is_system(&table.to_ascii_lowercase()) => {
            let idents = [SYSTEM, &table.to_ascii_lowercase()].map(Ident::new);
            *name = ObjectName::from(idents.to_vec());
        }
        [database, ..] if words.len() == 3 && *database == DATABASE => {
            name.0.remove(0);
        }
        _ => {}
    }
}

/// Functions in `FROM`.
pub(super) fn factor(factor: &mut TableFactor) {
    let keywords = |name: &ObjectName| parts(name).last() == Some(&"pg_get_keywords");
    match factor {
        TableFactor::Table { name, args: Some(_), alias, .. }
        | TableFactor::Function { name, alias, .. }
            if keywords(name) =>
        {
            // Clients ask which words are not of the standard; there are none they need to quote more.
            let Some(none) = query("SELECT 'analyse' AS word, 'R' AS catcode") else { return };
            *factor = TableFactor::Derived {
                lateral: false,
                subquery: Box::new(none),
                alias: alias.take(),
                sample: None,
            };
        }
        TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } => {
            unqualify(name);
        }
        _ => {}
    }
}

/// Functions are known by their last name.
fn unqualify(name: &mut ObjectName) {
    let first = parts(name).first().map(|s| s.to_ascii_lowercase());
    if name.0.len() == 2 && first.is_some_and(|s| SCHEMAS.contains(&s.as_str())) {
        name.0.remove(0);
    }
}

/// Calls, and words that are calls.
pub(super) fn call(expr: &mut Expr) {
    match expr {
        Expr::Function(function) => {
            unqualify(&mut function.name);
            let bare = matches!(function.args, FunctionArguments::None);
            let known = parts(&function.name).first().is_some_and(|n| is_bare(n));
            if bare && known {
                function.args = FunctionArguments::List(FunctionArgumentList {
                    duplicate_treatment: None,
                    args: Vec::new(),
                    clauses: Vec::new(),
                });
            }
        }
        Expr::Identifier(name) if name.quote_style.is_none() && is_bare(&name.value) => {
            *expr = super::call(&name.value.to_ascii_lowercase(), Vec::new());
        }
        _ => {}
    }
}

fn is_bare(name: &str) -> bool {
    BARE.contains(&name.to_ascii_lowercase().as_str())
}

/// The name Postgres gives a column.
pub(super) fn of(expr: &Expr) -> String {
    match expr {
        Expr::Identifier(name) => name.value.clone(),
        Expr::CompoundIdentifier(names) => {
            names.last().map_or_else(|| "?column?".to_owned(), |n| n.value.clone())
        }
        Expr::Function(f) => {
            parts(&f.name).last().map_or_else(|| "?column?".to_owned(), |n| n.to_ascii_lowercase())
        }
        Expr::Cast { expr, .. } | Expr::Nested(expr) | Expr::Collate { expr, .. } => of(expr),
        Expr::Case { .. } => "case".to_owned(),
        Expr::Exists { .. } => "exists".to_owned(),
        Expr::Extract { .. } => "extract".to_owned(),
        Expr::Array(_) => "array".to_owned(),
        Expr::CompoundFieldAccess { root, .. } => of(root),
        _ => "?column?".to_owned(),
    }
}

/// Names the columns that have none, as Postgres does; one that is taken is set apart until it is shown.
pub(super) fn columns(select: &mut Select) {
    name_all(&mut select.projection);
}

/// Whether a name of its own would hide the column it is made from, for `GROUP BY`.
fn hides(expr: &Expr) -> bool {
    match expr {
        Expr::Cast { expr, data_type, .. } => {
            !matches!(data_type, DataType::Custom(..)) && (is_column(expr) || hides(expr))
        }
        Expr::Nested(inner) => is_column(inner) || hides(inner),
        _ => is_column(expr),
    }
}

fn is_column(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Wildcard(_))
}

/// A column named beside `*`, which holds it as well.
fn beside_all(projection: &mut [SelectItem]) {
    let all =
        |i: &SelectItem| matches!(i, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..));
    if !projection.iter().any(all) {
        return;
    }
    for item in projection {
        if let SelectItem::UnnamedExpr(expr) = item
            && is_column(expr)
        {
            let alias = Ident::with_quote('"', format!("{}{AGAIN}", of(expr)));
            *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
        }
    }
}

fn name_all(projection: &mut [SelectItem]) {
    beside_all(projection);
    let mut taken: Vec<String> = projection
        .iter()
        .filter_map(|item| match item {
            SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.clone()),
            SelectItem::UnnamedExpr(e @ (Expr::Identifier(_) | Expr::CompoundIdentifier(_))) => {
                Some(of(e))
            }
            _ => None,
        })
        .collect();
    for item in projection {
        let SelectItem::UnnamedExpr(expr) = item else { continue };
        if hides(expr) {
            continue;
        }
        let mut name = of(expr);
        let again = taken.iter().filter(|t| **t == name).count();
        taken.push(name.clone());
        if again > 0 {
            // Writing to a String cannot fail.
            let _ = write!(name, "{AGAIN}{again}");
        }
        let expr = expr.clone();
        *item = SelectItem::ExprWithAlias { expr, alias: Ident::with_quote('"', name) };
    }
}
