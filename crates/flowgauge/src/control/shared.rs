//! Answers shared by several flowgauges, behind each one's own memory.
//!
//! Owns the seam to whatever holds them (`Backend`), the time it may take, the breaker that leaves it alone while it is in
//! trouble, and the generation by which one instance's clearing is every instance's. Refuses to keep a request waiting:
//! slow, dead and refusing are a miss. Refuses to serve what was cleared: until a clearing has reached the backend nothing
//! is read from it.

mod news;
#[cfg(feature = "redis")]
pub mod redis;
mod wire;

use super::memory::{Answer, Hit, Memory, Question};
use crate::config::SharedCache;
use crate::logic::control::cache::key::Key;
use crate::logic::control::cache::store::{Purge, Tags};
use crate::logic::unit::{Micros, UnixMicros};
use crate::serve::clock::Clock;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

/// Failures in a row after which it is left alone: one or two are any network's.
const FAILURES: u32 = 3;
/// So long it is left alone then.
const REST: Micros = Micros::from_millis(5_000);
/// Between two looks whether another instance cleared: a purge counts everywhere within a second (reliability C07).
const LOOK: Duration = Duration::from_millis(500);
/// Longest wait for what no request waits for: keeping, clearing, looking.
const PATIENCE: Duration = Duration::from_secs(2);
/// Answers on their way; at the limit further ones stay in this memory only. With 6 MB each at most it is 192 MB.
const QUEUE: usize = 32;

/// Why a backend did not do it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BackendError(pub String);

/// News told since, each with its place.
pub type Heard = Vec<(String, Vec<u8>)>;

/// What a look-up finds: the generation in force, and the bytes of the answer.
pub type Found = (Option<u64>, Option<Vec<u8>>);

/// What holds shared answers. Every instance of a group sees the same.
pub trait Backend: Send + Sync + std::fmt::Debug {
    /// The generation in force, and what is held under a key of the given one.
    fn get<'a>(
        &'a self,
        generation: u64,
        key: &'a Key,
    ) -> BoxFuture<'a, Result<Found, BackendError>>;
    /// Holds a value for so long.
    fn put<'a>(
        &'a self,
        generation: u64,
        key: &'a Key,
        value: Vec<u8>,
        life: Duration,
    ) -> BoxFuture<'a, Result<(), BackendError>>;
    /// Lets one value go.
    fn forget<'a>(
        &'a self,
        generation: u64,
        key: &'a Key,
    ) -> BoxFuture<'a, Result<(), BackendError>>;
    /// The generation in force; nothing where none was begun, or the backend lost it.
    fn generation(&self) -> BoxFuture<'_, Result<Option<u64>, BackendError>>;
    /// Begins a generation: what was held is found by nobody any more.
    fn begin(&self, generation: u64) -> BoxFuture<'_, Result<(), BackendError>>;
    /// Tells the instances of a generation something.
    fn tell<'a>(
        &'a self,
        generation: u64,
        news: &'a [u8],
    ) -> BoxFuture<'a, Result<(), BackendError>>;
    /// What was told after a place, the oldest first and so much at most; all there is where the place is empty.
    fn hear<'a>(
        &'a self,
        generation: u64,
        after: &'a str,
    ) -> BoxFuture<'a, Result<Heard, BackendError>>;
}

/// Counts since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SharedCounts {
    /// Answers found.
    pub hits: u64,
    /// Answers not found.
    pub misses: u64,
    /// Lookups that failed or took too long.
    pub failed: u64,
    /// Lookups left out because it rests, or because a clearing has not reached it.
    pub passed: u64,
    /// Answers that were not handed over: too many were on their way.
    pub dropped: u64,
    /// Questions of other instances, found here in other words.
    pub questions: u64,
    /// Answers that another instance's users or evaluators found wrong.
    pub disputed: u64,
}

#[derive(Debug, Default)]
struct Counters {
    hits: AtomicU64,
    misses: AtomicU64,
    failed: AtomicU64,
    passed: AtomicU64,
    dropped: AtomicU64,
    questions: AtomicU64,
    disputed: AtomicU64,
}

#[derive(Debug)]
enum Task {
    Keep {
        key: Key,
        value: Vec<u8>,
        life: Duration,
    },
    Forget(Key),
    /// A question, to be told.
    Tell(Vec<u8>),
    /// What waits to be told.
    News,
    Clear,
}

/// Failures in a row, and until when it is left alone.
#[derive(Debug, Default)]
struct Trouble {
    failures: u32,
    until: Option<UnixMicros>,
}

/// Shared answers.
#[derive(Debug)]
pub struct Shared {
    backend: Box<dyn Backend>,
    clock: Clock,
    /// Longest wait of a request.
    within: Duration,
    generation: AtomicU64,
    /// Clearings of ours, the first look counted as one, and how many of them have reached it.
    owed: AtomicU64,
    paid: AtomicU64,
    caught_up: Notify,
    trouble: Mutex<Trouble>,
    counters: Counters,
    news: news::Desk,
    tasks: mpsc::Sender<Task>,
    waiting: Mutex<Option<mpsc::Receiver<Task>>>,
}

impl Shared {
    /// Over a backend. It is asked nothing before [`Self::run`] has seen its generation.
    #[must_use]
    pub fn new(backend: Box<dyn Backend>, within: Micros, clock: Clock) -> Arc<Self> {
        let (tasks, waiting) = mpsc::channel(QUEUE);
        Arc::new(Self {
            backend,
            clock,
            within: Duration::from_micros(within.0),
            generation: AtomicU64::new(0),
            owed: AtomicU64::new(1),
            paid: AtomicU64::new(0),
            caught_up: Notify::new(),
            trouble: Mutex::default(),
            counters: Counters::default(),
            news: news::Desk::new(),
            tasks,
            waiting: Mutex::new(Some(waiting)),
        })
    }

    /// As configured; nothing where it is not.
    ///
    /// # Errors
    /// The address makes no sense, or this build knows no such backend.
    pub fn of(config: Option<&SharedCache>, clock: &Clock) -> Result<Option<Arc<Self>>, String> {
        let Some(config) = config else { return Ok(None) };
        backend(config).map(|b| Some(Self::new(b, config.within, clock.clone())))
    }

    /// An answer held under a key that was made at most `ttl` ago. A miss wherever there is any doubt.
    pub async fn get(&self, key: &Key, ttl: Micros) -> Option<(Hit, UnixMicros)> {
        let now = self.clock.now();
        if self.is_behind() || self.rests(now) {
            self.counters.passed.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let generation = self.generation.load(Ordering::Acquire);
        let asked = tokio::time::timeout(self.within, self.backend.get(generation, key)).await;
        let found = match asked {
            Ok(Ok((held, found))) => {
                self.well();
                // Another instance cleared: the worker follows, and this is a miss.
                found.filter(|_| held == Some(generation) && !self.is_behind())
            }
            Ok(Err(error)) => return self.failed(&error.to_string()),
            Err(_) => return self.failed("no answer in time"),
        };
        let hit =
            found.and_then(|value| wire::open(&value, key)).and_then(|(answer, tags, begun)| {
                let age = now.since(begun);
                let cleared = self.news.is_cleared(&tags, begun);
                let hit = Hit { answer: Arc::new(answer), key: *key, age, similarity: None, tags };
                (age < ttl && !cleared).then_some((hit, begun))
            });
        let counter = if hit.is_some() { &self.counters.hits } else { &self.counters.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        hit
    }

    /// Hands an answer over to be held; waits for nothing.
    pub fn keep(&self, key: Key, answer: &Answer, tags: &Tags, begun: UnixMicros, ttl: Micros) {
        let Some(value) = wire::seal(answer, tags, begun, &key) else { return };
        self.hand_over(Task::Keep { key, value, life: Duration::from_micros(ttl.0) });
    }

    /// Somebody found an answer wrong: it goes here, and from the memory of every other instance.
    pub fn dispute(&self, key: Key) {
        self.hand_over(Task::Forget(key));
        self.news.disputed(key);
        self.tell_soon();
    }

    /// Lets every instance find the answer held under a key in other words.
    pub fn tell_question(&self, key: Key, question: &Question, encoder: &str) {
        if let Some(news) = self.news.question(key, question, encoder) {
            self.hand_over(Task::Tell(news));
        }
    }

    /// Clears for every instance what fits. Where everything fits nothing is read until the backend has it; else what
    /// fits is told, and held back here at once.
    pub fn clear(&self, purge: &Purge, now: UnixMicros) {
        if !purge.is_all() && self.news.cleared(purge, now) {
            self.tell_soon();
            return;
        }
        self.owed.fetch_add(1, Ordering::AcqRel);
        // Where the queue is full the worker sees by itself that it is behind.
        let _full = self.tasks.try_send(Task::Clear);
    }

    /// What waits to be told is told now, not at the next look. Where the queue is full the next look does it.
    fn tell_soon(&self) {
        let _full = self.tasks.try_send(Task::News);
    }

    /// Whether a clearing has still to reach the backend.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.paid.load(Ordering::Acquire) < self.owed.load(Ordering::Acquire)
    }

    /// Waits until every clearing has reached the backend; false where the time is up before.
    pub async fn reached(&self, within: Duration) -> bool {
        let reached = async {
            loop {
                let told = self.caught_up.notified();
                if !self.is_behind() {
                    return;
                }
                told.await;
            }
        };
        tokio::time::timeout(within, reached).await.is_ok()
    }

    /// Counts since the start.
    #[must_use]
    pub fn counts(&self) -> SharedCounts {
        let c = &self.counters;
        let read = |n: &AtomicU64| n.load(Ordering::Relaxed);
        SharedCounts {
            hits: read(&c.hits),
            misses: read(&c.misses),
            failed: read(&c.failed),
            passed: read(&c.passed),
            dropped: read(&c.dropped),
            questions: read(&c.questions),
            disputed: read(&c.disputed),
        }
    }

    fn hand_over(&self, task: Task) {
        if self.tasks.try_send(task).is_err() {
            self.counters.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Keeps, forgets and clears at the backend, and follows what other instances cleared, until told to stop.
    pub async fn run(self: Arc<Self>, memory: Arc<Memory>, stop: CancellationToken) {
        let Some(mut tasks) = self.waiting.lock().take() else { return };
        // What an earlier life of this process held may have been cleared meanwhile: its number is asked first.
        let mut known = false;
        let mut ticks = tokio::time::interval(LOOK);
        loop {
            let task = tokio::select! {
                () = stop.cancelled() => return,
                task = tasks.recv() => task,
                _ = ticks.tick() => None,
            };
            match task {
                Some(Task::Clear) | None => {
                    self.follow(&memory, &mut known, task.is_some()).await;
                    self.exchange(&memory, known).await;
                }
                Some(Task::News) => self.exchange(&memory, known).await,
                Some(task) if known && !self.rests(self.clock.now()) => self.work(task).await,
                Some(_) => {
                    self.counters.dropped.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }

    async fn work(&self, task: Task) {
        let generation = self.generation.load(Ordering::Acquire);
        let work = async {
            match task {
                Task::Keep { key, value, life } => {
                    self.backend.put(generation, &key, value, life).await
                }
                Task::Forget(key) => self.backend.forget(generation, &key).await,
                Task::Tell(news) => self.backend.tell(generation, &news).await,
                Task::News | Task::Clear => Ok(()),
            }
        };
        match tokio::time::timeout(PATIENCE, work).await {
            Ok(Ok(())) => self.well(),
            Ok(Err(error)) => self.trouble(&error.to_string()),
            Err(_) => self.trouble("no answer in time"),
        }
    }

    /// Brings the backend up to our clearing, or ourselves up to another's.
    async fn follow(&self, memory: &Memory, known: &mut bool, clears: bool) {
        // Behind before the first look means only that nothing is known yet.
        let owed = self.owed.load(Ordering::Acquire);
        let ours = clears || (*known && self.is_behind());
        let look = async {
            if !ours && let Some(held) = self.backend.generation().await? {
                return Ok(held);
            }
            // A number of chance, never one more: a backend that lost the last one must not find old answers again.
            let next = fresh()?;
            self.backend.begin(next).await.map(|()| next)
        };
        match tokio::time::timeout(PATIENCE, look).await {
            Ok(Ok(generation)) => {
                let before = self.generation.swap(generation, Ordering::AcqRel);
                if *known && !ours && before != generation {
                    tracing::info!("another instance cleared the shared answers; so does this one");
                    memory.clear_own(&Purge::default(), self.clock.now());
                }
                *known = true;
                // One that came meanwhile is still owed.
                self.paid.store(owed, Ordering::Release);
                self.caught_up.notify_waiters();
                self.well();
            }
            Ok(Err(error)) => self.trouble(&error.to_string()),
            Err(_) => self.trouble("no answer in time"),
        }
    }

    fn failed<T>(&self, why: &str) -> Option<T> {
        self.counters.failed.fetch_add(1, Ordering::Relaxed);
        self.trouble(why);
        None
    }

    fn rests(&self, now: UnixMicros) -> bool {
        self.trouble.lock().until.is_some_and(|until| now < until)
    }

    fn well(&self) {
        let mut trouble = self.trouble.lock();
        if trouble.until.take().is_some() {
            tracing::info!("shared answers are there again");
        }
        trouble.failures = 0;
    }

    fn trouble(&self, why: &str) {
        let mut trouble = self.trouble.lock();
        trouble.failures = trouble.failures.saturating_add(1);
        if trouble.failures >= FAILURES {
            if trouble.until.is_none() {
                tracing::warn!(%why, "shared answers are left alone for now; this memory serves on");
            }
            trouble.until = Some(self.clock.now().after(REST));
        }
    }
}

/// The number of a generation that never was.
fn fresh() -> Result<u64, BackendError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|e| BackendError(e.to_string()))?;
    // Positive as the backend's own numbers are.
    Ok(u64::from_le_bytes(bytes) >> 1)
}

#[cfg(feature = "redis")]
fn backend(config: &SharedCache) -> Result<Box<dyn Backend>, String> {
    Ok(Box::new(redis::Redis::open(config.url.reveal(), &config.namespace)?))
}

#[cfg(not(feature = "redis"))]
fn backend(_config: &SharedCache) -> Result<Box<dyn Backend>, String> {
    Err("this flowgauge was built without redis; take out shared_cache, or build with it"
        .to_owned())
}

/// A body as frames of the length they had.
fn frames(mut body: Bytes, lengths: &[usize]) -> Option<Vec<Bytes>> {
    let whole = lengths.iter().try_fold(0_usize, |sum, n| sum.checked_add(*n))?;
    (whole == body.len()).then(|| lengths.iter().map(|n| body.split_to(*n)).collect())
}

#[cfg(test)]
mod tests;
