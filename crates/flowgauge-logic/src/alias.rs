//! Alias table and normaliser: a span in any dialect becomes a [`crate::call::Call`].
//!
//! Owns the names (`names`), what to do with values no row names (`raw`) and the rules that turn
//! what was said into exclusive token buckets, an outcome and a time to first token. Refuses wire
//! formats: the doors decode, and hand over one attribute at a time. A new name is a new row of the
//! table, never a branch.

mod annotations;
mod builder;
mod content;
mod dialect;
mod finish;
mod json;
mod names;
mod operation;
mod outcome;
mod provider;
mod raw;
mod resource;
mod table;
mod tokens;
mod value;

#[cfg(test)]
mod tests;

pub use annotations::{Annotations, Judged, bounded_name, label};
pub use builder::{Builder, SpanCore};
pub use content::is_content;
pub use json::quote;
pub use raw::RawMap;
pub use resource::{Resource, Scope};
pub use value::Value;

use crate::call::Text;

/// Attributes of one span that are read; later ones are counted and marked. The limit of the
/// OpenTelemetry SDKs is 128, so four times that is no honest span.
pub const MAX_ATTRIBUTES: usize = 512;
/// Events of one span that are read.
pub const MAX_EVENTS: usize = 256;
/// Longest attribute value kept, bytes: only stored content comes near it.
pub const MAX_VALUE: usize = 64 * 1024;
/// Longest name kept in a column, bytes; longer ones are cut at a character.
pub const MAX_NAME: usize = 256;
/// Longest unknown text kept as it is, bytes. Longer ones are prose or payloads.
pub const MAX_UNKNOWN_TEXT: usize = 128;
/// Labels kept of one call.
pub const MAX_LABELS: usize = 16;
/// A span may begin this far ahead of our clock; one further ahead is clamped and marked.
pub const MAX_AHEAD_US: i64 = 10 * 60 * 1_000_000;
/// A span may be this late; an older one is rejected, because its day may be reported already.
pub const MAX_LATE_US: i64 = 7 * crate::unit::UnixMicros::DAY;
/// Most tokens a call can state: beyond 2^53 a JSON double cannot count.
pub const MAX_TOKENS: u64 = 1 << 53;

/// What may be kept, and how names of people are hidden.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    /// Keyed hash of a text.
    pub hash: &'a dyn Fn(&str) -> Text,
    /// Keep prompts and answers in the raw attributes.
    pub store_content: bool,
    /// Keep no unknown text.
    pub metrics_only: bool,
}

impl std::fmt::Debug for Rules<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rules")
            .field("store_content", &self.store_content)
            .field("metrics_only", &self.metrics_only)
            .finish_non_exhaustive()
    }
}

/// A row that cannot be stored, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Rejected {
    /// For the sender; names the field, never its text.
    pub reason: String,
}

impl Rejected {
    /// With a reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}
