//! Takes in the answer a caller gets, so that the next one can have it.
//!
//! Owns what is kept of it. Refuses answers that are not whole, and stops collecting where one grows too large.

use crate::control::memory::{Answer, Slot};
use crate::logic::call::{Call, Protocol};
use crate::logic::control::cache::meaning::Meaning;
use crate::logic::control::cache::semantic::embed::Embedding;
use crate::logic::control::cache::store::{Tags, is_keepable};
use crate::logic::unit::{Micros, UnixMicros};
use crate::logic::wire::{Observed, Produced};
use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::response::Parts;

/// Fields that describe the body. Everything else belongs to the one request that was answered.
const DESCRIBING: [HeaderName; 2] = [header::CONTENT_TYPE, header::CONTENT_ENCODING];
/// Largest answer that is collected; the store takes a sixteenth of its size at most, which is 6 MB.
const MAX_BYTES: usize = 6 << 20;
/// Longest part of an answer's text that is compared.
const GIST_BYTES: usize = 500;

/// An answer being collected.
pub(in super::super) struct Keep {
    slot: Box<Slot>,
    headers: Vec<(HeaderName, HeaderValue)>,
    frames: Vec<Bytes>,
    bytes: usize,
    whole: bool,
}

impl Keep {
    /// Begins at the head as the caller gets it.
    pub(in super::super) fn begin(slot: Box<Slot>, head: &Parts) -> Option<Self> {
        if head.status.as_u16() != 200 {
            slot.release();
            return None;
        }
        let headers = DESCRIBING
            .iter()
            .filter_map(|name| Some((name.clone(), head.headers.get(name)?.clone())))
            .collect();
        Some(Self { slot, headers, frames: Vec::new(), bytes: 0, whole: false })
    }

    /// A part of the body left; false where all of it is too large to be kept.
    pub(in super::super) fn push(&mut self, part: &Bytes) -> bool {
        self.bytes += part.len();
        let fits = self.bytes <= MAX_BYTES;
        if fits {
            self.frames.push(part.clone());
        }
        fits
    }

    /// It is not kept: those who wait ask for themselves.
    pub(in super::super) fn let_go(self) {
        self.slot.release();
    }

    /// The answer was read to its end, or not.
    pub(in super::super) fn seen(
        &mut self,
        seen: Option<&Observed>,
        protocol: Protocol,
        status: u16,
    ) {
        self.whole = seen.is_some_and(|s| is_keepable(protocol, status, s));
    }

    /// The call is settled: others may have its answer.
    pub(in super::super) fn end(self, call: &Call, produced: &Produced, now: UnixMicros) {
        if !self.whole {
            self.slot.release();
            return;
        }
        let protocol = call.what.protocol;
        let gist = self.slot.compares().then(|| gist(protocol, produced)).flatten();
        let usage = call.usage;
        let tokens = [usage.input_total(), usage.output_total()];
        let tags = Tags {
            tenant: call.who.tenant.clone(),
            model: call.what.model_used.clone().or_else(|| call.what.model_requested.clone()),
            intent: call.what.intent.clone(),
            route: call.what.endpoint.clone(),
            tokens: tokens.into_iter().flatten().map(|t| t.0).sum(),
            cost: call.cost.nanos,
            latency: call.time.latency.unwrap_or(Micros(0)),
        };
        let Self { slot, headers, frames, .. } = self;
        slot.keep(Answer { headers, frames, usage, gist }, tags, now);
    }
}

/// The beginning of an answer's text as a vector.
fn gist(protocol: Protocol, produced: &Produced) -> Option<Embedding> {
    if protocol == Protocol::Embeddings {
        return None;
    }
    let spoken = produced.spoken();
    let cut = (0..=GIST_BYTES.min(spoken.len())).rev().find(|at| spoken.is_char_boundary(*at))?;
    let line = spoken.get(..cut)?.split_whitespace().collect::<Vec<_>>().join(" ");
    Meaning::of(&line).map(|meaning| Embedding::of(&meaning))
}
