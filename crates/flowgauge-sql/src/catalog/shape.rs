//! Which system tables there are and what columns they have. Facts about Postgres 15, read from its own
//! catalogue: `select relname, attname, typname from pg_class, pg_attribute, pg_type …`.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Schema of Postgres' own catalogue.
pub(crate) const SYSTEM: &str = "pg_catalog";
/// Schema of the SQL standard's catalogue.
pub(crate) const STANDARD: &str = "information_schema";

/// A line is `schema.table column:type …`.
const SHAPES: &str = include_str!("shape.txt");
/// Tables that have rows here. Every other one is always empty.
const FILLED: &[&str] = &[
    "pg_am",
    "pg_attribute",
    "pg_class",
    "pg_database",
    "pg_description",
    "pg_language",
    "pg_namespace",
    "pg_proc",
    "pg_roles",
    "pg_settings",
    "pg_stat_user_tables",
    "pg_stat_all_tables",
    "pg_stat_activity",
    "pg_tables",
    "pg_tablespace",
    "pg_timezone_names",
    "pg_type",
    "pg_user",
    "pg_shadow",
    "pg_group",
    "information_schema.applicable_roles",
    "information_schema.columns",
    "information_schema.enabled_roles",
    "information_schema.information_schema_catalog_name",
    "information_schema.role_table_grants",
    "information_schema.schemata",
    "information_schema.table_privileges",
    "information_schema.tables",
];

/// A column of a system table: name and type.
pub(crate) type Column = (&'static str, &'static str);

static ALL: LazyLock<HashMap<(&'static str, &'static str), Vec<Column>>> = LazyLock::new(|| {
    SHAPES
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            let name = words.next()?.split_once('.')?;
            Some((name, words.filter_map(|word| word.split_once(':')).collect()))
        })
        .collect()
});

/// Columns of a system table.
pub(crate) fn columns(schema: &str, table: &str) -> Option<&'static [Column]> {
    ALL.iter().find(|(name, _)| name.0 == schema && name.1 == table).map(|(_, c)| c.as_slice())
}

/// Every column of every system table.
pub(crate) fn all_columns() -> impl Iterator<Item = Column> {
    ALL.values().flatten().copied()
}

/// Names of the tables of one system schema.
pub(crate) fn names(schema: &str) -> Vec<&'static str> {
    let mut names: Vec<_> = ALL.keys().filter(|n| n.0 == schema).map(|n| n.1).collect();
    names.sort_unstable();
    names
}

/// Whether a name without schema is a table of `pg_catalog`.
#[must_use]
pub fn is_system(table: &str) -> bool {
    ALL.contains_key(&(SYSTEM, table))
}

/// Whether a system table never has rows here.
pub(crate) fn always_empty(schema: &str, table: &str) -> bool {
    let known = columns(schema, table).is_some();
    let full = format!("{schema}.{table}");
    known && !FILLED.contains(&table) && !FILLED.contains(&full.as_str())
}
