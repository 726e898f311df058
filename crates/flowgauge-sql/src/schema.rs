//! The public tables: each column with its type, unit and meaning, in one place.
//!
//! The documentation, `\d` of a client and the page are made from these lists. Names are those of the
//! guide where it has one; they are frozen: append only.

mod calls;
mod others;

use crate::wire::Kind;

pub use calls::{ATTEMPTS, CALLS, PERFORMANCE_METRICS};
pub use others::{ALERTS, BUDGETS, CHANGES, FEEDBACK, QUALITY_METRICS, ROLLUPS, SERIES};

/// A public table.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// What one row is.
    pub meaning: &'static str,
    /// Where its rows come from.
    pub source: Source,
    /// Its columns, in order.
    pub columns: &'static [Column],
}

/// Where the rows of a table come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Rows of segments and unsealed ones, of which those count that fulfil this condition.
    Calls(&'static str),
    /// The attempts of those rows.
    Attempts,
    /// Handed over cell by cell. Named is the column that a window of time is asked by, if any.
    Given(Option<&'static str>),
}

/// A column of a public table.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Its unit; empty where it has none.
    pub unit: &'static str,
    /// What it says, and when it is NULL.
    pub meaning: &'static str,
    /// How it follows from the stored columns; empty for tables that are handed over.
    pub sql: &'static str,
}

impl Column {
    /// Unit and meaning in one line.
    #[must_use]
    pub fn description(&self) -> String {
        if self.unit.is_empty() {
            self.meaning.to_owned()
        } else {
            format!("{} ({})", self.meaning, self.unit)
        }
    }
}

/// Every public table.
pub const TABLES: &[Table] = &[
    PERFORMANCE_METRICS,
    QUALITY_METRICS,
    CALLS,
    ATTEMPTS,
    FEEDBACK,
    ALERTS,
    CHANGES,
    ROLLUPS,
    SERIES,
    BUDGETS,
];

/// The table of a name.
#[must_use]
pub fn table(name: &str) -> Option<&'static Table> {
    TABLES.iter().find(|t| t.name == name)
}

/// A column that is handed over.
const fn given(
    name: &'static str,
    kind: Kind,
    unit: &'static str,
    meaning: &'static str,
) -> Column {
    Column { name, kind, unit, meaning, sql: "" }
}
