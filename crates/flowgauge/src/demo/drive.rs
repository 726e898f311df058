//! Readers who use the application now: live traffic to its route at a visible pace.
//!
//! Decides when and what with seeded dice; measures nothing, since that is flowgauge's work.

use super::app::BOOKS;
use super::caller::{CallFailed, Caller, SseReader};
use super::dice::Dice;
use super::workload::Scenario;
use serde_json::Value;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Requests per second: fast enough to watch, slow enough to follow.
pub const PER_SECOND: f64 = 3.0;

/// Readers at any time. Three requests a second give each of them one every eight seconds.
const READERS: u64 = 24;

/// Chance that a reader leaves after a request: eight requests a session on average.
const LEAVES: f64 = 0.125;

/// Chance that a reader closes the page in the middle of an answer.
const HANGS_UP: f64 = 0.01;

/// Events after which such a reader has seen enough.
const EVENTS_BEFORE_HANGING_UP: u64 = 12;

/// Chance that a request names a book that is gone.
const STALE_BOOK: f64 = 0.005;

/// Most requests under way; more readers than this wait, as in a browser.
const IN_FLIGHT: usize = 64;

/// What happened so far.
#[derive(Debug, Default)]
pub struct Tally {
    /// Requests sent.
    pub sent: AtomicU64,
    /// Answered to the end.
    pub answered: AtomicU64,
    /// Refused, broken off or answered with an error.
    pub failed: AtomicU64,
    /// Left by the reader.
    pub left: AtomicU64,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// With `done`.
    Answered,
    /// With an error, or without an end.
    Failed,
    /// The reader went away.
    Left,
}

/// One request about to be sent.
#[derive(Debug, Clone)]
pub struct Visit {
    /// Session id, the same for a reader's requests.
    pub session: String,
    /// W3C trace context: ties the application's call and the model's together.
    pub traceparent: String,
    /// FlowReader's request.
    pub body: Value,
    /// Events the reader waits for; no limit for most.
    pub patience: Option<u64>,
}

/// The readers.
#[derive(Debug)]
pub struct Readers {
    dice: Dice,
    sessions: Vec<(String, String)>,
}

impl Readers {
    /// The first readers of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let sessions = (0..READERS).map(|_| arrive(&mut dice)).collect();
        Self { dice, sessions }
    }

    /// What the next reader asks.
    pub fn next_visit(&mut self) -> Visit {
        let dice = &mut self.dice;
        let at = usize::try_from(dice.below(READERS)).unwrap_or(0);
        let fresh = arrive(dice);
        let Some(slot) = self.sessions.get_mut(at) else { return self.next_visit() };
        let (session, book) = slot.clone();
        if dice.chance(LEAVES) {
            *slot = fresh;
        }
        let book = if dice.chance(STALE_BOOK) { "book-gone" } else { &book };
        let body = Scenario::draw(dice).request(dice, book);
        let patience = dice.chance(HANGS_UP).then_some(EVENTS_BEFORE_HANGING_UP);
        let traceparent =
            format!("00-{:016x}{:016x}-{:016x}-01", dice.bits(), dice.bits(), dice.bits());
        Visit { session, traceparent, body, patience }
    }

    /// Time until the next request.
    pub fn gap(&mut self, per_second: f64) -> Duration {
        Duration::from_micros(self.dice.gap(per_second).0)
    }
}

fn arrive(dice: &mut Dice) -> (String, String) {
    (format!("reader-{:08x}", dice.bits() >> 32), format!("book-{}", 1 + dice.below(BOOKS)))
}

/// Sends traffic until told to stop, then waits for the answers under way to end.
pub async fn run(
    url: String,
    seed: u64,
    per_second: f64,
    tally: Arc<Tally>,
    stop: CancellationToken,
) {
    let mut readers = Readers::new(seed);
    let caller = Caller::default();
    let mut under_way = JoinSet::new();
    loop {
        let pause = readers.gap(per_second);
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(pause) => {}
        }
        while under_way.try_join_next().is_some() {}
        if under_way.len() >= IN_FLIGHT {
            continue;
        }
        let (visit, url, caller, tally) =
            (readers.next_visit(), url.clone(), caller.clone(), Arc::clone(&tally));
        tally.sent.fetch_add(1, Ordering::Relaxed);
        let stop = stop.clone();
        under_way.spawn(async move {
            let ended = tokio::select! {
                ended = send(&caller, &url, &visit) => ended,
                () = stop.cancelled() => Ok(Ended::Left),
            };
            count(&tally, ended.unwrap_or(Ended::Failed));
        });
    }
    while under_way.join_next().await.is_some() {}
}

/// Sends the requests of these numbers as fast as answers come, each of a reader of its own, so that each counts by itself
/// in a comparison; returns when all have ended.
pub async fn all(
    url: &str,
    (readers, seed): (&mut Readers, u64),
    numbers: Range<u64>,
    tally: &Arc<Tally>,
) {
    let caller = Caller::default();
    let mut under_way = JoinSet::new();
    for number in numbers {
        if under_way.len() >= IN_FLIGHT {
            under_way.join_next().await;
        }
        let session = format!("reader-{seed:x}-{number:08x}");
        let visit = Visit { session, ..readers.next_visit() };
        let (url, caller, tally) = (url.to_owned(), caller.clone(), Arc::clone(tally));
        tally.sent.fetch_add(1, Ordering::Relaxed);
        under_way.spawn(async move {
            count(&tally, send(&caller, &url, &visit).await.unwrap_or(Ended::Failed));
        });
    }
    while under_way.join_next().await.is_some() {}
}

fn count(tally: &Tally, ended: Ended) {
    let counter = match ended {
        Ended::Answered => &tally.answered,
        Ended::Failed => &tally.failed,
        Ended::Left => &tally.left,
    };
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Sends one request and reads its answer.
///
/// # Errors
/// When there is no answer, or it breaks off.
pub async fn send(caller: &Caller, url: &str, visit: &Visit) -> Result<Ended, CallFailed> {
    let session = &*visit.session;
    let headers = [
        ("x-session-id", session),
        ("x-flowgauge-session", session),
        ("traceparent", &*visit.traceparent),
    ];
    let answer = caller.post(url, &headers, visit.body.to_string()).await?;
    if !answer.status().is_success() {
        return Ok(Ended::Failed);
    }
    let mut events = SseReader::new(answer.into_body());
    let mut seen = 0;
    while let Some(event) = events.next().await? {
        match &*event.name {
            "done" => return Ok(Ended::Answered),
            "error" => return Ok(Ended::Failed),
            _ => seen += 1,
        }
        if visit.patience.is_some_and(|p| seen >= p) {
            return Ok(Ended::Left);
        }
    }
    Ok(Ended::Failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn a_session_keeps_its_book_and_makes_several_requests() {
        let mut readers = Readers::new(20);
        let mut seen: HashMap<String, Vec<String>> = HashMap::new();
        for _ in 0..4_000 {
            let visit = readers.next_visit();
            let book = visit.body["bookId"].as_str().unwrap().to_owned();
            if book != "book-gone" {
                seen.entry(visit.session).or_default().push(book);
            }
        }
        assert!(seen.values().all(|books| books.iter().all(|b| b == &books[0])));
        let mean = 4_000.0 / seen.len() as f64;
        assert!((6.0..10.0).contains(&mean), "{mean} requests a session");
    }

    #[test]
    fn requests_come_three_times_a_second_on_average() {
        let mut readers = Readers::new(21);
        let whole: Duration = (0..6_000).map(|_| readers.gap(PER_SECOND)).sum();
        assert!((1_900.0..2_100.0).contains(&whole.as_secs_f64()), "{whole:?}");
    }
}
