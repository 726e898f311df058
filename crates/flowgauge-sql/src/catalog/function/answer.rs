//! What each function says. NULL where Postgres would look at something that is not here.

use super::super::row::{self, SCHEMAS};
use super::super::{DATABASE, SCHEMA, SERVER_VERSION, World, setting};
use super::Answer;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;

/// Name that a cast to `regclass` and back to text becomes.
pub(crate) const REGCLASS_TEXT: &str = "pg_regclass_text";
/// The same of `regtype`.
pub(crate) const REGTYPE_TEXT: &str = "pg_regtype_text";
/// The same of `regnamespace`.
pub(crate) const REGNAMESPACE_TEXT: &str = "pg_regnamespace_text";
/// What a cast to `oid` becomes.
pub(crate) const TO_OID: &str = "pg_to_oid";

/// Number of a function whose row is not kept: any but 0, which says there is none.
const SOME_FUNCTION: u32 = 1;

/// Those that give text.
pub(super) const TEXTS: &[(&str, Answer)] = &[
    ("version", |_, _| {
        text(format!("PostgreSQL {SERVER_VERSION} (flowgauge {})", env!("CARGO_PKG_VERSION")))
    }),
    ("current_database", |_, _| text(DATABASE)),
    ("current_catalog", |_, _| text(DATABASE)),
    ("current_schema", |_, _| text(SCHEMA)),
    ("current_user", |w, _| text(w.user.clone())),
    ("current_role", |w, _| text(w.user.clone())),
    ("session_user", |w, _| text(w.user.clone())),
    ("user", |w, _| text(w.user.clone())),
    ("pg_get_userbyid", |w, _| text(w.user.clone())),
    ("pg_regrole_text", |w, _| text(w.user.clone())),
    ("format_type", |_, a| type_name(a)),
    (REGTYPE_TEXT, |_, a| type_name(a)),
    (REGCLASS_TEXT, relation_name),
    (REGNAMESPACE_TEXT, |_, a| {
        let oid = number(a, 0);
        known(SCHEMAS.iter().find(|s| Some(i64::from(s.1)) == oid).map(|s| s.0.to_owned()))
    }),
    ("obj_description", |w, a| description(w, a, Some(0))),
    ("col_description", |w, a| description(w, a, number(a, 1))),
    ("shobj_description", |_, _| none()),
    ("pg_get_expr", |_, _| none()),
    ("pg_get_constraintdef", |_, _| none()),
    ("pg_get_indexdef", |_, _| none()),
    ("pg_get_viewdef", |_, _| none()),
    ("pg_get_triggerdef", |_, _| none()),
    ("pg_get_ruledef", |_, _| none()),
    ("pg_get_partkeydef", |_, _| none()),
    ("pg_get_functiondef", |_, _| none()),
    ("pg_get_serial_sequence", |_, _| none()),
    ("pg_get_statisticsobjdef_columns", |_, _| none()),
    ("pg_tablespace_location", |_, _| none()),
    ("inet_server_addr", |_, _| none()),
    ("inet_client_addr", |_, _| none()),
    ("pg_get_function_result", |_, _| text("double precision")),
    ("pg_get_function_arguments", |_, _| text("value double precision, quantile double precision")),
    ("pg_get_function_identity_arguments", |_, _| text("double precision, double precision")),
    ("pg_encoding_to_char", |_, _| text("UTF8")),
    ("pg_size_pretty", |_, a| known(number(a, 0).map(|n| format!("{n} bytes")))),
    ("quote_ident", |_, a| known(word(a, 0).map(|t| quoted(&t)))),
    ("quote_literal", |_, a| known(word(a, 0).map(|t| format!("'{}'", t.replace('\'', "''"))))),
    ("current_setting", |_, a| {
        known(word(a, 0).and_then(|t| setting::value(&t)).map(str::to_owned))
    }),
    // Nothing is set: the answer says what is in force.
    ("set_config", |_, a| {
        known(word(a, 0).and_then(|t| setting::value(&t)).map(str::to_owned).or_else(|| word(a, 1)))
    }),
];

/// Those that say yes or no.
pub(super) const TRUTHS: &[(&str, Answer)] = &[
    ("pg_table_is_visible", |w, a| {
        let oid = number(a, 0);
        let shown = row::relations(w)
            .iter()
            .any(|r| Some(i64::from(r.oid)) == oid && r.schema != super::super::shape::STANDARD);
        truth(shown)
    }),
    ("pg_type_is_visible", |_, _| truth(true)),
    ("pg_function_is_visible", |_, _| truth(true)),
    ("pg_operator_is_visible", |_, _| truth(true)),
    ("pg_collation_is_visible", |_, _| truth(true)),
    ("pg_opclass_is_visible", |_, _| truth(true)),
    ("has_table_privilege", |_, a| may(a)),
    ("has_schema_privilege", |_, a| may(a)),
    ("has_database_privilege", |_, a| may(a)),
    ("has_column_privilege", |_, a| may(a)),
    ("has_any_column_privilege", |_, a| may(a)),
    ("has_function_privilege", |_, a| may(a)),
    ("has_type_privilege", |_, a| may(a)),
    ("has_tablespace_privilege", |_, _| truth(false)),
    ("has_sequence_privilege", |_, _| truth(false)),
    ("pg_has_role", |_, _| truth(true)),
    ("row_security_active", |_, _| truth(false)),
    ("pg_is_in_recovery", |_, _| truth(false)),
    // There is nothing to lock: nobody holds what a pool of connections gives back.
    ("pg_advisory_unlock_all", |_, _| ScalarValue::Boolean(None)),
    ("pg_is_wal_replay_paused", |_, _| truth(false)),
    ("pg_relation_is_publishable", |_, _| truth(false)),
    ("pg_is_other_temp_schema", |_, _| truth(false)),
];

/// Those that give an oid.
pub(super) const NUMBERS: &[(&str, Answer)] = &[
    ("to_regclass", |w, a| oid(number(a, 0).or_else(|| relation_oid(w, &word(a, 0)?)))),
    ("to_regtype", |_, a| oid(number(a, 0).or_else(|| type_oid(&word(a, 0)?)))),
    ("to_regnamespace", |_, a| {
        let named = |text: String| SCHEMAS.iter().find(|s| s.0 == text).map(|s| i64::from(s.1));
        oid(number(a, 0).or_else(|| named(word(a, 0)?)))
    }),
    ("to_regrole", |_, _| oid(Some(row::ROLE.into()))),
    (TO_OID, |_, a| {
        let read = |text: String| match text.as_str() {
            "" | "-" => 0,
            other => other.parse().unwrap_or_else(|_| SOME_FUNCTION.into()),
        };
        oid(number(a, 0).or_else(|| word(a, 0).map(read)))
    }),
    ("pg_my_temp_schema", |_, _| oid(Some(0))),
];

/// Those that give a number.
pub(super) const SIZES: &[(&str, Answer)] = &[
    ("pg_backend_pid", |_, _| ScalarValue::Int64(Some(i64::from(std::process::id())))),
    ("pg_table_size", |_, _| ScalarValue::Int64(None)),
    ("pg_relation_size", |_, _| ScalarValue::Int64(None)),
    ("pg_total_relation_size", |_, _| ScalarValue::Int64(None)),
    ("pg_indexes_size", |_, _| ScalarValue::Int64(None)),
    ("pg_database_size", |_, _| ScalarValue::Int64(None)),
    ("pg_stat_get_numscans", |_, _| ScalarValue::Int64(None)),
    ("inet_server_port", |_, _| ScalarValue::Int64(None)),
    ("txid_current", |_, _| ScalarValue::Int64(None)),
    ("age", |_, _| ScalarValue::Int64(None)),
];

/// Those that give a list of texts.
pub(super) const LISTS: &[(&str, Answer)] = &[("current_schemas", |_, a| {
    let system = matches!(a.first(), Some(ScalarValue::Boolean(Some(true))));
    let names: &[&str] = if system { &["pg_catalog", SCHEMA] } else { &[SCHEMA] };
    let cells: Vec<_> = names.iter().map(|n| text(*n)).collect();
    ScalarValue::List(ScalarValue::new_list_nullable(&cells, &DataType::Utf8))
})];

fn text(text: impl Into<String>) -> ScalarValue {
    ScalarValue::Utf8(Some(text.into()))
}

fn known(text: Option<String>) -> ScalarValue {
    ScalarValue::Utf8(text)
}

fn none() -> ScalarValue {
    ScalarValue::Utf8(None)
}

fn truth(value: bool) -> ScalarValue {
    ScalarValue::Boolean(Some(value))
}

fn oid(number: Option<i64>) -> ScalarValue {
    ScalarValue::UInt32(number.and_then(|n| u32::try_from(n).ok()))
}

fn word(arguments: &[ScalarValue], at: usize) -> Option<String> {
    arguments.get(at)?.try_as_str()?.map(str::to_owned)
}

/// A whole number, also one in quotes.
fn number(arguments: &[ScalarValue], at: usize) -> Option<i64> {
    match arguments.get(at)? {
        ScalarValue::Int8(n) => n.map(i64::from),
        ScalarValue::Int16(n) => n.map(i64::from),
        ScalarValue::Int32(n) => n.map(i64::from),
        ScalarValue::Int64(n) => *n,
        ScalarValue::UInt8(n) => n.map(i64::from),
        ScalarValue::UInt16(n) => n.map(i64::from),
        ScalarValue::UInt32(n) => n.map(i64::from),
        ScalarValue::UInt64(n) => n.and_then(|n| i64::try_from(n).ok()),
        other => other.try_as_str()??.parse().ok(),
    }
}

fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.chars().all(plain) && !name.starts_with(|c: char| c.is_ascii_digit()) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

fn type_name(arguments: &[ScalarValue]) -> ScalarValue {
    let Some(oid) = number(arguments, 0) else { return none() };
    if oid == 0 {
        return text("-");
    }
    let found = row::types().find(|t| i64::from(t.oid) == oid);
    text(found.map_or("???", |t| t.sql))
}

fn type_oid(name: &str) -> Option<i64> {
    let bare = name.trim().trim_start_matches("pg_catalog.").to_ascii_lowercase();
    row::types().find(|t| t.name == bare || t.sql == bare).map(|t| t.oid.into())
}

fn relation_oid(world: &World, name: &str) -> Option<i64> {
    let parts: Vec<String> = name.split('.').map(|p| p.trim_matches('"').to_owned()).collect();
    let (schema, table) = match parts.as_slice() {
        [table] => (None, table),
        [schema, table] | [_, schema, table] => (Some(schema.as_str()), table),
        _ => return None,
    };
    let fits = |r: &&row::Known<'_>| {
        r.name == table
            && schema.map_or(r.schema != super::super::shape::STANDARD, |s| s == r.schema)
    };
    row::relations(world).iter().find(fits).map(|r| r.oid.into())
}

fn relation_name(world: &World, arguments: &[ScalarValue]) -> ScalarValue {
    let Some(oid) = number(arguments, 0) else { return known(word(arguments, 0)) };
    let found = row::relations(world);
    let found = found.iter().find(|r| i64::from(r.oid) == oid);
    text(found.map_or_else(
        || oid.to_string(),
        |r| {
            if r.schema == super::super::shape::STANDARD {
                format!("{}.{}", r.schema, r.name)
            } else {
                r.name.to_owned()
            }
        },
    ))
}

fn description(world: &World, arguments: &[ScalarValue], column: Option<i64>) -> ScalarValue {
    let (Some(oid), Some(column)) = (number(arguments, 0), column) else { return none() };
    let relation = row::relations(world).into_iter().find(|r| i64::from(r.oid) == oid);
    let Some(ours) = relation.and_then(|r| world.relations.iter().find(|o| o.name == r.name))
    else {
        return none();
    };
    match usize::try_from(column) {
        Ok(0) => text(ours.meaning.clone()),
        Ok(at) => known(ours.columns.get(at - 1).map(|c| c.meaning.clone())),
        Err(_) => none(),
    }
}

/// Reading is allowed, nothing else.
fn may(arguments: &[ScalarValue]) -> ScalarValue {
    let Some(last) = arguments.len().checked_sub(1) else { return truth(false) };
    let Some(asked) = word(arguments, last) else { return ScalarValue::Boolean(None) };
    let reads = ["SELECT", "USAGE", "CONNECT", "EXECUTE"];
    truth(asked.split(',').any(|p| reads.contains(&p.trim().to_uppercase().as_str())))
}
