//! What instances that share answers tell each other: questions, so that each finds them in other words; answers found
//! wrong; what was cleared.
//!
//! Owns the order: what must not be lost waits until the backend has it, and what was cleared is held back by whoever
//! has heard of it, so that no answer need be found and taken out one by one. Refuses what it cannot read: another
//! version may have told it.

use super::{Ordering, PATIENCE, Purge, Shared, Tags, UnixMicros};
use crate::control::memory::{Memory, Question, Words};
use crate::logic::control::cache::key::Key;
use crate::logic::control::cache::meaning::Meaning;
use crate::logic::control::cache::semantic::embed::Embedding;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::Arc;

/// Longest question that is told, bytes: longer ones are texts, not questions.
const MAX_QUESTION: usize = 4 << 10;
/// News that wait for the backend; at the limit the oldest goes. As many ratings as users give in an hour of trouble.
const MAX_WAITING: usize = 1_024;
/// Clearings held back at once; beyond them everything is cleared instead.
const MAX_CLEARED: usize = 64;
/// News heard at once at most: a hundred thousand questions of 1,000 each.
const MAX_BATCHES: usize = 128;

/// Something told. Whoever told it need not hear it.
#[derive(Debug, Serialize, Deserialize)]
struct News {
    from: u64,
    #[serde(flatten)]
    says: Says,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "says")]
enum Says {
    Question { scope: String, key: String, encoder: String, vector: String, question: String },
    Disputed { key: String },
    Cleared { purge: Purge, at: UnixMicros },
}

/// What is to be told, what was heard.
#[derive(Debug)]
pub(super) struct Desk {
    me: u64,
    waiting: Mutex<VecDeque<Vec<u8>>>,
    cleared: Mutex<Vec<(Purge, UnixMicros)>>,
    /// Of which generation was heard, and up to which place.
    heard: Mutex<(u64, String)>,
}

impl Desk {
    pub(super) fn new() -> Self {
        // Without random numbers it hears itself too, which costs a little and changes nothing.
        let me = getrandom::u64().unwrap_or_default();
        let (waiting, cleared, heard) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self { me, waiting, cleared, heard }
    }

    /// A question as news; nothing where it is too long to be one.
    pub(super) fn question(&self, key: Key, asked: &Question, encoder: &str) -> Option<Vec<u8>> {
        let Question { scope, vector, text: Words(text), .. } = asked;
        (text.len() <= MAX_QUESTION).then(|| {
            self.news(Says::Question {
                scope: hex(&scope.0),
                key: hex(&key.0),
                encoder: encoder.to_owned(),
                vector: hex(&vector.to_bytes()),
                question: text.as_ref().to_owned(),
            })
        })
    }

    pub(super) fn disputed(&self, key: Key) {
        self.wait(self.news(Says::Disputed { key: hex(&key.0) }));
    }

    /// Holds back what fits and lets it be told; false where too many clearings are held back already.
    pub(super) fn cleared(&self, purge: &Purge, at: UnixMicros) -> bool {
        let kept = self.hold_back(purge.clone(), at);
        if kept {
            self.wait(self.news(Says::Cleared { purge: purge.clone(), at }));
        }
        kept
    }

    fn hold_back(&self, purge: Purge, at: UnixMicros) -> bool {
        let mut cleared = self.cleared.lock();
        cleared.retain(|(before, _)| *before != purge);
        let fits = cleared.len() < MAX_CLEARED;
        if fits {
            cleared.push((purge, at));
        }
        fits
    }

    /// Whether an answer was made before a clearing that it fits.
    pub(super) fn is_cleared(&self, tags: &Tags, begun: UnixMicros) -> bool {
        let cleared = self.cleared.lock();
        cleared.iter().any(|(purge, at)| begun <= *at && purge.fits(tags, at.since(begun)))
    }

    fn news(&self, says: Says) -> Vec<u8> {
        // Plain data is always written.
        serde_json::to_vec(&News { from: self.me, says }).unwrap_or_default()
    }

    fn wait(&self, news: Vec<u8>) {
        let mut waiting = self.waiting.lock();
        if waiting.len() >= MAX_WAITING {
            waiting.pop_front();
        }
        waiting.push_back(news);
    }

    /// From where to hear on; a generation begins with its first news.
    fn place(&self, generation: u64) -> String {
        let mut heard = self.heard.lock();
        if heard.0 != generation {
            *heard = (generation, String::new());
            self.cleared.lock().clear();
        }
        heard.1.clone()
    }
}

impl Shared {
    /// Tells what waits, then hears what others told.
    pub(super) async fn exchange(&self, memory: &Memory, known: bool) {
        if !known || self.rests(self.clock.now()) || self.is_behind() {
            return;
        }
        let generation = self.generation.load(Ordering::Acquire);
        match tokio::time::timeout(PATIENCE, self.told_and_heard(memory, generation)).await {
            Ok(Ok(())) => self.well(),
            Ok(Err(error)) => self.trouble(&error.to_string()),
            Err(_) => self.trouble("no answer in time"),
        }
    }

    async fn told_and_heard(
        &self,
        memory: &Memory,
        generation: u64,
    ) -> Result<(), super::BackendError> {
        // Only this task takes from the front: what is told is the one that goes.
        loop {
            let Some(first) = self.news.waiting.lock().front().cloned() else { break };
            self.backend.tell(generation, &first).await?;
            self.news.waiting.lock().pop_front();
        }
        for _ in 0..MAX_BATCHES {
            let place = self.news.place(generation);
            let heard = self.backend.hear(generation, &place).await?;
            let Some((last, _)) = heard.last() else { break };
            let last = last.clone();
            for (_, news) in &heard {
                self.hear_one(memory, news);
            }
            *self.news.heard.lock() = (generation, last);
        }
        Ok(())
    }

    fn hear_one(&self, memory: &Memory, news: &[u8]) {
        let Ok(News { from, says }) = serde_json::from_slice(news) else { return };
        let now = self.clock.now();
        match says {
            _ if from == self.news.me => {}
            Says::Disputed { key } => {
                let Some(key) = key_of(&key) else { return };
                memory.dispute_own(&key, now);
                self.counters.disputed.fetch_add(1, Ordering::Relaxed);
            }
            Says::Cleared { purge, at } => {
                memory.clear_own(&purge, now);
                // Where there is no room the own memory is empty all the same; the backend's entries end by themselves.
                self.news.hold_back(purge, at);
            }
            Says::Question { scope, key, encoder, vector, question } => {
                if encoder != memory.encoder().name() {
                    return;
                }
                let (Some(scope), Some(key)) = (key_of(&scope), key_of(&key)) else { return };
                let vector = bytes(&vector).and_then(|b| Embedding::from_bytes(&b));
                let (Some(vector), Some(meaning)) = (vector, Meaning::of(&question)) else {
                    return;
                };
                let text = Words(Arc::from(question));
                memory.learn(key, Question { scope, vector, meaning, text });
                self.counters.questions.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |n: u8| char::from(DIGITS[usize::from(n & 15)]);
    bytes.iter().flat_map(|b| [digit(b >> 4), digit(*b)]).collect()
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    let digit = |d: u8| u8::try_from(char::from(d).to_digit(16)?).ok();
    pairs.map(|p| Some((digit(p[0])? << 4) | digit(p[1])?)).collect()
}

fn key_of(hex: &str) -> Option<Key> {
    bytes(hex)?.try_into().ok().map(Key)
}
