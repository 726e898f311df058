//! A call that flowgauge makes for itself, and the row it leaves however it ends.
//!
//! Owns its dimensions: a source of its own, so that it is in no KPI of users and its cost is found.

use crate::logic::budget::Size;
use crate::logic::call::{Call, Door, ErrorClass, Protocol, Source, Status, Text};
use crate::logic::id::CallId;
use crate::logic::price::PriceBook;
use crate::logic::unit::Micros;
use crate::logic::wire::Observer;
use crate::record::Recorder;
use crate::record::ledger::{Budgets, Denied};
use crate::serve::clock::Clock;
use arc_swap::ArcSwap;
use std::sync::Arc;

/// What a call of our own needs.
#[derive(Debug)]
pub struct Office {
    /// Where its row goes.
    pub recorder: Recorder,
    /// What it may cost.
    pub budgets: Arc<Budgets>,
    /// What it does cost.
    pub prices: Arc<ArcSwap<PriceBook>>,
    /// Time.
    pub clock: Clock,
}

/// What a call is for, and who is asked.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// Whom its row belongs to.
    pub source: Source,
    /// Shape of the request.
    pub protocol: Protocol,
    /// What is done, in the words of telemetry.
    pub operation: &'static str,
    /// Endpoint its rows are found by.
    pub endpoint: &'static str,
    /// Who is asked.
    pub provider: &'a str,
    /// For which model.
    pub model: &'a str,
}

/// A call on its way. Dropping it writes its row and settles its budget, also where flowgauge stops.
#[derive(Debug)]
pub struct OwnCall<'a> {
    office: &'a Office,
    protocol: Protocol,
    call: Option<Call>,
    begun: Micros,
}

impl<'a> OwnCall<'a> {
    /// One that is about to be made.
    #[must_use]
    pub fn begin(office: &'a Office, id: CallId, about: &About<'_>) -> Self {
        let now = office.clock.now();
        let mut call = Call::begun(id, now, now, Door::Gateway);
        call.origin.source = about.source;
        call.what.leaf = true;
        call.what.operation = Text::const_new(about.operation);
        call.what.protocol = about.protocol;
        call.what.provider = Some(Text::from(about.provider));
        call.what.model_requested = Some(Text::from(about.model));
        call.what.endpoint = Some(Text::const_new(about.endpoint));
        call.what.stream = Some(false);
        // Until something else is known, nobody waited for it to end.
        call.outcome.status = Status::Cancelled;
        let begun = office.clock.monotonic();
        Self { office, protocol: about.protocol, begun, call: Some(call) }
    }

    /// Sets its cost aside. One that is denied was not made: it leaves no row.
    ///
    /// # Errors
    /// Which budget has no room for it.
    pub async fn reserve(&mut self, size: Size) -> Result<(), Denied> {
        let Some(call) = &self.call else { return Ok(()) };
        let reserved = self.office.budgets.reserve(call, size).await;
        if reserved.is_err() {
            self.call = None;
        }
        reserved.map(drop)
    }

    fn note(&mut self, write: impl FnOnce(&mut Call)) {
        if let Some(call) = &mut self.call {
            write(call);
        }
    }

    /// A request leaves.
    pub fn sent(&mut self) {
        self.note(|call| call.outcome.attempts = call.outcome.attempts.saturating_add(1));
    }

    /// It failed, with this status where there was one.
    pub fn failed(mut self, status: Option<u16>, class: ErrorClass) {
        self.note(|call| {
            call.outcome.http_status = status;
            (call.outcome.status, call.outcome.class) = (Status::Error, class);
        });
    }

    /// It was answered; what a model said in words.
    pub fn answered(mut self, status: u16, body: &[u8]) -> String {
        let mut observer = Observer::new(self.protocol, false).keeping_text();
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
