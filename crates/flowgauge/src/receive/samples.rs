//! Calls chosen to be scored, on their way from the gateway to whoever scores them.
//!
//! Owns the choice, the bounded queue and what is counted about both. Content lives here in memory and
//! nowhere else: it is neither written nor printed. Refuses to make the gateway wait: what finds no room
//! is dropped and counted.

use crate::config::quality::Quality;
use crate::logic::call::{Call, Protocol, Status, Text};
use crate::logic::id::CallId;
use crate::logic::score::sampling::{Chance, Decision, Plan, Sampler};
use crate::logic::unit::UnixMicros;
use crate::logic::wire::Produced;
use bytes::Bytes;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;

/// Samples that may wait, whatever their size: at the default limit of 60 a minute more than an hour.
const MOST_WAITING: usize = 4_096;
/// Intents that are counted apart; those beyond share one line.
const MOST_LINES: usize = 1_000;
/// Where they are counted.
const OTHER: &str = "(other)";
/// Bytes a sample takes besides its content: ids, names, the row itself.
const OVERHEAD: usize = 512;

/// The choice, and what was chosen.
pub struct Samples {
    settings: Quality,
    sampler: Mutex<Sampler>,
    queue: Mutex<VecDeque<Sample>>,
    waiting: Notify,
    held: Arc<AtomicUsize>,
    lines: Mutex<BTreeMap<Text, Line>>,
}

impl fmt::Debug for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Samples").field("held", &self.held()).finish_non_exhaustive()
    }
}

/// What happened to calls of one intent since start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Line {
    /// Calls that could have been chosen.
    pub seen: u64,
    /// Chosen.
    pub sampled: u64,
    /// Not chosen because the minute had had its most.
    pub over_cap: u64,
    /// Chosen, but failed or left before their end: there is no answer to score.
    pub unanswered: u64,
    /// Chosen, but longer than may be held.
    pub too_large: u64,
    /// Chosen, but there was no room.
    pub dropped: u64,
    /// Given a score by an evaluator of ours; one for each evaluator.
    pub scored: u64,
    /// Evaluators of ours that had nothing to compare with.
    pub unscored: u64,
    /// Graded by the judging model.
    pub judged: u64,
    /// Asked the judging model without getting a verdict.
    pub judge_failed: u64,
    /// Not shown to the judging model: its budget was spent, or it had too much to do.
    pub judge_skipped: u64,
}

impl Line {
    /// Adds another.
    pub fn merge(&mut self, other: &Self) {
        let Self { seen, sampled, over_cap, unanswered, too_large, dropped, .. } = other;
        let Self { scored, unscored, judged, judge_failed, judge_skipped, .. } = other;
        for (mine, theirs) in [
            (&mut self.seen, seen),
            (&mut self.sampled, sampled),
            (&mut self.over_cap, over_cap),
            (&mut self.unanswered, unanswered),
            (&mut self.too_large, too_large),
            (&mut self.dropped, dropped),
            (&mut self.scored, scored),
            (&mut self.unscored, unscored),
            (&mut self.judged, judged),
            (&mut self.judge_failed, judge_failed),
            (&mut self.judge_skipped, judge_skipped),
        ] {
            *mine = mine.saturating_add(*theirs);
        }
    }
}

/// A call on its way that was chosen. It holds content, so it cannot be printed.
pub struct Chosen {
    chance: Chance,
    request: Bytes,
}

impl fmt::Debug for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chosen").field("chance", &self.chance).finish_non_exhaustive()
    }
}

/// A finished call to be scored. It holds content, so it cannot be printed.
pub struct Sample {
    /// The call.
    pub id: CallId,
    /// Its purpose.
    pub intent: Text,
    /// Shape of the request.
    pub protocol: Protocol,
    /// The request as the client made it.
    pub request: Bytes,
    /// What was answered.
    pub answer: String,
    /// Why generation ended.
    pub finish_reason: Option<Text>,
    /// The chance it was chosen with.
    pub chance: Chance,
    _held: Held,
}

impl fmt::Debug for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sample").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Memory taken, given back when dropped.
struct Held {
    bytes: usize,
    all: Arc<AtomicUsize>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

impl Samples {
    /// As configured; nothing where nothing is to be sampled, which costs the gateway one look.
    #[must_use]
    pub fn new(settings: &Quality) -> Option<Arc<Self>> {
        settings.plan.is_on().then(|| {
            Arc::new(Self {
                sampler: Mutex::new(Sampler::new(settings.plan.clone())),
                settings: settings.clone(),
                queue: Mutex::new(VecDeque::new()),
                waiting: Notify::new(),
                held: Arc::new(AtomicUsize::new(0)),
                lines: Mutex::new(BTreeMap::new()),
            })
        })
    }

    /// Shares and limits.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.settings.plan
    }

    /// Chooses a call before it is forwarded, with shares so many times as large. `request` is shared, not copied.
    #[must_use]
    pub fn choose(
        &self,
        (intent, times): (&str, f64),
        id: CallId,
        request: &Bytes,
        now: UnixMicros,
    ) -> Option<Chosen> {
        if self.settings.plan.rate(intent) <= 0.0 {
            return None;
        }
        let decision = self.sampler.lock().decide_times(times, intent, id, now);
        let large = request.len() > self.settings.max_content;
        self.count(intent, |line| {
            line.seen += 1;
            match decision {
                Decision::Taken(_) => {
                    line.sampled += 1;
                    line.too_large += u64::from(large);
                }
                Decision::OverCap => line.over_cap += 1,
                Decision::Passed => {}
            }
        });
        match decision {
            Decision::Taken(chance) if !large => Some(Chosen { chance, request: request.clone() }),
            Decision::Taken(_) | Decision::OverCap | Decision::Passed => None,
        }
    }

    /// Hands over a chosen call that ended. Never waits.
    pub fn offer(&self, chosen: Chosen, call: &Call, produced: &Produced) {
        let intent = call.what.intent.clone().unwrap_or_default();
        let answered = call.outcome.http_status.is_some_and(|s| (200..300).contains(&s));
        let whole = matches!(call.outcome.status, Status::Ok | Status::Truncated) && answered;
        let answer = produced.spoken();
        if !whole || answer.trim().is_empty() {
            return self.count(&intent, |line| line.unanswered += 1);
        }
        if produced.bytes > produced.text.len() as u64 {
            return self.count(&intent, |line| line.too_large += 1);
        }
        let bytes = chosen.request.len() + answer.len() + OVERHEAD;
        let Some(held) = self.hold(bytes) else {
            return self.count(&intent, |line| line.dropped += 1);
        };
        let sample = Sample {
            id: call.id,
            intent,
            protocol: call.what.protocol,
            request: chosen.request,
            answer,
            finish_reason: call.outcome.finish_reason.clone(),
            chance: chosen.chance,
            _held: held,
        };
        let mut queue = self.queue.lock();
        if queue.len() >= MOST_WAITING {
            drop(queue);
            return self.count(&sample.intent, |line| line.dropped += 1);
        }
        queue.push_back(sample);
        drop(queue);
        self.waiting.notify_one();
    }

    fn hold(&self, bytes: usize) -> Option<Held> {
        let most = self.settings.max_in_memory;
        let take = |now: usize| now.checked_add(bytes).filter(|sum| *sum <= most);
        self.held.fetch_update(Ordering::AcqRel, Ordering::Acquire, take).ok()?;
        Some(Held { bytes, all: Arc::clone(&self.held) })
    }

    /// The next call to be scored, when there is one.
    pub async fn next(&self) -> Sample {
        loop {
            let waiting = self.waiting.notified();
            if let Some(sample) = self.queue.lock().pop_front() {
                return sample;
            }
            waiting.await;
        }
    }

    /// Counts something about an intent.
    pub fn count(&self, intent: &str, add: impl FnOnce(&mut Line)) {
        let mut lines = self.lines.lock();
        let known = lines.contains_key(intent) || lines.len() < MOST_LINES;
        add(lines.entry(Text::from(if known { intent } else { OTHER })).or_default());
    }

    /// What happened since start, by intent; the empty one is of calls that name none.
    #[must_use]
    pub fn lines(&self) -> BTreeMap<Text, Line> {
        self.lines.lock().clone()
    }

    /// Bytes held in memory now, being scored included.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Acquire)
    }

    /// Calls that wait to be scored.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.lock().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::call::Door;

    fn quality(memory: usize) -> Quality {
        let mut quality =
            Quality { max_in_memory: memory, max_content: 1_000, ..Quality::default() };
        quality.plan = Plan { default: 1.0, ..Plan::default() };
        quality
    }

    fn ended(n: u8) -> Call {
        let mut call = Call::begun(CallId([n; 16]), UnixMicros(0), UnixMicros(0), Door::Gateway);
        call.outcome.http_status = Some(200);
        call
    }

    fn said(text: &str) -> Produced {
        Produced { text: text.to_owned(), bytes: text.len() as u64, ..Produced::default() }
    }

    fn choose(samples: &Samples, n: u8, request: &str) -> Option<Chosen> {
        samples.choose(
            ("", 1.0),
            CallId([n; 16]),
            &Bytes::copy_from_slice(request.as_bytes()),
            UnixMicros(0),
        )
    }

    #[tokio::test]
    async fn memory_is_bounded_and_given_back_when_a_sample_is_done() {
        let samples = Samples::new(&quality(2 * (OVERHEAD + 110))).unwrap();
        for n in 0..5 {
            let chosen = choose(&samples, n, &"x".repeat(100)).unwrap();
            samples.offer(chosen, &ended(n), &said("0123456789"));
        }
        let line = samples.lines()[""];
        assert_eq!((line.sampled, line.dropped, samples.waiting()), (5, 3, 2));
        assert_eq!(samples.held(), 2 * (OVERHEAD + 110));
        assert_eq!(samples.next().await.id, CallId([0; 16]));
        assert_eq!(samples.held(), OVERHEAD + 110);
        drop(samples.next().await);
        assert_eq!((samples.held(), samples.waiting()), (0, 0));
    }

    #[test]
    fn what_is_too_large_or_not_whole_is_counted_and_not_kept() {
        let samples = Samples::new(&quality(1 << 20)).unwrap();
        assert!(choose(&samples, 1, &"x".repeat(1_001)).is_none());
        let cut = Produced { text: "beginning".to_owned(), bytes: 100_000, ..Produced::default() };
        samples.offer(choose(&samples, 2, "q").unwrap(), &ended(2), &cut);
        let mut failed = ended(3);
        failed.outcome.status = Status::Error;
        samples.offer(choose(&samples, 3, "q").unwrap(), &failed, &said("half"));
        samples.offer(choose(&samples, 4, "q").unwrap(), &ended(4), &Produced::default());
        let line = samples.lines()[""];
        assert_eq!((line.too_large, line.unanswered, line.sampled), (2, 2, 4));
        assert_eq!((samples.held(), samples.waiting()), (0, 0));
    }

    #[test]
    fn nothing_printed_shows_content() {
        let samples = Samples::new(&quality(1 << 20)).unwrap();
        samples.offer(choose(&samples, 1, "SECRET").unwrap(), &ended(1), &said("SECRET"));
        let queue = samples.queue.lock();
        assert!(!format!("{samples:?} {:?}", queue.front()).contains("SECRET"));
    }
}
