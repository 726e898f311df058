//! OTLP's JSON mapping: hexadecimal ids, integers as strings, camelCase or snake_case names.

use super::Signal;
use super::batch::{Collector, Malformed, span_id, trace_id};
use super::json_value::{KeyValue, Number};
use super::walk_logs::{NO_METRICS, Record};
use crate::logic::alias::{Annotations, Builder, MAX_ATTRIBUTES, Resource, Scope, SpanCore};
use crate::logic::id::{SpanId, TraceId};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Request<'a> {
    #[serde(
        borrow,
        default = "Vec::new",
        alias = "resourceSpans",
        alias = "resource_spans",
        alias = "resourceLogs",
        alias = "resource_logs",
        alias = "resourceMetrics",
        alias = "resource_metrics"
    )]
    groups: Vec<Group<'a>>,
}

#[derive(Debug, Deserialize)]
struct Group<'a> {
    #[serde(borrow, default)]
    resource: Option<Attributes<'a>>,
    #[serde(
        borrow,
        default = "Vec::new",
        alias = "scopeSpans",
        alias = "scope_spans",
        alias = "scopeLogs",
        alias = "scope_logs",
        alias = "scopeMetrics",
        alias = "scope_metrics"
    )]
    scopes: Vec<Items<'a>>,
}

#[derive(Debug, Deserialize)]
struct Attributes<'a> {
    #[serde(borrow, default = "Vec::new")]
    attributes: Vec<KeyValue<'a>>,
}

#[derive(Debug, Deserialize)]
struct Items<'a> {
    scope: Option<ScopeName>,
    #[serde(borrow, default = "Vec::new")]
    spans: Vec<Span<'a>>,
    #[serde(borrow, default = "Vec::new", alias = "logRecords", alias = "log_records")]
    records: Vec<LogRecord<'a>>,
    #[serde(default)]
    metrics: Vec<Metric>,
}

#[derive(Debug, Deserialize)]
struct ScopeName {
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Span<'a> {
    #[serde(default, alias = "trace_id")]
    trace_id: String,
    #[serde(default, alias = "span_id")]
    span_id: String,
    #[serde(default, alias = "parent_span_id")]
    parent_span_id: String,
    #[serde(default)]
    name: String,
    #[serde(borrow, alias = "start_time_unix_nano")]
    start_time_unix_nano: Option<Number<'a>>,
    #[serde(borrow, alias = "end_time_unix_nano")]
    end_time_unix_nano: Option<Number<'a>>,
    #[serde(borrow, default = "Vec::new")]
    attributes: Vec<KeyValue<'a>>,
    #[serde(borrow, default = "Vec::new")]
    events: Vec<SpanEvent<'a>>,
    #[serde(default)]
    links: Vec<SpanLink>,
    status: Option<SpanStatus>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SpanLink {
    #[serde(default, alias = "trace_id")]
    trace_id: String,
    #[serde(default, alias = "span_id")]
    span_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SpanEvent<'a> {
    #[serde(borrow, alias = "time_unix_nano")]
    time_unix_nano: Option<Number<'a>>,
    #[serde(default)]
    name: String,
    #[serde(borrow, default = "Vec::new")]
    attributes: Vec<KeyValue<'a>>,
}

#[derive(Debug, Deserialize)]
struct SpanStatus {
    #[serde(default)]
    code: serde_json::Value,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogRecord<'a> {
    #[serde(borrow, alias = "time_unix_nano")]
    time_unix_nano: Option<Number<'a>>,
    #[serde(borrow, alias = "observed_time_unix_nano")]
    observed_time_unix_nano: Option<Number<'a>>,
    #[serde(borrow, alias = "severity_number")]
    severity_number: Option<Number<'a>>,
    #[serde(default, alias = "trace_id")]
    trace_id: String,
    #[serde(default, alias = "span_id")]
    span_id: String,
    #[serde(default, alias = "event_name")]
    event_name: String,
    #[serde(borrow, default = "Vec::new")]
    attributes: Vec<KeyValue<'a>>,
}

#[derive(Debug, Deserialize)]
struct Metric {
    #[serde(alias = "sum", alias = "histogram", alias = "exponentialHistogram")]
    #[serde(alias = "exponential_histogram", alias = "summary")]
    gauge: Option<Points>,
}

#[derive(Debug, Deserialize)]
struct Points {
    #[serde(default, alias = "dataPoints", alias = "data_points")]
    points: Vec<serde::de::IgnoredAny>,
}

/// Reads an export request of any signal.
pub(super) fn read(signal: Signal, body: &[u8], rows: &mut Collector<'_>) -> Result<(), Malformed> {
    let request: Request<'_> =
        serde_json::from_slice(body).map_err(|e| Malformed::new(format!("JSON: {e}")))?;
    for group in &request.groups {
        let mut resource = Resource::default();
        for pair in group.resource.iter().flat_map(|r| &r.attributes) {
            if let Some(value) = pair.value.as_ref().map(|v| v.value()).transpose()?.flatten() {
                resource.attr(&pair.key, &value);
            }
        }
        for items in &group.scopes {
            let named = items.scope.as_ref();
            let scope = named.map_or_else(Scope::default, |s| Scope::new(&s.name, &s.version));
            match signal {
                Signal::Traces => {
                    for span in &items.spans {
                        self::span(span, &resource, &scope, rows)?;
                    }
                }
                Signal::Logs => {
                    for record in &items.records {
                        self::record(record, &resource, rows)?;
                    }
                }
                Signal::Metrics => metrics(&items.metrics, rows),
            }
        }
    }
    Ok(())
}

fn metrics(metrics: &[Metric], rows: &mut Collector<'_>) {
    for metric in metrics {
        let points = metric.gauge.as_ref().map_or(0, |p| p.points.len());
        if points > 0 {
            rows.reject(NO_METRICS, u64::try_from(points).unwrap_or(u64::MAX));
        }
    }
}

fn span(
    span: &Span<'_>,
    resource: &Resource,
    scope: &Scope,
    rows: &mut Collector<'_>,
) -> Result<(), Malformed> {
    let ids = (trace(&span.trace_id), self::id(&span.span_id));
    let (Some(trace_id), Some(id)) = ids else {
        rows.reject("span without a valid trace and span id", 1);
        return Ok(());
    };
    let core = SpanCore {
        name: &span.name,
        trace_id: Some(trace_id),
        span_id: Some(id),
        parent_span_id: self::id(&span.parent_span_id),
        start_ns: nanos(span.start_time_unix_nano.as_ref()),
        end_ns: nanos(span.end_time_unix_nano.as_ref()),
        failed: span.status.as_ref().is_some_and(|s| s.code == 2 || s.code == "STATUS_CODE_ERROR"),
    };
    let rules = rows.rules;
    let mut builder = Builder::new(core, resource, scope, &rules);
    let mut annotations = Annotations::default();
    for pair in &span.attributes {
        if let Some(value) = pair.value.as_ref().map(|v| v.value()).transpose()?.flatten()
            && !annotations.attr(&pair.key, &value, &rules)
        {
            builder.attr(&pair.key, value);
        }
    }
    for link in &span.links {
        if let (Some(trace), Some(span)) = (trace(&link.trace_id), self::id(&link.span_id)) {
            annotations.link(trace, span);
        }
    }
    rows.annotations(annotations, (trace_id, id), core.end_ns);
    for event in &span.events {
        builder.event(&event.name, nanos(event.time_unix_nano.as_ref()));
        if event.name != "exception" {
            continue;
        }
        for pair in event.attributes.iter().filter(|p| p.key == "exception.type") {
            let value = pair.value.as_ref().map(|v| v.value()).transpose()?.flatten();
            if let Some(crate::logic::alias::Value::Str(kind)) = value {
                builder.exception(kind);
            }
        }
    }
    rows.span(builder, trace_id, id);
    Ok(())
}

fn record(
    log: &LogRecord<'_>,
    resource: &Resource,
    rows: &mut Collector<'_>,
) -> Result<(), Malformed> {
    let mut record = Record {
        name: &log.event_name,
        time_ns: nanos(log.time_unix_nano.as_ref()),
        observed_ns: nanos(log.observed_time_unix_nano.as_ref()),
        severity: nanos(log.severity_number.as_ref()),
        trace_id: trace(&log.trace_id),
        span_id: id(&log.span_id),
        attributes: Vec::with_capacity(log.attributes.len().min(MAX_ATTRIBUTES)),
    };
    for pair in log.attributes.iter().take(MAX_ATTRIBUTES) {
        if let Some(value) = pair.value.as_ref().map(|v| v.value()).transpose()?.flatten() {
            record.attributes.push((&pair.key, value));
        }
    }
    record.keep(resource, rows);
    Ok(())
}

/// A protobuf integer; absent is 0 there too, and 0 is judged by the normaliser.
fn nanos(number: Option<&Number<'_>>) -> u64 {
    number.and_then(Number::unsigned).unwrap_or_default()
}

fn trace(hex: &str) -> Option<TraceId> {
    trace_id(&hex.parse::<TraceId>().ok()?.0)
}

fn id(hex: &str) -> Option<SpanId> {
    span_id(&hex.parse::<SpanId>().ok()?.0)
}
