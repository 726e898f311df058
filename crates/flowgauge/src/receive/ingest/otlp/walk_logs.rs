//! Log records and metrics in protobuf. Events about LLM calls are kept; the rest is refused aloud.

use super::batch::{Collector, Malformed, span_id, trace_id};
use super::proto::{Fields, Wire, text};
use super::walk::{attributes, groups};
use crate::logic::alias::{Judged, RawMap, Resource, Value};
use crate::logic::call::Text;
use crate::logic::id::{SpanId, TraceId};
use crate::logic::score::Reference;
use crate::logic::unit::UnixMicros;
use crate::store::Event;

/// Beginning of the names of events that are kept.
const EVENT_PREFIX: &str = "gen_ai.";
/// The event that carries an evaluation.
const EVALUATION: &str = "gen_ai.evaluation.result";
/// Longest event name, bytes; a longer one is no name of the convention.
const MAX_EVENT_NAME: usize = 256;
/// Said of every other log record.
pub(super) const OTHER_LOGS: &str = "only log records with a gen_ai.* event name are stored";
/// Said of every metric point.
pub(super) const NO_METRICS: &str = "metrics are not stored; send traces";

/// A log record in any wire form, on its way to an event.
#[derive(Debug, Default)]
pub(super) struct Record<'a> {
    pub(super) name: &'a str,
    pub(super) time_ns: u64,
    pub(super) observed_ns: u64,
    pub(super) severity: u64,
    pub(super) trace_id: Option<TraceId>,
    pub(super) span_id: Option<SpanId>,
    pub(super) attributes: Vec<(&'a str, Value<'a>)>,
}

impl Record<'_> {
    /// Keeps the record as an event, or counts why not.
    pub(super) fn keep(self, resource: &Resource, rows: &mut Collector<'_>) {
        let named = self.attributes.iter().find_map(|(key, value)| match value {
            Value::Str(s) if *key == "event.name" => Some(*s),
            _ => None,
        });
        let name = if self.name.is_empty() { named.unwrap_or_default() } else { self.name };
        if !name.starts_with(EVENT_PREFIX) || name.len() > MAX_EVENT_NAME {
            rows.reject(OTHER_LOGS, 1);
            return;
        }
        let ns = if self.time_ns == 0 { self.observed_ns } else { self.time_ns };
        let Ok(us) = i64::try_from(ns / 1_000) else {
            rows.reject("log record time is out of range", 1);
            return;
        };
        let time = if us == 0 { rows.now() } else { UnixMicros(us) };
        let rules = rows.rules;
        if name == EVALUATION {
            let about =
                Reference { trace: self.trace_id, span: self.span_id, ..Reference::default() };
            let attributes = self.attributes.iter().map(|(key, value)| (*key, value));
            match Judged::from_event(attributes, about, &rules) {
                Ok(Some(judged)) => rows.judged(judged, time),
                Ok(None) => {}
                Err(rejected) => {
                    rows.reject(&rejected.reason, 1);
                    return;
                }
            }
        }
        let mut raw = RawMap::new(&rules);
        for (key, value) in &self.attributes {
            raw.attr(key, value);
        }
        let event = Event {
            id: rows.event_id(),
            time,
            name: Text::from(name),
            trace_id: self.trace_id,
            span_id: self.span_id,
            severity: u8::try_from(self.severity.min(24)).unwrap_or_default(),
            service: resource.service().cloned(),
            attributes: raw.finish(&[]).unwrap_or_else(|| Box::from("{}")),
        };
        rows.event(event);
    }
}

/// Reads an `ExportLogsServiceRequest`.
pub(super) fn logs(body: &[u8], rows: &mut Collector<'_>) -> Result<(), Malformed> {
    groups(body, &mut |resource, _scope, message| {
        let mut record = Record::default();
        let mut fields = Fields::new(message);
        while let Some(field) = fields.next()? {
            match field {
                (1, Wire::Fixed64(ns)) => record.time_ns = ns,
                (2, Wire::Varint(n)) => record.severity = n,
                (9, Wire::Bytes(b)) => record.trace_id = trace_id(b),
                (10, Wire::Bytes(b)) => record.span_id = span_id(b),
                (11, Wire::Fixed64(ns)) => record.observed_ns = ns,
                (12, Wire::Bytes(b)) => record.name = text(b)?,
                _ => {}
            }
        }
        attributes(message, 6, &mut |key, value| record.attributes.push((key, value)))?;
        record.attributes.truncate(crate::logic::alias::MAX_ATTRIBUTES);
        record.keep(resource, rows);
        Ok(())
    })
}

/// Counts the points of an `ExportMetricsServiceRequest`, all of which are refused.
pub(super) fn metrics(body: &[u8], rows: &mut Collector<'_>) -> Result<(), Malformed> {
    groups(body, &mut |_resource, _scope, metric| {
        let mut points = 0;
        let mut fields = Fields::new(metric);
        while let Some(field) = fields.next()? {
            // Gauge, sum, histogram, exponential histogram, summary: points are field 1 of each.
            let (5 | 7 | 9 | 10 | 11, Wire::Bytes(data)) = field else { continue };
            let mut inner = Fields::new(data);
            while let Some(field) = inner.next()? {
                points += u64::from(matches!(field, (1, Wire::Bytes(_))));
            }
        }
        if points > 0 {
            rows.reject(NO_METRICS, points);
        }
        Ok(())
    })
}
