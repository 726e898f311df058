//! Between the doors and the store: a bounded queue, one writer thread, group commit.
//!
//! The gateway never waits here: a full queue drops the row, counts it and shows a gap. Ingest
//! waits for the commit and is refused, never lied to, when there is no room (decision D6).

pub mod ageing;
pub mod scores;

mod counters;
mod heard;
pub mod ledger;
mod ring;
mod told;
mod writer;

use crate::logic::call::Call;
use crate::logic::id::CallId;
use crate::logic::unit::UnixMicros;
use crate::logic::window::Window;
use crate::serve::clock::Clock;
use crate::store::{Amended, Amendment, Event, Gap, Merge, Options, Reader, Store, StoreError};
use counters::Shared;
pub use heard::Heard;
use parking_lot::Mutex;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use tokio::sync::{broadcast, oneshot};
use told::Told;
use writer::{Message, Work, Writer};

/// Messages waiting for the writer. At 15,000 calls a second with three messages each it bridges
/// more than a second in which the disk stands still.
const QUEUE: usize = 65_536;
/// Rows of submitted batches waiting: a second of what the writer can store.
const MAX_WAITING_ROWS: u64 = 131_072;
/// Backlog that adds one second to the advice to come back.
const ROWS_PER_RETRY_SECOND: u64 = 32_768;
/// Longest advice: senders that are told more give up.
const MAX_RETRY_S: u32 = 30;
/// Finished calls a slow live view may lag behind before it misses some.
const LIVE_LAG: usize = 1_024;
/// Commits with merged rows that a slow listener may lag behind: seconds of a busy writer.
const MERGE_LAG: usize = 256;

/// Handle on the writer. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Recorder {
    queue: SyncSender<Message>,
    shared: Arc<Shared>,
    live: broadcast::Sender<Arc<Call>>,
    merges: broadcast::Sender<Arc<[Merge]>>,
    clock: Clock,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

/// Rows made durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// Rows stored.
    pub stored: u64,
    /// Rows known already.
    pub duplicates: u64,
}

/// Not stored; the sender should come back later.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}; retry in {retry_after_s} s")]
pub struct Refused {
    /// Why, for the sender.
    pub reason: String,
    /// When room is likely.
    pub retry_after_s: u32,
}

/// Counters of the writer since start. At rest `received = stored + duplicates + lost + refused + queued`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RecordStats {
    /// Rows handed in.
    pub received: u64,
    /// Rows durable.
    pub stored: u64,
    /// Rows known already.
    pub duplicates: u64,
    /// Rows lost, each of them shown in a gap.
    pub lost: u64,
    /// Rows refused: their senders know and keep them.
    #[serde(default)]
    pub refused: u64,
    /// Commits.
    pub commits: u64,
    /// Rows waiting.
    pub queued: u64,
    /// Calls in flight when the last process died.
    #[serde(default)]
    pub interrupted: u64,
    /// Why the store does not take rows now; nothing in health.
    pub degraded: Option<String>,
}

impl Recorder {
    /// Starts the writer. A store that cannot be opened is tried again once a second meanwhile
    /// calls are held back, within limits.
    ///
    /// # Errors
    /// Another process has the directory, a newer version wrote it, or there are no threads left.
    pub fn start(dir: &Path, options: Options, clock: Clock) -> Result<Self, StoreError> {
        let (queue, messages) = sync_channel(QUEUE);
        let shared = Arc::new(Shared::default());
        let (live, merges) = (broadcast::channel(LIVE_LAG).0, broadcast::channel(MERGE_LAG).0);
        let told = Told { live: live.clone(), merges: merges.clone() };
        let writer = Writer::open(dir, options, clock.clone(), Arc::clone(&shared), told)?;
        let thread = std::thread::Builder::new()
            .name("fg-writer".into())
            .spawn(move || writer.run(&messages))
            .map_err(StoreError::io("starting the writer thread"))?;
        let thread = Arc::new(Mutex::new(Some(thread)));
        Ok(Self { queue, shared, live, merges, clock, thread })
    }

    /// Stores what waits and ends the writer. Rows handed in afterwards are lost, and counted.
    pub async fn shutdown(self) {
        let queue = self.queue.clone();
        let thread = self.thread.lock().take();
        let end = move || {
            // Waits for room: what is queued before it is stored first.
            if queue.send(Message::Stop).is_err() {
                tracing::error!("the writer ended before it was told to");
            }
            if thread.is_some_and(|t| t.join().is_err()) {
                tracing::error!("the writer thread panicked");
            }
        };
        if let Err(error) = tokio::task::spawn_blocking(end).await {
            tracing::error!(%error, "could not wait for the writer");
        }
    }

    /// Notes that a call began, in the form its row has if flowgauge dies before its end. Never waits.
    pub fn started(&self, call: Call) {
        // Without it a crash shows nothing of this call; its end is recorded all the same.
        if self.queue.try_send(Message::Started(Box::new(call))).is_err() {
            tracing::debug!("no room to note that a call began");
        }
    }

    /// Notes that the first token of a call in flight arrived. Never waits; without a listener it
    /// is nothing.
    pub fn first_token(&self, call: CallId, at: UnixMicros) {
        self.note(Message::FirstToken(call, at));
    }

    /// Notes that the client of a call in flight went away. Never waits; without a listener it is
    /// nothing.
    pub fn left(&self, call: CallId) {
        self.note(Message::Left(call));
    }

    fn note(&self, message: Message) {
        // Without room the row that follows says the same, later.
        if self.shared.is_heard() && self.queue.try_send(message).is_err() {
            tracing::debug!("no room to note how a call in flight goes on");
        }
    }

    /// Tells of every call from now on, on the writer's thread and at once.
    pub fn listen(&self, listener: Arc<dyn Heard>) {
        self.shared.listen(listener);
    }

    /// Hands over a finished call. Never waits; what does not fit is counted as lost.
    pub fn finished(&self, call: Call) {
        self.shared.received(1);
        self.publish(&call);
        let id = call.id;
        match self.queue.try_send(Message::Finished(Box::new(call))) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                self.shared.lost(self.clock.now(), 1, "the recording queue was full");
                self.shared.unheard(id);
            }
            Err(TrySendError::Disconnected(_)) => {
                self.shared.lost(self.clock.now(), 1, "the recorder had stopped");
            }
        }
    }

    /// Stores rows and returns once they are durable.
    ///
    /// # Errors
    /// There is no room, or the store does not take rows now; nothing of it is stored then.
    pub async fn submit(&self, calls: Vec<Call>, events: Vec<Event>) -> Result<Ack, Refused> {
        let rows = (calls.len() + events.len()) as u64;
        if rows == 0 {
            return Ok(Ack { stored: 0, duplicates: 0 });
        }
        self.shared.received(rows);
        if let Some(why) = self.shared.degraded() {
            return Err(self.refuse(rows, format!("the store does not take rows: {why}")));
        }
        if !self.shared.admit(rows, MAX_WAITING_ROWS) {
            return Err(self.refuse(rows, "too many rows are waiting to be stored".to_owned()));
        }
        let (reply, answer) = oneshot::channel();
        let message = Message::Submit { calls, events, reply };
        if self.queue.try_send(message).is_err() {
            self.shared.release(rows);
            return Err(self.refuse(rows, "the recording queue is full".to_owned()));
        }
        match answer.await {
            Ok(Ok(ack)) => Ok(ack),
            Ok(Err(why)) => Err(self.refused(why)),
            Err(_) => Err(self.refused("the recorder stopped".to_owned())),
        }
    }

    /// Changes stored rows and returns once the changes are durable. Thousands at a time are well;
    /// the writer takes no calls meanwhile.
    ///
    /// # Errors
    /// There is no room, or the store does not take changes now; nothing is changed then.
    pub async fn amend(&self, changes: Vec<Amendment>) -> Result<Amended, Refused> {
        if changes.is_empty() {
            return Ok(Amended::default());
        }
        if let Some(why) = self.shared.degraded() {
            return Err(self.refused(format!("the store does not take changes: {why}")));
        }
        let (reply, answer) = oneshot::channel();
        if self.queue.try_send(Message::Amend { changes, reply }).is_err() {
            return Err(self.refused("the recording queue is full".to_owned()));
        }
        match answer.await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(why)) => Err(self.refused(why)),
            Err(_) => Err(self.refused("the recorder stopped".to_owned())),
        }
    }

    /// Does one short change on the writer's thread, and waits for it. Blocks: never call it from a
    /// task.
    ///
    /// # Errors
    /// As the change, or the store takes no changes now.
    pub fn with_store<T, F>(&self, change: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Store, UnixMicros) -> Result<T, StoreError> + Send + 'static,
    {
        let failed = StoreError::io::<&str>;
        let (reply, answer) = sync_channel(1);
        let work = Work(Box::new(move |store, now| {
            let done = match store {
                Some(store) => change(store, now),
                None => Err(StoreError::io("changing the store")("it takes no changes now")),
            };
            let failed = matches!(done, Err(StoreError::Io { .. }));
            // An error means that whoever asked has left.
            drop(reply.send(done));
            failed
        }));
        self.queue
            .send(Message::Work(work))
            .map_err(|_| failed("changing the store")("the recorder stopped"))?;
        answer.recv().map_err(|_| failed("changing the store")("the recorder stopped"))?
    }

    fn refuse(&self, rows: u64, reason: String) -> Refused {
        self.shared.refused(rows);
        self.refused(reason)
    }

    /// The advice grows with the backlog.
    fn refused(&self, reason: String) -> Refused {
        let backlog = self.shared.waiting() / ROWS_PER_RETRY_SECOND;
        let retry_after_s = u32::try_from(backlog).unwrap_or(MAX_RETRY_S).min(MAX_RETRY_S - 1) + 1;
        Refused { reason, retry_after_s }
    }

    fn publish(&self, call: &Call) {
        if self.live.receiver_count() > 0 {
            // An error means that the last listener left just now.
            drop(self.live.send(Arc::new(call.clone())));
        }
    }

    /// Every finished call from now on, for live views; slow listeners miss some.
    #[must_use]
    pub fn live(&self) -> broadcast::Receiver<Arc<Call>> {
        self.live.subscribe()
    }

    /// Rows that count in another's place from now on, as they become durable; the rows themselves
    /// were told of before.
    #[must_use]
    pub fn merges(&self) -> broadcast::Receiver<Arc<[Merge]>> {
        self.merges.subscribe()
    }

    /// A read handle, or nothing while the store cannot be opened.
    #[must_use]
    pub fn reader(&self) -> Option<Reader> {
        self.shared.reader()
    }

    /// Stretches in which calls were lost: those on disk and those that wait to be written.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn gaps(&self, window: Window) -> Result<Vec<Gap>, StoreError> {
        let mut gaps = match self.reader() {
            Some(reader) => reader.gaps(window)?,
            None => Vec::new(),
        };
        gaps.extend(self.shared.gaps_within(window));
        Ok(gaps)
    }

    /// Counters.
    #[must_use]
    pub fn stats(&self) -> RecordStats {
        self.shared.stats()
    }
}

#[cfg(test)]
mod tests;
