//! Tables of a report: the key table of the guide, and general ones with typed cells.

use super::figure::{Figure, Shift, Status, Target};
use super::prose::Prose;
use crate::unit::UnixMicros;

/// The guide's table: Metric, Value, Target, Status, and two comparisons.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KeyTable {
    /// What the figures are compared with in the last column, e.g. `vs same day last week`.
    pub before: String,
    /// Rows, in the order they are read.
    pub rows: Vec<KeyRow>,
}

/// A row: one figure, or several that belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyRow {
    /// What the row is called, e.g. `Quality Score; worst intent`.
    pub metric: String,
    /// Its figures, the one the row is judged by first.
    pub parts: Vec<KeyPart>,
    /// What the status alone does not say, e.g. `1 intent below`.
    pub remark: Option<String>,
}

/// A figure of a row with all that stands beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyPart {
    /// What it is called by itself, e.g. `TTL effectiveness`.
    pub title: String,
    /// The figure.
    pub figure: Figure,
    /// What precedes the value, e.g. the intent it is of.
    pub of: Option<String>,
    /// What must be known about it, e.g. `method a`.
    pub note: Option<String>,
    /// What it should be.
    pub target: Option<Target>,
    /// How it stands; nothing where it has no target.
    pub status: Option<Status>,
    /// Against the promoted baseline; nothing where a comparison makes no sense.
    pub baseline: Option<Shift>,
    /// Against the same period before: the same day last week, the week before.
    pub before: Option<Shift>,
}

impl KeyRow {
    /// The worst status of its figures; a missing value beside a known one does not count.
    #[must_use]
    pub fn status(&self) -> Option<Status> {
        let all = || self.parts.iter().filter_map(|p| p.status);
        all().filter(|s| *s != Status::NoData).max().or_else(|| all().max())
    }
}

/// A general table.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The name machines use, unique in the document.
    pub name: String,
    /// What stands above it.
    pub caption: String,
    /// Columns.
    pub columns: Vec<Column>,
    /// Rows, each with as many cells as there are columns.
    pub rows: Vec<Vec<Cell>>,
    /// What is said where there are no rows.
    pub empty: String,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The name machines use, unique in the table.
    pub name: String,
    /// What stands in the head.
    pub title: String,
    /// What it holds.
    pub holds: Holds,
}

/// What a column holds; decides how it is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// Words, set left.
    Words,
    /// Figures and changes, set right.
    Figures,
}

impl Column {
    /// A column of words.
    #[must_use]
    pub fn words(name: impl Into<String>, title: impl Into<String>) -> Self {
        Self { name: name.into(), title: title.into(), holds: Holds::Words }
    }

    /// A column of figures.
    #[must_use]
    pub fn figures(name: impl Into<String>, title: impl Into<String>) -> Self {
        Self { name: name.into(), title: title.into(), holds: Holds::Figures }
    }
}

/// A cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Running text.
    Words(Prose),
    /// A figure; its name is that of the column.
    Figure(Figure),
    /// A change.
    Shift(Shift),
    /// A status.
    Status(Status),
    /// A moment, shown in the zone of the report.
    Moment(UnixMicros),
    /// Nothing belongs here.
    Blank,
}

impl Cell {
    /// Plain words.
    #[must_use]
    pub fn words(text: impl Into<String>) -> Self {
        Self::Words(Prose::plain(text))
    }
}
