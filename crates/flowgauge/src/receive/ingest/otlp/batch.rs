//! Rows of one payload, and what was refused of it.

use crate::config::Privacy;
use crate::logic::alias::{Annotations, Builder, Judged, Rejected, Rules};
use crate::logic::call::{Call, Door, Text};
use crate::logic::id::{CallId, SpanId, TraceId};
use crate::logic::score::{Score, ScoreKind};
use crate::logic::unit::UnixMicros;
use crate::store::Event;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Distinct reasons named in one answer; more only add to the number.
const MAX_REASONS: usize = 8;

/// The payload is not what its content type says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub String);

impl Malformed {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

/// A decoded payload.
#[derive(Debug, Default)]
pub struct Batch {
    /// Calls and spans.
    pub calls: Vec<Call>,
    /// Events.
    pub events: Vec<Event>,
    /// Evaluations that spans and events carry.
    pub scores: Vec<Score>,
    /// What was refused.
    pub rejections: Rejections,
}

/// What was refused of a payload, counted by reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rejections {
    /// Rows refused.
    pub count: u64,
    reasons: BTreeMap<String, u64>,
}

impl Rejections {
    /// Counts refused rows.
    pub fn add(&mut self, reason: &str, rows: u64) {
        self.count = self.count.saturating_add(rows);
        if let Some(n) = self.reasons.get_mut(reason) {
            *n = n.saturating_add(rows);
        } else if self.reasons.len() < MAX_REASONS {
            self.reasons.insert(reason.to_owned(), rows);
        }
    }

    /// Says something about rows that are stored all the same.
    pub fn note(&mut self, what: &str) {
        self.add(what, 0);
    }

    /// All reasons with their numbers, in one line; empty where nothing was refused.
    #[must_use]
    pub fn message(&self) -> String {
        let mut out = String::new();
        for (reason, rows) in &self.reasons {
            let gap = if out.is_empty() { "" } else { "; " };
            // Writing to memory cannot fail.
            let _ = write!(out, "{gap}{rows} × {reason}");
        }
        out
    }
}

/// Takes rows while a payload is decoded.
#[derive(Debug)]
pub(super) struct Collector<'r> {
    pub(super) rules: Rules<'r>,
    now: UnixMicros,
    door: Door,
    sequence: u64,
    batch: Batch,
}

impl<'r> Collector<'r> {
    pub(super) fn new(
        now: UnixMicros,
        door: Door,
        privacy: Privacy,
        hash: &'r dyn Fn(&str) -> Text,
        sequence: u64,
    ) -> Self {
        let Privacy { store_content, metrics_only } = privacy;
        let rules = Rules { hash, store_content, metrics_only };
        Self { rules, now, door, sequence, batch: Batch::default() }
    }

    /// Finishes a span as a row, or counts why not.
    pub(super) fn span(&mut self, span: Builder<'_>, trace: TraceId, id: SpanId) {
        let call_id = call_id(self.now, trace, id);
        match span.finish(self.now, self.door, call_id) {
            Ok(call) => self.batch.calls.push(call),
            Err(Rejected { reason }) => self.batch.rejections.add(&reason, 1),
        }
    }

    /// Takes the annotations of a span that ended at a moment.
    pub(super) fn annotations(
        &mut self,
        annotations: Annotations,
        (trace, span): (TraceId, SpanId),
        end_ns: u64,
    ) {
        match annotations.finish(trace, span) {
            Ok(all) => {
                let end = i64::try_from(end_ns / 1_000).map_or(self.now, UnixMicros);
                all.into_iter().for_each(|judged| self.judged(judged, end));
            }
            // The span itself is a row of its own, kept or refused by itself.
            Err(Rejected { reason }) => self.batch.rejections.note(&reason),
        }
    }

    /// Takes an evaluation given at a moment.
    pub(super) fn judged(&mut self, judged: Judged, time: UnixMicros) {
        let Judged { evaluator, version, value, label, explanation, annotator, about } = judged;
        let mut score = Score::new(self.event_id(), ScoreKind::Evaluation, self.now, about);
        score.time = time;
        (score.evaluator, score.version) = (evaluator, version);
        (score.raw, score.label, score.explanation) = (value, label, explanation);
        score.annotator = annotator;
        self.batch.scores.push(score);
    }

    /// An id for an event.
    pub(super) fn event_id(&mut self) -> CallId {
        self.sequence += 1;
        let mut random = [0u8; 10];
        random[2..].copy_from_slice(&self.sequence.to_be_bytes());
        CallId::new(self.now, random)
    }

    pub(super) fn now(&self) -> UnixMicros {
        self.now
    }

    pub(super) fn event(&mut self, event: Event) {
        self.batch.events.push(event);
    }

    pub(super) fn reject(&mut self, reason: &str, rows: u64) {
        self.batch.rejections.add(reason, rows);
    }

    pub(super) fn close(self) -> Batch {
        self.batch
    }
}

/// An id unlike any other of the same millisecond, because trace and span ids are random already.
fn call_id(now: UnixMicros, trace: TraceId, span: SpanId) -> CallId {
    let mut random = [0u8; 10];
    for (to, byte) in random[2..].iter_mut().zip(span.0) {
        *to = byte;
    }
    for (i, byte) in trace.0.iter().enumerate() {
        if let Some(to) = random.get_mut(i % 10) {
            *to ^= byte;
        }
    }
    CallId::new(now, random)
}

/// A trace id as it must be: 16 bytes, not all zero.
pub(super) fn trace_id(bytes: &[u8]) -> Option<TraceId> {
    let id: [u8; 16] = bytes.try_into().ok()?;
    (id != [0; 16]).then_some(TraceId(id))
}

/// A span id as it must be: 8 bytes, not all zero.
pub(super) fn span_id(bytes: &[u8]) -> Option<SpanId> {
    let id: [u8; 8] = bytes.try_into().ok()?;
    (id != [0; 8]).then_some(SpanId(id))
}
