//! An application's call through us and the model calls it makes through us meanwhile: one call of one
//! user, counted once (docs/decisions/0005-application-calls.md).
//!
//! Owns which calls belong together, by trace, and that the application's row waits for the inner ones.
//! Touched only where applications are configured. Refuses to hold up an answer: only rows wait.

use crate::logic::call::Call;
use crate::logic::id::{CallId, SpanId, TraceId};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use parking_lot::Mutex;
use std::collections::HashMap;

use super::flight::Flight;
use super::sum::Sum;
use super::target::{Kind, Target};

/// Traces with application calls in flight: above what the gateway carries at once. Calls beyond it are
/// not joined, and count for themselves.
const MAX_TRACES: usize = 1 << 16;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What the call is to others.
#[derive(Debug, Default)]
pub(super) struct Kin {
    /// Others may be made for it.
    trace: Option<TraceId>,
    /// The call it was made for.
    parent: Option<(TraceId, CallId)>,
}

impl Kin {
    /// The trace under which it waits for others, once.
    pub(super) const fn take_trace(&mut self) -> Option<TraceId> {
        self.trace.take()
    }

    /// The call it was made for.
    pub(super) fn parent(&self) -> Option<CallId> {
        self.parent.map(|(_, id)| id)
    }

    /// The same with its trace, once.
    pub(super) const fn take_parent(&mut self) -> Option<(TraceId, CallId)> {
        self.parent.take()
    }
}

/// Application calls in flight, by trace.
#[derive(Default)]
pub(super) struct Families {
    open: Mutex<HashMap<TraceId, Vec<Parent>>>,
}

/// One application call in flight.
struct Parent {
    id: CallId,
    /// Inner calls not ended yet.
    inner: u32,
    sum: Sum,
    /// The call itself, ended, while inner calls are not.
    ended: Option<Flight>,
}

/// Finds out to whom a call belongs, and lets an application know the trace it is called under.
pub(super) fn enter(flight: &mut Flight, target: &Target, headers: &mut HeaderMap) {
    let gateway = std::sync::Arc::clone(flight.gateway());
    let Some(families) = &gateway.families else { return };
    let is_app = matches!(target.kind, Kind::App { .. });
    let (mut leaf, mut trace) = (false, None);
    flight.note(|call| (leaf, trace) = (call.what.leaf, call.link.trace_id));
    if !leaf {
        return;
    }
    let id = flight.id();
    let trace = match trace {
        Some(trace) => trace,
        None if is_app => begin_trace(flight, headers),
        None => return,
    };
    flight.terms().kin.parent = families.join(trace).map(|parent| (trace, parent));
    if is_app && families.open(trace, id) {
        flight.terms().kin.trace = Some(trace);
    }
}

/// A trace for a call that came with none.
fn begin_trace(flight: &mut Flight, headers: &mut HeaderMap) -> TraceId {
    let gateway = flight.gateway();
    let now = gateway.clock.now();
    let trace = TraceId(gateway.ids.next(now).0);
    let [.., a, b, c, d, e, f, g, h] = gateway.ids.next(now).0;
    let span = SpanId([a, b, c, d, e, f, g, h]);
    if let Ok(value) = HeaderValue::from_str(&format!("00-{trace}-{span}-01")) {
        headers.insert(TRACEPARENT, value);
    }
    flight.note(|call| (call.link.trace_id, call.link.span_id) = (Some(trace), Some(span)));
    trace
}

impl Families {
    /// Makes a call an inner one of the newest application call of its trace.
    fn join(&self, trace: TraceId) -> Option<CallId> {
        let mut open = self.open.lock();
        // One whose answer ended has all its figures but those of the inner calls that are under way.
        let parents = open.get_mut(&trace)?.iter_mut();
        let parent = parents.rev().find(|parent| parent.ended.is_none())?;
        parent.inner = parent.inner.saturating_add(1);
        Some(parent.id)
    }

    /// Lets others join an application call; whether there was room.
    fn open(&self, trace: TraceId, id: CallId) -> bool {
        let mut open = self.open.lock();
        if open.len() >= MAX_TRACES && !open.contains_key(&trace) {
            return false;
        }
        let parent = Parent { id, inner: 0, sum: Sum::default(), ended: None };
        open.entry(trace).or_default().push(parent);
        true
    }

    /// An application call ended. It comes back once all its inner calls have, which may be now.
    pub(super) fn close(&self, trace: TraceId, mut flight: Flight) -> Option<Flight> {
        let mut open = self.open.lock();
        let parents = open.get_mut(&trace)?;
        let at = parents.iter().position(|p| p.id == flight.id())?;
        let parent = parents.get_mut(at)?;
        if parent.inner > 0 {
            parent.ended = Some(flight);
            return None;
        }
        flight.terms().inner = take(parents, at);
        if parents.is_empty() {
            open.remove(&trace);
        }
        Some(flight)
    }

    /// An inner call ended. The application call comes back if it waited for this one alone.
    pub(super) fn leave(&self, (trace, id): (TraceId, CallId), call: &Call) -> Option<Flight> {
        let mut open = self.open.lock();
        let parents = open.get_mut(&trace)?;
        let at = parents.iter().position(|p| p.id == id)?;
        let parent = parents.get_mut(at)?;
        parent.sum.add(call);
        parent.inner = parent.inner.saturating_sub(1);
        if parent.inner > 0 {
            return None;
        }
        let mut flight = parent.ended.take()?;
        flight.terms().inner = take(parents, at);
        if parents.is_empty() {
            open.remove(&trace);
        }
        Some(flight)
    }
}

/// Takes a parent out; what its inner calls add up to, where there were any.
fn take(parents: &mut Vec<Parent>, at: usize) -> Option<Sum> {
    Some(parents.remove(at).sum).filter(Sum::has_figures)
}
