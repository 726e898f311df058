//! What shared answers promise, over a backend in memory that can be broken.

use super::*;
use crate::control::memory::{Look, Wanted, Words};
use crate::logic::call::{Text, Usage};
use crate::logic::control::cache::meaning::Meaning;
use crate::logic::control::cache::semantic::Likeness;
use crate::logic::control::cache::semantic::embed::Embedding;
use crate::logic::control::cache::store::{Limits, Put};
use crate::logic::control::state::Semantic;
use std::collections::HashMap;

const TTL: Micros = Micros::from_millis(900_000);
const WITHIN: Micros = Micros::from_millis(20);
const KEY: Key = Key([1; 32]);

#[derive(Debug, Default)]
struct Held {
    generation: Option<u64>,
    values: HashMap<(u64, Key), Vec<u8>>,
    news: Vec<(u64, Vec<u8>)>,
    asked: u64,
}

/// How a backend is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Well,
    Refuses,
    Hangs,
}

#[derive(Debug, Clone)]
struct Fake(Arc<(Mutex<Held>, Mutex<State>)>);

impl Fake {
    fn new() -> Self {
        Self(Arc::new((Mutex::default(), Mutex::new(State::Well))))
    }

    fn is(&self, state: State) {
        *self.0.1.lock() = state;
    }

    fn held(&self) -> usize {
        self.0.0.lock().values.len()
    }

    fn asked(&self) -> u64 {
        self.0.0.lock().asked
    }

    fn does<'a, T: Send + 'a>(
        &'a self,
        work: impl FnOnce(&mut Held) -> T + Send + 'a,
    ) -> BoxFuture<'a, Result<T, BackendError>> {
        Box::pin(async move {
            let state = *self.0.1.lock();
            match state {
                State::Well => {
                    let mut held = self.0.0.lock();
                    held.asked += 1;
                    Ok(work(&mut held))
                }
                State::Refuses => Err(BackendError("no".to_owned())),
                State::Hangs => std::future::pending().await,
            }
        })
    }
}

impl Backend for Fake {
    fn get<'a>(
        &'a self,
        generation: u64,
        key: &'a Key,
    ) -> BoxFuture<'a, Result<(Option<u64>, Option<Vec<u8>>), BackendError>> {
        self.does(move |h| (h.generation, h.values.get(&(generation, *key)).cloned()))
    }

    fn put<'a>(
        &'a self,
        generation: u64,
        key: &'a Key,
        value: Vec<u8>,
        _life: Duration,
    ) -> BoxFuture<'a, Result<(), BackendError>> {
        self.does(move |h| drop(h.values.insert((generation, *key), value)))
    }

    fn forget<'a>(
        &'a self,
        generation: u64,
        key: &'a Key,
    ) -> BoxFuture<'a, Result<(), BackendError>> {
        self.does(move |h| drop(h.values.remove(&(generation, *key))))
    }

    fn generation(&self) -> BoxFuture<'_, Result<Option<u64>, BackendError>> {
        self.does(|h| h.generation)
    }

    fn begin(&self, generation: u64) -> BoxFuture<'_, Result<(), BackendError>> {
        self.does(move |h| h.generation = Some(generation))
    }

    fn tell<'a>(
        &'a self,
        generation: u64,
        news: &'a [u8],
    ) -> BoxFuture<'a, Result<(), BackendError>> {
        self.does(move |h| h.news.push((generation, news.to_vec())))
    }

    fn hear<'a>(
        &'a self,
        generation: u64,
        after: &'a str,
    ) -> BoxFuture<'a, Result<Heard, BackendError>> {
        let from = after.parse().map_or(0, |n: usize| n + 1);
        self.does(move |h| {
            let all = h.news.iter().enumerate().skip(from).filter(|(_, (g, _))| *g == generation);
            all.map(|(n, (_, news))| (n.to_string(), news.clone())).collect()
        })
    }
}

struct Instance {
    shared: Arc<Shared>,
    memory: Arc<Memory>,
    known: bool,
    tasks: mpsc::Receiver<Task>,
}

impl Instance {
    async fn new(fake: &Fake, clock: &Clock) -> Self {
        let shared = Shared::new(Box::new(fake.clone()), WITHIN, clock.clone());
        let memory = Memory::new(Limits::default());
        memory.behind(Arc::clone(&shared));
        let tasks = shared.waiting.lock().take().unwrap();
        let mut instance = Self { shared, memory, known: false, tasks };
        instance.look().await;
        instance
    }

    /// As the worker does every half second.
    async fn look(&mut self) {
        self.shared.follow(&self.memory, &mut self.known, false).await;
        self.shared.exchange(&self.memory, self.known).await;
    }

    /// As the worker does with what is handed over.
    async fn work(&mut self) {
        while let Ok(task) = self.tasks.try_recv() {
            match task {
                Task::Clear => self.shared.follow(&self.memory, &mut self.known, true).await,
                Task::News => self.shared.exchange(&self.memory, self.known).await,
                task => self.shared.work(task).await,
            }
        }
    }

    /// A question that is answered here; the answer is kept for all.
    async fn answers(&mut self, key: Key, words: &str, tags: &Tags, now: UnixMicros) {
        match self.memory.look(wanted(key, words), now) {
            Look::Miss(slot) => assert_eq!(slot.keep(answer(), tags.clone(), now), Put::Kept),
            other => panic!("{other:?}"),
        }
        self.work().await;
    }

    /// A question asked here: the answer of any instance, and how like its question is.
    async fn asks(&self, key: Key, words: &str, now: UnixMicros) -> Option<Option<f32>> {
        match self.memory.look(wanted(key, words), now) {
            Look::Hit(hit) => Some(hit.similarity),
            Look::Miss(slot) => self.memory.look_behind(slot, now).await.ok().map(|h| h.similarity),
            Look::Wait(_) => panic!("nobody leads"),
        }
    }

    async fn finds(&self) -> bool {
        self.shared.get(&KEY, TTL).await.is_some()
    }
}

/// A request in one scope, whose question may be found in other words.
fn wanted(key: Key, words: &str) -> Wanted {
    let meaning = Meaning::of(words).unwrap();
    let vector = Embedding::of(&meaning);
    let text = Words(words.into());
    let question = Some(Question { scope: Key([9; 32]), vector, meaning, text });
    let likeness = Likeness { serve: 0.6, report: 0.5 };
    Wanted { key, question, semantic: Semantic::On, likeness, serves: true }
}

fn answer() -> Answer {
    let frames = vec![Bytes::from_static(b"hello")];
    Answer { headers: Vec::new(), frames, usage: Usage::default(), gist: None }
}

#[tokio::test]
async fn what_one_keeps_another_finds_until_any_of_them_clears_or_its_life_ends() {
    let fake = Fake::new();
    let (clock, hand) = Clock::frozen(UnixMicros(1_000));
    let mut one = Instance::new(&fake, &clock).await;
    let mut two = Instance::new(&fake, &clock).await;
    one.shared.keep(KEY, &answer(), &Tags::default(), clock.now(), TTL);
    one.work().await;
    hand.advance(Micros(7));
    let (hit, begun) = two.shared.get(&KEY, TTL).await.unwrap();
    assert_eq!(
        (hit.answer.frames[0].as_ref(), hit.age, begun.0),
        (&b"hello"[..], Micros(7), 1_000)
    );

    two.memory.clear(&Purge::default(), clock.now());
    assert!(!two.finds().await, "not even before the backend has it");
    two.work().await;
    assert!(!one.finds().await && !two.finds().await);
    assert_eq!(fake.held(), 1, "it is there and found by nobody");
    one.look().await;
    one.shared.keep(KEY, &answer(), &Tags::default(), clock.now(), TTL);
    one.work().await;
    assert!(two.finds().await);
    two.memory.dispute(&KEY, clock.now());
    two.work().await;
    assert!(!one.finds().await);

    one.shared.keep(KEY, &answer(), &Tags::default(), clock.now(), TTL);
    one.work().await;
    hand.advance(Micros(TTL.0 - 1));
    assert!(two.finds().await);
    hand.advance(Micros(1));
    assert!(!two.finds().await, "its life ends where the backend forgot to end it");
    fake.0.0.lock().generation = None;
    assert!(!one.finds().await, "a backend that lost its generation has nothing");
    one.look().await;
    assert!(fake.0.0.lock().generation.is_some());
}

#[tokio::test]
async fn a_slow_or_refusing_backend_is_a_miss_within_its_time_and_is_left_alone_after_three() {
    let fake = Fake::new();
    let (clock, hand) = Clock::frozen(UnixMicros(1_000));
    let mut one = Instance::new(&fake, &clock).await;
    one.shared.keep(KEY, &answer(), &Tags::default(), clock.now(), TTL);
    one.work().await;
    for state in [State::Hangs, State::Refuses] {
        fake.is(state);
        let before = one.shared.counts();
        for _ in 0..10 {
            assert!(!one.finds().await);
        }
        let after = one.shared.counts();
        assert_eq!((after.failed - before.failed, after.passed - before.passed), (3, 7));
        fake.is(State::Well);
        let asked = fake.asked();
        assert!(!one.finds().await);
        assert_eq!(fake.asked(), asked, "it rests");
        hand.advance(REST);
        assert!(one.finds().await);
    }
    fake.is(State::Refuses);
    one.memory.clear(&Purge::default(), clock.now());
    one.work().await;
    fake.is(State::Well);
    hand.advance(REST);
    assert!(one.shared.is_behind() && !one.finds().await, "a clearing that did not reach it");
    one.look().await;
    assert!(!one.shared.is_behind() && !one.finds().await);
}

const ASKED: &str = "Explain closures in Rust";
const AGAIN: &str = "Could you please explain closures in Rust?";
const OTHER: Key = Key([2; 32]);

#[tokio::test]
async fn what_one_answered_another_finds_in_other_words_until_somebody_finds_it_wrong() {
    let fake = Fake::new();
    let (clock, _) = Clock::frozen(UnixMicros(1_000));
    let now = clock.now();
    let mut one = Instance::new(&fake, &clock).await;
    let mut two = Instance::new(&fake, &clock).await;
    one.answers(KEY, ASKED, &Tags::default(), now).await;
    assert_eq!(two.asks(OTHER, AGAIN, now).await, None, "it has not heard of it");
    two.look().await;
    assert_eq!((two.memory.contents().questions, two.shared.counts().questions), (1, 1));
    let found = two.asks(OTHER, AGAIN, now).await.unwrap();
    assert!(found.is_some_and(|likeness| likeness > 0.6), "{found:?}");
    let reversed = "Explain Rust in closures";
    assert_eq!(two.asks(Key([3; 32]), reversed, now).await, None, "another question");
    // A third one comes later and hears all there is.
    let mut three = Instance::new(&fake, &clock).await;
    assert!(three.asks(OTHER, AGAIN, now).await.is_some());

    // Found wrong at one: at the next look no instance gives it any more, from its own memory or from the shared one.
    one.memory.dispute(&KEY, now);
    one.work().await;
    for other in [&mut two, &mut three] {
        other.look().await;
        assert_eq!(other.shared.counts().disputed, 1);
        assert_eq!(other.memory.contents().counts.disputed, 1);
        assert_eq!(other.asks(OTHER, AGAIN, now).await, None);
        assert_eq!(other.asks(KEY, ASKED, now).await, None);
    }
    assert_eq!(one.shared.counts().disputed, 0, "its own news is none");
    // An answer that comes too late for it is not kept: it stays out for a life.
    two.shared.keep(KEY, &answer(), &Tags::default(), now, TTL);
    two.work().await;
    assert_eq!(three.asks(KEY, ASKED, now).await, None);
}

#[tokio::test]
async fn a_clearing_of_one_model_takes_its_answers_everywhere_and_no_others() {
    let fake = Fake::new();
    let (clock, hand) = Clock::frozen(UnixMicros(1_000));
    let mut one = Instance::new(&fake, &clock).await;
    let mut two = Instance::new(&fake, &clock).await;
    let of = |model: &'static str| Tags { model: Some(Text::from(model)), ..Tags::default() };
    let bell = "Who rings the bell in winter?";
    one.answers(KEY, ASKED, &of("small"), clock.now()).await;
    one.answers(OTHER, bell, &of("large"), clock.now()).await;
    assert!(two.asks(KEY, ASKED, clock.now()).await.is_some());
    hand.advance(Micros(5));
    let purge = Purge { model: Some("small".into()), ..Purge::default() };
    one.memory.clear(&purge, clock.now());
    let before = fake.0.0.lock().generation;
    assert!(!one.finds().await, "at once where it was cleared");
    one.work().await;
    two.look().await;
    assert_eq!(fake.0.0.lock().generation, before, "not all was cleared");
    assert_eq!(two.asks(KEY, ASKED, clock.now()).await, None);
    assert_eq!(two.asks(OTHER, bell, clock.now()).await, Some(None));
    assert_eq!(one.asks(OTHER, bell, clock.now()).await, Some(None));
    // What is answered afterwards is found.
    hand.advance(Micros(5));
    one.answers(KEY, ASKED, &of("small"), clock.now()).await;
    assert_eq!(two.asks(KEY, ASKED, clock.now()).await, Some(None));
}

#[tokio::test]
async fn what_must_not_be_lost_is_told_once_the_backend_is_there_again() {
    let fake = Fake::new();
    let (clock, hand) = Clock::frozen(UnixMicros(1_000));
    let mut one = Instance::new(&fake, &clock).await;
    let mut two = Instance::new(&fake, &clock).await;
    one.answers(KEY, ASKED, &Tags::default(), clock.now()).await;
    assert!(two.asks(KEY, ASKED, clock.now()).await.is_some());
    fake.is(State::Refuses);
    one.memory.dispute(&KEY, clock.now());
    one.work().await;
    fake.is(State::Well);
    two.look().await;
    assert!(two.asks(KEY, ASKED, clock.now()).await.is_some(), "nobody could tell it");
    hand.advance(REST);
    one.look().await;
    two.look().await;
    assert_eq!(two.asks(KEY, ASKED, clock.now()).await, None);
}
