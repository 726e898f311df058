//! What a start finds: batches to replay, calls without an end, files a crash left behind.

use crate::amend::Edit;
use crate::damage::{self, Missing};
use crate::dedupe::{Seen, key_of};
use crate::hot::{self, BatchRow, Kind};
use crate::live::{Live, SeriesTable};
use crate::{StoreError, codec, packed, segment};
use flowgauge_logic::call::Call;
use flowgauge_logic::id::CallId;
use flowgauge_logic::unit::UnixMicros;
use flowgauge_logic::witness::Sight;
use rusqlite::{Connection, params};
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// State rebuilt from disk.
#[derive(Debug, Default)]
pub(crate) struct Replayed {
    pub(crate) live: Live,
    pub(crate) seen: Seen,
    /// Begun and not finished.
    pub(crate) open: HashMap<CallId, Call>,
    /// Sequences of the batches that hold them.
    pub(crate) started: Vec<i64>,
    /// Next free sequence.
    pub(crate) next: i64,
    /// Batches whose bytes are damaged, and why.
    pub(crate) bad: Vec<(i64, String)>,
    /// Rows that may meet another witness, as first stored, and when that was.
    pub(crate) sights: Vec<(Sight, UnixMicros)>,
}

/// Reads everything not sealed. Writes nothing.
pub(crate) fn replay(db: &Connection, max_series: usize) -> Result<Replayed, StoreError> {
    let mut out = Replayed { next: 1, ..Replayed::default() };
    out.live.series = SeriesTable::new(max_series);
    read_tables(db, &mut out).map_err(StoreError::io("reading hot.db"))?;
    let rows = hot::batches(db).map_err(StoreError::io("listing batches"))?;
    for row in rows {
        out.next = out.next.max(row.seq + 1);
        read_batch(db, row, &mut out).map_err(StoreError::io("reading a batch"))?;
    }
    Ok(out)
}

fn read_tables(db: &Connection, out: &mut Replayed) -> rusqlite::Result<()> {
    let mut statement = db.prepare("SELECT id, key FROM series ORDER BY id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, blob): (u32, Vec<u8>) = (row.get(0)?, row.get(1)?);
        match packed::open_series(id, &blob) {
            Ok(key) => out.live.series.load(id, key),
            Err(e) => {
                let what = format!("name of series {id} {e}: its figures are in no group");
                out.live.note_missing(Missing::anywhere(what));
            }
        }
    }
    let last: Option<i64> = db.query_row(
        "SELECT max((SELECT coalesce(max(id),0) FROM segments), \
                    (SELECT coalesce(max(seq),0) FROM quarantine))",
        [],
        |r| r.get(0),
    )?;
    // Segments that were dropped have left their sequence behind.
    let sealed = hot::get_mark(db, hot::mark::SEALED)?;
    out.next = last.max(sealed).unwrap_or_default() + 1;
    let mut statement = db.prepare("SELECT seq, rows, reason FROM quarantine ORDER BY seq")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (seq, n, reason): (i64, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        out.live.note_damage(named(seq, n, &reason));
    }
    Ok(())
}

fn named(seq: i64, rows: i64, reason: &str) -> String {
    format!("batch {seq} ({rows} rows) {reason}; it is set aside")
}

fn set_aside(row: BatchRow, reason: &str) -> Missing {
    row.missing(&format!("{reason}; it is set aside"))
}

fn read_batch(db: &Connection, row: BatchRow, out: &mut Replayed) -> rusqlite::Result<()> {
    let Some((blob, crc)) = hot::blob(db, row.seq)? else { return Ok(()) };
    let calls = match codec::decode(&blob, crc) {
        Ok(calls) => calls,
        Err(e) => {
            let reason = e.to_string();
            out.live.note_missing(set_aside(row, &reason));
            out.bad.push((row.seq, reason));
            return Ok(());
        }
    };
    if row.kind == Kind::Started as i64 {
        out.started.push(row.seq);
        out.open.extend(calls.into_iter().map(|c| (c.id, c)));
        return Ok(());
    }
    if row.kind == Kind::Amended as i64 {
        let edits = edits_of(calls);
        let Live { series, current, .. } = &mut out.live;
        current.amend(row.seq, &edits, blob.len() as u64, row.committed, series);
        return Ok(());
    }
    for call in &calls {
        out.open.remove(&call.id);
    }
    out.seen.remember(calls.iter().map(key_of), row.committed);
    let sights = calls.iter().filter_map(|c| Sight::of(c, row.seq));
    out.sights.extend(sights.map(|s| (s, row.committed)));
    let Live { series, current, .. } = &mut out.live;
    let calls: Vec<&Call> = calls.iter().collect();
    current.add(row.seq, &calls, blob.len() as u64, row.committed, series);
    if current.is_full() {
        out.live.freeze();
    }
    Ok(())
}

/// Rows of a batch of amendments, in pairs.
fn edits_of(calls: Vec<Call>) -> Vec<Edit> {
    let mut edits = Vec::with_capacity(calls.len() / 2);
    let mut calls = calls.into_iter();
    while let (Some(old), Some(new)) = (calls.next(), calls.next()) {
        edits.push(Edit { old, new, steps: Vec::new() });
    }
    edits
}

/// Takes over the fingerprints of sealed rows that are still within their time.
pub(crate) fn load_recent(
    db: &Connection,
    seen: &mut Seen,
    now: UnixMicros,
) -> Result<(), StoreError> {
    let mut load = || {
        let mut statement =
            db.prepare("SELECT expires, keys FROM dedupe WHERE expires > ?1 ORDER BY expires")?;
        let mut rows = statement.query([now.0])?;
        while let Some(row) = rows.next()? {
            let (expires, blob): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
            let at = UnixMicros(expires.saturating_sub(crate::dedupe::WINDOW));
            seen.remember(unpack_keys(&blob).map(crate::dedupe::Key::Recent), at);
        }
        Ok(())
    };
    load().map_err(StoreError::io::<rusqlite::Error>("reading delivery fingerprints"))
}

/// The fingerprints of all sealed imports.
pub(crate) fn sealed_imports(db: &Connection) -> rusqlite::Result<Vec<u64>> {
    let mut statement = db.prepare("SELECT keys FROM dedupe WHERE expires IS NULL")?;
    let mut rows = statement.query([])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        let blob: Vec<u8> = row.get(0)?;
        out.extend(unpack_keys(&blob));
    }
    Ok(out)
}

/// Fingerprints as a blob.
pub(crate) fn pack_keys(keys: &[u64]) -> Vec<u8> {
    keys.iter().flat_map(|k| k.to_le_bytes()).collect()
}

fn unpack_keys(blob: &[u8]) -> impl Iterator<Item = u64> {
    blob.chunks_exact(8).map(|c| c.iter().rev().fold(0u64, |n, b| (n << 8) | u64::from(*b)))
}

/// Moves damaged batches out of the way, so that every later start goes on too, and keeps what is
/// missing because of them.
pub(crate) fn quarantine(
    db: &Connection,
    bad: &[(i64, String)],
    now: UnixMicros,
) -> Result<(), StoreError> {
    if bad.is_empty() {
        return Ok(());
    }
    let move_them = || {
        let tx = db.unchecked_transaction()?;
        let rows = hot::batches(&tx)?;
        for (seq, reason) in bad {
            if let Some(row) = rows.iter().find(|b| b.seq == *seq) {
                damage::record(&tx, &set_aside(*row, reason), now)?;
            }
            tx.execute(
                "INSERT OR REPLACE INTO quarantine \
                 SELECT seq, kind, rows, crc, ?2, blob FROM batches WHERE seq=?1",
                params![seq, reason],
            )?;
            tx.execute("DELETE FROM batches WHERE seq=?1", [seq])?;
        }
        tx.commit()
    };
    move_them().map_err(StoreError::io("setting damaged batches aside"))
}

/// Deletes temporary files, segments whose batches are still here (their sealing did not end),
/// files that left the manifest, and merged files whose parts are still listed (their merging did
/// not end). A segment that nothing accounts for is kept and named.
pub(crate) fn sweep(dir: &Path, db: &Connection, live: &mut Live) -> Result<(), StoreError> {
    let failed = StoreError::io::<std::io::Error>;
    let segments = match hot::segments(db) {
        Ok(segments) => segments,
        // Which files are listed is not known: none is deleted.
        Err(e @ StoreError::Damaged { .. }) => {
            live.note_missing(Missing::anywhere(e.to_string()));
            return Ok(());
        }
        Err(e) => return Err(e),
    };
    let listed: HashSet<&str> = segments.iter().map(|s| s.file.as_str()).collect();
    let ids: HashSet<i64> = segments.iter().map(|s| s.id).collect();
    let dropped = hot::unlinks(db).map_err(StoreError::io("listing dropped files"))?;
    let dropped: HashSet<String> = dropped.into_iter().map(|(file, _)| file).collect();
    let unsealed: HashSet<String> =
        live.generations().flat_map(|g| &g.batches).map(|s| format!("{s:016x}.parquet")).collect();
    for entry in std::fs::read_dir(dir).map_err(failed("listing segments"))? {
        let entry = entry.map_err(failed("listing segments"))?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if listed.contains(name.as_str()) || dropped.contains(&name) {
            continue;
        }
        let unfinished = name.ends_with(".parquet.tmp") || unsealed.contains(&name) || {
            let parts = segment::entry(&entry.path()).map(|e| e.replaces).unwrap_or_default();
            !parts.is_empty() && parts.iter().all(|id| ids.contains(id))
        };
        if unfinished {
            std::fs::remove_file(entry.path()).map_err(failed("sweeping an unfinished segment"))?;
        } else if name.ends_with(".parquet") {
            live.note_damage(format!(
                "segment {name} is in no manifest; it is kept, not read: `flowgauge store fsck \
                 --rebuild` lists it again"
            ));
        }
    }
    Ok(())
}

/// Everything a start or a reopening does: reads, sets damage aside, sweeps.
pub(crate) fn rebuild(
    dir: &Path,
    db: &Connection,
    max_series: usize,
    now: UnixMicros,
) -> Result<Replayed, StoreError> {
    let mut found = replay(db, max_series)?;
    load_recent(db, &mut found.seen, now)?;
    quarantine(db, &found.bad, now)?;
    sweep(&hot::segments_dir(dir), db, &mut found.live)?;
    Ok(found)
}
