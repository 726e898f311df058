//! Answers in memory, and the requests that wait for one another's.
//!
//! Owns the store of whole answers, the index of questions in other words, and single flight. Refuses to keep anyone
//! waiting for a lock while it compares: questions are measured beside the store. Whoever leads and leaves hands the
//! lead on; whoever waits in vain asks for itself.

mod shadow;
mod wait;

pub use shadow::{Near, Shadow, ThresholdAdvice};
pub use wait::{Slot, Wait, Woke};

use super::encoder::{Encoder, Lexical};
use super::shared::Shared;
use crate::logic::call::Usage;
use crate::logic::control::cache::flight::{Caller, Flights, Part};
use crate::logic::control::cache::key::Key;
use crate::logic::control::cache::meaning::Meaning;
use crate::logic::control::cache::semantic::embed::Embedding;
use crate::logic::control::cache::semantic::{Index, Likeness};
use crate::logic::control::cache::store::{Counts, Found, Limits, Purge, Store, Tags, Ticket};
use crate::logic::control::cache::tune::AccessLog;
use crate::logic::control::state::Semantic;
use crate::logic::unit::{Micros, Ratio, UnixMicros};
use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};
use tokio::sync::oneshot;

/// Questions that are found in other words; a scan of so many takes one to two milliseconds (performance, 3.6).
const MAX_QUESTIONS: usize = 100_000;
/// Longest wait for the answer of another. Longer than nearly all answers take, shorter than clients' patience.
const PATIENCE: Micros = Micros::from_millis(30_000);

/// A whole answer, as the caller got it. It is content and is not printed.
pub struct Answer {
    /// Header fields that describe the body.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body, frame by frame, so that a stream is framed as it was.
    pub frames: Vec<Bytes>,
    /// What it took.
    pub usage: Usage,
    /// Its text as a vector, for comparison with what another request got.
    pub gist: Option<Embedding>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("frames", &self.frames.len()).finish_non_exhaustive()
    }
}

/// The question of a request, to be found in other words.
#[derive(Debug, Clone)]
pub struct Question {
    /// Identity of all the rest.
    pub scope: Key,
    /// Its vector.
    pub vector: Embedding,
    /// What it asks.
    pub meaning: Meaning,
    /// Its words. They are content and are not printed.
    pub text: Words,
}

/// The words of a question.
#[derive(Clone, PartialEq, Eq)]
pub struct Words(pub Arc<str>);

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Words").finish_non_exhaustive()
    }
}

/// A request as it is looked up.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Its identity.
    pub key: Key,
    /// Its question, where it has one and other words are looked for.
    pub question: Option<Question>,
    /// How far other words are let.
    pub semantic: Semantic,
    /// What counts as like.
    pub likeness: Likeness,
    /// Whether a found answer is given, or only counted.
    pub serves: bool,
}

/// An answer that was found.
#[derive(Debug)]
pub struct Hit {
    /// The answer.
    pub answer: Arc<Answer>,
    /// Under which it is held.
    pub key: Key,
    /// How old it is.
    pub age: Micros,
    /// How like the questions are; nothing where the requests are equal.
    pub similarity: Option<f32>,
    /// What is known of it.
    pub tags: Tags,
}

/// What a lookup led to.
#[derive(Debug)]
pub enum Look {
    /// An answer.
    Hit(Hit),
    /// None; whoever asks now may put it here.
    Miss(Box<Slot>),
    /// Another asks the same already.
    Wait(Wait),
}

/// Answers in memory.
#[derive(Debug)]
pub struct Memory {
    shelf: Mutex<Shelf>,
    questions: RwLock<Index>,
    shadow: Mutex<Shadow>,
    shared: OnceLock<Arc<Shared>>,
    encoder: OnceLock<Arc<dyn Encoder>>,
}

#[derive(Debug)]
struct Shelf {
    store: Store<Arc<Answer>>,
    limits: Limits,
    log: AccessLog,
    flights: Flights,
    waiting: HashMap<Caller, oneshot::Sender<wait::Call>>,
    next: Caller,
}

/// How full it is and what it did.
#[derive(Debug, Clone, PartialEq)]
pub struct Contents {
    /// Answers held.
    pub entries: usize,
    /// Bytes held.
    pub bytes: u64,
    /// Of those there are.
    pub fullness: Option<Ratio>,
    /// Questions that are found in other words.
    pub questions: usize,
    /// Sums since the start.
    pub counts: Counts,
    /// What it would have done.
    pub shadow: Shadow,
}

impl Memory {
    /// An empty memory.
    #[must_use]
    pub fn new(limits: Limits) -> Arc<Self> {
        let shelf = Shelf {
            store: Store::new(limits),
            limits,
            log: AccessLog::default(),
            flights: Flights::default(),
            waiting: HashMap::new(),
            next: 0,
        };
        Arc::new(Self {
            shelf: Mutex::new(shelf),
            questions: RwLock::new(Index::new(MAX_QUESTIONS)),
            shadow: Mutex::new(Shadow::default()),
            shared: OnceLock::new(),
            encoder: OnceLock::new(),
        })
    }

    /// Looks a request up: equal ones first, then other words.
    pub fn look(self: &Arc<Self>, wanted: Wanted, now: UnixMicros) -> Look {
        let ticket = {
            let mut shelf = self.shelf.lock();
            shelf.log.look(&wanted.key, now);
            shelf.store.ticket()
        };
        let ticket = match self.exact(&wanted.key, now, None) {
            Ok(hit) if wanted.serves => return Look::Hit(hit),
            Ok(hit) => {
                self.shadow.lock().would_hit(&hit);
                let mut slot = self.slot(wanted, None, ticket);
                slot.rival.clone_from(&hit.answer.gist);
                return Look::Miss(slot);
            }
            Err(ticket) => ticket,
        };
        let mut elsewhere = None;
        match self.in_other_words(&wanted, now, &mut elsewhere) {
            Some(hit) if wanted.serves && wanted.semantic == Semantic::On => return Look::Hit(hit),
            Some(hit) => {
                self.shadow.lock().would_hit(&hit);
                let mut slot = self.slot(wanted, None, ticket);
                slot.rival.clone_from(&hit.answer.gist);
                return Look::Miss(slot);
            }
            None => {}
        }
        if !wanted.serves {
            return Look::Miss(self.slot(wanted, None, ticket));
        }
        match self.join(wanted, ticket, now) {
            Look::Miss(mut slot) => {
                slot.elsewhere = elsewhere;
                Look::Miss(slot)
            }
            other => other,
        }
    }

    /// Whether an equal request is answered, or asked by another: its question need not be made a vector.
    #[must_use]
    pub fn knows(&self, key: &Key, now: UnixMicros) -> bool {
        let shelf = self.shelf.lock();
        shelf.store.holds(key, now) || shelf.flights.flies(key)
    }

    /// Makes vectors of questions otherwise than by their words. The first counts.
    pub fn encode_by(&self, encoder: Arc<dyn Encoder>) {
        // A second one would mix vectors that cannot be compared.
        let _first = self.encoder.set(encoder);
    }

    /// What makes vectors of questions.
    #[must_use]
    pub fn encoder(&self) -> &dyn Encoder {
        match self.encoder.get() {
            Some(encoder) => &**encoder,
            None => &Lexical,
        }
    }

    /// Puts answers behind this memory that other instances share. The first counts.
    pub fn behind(&self, shared: Arc<Shared>) {
        // A second one would be a second group of instances.
        let _first = self.shared.set(shared);
    }

    /// What other instances share.
    #[must_use]
    pub fn shared(&self) -> Option<&Arc<Shared>> {
        self.shared.get()
    }

    /// An answer another instance kept, to an equal request or the same question in other words, taken into this memory
    /// as well; the place itself where there is none.
    ///
    /// # Errors
    /// There is none: the place is given back.
    pub async fn look_behind(
        &self,
        mut slot: Box<Slot>,
        now: UnixMicros,
    ) -> Result<Hit, Box<Slot>> {
        let Some(shared) = self.shared.get() else { return Err(slot) };
        let (ttl, disputed) = {
            let shelf = self.shelf.lock();
            (shelf.limits.ttl, shelf.store.is_disputed(slot.key(), now))
        };
        if !disputed && let Some((hit, begun)) = shared.get(slot.key(), ttl).await {
            slot.take_in(&hit, begun, now);
            return Ok(hit);
        }
        let Some((key, similarity)) = slot.elsewhere.take() else { return Err(slot) };
        match shared.get(&key, ttl).await {
            Some((hit, begun)) if slot.take_in_beside(&hit, begun, now) => {
                Ok(Hit { similarity: Some(similarity), ..hit })
            }
            _ => {
                // Its answer is gone everywhere.
                self.questions.write().remove(&key);
                Err(slot)
            }
        }
    }

    /// Takes out what fits, here and where other instances share it; entries and bytes that went here.
    pub fn clear(&self, purge: &Purge, now: UnixMicros) -> (u64, u64) {
        if let Some(shared) = self.shared.get() {
            shared.clear(purge, now);
        }
        self.clear_own(purge, now)
    }

    /// Takes out what fits, here only; entries and bytes that went. Answers on their way are not kept when they come.
    pub fn clear_own(&self, purge: &Purge, now: UnixMicros) -> (u64, u64) {
        let gone = self.shelf.lock().store.purge(purge, now);
        if *purge == Purge::default() {
            self.questions.write().clear();
        }
        gone
    }

    /// Somebody found the answer held under a key wrong: it goes and stays out for as long as an answer lives.
    pub fn dispute(&self, key: &Key, now: UnixMicros) {
        self.dispute_own(key, now);
        if let Some(shared) = self.shared.get() {
            shared.dispute(*key);
        }
    }

    /// As [`Self::dispute`], here only.
    pub(super) fn dispute_own(&self, key: &Key, now: UnixMicros) {
        self.shelf.lock().store.dispute(key, now);
        self.questions.write().remove(key);
    }

    /// Another instance holds the answer to a question.
    pub(super) fn learn(&self, key: Key, question: Question) {
        let mut questions = self.questions.write();
        if !questions.holds(&key) {
            questions.insert(question.scope, key, question.vector, question.meaning);
        }
    }

    /// Lookups of late, and the bounds they were under.
    #[must_use]
    pub fn accesses(&self) -> (AccessLog, Limits) {
        let shelf = self.shelf.lock();
        (shelf.log.clone(), shelf.limits)
    }

    /// Takes other bounds, where they are others.
    pub fn bound(&self, limits: Limits, now: UnixMicros) {
        let mut shelf = self.shelf.lock();
        if shelf.limits != limits {
            shelf.limits = limits;
            shelf.store.bound(limits, now);
        }
    }

    /// How full it is and what it did.
    #[must_use]
    pub fn contents(&self) -> Contents {
        let shelf = self.shelf.lock();
        Contents {
            entries: shelf.store.len(),
            bytes: shelf.store.bytes(),
            fullness: shelf.store.fullness(),
            questions: self.questions.read().len(),
            counts: *shelf.store.counts(),
            shadow: self.shadow.lock().clone(),
        }
    }

    fn slot(self: &Arc<Self>, wanted: Wanted, leads: Option<Caller>, ticket: Ticket) -> Box<Slot> {
        let Wanted { key, question, .. } = wanted;
        let (rival, elsewhere) = (None, None);
        Box::new(Slot { memory: Arc::clone(self), key, question, leads, ticket, rival, elsewhere })
    }

    fn exact(&self, key: &Key, now: UnixMicros, similarity: Option<f32>) -> Result<Hit, Ticket> {
        match self.shelf.lock().store.get(key, now) {
            Found::Miss(ticket) => Err(ticket),
            Found::Hit { value, tags, age } => {
                let (answer, tags) = (Arc::clone(value), tags.clone());
                Ok(Hit { answer, key: *key, age, similarity, tags })
            }
        }
    }

    /// Where the answer may be with another instance it is said `elsewhere`.
    fn in_other_words(
        &self,
        wanted: &Wanted,
        now: UnixMicros,
        elsewhere: &mut Option<(Key, f32)>,
    ) -> Option<Hit> {
        let question = wanted.question.as_ref().filter(|_| wanted.semantic != Semantic::Off)?;
        let found = {
            let Question { scope, vector, meaning, .. } = question;
            self.questions.read().find(scope, vector, meaning, wanted.likeness)
        };
        self.shadow.lock().near(&found);
        let (key, similarity) = found.hit?;
        match self.exact(&key, now, Some(similarity)) {
            Ok(hit) => Some(hit),
            Err(_) if self.shared.get().is_some() => {
                *elsewhere = Some((key, similarity)).filter(|_| wanted.semantic == Semantic::On);
                None
            }
            // Its answer made room for others.
            Err(_) => {
                self.questions.write().remove(&key);
                None
            }
        }
    }

    fn join(self: &Arc<Self>, wanted: Wanted, ticket: Ticket, now: UnixMicros) -> Look {
        let key = wanted.key;
        let (part, caller, told) = {
            let mut shelf = self.shelf.lock();
            shelf.next += 1;
            let caller = shelf.next;
            let part = shelf.flights.join(key, caller, now, PATIENCE);
            let told = matches!(part, Part::Wait(_)).then(|| {
                let (tell, told) = oneshot::channel();
                shelf.waiting.insert(caller, tell);
                told
            });
            (part, caller, told)
        };
        match (part, told) {
            (Part::Lead, _) => Look::Miss(self.slot(wanted, Some(caller), ticket)),
            (Part::Wait(_), Some(told)) => {
                Look::Wait(Wait::new(self.slot(wanted, None, ticket), caller, told, PATIENCE))
            }
            _ => Look::Miss(self.slot(wanted, None, ticket)),
        }
    }
}
