//! Operators: named with their schema, `ANY` and `ALL` of lists, and subqueries that give one value.

use super::empty::{array_of, holds_aggregate};
use super::{call, cast, literal, parts};
use crate::catalog::is_system;
use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, BinaryOperator, CastKind, DataType, Expr, GroupByExpr, Query, SelectItem,
    SetExpr, TableFactor, UnaryOperator, Value, ValueWithSpan,
};

/// Turns an operator of Postgres into one the engine has.
pub(super) fn adapt(expr: &mut Expr) {
    match expr {
        Expr::BinaryOp { op: op @ BinaryOperator::PGCustomBinaryOperator(_), .. } => {
            if let Some(plain) = plain(op) {
                *op = plain;
            }
        }
        Expr::BinaryOp { left, op: BinaryOperator::Eq | BinaryOperator::NotEq, right }
            if is_procedure(left) && is_zero(right) =>
        {
            // A function is known by its name here; none is a dash, as Postgres shows it.
            **right = super::text("-");
        }
        Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. } => {
            unescape(pattern, escape_char);
        }
        Expr::Collate { expr: inner, .. } => *expr = (**inner).clone(),
        Expr::Value(value) => {
            if let Value::EscapedStringLiteral(text) | Value::NationalStringLiteral(text) =
                &value.value
            {
                value.value = Value::SingleQuotedString(text.clone());
            }
        }
        Expr::AnyOp { left, compare_op, right, .. } => {
            if let Some(any) = any(left, compare_op, right) {
                *expr = any;
            }
        }
        Expr::AllOp { left, compare_op: BinaryOperator::NotEq, right } => {
            if let Some(any) = any(left, &BinaryOperator::Eq, right) {
                let inner = Box::new(Expr::Nested(Box::new(any)));
                *expr = Expr::UnaryOp { op: UnaryOperator::Not, expr: inner };
            }
        }
        _ => {}
    }
}

/// A pattern with an escape of its own becomes one with the engine's, where it is known beforehand.
fn unescape(pattern: &mut Expr, escape: &mut Option<ValueWithSpan>) {
    let Some(ValueWithSpan { value: Value::SingleQuotedString(mark), .. }) = escape else { return };
    let Some(text) = constant(pattern) else { return };
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            c if mark.starts_with(c) => {
                out.push('\\');
                out.extend(chars.next());
            }
            '\\' => out.push_str("\\\\"),
            c => out.push(c),
        }
    }
    *pattern = super::text(&out);
    *escape = None;
}

/// The text that literals and `||` of them make.
fn constant(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Cast { expr, .. } | Expr::Nested(expr) => constant(expr),
        Expr::BinaryOp { left, op: BinaryOperator::StringConcat, right } => {
            Some(constant(left)? + &constant(right)?)
        }
        other => literal(other).map(str::to_owned),
    }
}

/// Columns of the catalogue that name a function.
const PROCEDURES: &[&str] = &["typinput", "typoutput", "typreceive", "typsend"];

fn is_procedure(expr: &Expr) -> bool {
    let name = match expr {
        Expr::Identifier(name) => Some(name),
        Expr::CompoundIdentifier(names) => names.last(),
        _ => None,
    };
    name.is_some_and(|n| PROCEDURES.contains(&n.value.to_lowercase().as_str()))
}

fn is_zero(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(v) if matches!(&v.value, Value::Number(n, _) if n == "0"))
}

fn plain(op: &BinaryOperator) -> Option<BinaryOperator> {
    let BinaryOperator::PGCustomBinaryOperator(names) = op else { return None };
    Some(match names.last()?.as_str() {
        "~" => BinaryOperator::PGRegexMatch,
        "~*" => BinaryOperator::PGRegexIMatch,
        "!~" => BinaryOperator::PGRegexNotMatch,
        "!~*" => BinaryOperator::PGRegexNotIMatch,
        "=" => BinaryOperator::Eq,
        "<>" | "!=" => BinaryOperator::NotEq,
        "<" => BinaryOperator::Lt,
        "<=" => BinaryOperator::LtEq,
        ">" => BinaryOperator::Gt,
        ">=" => BinaryOperator::GtEq,
        "+" => BinaryOperator::Plus,
        "-" => BinaryOperator::Minus,
        "*" => BinaryOperator::Multiply,
        "/" => BinaryOperator::Divide,
        "||" => BinaryOperator::StringConcat,
        "~~" => BinaryOperator::PGLikeMatch,
        "!~~" => BinaryOperator::PGNotLikeMatch,
        _ => return None,
    })
}

fn any(left: &Expr, op: &BinaryOperator, right: &Expr) -> Option<Expr> {
    let equal = *op == BinaryOperator::Eq;
    let mut right = right;
    while let Expr::Nested(inner) = right {
        right = inner;
    }
    if let Some(list) = listed(right) {
        if equal {
            return Some(Expr::InList { expr: Box::new(left.clone()), list, negated: false });
        }
        let one = |item: Expr| Expr::BinaryOp {
            left: Box::new(left.clone()),
            op: op.clone(),
            right: Box::new(item),
        };
        let each = list.into_iter().map(one).reduce(|a, b| Expr::BinaryOp {
            left: Box::new(a),
            op: BinaryOperator::Or,
            right: Box::new(b),
        });
        return each.map(|e| Expr::Nested(Box::new(e)));
    }
    if !equal {
        return None;
    }
    if let Expr::Subquery(subquery) = right {
        let expr = Box::new(left.clone());
        return Some(Expr::InSubquery { expr, subquery: subquery.clone(), negated: false });
    }
    let list = if matches!(right, Expr::Value(v) if matches!(v.value, Value::Placeholder(_))) {
        texts(right.clone())
    } else {
        right.clone()
    };
    Some(call("array_has", vec![list, left.clone()]))
}

fn listed(right: &Expr) -> Option<Vec<Expr>> {
    match right {
        Expr::Array(array) if !array.elem.is_empty() => Some(array.elem.clone()),
        // A list of texts whose type was given after the fact.
        Expr::Cast { expr, data_type: DataType::Array(_), .. } => listed(expr),
        _ => {
            let elements = cast::elements(literal(right)?)?;
            Some(elements.iter().map(|e| super::text(e)).collect())
        }
    }
}

fn texts(expr: Expr) -> Expr {
    Expr::Cast {
        kind: CastKind::DoubleColon,
        expr: Box::new(expr),
        data_type: DataType::Array(ArrayElemTypeDef::SquareBracket(Box::new(DataType::Text), None)),
        array: false,
        format: None,
    }
}

/// A subquery over the catalogue that gives one value says so to the engine, which wants an aggregate;
/// `ARRAY(SELECT …)` is one.
pub(super) fn subquery(expr: &mut Expr) {
    match expr {
        // Whatever is computed from it, it is this list.
        Expr::InSubquery { expr: inner, subquery, negated }
            if subquery.to_string().contains("current_setting('search_path')") =>
        {
            let list = vec![super::text("public"), call("current_user", Vec::new())];
            *expr = Expr::InList { expr: inner.clone(), list, negated: *negated };
        }
        Expr::Subquery(query) if over_catalog(query) => {
            aggregate(query, "max");
        }
        Expr::Function(function) => {
            let Some(query) = array_of(function) else { return };
            let mut query = query.clone();
            query.order_by = None;
            if aggregate(&mut query, "array_agg") {
                *expr = Expr::Subquery(Box::new(query));
            }
        }
        _ => {}
    }
}

fn aggregate(query: &mut Query, function: &str) -> bool {
    if query.limit_clause.is_some() || query.fetch.is_some() || query.with.is_some() {
        return false;
    }
    let SetExpr::Select(select) = query.body.as_mut() else { return false };
    let plain = matches!(&select.group_by, GroupByExpr::Expressions(by, _) if by.is_empty());
    let [SelectItem::UnnamedExpr(value) | SelectItem::ExprWithAlias { expr: value, .. }] =
        select.projection.as_mut_slice()
    else {
        return false;
    };
    if !plain || holds_aggregate(value) {
        return false;
    }
    *value = call(function, vec![value.clone()]);
    query.order_by = None;
    true
}

fn over_catalog(query: &Query) -> bool {
    let SetExpr::Select(select) = query.body.as_ref() else { return false };
    let tables: Vec<_> = select
        .from
        .iter()
        .flat_map(|f| std::iter::once(&f.relation).chain(f.joins.iter().map(|j| &j.relation)))
        .collect();
    let system = |factor: &&TableFactor| match factor {
        TableFactor::Table { name, .. } => {
            let words = parts(name);
            words.len() == 2 && words.first() == Some(&"pg_catalog")
                || words.last().is_some_and(|t| is_system(t))
        }
        _ => false,
    };
    !tables.is_empty() && tables.iter().all(system)
}
