//! One call on its way, and the row it leaves: whatever happens (an end, an error, a client that
//! leaves, a panic), dropping the flight writes the row exactly once.

use crate::logic::call::{
    AttemptReason, Call, ErrorClass, Outcome, Protocol, Status, Text, TtftSource, Usage,
};
use crate::logic::control::rollout::Mechanism;
use crate::logic::id::CallId;
use crate::logic::retry::Failure;
use crate::logic::unit::Micros;
use crate::logic::wire::{Observed, Produced};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Gateway;
use super::count::{is_due, is_stated};
use super::counters::count;
use super::retry_budget::Counted;
use super::settle;
use super::terms::{Saved, Terms};
use super::trail::Trail;
use super::way::Step;

/// A call on its way.
pub(super) struct Flight {
    gateway: Arc<Gateway>,
    /// Taken when the row is written.
    call: Option<Box<Call>>,
    id: CallId,
    /// Monotonic time of the request's head.
    begun: Micros,
    /// Spent waiting for the upstream so far.
    upstream: Micros,
    /// When the client had all it will get.
    left: Option<Micros>,
    ended: bool,
    /// Something is set aside for it on a budget.
    held: bool,
    /// Whether the recorder has the row that stands if flowgauge dies.
    announced: bool,
    trail: Trail,
    /// Its tokens were counted, or could not be.
    counted: bool,
    terms: Terms,
}

impl Flight {
    /// A call whose request's head has just arrived.
    pub(super) fn begin(gateway: Arc<Gateway>, call: Call, begun: Micros) -> Self {
        gateway.in_flight.fetch_add(1, Ordering::Relaxed);
        count(&gateway.counters.requests);
        let id = call.id;
        let call = Some(Box::new(call));
        let terms = Terms::default();
        Self {
            gateway,
            call,
            id,
            begun,
            upstream: Micros(0),
            left: None,
            ended: false,
            counted: false,
            terms,
            held: false,
            announced: false,
            trail: Trail::default(),
        }
    }

    pub(super) const fn id(&self) -> CallId {
        self.id
    }

    pub(super) const fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    /// What was arranged so that its usage becomes known.
    pub(super) const fn terms(&mut self) -> &mut Terms {
        &mut self.terms
    }

    /// Monotonic time.
    pub(super) fn now(&self) -> Micros {
        self.gateway.clock.monotonic()
    }

    /// Spent waiting for the upstream so far.
    pub(super) const fn upstream(&self) -> Micros {
        self.upstream
    }

    /// Time since the request's head.
    pub(super) fn elapsed(&self) -> Micros {
        self.since_begun(self.gateway.clock.monotonic())
    }

    /// A monotonic time as time since the request's head.
    pub(super) const fn since_begun(&self, at: Micros) -> Micros {
        at.saturating_sub(self.begun)
    }

    /// The call as far as it is known.
    pub(super) fn call(&self) -> Option<&Call> {
        self.call.as_deref()
    }

    /// Something was set aside for it, to be settled with its row.
    pub(super) const fn hold(&mut self) {
        self.held = true;
    }

    /// Writes down something about the call.
    pub(super) fn note(&mut self, write: impl FnOnce(&mut Call)) {
        if let Some(call) = &mut self.call {
            write(call);
        }
    }

    /// The call has been waiting for its upstream.
    pub(super) const fn waited(&mut self, time: Micros) {
        self.upstream = Micros(self.upstream.0.saturating_add(time.0));
    }

    /// Hands the recorder the row that stands if flowgauge dies now, once.
    pub(super) fn started(&mut self) {
        if std::mem::replace(&mut self.announced, true) {
            return;
        }
        if let Some(call) = &self.call {
            let mut row = Call::clone(call);
            row.outcome.status = Status::Interrupted;
            if let Some(parent) = self.terms.kin.parent() {
                (row.what.leaf, row.link.merged_into) = (false, Some(parent));
            }
            self.gateway.recorder.started(row);
        }
    }

    /// The client has all it will get: latency ends here, whatever is still read.
    pub(super) fn client_done(&mut self) {
        if self.left.is_none() {
            self.left = Some(self.gateway.clock.monotonic());
        }
    }

    /// The first token is on its way to the client, so long after the request's head.
    pub(super) fn first_token(&self, after: Micros) {
        if let Some(call) = &self.call {
            self.gateway.recorder.first_token(self.id, call.time.start.after(after));
        }
    }

    /// The client left, and its row waits for what the upstream still says.
    pub(super) fn abandoned(&mut self) {
        self.cancelled();
        // Those who wait for its answer do not wait for what is only read for its usage.
        (self.terms.slot, self.terms.keep) = (None, None);
        self.gateway.recorder.left(self.id);
    }

    /// Names how the call ended. Without it a dropped flight is a client that left.
    pub(super) fn end(&mut self, name: impl FnOnce(&mut Outcome)) {
        self.ended = true;
        self.note(|call| name(&mut call.outcome));
    }

    /// The client left.
    pub(super) fn cancelled(&mut self) {
        self.client_done();
        self.end(|o| (o.status, o.class) = (Status::Cancelled, ErrorClass::None));
    }

    /// Takes over what the answer said about itself; never how the call ended.
    pub(super) fn learn(&mut self, seen: &mut Observed, streamed: bool) {
        self.terms.produced = std::mem::take(&mut seen.produced);
        self.terms.opening_only = seen.usage_opening;
        self.terms.cached = seen.cached;
        self.note(|call| {
            call.usage = seen.usage;
            call.what.model_used.clone_from(&seen.model);
            call.link.response_id.clone_from(&seen.response_id);
            call.outcome.finish_reason.clone_from(&seen.finish_reason);
            call.cost.service_tier.clone_from(&seen.service_tier);
            call.cost.reported = seen.reported_cost;
            if let (Some(at), true) = (seen.first_content, streamed) {
                call.time.ttft = Some(at);
                call.time.ttft_source = TtftSource::Gateway;
            }
            if let Some(tokens) = seen.unsplit_tokens {
                call.raw = Some(format!("{{\"tokens\":{tokens}}}").into());
            }
            call.take_passes(&seen.passes);
            if let Some(error) = &seen.error {
                call.outcome.error_type = error.code.clone().or_else(|| error.kind.clone());
            }
        });
        if let Some(usage) = self.terms.replayed {
            self.terms.cached = true;
            self.note(|call| (call.usage, call.cost.reported) = (usage, None));
        }
        if seen.usage.flags & Usage::PARSE_FAILED != 0 {
            count(&self.gateway.counters.unreadable);
        }
    }

    /// The copy could not be read.
    pub(super) fn unreadable(&mut self) {
        count(&self.gateway.counters.unreadable);
        self.note(|call| call.usage.flags |= Usage::PARSE_FAILED);
    }

    /// A target is asked that may be asked again.
    pub(super) fn enter(&mut self, step: &Step) {
        let counted = step.retry.as_ref().map(|r| Counted::begin(&r.budget));
        self.trail.enter(step.model.clone(), counted);
    }

    /// A request leaves.
    pub(super) fn sent(&mut self, reason: AttemptReason) {
        self.trail.sent(reason, self.gateway.clock.monotonic());
        self.note(|call| {
            call.outcome.attempts = call.outcome.attempts.saturating_add(1);
            call.outcome.http_status = None;
        });
    }

    /// The request is sent as it came: nothing is optimised any more, and the usage is not asked for on our account.
    pub(super) fn sent_as_it_came(&mut self) {
        self.terms.asked_for_client = false;
        self.terms.saved = Saved::default();
        self.terms.asked_model = None;
        if let Some(call) = &mut self.call {
            self.terms.blamed = std::mem::take(&mut call.control.applied);
        }
    }

    /// Whether the target may be asked again, which then counts.
    pub(super) fn may_retry(&mut self) -> bool {
        self.trail.may_retry()
    }

    /// The request under way failed, and there will be another.
    pub(super) fn failed(&mut self, failure: Failure) {
        let now = self.gateway.clock.monotonic();
        if let Some(call) = &mut self.call {
            self.trail.failed(call, failure, now);
        }
    }

    /// The next target is asked, because of a failure of this class.
    pub(super) fn fall_back(&mut self, class: ErrorClass, step: &Step) {
        self.note(|call| {
            call.what.provider = Some(step.target.name.clone());
            call.outcome.fallback_reason = Some(Text::const_new(class.word()));
        });
        self.terms.drain_window = step.target.streams.drain_window;
        self.enter(step);
    }

    /// How many requests it took and which model was asked for at last, where it took several.
    pub(super) fn acted(&self) -> Option<(u16, Option<&Text>)> {
        let call = self.call.as_ref().filter(|c| c.outcome.attempts > 1)?;
        Some((call.outcome.attempts, self.trail.model().or(call.what.model_requested.as_ref())))
    }

    /// Whether it is a model call.
    pub(super) fn is_leaf(&self) -> bool {
        self.call.as_ref().is_some_and(|c| c.what.leaf)
    }

    /// The call, to be written once its tokens are counted; nothing where they need not be.
    fn take_uncounted(&mut self) -> Option<Self> {
        if self.counted || !self.call.as_ref().is_some_and(|call| is_due(call, &self.terms)) {
            return None;
        }
        self.counted = true;
        self.detach()
    }

    /// The call, for somebody who drops it later; what is left of this one writes nothing.
    fn detach(&mut self) -> Option<Self> {
        self.client_done();
        let counted = self.counted;
        Some(Self {
            gateway: Arc::clone(&self.gateway),
            call: Some(self.call.take()?),
            counted,
            terms: std::mem::take(&mut self.terms),
            trail: std::mem::take(&mut self.trail),
            ..*self
        })
    }

    /// The protocol of the call.
    pub(super) fn protocol(&self) -> Protocol {
        self.call.as_ref().map_or(Protocol::Other, |c| c.what.protocol)
    }

    /// What the optimisations made of the call, and what its answer is to others.
    fn conclude_control(&mut self, call: &mut Call) {
        settle::control(&self.gateway.prices.load(), call, &self.terms);
        if let Some(keep) = self.terms.keep.take() {
            keep.end(call, &self.terms.produced, self.gateway.clock.now());
        }
        if let Some(slot) = self.terms.slot.take() {
            match call.outcome.status {
                // Another asks in the place of one who left.
                Status::Cancelled => drop(slot),
                _ => slot.release(),
            }
        }
        self.learn_prefix(call);
        if let Some(model) = self.terms.asked_model.take().filter(|_| call.outcome.attempts > 0) {
            let failed = matches!(call.outcome.status, Status::Error | Status::Truncated);
            self.gateway.control.health.ended(&model, failed, self.gateway.clock.now());
        }
    }

    /// What the provider's prompt cache holds of the conversation, and that what was changed was taken.
    fn learn_prefix(&self, call: &Call) {
        let control = &self.gateway.control;
        if call.outcome.status != Status::Ok || !control.desk.live().load().is_active() {
            return;
        }
        if let (Some(conversation), Some(input)) = (self.terms.conversation, &call.usage.input) {
            let written = input.cache_write_5m.saturating_add(input.cache_write_1h);
            let held = input.cache_read.saturating_add(written);
            control.prefixes.saw(conversation, held, self.gateway.clock.now());
        }
        let route = call.what.endpoint.clone().unwrap_or_default();
        for mechanism in Mechanism::ALL {
            if call.control.applied & mechanism.bit() != 0 {
                control.breakers.passed(mechanism, &route);
            }
        }
    }

    fn write(&mut self) {
        let Some(mut call) = self.call.take() else { return };
        let now = self.left.unwrap_or_else(|| self.gateway.clock.monotonic());
        call.time.latency = Some(now.saturating_sub(self.begun));
        if call.outcome.attempts > 0 {
            call.time.upstream = Some(self.upstream);
        }
        self.trail.close(&mut call, now);
        match call.outcome.status {
            Status::Cancelled => count(&self.gateway.counters.cancelled),
            Status::Truncated => count(&self.gateway.counters.truncated),
            Status::Refused => count(&self.gateway.counters.refused),
            _ => {}
        }
        settle::settle(&self.gateway.prices.load(), &mut call, &self.terms);
        self.conclude_control(&mut call);
        if self.held {
            self.gateway.budgets.settle(&call);
        }
        let parent = self.terms.kin.take_parent();
        let waiting = self.gateway.families.as_ref().zip(parent).and_then(|(families, parent)| {
            let waiting = families.leave(parent, &call);
            (call.what.leaf, call.link.merged_into) = (false, Some(parent.1));
            waiting
        });
        let chosen = self.terms.chosen.take().zip(self.gateway.samples.as_ref());
        if let Some((chosen, samples)) = chosen {
            let produced = std::mem::take(&mut self.terms.produced);
            // An answer that was seen in part says nothing about the whole.
            let seen = if self.terms.unseen { Produced::default() } else { produced };
            samples.offer(chosen, &call, &seen);
        }
        self.gateway.recorder.finished(*call);
        // The call this one was made for, if it waited for this one alone.
        drop(waiting);
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if !self.ended {
            if std::thread::panicking() {
                self.end(|o| {
                    (o.status, o.class) = (Status::Error, ErrorClass::Gateway);
                    o.error_type = Some(Text::const_new("panic"));
                });
            } else {
                self.cancelled();
            }
        }
        let (terms, abandoned) = (&self.terms, Usage::NOT_AWAITED);
        if let Some(call) = &mut self.call {
            let awaited = call.outcome.status != Status::Cancelled || call.outcome.attempts == 0;
            let missing = call.what.leaf && !is_stated(&call.usage, terms);
            call.usage.flags |= terms.flags | if missing && !awaited { abandoned } else { 0 };
        }
        if let Some(flight) = self.take_uncounted() {
            // It is in flight until its row is written.
            self.gateway.counter.submit(flight);
            return;
        }
        let family = self.terms.kin.take_trace();
        if let Some(trace) = family {
            let gateway = Arc::clone(&self.gateway);
            let families = gateway.families.as_ref();
            let closed = families.zip(self.detach()).map(|(f, flight)| f.close(trace, flight));
            // Dropped here if nothing else has to end first, which writes its row.
            drop(closed);
            return;
        }
        self.write();
        if self.gateway.in_flight.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.gateway.idle.notify_waiters();
        }
    }
}
