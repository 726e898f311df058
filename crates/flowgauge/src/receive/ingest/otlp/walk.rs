//! Spans in protobuf, walked straight into the normaliser.

use super::batch::{Collector, Malformed, span_id, trace_id};
use super::proto::{Fields, Wire, text};
use crate::logic::alias::{Annotations, Builder, Resource, Scope, SpanCore, Value, quote};
use crate::logic::call::Text;
use std::fmt::Write as _;

/// Deepest nesting of an attribute value; an instrumentation needs three.
pub(super) const MAX_DEPTH: usize = 64;

/// The status code for failure.
const STATUS_ERROR: u64 = 2;

/// Reads an `ExportTraceServiceRequest`.
pub(super) fn traces(body: &[u8], rows: &mut Collector<'_>) -> Result<(), Malformed> {
    groups(body, &mut |resource, scope, span| self::span(span, resource, scope, rows))
}

/// Takes one item with its resource and scope.
type Visit<'v> = dyn FnMut(&Resource, &Scope, &[u8]) -> Result<(), Malformed> + 'v;

/// Visits the third level of any request: spans, log records or metrics (they share their numbers).
pub(super) fn groups(body: &[u8], visit: &mut Visit<'_>) -> Result<(), Malformed> {
    let mut top = Fields::new(body);
    while let Some(field) = top.next()? {
        let (1, Wire::Bytes(group)) = field else { continue };
        let resource = resource(group)?;
        let mut scopes = Fields::new(group);
        while let Some(field) = scopes.next()? {
            let (2, Wire::Bytes(items)) = field else { continue };
            let scope = scope(items)?;
            let mut fields = Fields::new(items);
            while let Some(field) = fields.next()? {
                if let (2, Wire::Bytes(item)) = field {
                    visit(&resource, &scope, item)?;
                }
            }
        }
    }
    Ok(())
}

fn resource(group: &[u8]) -> Result<Resource, Malformed> {
    let mut resource = Resource::default();
    let mut fields = Fields::new(group);
    while let Some(field) = fields.next()? {
        let (1, Wire::Bytes(message)) = field else { continue };
        attributes(message, 1, &mut |key, value| resource.attr(key, &value))?;
    }
    Ok(resource)
}

fn scope(items: &[u8]) -> Result<Scope, Malformed> {
    let mut scope = Scope::default();
    let mut fields = Fields::new(items);
    while let Some(field) = fields.next()? {
        let (1, Wire::Bytes(message)) = field else { continue };
        let (mut name, mut version) = ("", "");
        let mut inner = Fields::new(message);
        while let Some(field) = inner.next()? {
            match field {
                (1, Wire::Bytes(b)) => name = text(b)?,
                (2, Wire::Bytes(b)) => version = text(b)?,
                _ => {}
            }
        }
        scope = Scope::new(name, version);
    }
    Ok(scope)
}

fn span(
    message: &[u8],
    resource: &Resource,
    scope: &Scope,
    rows: &mut Collector<'_>,
) -> Result<(), Malformed> {
    let core = core(message)?;
    let (Some(trace), Some(id)) = (core.trace_id, core.span_id) else {
        rows.reject("span without a valid trace and span id", 1);
        return Ok(());
    };
    let rules = rows.rules;
    let mut builder = Builder::new(core, resource, scope, &rules);
    let mut annotations = Annotations::default();
    let mut fields = Fields::new(message);
    while let Some(field) = fields.next()? {
        match field {
            (9, Wire::Bytes(pair)) => {
                if let Some((key, value)) = pair_of(pair)?
                    && !annotations.attr(key, &value, &rules)
                {
                    builder.attr(key, value);
                }
            }
            (11, Wire::Bytes(event)) => self::event(event, &mut builder)?,
            (13, Wire::Bytes(link)) => self::link(link, &mut annotations)?,
            _ => {}
        }
    }
    rows.annotations(annotations, (trace, id), core.end_ns);
    rows.span(builder, trace, id);
    Ok(())
}

fn core(message: &[u8]) -> Result<SpanCore<'_>, Malformed> {
    let mut core = SpanCore::default();
    let mut fields = Fields::new(message);
    while let Some(field) = fields.next()? {
        match field {
            (1, Wire::Bytes(b)) => core.trace_id = trace_id(b),
            (2, Wire::Bytes(b)) => core.span_id = span_id(b),
            (4, Wire::Bytes(b)) => core.parent_span_id = span_id(b),
            (5, Wire::Bytes(b)) => core.name = text(b)?,
            (7, Wire::Fixed64(ns)) => core.start_ns = ns,
            (8, Wire::Fixed64(ns)) => core.end_ns = ns,
            (15, Wire::Bytes(status)) => {
                let mut inner = Fields::new(status);
                while let Some(field) = inner.next()? {
                    if let (3, Wire::Varint(code)) = field {
                        core.failed = code == STATUS_ERROR;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(core)
}

fn link(message: &[u8], annotations: &mut Annotations) -> Result<(), Malformed> {
    let (mut trace, mut span) = (None, None);
    let mut fields = Fields::new(message);
    while let Some(field) = fields.next()? {
        match field {
            (1, Wire::Bytes(b)) => trace = trace_id(b),
            (2, Wire::Bytes(b)) => span = span_id(b),
            _ => {}
        }
    }
    if let (Some(trace), Some(span)) = (trace, span) {
        annotations.link(trace, span);
    }
    Ok(())
}

fn event<'a>(message: &'a [u8], builder: &mut Builder<'a>) -> Result<(), Malformed> {
    let (mut name, mut time) = ("", 0);
    let mut fields = Fields::new(message);
    while let Some(field) = fields.next()? {
        match field {
            (1, Wire::Fixed64(ns)) => time = ns,
            (2, Wire::Bytes(b)) => name = text(b)?,
            _ => {}
        }
    }
    builder.event(name, time);
    if name == "exception" {
        attributes(message, 3, &mut |key, value| {
            if let ("exception.type", Value::Str(kind)) = (key, value) {
                builder.exception(kind);
            }
        })?;
    }
    Ok(())
}

/// Visits the attributes in field `number` of a message.
pub(super) fn attributes<'a>(
    message: &'a [u8],
    number: u64,
    visit: &mut dyn FnMut(&'a str, Value<'a>),
) -> Result<(), Malformed> {
    let mut fields = Fields::new(message);
    while let Some(field) = fields.next()? {
        let (n, Wire::Bytes(pair)) = field else { continue };
        if n == number
            && let Some((key, value)) = pair_of(pair)?
        {
            visit(key, value);
        }
    }
    Ok(())
}

/// Key and value of a `KeyValue`; nothing where it has no value.
#[inline]
fn pair_of(pair: &[u8]) -> Result<Option<(&str, Value<'_>)>, Malformed> {
    let (mut key, mut value) = ("", None);
    let mut fields = Fields::new(pair);
    while let Some(field) = fields.next()? {
        match field {
            (1, Wire::Bytes(b)) => key = text(b)?,
            (2, Wire::Bytes(b)) => value = any_value(b)?,
            _ => {}
        }
    }
    Ok(value.map(|v| (key, v)))
}

fn any_value(message: &[u8]) -> Result<Option<Value<'_>>, Malformed> {
    let mut value = None;
    let mut fields = Fields::new(message);
    while let Some(field) = fields.next()? {
        value = Some(match field {
            (1, Wire::Bytes(b)) => Value::Str(text(b)?),
            (2, Wire::Varint(v)) => Value::Bool(v != 0),
            (3, Wire::Varint(v)) => Value::Int(v.cast_signed()),
            (4, Wire::Fixed64(bits)) => Value::Double(f64::from_bits(bits)),
            (5 | 6, Wire::Bytes(_)) => {
                let mut out = String::new();
                render(message, &mut out, 0)?;
                Value::Json(Text::from(out))
            }
            (7, Wire::Bytes(b)) => Value::Bytes(b.len()),
            _ => continue,
        });
    }
    Ok(value)
}

/// Writes an `AnyValue` as JSON.
fn render(message: &[u8], out: &mut String, depth: usize) -> Result<(), Malformed> {
    if depth > MAX_DEPTH {
        return Err(Malformed::new("attribute value is nested too deeply"));
    }
    let mut last = None;
    let mut fields = Fields::new(message);
    while let Some(field) = fields.next()? {
        last = Some(field);
    }
    // Writing to memory cannot fail.
    let _ = match last {
        Some((1, Wire::Bytes(b))) => {
            quote(out, text(b)?);
            Ok(())
        }
        Some((2, Wire::Varint(v))) => write!(out, "{}", v != 0),
        Some((3, Wire::Varint(v))) => write!(out, "{}", v.cast_signed()),
        Some((4, Wire::Fixed64(bits))) if f64::from_bits(bits).is_finite() => {
            write!(out, "{}", f64::from_bits(bits))
        }
        Some((5, Wire::Bytes(list))) => return render_list(list, out, depth),
        Some((6, Wire::Bytes(map))) => return render_map(map, out, depth),
        Some((7, Wire::Bytes(b))) => write!(out, "{{\"len\":{}}}", b.len()),
        _ => write!(out, "null"),
    };
    Ok(())
}

fn render_list(list: &[u8], out: &mut String, depth: usize) -> Result<(), Malformed> {
    out.push('[');
    let mut fields = Fields::new(list);
    let mut first = true;
    while let Some(field) = fields.next()? {
        let (1, Wire::Bytes(item)) = field else { continue };
        if !std::mem::take(&mut first) {
            out.push(',');
        }
        render(item, out, depth + 1)?;
    }
    out.push(']');
    Ok(())
}

fn render_map(map: &[u8], out: &mut String, depth: usize) -> Result<(), Malformed> {
    out.push('{');
    let mut pairs = Fields::new(map);
    let mut first = true;
    while let Some(field) = pairs.next()? {
        let (1, Wire::Bytes(pair)) = field else { continue };
        if !std::mem::take(&mut first) {
            out.push(',');
        }
        let (mut key, mut value): (&str, &[u8]) = ("", &[]);
        let mut fields = Fields::new(pair);
        while let Some(field) = fields.next()? {
            match field {
                (1, Wire::Bytes(b)) => key = text(b)?,
                (2, Wire::Bytes(b)) => value = b,
                _ => {}
            }
        }
        quote(out, key);
        out.push(':');
        render(value, out, depth + 1)?;
    }
    out.push('}');
    Ok(())
}
