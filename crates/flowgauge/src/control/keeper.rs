//! The thread that makes changes of control durable: all that came meanwhile in one commit, again and again until the
//! disk takes them. Where there are many it folds the oldest, so that no change takes longer than the one before.

use super::latch::{Held, Latch};
use crate::logic::control::state::{Base, Change, Journal, State};
use crate::logic::unit::UnixMicros;
use crate::serve::clock::Clock;
use crate::store::{ControlStore, StoreError};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// Between attempts while the disk refuses.
const RETRY: Duration = Duration::from_secs(1);

/// Why the thread wakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wake {
    Write,
    Stop,
}

/// Changes from which the oldest are folded: reading so many takes a few milliseconds.
const MOST: usize = 2_000;
/// So many of the last are never folded: what the API lists, and what people take back.
const RECENT: usize = 1_000;

/// Changes, and the last of them that is on disk.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// What is folded.
    pub(super) base: Base,
    /// The rest, the oldest first.
    pub(super) changes: Vec<Change>,
    pub(super) stored: u64,
    /// Somebody waited in vain: nobody else does until the disk takes something again.
    pub(super) late: bool,
    /// What the kill switch holds since the last change, until the latch has it.
    pub(super) held: Option<Held>,
    /// Told once everything up to their change is stored.
    pub(super) waiting: Vec<(u64, oneshot::Sender<()>)>,
}

impl Log {
    pub(super) fn journal(&self) -> Journal<'_> {
        Journal::over(&self.base, &self.changes)
    }
}

/// Starts the thread.
pub(super) fn start(
    store: Arc<ControlStore>,
    log: Arc<Mutex<Log>>,
    mut latch: Option<Latch>,
    clock: Clock,
    waking: Receiver<Wake>,
) -> Result<JoinHandle<()>, StoreError> {
    std::thread::Builder::new()
        .name("fg-control".into())
        .spawn(move || run(&store, &log, latch.as_mut(), &clock, &waking))
        .map_err(StoreError::io("starting the thread of control"))
}

fn run(
    store: &ControlStore,
    log: &Mutex<Log>,
    mut latch: Option<&mut Latch>,
    clock: &Clock,
    waking: &Receiver<Wake>,
) {
    let mut failing = false;
    loop {
        let woken = if failing {
            waking.recv_timeout(RETRY)
        } else {
            waking.recv().map_err(|_| RecvTimeoutError::Disconnected)
        };
        // First: it needs no room, and a kill must hold whatever becomes of the log.
        hold(log, latch.as_deref_mut());
        failing = !write(store, log, failing);
        if !failing {
            fold(store, log, clock.now());
        }
        match woken {
            Ok(Wake::Write) | Err(RecvTimeoutError::Timeout) => {}
            Ok(Wake::Stop) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Lets the latch hold what the kill switch holds.
fn hold(log: &Mutex<Log>, latch: Option<&mut Latch>) {
    let Some(latch) = latch else { return };
    let Some(held) = log.lock().held.take() else { return };
    if let Err(error) = latch.write(held) {
        tracing::error!(%error, "the latch of the kill switch cannot be written");
        // Tried again with the log, unless another change came.
        log.lock().held.get_or_insert(held);
    }
}

/// Writes what is not on disk yet; whether all of it is now.
fn write(store: &ControlStore, log: &Mutex<Log>, was_failing: bool) -> bool {
    let new: Vec<Change> = {
        let log = log.lock();
        let known = log.changes.partition_point(|c| c.id <= log.stored);
        log.changes.get(known..).unwrap_or_default().to_vec()
    };
    let Some(last) = new.last().map(|c| c.id) else { return true };
    if let Err(error) = store.append(&new) {
        if !was_failing {
            tracing::error!(%error, "a change of control is in force and cannot be stored: a restart would forget it");
        }
        return false;
    }
    let mut log = log.lock();
    log.stored = last;
    log.late = false;
    for (_, told) in log.waiting.extract_if(.., |(upto, _)| *upto <= last) {
        // One who does not wait any more was told that it is not stored yet.
        let _gone = told.send(());
    }
    true
}

/// Folds the oldest of many changes: on disk first, so that whoever reads it meanwhile finds the one or the other, and
/// both give the same state. The lines themselves stay.
fn fold(store: &ControlStore, log: &Mutex<Log>, now: UnixMicros) {
    let (base, changes, stored) = {
        let log = log.lock();
        if log.changes.len() < MOST {
            return;
        }
        (log.base.clone(), log.changes.clone(), log.stored)
    };
    let Some((base, left)) = Journal::over(&base, &changes).folded(now, RECENT) else { return };
    if base.upto > stored {
        return;
    }
    let kept: Vec<u64> = left.iter().map(|c| c.id).take_while(|id| *id <= base.upto).collect();
    if let Err(error) = store.fold(&base, kept) {
        tracing::warn!(%error, "the control log is not folded; it is read as a whole");
        return;
    }
    let mut log = log.lock();
    let mut changes = left;
    let last = changes.last().map_or(0, |c| c.id);
    let since = log.changes.partition_point(|c| c.id <= last);
    changes.extend(log.changes.get(since..).unwrap_or_default().iter().cloned());
    // A change that came meanwhile may take back what is folded now: then all stays in sight, here and for who reads.
    if State::at(Journal::over(&base, &changes), now).is_ok() {
        log.base = base;
        log.changes = changes;
    }
}
