//! The thread that makes changes of control durable: all that came meanwhile in one commit, again and again until the
//! disk takes them.

use super::latch::{Held, Latch};
use crate::logic::control::state::Change;
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

/// All changes, and how many of them are on disk. Changes are made by people and guardrails, so they are few.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) changes: Vec<Change>,
    pub(super) stored: usize,
    /// Somebody waited in vain: nobody else does until the disk takes something again.
    pub(super) late: bool,
    /// What the kill switch holds since the last change, until the latch has it.
    pub(super) held: Option<Held>,
    /// Told once everything up to their change is stored.
    pub(super) waiting: Vec<(usize, oneshot::Sender<()>)>,
}

/// Starts the thread.
pub(super) fn start(
    store: Arc<ControlStore>,
    log: Arc<Mutex<Log>>,
    mut latch: Option<Latch>,
    waking: Receiver<Wake>,
) -> Result<JoinHandle<()>, StoreError> {
    std::thread::Builder::new()
        .name("fg-control".into())
        .spawn(move || run(&store, &log, latch.as_mut(), &waking))
        .map_err(StoreError::io("starting the thread of control"))
}

fn run(
    store: &ControlStore,
    log: &Mutex<Log>,
    mut latch: Option<&mut Latch>,
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
        log.changes.get(log.stored..).unwrap_or_default().to_vec()
    };
    if new.is_empty() {
        return true;
    }
    if let Err(error) = store.append(&new) {
        if !was_failing {
            tracing::error!(%error, "a change of control is in force and cannot be stored: a restart would forget it");
        }
        return false;
    }
    let mut log = log.lock();
    log.stored += new.len();
    log.late = false;
    let stored = log.stored;
    for (_, told) in log.waiting.extract_if(.., |(upto, _)| *upto <= stored) {
        // One who does not wait any more was told that it is not stored yet.
        let _gone = told.send(());
    }
    true
}
