//! Whether a store is whole: reads every byte that answers follow from, and says what is damaged
//! and what that costs. Changes nothing; `rebuild` repairs.

use crate::damage::{Missing, recorded};
use crate::hot::{self, Kind};
use crate::read::{Reader, snapshot};
use crate::{StoreError, codec, packed, sealed, segment};
use flowgauge_logic::id::CallId;
use flowgauge_logic::unit::UnixMicros;
use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::path::Path;

/// Complaints of SQLite about one file that are told; the rest says the same.
const TOLD: usize = 10;

/// Largest `hot.db` that is checked whenever it is opened, a fifth of a second of a start; damage to
/// the order of larger ones shows in `store fsck`.
const CHECKED_AT_START: u64 = 64 << 20;

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fsck {
    /// Segments read, attached ones too.
    pub segments: u64,
    /// Rows in them.
    pub segment_rows: u64,
    /// Batches read that are not sealed.
    pub batches: u64,
    /// Rows in them.
    pub batch_rows: u64,
    /// Rollups read.
    pub rollups: u64,
    /// Amended rows read.
    pub amendments: u64,
    /// Rows of `state.db` that carry a checksum.
    pub state_rows: u64,
    /// Damage found, and what it costs.
    pub damage: Vec<Missing>,
    /// Segment files that no manifest lists.
    pub unlisted: Vec<String>,
    /// Losses that earlier repairs recorded.
    pub recorded: Vec<Missing>,
}

impl Fsck {
    /// Whether everything is as it was written. Losses of the past are no damage of today.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.damage.is_empty() && self.unlisted.is_empty()
    }

    fn found(&mut self, missing: Missing) {
        if !self.damage.contains(&missing) {
            self.damage.push(missing);
        }
    }

    fn refused(&mut self, what: &str, why: &dyn std::fmt::Display) {
        self.found(Missing::anywhere(format!("{what}: {why}")));
    }
}

/// Checks a directory that nobody serves. A database that cannot be opened is a finding.
///
/// # Errors
/// A process serves it, a newer flowgauge wrote it, or there is nothing to check.
pub fn check(dir: &Path) -> Result<Fsck, StoreError> {
    match Reader::open(dir) {
        Ok(reader) => reader.fsck(),
        Err(StoreError::Absent(_)) if hot::segments_dir(dir).is_dir() => {
            let mut found = Fsck { unlisted: parquet_files(dir), ..Fsck::default() };
            found.refused("hot.db", &"it is missing");
            Ok(found)
        }
        Err(e @ (StoreError::Absent(_) | StoreError::Locked { .. } | StoreError::Newer(..))) => {
            Err(e)
        }
        Err(e) => {
            let mut found = Fsck::default();
            found.refused("hot.db", &e);
            Ok(found)
        }
    }
}

pub(crate) fn parquet_files(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(hot::segments_dir(dir)).into_iter().flatten().flatten();
    let names = entries.filter_map(|e| e.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|n| n.ends_with(".parquet")).collect();
    names.sort();
    names
}

impl Reader {
    /// Reads everything and says what is damaged.
    ///
    /// # Errors
    /// The database cannot be read at all.
    pub fn fsck(&self) -> Result<Fsck, StoreError> {
        self.shared.doubt();
        self.shared.with(|db| {
            let tx = snapshot(db)?;
            let mut out = Fsck::default();
            for why in integrity(&tx) {
                out.refused("hot.db", &why);
            }
            self.check_segments(&tx, &mut out);
            self.check_batches(&tx, &mut out)?;
            for check in [check_rollups, check_series, check_amended] {
                if let Err(e) = check(&tx, &mut out) {
                    out.refused("hot.db", &e);
                }
            }
            for name in ["state.db", "budgets.db"] {
                check_state(&self.dir().join(name), name, &mut out);
            }
            let found = self.shared.live().missing.clone();
            found.into_iter().for_each(|m| out.found(m));
            out.recorded = recorded(&tx).map_err(StoreError::io("reading recorded losses"))?;
            let known = std::mem::take(&mut out.damage);
            out.damage = known.into_iter().filter(|m| !out.recorded.contains(m)).collect();
            Ok(out)
        })
    }

    fn check_segments(&self, db: &Connection, out: &mut Fsck) {
        let rows = match hot::readable(db) {
            Ok(rows) => rows,
            Err(e) => return out.refused("hot.db", &e),
        };
        for row in &rows {
            out.segments += 1;
            // Whole file first: what it finds is named by the reader.
            let Some(segment) = self.shared.segment(row) else {
                if let Some(missing) =
                    self.shared.live().missing.iter().find(|m| m.what.contains(&row.file))
                {
                    out.found(missing.clone());
                }
                continue;
            };
            let mut read = 0;
            for group in 0..segment.groups().len() {
                match segment.rows(group) {
                    Ok(rows) => read += rows.len() as u64,
                    Err(e) => out.found(row.missing(&e)),
                }
            }
            out.segment_rows += read;
            if read != row.rows {
                out.found(row.missing(&format!("it holds {read} rows")));
            }
        }
        let listed: HashSet<&str> = rows.iter().map(|r| r.file.as_str()).collect();
        let dropped = hot::unlinks(db).unwrap_or_default();
        let dir = self.shared.segments_dir().parent().unwrap_or(self.shared.segments_dir());
        out.unlisted = parquet_files(dir)
            .into_iter()
            .filter(|f| !listed.contains(f.as_str()) && !dropped.iter().any(|(d, _)| d == f))
            // Being written this moment, to be listed next, or a merge that did not end.
            .filter(|f| self.shared.is_copy() && !is_part(&hot::segments_dir(dir).join(f), &rows))
            .collect();
    }

    fn check_batches(&self, db: &Connection, out: &mut Fsck) -> Result<(), StoreError> {
        for row in hot::batches(db).map_err(StoreError::io("listing batches"))? {
            out.batches += 1;
            out.batch_rows += row.rows;
            if !row.sound {
                out.found(row.missing("has damaged times or counts"));
            }
            let blob = hot::blob(db, row.seq).map_err(StoreError::io("reading a batch"))?;
            let decoded = blob.map(|(blob, crc)| codec::decode(&blob, crc));
            match decoded {
                Some(Err(e)) => out.found(row.missing(&e.to_string())),
                Some(Ok(calls))
                    if row.kind != Kind::Amended as i64 && calls.len() as u64 != row.rows =>
                {
                    out.found(row.missing(&format!("holds {} rows", calls.len())));
                }
                Some(Ok(_)) | None => {}
            }
        }
        Ok(())
    }
}

/// Whether a file is a merge whose parts are listed.
fn is_part(file: &Path, rows: &[hot::SegmentRow]) -> bool {
    let parts = segment::entry(file).map(|e| e.replaces).unwrap_or_default();
    !parts.is_empty() && parts.iter().all(|id| rows.iter().any(|r| r.id == *id))
}

/// What is wrong with a database that is small enough to ask each time it is opened: SQLite's own complaints, and rollups
/// that are not what was written there. One whose bucket or series changed is met by no question about its own time.
pub(crate) fn complaints(db: &Connection, file: &Path) -> Vec<Missing> {
    if !std::fs::metadata(file).is_ok_and(|m| m.len() <= CHECKED_AT_START) {
        return Vec::new();
    }
    let told = integrity(db).into_iter().map(|why| Missing::anywhere(format!("hot.db: {why}")));
    let mut out: Vec<Missing> = told.collect();
    match damaged_rollups(db) {
        Ok((_, damaged)) => out.extend(damaged),
        Err(e) => out.push(Missing::anywhere(format!("hot.db: {e}"))),
    }
    out.truncate(TOLD);
    out
}

/// SQLite's own complaints.
pub(crate) fn integrity(db: &Connection) -> Vec<String> {
    let ask = || {
        db.prepare(&format!("PRAGMA integrity_check({TOLD})"))?
            .query_map([], |r| r.get::<_, String>(0))?
            .collect::<rusqlite::Result<Vec<_>>>()
    };
    match ask() {
        Ok(lines) => lines.into_iter().filter(|l| l != "ok").collect(),
        Err(e) => vec![e.to_string()],
    }
}

fn check_rollups(db: &Connection, out: &mut Fsck) -> rusqlite::Result<()> {
    let (read, damaged) = damaged_rollups(db)?;
    out.rollups += read;
    damaged.into_iter().for_each(|missing| out.found(missing));
    Ok(())
}

/// How many rollups there are, and those that do not match their checksum. Which time they are of is not known then:
/// their place may be what changed.
fn damaged_rollups(db: &Connection) -> rusqlite::Result<(u64, Vec<Missing>)> {
    let mut statement = db.prepare("SELECT level, series, bucket, blob FROM rollups")?;
    let mut rows = statement.query([])?;
    let (mut read, mut damaged) = (0, Vec::new());
    while let Some(row) = rows.next()? {
        read += 1;
        let place: packed::Place = (row.get(0)?, row.get(1)?, row.get(2)?);
        if let Err(e) = packed::check_rollup(place, row.get_ref(3)?.as_blob()?) {
            let what = format!("rollup {}/{}/{}: {e}", place.0, place.1, place.2);
            damaged.push(Missing::anywhere(what));
        }
    }
    Ok((read, damaged))
}

fn check_series(db: &Connection, out: &mut Fsck) -> rusqlite::Result<()> {
    let mut statement = db.prepare("SELECT id, key FROM series")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id: u32 = row.get(0)?;
        if let Err(e) = packed::open_series(id, row.get_ref(1)?.as_blob()?) {
            out.refused(&format!("name of series {id}"), &e);
        }
    }
    Ok(())
}

fn check_amended(db: &Connection, out: &mut Fsck) -> rusqlite::Result<()> {
    let mut statement = db.prepare("SELECT call, start, crc, form FROM amended")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        out.amendments += 1;
        let (id, start) = (CallId(row.get(0)?), UnixMicros(row.get(1)?));
        let why = match codec::decode(row.get_ref(3)?.as_blob()?, row.get(2)?) {
            Ok(calls) if calls.first().is_some_and(|c| c.id == id && c.time.start == start) => {
                continue;
            }
            Ok(_) => "is of another row".to_owned(),
            Err(e) => e.to_string(),
        };
        let what = format!("amended form of row {id} {why}");
        out.found(Missing { what, rows: Some(1), from: start, to: start });
    }
    Ok(())
}

/// A database of rows that carry their checksum in a column `body` (`status` for baselines, whose
/// body has another form).
fn check_state(file: &Path, name: &str, out: &mut Fsck) {
    if !file.is_file() {
        return;
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = match Connection::open_with_flags(file, flags) {
        Ok(db) => db,
        Err(e) => return out.refused(name, &e),
    };
    for why in integrity(&db) {
        out.refused(name, &why);
    }
    if let Err(e) = check_bodies(&db, name, out) {
        out.refused(name, &e);
    }
}

fn check_bodies(db: &Connection, name: &str, out: &mut Fsck) -> rusqlite::Result<()> {
    let tables: Vec<(String, String)> = db
        .prepare(
            "SELECT m.name, c.name FROM sqlite_schema m, pragma_table_info(m.name) c \
             WHERE m.type='table' AND c.type='BLOB' AND \
             (c.name='body' AND m.name<>'baselines' OR c.name='status' AND m.name='baselines')",
        )?
        .query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (table, column) in tables {
        let mut statement = db.prepare(&format!("SELECT rowid, {column} FROM {table}"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            out.state_rows += 1;
            let id: i64 = row.get(0)?;
            if let Err(why) = sealed::check(row.get_ref(1)?.as_blob()?) {
                out.refused(&format!("{name}: row {id} of {table}"), &why);
            }
        }
    }
    Ok(())
}
