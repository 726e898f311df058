//! Which rows are the same call, seen by the gateway and by an instrumentation.
//!
//! Owns what two rows must share to be one call, which of them counts, and what the other lends.
//! Decisions are final once made: whoever stores them never asks twice. Refuses storage and clocks.

mod index;
mod lend;

#[cfg(test)]
mod tests;

pub use index::{Decision, Witnesses};
pub use lend::lend;

use crate::alias::provider::{canonical, known_to_telemetry};
use crate::call::{Call, Door, Text};
use crate::fingerprint::fingerprint;
use crate::id::CallId;

/// Without a shared trace, starts further apart than this are different calls, µs: response ids are
/// unique for far longer, but recorded answers and mocks repeat them.
pub const APART: i64 = 15 * 60 * 1_000_000;

/// What pairing needs to know of a row: small, so that many can be remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    /// The row.
    pub id: CallId,
    /// Seen by the gateway, else by an instrumentation.
    pub gateway: bool,
    /// Start, µs.
    pub start: i64,
    /// Fingerprint of the response id.
    pub response: u64,
    /// Fingerprints of trace, span and parent; 0 where there is none.
    pub trace: u64,
    /// See `trace`.
    pub span: u64,
    /// See `trace`.
    pub parent: u64,
    /// Fingerprint of the provider; 0 fits any.
    pub provider: u64,
    /// Fingerprint of the tenant; 0 fits any.
    pub tenant: u64,
    /// Fingerprint of dialect and instrumentation.
    pub scope: u64,
    /// The row that counts in its place.
    pub merged: Option<CallId>,
    /// Where the store keeps the row.
    pub place: i64,
}

fn print_of(text: Option<&Text>) -> u64 {
    text.map_or(0, |t| fingerprint(&[t.as_bytes()]))
}

impl Sight {
    /// Nothing for rows that are never paired: without a response id, or no model calls.
    #[must_use]
    pub fn of(call: &Call, place: i64) -> Option<Self> {
        let gateway = call.origin.door == Door::Gateway;
        let witness = gateway || matches!(call.origin.door, Door::OtlpGrpc | Door::OtlpHttp);
        let counts = call.what.leaf || call.link.merged_into.is_some();
        let response = call.link.response_id.as_ref().filter(|r| !r.is_empty())?;
        if !witness || !counts {
            return None;
        }
        let named = call.what.provider.as_deref();
        let provider =
            if gateway { named.and_then(known_to_telemetry) } else { named.map(canonical) };
        // The version of an instrumentation may change within the life of a call.
        let scope = call.origin.scope.as_deref().and_then(|s| s.split('/').next());
        let dialect = [call.origin.dialect.code()];
        Some(Self {
            id: call.id,
            gateway,
            start: call.time.start.0,
            response: fingerprint(&[response.as_bytes()]),
            trace: call.link.trace_id.map_or(0, |t| fingerprint(&[&t.0])),
            span: call.link.span_id.map_or(0, |s| fingerprint(&[&s.0])),
            parent: call.link.parent_span_id.map_or(0, |s| fingerprint(&[&s.0])),
            provider: print_of(provider.as_ref()),
            tenant: print_of(call.who.tenant.as_ref()),
            scope: if gateway {
                0
            } else {
                fingerprint(&[&dialect, scope.unwrap_or_default().as_bytes()])
            },
            merged: call.link.merged_into,
            place,
        })
    }

    fn same_trace(&self, other: &Self) -> bool {
        self.trace != 0 && self.trace == other.trace
    }

    /// How far apart two sights of one call are: a shared trace is nearest. Nothing where they
    /// cannot be the same call.
    fn distance(&self, other: &Self) -> Option<(bool, u64, CallId)> {
        let fits = |a: u64, b: u64| a == 0 || b == 0 || a == b;
        if self.gateway == other.gateway || !fits(self.tenant, other.tenant) {
            return None;
        }
        let apart = self.start.abs_diff(other.start);
        let near = i64::try_from(apart).is_ok_and(|a| a <= APART);
        let same = self.same_trace(other);
        (same || (near && fits(self.provider, other.provider))).then_some((!same, apart, other.id))
    }

    fn is_parent_of(&self, other: &Self) -> bool {
        self.same_trace(other) && self.span != 0 && self.span == other.parent
    }
}
