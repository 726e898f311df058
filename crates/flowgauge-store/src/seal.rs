//! Sealing: batches become a segment and rollups on disk, in one transaction.
//!
//! The file is written off the writer's thread; nothing counts until the transaction commits.

use crate::dedupe::{Key, WINDOW, key_of};
use crate::hot::{self, SegmentRow};
use crate::live::Minutes;
use crate::{StoreError, amend, codec, packed, replay, segment, sights};
use flowgauge_logic::call::Call;
use flowgauge_logic::id::CallId;
use flowgauge_logic::rollup::Rollup;
use flowgauge_logic::unit::UnixMicros;
use flowgauge_logic::witness::Sight;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::HashMap;
use std::path::Path;

/// Minutes in a bucket of the finer and of the coarser level of rollups.
pub(crate) const MINUTE_LEVEL: i64 = 0;
/// See [`MINUTE_LEVEL`].
pub(crate) const HOUR_LEVEL: i64 = 1;
/// Minutes in one bucket of the coarser level.
pub(crate) const MINUTES_PER_HOUR: i64 = 60;

/// A segment that is on disk and not listed yet.
#[derive(Debug, Default)]
pub(crate) struct Sealed {
    /// Nothing where every batch was damaged.
    segment: Option<SegmentRow>,
    batches: Vec<i64>,
    recent: Vec<u64>,
    imports: Vec<u64>,
    sights: Vec<Sight>,
    /// Amended forms the segment holds, and the batches they came with.
    baked: Vec<(CallId, i64)>,
    bad: Vec<(i64, String)>,
    damaged: Vec<String>,
}

impl Sealed {
    /// A segment that was sealed before and is listed again.
    pub(crate) fn relisted(row: SegmentRow, calls: &[Call]) -> Self {
        let mut out = Self { segment: Some(row), ..Self::default() };
        out.know(calls);
        out
    }

    /// How these rows are recognised, should they come again or meet their other witness.
    fn know(&mut self, calls: &[Call]) {
        self.sights = calls.iter().filter_map(|c| Sight::of(c, 0)).collect();
        for key in calls.iter().map(key_of) {
            match key {
                Key::Recent(k) => self.recent.push(k),
                Key::Import(k) => self.imports.push(k),
            }
        }
    }

    /// Batches that turned out to be damaged.
    pub(crate) fn bad(&self) -> &[(i64, String)] {
        &self.bad
    }

    /// Amended forms that turned out to be.
    pub(crate) fn damaged(&self) -> &[String] {
        &self.damaged
    }
}

/// Reads batches and writes their segment.
pub(crate) fn write(dir: &Path, batches: Vec<i64>) -> Result<Sealed, StoreError> {
    let db = hot::open_reader(dir)?;
    let mut calls = Vec::new();
    let mut out = Sealed::default();
    for seq in &batches {
        let blob = hot::calls_blob(&db, *seq).map_err(StoreError::io("reading a batch to seal"))?;
        let Some((blob, crc)) = blob else { continue };
        match codec::decode(&blob, crc) {
            Ok(rows) => calls.extend(rows),
            Err(e) => out.bad.push((*seq, e.to_string())),
        }
    }
    let overlaid = amend::overlay(&db, &mut calls)?;
    // A damaged form stays where it is, and the row as it was: nothing is lost that could be read.
    out.baked = overlaid.used;
    out.damaged = overlaid.damaged;
    out.know(&calls);
    if let Some(id) = batches.iter().max()
        && !calls.is_empty()
    {
        out.segment = Some(segment::write(&hot::segments_dir(dir), *id, &mut calls)?);
    }
    out.batches = batches;
    Ok(out)
}

/// Writes everything a sealed segment changes into an open transaction.
pub(crate) fn install(
    db: &Connection,
    sealed: &Sealed,
    (minutes, taken): (&Minutes, &Minutes),
    series: &[(u32, Vec<u8>)],
    now: UnixMicros,
) -> Result<(), StoreError> {
    let sound = manifest_is_sound(db)?;
    let sql = || {
        for (id, key) in series {
            db.prepare_cached("INSERT OR REPLACE INTO series VALUES(?1,?2)")?
                .execute(params![id, key])?;
        }
        if let Some(s) = &sealed.segment {
            hot::insert_segment(db, s)?;
            install_keys(db, s.id, sealed, now)?;
            sights::install(db, s.id, &sealed.sights, now)?;
            amend::baked(db, &sealed.baked)?;
        }
        let mut delete = db.prepare_cached("DELETE FROM batches WHERE seq=?1")?;
        for seq in &sealed.batches {
            delete.execute([seq])?;
        }
        if let Some(last) = sealed.batches.iter().max() {
            hot::raise_mark(db, hot::mark::SEALED, *last)?;
        }
        if sound {
            hot::seal_manifest(db)?;
        }
        Ok(())
    };
    sql().map_err(StoreError::io::<rusqlite::Error>("listing a segment"))?;
    change_rollups(db, minutes, Rollup::merge)?;
    change_rollups(db, taken, Rollup::unmerge)
}

/// Whether the manifest is as it was left; a change to it hides no damage it had before.
pub(crate) fn manifest_is_sound(db: &Connection) -> Result<bool, StoreError> {
    match hot::segments(db) {
        Ok(_) => Ok(true),
        Err(StoreError::Damaged { .. }) => Ok(false),
        Err(e) => Err(e),
    }
}

fn install_keys(
    db: &Connection,
    segment: i64,
    sealed: &Sealed,
    now: UnixMicros,
) -> rusqlite::Result<()> {
    db.execute("DELETE FROM dedupe WHERE expires <= ?1", [now.0])?;
    let mut insert = db.prepare_cached("INSERT INTO dedupe VALUES(?1,?2,?3)")?;
    if !sealed.recent.is_empty() {
        // Counted from the sealing, not the commit: remembered a little longer than promised.
        let expires = now.0.saturating_add(WINDOW);
        insert.execute(params![segment, expires, replay::pack_keys(&sealed.recent)])?;
    }
    if !sealed.imports.is_empty() {
        insert.execute(params![segment, None::<i64>, replay::pack_keys(&sealed.imports)])?;
    }
    Ok(())
}

/// How a rollup on disk changes.
type How = fn(&mut Rollup, &Rollup);

fn change_rollups(db: &Connection, minutes: &Minutes, how: How) -> Result<(), StoreError> {
    let mut hours: HashMap<(i64, u32), Rollup> = HashMap::new();
    for ((minute, series), rollup) in minutes {
        change_one(db, (MINUTE_LEVEL, *series, *minute), rollup, how)?;
        let hour = minute.div_euclid(MINUTES_PER_HOUR);
        hours.entry((hour, *series)).or_default().merge(rollup);
    }
    for ((hour, series), rollup) in &hours {
        change_one(db, (HOUR_LEVEL, *series, *hour), rollup, how)?;
    }
    Ok(())
}

fn change_one(
    db: &Connection,
    place: packed::Place,
    rollup: &Rollup,
    how: How,
) -> Result<(), StoreError> {
    let (level, series, bucket) = place;
    let failed = StoreError::io::<rusqlite::Error>;
    let old: Option<Vec<u8>> = db
        .prepare_cached("SELECT blob FROM rollups WHERE level=?1 AND series=?2 AND bucket=?3")
        .and_then(|mut s| s.query_row(params![level, series, bucket], |r| r.get(0)).optional())
        .map_err(failed("reading a rollup"))?;
    let mut sum = match old.map(|old| packed::open_rollup(place, &old)) {
        None => Rollup::default(),
        Some(Ok(sum)) => sum,
        // Left as it is: reading it goes on naming the damage, which a fresh sum would hide.
        Some(Err(_)) => return Ok(()),
    };
    how(&mut sum, rollup);
    if sum.is_empty() {
        return db
            .prepare_cached("DELETE FROM rollups WHERE level=?1 AND series=?2 AND bucket=?3")
            .and_then(|mut s| s.execute(params![level, series, bucket]))
            .map(drop)
            .map_err(failed("dropping an empty rollup"));
    }
    db.prepare_cached("INSERT OR REPLACE INTO rollups VALUES(?1,?2,?3,?4)")
        .and_then(|mut s| {
            s.execute(params![level, series, bucket, packed::seal_rollup(place, &sum)])
        })
        .map(drop)
        .map_err(failed("writing a rollup"))
}
