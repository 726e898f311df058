//! The columns in their order. Names are those users see in SQL; append only.

use super::{Column, Kind, Value};
use flowgauge_logic::call::*;
use flowgauge_logic::unit::{Micros, NanoUsd, Tokens, UnixMicros};
use std::borrow::Cow;

fn text_of(value: Value<'_>) -> Option<Text> {
    if let Value::Text(t) = value { Some(Text::from(t.as_ref())) } else { None }
}

fn count_of<T: TryFrom<u64>>(value: Value<'_>) -> Option<T> {
    if let Value::Count(n) = value { T::try_from(n).ok() } else { None }
}

fn opt<'a, T>(value: Option<T>, make: impl FnOnce(T) -> Value<'a>) -> Value<'a> {
    value.map_or(Value::Null, make)
}

macro_rules! column {
    ($name:literal, $kind:ident, $get:expr, $set:expr) => {
        Column { name: $name, kind: Kind::$kind, get: $get, set: $set }
    };
}

macro_rules! opt_text {
    ($name:literal, $($field:ident).+) => {
        column!(
            $name,
            Text,
            |c| opt(c.$($field).+.as_deref(), |t| Value::Text(Cow::Borrowed(t))),
            |c, v| {
                c.$($field).+ = Some(text_of(v)?);
                Some(())
            }
        )
    };
}

macro_rules! opt_id {
    ($name:literal, $($field:ident).+) => {
        column!(
            $name,
            Text,
            |c| opt(c.$($field).+, |i| Value::Text(Cow::Owned(i.to_string()))),
            |c, v| {
                c.$($field).+ = Some(text_of(v)?.parse().ok()?);
                Some(())
            }
        )
    };
}

macro_rules! word {
    ($name:literal, $set:ident, $($field:ident).+) => {
        column!($name, Text, |c| Value::Text(Cow::Borrowed(c.$($field).+.word())), |c, v| {
            c.$($field).+ = $set::from_word(&text_of(v)?)?;
            Some(())
        })
    };
}

macro_rules! opt_count {
    ($name:literal, $unit:ident, $($field:ident).+) => {
        column!($name, Count, |c| opt(c.$($field).+, |n| Value::Count(n.0)), |c, v| {
            c.$($field).+ = Some($unit(count_of(v)?));
            Some(())
        })
    };
}

macro_rules! count {
    ($name:literal, $($field:ident).+) => {
        column!($name, Count, |c| Value::Count(u64::from(c.$($field).+)), |c, v| {
            c.$($field).+ = count_of(v)?;
            Some(())
        })
    };
}

macro_rules! bucket {
    ($name:literal, $side:ident, $field:ident) => {
        column!($name, Count, |c| opt(c.usage.$side, |i| Value::Count(i.$field)), |c, v| {
            c.usage.$side.get_or_insert_default().$field = count_of(v)?;
            Some(())
        })
    };
}

macro_rules! opt_money {
    ($name:literal, $($field:ident).+) => {
        column!($name, Money, |c| opt(c.$($field).+, |n| Value::Money(n.0)), |c, v| {
            if let Value::Money(n) = v {
                c.$($field).+ = Some(NanoUsd(n));
                Some(())
            } else {
                None
            }
        })
    };
}

macro_rules! time {
    ($name:literal, $($field:ident).+) => {
        column!($name, Time, |c| Value::Time(c.$($field).+.0), |c, v| {
            if let Value::Time(t) = v {
                c.$($field).+ = UnixMicros(t);
                Some(())
            } else {
                None
            }
        })
    };
}

/// Follows from other columns; written for those who read the file, ignored when read back.
macro_rules! derived {
    ($name:literal, $get:expr) => {
        column!($name, Count, $get, |_, _| Some(()))
    };
}

/// Every column, in file order.
pub(crate) const ALL: &[Column] = &[
    column!("call_id", Text, |c| Value::Text(Cow::Owned(c.id.to_string())), |c, v| {
        c.id = text_of(v)?.parse().ok()?;
        Some(())
    }),
    opt_id!("trace_id", link.trace_id),
    opt_id!("span_id", link.span_id),
    opt_id!("parent_span_id", link.parent_span_id),
    opt_text!("response_id", link.response_id),
    opt_text!("upstream_request_id", link.upstream_request_id),
    opt_text!("conversation_id", link.conversation_id),
    opt_text!("previous_response_id", link.previous_response_id),
    word!("source", Source, origin.source),
    word!("door", Door, origin.door),
    word!("dialect", Dialect, origin.dialect),
    opt_text!("scope", origin.scope),
    opt_text!("service", origin.service),
    opt_text!("environment", origin.environment),
    opt_text!("instance", origin.instance),
    opt_text!("version", origin.version),
    column!("leaf", Truth, |c| Value::Truth(c.what.leaf), |c, v| {
        if let Value::Truth(b) = v {
            c.what.leaf = b;
            Some(())
        } else {
            None
        }
    }),
    column!("operation", Text, |c| Value::Text(Cow::Borrowed(&c.what.operation)), |c, v| {
        c.what.operation = text_of(v)?;
        Some(())
    }),
    word!("protocol", Protocol, what.protocol),
    opt_text!("provider", what.provider),
    opt_text!("model_requested", what.model_requested),
    opt_text!("model_used", what.model_used),
    opt_text!("endpoint", what.endpoint),
    opt_text!("intent", what.intent),
    column!("stream", Truth, |c| opt(c.what.stream, Value::Truth), |c, v| {
        if let Value::Truth(b) = v {
            c.what.stream = Some(b);
            Some(())
        } else {
            None
        }
    }),
    opt_text!("prompt_name", what.prompt_name),
    opt_text!("prompt_version", what.prompt_version),
    opt_text!("tenant", who.tenant),
    opt_text!("key_id", who.key_id),
    opt_text!("user_key", who.user_key),
    opt_text!("session_key", who.session_key),
    column!("labels", Text, labels_as_json, |c, v| {
        c.who.labels = serde_json::from_str(&text_of(v)?).ok()?;
        Some(())
    }),
    time!("start_time", time.start),
    time!("received_time", time.received),
    opt_count!("latency_us", Micros, time.latency),
    opt_count!("ttft_us", Micros, time.ttft),
    word!("ttft_source", TtftSource, time.ttft_source),
    opt_count!("upstream_us", Micros, time.upstream),
    opt_count!("upstream_head_us", Micros, time.upstream_head),
    derived!("gateway_us", |c| opt(c.gateway_time(), |t| Value::Count(t.0))),
    bucket!("input_text", input, text),
    bucket!("input_audio", input, audio),
    bucket!("input_image", input, image),
    bucket!("cache_read", input, cache_read),
    bucket!("cache_write_5m", input, cache_write_5m),
    bucket!("cache_write_1h", input, cache_write_1h),
    bucket!("output_visible", output, visible),
    bucket!("output_audio", output, audio),
    bucket!("output_image", output, image),
    bucket!("reasoning", output, reasoning),
    bucket!("rejected_prediction", output, rejected),
    derived!("input_tokens", |c| opt(c.usage.input_total(), |t| Value::Count(t.0))),
    derived!("output_tokens", |c| opt(c.usage.output_total(), |t| Value::Count(t.0))),
    opt_count!("original_input_tokens", Tokens, control.original_input_tokens),
    word!("usage_source", UsageSource, usage.source),
    count!("usage_flags", usage.flags),
    count!("web_searches", usage.web_searches),
    count!("web_fetches", usage.web_fetches),
    count!("file_searches", usage.file_searches),
    count!("code_sessions", usage.code_sessions),
    opt_money!("cost_nanos", cost.nanos),
    word!("cost_source", CostSource, cost.source),
    word!("cost_unknown_reason", CostUnknown, cost.unknown_reason),
    count!("cost_flags", cost.flags),
    opt_text!("price_version", cost.price_version),
    opt_money!("reported_cost_nanos", cost.reported),
    opt_money!("avoided_cost_nanos", cost.avoided),
    opt_text!("service_tier", cost.service_tier),
    word!("status", Status, outcome.status),
    word!("error_class", ErrorClass, outcome.class),
    column!(
        "http_status",
        Count,
        |c| opt(c.outcome.http_status, |s| Value::Count(u64::from(s))),
        |c, v| {
            c.outcome.http_status = Some(count_of(v)?);
            Some(())
        }
    ),
    opt_text!("error_type", outcome.error_type),
    opt_text!("finish_reasons", outcome.finish_reason),
    count!("client_retry", outcome.client_retry),
    count!("attempts", outcome.attempts),
    word!("cache_outcome", CacheOutcome, control.cache),
    column!("similarity", Real, |c| opt(c.control.similarity, Value::Real), |c, v| {
        if let Value::Real(s) = v {
            c.control.similarity = Some(s);
            Some(())
        } else {
            None
        }
    }),
    count!("optimisations", control.applied),
    opt_text!("arm", control.arm),
    count!("control_generation", control.generation),
    column!(
        "attributes",
        Text,
        |c| opt(c.raw.as_deref(), |t| Value::Text(Cow::Borrowed(t))),
        |c, v| {
            if let Value::Text(t) = v {
                c.raw = Some(t.as_ref().into());
                Some(())
            } else {
                None
            }
        }
    ),
    opt_id!("merged_into", link.merged_into),
    opt_text!("fallback_reason", outcome.fallback_reason),
    column!("attempt_rows", Text, attempts_as_json, |c, v| {
        c.attempts = serde_json::from_str(&text_of(v)?).ok()?;
        Some(())
    }),
    opt_count!("cache_age_us", Micros, control.cache_age),
];

fn attempts_as_json(call: &Call) -> Value<'_> {
    if call.attempts.is_empty() {
        return Value::Null;
    }
    serde_json::to_string(&call.attempts).map_or(Value::Null, |t| Value::Text(Cow::Owned(t)))
}

fn labels_as_json(call: &Call) -> Value<'_> {
    if call.who.labels.is_empty() {
        return Value::Null;
    }
    serde_json::to_string(&call.who.labels).map_or(Value::Null, |t| Value::Text(Cow::Owned(t)))
}
