//! `fsck --rebuild`: puts a store right from what its files say about themselves.
//!
//! Damaged files move to `quarantine/` and their loss is recorded; valid files that no manifest lists
//! are listed again; a database that cannot be read moves away too, and a new one is made from the
//! segments. Deletes nothing.

use crate::StoreError;
use crate::damage::{self, Missing};
use crate::fsck::{integrity, parquet_files};
use crate::hot::{self, SegmentRow};
use crate::live::{Generation, SeriesTable};
use crate::lock::DirLock;
use crate::seal::{self, Sealed};
use crate::segment::{self, Entry, Segment};
use crate::write::begin;
use flowgauge_logic::call::Call;
use flowgauge_logic::unit::UnixMicros;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What a rebuild did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rebuilt {
    /// Segments that are listed now.
    pub segments: u64,
    /// Files that were in no manifest, and are listed again.
    pub relisted: Vec<String>,
    /// Lines of the manifest that were wrong, and are right again.
    pub mended: Vec<String>,
    /// Files set aside, in `quarantine/`.
    pub quarantined: Vec<String>,
    /// What is lost.
    pub lost: Vec<Missing>,
}

/// Repairs a directory that nobody serves.
///
/// # Errors
/// A process serves it, a newer flowgauge wrote it, or the disk refuses.
pub fn rebuild(dir: &Path, max_series: usize, now: UnixMicros) -> Result<Rebuilt, StoreError> {
    let _lock = DirLock::take(dir)?;
    let mut out = Rebuilt::default();
    let (db, is_new) = database(dir, &mut out)?;
    let found = look(dir, &db, &mut out)?;
    let tx = begin(&db)?;
    let sql = StoreError::io::<rusqlite::Error>;
    tx.execute("DELETE FROM segments", []).map_err(sql("making the manifest"))?;
    let mut series = SeriesTable::new(max_series);
    for (row, relisted) in &found {
        if is_new && *relisted {
            count_again(&tx, dir, row, &mut series, now)?;
        } else {
            hot::insert_segment(&tx, row).map_err(sql("making the manifest"))?;
        }
        hot::raise_mark(&tx, hot::mark::SEALED, row.id).map_err(sql("making the manifest"))?;
    }
    hot::seal_manifest(&tx).map_err(sql("making the manifest"))?;
    for missing in &out.lost {
        damage::record(&tx, missing, now).map_err(sql("recording a loss"))?;
    }
    tx.commit().map_err(sql("making the manifest"))?;
    // What is not moved yet after a crash is found again: it is listed nowhere and damaged.
    for file in &out.quarantined {
        let from = hot::segments_dir(dir).join(file);
        if from.is_file() {
            set_aside(dir, &from, file)?;
        }
    }
    out.segments = found.len() as u64;
    Ok(out)
}

/// The database, or a new one where it cannot be believed, which moves away.
fn database(dir: &Path, out: &mut Rebuilt) -> Result<(Connection, bool), StoreError> {
    fs::create_dir_all(hot::segments_dir(dir))
        .map_err(StoreError::io("making the directory of segments"))?;
    let there = hot::path(dir).is_file();
    let why = match hot::open_writer(dir) {
        Err(e @ StoreError::Newer(..)) => return Err(e),
        Err(e) => Some(e.to_string()),
        Ok(db) => match integrity(&db).first() {
            None if there => return Ok((db, false)),
            None => Some("it was missing".to_owned()),
            Some(why) => Some(why.clone()),
        },
    };
    if there {
        for name in ["hot.db", "hot.db-wal", "hot.db-shm"] {
            if dir.join(name).is_file() {
                let aside = set_aside(dir, &dir.join(name), name)?;
                out.quarantined.push(aside);
            }
        }
    }
    if let Some(why) = why {
        let what = format!(
            "hot.db: {why}; calls that were not sealed, and rollups of hours without raw rows, are \
             lost"
        );
        out.lost.push(Missing::anywhere(what));
    }
    Ok((hot::open_writer(dir)?, true))
}

/// Moves a file into `quarantine/`, under a name that is free there.
fn set_aside(dir: &Path, from: &Path, name: &str) -> Result<String, StoreError> {
    let failed = StoreError::io::<std::io::Error>;
    let aside = dir.join("quarantine");
    fs::create_dir_all(&aside).map_err(failed("making the quarantine"))?;
    let names = (0u32..).map(|n| if n == 0 { name.to_owned() } else { format!("{name}.{n}") });
    let Some(free) = names.into_iter().find(|n| !aside.join(n).exists()) else {
        return Ok(name.to_owned());
    };
    fs::rename(from, aside.join(&free)).map_err(failed("setting a file aside"))?;
    Ok(free)
}

/// Segments that are to be listed, by id, and whether they were not before.
fn look(
    dir: &Path,
    db: &Connection,
    out: &mut Rebuilt,
) -> Result<Vec<(SegmentRow, bool)>, StoreError> {
    let sql = StoreError::io::<rusqlite::Error>;
    let trusted = hot::segments(db).is_ok();
    let listed = hot::segments_unchecked(db).map_err(sql("reading the manifest"))?;
    let dropped: HashSet<String> = hot::unlinks(db)
        .map_err(sql("listing dropped files"))?
        .into_iter()
        .map(|(file, _)| file)
        .collect();
    let mut found: Vec<(Entry, bool)> = Vec::new();
    let mut names: Vec<String> = parquet_files(dir);
    names.extend(listed.iter().map(|s| s.file.clone()));
    names.sort();
    names.dedup();
    for name in names.into_iter().filter(|n| !dropped.contains(n)) {
        let line = listed.iter().find(|s| s.file == name);
        match (whole(dir, &name), line) {
            (Ok(entry), Some(line)) if entry.row == *line || !trusted => {
                if entry.row != *line {
                    out.mended.push(name);
                }
                found.push((entry, false));
            }
            (Ok(entry), None) => found.push((entry, true)),
            (Ok(_), Some(line)) => out.lose(name, line.missing(&"it is not the file it was")),
            (Err(why), Some(line)) if trusted => out.lose(name, line.missing(&why)),
            (Err(why), _) => {
                let what = format!("segment {name}: {why}");
                out.lose(name, Missing::anywhere(what));
            }
        }
    }
    Ok(choose(found, out))
}

impl Rebuilt {
    fn lose(&mut self, file: String, missing: Missing) {
        self.quarantined.push(file);
        self.lost.push(missing);
    }
}

/// Of files that stand for the same rows one is listed: what was listed before, else the merged one.
fn choose(found: Vec<(Entry, bool)>, out: &mut Rebuilt) -> Vec<(SegmentRow, bool)> {
    let listed: HashSet<i64> =
        found.iter().filter(|(_, new)| !new).map(|(e, _)| e.row.id).collect();
    let mut chosen: Vec<(SegmentRow, bool)> = Vec::new();
    let mut covered: HashSet<i64> = HashSet::new();
    let mut order: Vec<&(Entry, bool)> = found.iter().collect();
    // Listed ones first, then those merged of most, newest name first.
    order.sort_by_key(|(e, new)| {
        (*new, std::cmp::Reverse(e.replaces.len()), std::cmp::Reverse(e.row.file.clone()))
    });
    for (entry, new) in order {
        let stands_for = || entry.replaces.iter().chain(std::iter::once(&entry.row.id));
        let twice = stands_for().any(|id| covered.contains(id))
            || (*new && entry.replaces.iter().any(|id| listed.contains(id)));
        if twice {
            out.quarantined.push(entry.row.file.clone());
            continue;
        }
        covered.extend(stands_for());
        if *new {
            out.relisted.push(entry.row.file.clone());
        }
        chosen.push((entry.row.clone(), *new));
    }
    chosen.sort_by_key(|(row, _)| row.id);
    chosen
}

/// A file whose every row decodes, as it says and as it is.
fn whole(dir: &Path, name: &str) -> Result<Entry, String> {
    let segments = hot::segments_dir(dir);
    let file: PathBuf = segments.join(name);
    let (bytes, crc) = segment::measure(&file).map_err(|e| e.to_string())?;
    let open = Segment::open(&segments, name).map_err(|e| e.to_string())?;
    let (mut rows, mut min, mut max) = (0u64, i64::MAX, i64::MIN);
    for group in 0..open.groups().len() {
        let calls = open.rows(group).map_err(|e| e.to_string())?;
        rows += calls.len() as u64;
        let starts = || calls.iter().map(|c| c.time.start.0);
        min = min.min(starts().min().unwrap_or(min));
        max = max.max(starts().max().unwrap_or(max));
    }
    // Files of older versions say nothing; their name has their id.
    let stem = name.split(['-', '.']).next().unwrap_or_default();
    let id = i64::from_str_radix(stem, 16).map_err(|_| "its name has no id".to_owned())?;
    let said = segment::entry(&file);
    let row =
        SegmentRow { id, file: name.to_owned(), rows, bytes, min_time: min, max_time: max, crc };
    if let Some(said) = &said {
        let same = SegmentRow { bytes: said.row.bytes, crc: said.row.crc, ..row.clone() };
        if said.row != same {
            return Err(format!("its rows are not those its footer tells of ({})", said.row.rows));
        }
    }
    let (format, replaces) = said.map(|s| (s.format, s.replaces)).unwrap_or_default();
    Ok(Entry { format, row, replaces })
}

/// Lists a segment and adds what follows from its rows: rollups, fingerprints, rows that wait.
fn count_again(
    db: &Connection,
    dir: &Path,
    row: &SegmentRow,
    series: &mut SeriesTable,
    now: UnixMicros,
) -> Result<(), StoreError> {
    let open = Segment::open(&hot::segments_dir(dir), &row.file)
        .map_err(StoreError::io("reading a segment again"))?;
    let mut generation = Generation::default();
    let mut calls: Vec<Call> = Vec::new();
    for group in 0..open.groups().len() {
        calls.extend(open.rows(group).map_err(StoreError::io("reading a segment again"))?);
    }
    let refs: Vec<&Call> = calls.iter().collect();
    generation.add(row.id, &refs, 0, now, series);
    let unsaved = series.unsaved();
    let sealed = Sealed::relisted(row.clone(), &calls);
    seal::install(db, &sealed, (&generation.minutes, &generation.taken), &unsaved, now)?;
    series.saved(unsaved.len());
    Ok(())
}
