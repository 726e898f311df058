//! Reports: one document, and its renderings.
//!
//! Facts of a period come in (`daily::Facts` …), a [`Document`] is built, and every format renders the same document
//! with the same formatter ([`number`]), so that a figure reads alike everywhere. The same facts give the same bytes.
//! Refuses to collect facts, to know the time, and to draw pages (PDF) or pixels (PNG).

pub use self::chart::Chart;
pub use self::document::{Action, Block, Document, How, Kind, Period, Section};
pub use self::figure::{Figure, Interval, Meaning, Quantity, Shift, Side, Status, Target};
pub use self::prose::{Prose, Run};
pub use self::table::{Cell, Column, Holds, KeyPart, KeyRow, KeyTable, Table};

pub mod add_up;
pub mod body;
pub mod book;
pub mod chart;
pub mod comprehensive;
pub mod cost;
pub mod csv;
pub mod daily;
pub mod document;
pub mod executive;
pub mod facts;
pub mod figure;
pub mod from_json;
pub mod html;
pub mod json;
pub mod key;
pub mod mail;
pub mod markdown;
mod markup;
pub mod moment;
pub mod monthly;
pub mod next;
pub mod number;
pub mod optimised;
pub mod plain;
pub mod prose;
pub mod recommendations;
pub mod sections;
pub mod shown;
pub mod svg;
pub mod table;
pub mod text;
pub mod verdict;
pub mod weekly;
