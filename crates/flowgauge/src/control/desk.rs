//! Where the state is changed: at once for every request that follows, then on disk.
//!
//! Owns the log and its order. A change counts when it is made; whoever made it is told whether the disk has it.
//! Refuses a change without author and reason, and one made against another state than its author saw.

use super::keeper::{self, Log, Wake};
use super::latch::{Held, Latch};
use super::live::Live;
use crate::logic::control::rollout::Environment;
use crate::logic::control::state::{
    Author, Base, Change, Journal, Market, Refused, Settings, State, in_force, propose, undo,
};
use crate::logic::price::PriceBook;
use crate::logic::unit::UnixMicros;
use crate::serve::clock::Clock;
use crate::store::{ControlStore, StoreError};
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

/// Longest wait until a change is on disk. A commit takes milliseconds; whoever presses the switch is not kept waiting
/// by a disk in trouble.
const DURABLE_WITHIN: Duration = Duration::from_millis(500);

/// Who wants a change, what they had seen, and when it shall end by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// By whom.
    pub author: String,
    /// Why.
    pub reason: String,
    /// The generation they looked at; nothing where it does not matter.
    pub seen: Option<u64>,
    /// When it ends by itself.
    pub expires: Option<UnixMicros>,
}

impl Wanted {
    /// A lasting change, whatever was in force.
    #[must_use]
    pub fn by(author: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { author: author.into(), reason: reason.into(), seen: None, expires: None }
    }
}

/// A change that was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// The change; its id undoes it.
    pub change: Change,
    /// Generation in force since.
    pub generation: u64,
    /// Whether a restart would remember it.
    pub stored: bool,
}

/// A line of the history.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The change.
    pub change: Change,
    /// Whether it still counts: it has not ended and nothing took it back.
    pub in_force: bool,
}

/// Where the state is changed.
#[derive(Debug)]
pub struct Desk {
    live: Arc<Live>,
    store: Arc<ControlStore>,
    prices: Arc<ArcSwap<PriceBook>>,
    clock: Clock,
    log: Arc<Mutex<Log>>,
    /// Why the log gives no state.
    broken: Option<String>,
    /// Whether there is a latch.
    latched: bool,
    wake: SyncSender<Wake>,
    thread: Mutex<Option<JoinHandle<()>>>,
    generation: watch::Sender<u64>,
}

impl Desk {
    /// Reads the log and puts in force what follows from it; everything is off where it cannot be read.
    ///
    /// # Errors
    /// The database cannot be opened, or there are no threads left.
    pub fn open(
        dir: &Path,
        environment: Environment,
        prices: Arc<ArcSwap<PriceBook>>,
        clock: Clock,
    ) -> Result<Arc<Self>, StoreError> {
        let store = Arc::new(ControlStore::open(dir)?);
        let (latch, held) = latch(dir);
        let latched = latch.is_some();
        let now = clock.now();
        let (log, state, broken) = match read(&store, held, now) {
            Ok((log, state)) => (log, Some(state), None),
            Err(why) => {
                tracing::error!(%why, "all optimisations are off");
                (Log::default(), None, Some(why))
            }
        };
        let generation = state.as_ref().map_or(0, |s| s.generation);
        let log = Arc::new(Mutex::new(log));
        // One wake-up waiting is enough: whoever wakes writes all there is.
        let (wake, waking) = std::sync::mpsc::sync_channel(1);
        let thread =
            keeper::start(Arc::clone(&store), Arc::clone(&log), latch, clock.clone(), waking)?;
        // What the latch added is not stored yet, and what there is may be much.
        let _full = wake.try_send(Wake::Write);
        Ok(Arc::new(Self {
            live: Live::new(environment, state),
            store,
            prices,
            clock,
            log,
            broken,
            latched,
            wake,
            thread: Mutex::new(Some(thread)),
            generation: watch::Sender::new(generation),
        }))
    }

    /// The state that requests read.
    #[must_use]
    pub const fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// Whether the latch has what the kill switch holds, so that a restart keeps it whatever the log has.
    #[must_use]
    pub fn is_latched(&self) -> bool {
        self.latched && self.log.lock().held.is_none()
    }

    /// What is remembered beside the log.
    #[must_use]
    pub const fn store(&self) -> &Arc<ControlStore> {
        &self.store
    }

    /// Why everything is off whatever is switched on: the log cannot be read.
    #[must_use]
    pub fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// Told of every generation that comes into force.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }

    /// The last changes, the oldest first: a thousand at least, and of those before it what is not settled. All of them
    /// are in the store.
    #[must_use]
    pub fn history(&self) -> Vec<Line> {
        let log = self.log.lock();
        let force = in_force(&log.changes, self.clock.now());
        let line = |c: &Change| Line { change: c.clone(), in_force: force.contains(&c.id) };
        log.changes.iter().map(line).collect()
    }

    /// Settings that held right after a change; nothing where there is none with this number. Blocks on the store
    /// where the change is long ago.
    ///
    /// # Errors
    /// The log gives none, or cannot be read.
    pub fn settings_after(&self, id: u64) -> Result<Option<Settings>, Refused> {
        let (base, changes) = {
            let log = self.log.lock();
            (log.base.clone(), log.changes.clone())
        };
        let (base, changes) = if id > base.upto {
            (base, changes)
        } else {
            let all = self.store.log().map_err(|e| Refused::Unreadable(e.to_string()))?;
            (Base::default(), all)
        };
        let then: Vec<Change> = changes.into_iter().take_while(|c| c.id <= id).collect();
        let Some(at) = then.last().filter(|c| c.id == id).map(|c| c.at) else { return Ok(None) };
        Ok(Some(State::at(Journal::over(&base, &then), at)?.settings))
    }

    /// What a change would be, without making it.
    ///
    /// # Errors
    /// Why it would be refused.
    pub fn preview(
        &self,
        wanted: &Wanted,
        edit: impl FnOnce(&mut Settings),
    ) -> Result<Change, Refused> {
        let log = self.log.lock();
        self.proposed(log.journal(), wanted, edit)
    }

    /// Makes a change: every request that begins from now on is under it, also where the disk refuses.
    ///
    /// # Errors
    /// Why it is refused.
    pub async fn change(
        &self,
        wanted: &Wanted,
        edit: impl FnOnce(&mut Settings),
    ) -> Result<Made, Refused> {
        let (made, stored) = {
            let mut log = self.log.lock();
            let change = self.proposed(log.journal(), wanted, edit)?;
            self.put(&mut log, change)?
        };
        Ok(self.durable(made, stored).await)
    }

    /// Takes a change back; what later ones set again stays as they set it.
    ///
    /// # Errors
    /// Why it is refused.
    pub async fn undo(&self, wanted: &Wanted, id: u64) -> Result<Made, Refused> {
        let (made, stored) = {
            let mut log = self.log.lock();
            let author = Author { name: &wanted.author, reason: &wanted.reason };
            let prices = self.prices.load();
            let change = undo(log.journal(), self.clock.now(), &author, id, &Priced(&prices))?;
            self.put(&mut log, change)?
        };
        Ok(self.durable(made, stored).await)
    }

    /// Puts in force what the time alone changes.
    pub fn refresh(&self) {
        let log = self.log.lock();
        if let Ok(state) = State::at(log.journal(), self.clock.now()) {
            self.publish(state);
        }
    }

    /// Lets changes end when their time comes, until told to stop.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut changed = self.watch();
        loop {
            let next = {
                let log = self.log.lock();
                State::at(log.journal(), self.clock.now()).ok().and_then(|s| s.changes_at)
            };
            let due = async {
                match next {
                    Some(at) => {
                        let left = at.since(self.clock.now());
                        tokio::time::sleep(Duration::from_micros(left.0)).await;
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = due => self.refresh(),
                changed = changed.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Stores what is not stored yet and ends the thread.
    pub fn close(&self) {
        // A thread that is gone has stored all it could.
        let _gone = self.wake.send(Wake::Stop);
        if let Some(thread) = self.thread.lock().take() {
            let _panicked = thread.join();
        }
    }

    fn proposed(
        &self,
        log: Journal<'_>,
        wanted: &Wanted,
        edit: impl FnOnce(&mut Settings),
    ) -> Result<Change, Refused> {
        let author = Author { name: &wanted.author, reason: &wanted.reason };
        let prices = self.prices.load();
        let (now, market) = (self.clock.now(), Priced(&prices));
        propose(log, now, &author, wanted.seen, wanted.expires, &market, edit)
    }

    /// Appends a change and puts the state that follows in force.
    fn put(&self, log: &mut Log, change: Change) -> Result<(Made, oneshot::Receiver<()>), Refused> {
        log.changes.push(change.clone());
        let state = match State::at(log.journal(), self.clock.now()) {
            Ok(state) if self.broken.is_none() => state,
            other => {
                log.changes.pop();
                let why = self.broken.clone().unwrap_or_default();
                return Err(other.err().map_or(Refused::Unreadable(why), Refused::from));
            }
        };
        let generation = state.generation;
        log.held = Some(Held::of(change.id, &state.settings.kill));
        self.publish(state);
        let (told, stored) = oneshot::channel();
        log.waiting.push((change.id, told));
        // A full channel means that the thread is about to look.
        let _full = self.wake.try_send(Wake::Write);
        Ok((Made { change, generation, stored: false }, stored))
    }

    fn publish(&self, state: State) {
        let generation = state.generation;
        self.live.set(Some(state));
        self.generation.send_if_modified(|g| std::mem::replace(g, generation) != generation);
    }

    async fn durable(&self, made: Made, stored: oneshot::Receiver<()>) -> Made {
        let patience = if self.log.lock().late { Duration::ZERO } else { DURABLE_WITHIN };
        let waited = tokio::time::timeout(patience, stored).await;
        let stored = waited.is_ok_and(|told| told.is_ok());
        let id = made.change.id;
        let mut log = self.log.lock();
        log.late |= !stored && log.stored < id;
        Made { stored: stored || log.stored >= id, ..made }
    }
}

/// The latch, and what it held last. Without it a kill holds after a restart only where the log has it.
fn latch(dir: &Path) -> (Option<Latch>, Option<Held>) {
    match Latch::open(dir) {
        Ok((latch, held)) => (Some(latch), held),
        Err(error) => {
            tracing::error!(%error, "the kill switch has no latch: with a full disk a restart would lift it");
            (None, None)
        }
    }
}

/// The log and the state that follows from it: from what is folded, or from the whole of it where that does not fit.
fn read(store: &ControlStore, held: Option<Held>, now: UnixMicros) -> Result<(Log, State), String> {
    let words = |e: StoreError| e.to_string();
    let (mut base, mut changes) = store.recent().map_err(words)?;
    if base.upto > 0 && State::at(Journal::over(&base, &changes), now).is_err() {
        (base, changes) = (Base::default(), store.log().map_err(words)?);
    }
    let stored = changes.last().map_or(base.upto, |c| c.id);
    let mut log = Log { base, changes, stored, ..Log::default() };
    take_over(&mut log, held, now);
    let state = State::at(log.journal(), now).map_err(|e| e.to_string())?;
    let added = log.changes.last().map(|c| c.id).filter(|id| *id > stored);
    log.held = added.map(|id| Held::of(id, &state.settings.kill));
    Ok((log, state))
}

/// Adds the kill that the latch holds and the log does not know: it was made while the disk refused.
fn take_over(log: &mut Log, held: Option<Held>, now: UnixMicros) {
    let last = log.stored;
    let Some(held) = held.filter(|h| h.is_any() && h.change > last) else { return };
    let author = Author {
        name: "flowgauge",
        reason: "it was switched off before the restart and could not be stored",
    };
    let edit = |settings: &mut Settings| held.add_to(&mut settings.kill);
    match propose(log.journal(), now, &author, None, None, &AnyPrice, edit) {
        Ok(change) => {
            tracing::warn!("the kill switch holds what it held before the restart");
            log.changes.push(change);
        }
        Err(Refused::Nothing) => {}
        // A log that gives no state switches everything off anyway.
        Err(error) => tracing::error!(%error, "the latch of the kill switch was not taken over"),
    }
}

/// Prices play no part in switching off.
struct AnyPrice;

impl Market for AnyPrice {
    fn has_price(&self, _model: &str) -> bool {
        true
    }
}

/// Models of the price table.
struct Priced<'a>(&'a PriceBook);

impl Market for Priced<'_> {
    fn has_price(&self, model: &str) -> bool {
        self.0.lookup(None, model).is_some()
    }
}
