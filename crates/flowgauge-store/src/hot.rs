//! `hot.db`: its schema, its connections and the rows of its tables.
//!
//! WAL with `synchronous=FULL`: every commit ends in one fdatasync, and the acknowledgement follows it.

use crate::{Gap, StoreError};
use flowgauge_logic::unit::UnixMicros;
use rusqlite::{Connection, OpenFlags, Row, params};
use std::path::{Path, PathBuf};

/// Version of schema and formats; a newer one is refused untouched.
pub(crate) const FORMAT: u32 = 1;
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
CREATE TABLE IF NOT EXISTS events(
  fingerprint INTEGER PRIMARY KEY, time INTEGER NOT NULL, json TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS events_by_time ON events(time);
CREATE TABLE IF NOT EXISTS gaps(
  id INTEGER PRIMARY KEY, from_time INTEGER NOT NULL, to_time INTEGER NOT NULL,
  lost INTEGER NOT NULL, reason TEXT NOT NULL);
";

/// What a batch holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Finished calls and spans.
    Calls = 0,
    /// Calls begun, in the form they have if we die.
    Started = 1,
}

/// A batch, blob aside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchRow {
    pub(crate) seq: i64,
    pub(crate) kind: i64,
    pub(crate) rows: u64,
    pub(crate) committed: UnixMicros,
    pub(crate) crc: u32,
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
pub(crate) fn insert_batch(
    db: &Connection,
    row: BatchRow,
    span: (i64, i64),
    blob: &[u8],
) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT INTO batches VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)")?.execute(
        params![
            row.seq,
            row.kind,
            crate::codec::VERSION,
            row.rows.cast_signed(),
            row.committed.0,
            span.0,
            span.1,
            row.crc,
            blob
        ],
    )?;
    Ok(())
}

/// Every batch in order of commit, blobs aside.
pub(crate) fn batches(db: &Connection) -> rusqlite::Result<Vec<BatchRow>> {
    db.prepare("SELECT seq, kind, rows, committed, crc FROM batches ORDER BY seq")?
        .query_map([], |r| {
            Ok(BatchRow {
                seq: r.get(0)?,
                kind: r.get(1)?,
                rows: count(r, 2)?,
                committed: UnixMicros(r.get(3)?),
                crc: r.get(4)?,
            })
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

/// The manifest.
pub(crate) fn segments(db: &Connection) -> rusqlite::Result<Vec<SegmentRow>> {
    db.prepare("SELECT id, file, rows, bytes, min_time, max_time, crc FROM segments ORDER BY id")?
        .query_map([], segment_of)?
        .collect()
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
