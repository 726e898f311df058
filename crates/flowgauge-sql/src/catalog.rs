//! What clients ask a Postgres server about itself: `pg_catalog` and `information_schema`.
//!
//! Made from the list of tables each time it is asked; shapes are those of Postgres 15. Indexes, keys,
//! defaults, rules and all else that this is not have their tables, and those are empty. Refuses data:
//! rows of calls come from `table`.

mod function;
mod row;
pub mod setting;
mod shape;
mod table;

use crate::schema;
use crate::wire::Kind;
use datafusion::catalog::MemorySchemaProvider;
use datafusion::error::{DataFusionError, Result};
use datafusion::prelude::SessionContext;
use std::sync::Arc;

pub(crate) use function::answer::{REGCLASS_TEXT, REGNAMESPACE_TEXT, REGTYPE_TEXT, TO_OID};
pub use shape::is_system;
pub(crate) use shape::{
    SYSTEM, all_columns as system_columns, always_empty, columns as columns_of,
};

/// What is said of the version: the release whose catalogue is imitated.
pub const SERVER_VERSION: &str = "15.0";
/// The one database.
pub const DATABASE: &str = "flowgauge";
/// The schema of the public tables.
pub const SCHEMA: &str = "public";

/// A public table, as clients are told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// Its name.
    pub name: String,
    /// What one row is.
    pub meaning: String,
    /// Its columns.
    pub columns: Vec<Attribute>,
}

/// A column of a public table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: Kind,
    /// What it says, with its unit.
    pub meaning: String,
}

/// What the catalogue is made from.
#[derive(Debug)]
pub(crate) struct World {
    relations: Vec<Relation>,
    user: String,
}

/// Adds both schemas and their functions to a session, for one who asks.
///
/// # Errors
/// As [`register_for`].
pub fn register(context: &SessionContext, user: &str) -> Result<()> {
    let attribute = |c: &schema::Column| Attribute {
        name: c.name.to_owned(),
        kind: c.kind,
        meaning: c.description(),
    };
    let relation = |t: &schema::Table| Relation {
        name: t.name.to_owned(),
        meaning: t.meaning.to_owned(),
        columns: t.columns.iter().map(attribute).collect(),
    };
    register_for(context, user, schema::TABLES.iter().map(relation).collect())
}

/// Adds both schemas and their functions to a context whose public tables are these.
///
/// # Errors
/// The context has no catalogue of the name it says is its own.
pub fn register_for(context: &SessionContext, user: &str, relations: Vec<Relation>) -> Result<()> {
    let name = context.copied_config().options().catalog.default_catalog.clone();
    let catalog = context
        .catalog(&name)
        .ok_or_else(|| DataFusionError::Plan(format!("there is no catalogue {name}")))?;
    if catalog.schema(SCHEMA).is_none() {
        catalog.register_schema(SCHEMA, Arc::new(MemorySchemaProvider::new()))?;
    }
    let world = Arc::new(World { relations, user: user.to_owned() });
    for schema in [shape::SYSTEM, shape::STANDARD] {
        let provider = table::System::new(schema, Arc::clone(&world));
        catalog.register_schema(schema, Arc::new(provider))?;
    }
    for function in function::all(&world) {
        context.register_udf(function);
    }
    Ok(())
}

/// Number of a type in `pg_type`, fixed by Postgres.
#[must_use]
pub const fn oid(kind: Kind) -> u32 {
    match kind {
        Kind::Bool => 16,
        Kind::Bytes => 17,
        Kind::Char => 18,
        Kind::Int8 => 20,
        Kind::Int2 => 21,
        Kind::Int4 => 23,
        Kind::Text => 25,
        Kind::Oid => 26,
        Kind::Float4 => 700,
        Kind::Float8 => 701,
        Kind::TextList => 1009,
        Kind::Date => 1082,
        Kind::Time => 1083,
        Kind::Timestamp => 1114,
        Kind::TimestampTz => 1184,
        Kind::Interval => 1186,
        Kind::Decimal => 1700,
    }
}
