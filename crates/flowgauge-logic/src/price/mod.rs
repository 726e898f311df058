//! What a call costs.
//!
//! Owns the price tables, the order in which a model is looked up, and the arithmetic from tokens to
//! nano-dollars. Refuses floats, guesses and silent zeros: a model without a price has no cost, and
//! the reason is recorded.

pub mod check;
pub mod decimal;
pub mod edit;

mod charge;
mod explain;
mod fields;
mod lookup;
mod pattern;
mod rate;
mod reprice;
mod table;

#[cfg(test)]
mod tests;

pub use charge::{Charge, Line};
pub use explain::Explained;
pub use lookup::{Matched, PriceRef, TableName};
pub use rate::{Service, Unit};
pub use reprice::Repriced;
pub use table::{Rate, Row};

use crate::call::Text;
use sha2::{Digest, Sha256};
use table::Table;

/// The table shipped with the program.
const EMBEDDED: &str = include_str!("../../data/prices.json");

/// Bytes of the hash shown in a version: enough to tell a handful of files apart.
const HASH_BYTES: usize = 4;

/// Shipped prices and the operator's own.
#[derive(Debug, Clone)]
pub struct PriceBook {
    shipped: Table,
    operator: Table,
    version: Text,
}

/// A price file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum PriceError {
    /// It is not a JSON object of objects.
    #[error(
        "price file, line {line}, column {column}: {problem}; expected one JSON object whose keys \
         are model names, e.g. {{\"my-model\": {{\"input_cost_per_token\": 1e-6, \
         \"output_cost_per_token\": 2e-6}}}}"
    )]
    NotATable {
        /// Line of the problem.
        line: usize,
        /// Column of the problem.
        column: usize,
        /// What the JSON reader says.
        problem: String,
    },
}

impl From<serde_json::Error> for PriceError {
    fn from(e: serde_json::Error) -> Self {
        Self::NotATable { line: e.line(), column: e.column(), problem: e.to_string() }
    }
}

impl PriceBook {
    /// The shipped table alone.
    #[must_use]
    pub fn embedded() -> Self {
        // A test parses the shipped file; a broken one would price nothing, never wrongly.
        let shipped = Table::parse(EMBEDDED).unwrap_or_default();
        let version = version(shipped.header.date.as_deref(), &[EMBEDDED]);
        Self { shipped, operator: Table::default(), version }
    }

    /// The same, asked after the operator's table.
    ///
    /// # Errors
    /// When `json` is no JSON object. Rows that cannot be used are listed by [`Self::dropped`].
    pub fn with_override(self, json: &str) -> Result<Self, PriceError> {
        let operator = Table::parse(json)?;
        let date = operator.header.date.as_deref().max(self.shipped.header.date.as_deref());
        let version = version(date, &[EMBEDDED, json]);
        Ok(Self { version, operator, ..self })
    }

    /// Date and hash of the tables in force.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Day and origin of a table, as its header entry says.
    #[must_use]
    pub fn header(&self, table: TableName) -> (Option<&str>, Option<&str>) {
        let header = match table {
            TableName::Shipped => &self.shipped.header,
            TableName::Operator => &self.operator.header,
        };
        (header.date.as_deref(), header.source.as_deref())
    }

    /// Rows left out, and why.
    pub fn dropped(&self) -> impl Iterator<Item = (TableName, &str, &'static str)> {
        let operator = self.operator.dropped.iter().map(|d| (TableName::Operator, d));
        let shipped = self.shipped.dropped.iter().map(|d| (TableName::Shipped, d));
        operator.chain(shipped).map(|(table, (name, why))| (table, name.as_str(), *why))
    }

    /// All rows in force by name; the operator's rows replace shipped ones of the same name.
    pub fn rows(&self) -> impl Iterator<Item = PriceRef<'_>> {
        let of = |table: TableName| {
            move |(name, row)| {
                let name: &String = name;
                PriceRef { name, table, row, matched: Matched::Exact }
            }
        };
        let own = &self.operator.rows;
        let shipped = self.shipped.rows.iter().filter(|(name, _)| !own.contains_key(*name));
        own.iter().map(of(TableName::Operator)).chain(shipped.map(of(TableName::Shipped)))
    }
}

fn version(date: Option<&str>, files: &[&str]) -> Text {
    let mut hash = Sha256::new();
    for file in files {
        hash.update(file.as_bytes());
    }
    let mut text = Text::from(date.unwrap_or("undated"));
    text.push('+');
    for byte in hash.finalize().iter().take(HASH_BYTES) {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}
