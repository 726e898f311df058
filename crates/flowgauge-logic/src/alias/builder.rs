//! Takes a span piece by piece and keeps, per meaning, the value under the newest name.
//!
//! Refuses to interpret: that is `finish`, once everything is known.

use super::dialect::Mark;
use super::raw::RawMap;
use super::resource::{Resource, Scope};
use super::table::{Meaning, lookup};
use super::value::name;
use super::{MAX_ATTRIBUTES, MAX_EVENTS, MAX_LABELS, MAX_UNKNOWN_TEXT, Rules, Value};
use crate::call::Text;
use crate::id::{SpanId, TraceId};

/// What every span has.
#[derive(Debug, Clone, Copy, Default)]
pub struct SpanCore<'a> {
    /// Name.
    pub name: &'a str,
    /// Trace.
    pub trace_id: Option<TraceId>,
    /// Span.
    pub span_id: Option<SpanId>,
    /// Parent, unless a root.
    pub parent_span_id: Option<SpanId>,
    /// Begin, nanoseconds since the epoch.
    pub start_ns: u64,
    /// End, nanoseconds since the epoch.
    pub end_ns: u64,
    /// Whether the status is ERROR.
    pub failed: bool,
}

/// Names of events that mark the first token.
const FIRST_TOKEN_EVENTS: &[&str] =
    &["First Token Stream Event", "gen_ai.content.completion.chunk", "ai.stream.firstChunk"];

/// Free labels of OpenLLMetry.
const LABEL_PREFIX: &str = "traceloop.association.properties.";

#[derive(Debug)]
pub(super) struct Seen<'a> {
    pub(super) key: &'static str,
    pub(super) rank: u8,
    pub(super) value: Value<'a>,
}

/// One span under construction.
#[derive(Debug)]
pub struct Builder<'a> {
    pub(super) core: SpanCore<'a>,
    pub(super) resource: &'a Resource,
    pub(super) scope: &'a Scope,
    pub(super) rules: &'a Rules<'a>,
    pub(super) seen: Vec<Seen<'a>>,
    /// Position in `seen` plus one, by meaning.
    pub(super) best: [u8; Meaning::COUNT],
    pub(super) marks: u16,
    pub(super) raw: RawMap<'a>,
    pub(super) labels: Vec<(Text, Text)>,
    pub(super) first_token_ns: Option<u64>,
    attributes: usize,
    events: usize,
}

impl<'a> Builder<'a> {
    /// Begins a span.
    #[must_use]
    pub fn new(
        core: SpanCore<'a>,
        resource: &'a Resource,
        scope: &'a Scope,
        rules: &'a Rules<'a>,
    ) -> Self {
        Self {
            core,
            resource,
            scope,
            rules,
            seen: Vec::with_capacity(24),
            best: [0; Meaning::COUNT],
            marks: 0,
            raw: RawMap::new(rules),
            labels: Vec::new(),
            first_token_ns: None,
            attributes: 0,
            events: 0,
        }
    }

    /// Takes one attribute.
    pub fn attr(&mut self, key: &str, value: Value<'a>) {
        self.attributes += 1;
        if self.attributes > MAX_ATTRIBUTES {
            return;
        }
        let Some(row) = lookup(key) else {
            self.unnamed(key, &value);
            return;
        };
        self.marks |= row.mark.bit();
        self.raw.add(key, &value, Some(row.meaning));
        self.take(row.meaning, row.rank, row.key, value);
    }

    fn take(&mut self, meaning: Meaning, rank: u8, key: &'static str, value: Value<'a>) {
        if meaning == Meaning::Setting {
            return;
        }
        let Some(best) = self.best.get_mut(meaning as usize) else { return };
        let fresh = Seen { key, rank, value };
        match usize::from(*best).checked_sub(1).and_then(|i| self.seen.get_mut(i)) {
            Some(held) if held.rank <= rank => {}
            Some(held) => *held = fresh,
            None => {
                self.seen.push(fresh);
                *best = u8::try_from(self.seen.len()).unwrap_or(0);
            }
        }
    }

    fn unnamed(&mut self, key: &str, value: &Value<'_>) {
        if let Some(label) = key.strip_prefix(LABEL_PREFIX) {
            self.marks |= Mark::Tl.bit();
            if let Some(text) = value.name() {
                self.label(label, &text);
            }
            return;
        }
        self.raw.add(key, value, None);
    }

    /// Keeps a label while there is room.
    pub(super) fn label(&mut self, key: &str, value: &str) {
        let fits = key.len() <= 64 && value.len() <= MAX_UNKNOWN_TEXT;
        if self.labels.len() >= MAX_LABELS || !fits || self.rules.metrics_only {
            return;
        }
        if let (Some(key), Some(value)) = (name(key), name(value)) {
            self.labels.push((key, value));
        }
    }

    /// Takes one event.
    pub fn event(&mut self, name: &str, time_ns: u64) {
        self.events += 1;
        if self.events > MAX_EVENTS || self.first_token_ns.is_some() {
            return;
        }
        if FIRST_TOKEN_EVENTS.contains(&name) {
            self.first_token_ns = Some(time_ns);
        }
    }

    /// Takes the type of an exception that an event tells of.
    pub fn exception(&mut self, kind: &'a str) {
        self.take(Meaning::ErrorType, 1, "exception.type", Value::Str(kind));
    }

    pub(super) fn get(&self, meaning: Meaning) -> Option<&Seen<'a>> {
        let n = usize::from(*self.best.get(meaning as usize)?);
        self.seen.get(n.checked_sub(1)?)
    }

    pub(super) fn str(&self, meaning: Meaning) -> Option<&str> {
        self.get(meaning)?.value.text().filter(|s| !s.is_empty())
    }

    pub(super) fn name(&self, meaning: Meaning) -> Option<Text> {
        self.get(meaning)?.value.name()
    }

    /// Attributes and events beyond the limits.
    pub(super) fn cut(&self) -> usize {
        self.attributes.saturating_sub(MAX_ATTRIBUTES) + self.events.saturating_sub(MAX_EVENTS)
    }
}
