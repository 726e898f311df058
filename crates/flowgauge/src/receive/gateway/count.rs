//! Counts the tokens of calls whose provider did not, on a thread of its own, and lets their rows be
//! written afterwards.
//!
//! Owns which calls are counted. Refuses to hold up a call: what finds no room is written uncounted.

use crate::logic::call::{Call, Status, Usage, UsageSource};
use crate::receive::estimate::{Order, Vocabularies};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use tokio::sync::OnceCell;

use super::counters::count;
use super::flight::Flight;
use super::terms::Terms;

/// Calls that may wait to be counted: a wave of clients that all leave at once. Each holds its request.
const MAX_WAITING: usize = 4096;
/// Largest request kept to be counted: a quarter of a million tokens of text. Larger ones are mostly
/// images, which are not counted, and their input stays unknown.
pub(super) const MAX_REQUEST: usize = 1 << 20;

/// The counting thread, started by the first call that needs it.
pub(super) struct Counter {
    vocabularies: Arc<Vocabularies>,
    queue: OnceLock<Option<SyncSender<Flight>>>,
    warmed: OnceCell<()>,
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counter").finish_non_exhaustive()
    }
}

impl Counter {
    pub(super) fn new(vocabularies: Vocabularies) -> Self {
        Self {
            vocabularies: Arc::new(vocabularies),
            queue: OnceLock::new(),
            warmed: OnceCell::new(),
        }
    }

    /// The vocabularies, for those who count before a call.
    pub(super) fn vocabularies(&self) -> Arc<Vocabularies> {
        Arc::clone(&self.vocabularies)
    }

    /// Reads the built-in vocabularies, once: that takes longer than a call may be held up later.
    pub(super) async fn warm(&self) {
        self.warmed
            .get_or_init(|| async {
                // One that fails to warm up is read by the first call that counts.
                let _cold = tokio::task::spawn_blocking(Vocabularies::warm).await;
            })
            .await;
    }

    /// Takes a call whose row is written once it is counted, or now where there is no room.
    pub(super) fn submit(&self, flight: Flight) {
        let queue = self.queue.get_or_init(|| start(Arc::clone(&self.vocabularies)));
        // A call that comes back is dropped here, which writes its row.
        let gateway = Arc::clone(flight.gateway());
        let taken = queue.as_ref().is_some_and(|queue| queue.try_send(flight).is_ok());
        if !taken {
            count(&gateway.counters.uncounted);
        }
    }
}

/// Ends when the gateway, and with it the queue's other end, is gone.
fn start(vocabularies: Arc<Vocabularies>) -> Option<SyncSender<Flight>> {
    let (queue, calls) = sync_channel(MAX_WAITING);
    let run = move || work(&vocabularies, &calls);
    match thread::Builder::new().name("token-count".to_owned()).spawn(run) {
        Ok(_) => Some(queue),
        Err(error) => {
            tracing::error!(%error, "tokens cannot be counted: no thread");
            None
        }
    }
}

fn work(vocabularies: &Vocabularies, calls: &Receiver<Flight>) {
    while let Ok(mut flight) = calls.recv() {
        let request = flight.terms().request.take();
        let produced = std::mem::take(&mut flight.terms().produced);
        let unseen = flight.terms().unseen;
        let mut counted = None;
        flight.note(|call| {
            let model = call.model().cloned();
            let order = Order {
                protocol: call.what.protocol,
                model: model.as_deref(),
                request: request.as_deref(),
                produced: &produced,
            };
            counted = catch_unwind(AssertUnwindSafe(|| vocabularies.usage(&order))).ok();
            if unseen || (call.outcome.http_status.is_none() && call.what.stream != Some(true)) {
                counted = counted.map(|usage| Usage { output: None, ..usage });
            }
        });
        let counters = &flight.gateway().counters;
        count(if counted.is_some() { &counters.counted } else { &counters.uncounted });
        // Others may still want to read it.
        flight.terms().produced = produced;
        if let Some(counted) = counted {
            flight.note(|call| take(&mut call.usage, counted));
        }
    }
}

/// What the provider said stays: the input it stated when it began to answer.
fn take(usage: &mut Usage, counted: Usage) {
    usage.input = usage.input.or(counted.input);
    usage.output = counted.output;
    usage.source = UsageSource::Estimated;
}

/// Whether a call that ended has to be counted: the provider did, or may have done, work for it and did
/// not say how much. A call that failed before any of it stays at what was billed, nothing.
pub(super) fn is_due(call: &Call, terms: &Terms) -> bool {
    if terms.request.is_none() || !call.what.leaf || is_stated(&call.usage, terms) {
        return false;
    }
    if call.usage.flags & Usage::PARSE_FAILED != 0 || call.outcome.attempts == 0 {
        return false;
    }
    let answered = call.outcome.http_status.map(|s| (200..300).contains(&s));
    match call.outcome.status {
        Status::Cancelled => answered.unwrap_or(true),
        Status::Ok | Status::Truncated => answered == Some(true),
        Status::Error => answered == Some(true) && terms.produced.bytes > 0,
        Status::Interrupted | Status::Refused => false,
    }
}

/// Whether the provider's usage is there, all of it.
pub(super) fn is_stated(usage: &Usage, terms: &Terms) -> bool {
    usage.source == UsageSource::Provider && !terms.opening_only
}
