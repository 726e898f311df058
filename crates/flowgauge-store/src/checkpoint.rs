//! Moves committed pages from the WAL into `hot.db`, away from the committing thread.

use crate::StoreError;
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// A flipped byte in the WAL costs what follows it, so it stays small.
const EVERY_BYTES: u64 = 8 << 20;
/// And young.
const EVERY: Duration = Duration::from_secs(1);
/// Commits that never pause keep a passive checkpoint from finishing; past this many pages (64 MiB)
/// the writer finishes it itself.
const FORCE_PAGES: i64 = 4_096;

/// The checkpointing thread.
#[derive(Debug)]
pub(crate) struct Checkpointer {
    wake: Option<SyncSender<()>>,
    dirty: Arc<AtomicBool>,
    force: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    since: u64,
}

impl Checkpointer {
    pub(crate) fn start(dir: &Path) -> Result<Self, StoreError> {
        let db = crate::hot::open_writer(dir)?;
        // One wake-up waiting is as good as many.
        let (wake, woken) = sync_channel(1);
        let dirty = Arc::new(AtomicBool::new(true));
        let force = Arc::new(AtomicBool::new(false));
        let (their_dirty, their_force) = (Arc::clone(&dirty), Arc::clone(&force));
        let thread = std::thread::Builder::new()
            .name("fg-checkpoint".into())
            .spawn(move || {
                while !matches!(woken.recv_timeout(EVERY), Err(RecvTimeoutError::Disconnected)) {
                    if their_dirty.swap(false, Ordering::AcqRel) {
                        run(&db, &their_force);
                    }
                }
            })
            .map_err(StoreError::io("starting the checkpoint thread"))?;
        Ok(Self { wake: Some(wake), dirty, force, thread: Some(thread), since: 0 })
    }

    /// Notes what a commit wrote; finishes a checkpoint here where the thread cannot.
    pub(crate) fn wrote(&mut self, bytes: u64, writer: &Connection) {
        self.dirty.store(true, Ordering::Release);
        self.since += bytes;
        if self.since < EVERY_BYTES {
            return;
        }
        self.since = 0;
        if self.force.swap(false, Ordering::AcqRel) {
            run(writer, &self.force);
        } else if let Some(Err(TrySendError::Disconnected(()))) =
            self.wake.as_ref().map(|w| w.try_send(()))
        {
            tracing::error!("the checkpoint thread is gone");
        }
    }
}

fn run(db: &Connection, force: &AtomicBool) {
    let left = db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |r| {
        Ok(r.get::<_, i64>(1)? - r.get::<_, i64>(2)?)
    });
    match left {
        Ok(pages) => force.store(pages > FORCE_PAGES, Ordering::Release),
        Err(error) => tracing::warn!(%error, "checkpoint failed; it is tried again"),
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the checkpoint thread panicked");
        }
    }
}
