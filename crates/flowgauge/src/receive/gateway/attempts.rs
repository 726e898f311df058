//! The upstream requests of one call: the first, its retries, and those to the targets after it.
//!
//! Nothing is kept for a second request unless the route can make one. Once a byte of an answer went to
//! the client there is no other request.

use crate::logic::call::{AttemptReason, Text};
use crate::logic::control::breaker::{Fault, may_be_our_fault};
use crate::logic::control::rollout::Mechanism;
use crate::logic::retry::{Failure, Wish};
use crate::logic::unit::Micros;
use crate::logic::wire::request::with_model;
use crate::receive::egress::{Answer, Outbound};
use bytes::Bytes;
use http::header::{self, HeaderMap};
use http::request::Parts;
use http::{Method, Request};
use std::sync::Arc;
use std::time::Duration;

use super::budget;
use super::counters::count;
use super::flight::Flight;
use super::forward::ask;
use super::optimise::AsItCame;
use super::refuse::Refusal;
use super::target::Target;
use super::usage_option::{self, Original};
use super::way::{Step, Way};

/// Bytes of a failed answer read out during a pause, so that its connection can serve the next request.
const MAX_READ_OUT: usize = 64 << 10;

/// A request ready to be sent along its way: the caller's, stripped, but neither addressed nor authorised.
pub(super) struct Sending {
    pub(super) way: Arc<Way>,
    pub(super) parts: Parts,
    pub(super) body: Outbound,
    /// The client's own, where something was added to it.
    pub(super) original: Option<Original>,
    /// The caller's, where optimisers changed it.
    pub(super) as_it_came: Option<AsItCame>,
}

/// The flight back from the wait, with what it brought.
pub(super) enum Head {
    /// This upstream answers.
    Came(Flight, Answer, Arc<Target>),
    /// None does.
    Failed(Flight, Refusal),
}

/// What a second request needs.
struct Again {
    parts: Parts,
    body: Bytes,
}

impl Again {
    /// A copy, where the way can ask again and the request can be sent again.
    fn of(flight: &Flight, sending: &Sending) -> Option<Self> {
        let Outbound::Whole(Some(body)) = &sending.body else { return None };
        let repeatable = flight.is_leaf() && sending.parts.method == Method::POST;
        (repeatable && sending.way.may_ask_again())
            .then(|| Self { parts: sending.parts.clone(), body: body.clone() })
    }

    /// The request once more, as a step wants it; nothing where its model cannot be put in.
    fn request(&self, step: &Step, flight: &Flight) -> Option<Request<Outbound>> {
        let mut parts = self.parts.clone();
        let body = match &step.model {
            None => self.body.clone(),
            Some(model) => {
                parts.headers.remove(header::CONTENT_LENGTH);
                Bytes::from(with_model(&self.body, model)?)
            }
        };
        step.target
            .request(parts, Outbound::Whole(Some(body)), flight.protocol(), step.foreign)
            .ok()
    }
}

/// Asks along the way until a head comes that goes to the client. The body limit is the one a passing
/// body keeps.
pub(super) async fn run(mut flight: Flight, sending: Sending, max_body: u64) -> Head {
    let mut again = Again::of(&flight, &sending);
    let Sending { way, parts, body, mut original, mut as_it_came } = sending;
    let mut blamed = None;
    let Ok(mut request) = way.target().request(parts, body, flight.protocol(), false) else {
        return Head::Failed(flight, Refusal::PATH);
    };
    let mut step = &way.first;
    let mut later = way.fallbacks.iter();
    let mut made = 1;
    if again.is_some() {
        flight.enter(step);
    }
    let mut reason = AttemptReason::First;
    loop {
        let target = &step.target;
        let (back, mut came) = ask(flight, target, request, reason, max_body).await;
        flight = back;
        if let (Some(own), Ok(answer)) = (&original, &mut came) {
            if reason == AttemptReason::OptionRefused {
                usage_option::learn(&mut flight, target, own, answer);
                original = None;
            } else if usage_option::is_refused(&mut flight, answer).await {
                flight.terms().asked_for_client = false;
                flight.failed(Failure::Status(answer.status().as_u16()));
                let without = Again { parts: own.parts.clone(), body: own.body.clone() };
                let Some(next) = without.request(step, &flight) else {
                    return head(flight, came, target);
                };
                (request, reason) = (next, AttemptReason::OptionRefused);
                again = again.map(|_| without);
                continue;
            }
        }
        if let Some(route) = blamed.take() {
            learn(&mut flight, &route, &came);
        } else if let Some(own) = as_it_came.take_if(|_| may_be_changed(&came)) {
            let without = Again { parts: own.parts, body: own.body };
            if let Some(next) = without.request(step, &flight) {
                flight.sent_as_it_came();
                flight.failed(Failure::Status(came.as_ref().map_or(0, |a| a.status().as_u16())));
                (request, reason) = (next, AttemptReason::OptimisationRefused);
                again = again.map(|_| without);
                (original, blamed) = (None, Some(own.route));
                continue;
            }
        }
        let (Some(again), Some(failure)) = (&again, failure(&came)) else {
            return head(flight, came, target);
        };
        if let Some(pause) = pause(&mut flight, step, made, failure, &came)
            && let Some(next) = again.request(step, &flight)
        {
            count(&flight.gateway().counters.retries);
            (request, reason, made) = (next, AttemptReason::Retry, made + 1);
            flight.failed(failure);
            rest(&mut flight, pause, came.ok()).await;
            continue;
        }
        let Some((next, there)) = fall_back(&mut later, again, failure, &mut flight).await else {
            return head(flight, came, target);
        };
        count(&flight.gateway().counters.fallbacks);
        (step, request, reason, made) = (next, there, AttemptReason::Fallback, 1);
        flight.failed(failure);
        flight.fall_back(failure.class(), step);
    }
}

/// Whether an answer may be the fault of what optimisers changed.
fn may_be_changed(came: &Result<Answer, Refusal>) -> bool {
    came.as_ref().is_ok_and(|answer| may_be_our_fault(answer.status().as_u16()))
}

/// The request was sent as it came, after it was refused as changed: where that is answered, those who changed it rest.
fn learn(flight: &mut Flight, route: &Text, came: &Result<Answer, Refusal>) {
    let answered = came.as_ref().is_ok_and(|answer| !answer.status().is_client_error());
    let blamed = std::mem::take(&mut flight.terms().blamed);
    if !answered {
        return;
    }
    let gateway = Arc::clone(flight.gateway());
    let now = gateway.clock.now();
    for mechanism in Mechanism::ALL.into_iter().filter(|m| blamed & m.bit() != 0) {
        gateway.control.breakers.fault(mechanism, route, Fault::Refused, now);
    }
}

fn head(flight: Flight, came: Result<Answer, Refusal>, target: &Arc<Target>) -> Head {
    match came {
        Ok(answer) => Head::Came(flight, answer, Arc::clone(target)),
        Err(refusal) => Head::Failed(flight, refusal),
    }
}

/// How a request failed; nothing where its outcome goes to the client whatever the policy.
fn failure(came: &Result<Answer, Refusal>) -> Option<Failure> {
    match came {
        Ok(answer) => Some(Failure::Status(answer.status().as_u16())).filter(|f| f.may_pass()),
        Err(refusal) if *refusal == Refusal::UNREACHABLE => Some(Failure::Unreachable),
        Err(refusal) if *refusal == Refusal::TIMEOUT => Some(Failure::Silent),
        Err(_) => None,
    }
}

/// The pause before the same target is asked again, where it shall be.
fn pause(
    flight: &mut Flight,
    step: &Step,
    made: u16,
    failure: Failure,
    came: &Result<Answer, Refusal>,
) -> Option<Micros> {
    let policy = step.retry.as_ref()?.policy;
    let wish = came.as_ref().map_or(Wish::None, |a| wish(a.headers(), flight));
    let left = step.target.timeouts.total.saturating_sub(flight.elapsed());
    let chance = flight.gateway().ids.chance();
    let pause = policy.pause(made, failure, wish, left, chance)?;
    let granted = flight.may_retry();
    if !granted {
        count(&flight.gateway().counters.retries_refused);
    }
    granted.then_some(pause)
}

fn wish(headers: &HeaderMap, flight: &Flight) -> Wish {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let now = flight.gateway().clock.now();
    Wish::read(text("x-should-retry"), text("retry-after-ms"), text("retry-after"), now)
}

/// The next target that can be asked and that budgets have room for, and the request to it.
async fn fall_back<'a>(
    later: &mut std::slice::Iter<'a, Step>,
    again: &Again,
    failure: Failure,
    flight: &mut Flight,
) -> Option<(&'a Step, Request<Outbound>)> {
    if !failure.is_of_the_target() {
        return None;
    }
    for step in later.by_ref() {
        let time_left = step.target.timeouts.total > flight.elapsed();
        let Some(request) = time_left.then(|| again.request(step, flight)).flatten() else {
            continue;
        };
        if budget::reserve_for(flight, step).await {
            return Some((step, request));
        }
    }
    None
}

/// Rests, and reads the failed answer out meanwhile. The time counts as spent on the upstream: it is
/// no work of ours.
async fn rest(flight: &mut Flight, pause: Micros, failed: Option<Answer>) {
    let from = flight.elapsed();
    // A client that leaves now leaves no work of a provider behind whose tokens were to be counted.
    let kept = flight.terms().request.take();
    let pause = Duration::from_micros(pause.0);
    let read_out = async {
        if let Some(answer) = failed {
            let reading = answer.into_body().read_out(MAX_READ_OUT);
            let _ = tokio::time::timeout(pause, reading).await;
        }
    };
    tokio::join!(tokio::time::sleep(pause), read_out);
    flight.waited(flight.elapsed().saturating_sub(from));
    flight.terms().request = kept;
}
