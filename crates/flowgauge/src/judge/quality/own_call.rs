//! A call of our own to the judging model, and the row it leaves however it ends.
//!
//! Owns its dimensions: source `evaluation`, so that it is in no KPI of users and its cost is found.

use crate::logic::call::{Call, Door, ErrorClass, Protocol, Source, Status, Text};
use crate::logic::id::CallId;
use crate::logic::price::PriceBook;
use crate::logic::unit::Micros;
use crate::logic::wire::Observer;
use crate::record::Recorder;
use crate::record::ledger::Budgets;
use crate::serve::clock::Clock;
use arc_swap::ArcSwap;
use std::sync::Arc;

/// What a call of our own needs.
#[derive(Debug)]
pub(super) struct Office {
    pub(super) recorder: Recorder,
    pub(super) budgets: Arc<Budgets>,
    pub(super) prices: Arc<ArcSwap<PriceBook>>,
    pub(super) clock: Clock,
}

/// A call on its way. Dropping it writes its row and settles its budget, also where flowgauge stops.
pub(super) struct OwnCall<'a> {
    office: &'a Office,
    call: Option<Call>,
    begun: Micros,
}

impl<'a> OwnCall<'a> {
    pub(super) fn begin(office: &'a Office, id: CallId, provider: &str, model: &str) -> Self {
        let now = office.clock.now();
        let mut call = Call::begun(id, now, now, Door::Gateway);
        call.origin.source = Source::Evaluation;
        call.what.leaf = true;
        call.what.operation = Text::const_new("chat");
        call.what.protocol = Protocol::Chat;
        call.what.provider = Some(Text::from(provider));
        call.what.model_requested = Some(Text::from(model));
        call.what.endpoint = Some(Text::const_new("quality/judge"));
        call.what.stream = Some(false);
        // Until something else is known, nobody waited for it to end.
        call.outcome.status = Status::Cancelled;
        Self { office, begun: office.clock.monotonic(), call: Some(call) }
    }

    pub(super) fn call(&self) -> Option<&Call> {
        self.call.as_ref()
    }

    fn note(&mut self, write: impl FnOnce(&mut Call)) {
        if let Some(call) = &mut self.call {
            write(call);
        }
    }

    /// A request leaves.
    pub(super) fn sent(&mut self) {
        self.note(|call| call.outcome.attempts = call.outcome.attempts.saturating_add(1));
    }

    /// It was not made after all: it leaves no row.
    pub(super) fn forget(mut self) {
        self.call = None;
    }

    /// It failed, with this status where there was one.
    pub(super) fn failed(mut self, status: Option<u16>, class: ErrorClass) {
        self.note(|call| {
            call.outcome.http_status = status;
            (call.outcome.status, call.outcome.class) = (Status::Error, class);
        });
    }

    /// It was answered; what the model said.
    pub(super) fn answered(mut self, status: u16, body: &[u8]) -> String {
        let mut observer = Observer::new(Protocol::Chat, false).keeping_text();
        observer.feed(body, Micros(0));
        let seen = observer.finish(true);
        let said = seen.produced.text;
        self.note(|call| {
            call.outcome.http_status = Some(status);
            (call.outcome.status, call.outcome.class) = (Status::Ok, ErrorClass::None);
            call.usage = seen.usage;
            call.what.model_used = seen.model;
            call.link.response_id = seen.response_id;
            call.outcome.finish_reason = seen.finish_reason;
            call.cost.service_tier = seen.service_tier;
            call.cost.reported = seen.reported_cost;
        });
        said
    }
}

impl Drop for OwnCall<'_> {
    fn drop(&mut self) {
        let Some(mut call) = self.call.take() else { return };
        let took = self.office.clock.monotonic().saturating_sub(self.begun);
        call.time.latency = Some(took);
        call.time.upstream = Some(took);
        self.office.prices.load().price(&mut call);
        self.office.budgets.settle(&call);
        self.office.recorder.finished(call);
    }
}
