//! What a finished call of the gateway says about the mechanisms: its arms, what it brought, what was taken off it.
//!
//! Refuses calls of our own making, rows that count in another's place, and requests that our own limits turned away:
//! none of them says how an optimisation does.

use crate::logic::call::{
    CacheOutcome, Call, Door, ErrorClass, Source, Status, Taken, Text, Usage,
};
use crate::logic::control::evidence::Sample;
use crate::logic::control::rollout::{Arm, Mechanism};
use crate::logic::fingerprint::fingerprint;
use crate::logic::id::CallId;
use crate::logic::unit::UnixMicros;

/// One call, as small as it can be kept.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) id: CallId,
    pub(super) ended: UnixMicros,
    /// Whose calls count as one; nothing where nobody is known.
    pub(super) conversation: Option<u64>,
    pub(super) arms: Vec<(Mechanism, Arm)>,
    pub(super) generation: u64,
    pub(super) route: Option<Text>,
    pub(super) intent: Option<Text>,
    pub(super) sample: Sample,
    pub(super) passed: Option<Passed>,
}

/// What went through the gateway, before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Passed {
    /// Input tokens before any optimisation.
    pub(super) original: u64,
    /// Input tokens that were billed.
    pub(super) sent: u64,
    /// Nano-dollars not spent.
    pub(super) cost_avoided: i64,
    /// Bits of the mechanisms that acted.
    pub(super) applied: u8,
    /// What each took off.
    pub(super) taken: Taken,
}

impl Row {
    /// Of a call; nothing where it says nothing.
    pub(super) fn of(call: &Call) -> Option<Self> {
        let origin = &call.origin;
        let counts = call.what.leaf
            && call.link.merged_into.is_none()
            && origin.source == Source::Observed
            && origin.door == Door::Gateway
            && !matches!(call.outcome.status, Status::Refused | Status::Interrupted);
        if !counts {
            return None;
        }
        let arms = arms(call.control.arm.as_deref().unwrap_or_default());
        let (sample, passed) = (sample(call), passed(call));
        if arms.is_empty() && passed.is_none() {
            return None;
        }
        let who = call.who.user_key.as_ref().or(call.who.session_key.as_ref());
        let took = call.time.latency.map_or(0, |l| i64::try_from(l.0).unwrap_or(0));
        Some(Self {
            id: call.id,
            ended: UnixMicros(call.time.start.0.saturating_add(took)),
            conversation: who.map(|who| fingerprint(&[who.as_bytes()])),
            arms,
            generation: call.control.generation,
            route: call.what.endpoint.clone(),
            intent: call.what.intent.clone(),
            sample,
            passed,
        })
    }

    /// Its arm of a mechanism.
    pub(super) fn arm(&self, mechanism: Mechanism) -> Option<Arm> {
        self.arms.iter().find(|(m, _)| *m == mechanism).map(|(_, arm)| *arm)
    }
}

/// Reads `context_pruning=treated response_caching=hold_out`. A word that is not known is passed over: a newer version
/// may have written it.
fn arms(text: &str) -> Vec<(Mechanism, Arm)> {
    let one = |word: &str| {
        let (mechanism, arm) = word.split_once('=')?;
        Some((Mechanism::from_word(mechanism)?, Arm::from_word(arm)?))
    };
    text.split_ascii_whitespace().filter_map(one).collect()
}

/// Whether the answer came from memory, ours or the application's own.
fn from_memory(call: &Call) -> bool {
    matches!(call.control.cache, CacheOutcome::HitExact | CacheOutcome::HitSemantic)
        || call.usage.flags & Usage::APP_CACHED != 0
}

/// A request that an optimisation made wrong is its harm, so a 4xx counts here; between arms drawn by lot the wrong
/// requests of clients are equally many. A call whose client left has no latency to compare.
fn sample(call: &Call) -> Sample {
    let class = call.outcome.class;
    let failed = class.counts_as_failure() || class == ErrorClass::Client4xx;
    let whole = call.outcome.status == Status::Ok;
    let tokens = if from_memory(call) { Some(0) } else { call.usage.total().map(|t| t.0) };
    let latency = call.time.latency.filter(|_| whole);
    let (tokens, cost) = (tokens.filter(|_| whole), call.cost.nanos.filter(|_| whole));
    Sample::of_call(tokens, cost, latency, None, failed)
}

/// Nothing where the tokens before or after are not known, or the call failed.
fn passed(call: &Call) -> Option<Passed> {
    let ok = call.outcome.status == Status::Ok;
    let billed = call.usage.input_total().filter(|_| ok)?.0;
    let hit = matches!(call.control.cache, CacheOutcome::HitExact | CacheOutcome::HitSemantic);
    let original = match call.control.original_input_tokens {
        Some(original) => original.0,
        None if !hit => billed,
        // An answer from memory whose first request nobody counted.
        None => return None,
    };
    Some(Passed {
        original,
        sent: if hit { 0 } else { billed },
        cost_avoided: call.cost.avoided.map_or(0, |c| c.0),
        applied: call.control.applied,
        taken: call.control.taken,
    })
}
