//! `hot.db`: its schema, its connections and the rows of its tables.
//!
//! WAL with `synchronous=FULL`: every commit ends in one fdatasync, and the acknowledgement follows it.

use crate::damage::Missing;
use crate::{Gap, StoreError};
use flowgauge_logic::unit::UnixMicros;
use flowgauge_logic::window::Window;
use rusqlite::{Connection, OpenFlags, Row, params};
use std::path::{Path, PathBuf};

/// Version of schema and formats; a newer one is refused untouched.
pub(crate) const FORMAT: u32 = 3;
/// Batches are large blobs; big pages keep their overflow chains short.
const PAGE_SIZE: u32 = 16_384;
/// A checkpoint holds the write lock for moments only; longer means something is wrong.
const BUSY_MS: u64 = 5_000;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS batches(
  seq INTEGER PRIMARY KEY, kind INTEGER NOT NULL, version INTEGER NOT NULL, rows INTEGER NOT NULL,
  committed INTEGER NOT NULL, min_time INTEGER NOT NULL, max_time INTEGER NOT NULL,
  crc INTEGER NOT NULL, blob BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS quarantine(
  seq INTEGER PRIMARY KEY, kind INTEGER, rows INTEGER, crc INTEGER, reason TEXT NOT NULL, blob BLOB);
CREATE TABLE IF NOT EXISTS segments(
  id INTEGER PRIMARY KEY, file TEXT NOT NULL, rows INTEGER NOT NULL, bytes INTEGER NOT NULL,
  min_time INTEGER NOT NULL, max_time INTEGER NOT NULL, crc INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS series(id INTEGER PRIMARY KEY, key BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS rollups(
  level INTEGER NOT NULL, series INTEGER NOT NULL, bucket INTEGER NOT NULL, blob BLOB NOT NULL,
  PRIMARY KEY(level, series, bucket)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dedupe(
  segment INTEGER NOT NULL, expires INTEGER, keys BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS sights(
  segment INTEGER NOT NULL, expires INTEGER NOT NULL, sights BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS amended(
  call BLOB PRIMARY KEY, start INTEGER NOT NULL, seq INTEGER NOT NULL, merged BLOB,
  crc INTEGER NOT NULL, form BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS amended_by_start ON amended(start);
CREATE TABLE IF NOT EXISTS amendments(
  id INTEGER PRIMARY KEY, call BLOB NOT NULL, at INTEGER NOT NULL, why INTEGER NOT NULL,
  by TEXT NOT NULL, before TEXT);
CREATE INDEX IF NOT EXISTS amendments_by_call ON amendments(call);
CREATE TABLE IF NOT EXISTS events(
  fingerprint INTEGER PRIMARY KEY, time INTEGER NOT NULL, json TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS events_by_time ON events(time);
CREATE TABLE IF NOT EXISTS gaps(
  id INTEGER PRIMARY KEY, from_time INTEGER NOT NULL, to_time INTEGER NOT NULL,
  lost INTEGER NOT NULL, reason TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS unlinks(file TEXT PRIMARY KEY, segment INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS archived(
  segment INTEGER PRIMARY KEY, crc INTEGER NOT NULL, sha256 TEXT NOT NULL, dir TEXT NOT NULL,
  at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS attached(
  id INTEGER PRIMARY KEY, file TEXT NOT NULL, rows INTEGER NOT NULL, bytes INTEGER NOT NULL,
  min_time INTEGER NOT NULL, max_time INTEGER NOT NULL, crc INTEGER NOT NULL, dir TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS damage(
  id INTEGER PRIMARY KEY, what TEXT NOT NULL, rows INTEGER, from_time INTEGER NOT NULL,
  to_time INTEGER NOT NULL, at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS marks(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
";

/// Names of marks: single numbers that must survive.
pub(crate) mod mark {
    /// Checksum over the whole manifest: a row that vanished shows as one that changed.
    pub(crate) const MANIFEST: &str = "manifest";
    /// Highest sequence ever sealed: segments that were dropped take it along.
    pub(crate) const SEALED: &str = "sealed";
    /// First minute whose rollups are kept by the minute; before it there are hours.
    pub(crate) const MINUTES_FROM: &str = "minutes_from";
    /// Raw rows before this moment were dropped, or may have been.
    pub(crate) const RAW_FROM: &str = "raw_from";
}

/// What a batch holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Finished calls and spans.
    Calls = 0,
    /// Calls begun, in the form they have if we die.
    Started = 1,
    /// Rows stored before: each in its old form, then in its new one.
    Amended = 2,
}

/// A batch, blob aside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchRow {
    pub(crate) seq: i64,
    pub(crate) kind: i64,
    pub(crate) rows: u64,
    pub(crate) committed: UnixMicros,
    /// First and last start of its rows.
    pub(crate) span: (i64, i64),
    pub(crate) crc: u32,
    /// Whether the cells beside the blob are as they were written.
    pub(crate) sound: bool,
}

impl BatchRow {
    /// What is lost with it.
    pub(crate) fn missing(&self, why: &str) -> Missing {
        let what = format!("batch {} ({} rows) {why}", self.seq, self.rows);
        if !self.sound {
            return Missing::anywhere(what);
        }
        let (from, to) = (UnixMicros(self.span.0), UnixMicros(self.span.1));
        Missing { what, rows: Some(self.rows), from, to }
    }

    /// Format of the blob in the lowest byte, above it a checksum of the cells beside the blob: a
    /// batch whose times are damaged would be passed over in silence.
    fn version(&self) -> i64 {
        let cells = [self.seq, self.kind, self.rows.cast_signed(), self.committed.0, self.span.0];
        let mut crc = 0;
        for cell in cells.into_iter().chain([self.span.1, i64::from(self.crc)]) {
            crc = crc32c::crc32c_append(crc, &cell.to_le_bytes());
        }
        (i64::from(crc) << 8) | i64::from(crate::codec::VERSION)
    }
}

/// A segment as the manifest lists it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct SegmentRow {
    /// Sequence of its newest batch.
    pub(crate) id: i64,
    pub(crate) file: String,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) min_time: i64,
    pub(crate) max_time: i64,
    pub(crate) crc: u32,
}

impl SegmentRow {
    /// Whether its rows touch a window.
    pub(crate) fn touches(&self, window: Window) -> bool {
        self.min_time < window.to.0 && self.max_time >= window.from.0
    }

    /// How damage of it begins.
    pub(crate) fn named(&self) -> String {
        format!("segment {} ({} rows): ", self.file, self.rows)
    }

    /// What is lost while it cannot be read.
    pub(crate) fn missing(&self, why: &dyn std::fmt::Display) -> Missing {
        Missing {
            what: format!("{}{why}", self.named()),
            rows: Some(self.rows),
            from: UnixMicros(self.min_time),
            to: UnixMicros(self.max_time),
        }
    }
}

pub(crate) fn path(dir: &Path) -> PathBuf {
    dir.join("hot.db")
}

/// The directory of segments.
pub(crate) fn segments_dir(dir: &Path) -> PathBuf {
    dir.join("segments")
}

/// Opens the writer's connection, creating the schema where it is missing.
pub(crate) fn open_writer(dir: &Path) -> Result<Connection, StoreError> {
    let file = path(dir);
    let db = Connection::open(&file).map_err(StoreError::io("opening hot.db"))?;
    configure(&db, &file).map_err(|e| match e {
        Refusal::Newer(v) => StoreError::Newer(file.clone(), v, FORMAT),
        Refusal::Sql(e) => StoreError::io("preparing hot.db")(e),
    })?;
    Ok(db)
}

enum Refusal {
    Newer(u32),
    Sql(rusqlite::Error),
}

impl From<rusqlite::Error> for Refusal {
    fn from(e: rusqlite::Error) -> Self {
        Self::Sql(e)
    }
}

fn configure(db: &Connection, _file: &Path) -> Result<(), Refusal> {
    db.busy_timeout(std::time::Duration::from_millis(BUSY_MS))?;
    let version: u32 = db.pragma_query_value(None, "user_version", |r| r.get(0))?;
    if version > FORMAT {
        return Err(Refusal::Newer(version));
    }
    db.pragma_update(None, "page_size", PAGE_SIZE)?;
    db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    db.pragma_update(None, "synchronous", "FULL")?;
    // Checkpoints run elsewhere: one inside a commit would be felt by everyone waiting for it.
    db.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
    if version < FORMAT {
        let tx = db.unchecked_transaction()?;
        tx.execute_batch(SCHEMA)?;
        tx.pragma_update(None, "user_version", FORMAT)?;
        tx.commit()?;
    }
    Ok(())
}

/// Opens a connection that cannot write.
pub(crate) fn open_reader(dir: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let file = path(dir);
    let open = || {
        let db = Connection::open_with_flags(&file, flags)?;
        db.busy_timeout(std::time::Duration::from_millis(BUSY_MS))?;
        let version: u32 = db.pragma_query_value(None, "user_version", |r| r.get(0))?;
        Ok((db, version))
    };
    let (db, version) =
        open().map_err(StoreError::io::<rusqlite::Error>("opening hot.db to read"))?;
    if version > FORMAT {
        return Err(StoreError::Newer(file, version, FORMAT));
    }
    Ok(db)
}

/// Adds a batch.
pub(crate) fn insert_batch(db: &Connection, row: BatchRow, blob: &[u8]) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT INTO batches VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)")?.execute(
        params![
            row.seq,
            row.kind,
            row.version(),
            row.rows.cast_signed(),
            row.committed.0,
            row.span.0,
            row.span.1,
            row.crc,
            blob
        ],
    )?;
    Ok(())
}

/// Every batch in order of commit, blobs aside.
pub(crate) fn batches(db: &Connection) -> rusqlite::Result<Vec<BatchRow>> {
    db.prepare(
        "SELECT seq, kind, version, rows, committed, min_time, max_time, crc FROM batches \
         ORDER BY seq",
    )?
    .query_map([], |r| {
        let mut row = BatchRow {
            seq: r.get(0)?,
            kind: r.get(1)?,
            rows: count(r, 3)?,
            committed: UnixMicros(r.get(4)?),
            span: (r.get(5)?, r.get(6)?),
            crc: r.get(7)?,
            sound: true,
        };
        let version: i64 = r.get(2)?;
        // Batches of older versions have no checksum of their cells.
        row.sound = version == i64::from(crate::codec::VERSION) || version == row.version();
        Ok(row)
    })?
    .collect()
}

/// One blob and its checksum; nothing where the batch is gone.
pub(crate) fn blob(db: &Connection, seq: i64) -> rusqlite::Result<Option<(Vec<u8>, u32)>> {
    use rusqlite::OptionalExtension;
    db.prepare_cached("SELECT blob, crc FROM batches WHERE seq=?1")?
        .query_row([seq], |r| Ok((r.get(0)?, r.get(1)?)))
        .optional()
}

/// One blob of finished calls and its checksum; nothing where the batch is gone or holds others.
pub(crate) fn calls_blob(db: &Connection, seq: i64) -> rusqlite::Result<Option<(Vec<u8>, u32)>> {
    use rusqlite::OptionalExtension;
    db.prepare_cached("SELECT blob, crc FROM batches WHERE seq=?1 AND kind=?2")?
        .query_row(params![seq, Kind::Calls as i64], |r| Ok((r.get(0)?, r.get(1)?)))
        .optional()
}

/// The manifest: segments of this directory, oldest first. Refuses one that is not as it was left.
pub(crate) fn segments(db: &Connection) -> Result<Vec<SegmentRow>, StoreError> {
    let rows = segments_unchecked(db).map_err(StoreError::io("reading the manifest"))?;
    let known = get_mark(db, mark::MANIFEST).map_err(StoreError::io("reading the manifest"))?;
    if known.is_some_and(|known| known != manifest_sum(&rows)) {
        return Err(StoreError::Damaged {
            what: "the list of segments in hot.db".to_owned(),
            detail: "it is not as it was written; stop flowgauge and run `flowgauge store fsck \
                     --rebuild`"
                .to_owned(),
        });
    }
    Ok(rows)
}

/// The manifest, whatever its checksum says.
pub(crate) fn segments_unchecked(db: &Connection) -> rusqlite::Result<Vec<SegmentRow>> {
    db.prepare_cached(
        "SELECT id, file, rows, bytes, min_time, max_time, crc FROM segments ORDER BY id",
    )?
    .query_map([], segment_of)?
    .collect()
}

/// Segments that answer questions: those of this directory, and those attached from archives,
/// whose file is an absolute path. One that is in both is read once.
pub(crate) fn readable(db: &Connection) -> Result<Vec<SegmentRow>, StoreError> {
    let mut rows = segments(db)?;
    let local: std::collections::HashSet<i64> = rows.iter().map(|s| s.id).collect();
    let attached = || {
        db.prepare_cached(
            "SELECT id, file, rows, bytes, min_time, max_time, crc FROM attached ORDER BY id",
        )?
        .query_map([], segment_of)?
        .collect::<rusqlite::Result<Vec<SegmentRow>>>()
    };
    let attached = attached().map_err(StoreError::io("listing attached segments"))?;
    rows.extend(attached.into_iter().filter(|s| !local.contains(&s.id)));
    rows.sort_by_key(|s| s.id);
    Ok(rows)
}

fn manifest_sum(rows: &[SegmentRow]) -> i64 {
    let mut crc = 0;
    for s in rows {
        let cells = [s.id, s.rows.cast_signed(), s.bytes.cast_signed(), s.min_time, s.max_time];
        for cell in cells.into_iter().chain([i64::from(s.crc)]) {
            crc = crc32c::crc32c_append(crc, &cell.to_le_bytes());
        }
        crc = crc32c::crc32c_append(crc, s.file.as_bytes());
    }
    i64::from(crc)
}

/// Takes the manifest as it is now for sound. Only for who has seen that it was before changing it.
pub(crate) fn seal_manifest(db: &Connection) -> rusqlite::Result<()> {
    let rows = segments_unchecked(db)?;
    set_mark(db, mark::MANIFEST, manifest_sum(&rows))
}

/// Adds a segment to the manifest.
pub(crate) fn insert_segment(db: &Connection, s: &SegmentRow) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT INTO segments VALUES(?1,?2,?3,?4,?5,?6,?7)")?
        .execute(params![
            s.id,
            s.file,
            s.rows.cast_signed(),
            s.bytes.cast_signed(),
            s.min_time,
            s.max_time,
            s.crc
        ])
        .map(drop)
}

/// Takes a segment out of the manifest; its file goes once nobody holds it. Says whether it was
/// there.
pub(crate) fn drop_segment(db: &Connection, s: &SegmentRow) -> rusqlite::Result<bool> {
    let gone = db
        .prepare_cached("DELETE FROM segments WHERE id=?1 AND file=?2")?
        .execute(params![s.id, s.file])?;
    if gone > 0 {
        db.prepare_cached("INSERT OR REPLACE INTO unlinks VALUES(?1,?2)")?
            .execute(params![s.file, s.id])?;
    }
    Ok(gone > 0)
}

/// Files that left the manifest and are still to be deleted, with their segments.
pub(crate) fn unlinks(db: &Connection) -> rusqlite::Result<Vec<(String, i64)>> {
    db.prepare_cached("SELECT file, segment FROM unlinks")?
        .query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?
        .collect()
}

/// A mark.
pub(crate) fn get_mark(db: &Connection, name: &str) -> rusqlite::Result<Option<i64>> {
    use rusqlite::OptionalExtension;
    db.prepare_cached("SELECT value FROM marks WHERE name=?1")?
        .query_row([name], |r| r.get(0))
        .optional()
}

/// Sets a mark.
pub(crate) fn set_mark(db: &Connection, name: &str, value: i64) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO marks VALUES(?1,?2)")?
        .execute(params![name, value])
        .map(drop)
}

/// Raises a mark.
pub(crate) fn raise_mark(db: &Connection, name: &str, value: i64) -> rusqlite::Result<()> {
    let before = get_mark(db, name)?.unwrap_or(i64::MIN);
    set_mark(db, name, value.max(before))
}

pub(crate) fn segment_of(r: &Row<'_>) -> rusqlite::Result<SegmentRow> {
    Ok(SegmentRow {
        id: r.get(0)?,
        file: r.get(1)?,
        rows: count(r, 2)?,
        bytes: count(r, 3)?,
        min_time: r.get(4)?,
        max_time: r.get(5)?,
        crc: r.get(6)?,
    })
}

/// Gaps that touch a stretch of time, oldest first.
pub(crate) fn gaps(db: &Connection, from: i64, to: i64) -> rusqlite::Result<Vec<Gap>> {
    db.prepare_cached(
        "SELECT from_time, to_time, lost, reason FROM gaps \
         WHERE from_time < ?2 AND to_time >= ?1 ORDER BY from_time, id",
    )?
    .query_map([from, to], |r| {
        Ok(Gap {
            from: UnixMicros(r.get(0)?),
            to: UnixMicros(r.get(1)?),
            lost: count(r, 2)?,
            reason: r.get(3)?,
        })
    })?
    .collect()
}

/// A count, which SQLite keeps signed.
pub(crate) fn count(r: &Row<'_>, i: usize) -> rusqlite::Result<u64> {
    let n: i64 = r.get(i)?;
    u64::try_from(n).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(i, n))
}
