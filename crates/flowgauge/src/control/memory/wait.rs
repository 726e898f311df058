//! The place of an answer that is on its way, and the wait for one that another asked for.

use super::{Answer, Embedding, Hit, Memory, Question};
use crate::logic::control::cache::flight::{Caller, Wake};
use crate::logic::control::cache::key::Key;
use crate::logic::control::cache::store::{Put, Tags, Ticket};
use crate::logic::unit::{Micros, UnixMicros};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// What a waiter is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// The answer is there.
    Serve,
    /// It leads now.
    Lead,
    /// It asks for itself.
    Release,
}

/// The place of an answer on its way. Dropped without one, the longest waiter asks in its stead.
pub struct Slot {
    pub(super) memory: Arc<Memory>,
    pub(super) key: Key,
    pub(super) question: Option<Question>,
    pub(super) leads: Option<Caller>,
    pub(super) ticket: Ticket,
    /// What would have been answered.
    pub(super) rival: Option<Embedding>,
    /// Under which another instance may hold the answer to the same question, and how like it is.
    pub(super) elsewhere: Option<(Key, f32)>,
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot")
            .field("key", &self.key)
            .field("leads", &self.leads)
            .finish_non_exhaustive()
    }
}

impl Slot {
    /// Whether the answer's text is to be compared with one that would have been given.
    #[must_use]
    pub const fn compares(&self) -> bool {
        self.question.is_some() || self.rival.is_some()
    }

    /// Keeps a whole answer and lets those who wait have it.
    pub fn keep(mut self, answer: Answer, tags: Tags, now: UnixMicros) -> Put {
        if let (Some(rival), Some(gist)) = (&self.rival, &answer.gist) {
            self.memory.shadow.lock().compare(rival.cosine(gist));
        }
        let answer = Arc::new(answer);
        let put = self.put(&answer, &tags, (now, now));
        if let (Put::Kept, Some(shared)) = (put, self.memory.shared()) {
            let ttl = self.memory.shelf.lock().limits.ttl;
            shared.keep(self.key, &answer, &tags, now, ttl);
        }
        if let (Put::Kept, Some(question)) = (put, self.question.take()) {
            if let Some(shared) = self.memory.shared() {
                shared.tell_question(self.key, &question, self.memory.encoder().name());
            }
            let Question { scope, vector, meaning, .. } = question;
            self.memory.questions.write().insert(scope, self.key, vector, meaning);
        }
        put
    }

    /// Takes an answer in that another instance made, and lets those who wait have it.
    pub(super) fn take_in(mut self, hit: &Hit, begun: UnixMicros, now: UnixMicros) {
        self.put(&hit.answer, &hit.tags, (begun, now));
    }

    /// Takes an answer in that another instance made to the same question in other words. Those who wait here ask
    /// for themselves. False where it may not be given: it was found wrong, or cleared meanwhile.
    pub(super) fn take_in_beside(&mut self, hit: &Hit, begun: UnixMicros, now: UnixMicros) -> bool {
        let bytes = hit.answer.frames.iter().map(|f| f.len() as u64).sum();
        let (value, tags) = (Arc::clone(&hit.answer), hit.tags.clone());
        let put = {
            let mut shelf = self.memory.shelf.lock();
            shelf.store.put_since(self.ticket, hit.key, value, tags, bytes, (begun, now))
        };
        matches!(put, Put::Kept | Put::TooLarge)
    }

    pub(super) const fn key(&self) -> &Key {
        &self.key
    }

    fn put(&mut self, answer: &Arc<Answer>, tags: &Tags, when: (UnixMicros, UnixMicros)) -> Put {
        let bytes = answer.frames.iter().map(|f| f.len() as u64).sum();
        let (put, wake) = {
            let mut shelf = self.memory.shelf.lock();
            shelf.log.kept(&self.key, bytes, tags);
            let (key, value) = (self.key, Arc::clone(answer));
            let put = shelf.store.put_since(self.ticket, key, value, tags.clone(), bytes, when);
            let leads = self.leads.take();
            let kept = put == Put::Kept;
            let wake = leads.map_or(Wake::Nobody, |c| shelf.flights.finish(self.key, c, kept));
            (put, wake)
        };
        self.memory.wake(wake);
        put
    }

    /// The answer may not be kept: those who wait ask for themselves.
    pub fn release(mut self) {
        if let Some(caller) = self.leads.take() {
            let wake = self.memory.shelf.lock().flights.finish(self.key, caller, false);
            self.memory.wake(wake);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(caller) = self.leads.take() {
            let wake = self.memory.shelf.lock().flights.leave(self.key, caller);
            self.memory.wake(wake);
        }
    }
}

impl Memory {
    fn wake(&self, wake: Wake) {
        let (callers, call) = match wake {
            Wake::Nobody => return,
            Wake::Lead(caller) => (vec![caller], Call::Lead),
            Wake::Serve(all) => (all, Call::Serve),
            Wake::Release(all) => (all, Call::Release),
        };
        let tells: Vec<_> = {
            let mut shelf = self.shelf.lock();
            callers.iter().filter_map(|c| Some((*c, shelf.waiting.remove(c)?))).collect()
        };
        for (_, tell) in tells {
            // One that left meanwhile hands on what it was told when its wait is dropped.
            let _left = tell.send(call);
        }
    }
}

/// A wait for the answer of another.
#[derive(Debug)]
pub struct Wait {
    slot: Option<Box<Slot>>,
    caller: Caller,
    told: oneshot::Receiver<Call>,
    patience: Micros,
}

/// How a wait ended.
#[derive(Debug)]
pub enum Woke {
    /// With the answer.
    Hit(Hit),
    /// With the request still to be made.
    Ask(Box<Slot>),
}

impl Wait {
    pub(super) const fn new(
        slot: Box<Slot>,
        caller: Caller,
        told: oneshot::Receiver<Call>,
        patience: Micros,
    ) -> Self {
        Self { slot: Some(slot), caller, told, patience }
    }

    /// Waits for the answer, or for the word to ask.
    pub async fn end(mut self, now: impl Fn() -> UnixMicros) -> Option<Woke> {
        let patience = Duration::from_micros(self.patience.0);
        let told = tokio::time::timeout(patience, &mut self.told).await;
        let mut slot = self.slot.take()?;
        match told {
            Ok(Ok(Call::Serve)) => match slot.memory.exact(&slot.key, now(), None) {
                Ok(hit) => return Some(Woke::Hit(hit)),
                Err(ticket) => slot.ticket = ticket,
            },
            Ok(Ok(Call::Lead)) => slot.leads = Some(self.caller),
            Ok(Ok(Call::Release) | Err(_)) => {}
            Err(_) => leave(&slot, self.caller, &mut self.told),
        }
        Some(Woke::Ask(slot))
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            leave(&slot, self.caller, &mut self.told);
        }
    }
}

/// A waiter goes away. One that was made the leader meanwhile hands the lead on.
fn leave(slot: &Slot, caller: Caller, told: &mut oneshot::Receiver<Call>) {
    let wake = {
        let mut shelf = slot.memory.shelf.lock();
        shelf.waiting.remove(&caller);
        told.close();
        shelf.flights.leave(slot.key, caller)
    };
    slot.memory.wake(wake);
}
