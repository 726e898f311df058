//! Merging small segments, so that the number of files stays bounded.
//!
//! Segments of one day (UTC) with fewer rows than [`SMALL`] are merged: all of a day that is over,
//! those of today once there are [`TODAY`]. Hence, of `d` days of raw rows with `n` rows in all, at
//! most `d + TODAY + n / SMALL` files, those aside that hold rows of several days or are archived.

use super::{SegmentInfo, archived};
use crate::hot::{self, SegmentRow};
use crate::read::{Reader, snapshot};
use crate::write::Store;
use crate::{StoreError, amend, segment};
use flowgauge_logic::id::CallId;
use flowgauge_logic::unit::UnixMicros;

/// A segment with fewer rows is small: half of what sealing puts into one at most.
const SMALL: u64 = 65_536;
/// Rows of a merged segment at most, as for a sealed one: all of them are in memory, 1 KiB each.
const MAX_ROWS: u64 = 131_072;
/// Small segments of today that are worth merging before the day is over: sealing by age makes 24 a
/// day, and each row is written twice or thrice instead of 24 times.
const TODAY: usize = 12;

/// Segments that will be one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compaction {
    /// The parts, by id.
    pub parts: Vec<SegmentInfo>,
}

/// A merged segment on disk, not listed yet.
#[derive(Debug)]
pub struct Compacted {
    parts: Vec<SegmentInfo>,
    row: SegmentRow,
    baked: Vec<(CallId, i64)>,
}

impl Compacted {
    /// Rows of it.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.row.rows
    }
}

impl Reader {
    /// The next segments to merge; nothing where there is nothing to do.
    ///
    /// # Errors
    /// The manifest cannot be read.
    pub fn compaction(&self, now: UnixMicros) -> Result<Option<Compaction>, StoreError> {
        self.shared.with(|db| {
            let tx = snapshot(db)?;
            let archived = archived(&tx)?;
            let mut small: Vec<SegmentRow> = hot::segments(&tx)?
                .into_iter()
                .filter(|s| s.rows < SMALL && !archived.contains_key(&s.id))
                .filter(|s| s.max_time.saturating_sub(s.min_time) < UnixMicros::DAY)
                .collect();
            small.sort_by_key(|s| (day(s.min_time), s.id));
            let today = day(now.0);
            let days = small.chunk_by(|a, b| day(a.min_time) == day(b.min_time));
            for of_day in days {
                let over = of_day.first().is_some_and(|s| day(s.min_time) < today);
                if of_day.len() < if over { 2 } else { TODAY } {
                    continue;
                }
                let mut rows = 0;
                let fitting = of_day.iter().take_while(|s| {
                    rows += s.rows;
                    rows <= MAX_ROWS
                });
                let parts: Vec<SegmentInfo> = fitting.map(SegmentInfo::from).collect();
                if parts.len() > 1 {
                    return Ok(Some(Compaction { parts }));
                }
            }
            Ok(None)
        })
    }

    /// Segments among these whose rows were amended since they were sealed: their files say less than
    /// is known.
    pub(super) fn outdated(&self, of: &[SegmentRow]) -> Result<Vec<SegmentRow>, StoreError> {
        self.shared.with(|db| {
            let tx = snapshot(db)?;
            let mut out = Vec::new();
            for row in of {
                let any = tx
                    .prepare_cached("SELECT 1 FROM amended WHERE start BETWEEN ?1 AND ?2 LIMIT 1")
                    .and_then(|mut s| s.exists([row.min_time, row.max_time]))
                    .map_err(StoreError::io("reading amended rows"))?;
                if !any {
                    continue;
                }
                let Some(segment) = self.shared.segment(row) else { continue };
                for group in 0..segment.groups().len() {
                    let Ok(mut rows) = segment.rows(group) else { break };
                    if !amend::overlay(&tx, &mut rows)?.used.is_empty() {
                        out.push(row.clone());
                        break;
                    }
                }
            }
            Ok(out)
        })
    }

    /// Writes the merged segment, with every row in its current form. Nothing counts until
    /// [`Store::install_compacted`].
    ///
    /// # Errors
    /// A part is damaged, or the disk refuses.
    pub fn compact(&self, plan: &Compaction) -> Result<Option<Compacted>, StoreError> {
        self.shared.with(|db| {
            let tx = snapshot(db)?;
            let listed = hot::segments(&tx)?;
            if !plan.parts.iter().all(|p| listed.contains(&p.row())) {
                return Ok(None);
            }
            let (mut calls, mut baked) = (Vec::new(), Vec::new());
            for part in &plan.parts {
                let row = part.row();
                let Some(segment) = self.shared.segment(&row) else { return Ok(None) };
                for group in 0..segment.groups().len() {
                    match segment.rows(group) {
                        Ok(rows) => calls.extend(rows),
                        Err(e) => {
                            self.note(&row, &e);
                            return Ok(None);
                        }
                    }
                }
            }
            baked.extend(amend::overlay(&tx, &mut calls)?.used);
            let Some(id) = plan.parts.iter().map(|p| p.id).max() else { return Ok(None) };
            let generation = plan.parts.iter().map(|p| generation(&p.file)).max();
            let file = format!("{id:016x}-{}.parquet", generation.unwrap_or_default() + 1);
            let replaces = plan.parts.iter().map(|p| p.id).collect();
            let dir = self.shared.segments_dir();
            let row = segment::write_as(dir, id, file, replaces, &mut calls)?;
            Ok(Some(Compacted { parts: plan.parts.clone(), row, baked }))
        })
    }
}

impl Store {
    /// Lists a merged segment in the place of its parts. Says whether it did: where a part was
    /// changed or dropped meanwhile, the merged file goes instead.
    ///
    /// # Errors
    /// The database refuses; the parts stay listed.
    pub fn install_compacted(&mut self, new: &Compacted) -> Result<bool, StoreError> {
        let parts: Vec<SegmentRow> = new.parts.iter().map(SegmentInfo::row).collect();
        let listed = hot::segments(&self.db)?;
        if !parts.iter().all(|p| listed.contains(p)) {
            let file = self.shared.segments_dir().join(&new.row.file);
            std::fs::remove_file(file).map_err(StoreError::io("deleting a merged segment"))?;
            return Ok(false);
        }
        self.change_manifest("listing a merged segment", |db| {
            let sql = || {
                for part in &parts {
                    hot::drop_segment(db, part)?;
                }
                hot::insert_segment(db, &new.row)?;
                amend::baked(db, &new.baked)
            };
            sql().map_err(StoreError::io::<rusqlite::Error>("listing a merged segment"))
        })?;
        Ok(true)
    }

    /// Merges what is worth merging, at most so many times, and says how often it did. For who has
    /// the directory alone: it blocks the writer meanwhile.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn compact_now(&mut self, now: UnixMicros, at_most: usize) -> Result<usize, StoreError> {
        let reader = self.reader();
        for done in 0..at_most {
            let Some(plan) = reader.compaction(now)? else { return Ok(done) };
            let Some(new) = reader.compact(&plan)? else { return Ok(done) };
            self.install_compacted(&new)?;
        }
        Ok(at_most)
    }
}

fn day(us: i64) -> i64 {
    us.div_euclid(UnixMicros::DAY)
}

/// How often the rows of a file were merged: the number after the dash in its name.
fn generation(file: &str) -> u64 {
    let stem = file.strip_suffix(".parquet").unwrap_or(file);
    stem.split_once('-').and_then(|(_, n)| n.parse().ok()).unwrap_or_default()
}
