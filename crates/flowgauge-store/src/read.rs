//! Read-only handles: rollups, raw rows, events, gaps.

use crate::ask::{CallQuery, Gap, Group, RollupQuery, StoreStatus};
use crate::damage::{self, Missing};
use crate::hot::{self, Kind, SegmentRow};
use crate::live::Live;
use crate::lock::DirLock;
use crate::newest::Newest;
use crate::pins::Pins;
use crate::plan::Plan;
use crate::seal::{HOUR_LEVEL, MINUTES_PER_HOUR};
use crate::segment::{self, Segment};
use crate::{AmendmentRow, Event, StoreError, amend, codec, fsck, packed, replay, wal};
use flowgauge_logic::call::Call;
use flowgauge_logic::id::CallId;
use flowgauge_logic::rollup::Spreads;
use flowgauge_logic::unit::UnixMicros;
use flowgauge_logic::window::Window;
use parking_lot::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
use rusqlite::{Connection, Transaction, params};
use std::collections::HashMap;
use std::fmt;
use std::os::unix::fs::MetadataExt;
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
    /// Files whose bytes were checked, as they were then, and whether they are whole.
    verified: Mutex<HashMap<String, (Mark, bool)>>,
    /// Segments others read by path.
    pub(crate) pins: Pins,
    /// Held while a question is asked: nothing is unlinked under it.
    files: RwLock<()>,
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
            pins: Pins::default(),
            files: RwLock::default(),
            copy: None,
        }
    }

    pub(crate) fn segments_dir(&self) -> &Path {
        &self.segments
    }

    /// Whether nobody writes to the directory meanwhile.
    pub(crate) const fn is_copy(&self) -> bool {
        self.copy.is_some()
    }

    /// Nothing while somebody asks a question.
    pub(crate) fn no_questions(&self) -> Option<RwLockWriteGuard<'_, ()>> {
        self.files.try_write()
    }

    /// What was believed of files so far: their bytes are looked at again.
    pub(crate) fn doubt(&self) {
        self.verified.lock().clear();
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
        // Questions ask further ones: a waiting unlink must not come between.
        let _files = self.files.read_recursive();
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
        if !self.is_whole(row) {
            return None;
        }
        match Segment::open(&self.segments, &row.file) {
            Ok(s) => Some(s),
            Err(e) => {
                self.live.write().note_missing(row.missing(&e));
                None
            }
        }
    }

    /// Checks a file against its checksum when it is first met and whenever it was written to since.
    pub(crate) fn is_whole(&self, row: &SegmentRow) -> bool {
        let mark = Mark::of(&self.path_of(row));
        let known = self.verified.lock().get(&row.file).copied();
        if let (Some((before, whole)), Some(mark)) = (known, mark)
            && before == mark
        {
            return whole;
        }
        let checked = segment::verify(&self.segments, row);
        match &checked {
            Ok(()) if known.is_some_and(|(_, whole)| !whole) => {
                self.live.write().lift_missing(&row.named());
            }
            Ok(()) => {}
            Err(why) => self.live.write().note_missing(row.missing(why)),
        }
        let mut verified = self.verified.lock();
        match mark {
            Some(mark) => verified.insert(row.file.clone(), (mark, checked.is_ok())),
            None => verified.remove(&row.file),
        };
        checked.is_ok()
    }
}

/// A file as its directory knows it; every write changes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
}

impl Mark {
    fn of(file: &Path) -> Option<Self> {
        let about = std::fs::metadata(file).ok()?;
        let changed = (about.ctime(), about.ctime_nsec());
        Some(Self { inode: about.ino(), bytes: about.len(), changed })
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
        let torn =
            wal::damage(&copy.path().join("hot.db-wal")).map_err(copying("checking hot.db-wal"))?;
        let db = hot::open_writer(copy.path())?;
        let mut live = replay::replay(&db, ANY_SERIES)?.live;
        for missing in fsck::complaints(&db, &hot::path(copy.path())) {
            live.note_missing(missing);
        }
        if let Some(why) = torn {
            live.note_missing(Missing::anywhere(format!("hot.db-wal: {why}")));
        }
        let mut shared = Shared::new(copy.path().to_owned(), hot::segments_dir(dir), live);
        shared.copy = Some(copy);
        shared.pool.lock().push(db);
        Ok(Self::over(Arc::new(shared)))
    }

    /// Merged rollups, groups sorted by step, then key. No group for what holds no call. Before
    /// [`StoreStatus::minutes_from`] they are of whole hours: a window that cuts one there is widened,
    /// as the group's start says, and a step shorter than an hour has the hour's calls in its first.
    ///
    /// # Errors
    /// The database cannot be read, or a rollup is damaged.
    pub fn rollups(&self, query: &RollupQuery) -> Result<Vec<Group>, StoreError> {
        self.rollups_of(query, Spreads::ALL)
    }

    /// The same with only some distributions whole, which is most of the work: of the others count and sum.
    ///
    /// # Errors
    /// As [`Self::rollups`].
    pub fn rollups_of(
        &self,
        query: &RollupQuery,
        spreads: Spreads,
    ) -> Result<Vec<Group>, StoreError> {
        self.shared.with(|db| {
            // Memory and disk are looked at in one moment: sealing moves rollups from one to the other.
            let live = self.shared.live();
            let tx = snapshot(db)?;
            let minutes_from = hot::get_mark(&tx, hot::mark::MINUTES_FROM)
                .map_err(StoreError::io("reading hot.db"))?;
            let mut plan = Plan::new(query, spreads, &live.series, minutes_from);
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
            for (seq, _, max) in self.batch_spans(&tx, newest.from(), newest.to())? {
                if newest.beats(max) {
                    break;
                }
                newest.offer(self.batch(&tx, seq)?);
            }
            let mut segments: Vec<SegmentRow> = hot::readable(&tx)?
                .into_iter()
                .filter(|s| s.min_time < newest.to() && s.max_time >= newest.from())
                .collect();
            segments.sort_by_key(|s| std::cmp::Reverse(s.max_time));
            let mut groups = query.groups;
            for row in &segments {
                if newest.beats(row.max_time) || groups == 0 {
                    break;
                }
                self.offer_segment(&tx, row, &mut newest, &mut groups)?;
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
        groups: &mut usize,
    ) -> Result<(), StoreError> {
        let Some(segment) = self.shared.segment(row) else { return Ok(()) };
        for (i, (min, max)) in segment.groups().iter().enumerate().rev() {
            if newest.beats(*max) || *groups == 0 {
                break;
            }
            if *min >= newest.to() || *max < newest.from() {
                continue;
            }
            *groups -= 1;
            let mut amended = HashMap::new();
            amend::forms_between(db, *min, max.saturating_add(1), &mut |call| {
                amended.insert(call.id, call);
            })?;
            match last_of_group(&segment, i, newest, &amended) {
                Ok(mut rows) => {
                    self.overlay(db, &mut rows)?;
                    newest.offer(rows);
                }
                Err(e) => self.note(row, &*e),
            }
        }
        Ok(())
    }

    /// About how many rows of any kind start in a window: as if those of a file were spread evenly over its time.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn rows_about(&self, window: Window) -> Result<u64, StoreError> {
        self.shared.with(|db| {
            let live: u64 = self.shared.live().generations().map(|g| g.rows).sum();
            let (from, to) = (window.from.0, window.to.0);
            let sealed = hot::readable(db)?.into_iter().map(|s| {
                let both = to.min(s.max_time + 1).saturating_sub(from.max(s.min_time)).max(0);
                let whole = i128::from(s.max_time.saturating_sub(s.min_time).saturating_add(1));
                u64::try_from(i128::from(s.rows) * i128::from(both) / whole.max(1)).unwrap_or(0)
            });
            Ok(live + sealed.sum::<u64>())
        })
    }

    pub(crate) fn note(&self, row: &SegmentRow, why: &dyn fmt::Display) {
        self.shared.live_mut().note_missing(row.missing(why));
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

    /// Batches of finished calls that touch a stretch of time, newest first: sequence, first and
    /// last start. Those whose times are damaged are named and left out.
    pub(crate) fn batch_spans(
        &self,
        db: &Connection,
        from: i64,
        to: i64,
    ) -> Result<Vec<(i64, i64, i64)>, StoreError> {
        let rows = hot::batches(db).map_err(StoreError::io("listing batches"))?;
        let mut out = Vec::with_capacity(rows.len());
        for row in rows {
            let (min, max) = row.span;
            if !row.sound {
                self.shared.live_mut().note_missing(row.missing("has damaged times or counts"));
            } else if row.kind == Kind::Calls as i64 && min < to && max >= from {
                out.push((row.seq, min, max));
            }
        }
        out.sort_by_key(|(_, _, max)| std::cmp::Reverse(*max));
        Ok(out)
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
                let rows = hot::batches(db).map_err(StoreError::io("listing batches"))?;
                let row = rows.iter().find(|b| b.seq == seq);
                let missing = row.map_or_else(
                    || Missing::anywhere(format!("batch {seq} {e}")),
                    |row| row.missing(&e.to_string()),
                );
                self.shared.live_mut().note_missing(missing);
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

    /// What is missing from answers, as far as it is known without reading any file.
    fn losses(&self, db: &Connection, live: &Live) -> Result<Vec<Missing>, StoreError> {
        let mut losses = damage::recorded(db).map_err(StoreError::io("reading recorded losses"))?;
        losses.extend(
            live.missing.iter().filter(|m| !losses.contains(m)).cloned().collect::<Vec<_>>(),
        );
        Ok(losses)
    }

    /// Sizes and health.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn status(&self) -> Result<StoreStatus, StoreError> {
        self.shared.with(|db| {
            let live = self.shared.live();
            let segments = hot::segments(db)?;
            let sum = |f: fn(&crate::live::Generation) -> u64| live.generations().map(f).sum();
            Ok(StoreStatus {
                batches: sum(|g| g.batches.len() as u64),
                batch_bytes: sum(|g| g.bytes),
                unsealed_rows: sum(|g| g.rows),
                segments: segments.len() as u64,
                segment_rows: segments.iter().map(|s| s.rows).sum(),
                segment_bytes: segments.iter().map(|s| s.bytes).sum(),
                damage: live.damage.clone(),
                missing: self.losses(db, &live)?,
                raw_from: moment(db, hot::mark::RAW_FROM, 1)?,
                minutes_from: moment(db, hot::mark::MINUTES_FROM, UnixMicros::MINUTE)?,
            })
        })
    }
}

/// The newest rows of a group that are wanted: first by the columns that say so, then what is wanted of them.
fn last_of_group(
    segment: &Segment,
    group: usize,
    newest: &Newest<'_>,
    amended: &HashMap<CallId, Call>,
) -> Result<Vec<Call>, Box<dyn std::error::Error + Send + Sync>> {
    let query = newest.query();
    if amended.is_empty() && !segment.may_hold(group, &query.demands()) {
        return Ok(Vec::new());
    }
    let deciding = query.deciding(!amended.is_empty());
    let wants = |call: &Call| newest.wants(amended.get(&call.id).unwrap_or(call));
    let (places, of) = segment.last_of(group, &deciding, query.limit, &wants)?;
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let columns = query.part.columns().map(|part| [&part[..], &deciding, &["call_id"]].concat());
    segment.picked(group, &places, of, columns.as_deref())
}

/// A mark that is a moment, in units of so many microseconds.
fn moment(db: &Connection, name: &str, unit: i64) -> Result<Option<UnixMicros>, StoreError> {
    let value = hot::get_mark(db, name).map_err(StoreError::io("reading hot.db"))?;
    Ok(value.map(|v| UnixMicros(v.saturating_mul(unit))))
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
                let place = (level, *id, bucket);
                packed::peek_rollup(place, blob)
                    .and_then(|rollup| plan.add_packed(bucket * minutes, *id, rollup))
                    .map_err(|e| StoreError::Damaged {
                        what: format!("rollup {level}/{id}/{bucket}"),
                        detail: e.to_string(),
                    })?;
            }
        }
    }
    Ok(())
}
