//! One upstream request of a call, or one sampling pass the provider billed by itself.
//!
//! A call that took one request and one pass has none of these: the call says it all.

use super::{Cost, ErrorClass, Status, Text, Usage};
use crate::unit::Micros;
use crate::wire::Pass;
use serde::{Deserialize, Serialize};

/// One attempt. Tokens and cost of its call are the sums over all of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// 1 for the first.
    pub number: u16,
    /// Why it was made.
    pub reason: AttemptReason,
    /// Who was asked.
    pub provider: Option<Text>,
    /// Model of this attempt.
    pub model: Option<Text>,
    /// Its tokens; a failed attempt has only what the provider billed.
    pub usage: Usage,
    /// Its cost, at the rates of its own model.
    pub cost: Cost,
    /// From sending to its end; unknown for passes inside one answer.
    pub latency: Option<Micros>,
    /// How it ended.
    pub status: Status,
    /// Which kind of failure.
    pub class: ErrorClass,
    /// Status of its answer.
    pub http_status: Option<u16>,
}

super::closed_set!(
    /// Why an attempt was made.
    AttemptReason {
        /// The call itself.
        #[default]
        First = "first",
        /// The one before failed, and the same target was asked again.
        Retry = "retry",
        /// The ones before failed, and the next target was asked.
        Fallback = "fallback",
        /// The target refused an option that flowgauge had added.
        OptionRefused = "option_refused",
        /// The provider sampled again inside one answer and billed it by itself.
        Iteration = "iteration",
        /// The target refused the request as an optimisation had changed it.
        OptimisationRefused = "optimisation_refused",
    }
);

impl super::Call {
    /// Keeps the passes an answer was billed as, where they say more than the call does: several of
    /// them, or one of another model.
    pub fn take_passes(&mut self, passes: &[Pass]) {
        let other = |p: &Pass| p.model.is_some() && p.model.as_ref() != self.model();
        if passes.len() < 2 && !passes.iter().any(other) {
            return;
        }
        self.attempts.extend(passes.iter().map(|pass| Attempt {
            reason: AttemptReason::Iteration,
            model: pass.model.clone(),
            usage: pass.usage,
            ..Attempt::default()
        }));
    }
}
