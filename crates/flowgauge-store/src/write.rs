//! The one writer.

use crate::{Event, Reader, StoreError};
use flowgauge_logic::call::Call;
use flowgauge_logic::unit::UnixMicros;
use std::path::Path;

/// Limits of the store.
#[derive(Debug, Clone)]
pub struct Options {
    /// Seal when unsealed batches reach this many bytes: restart replays no more than this.
    pub seal_bytes: u64,
    /// Seal when the oldest unsealed batch is this old, µs.
    pub seal_age_us: i64,
    /// Series kept apart; later ones fold into `(other)`.
    pub max_series: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { seal_bytes: 32 << 20, seal_age_us: 3_600_000_000, max_series: 5_000 }
    }
}

/// What one commit makes durable together.
#[derive(Debug, Default)]
pub struct Batch {
    /// Finished calls and spans.
    pub calls: Vec<Call>,
    /// Calls just begun, in the form they have if flowgauge dies before their end.
    pub started: Vec<Call>,
    /// Events.
    pub events: Vec<Event>,
}

/// What a commit did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Committed {
    /// Rows stored.
    pub stored: u64,
    /// Rows known already and left out.
    pub duplicates: u64,
}

/// A store and what was found when it was opened.
#[derive(Debug)]
pub struct Opened {
    /// The writer.
    pub store: Store,
    /// Calls that were in flight when the last process died; they are rows now.
    pub interrupted: u64,
}

/// The one writer of a data directory.
#[derive(Debug)]
pub struct Store {}

impl Store {
    /// Opens or creates, replays what was not sealed, deletes what a crash left behind.
    pub fn open(dir: &Path, _options: Options, _now: UnixMicros) -> Result<Opened, StoreError> {
        Err(StoreError::Absent(dir.to_owned()))
    }

    /// Makes a batch durable. On return it survives SIGKILL and power loss.
    pub fn commit(&mut self, _batch: Batch, _now: UnixMicros) -> Result<Committed, StoreError> {
        Ok(Committed::default())
    }

    /// A read handle.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader {}
    }
}
