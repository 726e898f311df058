//! Rows of the system tables that have any.

use super::shape::{self, STANDARD, SYSTEM};
use super::{Attribute, DATABASE, Relation, SCHEMA, World, oid, setting};
use crate::wire::Kind;
use std::collections::HashMap;

/// Postgres numbers what users make from here on.
const FIRST_USER_OID: u32 = 16_384;
/// System tables whose number is not asked for by name are numbered from here: below users' and above
/// those Postgres fixes.
const FIRST_SYSTEM_OID: u32 = 12_000;
/// Numbers that Postgres fixes, and clients compare with.
const FIXED: &[(&str, u32)] = &[
    ("pg_am", 2601),
    ("pg_attrdef", 2604),
    ("pg_attribute", 1249),
    ("pg_class", 1259),
    ("pg_collation", 3456),
    ("pg_constraint", 2606),
    ("pg_database", 1262),
    ("pg_description", 2609),
    ("pg_enum", 3501),
    ("pg_extension", 3079),
    ("pg_foreign_server", 1417),
    ("pg_index", 2610),
    ("pg_inherits", 2611),
    ("pg_language", 2612),
    ("pg_namespace", 2615),
    ("pg_policy", 3256),
    ("pg_proc", 1255),
    ("pg_range", 3541),
    ("pg_rewrite", 2618),
    ("pg_tablespace", 1213),
    ("pg_trigger", 2620),
    ("pg_type", 1247),
];
/// Number of the one role.
pub(crate) const ROLE: u32 = 10;
/// Number of the one database.
const DATABASE_OID: u32 = 5;
/// Schemas and their numbers.
pub(crate) const SCHEMAS: &[(&str, u32)] = &[(SYSTEM, 11), (SCHEMA, 2200), (STANDARD, 13_000)];
/// Number of the table access method.
const HEAP: u32 = 2;
/// UTF-8, as Postgres numbers encodings.
const UTF8: i64 = 6;
/// Number of `percentile` among functions.
const PERCENTILE: u32 = 15_000;
/// A line is a type of Postgres 15: oid, name, length, by value, type, category, preferred, delimiter,
/// element, array, its four functions, alignment, storage, base type, name in SQL. Read from its `pg_type`.
const TYPES: &str = include_str!("types.txt");

/// A cell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Int(i64),
    Real(f32),
    Text(String),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Int(number.into())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Int(truth.into())
    }
}

/// A row by column; what is absent is what Postgres has by default.
pub(crate) type Row = HashMap<&'static str, Value>;

macro_rules! row {
    ($($name:literal : $value:expr),* $(,)?) => {
        Row::from([$(($name, Value::from($value))),*])
    };
}

/// A type of Postgres.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Type {
    /// Its number.
    pub(crate) oid: u32,
    /// Name in the catalogue.
    pub(crate) name: &'static str,
    /// Name in SQL.
    pub(crate) sql: &'static str,
    words: [&'static str; 17],
}

/// Every type that is told of.
pub(crate) fn types() -> impl Iterator<Item = Type> {
    TYPES.lines().filter_map(|line| {
        let mut parts = line.splitn(18, ' ');
        let mut words = [""; 17];
        for word in &mut words {
            *word = parts.next()?;
        }
        let sql = parts.next()?;
        let [oid, name, ..] = words;
        Some(Type { oid: oid.parse().ok()?, name, sql, words })
    })
}

/// A relation, ours or the system's, in the order of their numbers.
#[derive(Debug, Clone)]
pub(crate) struct Known<'a> {
    pub(crate) oid: u32,
    pub(crate) schema: &'static str,
    pub(crate) name: &'a str,
    relation: Option<&'a Relation>,
}

/// Every relation.
pub(crate) fn relations(world: &World) -> Vec<Known<'_>> {
    let fixed: HashMap<_, _> = FIXED.iter().copied().collect();
    let system = [SYSTEM, STANDARD]
        .into_iter()
        .flat_map(|s| shape::names(s).into_iter().map(move |name| (s, name)));
    let mut known: Vec<_> = system
        .zip(FIRST_SYSTEM_OID..)
        .map(|((schema, name), next)| {
            let oid = fixed.get(name).copied().unwrap_or(next);
            Known { oid, schema, name, relation: None }
        })
        .collect();
    known.extend(world.relations.iter().zip(FIRST_USER_OID..).map(|(relation, oid)| Known {
        oid,
        schema: SCHEMA,
        name: &relation.name,
        relation: Some(relation),
    }));
    known
}

/// Rows of one system table.
pub(crate) fn rows(schema: &str, table: &str, world: &World) -> Vec<Row> {
    if shape::always_empty(schema, table) {
        return Vec::new();
    }
    if schema == STANDARD { standard(table, world) } else { system(table, world) }
}

fn system(table: &str, world: &World) -> Vec<Row> {
    match table {
        "pg_am" => vec![row! {"oid": HEAP, "amname": "heap", "amhandler": "heap_tableam_handler", "amtype": "t"}],
        "pg_attribute" => relations(world).iter().flat_map(attributes).collect(),
        "pg_class" => relations(world).iter().map(class).collect(),
        "pg_database" => vec![row! {
            "oid": DATABASE_OID, "datname": DATABASE, "datdba": ROLE, "encoding": UTF8,
            "datlocprovider": "c", "datallowconn": true, "datconnlimit": -1i64, "dattablespace": 1663u32,
            "datcollate": "C.UTF-8", "datctype": "C.UTF-8",
        }],
        "pg_description" => relations(world).iter().flat_map(descriptions).collect(),
        "pg_language" => vec![row! {"oid": 12u32, "lanname": "internal", "lanowner": ROLE}],
        "pg_namespace" => SCHEMAS
            .iter()
            .map(|(name, oid)| row! {"oid": *oid, "nspname": *name, "nspowner": ROLE})
            .collect(),
        "pg_proc" => vec![row! {
            "oid": PERCENTILE, "proname": "percentile", "pronamespace": 2200u32, "proowner": ROLE,
            "prolang": 12u32, "prokind": "a", "provolatile": "i", "proparallel": "s",
            "pronargs": 2i64, "prorettype": oid(Kind::Float8), "prosrc": "percentile",
        }],
        "pg_roles" => vec![row! {
            "rolname": world.user.as_str(), "rolinherit": true, "rolcanlogin": true,
            "rolconnlimit": -1i64, "oid": ROLE,
        }],
        "pg_settings" => setting::ALL.iter().map(|s| setting_row(s)).collect(),
        "pg_stat_user_tables" | "pg_stat_all_tables" => ours(world)
            .map(|r| row! {"relid": r.oid, "schemaname": SCHEMA, "relname": r.name})
            .collect(),
        "pg_stat_activity" => vec![row! {
            "datid": DATABASE_OID, "datname": DATABASE, "usesysid": ROLE,
            "usename": world.user.as_str(), "state": "active", "backend_type": "client backend",
        }],
        "pg_tables" => ours(world)
            .map(|r| row! {"schemaname": SCHEMA, "tablename": r.name, "tableowner": world.user.as_str()})
            .collect(),
        "pg_tablespace" => {
            vec![row! {"oid": 1663u32, "spcname": "pg_default", "spcowner": ROLE}]
        }
        "pg_timezone_names" => {
            vec![row! {"name": "UTC", "abbrev": "UTC", "utc_offset": "00:00:00"}]
        }
        "pg_type" => types().map(|t| type_row(&t)).collect(),
        "pg_user" | "pg_shadow" => vec![row! {"usename": world.user.as_str(), "usesysid": ROLE}],
        _ => Vec::new(),
    }
}

fn standard(table: &str, world: &World) -> Vec<Row> {
    let user = world.user.as_str();
    match table {
        "applicable_roles" | "enabled_roles" => vec![row! {"grantee": user, "role_name": user}],
        "columns" => ours(world).flat_map(|r| columns(&r)).collect(),
        "information_schema_catalog_name" => vec![row! {"catalog_name": DATABASE}],
        "role_table_grants" | "table_privileges" => ours(world)
            .map(|r| row! {
                "grantor": user, "grantee": user, "table_catalog": DATABASE, "table_schema": SCHEMA,
                "table_name": r.name, "privilege_type": "SELECT", "is_grantable": "NO",
                "with_hierarchy": "NO",
            })
            .collect(),
        "schemata" => SCHEMAS
            .iter()
            .map(|(name, _)| row! {"catalog_name": DATABASE, "schema_name": *name, "schema_owner": user})
            .collect(),
        "tables" => relations(world)
            .iter()
            .map(|r| row! {
                "table_catalog": DATABASE, "table_schema": r.schema, "table_name": r.name,
                "table_type": if is_view(r) { "VIEW" } else { "BASE TABLE" },
                "is_insertable_into": "NO", "is_typed": "NO",
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn ours(world: &World) -> impl Iterator<Item = Known<'_>> {
    relations(world).into_iter().filter(|r| r.relation.is_some())
}

/// The standard's tables are views in Postgres, and so are some of its own.
fn is_view(known: &Known<'_>) -> bool {
    known.schema == STANDARD
        || known.relation.is_none()
            && shape::columns(known.schema, known.name).is_some_and(|c| {
                !c.iter().any(|(name, _)| name.ends_with("oid") || name.ends_with("relid"))
            })
}

fn class(known: &Known<'_>) -> Row {
    let columns = width(known);
    let schema = SCHEMAS.iter().find(|(name, _)| *name == known.schema).map_or(0, |s| s.1);
    let mut row = row! {
        "oid": known.oid, "relname": known.name, "relnamespace": schema, "relowner": ROLE,
        "relkind": if is_view(known) { "v" } else { "r" }, "relpersistence": "p",
        "relreplident": "d", "relispopulated": true, "relnatts": columns,
    };
    if !is_view(known) {
        row.insert("relam", HEAP.into());
    }
    // Not known before it is asked: Postgres says -1 of a table never analysed.
    row.insert("reltuples", Value::Real(-1.0));
    row
}

fn width(known: &Known<'_>) -> i64 {
    let system = || shape::columns(known.schema, known.name).map_or(0, <[_]>::len);
    let columns = known.relation.map_or_else(system, |r| r.columns.len());
    i64::try_from(columns).unwrap_or(0)
}

fn attributes(known: &Known<'_>) -> Vec<Row> {
    let named: Vec<(&str, u32)> = known.relation.map_or_else(
        || {
            let columns = shape::columns(known.schema, known.name).unwrap_or_default();
            columns.iter().map(|(name, kind)| (*name, oid_of_shape(kind))).collect()
        },
        |r| r.columns.iter().map(|c| (c.name.as_str(), oid(c.kind))).collect(),
    );
    (1i64..)
        .zip(named)
        .map(|(number, (name, kind))| {
            let length = types().find(|t| t.oid == kind).map_or(-1, |t| t.int(2));
            row! {
                "attrelid": known.oid, "attname": name, "atttypid": kind, "attnum": number,
                "attlen": length, "atttypmod": -1i64, "attcacheoff": -1i64, "attstattarget": -1i64,
                "attstorage": if length < 0 { "x" } else { "p" }, "attislocal": true,
                "attalign": "d",
            }
        })
        .collect()
}

fn oid_of_shape(kind: &str) -> u32 {
    match kind {
        "int[]" => 1005,
        "text[]" => 1009,
        _ => types().find(|t| t.name == kind).map_or(25, |t| t.oid),
    }
}

fn descriptions(known: &Known<'_>) -> Vec<Row> {
    let Some(relation) = known.relation else { return Vec::new() };
    let of = |number: i64, text: &str| {
        row! {"objoid": known.oid, "classoid": 1259u32, "objsubid": number, "description": text}
    };
    let columns = (1i64..).zip(&relation.columns).map(|(number, c)| of(number, &c.meaning));
    std::iter::once(of(0, &relation.meaning)).chain(columns).collect()
}

fn setting_row(setting: &setting::Setting) -> Row {
    row! {
        "name": setting.0, "setting": setting.1, "context": "internal", "vartype": "string",
        "source": "default", "boot_val": setting.1, "reset_val": setting.1,
    }
}

impl Type {
    fn int(&self, at: usize) -> i64 {
        self.words.get(at).and_then(|w| w.parse().ok()).unwrap_or(0)
    }
}

fn type_row(kind: &Type) -> Row {
    let [
        _,
        name,
        _,
        by_value,
        what,
        category,
        preferred,
        delimiter,
        _,
        _,
        input,
        output,
        receive,
        send,
        align,
        storage,
        _,
    ] = kind.words;
    row! {
        "oid": kind.oid, "typname": name, "typnamespace": 11u32, "typowner": ROLE, "typlen": kind.int(2),
        "typbyval": by_value == "t", "typtype": what, "typcategory": category,
        "typispreferred": preferred == "t", "typisdefined": true, "typdelim": delimiter,
        "typelem": kind.int(8), "typarray": kind.int(9), "typinput": input, "typoutput": output,
        "typreceive": receive, "typsend": send, "typalign": align, "typstorage": storage,
        "typbasetype": kind.int(16), "typtypmod": -1i64,
    }
}

fn columns(known: &Known<'_>) -> Vec<Row> {
    let attributes: &[Attribute] = known.relation.map_or(&[], |r| &r.columns);
    (1i64..)
        .zip(attributes)
        .map(|(number, column)| {
            let number_of = oid(column.kind);
            let kind = types().find(|t| t.oid == number_of);
            let (name, sql) = kind.map_or(("text", "text"), |t| (t.name, t.sql));
            let mut row = row! {
                "table_catalog": DATABASE, "table_schema": SCHEMA, "table_name": known.name,
                "column_name": column.name.as_str(), "ordinal_position": number,
                "is_nullable": "YES", "data_type": if sql.ends_with("[]") { "ARRAY" } else { sql },
                "udt_catalog": DATABASE, "udt_schema": SYSTEM, "udt_name": name,
                "dtd_identifier": number.to_string(), "is_self_referencing": "NO",
                "is_identity": "NO", "identity_cycle": "NO", "is_generated": "NEVER",
                "is_updatable": "NO",
            };
            for (word, value) in measures(column.kind) {
                row.insert(word, Value::Int(value));
            }
            for word in NULL_WHERE_UNSAID {
                row.entry(word).or_insert(Value::Null);
            }
            row
        })
        .collect()
}

/// Numbers of `information_schema.columns` that are NULL where a type has none.
const NULL_WHERE_UNSAID: [&str; 8] = [
    "character_maximum_length",
    "character_octet_length",
    "numeric_precision",
    "numeric_precision_radix",
    "numeric_scale",
    "datetime_precision",
    "interval_precision",
    "maximum_cardinality",
];

fn measures(kind: Kind) -> Vec<(&'static str, i64)> {
    let binary = |bits| vec![("numeric_precision", bits), ("numeric_precision_radix", 2)];
    let whole = |bits| {
        let mut all = binary(bits);
        all.push(("numeric_scale", 0));
        all
    };
    match kind {
        Kind::Int2 => whole(16),
        Kind::Int4 => whole(32),
        Kind::Int8 => whole(64),
        Kind::Float4 => binary(24),
        Kind::Float8 => binary(53),
        Kind::Decimal => vec![("numeric_precision_radix", 10)],
        Kind::Time | Kind::Timestamp | Kind::TimestampTz | Kind::Interval => {
            vec![("datetime_precision", 6)]
        }
        Kind::Text => vec![("character_octet_length", 1 << 30)],
        _ => Vec::new(),
    }
}
