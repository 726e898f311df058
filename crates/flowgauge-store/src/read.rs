//! Read-only handles: rollups, raw rows, events, gaps.

use crate::ask::{CallQuery, Gap, Group, RollupQuery, StoreStatus};
use crate::hot::{self, Kind, SegmentRow};
use crate::live::Live;
use crate::lock::DirLock;
use crate::newest::Newest;
use crate::plan::Plan;
use crate::seal::{HOUR_LEVEL, MINUTES_PER_HOUR};
use crate::segment::{self, Segment};
use crate::{AmendmentRow, Event, StoreError, amend, codec, packed, replay};
use flowgauge_logic::call::Call;
use flowgauge_logic::id::CallId;
use flowgauge_logic::window::Window;
use parking_lot::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
use rusqlite::{Connection, Transaction, params};
use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Idle read connections kept: as many as queries run at once on a small machine.
const POOL: usize = 4;
/// Series read from a copied directory are those on disk; more cannot appear.
const ANY_SERIES: usize = usize::MAX;

/// What the writer and all readers share.
pub(crate) struct Shared {
    dir: PathBuf,
    segments: PathBuf,
    live: RwLock<Live>,
    pool: Mutex<Vec<Connection>>,
    verified: Mutex<HashSet<i64>>,
    /// Holds `hot.db` of a directory that must not be written to.
    copy: Option<tempfile::TempDir>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn new(dir: PathBuf, segments: PathBuf, live: Live) -> Self {
        Self {
            dir,
            segments,
            live: RwLock::new(live),
            pool: Mutex::default(),
            verified: Mutex::default(),
            copy: None,
        }
    }

    pub(crate) fn live(&self) -> RwLockReadGuard<'_, Live> {
        self.live.read()
    }

    pub(crate) fn live_mut(&self) -> RwLockWriteGuard<'_, Live> {
        self.live.write()
    }

    /// Takes over a state rebuilt from disk; connections of the old one are dropped.
    pub(crate) fn replace(&self, live: Live) {
        *self.live.write() = live;
        self.pool.lock().clear();
    }

    pub(crate) fn with<T>(
        &self,
        ask: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let pooled = self.pool.lock().pop();
        let db = match pooled {
            Some(db) => db,
            None => hot::open_reader(&self.dir)?,
        };
        let answer = ask(&db)?;
        let mut pool = self.pool.lock();
        if pool.len() < POOL {
            pool.push(db);
        }
        Ok(answer)
    }

    /// Where a segment is.
    pub(crate) fn path_of(&self, row: &SegmentRow) -> PathBuf {
        self.segments.join(&row.file)
    }

    /// A segment whose bytes were checked; nothing where they are damaged, which is named.
    pub(crate) fn segment(&self, row: &SegmentRow) -> Option<Segment> {
        if !self.verified.lock().contains(&row.id) {
            if let Err(e) = segment::verify(&self.segments, row) {
                self.live.write().note_damage(e.to_string());
                return None;
            }
            self.verified.lock().insert(row.id);
        }
        match Segment::open(&self.segments, &row.file) {
            Ok(s) => Some(s),
            Err(e) => {
                self.live.write().note_damage(format!("segment {}: {e}", row.file));
                None
            }
        }
    }
}

/// A cheap, cloneable handle. Answers include everything acknowledged before the call.
#[derive(Debug, Clone)]
pub struct Reader {
    pub(crate) shared: Arc<Shared>,
    preferred: Option<Arc<str>>,
}

impl Reader {
    pub(crate) fn over(shared: Arc<Shared>) -> Self {
        Self { shared, preferred: None }
    }

    /// With an evaluator whose word counts where several judged.
    #[must_use]
    pub fn preferring(self, evaluator: Option<Arc<str>>) -> Self {
        Self { preferred: evaluator, ..self }
    }

    /// The name of that evaluator.
    pub(crate) fn preferred(&self) -> Option<&str> {
        self.preferred.as_deref()
    }

    /// Where the databases are.
    pub(crate) fn dir(&self) -> &Path {
        &self.shared.dir
    }

    /// Opens a data directory that no process serves, without writing to it.
    ///
    /// # Errors
    /// Nothing is there, a process serves it, or it cannot be read.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let file = hot::path(dir);
        if !file.is_file() {
            return Err(StoreError::Absent(dir.to_owned()));
        }
        DirLock::check_free(dir)?;
        // SQLite would write beside the database even to read it, so it reads a copy.
        let copying = StoreError::io::<std::io::Error>;
        let copy = tempfile::tempdir().map_err(copying("making room for a copy of hot.db"))?;
        for name in ["hot.db", "hot.db-wal", "state.db", "state.db-wal"] {
            let from = dir.join(name);
            if from.exists() {
                std::fs::copy(&from, copy.path().join(name))
                    .map_err(copying("copying the databases"))?;
            }
        }
        DirLock::check_free(dir)?;
        let db = hot::open_writer(copy.path())?;
        let live = replay::replay(&db, ANY_SERIES)?.live;
        let mut shared = Shared::new(copy.path().to_owned(), hot::segments_dir(dir), live);
        shared.copy = Some(copy);
        shared.pool.lock().push(db);
        Ok(Self::over(Arc::new(shared)))
    }

    /// Merged rollups, groups sorted by step, then key. No group for what holds no call.
    ///
    /// # Errors
    /// The database cannot be read, or a rollup is damaged.
    pub fn rollups(&self, query: &RollupQuery) -> Result<Vec<Group>, StoreError> {
        self.shared.with(|db| {
            // Memory and disk are looked at in one moment: sealing moves rollups from one to the other.
            let live = self.shared.live();
            let tx = snapshot(db)?;
            let mut plan = Plan::new(query, &live.series);
            for generation in live.generations() {
                for ((minute, series), rollup) in &generation.minutes {
                    plan.add(*minute, *series, rollup);
                }
                for ((minute, series), rollup) in &generation.taken {
                    plan.take(*minute, *series, rollup);
                }
            }
            drop(live);
            add_stored(&tx, &mut plan)?;
            Ok(plan.finish())
        })
    }

    /// Raw rows, newest first.
    ///
    /// # Errors
    /// The database cannot be read. Damaged files are left out and named in the status; a row
    /// whose amended form is damaged is shown as it was stored.
    pub fn calls(&self, query: &CallQuery) -> Result<Vec<Call>, StoreError> {
        let mut newest = Newest::new(query);
        if let Some(names) = query.names() {
            newest.offer(self.find_named(&names)?);
            return Ok(newest.finish());
        }
        self.shared.with(|db| {
            // Rows, amended forms and manifest of one moment: no call is seen twice or not at all.
            let tx = snapshot(db)?;
            for (seq, _, max) in batch_spans(&tx, newest.from(), newest.to())? {
                if newest.beats(max) {
                    break;
                }
                newest.offer(self.batch(&tx, seq)?);
            }
            let mut segments: Vec<SegmentRow> = hot::segments(&tx)
                .map_err(StoreError::io("reading the manifest"))?
                .into_iter()
                .filter(|s| s.min_time < newest.to() && s.max_time >= newest.from())
                .collect();
            segments.sort_by_key(|s| std::cmp::Reverse(s.max_time));
            for row in &segments {
                if newest.beats(row.max_time) {
                    break;
                }
                self.offer_segment(&tx, row, &mut newest)?;
            }
            Ok(())
        })?;
        Ok(newest.finish())
    }

    fn offer_segment(
        &self,
        db: &Connection,
        row: &SegmentRow,
        newest: &mut Newest<'_>,
    ) -> Result<(), StoreError> {
        let Some(segment) = self.shared.segment(row) else { return Ok(()) };
        for (i, (min, max)) in segment.groups().iter().enumerate().rev() {
            if newest.beats(*max) {
                break;
            }
            if *min >= newest.to() || *max < newest.from() {
                continue;
            }
            match segment.rows(i) {
                Ok(mut rows) => {
                    self.overlay(db, &mut rows)?;
                    newest.offer(rows);
                }
                Err(e) => self.note(row, &e),
            }
        }
        Ok(())
    }

    pub(crate) fn note(&self, row: &SegmentRow, why: &dyn fmt::Display) {
        self.shared.live_mut().note_damage(format!("segment {}: {why}", row.file));
    }

    /// One row.
    ///
    /// # Errors
    /// The database cannot be read. Damaged files are passed over and named in the status; a row whose
    /// amended form is damaged is shown as it was stored.
    pub fn call(&self, id: CallId) -> Result<Option<Call>, StoreError> {
        if let Some(what) = self.shared.with(|db| amend::damage_of(db, id))? {
            self.shared.live_mut().note_damage(what);
        }
        Ok(self.locate(&[(id, None)])?.remove(&id))
    }

    /// Replaces rows by their amended forms; those that are damaged are named.
    fn overlay(&self, db: &Connection, rows: &mut [Call]) -> Result<(), StoreError> {
        let damaged = amend::overlay(db, rows)?.damaged;
        if !damaged.is_empty() {
            let mut live = self.shared.live_mut();
            damaged.into_iter().for_each(|what| live.note_damage(what));
        }
        Ok(())
    }

    /// What was changed of a row since it was stored, oldest first.
    ///
    /// # Errors
    /// The database cannot be read, or an amendment is damaged.
    pub fn amendments(&self, id: CallId) -> Result<Vec<AmendmentRow>, StoreError> {
        self.shared.with(|db| amend::history(db, id))
    }

    /// Rows of a batch; none where it is damaged, which is named.
    pub(crate) fn batch(&self, db: &Connection, seq: i64) -> Result<Vec<Call>, StoreError> {
        let blob = hot::blob(db, seq).map_err(StoreError::io("reading a batch"))?;
        let Some((blob, crc)) = blob else { return Ok(Vec::new()) };
        match codec::decode(&blob, crc) {
            Ok(mut calls) => {
                self.overlay(db, &mut calls)?;
                Ok(calls)
            }
            Err(e) => {
                self.shared.live_mut().note_damage(format!("batch {seq} {e}"));
                Ok(Vec::new())
            }
        }
    }

    /// Events of a window, newest first.
    ///
    /// # Errors
    /// The database cannot be read, or an event is damaged.
    pub fn events(&self, window: Window, limit: usize) -> Result<Vec<Event>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let texts = self.shared.with(|db| {
            let read = || {
                db.prepare_cached(
                    "SELECT json FROM events WHERE time >= ?1 AND time < ?2 \
                     ORDER BY time DESC LIMIT ?3",
                )?
                .query_map(params![window.from.0, window.to.0, limit], |r| r.get::<_, String>(0))?
                .collect::<rusqlite::Result<Vec<_>>>()
            };
            read().map_err(StoreError::io("reading events"))
        })?;
        let damaged = |e: serde_json::Error| StoreError::Damaged {
            what: "an event in hot.db".to_owned(),
            detail: e.to_string(),
        };
        texts.iter().map(|t| serde_json::from_str(t).map_err(damaged)).collect()
    }

    /// Stretches of the window in which calls were lost.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn gaps(&self, window: Window) -> Result<Vec<Gap>, StoreError> {
        self.shared.with(|db| {
            hot::gaps(db, window.from.0, window.to.0).map_err(StoreError::io("reading gaps"))
        })
    }

    /// Sizes and health.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn status(&self) -> Result<StoreStatus, StoreError> {
        self.shared.with(|db| {
            let live = self.shared.live();
            let segments = hot::segments(db).map_err(StoreError::io("reading the manifest"))?;
            let sum = |f: fn(&crate::live::Generation) -> u64| live.generations().map(f).sum();
            Ok(StoreStatus {
                batches: sum(|g| g.batches.len() as u64),
                batch_bytes: sum(|g| g.bytes),
                unsealed_rows: sum(|g| g.rows),
                segments: segments.len() as u64,
                segment_rows: segments.iter().map(|s| s.rows).sum(),
                segment_bytes: segments.iter().map(|s| s.bytes).sum(),
                damage: live.damage.clone(),
            })
        })
    }
}

/// A transaction that sees the database as it is at this moment.
pub(crate) fn snapshot(db: &Connection) -> Result<Transaction<'_>, StoreError> {
    let begin = || {
        let tx = db.unchecked_transaction()?;
        // SQLite takes the snapshot at the first read, not at BEGIN.
        tx.prepare_cached("SELECT 1 FROM sqlite_schema LIMIT 1")?.exists([])?;
        Ok(tx)
    };
    begin().map_err(StoreError::io::<rusqlite::Error>("beginning to read hot.db"))
}

/// Batches of finished calls that touch a stretch of time: sequence, first and last start.
pub(crate) fn batch_spans(
    db: &Connection,
    from: i64,
    to: i64,
) -> Result<Vec<(i64, i64, i64)>, StoreError> {
    let read = || {
        db.prepare_cached(
            "SELECT seq, min_time, max_time FROM batches \
             WHERE kind=?1 AND min_time < ?3 AND max_time >= ?2 ORDER BY max_time DESC",
        )?
        .query_map(params![Kind::Calls as i64, from, to], |r| {
            Ok((r.get(0)?, r.get(1)?, r.get(2)?))
        })?
        .collect::<rusqlite::Result<Vec<_>>>()
    };
    read().map_err(StoreError::io::<rusqlite::Error>("listing batches"))
}

fn add_stored(db: &Connection, plan: &mut Plan) -> Result<(), StoreError> {
    let failed = StoreError::io::<rusqlite::Error>;
    let mut statement = db
        .prepare_cached(
            "SELECT bucket, blob FROM rollups \
             WHERE level=?1 AND series=?2 AND bucket>=?3 AND bucket<?4",
        )
        .map_err(failed("reading rollups"))?;
    let series: Vec<u32> = plan.series.keys().copied().collect();
    for (level, from, to) in plan.stretches() {
        if from >= to {
            continue;
        }
        let minutes = if level == HOUR_LEVEL { MINUTES_PER_HOUR } else { 1 };
        for id in &series {
            let mut rows =
                statement.query(params![level, id, from, to]).map_err(failed("reading rollups"))?;
            while let Some(row) = rows.next().map_err(failed("reading rollups"))? {
                let (bucket, blob) = row
                    .get(0)
                    .and_then(|b: i64| Ok((b, row.get_ref(1)?.as_blob()?)))
                    .map_err(failed("reading a rollup"))?;
                let rollup = packed::open_rollup(blob).map_err(|e| StoreError::Damaged {
                    what: format!("rollup {level}/{id}/{bucket}"),
                    detail: e.to_string(),
                })?;
                plan.add(bucket * minutes, *id, &rollup);
            }
        }
    }
    Ok(())
}
