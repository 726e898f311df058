//! The one writer.

mod amending;
mod pack;
mod sealing;

use crate::amend::{self, Edit, Merge};
use crate::checkpoint::Checkpointer;
use crate::damage::{self, Missing};
use crate::dedupe::{Here, Key, Seen};
use crate::hot::{self, Kind};
use crate::live::Live;
use crate::lock::DirLock;
use crate::read::Shared;
use crate::replay;
use crate::seal::Sealed;
use crate::{Event, Gap, Reader, StoreError, fsck, sights, wal};
use flowgauge_logic::call::{Call, Source, Status};
use flowgauge_logic::id::CallId;
use flowgauge_logic::unit::UnixMicros;
use flowgauge_logic::witness::Witnesses;
pub(crate) use pack::begin;
use pack::{Packed, delete_batches, insert_events, still_open};
use rusqlite::{Connection, params};
use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

/// Generations that wait for their segment at most, beside the one being written: beyond, the writer
/// waits for the oldest, and senders feel it. A start replays what is not sealed at 2 µs a row, and
/// three generations are what it can replay in 2 s.
const MAX_FROZEN: usize = 1;
/// Pause after a sealing that failed; the rows are safe in their batches meanwhile.
const SEAL_RETRY_US: i64 = UnixMicros::MINUTE;

/// Limits of the store.
#[derive(Debug, Clone)]
pub struct Options {
    /// Seal when unsealed batches reach this many bytes: restart replays no more than this.
    pub seal_bytes: u64,
    /// Seal when the oldest unsealed batch is this old, µs.
    pub seal_age_us: i64,
    /// Series kept apart; later ones fold into `(other)`.
    pub max_series: usize,
    /// The evaluator whose word counts where several judged.
    pub preferred_evaluator: Option<Arc<str>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seal_bytes: 32 << 20,
            seal_age_us: 3_600_000_000,
            max_series: 5_000,
            preferred_evaluator: None,
        }
    }
}

/// What one commit makes durable together.
#[derive(Debug, Default)]
pub struct Batch {
    /// Finished calls and spans.
    pub calls: Vec<Call>,
    /// Calls just begun, in the form they have if flowgauge dies before their end.
    pub started: Vec<Call>,
    /// Events.
    pub events: Vec<Event>,
}

/// What a commit did. Calls and events both count as rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Committed {
    /// Rows stored.
    pub stored: u64,
    /// Rows known already and left out.
    pub duplicates: u64,
}

/// A store and what was found when it was opened.
#[derive(Debug)]
pub struct Opened {
    /// The writer.
    pub store: Store,
    /// Calls that were in flight when the last process died; they are rows now.
    pub interrupted: u64,
}

/// The one writer of a data directory.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    options: Options,
    pub(crate) db: Connection,
    pub(crate) shared: Arc<Shared>,
    seen: Seen,
    witnesses: Witnesses,
    open: HashMap<CallId, Call>,
    started: Vec<i64>,
    next: i64,
    pub(crate) checkpoint: Checkpointer,
    job: Option<JoinHandle<Result<Sealed, StoreError>>>,
    no_seal_before: UnixMicros,
    failed: bool,
    /// Files that left the manifest may still be on disk.
    pub(crate) dropping: bool,
    /// Told by [`Store::take_merges`].
    merges: Vec<Merge>,
    /// Told by [`Store::take_known`].
    known: Vec<(usize, usize)>,
    _lock: DirLock,
}

impl Store {
    /// Opens or creates, replays what was not sealed, deletes what a crash left behind.
    ///
    /// # Errors
    /// Another process has the directory, a newer version wrote it, or the disk refuses.
    pub fn open(dir: &Path, options: Options, now: UnixMicros) -> Result<Opened, StoreError> {
        let segments = hot::segments_dir(dir);
        fs::create_dir_all(&segments).map_err(StoreError::io("creating the data directory"))?;
        let lock = DirLock::take(dir)?;
        let torn = set_torn_log_aside(dir, now)?;
        let db = hot::open_writer(dir)?;
        if let Some(torn) = &torn {
            damage::record(&db, torn, now).map_err(StoreError::io("recording a loss"))?;
        }
        let synced = File::open(dir).and_then(|d| d.sync_all());
        synced.map_err(StoreError::io("syncing the data directory"))?;
        let mut found = replay::rebuild(dir, &db, options.max_series, now)?;
        let mut live = std::mem::take(&mut found.live);
        let found_wrong = fsck::complaints(&db, &hot::path(dir));
        torn.into_iter().chain(found_wrong).for_each(|torn| live.note_missing(torn));
        let mut store = Self {
            dir: dir.to_owned(),
            options,
            checkpoint: Checkpointer::start(dir)?,
            shared: Arc::new(Shared::new(dir.to_owned(), segments, live)),
            seen: found.seen,
            witnesses: sights::load(&db, found.sights, now)?,
            open: found.open,
            started: found.started,
            next: found.next,
            db,
            job: None,
            no_seal_before: UnixMicros(i64::MIN),
            failed: false,
            dropping: true,
            merges: Vec::new(),
            known: Vec::new(),
            _lock: lock,
        };
        store.unlink_dropped()?;
        let interrupted = store.end_open_calls(now)?;
        Ok(Opened { store, interrupted })
    }

    /// Opens the files again after a failure, and learns from them what the failed commit left.
    /// Calls in flight stay in flight. Keeps the directory and every reader.
    ///
    /// # Errors
    /// As [`Store::open`]; the store stays closed to commits then.
    pub fn reopen(&mut self, now: UnixMicros) -> Result<(), StoreError> {
        self.failed = true;
        if let Some(job) = self.job.take() {
            // Its segment is swept below where it is not listed.
            drop(job.join());
        }
        let db = hot::open_writer(&self.dir)?;
        // A write that proves that the disk takes writes, before the work of reading everything.
        db.pragma_update(None, "user_version", hot::FORMAT)
            .map_err(StoreError::io("writing to hot.db"))?;
        let mut found = replay::rebuild(&self.dir, &db, self.options.max_series, now)?;
        self.witnesses = sights::load(&db, std::mem::take(&mut found.sights), now)?;
        self.checkpoint = Checkpointer::start(&self.dir)?;
        self.db = db;
        self.shared.replace(std::mem::take(&mut found.live));
        self.seen = found.seen;
        self.open = found.open;
        self.started = found.started;
        self.next = found.next;
        self.failed = false;
        Ok(())
    }

    /// Makes a batch durable. On return it survives SIGKILL and power loss.
    ///
    /// # Errors
    /// The disk refuses. Nothing of the batch counts then; [`Store::reopen`] before the next commit.
    pub fn commit(&mut self, batch: Batch, now: UnixMicros) -> Result<Committed, StoreError> {
        let done = self.commit_group(std::slice::from_ref(&batch), now)?;
        Ok(done.first().copied().unwrap_or_default())
    }

    /// Makes several batches durable at once and says what became of each.
    ///
    /// # Errors
    /// As [`Store::commit`]: all of them or none.
    pub fn commit_group(
        &mut self,
        batches: &[Batch],
        now: UnixMicros,
    ) -> Result<Vec<Committed>, StoreError> {
        self.ready()?;
        let done = self.commit_rows(batches, now);
        self.failed |= done.is_err();
        if done.is_ok()
            && let Err(error) = self.seal_if_due(now)
        {
            // The rows are durable; the next commit finds the store failed.
            tracing::error!(%error, "sealing failed");
            self.failed = true;
        }
        done
    }

    /// Rows that count in another's place since the last commit or amendment: durable, told once.
    pub fn take_merges(&mut self) -> Vec<Merge> {
        std::mem::take(&mut self.merges)
    }

    /// Calls of the last commit that were known already: which batch, and which of its calls.
    pub fn take_known(&mut self) -> Vec<(usize, usize)> {
        std::mem::take(&mut self.known)
    }

    /// Keeps a stretch of lost calls.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn record_gap(&mut self, gap: &Gap) -> Result<(), StoreError> {
        self.ready()?;
        let done = self.db.execute(
            "INSERT INTO gaps(from_time, to_time, lost, reason) VALUES(?1,?2,?3,?4)",
            params![gap.from.0, gap.to.0, gap.lost.cast_signed(), gap.reason],
        );
        self.failed |= done.is_err();
        done.map(drop).map_err(StoreError::io("recording a gap"))
    }

    /// Begins to seal where it is time, and lists a segment that has been written meanwhile.
    ///
    /// # Errors
    /// The database refuses; [`Store::reopen`] before the next commit.
    pub fn seal_if_due(&mut self, now: UnixMicros) -> Result<(), StoreError> {
        self.ready()?;
        if self.job.as_ref().is_some_and(JoinHandle::is_finished) {
            self.land(now)?;
        }
        if self.dropping {
            self.unlink_dropped()?;
        }
        if self.is_due(now) {
            self.shared.live_mut().freeze();
        }
        if now >= self.no_seal_before {
            self.begin_seal()?;
        }
        if self.shared.live().frozen.len() > MAX_FROZEN {
            self.land(now)?;
        }
        Ok(())
    }

    /// Seals everything and waits for it.
    ///
    /// # Errors
    /// The disk refuses; what was not sealed stays in its batches.
    pub fn seal_now(&mut self, now: UnixMicros) -> Result<(), StoreError> {
        self.ready()?;
        self.shared.live_mut().freeze();
        let mut waiting = usize::MAX;
        loop {
            let left = self.shared.live().frozen.len();
            if left == 0 || left == waiting {
                return Ok(());
            }
            waiting = left;
            self.begin_seal()?;
            self.land(now)?;
        }
    }

    /// A read handle.
    #[must_use]
    pub fn reader(&self) -> Reader {
        let preferred = self.options.preferred_evaluator.clone();
        Reader::over(Arc::clone(&self.shared)).preferring(preferred)
    }

    pub(crate) fn ready(&self) -> Result<(), StoreError> {
        if self.failed {
            return Err(StoreError::io("writing")("the store failed and is not open again yet"));
        }
        Ok(())
    }

    fn is_due(&self, now: UnixMicros) -> bool {
        let live = self.shared.live();
        let g = &live.current;
        let aged = g.oldest.is_some_and(|t| now.0.saturating_sub(t.0) >= self.options.seal_age_us);
        !g.batches.is_empty() && (aged || g.bytes >= self.options.seal_bytes || g.is_full())
    }

    fn commit_rows(
        &mut self,
        batches: &[Batch],
        now: UnixMicros,
    ) -> Result<Vec<Committed>, StoreError> {
        self.know_imports(batches)?;
        let (mut here, mut fresh, mut keys) = (Here::default(), Vec::new(), Vec::new());
        let mut done = Vec::with_capacity(batches.len());
        self.known.clear();
        for (part, batch) in batches.iter().enumerate() {
            let (new, new_keys) = self.seen.fresh(batch.calls.iter(), &mut here);
            let duplicates = (batch.calls.len() - new.len()) as u64;
            if duplicates > 0 {
                self.known.extend(left_out(&batch.calls, &new).map(|at| (part, at)));
            }
            done.push(Committed { stored: new.len() as u64, duplicates });
            fresh.extend(new);
            keys.extend(new_keys);
        }
        let begun = still_open(batches, &fresh);
        // A start comes before its end in the order of replay.
        let started = self.packed(&begun, Kind::Started, now)?;
        let begun = still_open(batches, &fresh);
        let drafts = self.meet(&fresh, now)?;
        let edits = amending::edits_of(&drafts);
        let merges = amending::merges_of(&drafts);
        let fresh: Vec<&Call> =
            fresh.into_iter().map(|c| drafts.get(&c.id).map_or(c, |d| &d.new)).collect();
        let calls = self.packed(&fresh, Kind::Calls, now)?;
        let amended = self.packed_edits(&edits, now)?;
        if calls.is_none() && started.is_none() && batches.iter().all(|b| b.events.is_empty()) {
            return Ok(done);
        }
        let tx = begin(&self.db)?;
        for packed in calls.iter().chain(&started).chain(&amended) {
            packed.insert(&tx)?;
        }
        if let Some(p) = &amended {
            amend::insert(&tx, &edits, p.row.seq, now)?;
        }
        for (batch, done) in batches.iter().zip(&mut done) {
            let new = insert_events(&tx, &batch.events)?;
            done.stored += new;
            done.duplicates += batch.events.len() as u64 - new;
        }
        tx.commit().map_err(StoreError::io("committing a batch"))?;
        let bytes =
            [&calls, &started, &amended].into_iter().flatten().map(|p| p.blob.len() as u64).sum();
        self.open.extend(begun.into_iter().map(|c| (c.id, c.clone())));
        self.started.extend(started.iter().map(|p| p.row.seq));
        self.remember(&fresh, keys, calls.as_ref(), (&edits, amended.as_ref()), now);
        self.checkpoint.wrote(bytes, &self.db);
        self.merges = merges;
        Ok(done)
    }

    /// Fingerprints of sealed imports are read when the first import arrives: most starts need none.
    fn know_imports(&mut self, batches: &[Batch]) -> Result<(), StoreError> {
        let imported = |c: &Call| c.origin.source == Source::Import;
        if self.seen.lacks_imports() && batches.iter().any(|b| b.calls.iter().any(imported)) {
            let keys = replay::sealed_imports(&self.db);
            self.seen.load_imports(keys.map_err(StoreError::io("reading import fingerprints"))?);
        }
        Ok(())
    }

    /// Takes durable rows into memory.
    fn remember(
        &mut self,
        fresh: &[&Call],
        keys: Vec<Key>,
        packed: Option<&Packed>,
        (edits, amended): (&[Edit], Option<&Packed>),
        now: UnixMicros,
    ) {
        self.seen.remember(keys, now);
        for call in fresh {
            self.open.remove(&call.id);
        }
        // Both under one lock: readers see a call in one place or in the other.
        let mut live = self.shared.live_mut();
        let Live { series, current, .. } = &mut *live;
        if let Some(p) = packed {
            current.add(p.row.seq, fresh, p.blob.len() as u64, now, series);
        }
        if let Some(p) = amended {
            current.amend(p.row.seq, edits, p.blob.len() as u64, now, series);
        }
    }

    fn packed(
        &mut self,
        calls: &[&Call],
        kind: Kind,
        now: UnixMicros,
    ) -> Result<Option<Packed>, StoreError> {
        if calls.is_empty() {
            return Ok(None);
        }
        let packed = Packed::new(self.next, calls, kind, now)?;
        self.next += 1;
        Ok(Some(packed))
    }

    /// Calls that were in flight when the last process died become rows.
    fn end_open_calls(&mut self, now: UnixMicros) -> Result<u64, StoreError> {
        if self.started.is_empty() {
            return Ok(0);
        }
        let mut ended: Vec<Call> = self.open.drain().map(|(_, call)| call).collect();
        ended.sort_by_key(|c| (c.time.start, c.id));
        for call in &mut ended {
            call.outcome.status = Status::Interrupted;
        }
        let ended: Vec<&Call> = ended.iter().collect();
        let packed = self.packed(&ended, Kind::Calls, now)?;
        let tx = begin(&self.db)?;
        if let Some(p) = &packed {
            p.insert(&tx)?;
        }
        delete_batches(&tx, &self.started)?;
        tx.commit().map_err(StoreError::io("ending interrupted calls"))?;
        self.started.clear();
        let keys = ended.iter().map(|c| crate::dedupe::key_of(c)).collect();
        self.remember(&ended, keys, packed.as_ref(), (&[], None), now);
        Ok(ended.len() as u64)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Some(job) = self.job.take() {
            // Its rows are in their batches; the next start sweeps the file.
            drop(job.join());
        }
    }
}

/// Keeps a copy of a write-ahead log that is damaged, before SQLite cuts it where the damage begins.
fn set_torn_log_aside(dir: &Path, now: UnixMicros) -> Result<Option<Missing>, StoreError> {
    let failed = StoreError::io::<std::io::Error>;
    let log = dir.join("hot.db-wal");
    let Some(why) = wal::damage(&log).map_err(failed("checking hot.db-wal"))? else {
        return Ok(None);
    };
    let aside = dir.join("quarantine");
    fs::create_dir_all(&aside).map_err(failed("making the quarantine"))?;
    let name = format!("hot.db-wal.{}", now.0);
    fs::copy(&log, aside.join(&name)).map_err(failed("copying a damaged log"))?;
    let what = format!("hot.db-wal: {why}; a copy is quarantine/{name}");
    Ok(Some(Missing::anywhere(what)))
}

/// Which of a batch's calls are not among the new ones, which keep their order.
fn left_out<'a>(calls: &'a [Call], new: &'a [&'a Call]) -> impl Iterator<Item = usize> + 'a {
    let mut new = new.iter().peekable();
    calls.iter().enumerate().filter_map(move |(at, call)| {
        new.next_if(|next| std::ptr::eq(**next, call)).is_none().then_some(at)
    })
}
