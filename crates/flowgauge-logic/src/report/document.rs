//! A report as a document: a head, a verdict, sections of blocks. What every renderer is given, and all it is given.

use super::chart::Chart;
use super::figure::Figure;
use super::prose::Prose;
use super::table::{Cell, KeyTable, Table};
use crate::unit::UnixMicros;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// A report.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Which report it is.
    pub kind: Kind,
    /// What stands on top, the guide's subject, e.g. `Daily Performance Report - 2026-11-23`.
    pub title: String,
    /// The subject of a mail of ours: the title, then the verdict in figures.
    pub subject: String,
    /// The verdict in one sentence.
    pub verdict: String,
    /// What time it covers.
    pub period: Period,
    /// Which run made it.
    pub id: String,
    /// When that was.
    pub generated_at: UnixMicros,
    /// By which version.
    pub version: String,
    /// Sections, in the order they are read.
    pub sections: Vec<Section>,
}

/// Which report a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Of one day.
    Daily,
    /// Of seven complete days.
    Weekly,
    /// Of a calendar month.
    Monthly,
    /// What a month cost, and what was saved.
    Cost,
    /// What to change.
    Recommendations,
    /// One page for who decides.
    Executive,
    /// All analyses in one.
    Comprehensive,
    /// The book of the present state.
    Documentation,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Daily,
        Self::Weekly,
        Self::Monthly,
        Self::Cost,
        Self::Recommendations,
        Self::Executive,
        Self::Comprehensive,
        Self::Documentation,
    ];

    /// The name in JSON, file names and commands.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Cost => "cost",
            Self::Recommendations => "recommendations",
            Self::Executive => "executive",
            Self::Comprehensive => "comprehensive",
            Self::Documentation => "documentation",
        }
    }
}

/// The time a report covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// As people name it: `2026-11-23`, `2026-11-16 to 2026-11-22`, `2026-10`.
    pub name: String,
    /// First moment inside.
    pub from: UnixMicros,
    /// First moment after.
    pub to: UnixMicros,
    /// Whose days these are.
    pub zone: Tz,
    /// Whether it was not over when the report was made.
    pub partial: bool,
}

/// A section.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// The name machines use, unique in the document.
    pub name: String,
    /// Its heading.
    pub title: String,
    /// What it holds.
    pub blocks: Vec<Block>,
}

impl Section {
    /// A section.
    #[must_use]
    pub fn new(name: impl Into<String>, title: impl Into<String>, blocks: Vec<Block>) -> Self {
        Self { name: name.into(), title: title.into(), blocks }
    }
}

/// What a section holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// Running text.
    Paragraph(Prose),
    /// Something to keep in mind beside the figures.
    Note(Prose),
    /// The key table.
    Key(KeyTable),
    /// Another table.
    Table(Table),
    /// What to do.
    Actions(Vec<Action>),
    /// A chart.
    Chart(Chart),
}

/// Something to do: what, why, and one command or link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// What to do.
    pub what: String,
    /// Why.
    pub why: Option<String>,
    /// How.
    pub how: How,
}

/// How something is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// A command to run.
    Command(String),
    /// A page to open.
    Link(String),
}

impl Document {
    /// The figures of the key tables, in reading order. Names are unique among them.
    pub fn key_figures(&self) -> impl Iterator<Item = &Figure> {
        self.key_tables().flat_map(|t| &t.rows).flat_map(|r| &r.parts).map(|p| &p.figure)
    }

    /// Every key table.
    pub fn key_tables(&self) -> impl Iterator<Item = &KeyTable> {
        self.blocks().filter_map(|b| match b {
            Block::Key(t) => Some(t),
            _ => None,
        })
    }

    /// Every general table.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        self.blocks().filter_map(|b| match b {
            Block::Table(t) => Some(t),
            _ => None,
        })
    }

    /// Every chart.
    pub fn charts(&self) -> impl Iterator<Item = &Chart> {
        self.blocks().filter_map(|b| match b {
            Block::Chart(c) => Some(c),
            _ => None,
        })
    }

    /// Every block, in reading order.
    pub fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.sections.iter().flat_map(|s| &s.blocks)
    }
}

impl Table {
    /// The figures of its cells.
    pub fn figures(&self) -> impl Iterator<Item = &Figure> {
        self.rows.iter().flatten().filter_map(|c| match c {
            Cell::Figure(f) => Some(f),
            _ => None,
        })
    }
}
