//! Casts: to names and numbers of the catalogue, and to types by their names in it.

use super::{argument_of, call, literal, parts, text};
use crate::catalog::{REGCLASS_TEXT, REGNAMESPACE_TEXT, REGTYPE_TEXT, TO_OID};
use datafusion::sql::sqlparser::ast::{Array, ArrayElemTypeDef, DataType, Expr, Value};

/// A type whose values are numbers shown as names: its word, what finds the number, what shows the name.
const NAMED: &[(&str, &str, &str)] = &[
    ("regclass", "to_regclass", REGCLASS_TEXT),
    ("regtype", "to_regtype", REGTYPE_TEXT),
    ("regnamespace", "to_regnamespace", REGNAMESPACE_TEXT),
    ("regrole", "to_regrole", "pg_regrole_text"),
];
/// Functions and operators, which are kept by name.
const BY_NAME: &[&str] = &["regproc", "regprocedure", "regoper", "regoperator"];
/// Types that are text here.
const TEXTS: &[&str] = &[
    "text",
    "name",
    "char",
    "bpchar",
    "varchar",
    "cstring",
    "citext",
    "xid",
    "cid",
    "tid",
    "json",
    "jsonb",
    "uuid",
    "inet",
    "unknown",
    "aclitem",
    "pg_node_tree",
    "sql_identifier",
    "character_data",
    "yes_or_no",
    "anyarray",
    "anyelement",
    "regconfig",
];

/// Turns a cast of Postgres into one the engine plans, or into a call.
pub(super) fn adapt(expr: &mut Expr) {
    let Expr::Cast { expr: inner, data_type, .. } = expr else { return };
    let word = word_of(data_type);
    if let Some((_, find, show)) = NAMED.iter().find(|n| Some(n.0) == word.as_deref()) {
        let inner = (**inner).clone();
        let is_name = literal(&inner).is_some() || is_parameter(&inner);
        *expr = call(if is_name { find } else { show }, vec![inner]);
        return;
    }
    match word.as_deref() {
        Some(by_name) if BY_NAME.contains(&by_name) => *expr = function_name(inner),
        Some("oid") => *expr = number(inner),
        Some(name) if TEXTS.contains(&name) => {
            if let Some(shown) = name_of_number(inner) {
                *expr = shown;
            } else {
                *data_type = DataType::Text;
            }
        }
        Some(name) => {
            if let Some(plain) = plain_type(name) {
                *data_type = plain;
            }
        }
        None => list(expr),
    }
}

/// The last name of a type, in small letters; nothing for lists.
fn word_of(data_type: &DataType) -> Option<String> {
    match data_type {
        DataType::Custom(name, _) => parts(name).last().map(|w| w.to_ascii_lowercase()),
        DataType::Array(_) => None,
        DataType::JSON | DataType::JSONB => Some("json".to_owned()),
        DataType::Uuid => Some("uuid".to_owned()),
        DataType::Regclass => Some("regclass".to_owned()),
        DataType::Text | DataType::Varchar(_) | DataType::Char(_) => Some("text".to_owned()),
        _ => Some(String::new()),
    }
}

/// A type that was named with its schema.
fn plain_type(name: &str) -> Option<DataType> {
    Some(match name {
        "bool" => DataType::Boolean,
        "int2" | "smallint" => DataType::SmallInt(None),
        "int4" | "integer" => DataType::Integer(None),
        "int8" | "bigint" => DataType::BigInt(None),
        "float4" => DataType::Real,
        "float8" => DataType::DoublePrecision,
        "date" => DataType::Date,
        "bytea" => DataType::Bytea,
        "timestamptz" => {
            DataType::Timestamp(None, datafusion::sql::sqlparser::ast::TimezoneInfo::WithTimeZone)
        }
        "timestamp" => {
            DataType::Timestamp(None, datafusion::sql::sqlparser::ast::TimezoneInfo::None)
        }
        _ => return None,
    })
}

fn is_parameter(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(v) if matches!(v.value, Value::Placeholder(_)))
}

fn function_name(inner: &Expr) -> Expr {
    literal(inner).map_or_else(|| inner.clone(), |t| text(t.trim_start_matches("pg_catalog.")))
}

/// `x::regclass::oid` is the number that `x` names.
fn number(inner: &Expr) -> Expr {
    for (_, find, show) in NAMED {
        if let Some(name) = argument_of(inner, show) {
            return call(find, vec![name.clone()]);
        }
        if argument_of(inner, find).is_some() {
            return inner.clone();
        }
    }
    call(TO_OID, vec![inner.clone()])
}

/// `'x'::regclass::text` is the name again.
fn name_of_number(inner: &Expr) -> Option<Expr> {
    NAMED.iter().find_map(|(_, find, show)| {
        argument_of(inner, show)
            .map(|_| inner.clone())
            .or_else(|| argument_of(inner, find).map(|_| call(show, vec![inner.clone()])))
    })
}

/// A literal list as a list; lists of types of the catalogue as lists of text or numbers.
fn list(expr: &mut Expr) {
    let Expr::Cast { expr: inner, data_type: DataType::Array(of), .. } = expr else { return };
    let (ArrayElemTypeDef::SquareBracket(item, _) | ArrayElemTypeDef::AngleBracket(item)) = of
    else {
        return;
    };
    let numbers = match word_of(item).as_deref() {
        Some("oid" | "int2vector" | "xid") => true,
        Some(word) if TEXTS.contains(&word) || BY_NAME.contains(&word) => false,
        Some(word) => {
            if let Some(plain) = plain_type(word) {
                **item = plain;
            }
            !matches!(**item, DataType::Text)
        }
        None => return,
    };
    if let Some(elements) = literal(inner).and_then(elements) {
        let elem = elements
            .iter()
            .map(|e| match e.parse::<i64>() {
                Ok(number) if numbers => {
                    Expr::Value(Value::Number(number.to_string(), false).into())
                }
                _ => text(e),
            })
            .collect();
        *expr = Expr::Array(Array { elem, named: true });
    } else if matches!(**item, DataType::Custom(..)) {
        **item = if numbers { DataType::BigInt(None) } else { DataType::Text };
    }
}

/// Elements of a list as Postgres writes it: `{a,"b c"}`.
pub(super) fn elements(text: &str) -> Option<Vec<String>> {
    let body = text.trim().strip_prefix('{')?.strip_suffix('}')?;
    if body.is_empty() {
        return None;
    }
    let mut all = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for c in body.chars() {
        match c {
            _ if escaped => {
                escaped = false;
                all.last_mut()?.push(c);
            }
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => all.push(String::new()),
            other => all.last_mut()?.push(other),
        }
    }
    Some(all)
}
