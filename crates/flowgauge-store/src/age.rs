//! How data grows old: what is dropped, archived, merged, and in which order.
//!
//! Everything that takes long (reading rows, writing and hashing files) is done by a [`Reader`](crate::Reader),
//! beside the writer; what it found out is then made true by the [`Store`](crate::Store) in one
//! transaction. Files go after the transaction, once nobody holds them. Refuses to decide how old
//! is too old: that is passed in.

mod archive;
mod attach;
mod compact;
mod prune;
mod rollups;

pub use archive::{
    Archived, ArchivedSegment, DayTotals, MANIFEST, Manifest, SEGMENTS, put, sha256,
};
pub use attach::Attached;
pub use compact::{Compacted, Compaction};
pub use prune::{Dropped, PrunePlan, Refused};
pub use rollups::{RollupsDropped, RollupsPlan};

use crate::hot::{self, SegmentRow, mark};
use crate::write::Store;
use crate::write::begin;
use crate::{StoreError, seal};
use flowgauge_logic::unit::UnixMicros;
use rusqlite::Connection;

/// A segment as its file and manifest describe it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SegmentInfo {
    /// Id in the manifest.
    pub id: i64,
    /// Name of the file.
    pub file: String,
    /// Its rows.
    pub rows: u64,
    /// Its bytes.
    pub bytes: u64,
    /// Start of its first row.
    pub from: UnixMicros,
    /// Start of its last row.
    pub to: UnixMicros,
    /// CRC-32C of the whole file.
    pub crc32c: u32,
}

impl From<&SegmentRow> for SegmentInfo {
    fn from(s: &SegmentRow) -> Self {
        Self {
            id: s.id,
            file: s.file.clone(),
            rows: s.rows,
            bytes: s.bytes,
            from: UnixMicros(s.min_time),
            to: UnixMicros(s.max_time),
            crc32c: s.crc,
        }
    }
}

impl SegmentInfo {
    fn row(&self) -> SegmentRow {
        SegmentRow {
            id: self.id,
            file: self.file.clone(),
            rows: self.rows,
            bytes: self.bytes,
            min_time: self.from.0,
            max_time: self.to.0,
            crc: self.crc32c,
        }
    }
}

/// Segments that have been archived, and the checksum of what was.
pub(crate) fn archived(db: &Connection) -> Result<std::collections::HashMap<i64, u32>, StoreError> {
    let read = || {
        db.prepare_cached("SELECT segment, crc FROM archived")?
            .query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?
            .collect::<rusqlite::Result<_>>()
    };
    read().map_err(StoreError::io::<rusqlite::Error>("listing archived segments"))
}

impl Store {
    /// Deletes files that left the manifest and that nobody holds or reads; the rest is tried again.
    ///
    /// # Errors
    /// The database refuses.
    pub fn unlink_dropped(&mut self) -> Result<u64, StoreError> {
        self.ready()?;
        let failed = StoreError::io::<rusqlite::Error>;
        let waiting = hot::unlinks(&self.db).map_err(failed("listing dropped files"))?;
        if waiting.is_empty() {
            return Ok(0);
        }
        let shared = std::sync::Arc::clone(&self.shared);
        let Some(_alone) = shared.no_questions() else { return Ok(0) };
        let mut gone = 0;
        for (file, id) in waiting.into_iter().filter(|(_, id)| shared.pins.is_free(*id)) {
            match std::fs::remove_file(shared.segments_dir().join(&file)) {
                Ok(()) => gone += 1,
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => {
                    tracing::warn!(%error, %file, %id, "a dropped file stays; it is tried again");
                    continue;
                }
            }
            self.db
                .prepare_cached("DELETE FROM unlinks WHERE file=?1")
                .and_then(|mut s| s.execute([&file]))
                .map_err(failed("forgetting a deleted file"))?;
        }
        self.dropping =
            !hot::unlinks(&self.db).map_err(failed("listing dropped files"))?.is_empty();
        Ok(gone)
    }

    /// Changes the manifest in one transaction, and afterwards deletes what left it.
    fn change_manifest<T>(
        &mut self,
        doing: &'static str,
        change: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.ready()?;
        let tx = begin(&self.db)?;
        let sound = seal::manifest_is_sound(&tx)?;
        let done = change(&tx)?;
        if sound {
            hot::seal_manifest(&tx).map_err(StoreError::io(doing))?;
        }
        tx.commit().map_err(StoreError::io(doing))?;
        self.checkpoint.wrote(0, &self.db);
        self.dropping = true;
        self.unlink_dropped()?;
        Ok(done)
    }
}

/// Notes that raw rows before a moment may be gone.
fn note_raw_from(db: &Connection, dropped: &[SegmentRow]) -> rusqlite::Result<()> {
    let last = dropped.iter().map(|s| s.max_time).max();
    match last {
        Some(last) => hot::raise_mark(db, mark::RAW_FROM, last.saturating_add(1)),
        None => Ok(()),
    }
}
