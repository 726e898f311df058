//! The writer thread: takes what waits, commits it together, answers all who wait.

use super::Ack;
use super::counters::Shared;
use super::ring::Ring;
use super::told::Told;
use crate::logic::call::Call;
use crate::logic::id::CallId;
use crate::logic::unit::{Micros, UnixMicros};
use crate::serve::clock::Clock;
use crate::store::{Amended, Amendment, Batch, Event, Options, Store, StoreError};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;
use tokio::sync::oneshot;

/// How long a commit waits for company: longer adds to every acknowledgement, shorter to the CPU.
const GROUP_WINDOW: Duration = Duration::from_millis(2);
/// Rows of one commit: enough to amortise its fdatasync, few enough to pack in tens of ms.
const MAX_GROUP_ROWS: usize = 16_384;
/// Between attempts while the store fails, and between looks at sealing while nothing happens.
const TICK: Duration = Duration::from_secs(1);
/// [`TICK`] on the clock that is passed in.
const RETRY_AFTER: Micros = Micros::from_millis(1_000);
/// Losses this long past make a gap that will not grow any more.
const GAP_SETTLED: Micros = Micros::from_millis(10_000);

/// What handles send.
#[derive(Debug)]
pub(super) enum Message {
    Started(Box<Call>),
    Finished(Box<Call>),
    FirstToken(CallId, UnixMicros),
    Left(CallId),
    Submit { calls: Vec<Call>, events: Vec<Event>, reply: Reply },
    Amend { changes: Vec<Amendment>, reply: oneshot::Sender<Result<Amended, String>> },
    Work(Work),
    Stop,
}

/// A change to the store, or nothing where it is not open; says whether it failed.
pub(super) struct Work(pub(super) Box<Change>);

/// A change to the open store, or to none; whether it was made.
type Change = dyn FnOnce(Option<&mut Store>, UnixMicros) -> bool + Send;

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Work")
    }
}

type Reply = oneshot::Sender<Result<Ack, String>>;

/// One group commit in the making.
#[derive(Debug, Default)]
struct Group {
    started: Vec<Call>,
    finished: Vec<Call>,
    noted: Vec<Noted>,
    submitted: Vec<Waiting>,
    amendments: Vec<Amending>,
    work: Vec<Work>,
    rows: usize,
    stop: bool,
}

/// How a call in flight goes on, for those who listen.
#[derive(Debug, Clone, Copy)]
enum Noted {
    FirstToken(CallId, UnixMicros),
    Left(CallId),
}

#[derive(Debug)]
struct Waiting {
    calls: Vec<Call>,
    events: Vec<Event>,
    reply: Reply,
}

#[derive(Debug)]
struct Amending {
    changes: Vec<Amendment>,
    reply: oneshot::Sender<Result<Amended, String>>,
}

impl Group {
    fn add(&mut self, message: Message) {
        match message {
            Message::Started(call) => {
                self.rows += 1;
                self.started.push(*call);
            }
            Message::Finished(call) => {
                self.rows += 1;
                self.finished.push(*call);
            }
            Message::FirstToken(call, at) => self.noted.push(Noted::FirstToken(call, at)),
            Message::Left(call) => self.noted.push(Noted::Left(call)),
            Message::Submit { calls, events, reply } => {
                self.rows += calls.len() + events.len();
                self.submitted.push(Waiting { calls, events, reply });
            }
            Message::Amend { changes, reply } => {
                self.rows += changes.len();
                self.amendments.push(Amending { changes, reply });
            }
            Message::Work(work) => {
                self.rows += 1;
                self.work.push(work);
            }
            Message::Stop => self.stop = true,
        }
    }

    fn full(&self) -> bool {
        self.stop || self.rows + self.noted.len() >= MAX_GROUP_ROWS
    }
}

#[derive(Debug)]
pub(super) struct Writer {
    dir: PathBuf,
    options: Options,
    clock: Clock,
    shared: Arc<Shared>,
    told: Told,
    store: Option<Store>,
    ring: Ring,
    /// The store failed and is not open again yet.
    broken: bool,
    /// When it was last tried.
    tried: Micros,
}

impl Writer {
    /// Opens the store, or begins degraded where only the disk refuses.
    pub(super) fn open(
        dir: &Path,
        options: Options,
        clock: Clock,
        shared: Arc<Shared>,
        told: Told,
    ) -> Result<Self, StoreError> {
        let ring = Ring::default();
        let mut writer = Self {
            dir: dir.to_owned(),
            options,
            clock,
            shared,
            told,
            store: None,
            ring,
            broken: false,
            tried: Micros(0),
        };
        match writer.open_store() {
            Ok(()) => {}
            Err(e @ (StoreError::Locked { .. } | StoreError::Newer(..))) => return Err(e),
            Err(e) => writer.degrade(&e),
        }
        Ok(writer)
    }

    fn open_store(&mut self) -> Result<(), StoreError> {
        let opened = Store::open(&self.dir, self.options.clone(), self.clock.now())?;
        self.shared.interrupted(opened.interrupted);
        self.shared.set_reader(opened.store.reader());
        self.store = Some(opened.store);
        Ok(())
    }

    fn degrade(&self, why: &StoreError) {
        if self.shared.degraded().is_none() {
            tracing::error!(error = %why, "the store takes no rows; calls pass, records are held back");
        }
        self.shared.set_degraded(Some(why.to_string()));
    }

    pub(super) fn run(mut self, messages: &Receiver<Message>) {
        loop {
            let first = messages.recv_timeout(TICK);
            let mut group = Group::default();
            match first {
                Ok(message) => {
                    group.add(message);
                    gather(messages, &mut group);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => group.stop = true,
            }
            let stop = group.stop;
            self.settle(group);
            if stop {
                return self.close(messages);
            }
        }
    }
}

fn refuse_changes(reply: oneshot::Sender<Result<Amended, String>>, why: Option<String>) {
    // An error means that whoever asked has left.
    drop(reply.send(Err(why.unwrap_or_else(|| "the store takes no changes".to_owned()))));
}

/// The calls that senders handed in and that are stored now, without those known already. The first
/// part is the gateway's.
fn submitted_of(batches: Vec<Batch>, known: &[(usize, usize)]) -> Vec<Call> {
    let known: HashSet<(usize, usize)> = known.iter().copied().collect();
    let calls = |(part, batch): (usize, Batch)| {
        batch.calls.into_iter().enumerate().map(move |(at, call)| ((part, at), call))
    };
    let parts = batches.into_iter().enumerate().skip(1).flat_map(calls);
    parts.filter(|(at, _)| !known.contains(at)).map(|(_, call)| call).collect()
}

/// Takes what is there, and waits a moment for more.
fn gather(messages: &Receiver<Message>, group: &mut Group) {
    let mut waited = false;
    while !group.full() {
        match messages.try_recv() {
            Ok(message) => group.add(message),
            Err(_) if waited => return,
            Err(_) => {
                waited = true;
                match messages.recv_timeout(GROUP_WINDOW) {
                    Ok(message) => group.add(message),
                    Err(_) => return,
                }
            }
        }
    }
}

impl Writer {
    /// Commits a group, or holds back and refuses while the store fails.
    fn settle(&mut self, group: Group) {
        self.tell(&group);
        let quiet = group.rows == 0;
        if !self.healthy(quiet) {
            return self.hold(group);
        }
        let Group { started, mut finished, submitted, amendments, work, .. } = group;
        if !self.ring.is_empty() {
            let mut held = self.ring.drain();
            held.append(&mut finished);
            finished = held;
        }
        let mut batches = vec![Batch { calls: finished, started, events: Vec::new() }];
        let mut replies = Vec::with_capacity(submitted.len());
        for waiting in submitted {
            let rows = (waiting.calls.len() + waiting.events.len()) as u64;
            replies.push((rows, waiting.reply));
            batches.push(Batch {
                calls: waiting.calls,
                started: Vec::new(),
                events: waiting.events,
            });
        }
        self.commit(batches, replies);
        self.amend(amendments);
        self.work(work);
        self.write_gaps(quiet);
    }

    /// Changes by age, after the rows of the same group.
    fn work(&mut self, work: Vec<Work>) {
        for Work(change) in work {
            let now = self.clock.now();
            if change(self.store.as_mut().filter(|_| !self.broken), now) {
                tracing::warn!("a change to stored data failed; the store is looked at again");
            }
        }
    }

    /// Tells of the gateway's calls before the disk is asked: their rows may have to wait for it.
    fn tell(&self, group: &Group) {
        if !self.shared.is_heard() {
            return;
        }
        let lost = self.shared.take_unheard();
        self.shared.tell(|listener| {
            group.started.iter().for_each(|call| listener.started(call));
            for noted in &group.noted {
                match *noted {
                    Noted::FirstToken(call, at) => listener.first_token(call, at),
                    Noted::Left(call) => listener.left(call),
                }
            }
            if !group.finished.is_empty() {
                listener.ended(&group.finished);
            }
            lost.iter().for_each(|call| listener.lost(*call));
        });
    }

    /// After the rows of the same group, which may be the ones to change.
    fn amend(&mut self, amendments: Vec<Amending>) {
        for Amending { changes, reply } in amendments {
            let Some(store) = self.store.as_mut().filter(|_| !self.broken) else {
                refuse_changes(reply, self.shared.degraded());
                continue;
            };
            match store.amend(changes, self.clock.now()) {
                Ok(done) => {
                    let told = self.told.committed(Vec::new(), store.take_merges());
                    self.shared.tell(|listener| told.tell(listener));
                    // An error means that whoever asked has left.
                    drop(reply.send(Ok(done)));
                }
                Err(error) => {
                    self.broken = true;
                    self.tried = self.clock.monotonic();
                    self.degrade(&error);
                    refuse_changes(reply, Some(error.to_string()));
                }
            }
        }
    }

    fn commit(&mut self, mut batches: Vec<Batch>, replies: Vec<(u64, Reply)>) {
        let Some(store) = self.store.as_mut() else { return };
        let now = self.clock.now();
        let rows: usize = batches.iter().map(|b| b.calls.len() + b.events.len()).sum();
        let done = if rows + batches.first().map_or(0, |b| b.started.len()) == 0 {
            store.seal_if_due(now).map(|()| Vec::new())
        } else {
            store.commit_group(&batches, now)
        };
        match done {
            Ok(done) => {
                // The gateway's calls were told of when they ended.
                let submitted = submitted_of(batches, &store.take_known());
                let told = self.told.committed(submitted, store.take_merges());
                self.shared.tell(|listener| told.tell(listener));
                if !done.is_empty() {
                    let sum = |f: fn(&crate::store::Committed) -> u64| done.iter().map(f).sum();
                    self.shared.committed(sum(|c| c.stored), sum(|c| c.duplicates));
                }
                // For the gateway's part nobody waits.
                for ((rows, reply), part) in replies.into_iter().zip(done.iter().skip(1)) {
                    self.shared.release(rows);
                    let ack = Ack { stored: part.stored, duplicates: part.duplicates };
                    // A sender that left sends again and is told of duplicates.
                    drop(reply.send(Ok(ack)));
                }
            }
            Err(error) => {
                self.broken = true;
                self.tried = self.clock.monotonic();
                self.degrade(&error);
                let finished = batches.first_mut().map(|b| std::mem::take(&mut b.calls));
                self.keep(finished.unwrap_or_default());
                self.refuse(replies);
            }
        }
    }

    /// Whether the store takes rows; tries to bring it back at most once a second.
    fn healthy(&mut self, quiet: bool) -> bool {
        if self.store.is_some() && !self.broken {
            return true;
        }
        let now = self.clock.monotonic();
        let due = now.saturating_sub(self.tried).0 >= RETRY_AFTER.0;
        if !quiet && !due {
            return false;
        }
        self.tried = now;
        let back = match self.store.as_mut() {
            Some(store) => store.reopen(self.clock.now()),
            None => self.open_store(),
        };
        match back {
            Ok(()) => {
                tracing::info!("the store takes rows again");
                self.broken = false;
                self.shared.set_degraded(None);
                true
            }
            Err(error) => {
                self.degrade(&error);
                false
            }
        }
    }

    /// Nothing can be stored now: calls of the gateway wait, senders are told to.
    fn hold(&mut self, group: Group) {
        self.keep(group.finished);
        for Work(change) in group.work {
            change(None, self.clock.now());
        }
        for Amending { reply, .. } in group.amendments {
            refuse_changes(reply, self.shared.degraded());
        }
        let rows = |w: &Waiting| (w.calls.len() + w.events.len()) as u64;
        self.refuse(group.submitted.into_iter().map(|w| (rows(&w), w.reply)).collect());
    }

    fn keep(&mut self, calls: Vec<Call>) {
        let fallen = self.ring.push(calls);
        self.lose(&fallen, "the store took no rows and there was no room to hold more");
    }

    fn lose(&self, calls: &[Call], reason: &str) {
        let starts = || calls.iter().map(|c| c.time.start);
        if let (Some(from), Some(to)) = (starts().min(), starts().max()) {
            self.shared.lost_between(from, to, calls.len() as u64, reason);
        }
    }

    fn refuse(&self, replies: Vec<(u64, Reply)>) {
        let why = self.shared.degraded().unwrap_or_else(|| "the store takes no rows".to_owned());
        for (rows, reply) in replies {
            self.shared.release(rows);
            self.shared.refused(rows);
            drop(reply.send(Err(why.clone())));
        }
    }

    /// Writes gaps that have ended; all of them where there is nothing else to do.
    fn write_gaps(&mut self, all: bool) {
        let now = self.clock.now();
        while let Some(store) = self.store.as_mut().filter(|_| !self.broken) {
            let Some(gap) = self.shared.first_gap() else { return };
            if !all && now.since(gap.to) < GAP_SETTLED {
                return;
            }
            match store.record_gap(&gap) {
                Ok(()) => self.shared.gap_written(&gap),
                Err(error) => {
                    self.broken = true;
                    self.degrade(&error);
                }
            }
        }
    }

    /// The last chance for rows held back; what still finds no place is lost, and counted.
    fn close(mut self, messages: &Receiver<Message>) {
        let mut late = Group::default();
        messages.try_iter().for_each(|m| late.add(m));
        self.settle(late);
        let held = self.ring.drain();
        self.lose(&held, "flowgauge stopped while the store took no rows");
        self.write_gaps(true);
    }
}
