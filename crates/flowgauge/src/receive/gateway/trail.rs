//! The upstream requests of one call: those that failed, the one under way, and the rows they leave.

use crate::logic::call::{Attempt, AttemptReason, Call, Status, Text};
use crate::logic::retry::Failure;
use crate::logic::unit::Micros;

use super::retry_budget::Counted;

/// The request under way.
#[derive(Debug, Default)]
pub(super) struct Trail {
    /// Why it was made.
    reason: AttemptReason,
    /// Monotonic time it was sent.
    since: Micros,
    /// Model asked for in the place of the caller's.
    model: Option<Text>,
    /// Counts the call for its route's retries.
    counted: Option<Counted>,
}

impl Trail {
    /// A target is asked for the first time, whose retries `counted` bounds.
    pub(super) fn enter(&mut self, model: Option<Text>, counted: Option<Counted>) {
        self.model = model;
        self.counted = counted;
    }

    /// A request leaves.
    pub(super) const fn sent(&mut self, reason: AttemptReason, now: Micros) {
        (self.reason, self.since) = (reason, now);
    }

    /// Whether the target may be asked again.
    pub(super) fn may_retry(&mut self) -> bool {
        self.counted.as_mut().is_some_and(Counted::may_retry)
    }

    /// Model asked for at last, where it is not the caller's.
    pub(super) const fn model(&self) -> Option<&Text> {
        self.model.as_ref()
    }

    /// The request under way failed, and there will be another.
    pub(super) fn failed(&self, call: &mut Call, failure: Failure, now: Micros) {
        let attempt = Attempt {
            status: Status::Error,
            class: failure.class(),
            http_status: failure.status(),
            ..self.attempt(call, now)
        };
        call.attempts.push(attempt);
    }

    /// The call is over: the last request joins the others, where there are others.
    pub(super) fn close(&self, call: &mut Call, now: Micros) {
        if call.what.model_used.is_none() && call.outcome.http_status.is_some_and(|s| s < 300) {
            call.what.model_used.clone_from(&self.model);
        }
        let in_passes = call.attempts.last().is_some_and(|a| a.reason == AttemptReason::Iteration);
        if in_passes {
            self.close_passes(call);
        } else if call.outcome.attempts < 2 {
            // The only request failed and the client did not wait for another: the call says it all.
            call.attempts.clear();
        } else if usize::from(call.outcome.attempts) > call.attempts.len() {
            let attempt = Attempt {
                usage: call.usage,
                cost: call.cost.clone(),
                status: call.outcome.status,
                class: call.outcome.class,
                http_status: call.outcome.http_status,
                ..self.attempt(call, now)
            };
            call.attempts.push(attempt);
        }
        for (number, attempt) in (1..).zip(&mut call.attempts) {
            attempt.number = number;
        }
    }

    /// What is known of a pass besides its model and tokens is what is known of its answer.
    fn close_passes(&self, call: &mut Call) {
        let (provider, model) = (call.what.provider.clone(), call.model().cloned());
        let outcome = (call.outcome.status, call.outcome.class, call.outcome.http_status);
        let passes = call.attempts.iter_mut().filter(|a| a.reason == AttemptReason::Iteration);
        for pass in passes {
            pass.provider.clone_from(&provider);
            if pass.model.is_none() {
                pass.model.clone_from(&model);
            }
            (pass.status, pass.class, pass.http_status) = outcome;
        }
    }

    fn attempt(&self, call: &Call, now: Micros) -> Attempt {
        let asked = || self.model.clone().or_else(|| call.what.model_requested.clone());
        Attempt {
            reason: self.reason,
            provider: call.what.provider.clone(),
            model: call.what.model_used.clone().or_else(asked),
            latency: Some(now.saturating_sub(self.since)),
            ..Attempt::default()
        }
    }
}
