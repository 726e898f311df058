//! Archiving: copies of segments in a directory, with a manifest that says what they are.
//!
//! A copy counts once it was written, synced, read back and hashed; only then is it noted in
//! `hot.db`, and only what is noted may be dropped. The directory can be read without flowgauge.

use super::compact::Compaction;
use super::{SegmentInfo, archived};
use crate::ask::{RollupQuery, Step};
use crate::hot::{self, SegmentRow};
use crate::read::{Reader, snapshot};
use crate::write::{Store, begin};
use crate::{StoreError, segment};
use flowgauge_logic::rollup::Filter;
use flowgauge_logic::unit::UnixMicros;
use flowgauge_logic::window::Window;
use rusqlite::params;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Format of `manifest.json`.
const FORMAT: u32 = 1;
/// Name of the manifest in an archive.
pub const MANIFEST: &str = "manifest.json";
/// Name of the directory of segments in an archive.
pub const SEGMENTS: &str = "segments";
/// Bytes copied and hashed at a time.
const CHUNK: usize = 1 << 20;
/// Minutes of a day.
const DAY_MINUTES: u32 = 1_440;

/// A segment in an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchivedSegment {
    /// What it is.
    #[serde(flatten)]
    pub segment: SegmentInfo,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
}

/// What the rollups said of one day when it was archived; the whole day, archived or not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayTotals {
    /// The day in UTC, e.g. `2026-11-23`.
    pub day: String,
    /// Calls.
    pub requests: u64,
    /// Calls that counted as failed.
    pub failures: u64,
    /// Input tokens of calls that have them.
    pub input_tokens: u64,
    /// Output tokens of calls that have them.
    pub output_tokens: u64,
    /// Known cost, nano-dollars.
    pub cost_nanos: i64,
}

/// `manifest.json` of an archive.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Format of this file.
    pub format: u32,
    /// Format of the segments.
    pub segment_format: u32,
    /// Every segment, by id.
    pub segments: Vec<ArchivedSegment>,
    /// Rollup totals by day.
    pub days: Vec<DayTotals>,
}

/// What was archived.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archived {
    /// Where.
    pub dir: PathBuf,
    /// Segments copied, or found there already and whole.
    pub segments: Vec<ArchivedSegment>,
    /// Their rows.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What could not be archived, and why.
    pub failed: Vec<String>,
}

impl Manifest {
    /// The manifest of an archive; an empty one where there is none yet.
    ///
    /// # Errors
    /// It cannot be read, or a newer flowgauge wrote it.
    pub fn read(dir: &Path) -> Result<Self, StoreError> {
        let file = dir.join(MANIFEST);
        let text = match fs::read(&file) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(e) => return Err(StoreError::io("reading the manifest of the archive")(e)),
        };
        let manifest: Self = serde_json::from_slice(&text).map_err(|e| StoreError::Damaged {
            what: file.display().to_string(),
            detail: e.to_string(),
        })?;
        if manifest.format > FORMAT {
            return Err(StoreError::Newer(file, manifest.format, FORMAT));
        }
        Ok(manifest)
    }

    /// Where a segment of an archive is.
    #[must_use]
    pub fn file_of(dir: &Path, segment: &ArchivedSegment) -> PathBuf {
        dir.join(SEGMENTS).join(&segment.segment.file)
    }

    /// Reads every file back; says of each that is not as it was archived what is wrong with it.
    #[must_use]
    pub fn verify(&self, dir: &Path) -> Vec<String> {
        self.segments.iter().filter_map(|s| check(dir, s).err()).collect()
    }

    /// As it is written.
    ///
    /// # Errors
    /// None today: everything in it can be written as JSON.
    pub fn text(&self) -> Result<Vec<u8>, StoreError> {
        let mut text = serde_json::to_vec_pretty(self)
            .map_err(StoreError::io("writing the manifest of the archive"))?;
        text.push(b'\n');
        Ok(text)
    }

    fn write(&self, dir: &Path) -> Result<(), StoreError> {
        put(dir, MANIFEST, &self.text()?)
    }

    fn add(&mut self, new: ArchivedSegment) {
        self.segments.retain(|s| s.segment.id != new.segment.id);
        self.segments.push(new);
        self.segments.sort_by_key(|s| s.segment.id);
    }
}

/// Writes a file of an archive so that it is whole or not there, and synced.
///
/// # Errors
/// The directory cannot be written.
pub fn put(dir: &Path, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
    segment::put_file(dir, name, bytes)
        .map_err(StoreError::io::<std::io::Error>("writing a file of the archive"))
}

/// SHA-256 of bytes, hexadecimal, as manifests have it.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

impl Reader {
    /// The data directory.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        self.dir()
    }

    /// Segments before a moment that must be written anew before they are archived, because rows of
    /// theirs were amended since.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn rewrites(&self, before: UnixMicros) -> Result<Vec<Compaction>, StoreError> {
        let outdated = self.outdated(&self.to_archive(before)?)?;
        Ok(outdated.iter().map(|s| Compaction { parts: vec![s.into()] }).collect())
    }

    fn to_archive(&self, before: UnixMicros) -> Result<Vec<SegmentRow>, StoreError> {
        self.shared.with(|db| {
            let tx = snapshot(db)?;
            let done = archived(&tx)?;
            let old = hot::segments(&tx)?.into_iter().filter(|s| s.max_time < before.0);
            Ok(old.filter(|s| done.get(&s.id) != Some(&s.crc)).collect())
        })
    }

    /// Copies every segment whose rows all started before a moment, and that is in no archive yet,
    /// into a directory; reads each copy back and hashes it. What a segment's file says is what is
    /// archived: see [`Reader::rewrites`]. Nothing counts until [`Store::note_archived`].
    ///
    /// # Errors
    /// The directory cannot be written, holds segments of another store, or the database cannot be
    /// read.
    pub fn archive(&self, dir: &Path, before: UnixMicros) -> Result<Archived, StoreError> {
        let failed = StoreError::io::<std::io::Error>;
        fs::create_dir_all(dir.join(SEGMENTS)).map_err(failed("making the archive"))?;
        let dir = dir.canonicalize().map_err(failed("making the archive"))?;
        let mut manifest = Manifest::read(&dir)?;
        let mut out = Archived { dir: dir.clone(), ..Archived::default() };
        // Files stay while they are copied, whatever is dropped meanwhile.
        let rows = self.to_archive(before)?;
        let _pin = self.pin_rows(rows.iter().cloned());
        for row in &rows {
            if self.shared.segment(row).is_none() {
                out.failed.push(format!("segment {} is damaged", row.file));
                continue;
            }
            let there = manifest.segments.iter().find(|s| s.segment.id == row.id);
            if let Some(there) = there.filter(|s| s.segment.crc32c != row.crc) {
                return Err(foreign(&dir, there));
            }
            let new = self.copy(&dir, row)?;
            out.rows += row.rows;
            out.bytes += row.bytes;
            manifest.add(new.clone());
            out.segments.push(new);
        }
        if !out.segments.is_empty() {
            manifest.format = FORMAT;
            manifest.segment_format = hot::FORMAT;
            self.add_days(&mut manifest, &rows)?;
            manifest.write(&dir)?;
        }
        // Read back after everything was synced.
        let bad: Vec<(i64, String)> = out
            .segments
            .iter()
            .filter_map(|s| check(&dir, s).err().map(|why| (s.segment.id, why)))
            .collect();
        out.segments.retain(|s| !bad.iter().any(|(id, _)| *id == s.segment.id));
        out.rows = out.segments.iter().map(|s| s.segment.rows).sum();
        out.bytes = out.segments.iter().map(|s| s.segment.bytes).sum();
        out.failed.extend(bad.into_iter().map(|(_, why)| why));
        Ok(out)
    }

    fn copy(&self, dir: &Path, row: &SegmentRow) -> Result<ArchivedSegment, StoreError> {
        let failed = StoreError::io::<std::io::Error>;
        let to = dir.join(SEGMENTS);
        let sha256 = copy_hashed(&self.shared.segments_dir().join(&row.file), &to, &row.file)
            .map_err(failed("copying a segment to the archive"))?;
        Ok(ArchivedSegment { segment: row.into(), sha256 })
    }

    /// Totals of the days these rows are of, in the place of what was said of them before.
    fn add_days(&self, manifest: &mut Manifest, rows: &[SegmentRow]) -> Result<(), StoreError> {
        let day = UnixMicros::DAY;
        let from = rows.iter().map(|s| s.min_time).min().unwrap_or_default().div_euclid(day);
        let to = rows.iter().map(|s| s.max_time).max().unwrap_or_default().div_euclid(day);
        let window = Window { from: UnixMicros(from * day), to: UnixMicros((to + 1) * day) };
        let query = RollupQuery {
            window,
            filter: Filter::default(),
            group_by: Vec::new(),
            step: Step::Minutes(DAY_MINUTES),
        };
        let mut days: BTreeMap<String, DayTotals> =
            manifest.days.drain(..).map(|d| (d.day.clone(), d)).collect();
        for group in self.rollups(&query)? {
            let day: String = group.from.to_rfc3339().chars().take(10).collect();
            let r = &group.rollup;
            let totals = DayTotals {
                day: day.clone(),
                requests: r.requests(),
                failures: r.failure,
                input_tokens: r.input.sum,
                output_tokens: r.output.sum,
                cost_nanos: r.cost_nanos,
            };
            days.insert(day, totals);
        }
        manifest.days = days.into_values().collect();
        Ok(())
    }
}

fn foreign(dir: &Path, there: &ArchivedSegment) -> StoreError {
    StoreError::Damaged {
        what: format!("the archive {}", dir.display()),
        detail: format!(
            "it holds another segment {} already, of another data directory; choose another --to",
            there.segment.file
        ),
    }
}

/// Copies a file under a temporary name, syncs it, gives it its name; says its SHA-256.
fn copy_hashed(from: &Path, to: &Path, name: &str) -> std::io::Result<String> {
    let temp = to.join(format!("{name}.tmp"));
    let (mut source, mut target) = (File::open(from)?, File::create(&temp)?);
    let mut hash = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        let n = source.read(&mut chunk)?;
        let part = chunk.get(..n).unwrap_or_default();
        if part.is_empty() {
            break;
        }
        hash.update(part);
        target.write_all(part)?;
    }
    target.sync_all()?;
    fs::rename(&temp, to.join(name))?;
    File::open(to)?.sync_all()?;
    Ok(hex(&hash.finalize()))
}

fn hash_of(file: &Path) -> std::io::Result<String> {
    let mut source = File::open(file)?;
    let mut hash = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        let n = source.read(&mut chunk)?;
        let part = chunk.get(..n).unwrap_or_default();
        if part.is_empty() {
            return Ok(hex(&hash.finalize()));
        }
        hash.update(part);
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(64), |mut out, b| {
        // Writing to a string cannot fail.
        let _ = write!(out, "{b:02x}");
        out
    })
}

fn check(dir: &Path, s: &ArchivedSegment) -> Result<(), String> {
    let file = Manifest::file_of(dir, s);
    match hash_of(&file) {
        Ok(sha256) if sha256 == s.sha256 => Ok(()),
        Ok(_) => Err(format!("{} does not match its SHA-256", file.display())),
        Err(e) => Err(format!("{} cannot be read: {e}", file.display())),
    }
}

impl Store {
    /// Notes that these segments are in an archive: they may be dropped from now on.
    ///
    /// # Errors
    /// The database refuses; nothing is noted then.
    pub fn note_archived(&mut self, done: &Archived, now: UnixMicros) -> Result<(), StoreError> {
        self.ready()?;
        let tx = begin(&self.db)?;
        let dir = done.dir.to_string_lossy();
        let sql = || {
            let mut insert =
                tx.prepare_cached("INSERT OR REPLACE INTO archived VALUES(?1,?2,?3,?4,?5)")?;
            for s in &done.segments {
                insert.execute(params![s.segment.id, s.segment.crc32c, s.sha256, dir, now.0])?;
            }
            Ok(())
        };
        sql().map_err(StoreError::io::<rusqlite::Error>("noting what is archived"))?;
        tx.commit().map_err(StoreError::io("noting what is archived"))
    }
}
