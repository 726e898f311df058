//! Dropping raw rows: whole segments, all of whose rows are too old, and that something remains of.

use super::{SegmentInfo, archived, note_raw_from};
use crate::hot::{self, SegmentRow, mark};
use crate::live::total_of;
use crate::read::{Reader, snapshot};
use crate::seal::{HOUR_LEVEL, MINUTES_PER_HOUR};
use crate::write::Store;
use crate::{StoreError, amend, packed};
use flowgauge_logic::call::{Call, Source};
use flowgauge_logic::id::CallId;
use flowgauge_logic::unit::UnixMicros;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// A segment that stays although it is old enough, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The segment.
    pub segment: SegmentInfo,
    /// Why, for people.
    pub why: String,
}

/// What would be dropped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrunePlan {
    /// Segments to drop, oldest first.
    pub segments: Vec<SegmentInfo>,
    /// Their rows.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Segments old enough that must stay.
    pub refused: Vec<Refused>,
    /// Segments that stay because they hold imported history: it is old when it comes, so its age says
    /// nothing, and it goes only once it is in an archive.
    #[serde(default)]
    pub imported: Vec<SegmentInfo>,
    /// Amended forms that go with rows that are in no archive.
    #[serde(skip)]
    pub(crate) forms: Vec<CallId>,
}

/// What was dropped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// Segments.
    pub segments: u64,
    /// Rows.
    pub rows: u64,
    /// Bytes.
    pub bytes: u64,
}

/// Calls of one hour and source.
type Hours = HashMap<(i64, Source), u64>;

/// Whether a segment holds rows that were imported: their keys are remembered for ever.
fn holds_imports(db: &Connection, segment: i64) -> Result<bool, StoreError> {
    db.prepare_cached("SELECT 1 FROM dedupe WHERE segment=?1 AND expires IS NULL")
        .and_then(|mut s| s.exists([segment]))
        .map_err(StoreError::io("looking for imported rows"))
}

impl Reader {
    /// Which segments have only rows that started before a moment and may go: those that are
    /// archived, and, where no archive is demanded, those whose every hour is in the rollups.
    ///
    /// # Errors
    /// The database cannot be read, or the manifest is damaged.
    pub fn prune_plan(
        &self,
        before: UnixMicros,
        archive_demanded: bool,
    ) -> Result<PrunePlan, StoreError> {
        self.shared.with(|db| {
            let tx = snapshot(db)?;
            let archived = archived(&tx)?;
            let mut plan = PrunePlan::default();
            let mut kept = Hours::new();
            let old = hot::segments(&tx)?.into_iter().filter(|s| s.max_time < before.0);
            for row in old {
                if archived.get(&row.id) == Some(&row.crc) {
                    plan.add(&row);
                } else if holds_imports(&tx, row.id)? {
                    plan.imported.push(SegmentInfo::from(&row));
                } else if archive_demanded {
                    plan.refuse(&row, "it is not archived; run `flowgauge metrics archive` first");
                } else {
                    match self.rolled_up(&tx, &row, &mut kept)? {
                        Ok(forms) => {
                            plan.forms.extend(forms);
                            plan.add(&row);
                        }
                        Err(why) => plan.refuse(&row, &why),
                    }
                }
            }
            Ok(plan)
        })
    }

    /// Whether every hour of a segment is in the rollups with as many calls; else why not. `kept` has
    /// what earlier segments had of each hour.
    fn rolled_up(
        &self,
        db: &Connection,
        row: &SegmentRow,
        kept: &mut Hours,
    ) -> Result<Result<Vec<CallId>, String>, StoreError> {
        let Some(segment) = self.shared.segment(row) else {
            let why = "it is damaged; run `flowgauge store fsck --rebuild`, which sets it aside";
            return Ok(Err(why.to_owned()));
        };
        let (mut hours, mut forms) = (kept.clone(), Vec::new());
        let mut touched = Vec::new();
        for group in 0..segment.groups().len() {
            let mut rows: Vec<Call> = match segment.rows(group) {
                Ok(rows) => rows,
                Err(e) => return Ok(Err(format!("it cannot be read: {e}"))),
            };
            forms.extend(amend::overlay(db, &mut rows)?.used.into_iter().map(|(id, _)| id));
            for call in rows.iter().filter(|c| c.what.leaf) {
                let hour = call.time.start.minute().div_euclid(MINUTES_PER_HOUR);
                let at = (hour, call.origin.source);
                *hours.entry(at).or_default() += 1;
                if touched.last() != Some(&at) {
                    touched.push(at);
                }
            }
        }
        touched.sort_unstable_by_key(|(hour, source)| (*hour, source.code()));
        touched.dedup();
        for at in touched {
            let needed = hours.get(&at).copied().unwrap_or_default();
            if let Err(why) = covered(db, at, needed)? {
                return Ok(Err(why));
            }
        }
        *kept = hours;
        Ok(Ok(forms))
    }
}

/// Whether the hour's rollup has so many calls.
fn covered(
    db: &Connection,
    (hour, source): (i64, Source),
    needed: u64,
) -> Result<Result<(), String>, StoreError> {
    let when = UnixMicros::from_minute(hour.saturating_mul(MINUTES_PER_HOUR)).to_rfc3339();
    let key = (HOUR_LEVEL, total_of(source), hour);
    let blob: Option<Vec<u8>> = db
        .prepare_cached("SELECT blob FROM rollups WHERE level=?1 AND series=?2 AND bucket=?3")
        .and_then(|mut s| s.query_row(params![key.0, key.1, key.2], |r| r.get(0)).optional())
        .map_err(StoreError::io("reading a rollup"))?;
    let Some(blob) = blob else {
        return Ok(Err(format!("the rollup of the hour from {when} is missing")));
    };
    Ok(match packed::open_rollup(key, &blob) {
        Err(e) => Err(format!("the rollup of the hour from {when} {e}")),
        Ok(r) if r.requests() < needed => Err(format!(
            "the rollup of the hour from {when} has {} of {needed} calls",
            r.requests()
        )),
        Ok(_) => Ok(()),
    })
}

impl PrunePlan {
    fn add(&mut self, row: &SegmentRow) {
        self.rows += row.rows;
        self.bytes += row.bytes;
        self.segments.push(row.into());
    }

    fn refuse(&mut self, row: &SegmentRow, why: &str) {
        self.refused.push(Refused { segment: row.into(), why: why.to_owned() });
    }
}

impl Store {
    /// Drops what a plan names: out of the manifest in one transaction, then off the disk. What was
    /// changed meanwhile stays.
    ///
    /// # Errors
    /// The database refuses; nothing is dropped then.
    pub fn drop_segments(&mut self, plan: &PrunePlan) -> Result<Dropped, StoreError> {
        self.change_manifest("dropping segments", |db| {
            let mut done = Dropped::default();
            let mut dropped = Vec::new();
            let mut sql = || {
                for row in plan.segments.iter().map(SegmentInfo::row) {
                    if hot::drop_segment(db, &row)? {
                        done.segments += 1;
                        done.rows += row.rows;
                        done.bytes += row.bytes;
                        hot::raise_mark(db, mark::SEALED, row.id)?;
                        dropped.push(row);
                    }
                }
                note_raw_from(db, &dropped)?;
                for id in &plan.forms {
                    db.prepare_cached("DELETE FROM amended WHERE call=?1")?.execute([id.0])?;
                }
                Ok(())
            };
            sql().map_err(StoreError::io::<rusqlite::Error>("dropping segments"))?;
            Ok(done)
        })
    }
}
