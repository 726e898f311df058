//! What shared answers promise, over a backend in memory that can be broken.

use super::*;
use crate::logic::call::Usage;
use crate::logic::control::cache::store::Limits;
use std::collections::HashMap;

const TTL: Micros = Micros::from_millis(900_000);
const WITHIN: Micros = Micros::from_millis(20);
const KEY: Key = Key([1; 32]);

#[derive(Debug, Default)]
struct Held {
    generation: Option<u64>,
    values: HashMap<(u64, Key), Vec<u8>>,
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
    }

    /// As the worker does with what is handed over.
    async fn work(&mut self) {
        while let Ok(task) = self.tasks.try_recv() {
            match task {
                Task::Clear => self.shared.follow(&self.memory, &mut self.known, true).await,
                task => self.shared.work(task).await,
            }
        }
    }

    async fn finds(&self) -> bool {
        self.shared.get(&KEY, TTL).await.is_some()
    }
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
