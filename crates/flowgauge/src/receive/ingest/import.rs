//! History from files: CSV and JSON Lines become calls with ids that follow from their content.
//!
//! Owns the mapping from columns to fields, time stamps and ids. Refuses to store a line it cannot
//! read whole: bad lines are counted, the first of them named, and the good ones stored.

mod field;
mod lines;
mod ndjson;
mod row;
mod run;
mod time;

#[cfg(test)]
mod tests;

pub use field::{Field, Mapping, UnknownField};
pub use lines::{Format, Line, Reader};
pub use ndjson::Users;
pub use run::{ImportError, Sink, run};

/// Bad lines named in a report; the rest is counted. Twenty show what is wrong with a file.
pub const MAX_REPORTED: usize = 20;
/// Calls handed over at once: one commit each, about a megabyte.
pub const BATCH: usize = 4_096;
/// Longest line, bytes: a call without content is far shorter.
pub const MAX_LINE: usize = 1 << 20;

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ImportReport {
    /// Lines read, the header aside.
    pub read: u64,
    /// Calls stored.
    pub stored: u64,
    /// Calls known already.
    pub duplicates: u64,
    /// The first bad lines: number and reason.
    pub rejected: Vec<(u64, String)>,
    /// All bad lines.
    pub rejected_total: u64,
}

impl ImportReport {
    /// Counts a bad line.
    pub(crate) fn reject(&mut self, line: u64, reason: impl Into<String>) {
        self.rejected_total += 1;
        if self.rejected.len() < MAX_REPORTED {
            self.rejected.push((line, reason.into()));
        }
    }
}
