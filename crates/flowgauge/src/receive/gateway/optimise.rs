//! What the four optimisations do with one call: who decides, in which order, within which time.
//!
//! The flow: `Plan::of` decides once for all four; `lookup` answers from memory or takes a place in it; `change` shortens
//! the request or asks another model; `keep` takes the whole answer in. Owns that doubt means the request as it came: a
//! panic, a time budget overrun, a signed or unread body. Refuses to look at anything while all four are off.

mod change;
mod headers;
mod keep;
mod lookup;
mod replay;
mod world;

pub(super) use change::{AsItCame, change};
pub(super) use headers::tell;
pub(super) use keep::Keep;
pub(super) use lookup::look;
pub(super) use replay::{Replayed, answer};

use crate::control::Snapshot;
use crate::logic::call::{CacheOutcome, Text};
use crate::logic::control::rollout::{Act, Decision, Mechanism, Placement, Subject, Wish};
use crate::receive::egress::Outbound;
use http::Method;
use http::header::{HeaderMap, HeaderName};
use http::request::Parts;
use std::sync::Arc;

use super::Gateway;
use super::flight::Flight;
use super::target::{Kind, Target};
use super::usage_option::SIGNATURES;

const WISH_OFF: HeaderName = HeaderName::from_static("x-flowgauge-optimizations");
const WISH_CACHE: HeaderName = HeaderName::from_static("x-flowgauge-cache");

/// What is done with one call.
pub(super) struct Plan {
    pub(super) snapshot: Arc<Snapshot>,
    decisions: [(Mechanism, Decision); 4],
    /// Whose breaker counts.
    pub(super) route: Text,
}

impl Plan {
    /// Decides; nothing where no mechanism touches or watches the call. Writes into the row under which state it is made,
    /// and in which arms.
    pub(super) fn of(
        gateway: &Gateway,
        flight: &mut Flight,
        parts: &Parts,
        target: &Target,
        body: &Outbound,
    ) -> Option<Self> {
        let live = gateway.control.desk.live().load();
        let generation = live.generation;
        flight.note(|call| call.control.generation = generation);
        if !live.is_active() || !is_ours(flight, parts, target, body) {
            return None;
        }
        let snapshot = Arc::clone(&live);
        let wish = wish(&parts.headers);
        let call = flight.call()?;
        let id = call.id.0;
        let placement = Placement {
            route: call.what.endpoint.as_deref(),
            intent: call.what.intent.as_deref(),
            subject: Subject::of(
                call.who.user_key.as_deref(),
                call.who.session_key.as_deref(),
                &id,
            ),
        };
        let decisions = Mechanism::ALL.map(|m| (m, snapshot.decide(m, &placement, wish)));
        let route = call.what.endpoint.clone().unwrap_or_default();
        let plan = Self { snapshot, decisions, route };
        let arm = plan.arms();
        let bypasses = plan.act(Mechanism::ResponseCaching) != Act::Apply
            && plan.decisions.iter().any(|(m, d)| {
                *m == Mechanism::ResponseCaching
                    && (wish.bypass_cache || wish.off || d.arm.is_some())
            });
        flight.note(|call| {
            call.control.arm = arm;
            if bypasses {
                call.control.cache = CacheOutcome::Bypass;
            }
        });
        let idle = plan.decisions.iter().all(|(_, d)| matches!(d.act, Act::Nothing | Act::HoldOut));
        (!idle).then_some(plan)
    }

    /// What a mechanism does.
    pub(super) fn act(&self, mechanism: Mechanism) -> Act {
        let found = self.decisions.iter().find(|(m, _)| *m == mechanism);
        found.map_or(Act::Nothing, |(_, d)| d.act)
    }

    /// Whether a mechanism works something out.
    pub(super) fn looks(&self, mechanism: Mechanism) -> bool {
        matches!(self.act(mechanism), Act::Apply | Act::Watch)
    }

    /// One bit per mechanism that acts.
    pub(super) fn applies(&self) -> u8 {
        let acting = self.decisions.iter().filter(|(_, d)| d.act == Act::Apply);
        acting.fold(0, |bits, (m, _)| bits | m.bit())
    }

    /// The arms of all comparisons, as `context_pruning=treated response_caching=hold_out`.
    fn arms(&self) -> Option<Text> {
        let mut text = Text::default();
        for (mechanism, decision) in &self.decisions {
            let Some(arm) = decision.arm else { continue };
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(mechanism.word());
            text.push('=');
            text.push_str(arm.word());
        }
        (!text.is_empty()).then_some(text)
    }
}

/// Whether a call may be touched at all: a POST that is whole in memory, that nobody vouched for, and of which the
/// protocol is known.
fn is_ours(flight: &Flight, parts: &Parts, target: &Target, body: &Outbound) -> bool {
    let whole = matches!(body, Outbound::Whole(Some(_)));
    let signed = SIGNATURES.iter().any(|name| parts.headers.contains_key(*name));
    let known = matches!(target.kind, Kind::Provider | Kind::App { .. });
    whole && known && !signed && parts.method == Method::POST && flight.is_leaf()
}

/// What the request wishes for itself.
fn wish(headers: &HeaderMap) -> Wish {
    let says = |name: &HeaderName, word: &[u8]| {
        headers.get(name).is_some_and(|v| v.as_bytes().trim_ascii().eq_ignore_ascii_case(word))
    };
    Wish { off: says(&WISH_OFF, b"off"), bypass_cache: says(&WISH_CACHE, b"bypass") }
}
