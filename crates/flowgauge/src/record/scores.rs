//! Scores made durable and attached to their calls, whichever of the two comes first.
//!
//! A score that finds no call waits. The look-out listens to finished calls while any score waits,
//! and looks in the store for those whose call may have come. Refuses to drop a score: one whose
//! call never comes stays, unattached.

mod find;
mod recheck;
mod waiting;

#[cfg(test)]
mod tests;

use super::{Recorder, Refused};
use crate::config::Evaluator;
use crate::logic::call::Call;
use crate::logic::id::CallId;
use crate::logic::score::{Attached, Reference, Scale, Score, ScoreKind};
use crate::logic::unit::UnixMicros;
use crate::logic::window::Window;
use crate::serve::clock::Clock;
use crate::store::{Merge, Put, Reader, ScoreQuery, Scores, StoreError};
use parking_lot::{Mutex, RwLock};
use recheck::Recheck;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use waiting::Waiting;

/// Between two looks: a rating given at once is attached a second later at most.
const ROUND: Duration = Duration::from_secs(1);
/// Looked for in one round: as many as a busy evaluator sends in a second.
const PER_ROUND: usize = 1_000;
/// Calls scored so long before a start are looked at once more after it.
const RECHECK_AT_START: i64 = UnixMicros::HOUR;
/// Advice when the disk refuses: it is tried again as often as the store itself.
const RETRY_S: u32 = 1;

/// Evaluations of one call that are read again when it is attached late: more judges than anybody asks.
const MOST_JUDGES: usize = 64;

/// Hears of scores once they are durable and attached to their call. Runs where scores are stored, so it must be quick
/// and never wait.
pub trait HeardScores: Send + Sync + std::fmt::Debug {
    /// A score about a call. The same may be told again.
    fn scored(&self, call: CallId, score: &Score);
}

/// Keeps scores. One for each data directory.
#[derive(Debug)]
pub struct ScoreBook {
    store: Scores,
    recorder: Recorder,
    clock: Clock,
    evaluators: Vec<Evaluator>,
    waiting: Mutex<Waiting>,
    recheck: Mutex<Recheck>,
    listeners: RwLock<Vec<Arc<dyn HeardScores>>>,
}

/// What became of scores handed in.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    utoipa::ToSchema,
)]
pub struct Kept {
    /// New.
    pub stored: u64,
    /// Took the place of an earlier one of the same judge about the same call.
    pub replaced: u64,
    /// Said nothing new.
    pub unchanged: u64,
    /// Attached to their call; the others wait for it.
    pub attached: u64,
}

impl ScoreBook {
    /// Opens the tables and remembers which scores wait.
    ///
    /// # Errors
    /// When the database cannot be opened.
    pub fn open(
        dir: &Path,
        recorder: Recorder,
        clock: Clock,
        evaluators: Vec<Evaluator>,
    ) -> Result<Arc<Self>, StoreError> {
        let store = Scores::open(dir)?;
        let mut waiting = Waiting::default();
        for (id, about) in store.waiting(waiting::MOST)? {
            waiting.add(id, about);
        }
        let now = clock.now();
        let mut recheck = Recheck::default();
        let since = UnixMicros(now.0.saturating_sub(RECHECK_AT_START));
        for call in store.scored_since(since, recheck::MOST)? {
            recheck.note(call, now);
        }
        let (waiting, recheck) = (Mutex::new(waiting), Mutex::new(recheck));
        let listeners = RwLock::default();
        Ok(Arc::new(Self { store, recorder, clock, evaluators, waiting, recheck, listeners }))
    }

    /// Tells of every score that is attached from now on.
    pub fn listen(&self, listener: Arc<dyn HeardScores>) {
        self.listeners.write().push(listener);
    }

    fn tell(&self, call: CallId, score: &Score) {
        self.listeners.read().iter().for_each(|l| l.scored(call, score));
    }

    /// Tells of the scores of calls that were attached later than they came.
    fn tell_late(&self, reader: &Reader, calls: impl Iterator<Item = CallId>) {
        if self.listeners.read().is_empty() {
            return;
        }
        for call in calls {
            let query = ScoreQuery {
                window: Window { from: UnixMicros(0), to: UnixMicros(i64::MAX) },
                kind: Some(ScoreKind::Evaluation),
                call: Some(call),
                limit: MOST_JUDGES,
            };
            match reader.scores(&query) {
                Ok(rows) => rows.iter().for_each(|row| self.tell(call, &row.score)),
                Err(error) => tracing::warn!(%error, %call, "scores of a call were not told of"),
            }
        }
    }

    /// Reads the value on the scale its evaluator declares; the declared version stands where the
    /// sender names none.
    fn read(&self, score: &mut Score) {
        let declared = self.evaluators.iter().find(|e| e.name == score.evaluator);
        if let Some(version) = declared.and_then(|e| e.version.as_ref())
            && score.version.is_empty()
        {
            score.version.clone_from(version);
        }
        score.read_on(declared.map_or_else(Scale::default, |e| e.scale), score.raw);
    }

    /// Makes scores durable, attached where their call is known.
    ///
    /// # Errors
    /// The disk refuses; nothing of them is stored then.
    pub async fn keep(self: &Arc<Self>, scores: Vec<Score>) -> Result<Kept, Refused> {
        if scores.is_empty() {
            return Ok(Kept::default());
        }
        let book = Arc::clone(self);
        let kept = tokio::task::spawn_blocking(move || book.keep_now(scores)).await;
        let refused = |reason: String| Refused { reason, retry_after_s: RETRY_S };
        match kept {
            Ok(Ok(kept)) => Ok(kept),
            Ok(Err(e)) => Err(refused(format!("scores cannot be stored: {e}"))),
            Err(e) => Err(refused(format!("storing scores ended without an answer: {e}"))),
        }
    }

    fn keep_now(&self, mut scores: Vec<Score>) -> Result<Kept, StoreError> {
        for score in scores.iter_mut().filter(|s| s.kind == ScoreKind::Evaluation) {
            self.read(score);
        }
        let abouts: Vec<&Reference> = scores.iter().map(|s| &s.about).collect();
        let found = match self.recorder.reader() {
            Some(reader) => Self::look(&reader, &abouts)?,
            // Labels do not wait for the store of calls: they are attached once it opens.
            None => vec![None; scores.len()],
        };
        let rows: Vec<(Score, Option<Attached>)> = scores.into_iter().zip(found).collect();
        let mut kept = Kept::default();
        let done = self.store.put(&rows)?;
        self.recheck_later(rows.iter().filter_map(|(_, attached)| attached.as_ref()));
        let mut waiting = self.waiting.lock();
        for ((score, attached), put) in rows.into_iter().zip(done) {
            match put {
                Put::Stored => kept.stored += 1,
                Put::Replaced => kept.replaced += 1,
                Put::Unchanged => kept.unchanged += 1,
            }
            kept.attached += u64::from(attached.is_some());
            if let Some(to) = attached.as_ref().filter(|_| put != Put::Unchanged) {
                self.tell(to.call, &score);
            }
            if attached.is_none() && put != Put::Unchanged {
                waiting.add(score.id, score.about);
            }
        }
        Ok(kept)
    }

    fn look(reader: &Reader, abouts: &[&Reference]) -> Result<Vec<Option<Attached>>, StoreError> {
        let calls = find::calls(reader, abouts)?;
        Ok(calls.iter().map(|call| call.as_ref().map(Attached::to)).collect())
    }

    /// One round: looks for the calls of scores that may have come. Says how many it attached.
    ///
    /// # Errors
    /// The store cannot be read, or the disk refuses; the scores wait on.
    pub fn settle(&self) -> Result<usize, StoreError> {
        let Some(reader) = self.recorder.reader() else { return Ok(0) };
        let due = self.waiting.lock().due(PER_ROUND);
        if due.is_empty() {
            return Ok(0);
        }
        let abouts: Vec<&Reference> = due.iter().map(|(_, about)| about).collect();
        let found = Self::look(&reader, &abouts)?;
        let found: Vec<(CallId, Attached)> =
            due.iter().zip(found).filter_map(|((id, _), to)| Some((*id, to?))).collect();
        self.store.attach(&found)?;
        self.recheck_later(found.iter().map(|(_, attached)| attached));
        {
            let mut waiting = self.waiting.lock();
            found.iter().for_each(|(id, _)| waiting.remove(*id));
        }
        self.tell_late(&reader, found.iter().map(|(_, to)| to.call));
        Ok(found.len())
    }

    fn recheck_later<'a>(&self, attached: impl Iterator<Item = &'a Attached>) {
        let now = self.clock.now();
        let mut recheck = self.recheck.lock();
        attached.for_each(|to| recheck.note(to.call, now));
    }

    /// Moves scores of rows that count in another's place by now. Says how many rows those were.
    fn follow(
        &self,
        look: impl Fn(CallId) -> Result<Option<Call>, StoreError>,
    ) -> Result<usize, StoreError> {
        let (mut due, merged) = {
            let mut recheck = self.recheck.lock();
            (recheck.due(self.clock.now()), recheck.take_merged())
        };
        due.extend(self.store.scored_among(&merged)?);
        let mut moves = Vec::new();
        for id in due {
            let Some(call) = look(id)? else { continue };
            let counting = find::counting(&look, call)?;
            if counting.id != id {
                moves.push((id, Attached::to(&counting)));
            }
        }
        if !moves.is_empty() {
            self.store.move_to(&moves)?;
            self.recheck_later(moves.iter().map(|(_, to)| to));
            if let Some(reader) = self.recorder.reader() {
                self.tell_late(&reader, moves.iter().map(|(_, to)| to.call));
            }
        }
        Ok(moves.len())
    }

    fn merged(&self, rows: &[Merge]) {
        let mut recheck = self.recheck.lock();
        rows.iter().for_each(|m| recheck.merged(m.row));
    }

    /// Attaches scores as their calls come, until told to stop.
    pub async fn look_out(self: Arc<Self>, stop: CancellationToken) {
        let mut rounds = interval(ROUND);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Listening costs the gateway a copy of each call, so nobody listens while nothing waits.
        let mut calls = None;
        let mut merges = self.recorder.merges();
        loop {
            let next_call = async {
                match &mut calls {
                    Some(calls) => tokio::sync::broadcast::Receiver::recv(calls).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                _ = rounds.tick() => {
                    if self.waiting.lock().is_empty() {
                        calls = None;
                    } else if calls.is_none() {
                        // What came before anybody listened is looked for once.
                        calls = Some(self.recorder.live());
                        self.waiting.lock().all_due();
                    }
                    self.round().await;
                }
                call = next_call => match call {
                    Ok(call) => self.waiting.lock().came(&call),
                    Err(RecvError::Lagged(_)) => self.waiting.lock().all_due(),
                    Err(RecvError::Closed) => return,
                },
                rows = merges.recv() => match rows {
                    Ok(rows) => self.merged(&rows),
                    // Scores of the last quarter of an hour are looked at again by themselves.
                    Err(RecvError::Lagged(commits)) => {
                        tracing::warn!(commits, "scores of merged rows may follow late");
                    }
                    Err(RecvError::Closed) => return,
                }
            }
        }
    }

    async fn round(self: &Arc<Self>) {
        let book = Arc::clone(self);
        let work = move || {
            book.settle()?;
            book.store.sum_up(book.clock.now())?;
            match book.recorder.reader() {
                Some(reader) => book.follow(|id| reader.call(id)),
                None => Ok(0),
            }
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "scores could not be attached; they wait"),
            Err(error) => tracing::error!(%error, "attaching scores ended without an answer"),
        }
    }
}
