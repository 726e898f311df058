//! How a span ended, from its status, error type and HTTP status.

use super::builder::Builder;
use super::table::Meaning;
use crate::call::{ErrorClass, Outcome, Status, Text};

/// Words inside error types, lower case, and the class they stand for; the first match wins.
const WORDS: &[(&str, ErrorClass)] = &[
    ("timeout", ErrorClass::Timeout),
    ("timed_out", ErrorClass::Timeout),
    ("deadline", ErrorClass::Timeout),
    ("ratelimit", ErrorClass::Upstream429),
    ("rate_limit", ErrorClass::Upstream429),
    ("resource_exhausted", ErrorClass::Upstream429),
    ("connection", ErrorClass::Unreachable),
    ("connecterror", ErrorClass::Unreachable),
    ("internalserver", ErrorClass::Upstream5xx),
    ("server_error", ErrorClass::Upstream5xx),
    ("overloaded", ErrorClass::Upstream5xx),
    ("badrequest", ErrorClass::Client4xx),
    ("invalid_request", ErrorClass::Client4xx),
    ("authentication", ErrorClass::Client4xx),
    ("permission", ErrorClass::Client4xx),
    ("notfound", ErrorClass::Client4xx),
    ("unprocessable", ErrorClass::Client4xx),
];

/// Words for a caller that left.
const CANCELLED: &[&str] = &["cancelled", "canceled", "cancellederror", "aborterror"];

/// The outcome of a span.
pub(super) fn outcome(b: &Builder<'_>) -> Outcome {
    let error_type = b.name(Meaning::ErrorType);
    let http_status = b.get(Meaning::HttpStatus).and_then(|s| s.value.tokens(s.key).ok().flatten());
    let http_status = http_status.and_then(|s| u16::try_from(s).ok());
    let finish_reason = b.str(Meaning::Finish).and_then(finish);
    let mut out = Outcome { http_status, finish_reason, attempts: 1, ..Outcome::default() };
    let named = b.get(Meaning::ErrorType).is_some_and(|s| s.key == "error.type");
    if !b.core.failed && !named {
        return out;
    }
    classify(&mut out, error_type.as_deref());
    out.error_type = error_type;
    out
}

/// Fills status and class of a failure from its type and HTTP status.
pub(crate) fn classify(out: &mut Outcome, error_type: Option<&str>) {
    let lower = error_type.unwrap_or_default().to_ascii_lowercase();
    if CANCELLED.iter().any(|w| lower.ends_with(w)) {
        out.status = Status::Cancelled;
        return;
    }
    out.status = Status::Error;
    if let Ok(code) = lower.parse::<u16>() {
        out.http_status = out.http_status.or(Some(code));
    }
    out.class = out.http_status.map_or(ErrorClass::None, ErrorClass::of_status);
    if out.class == ErrorClass::None {
        let word = WORDS.iter().find(|(w, _)| lower.contains(w));
        out.class = word.map_or(ErrorClass::Reported, |(_, class)| *class);
    }
}

/// One reason, or several joined by a comma; also from a JSON array or a quoted JSON text.
fn finish(text: &str) -> Option<Text> {
    if text.starts_with('"') {
        return super::value::name(&serde_json::from_str::<String>(text).ok()?);
    }
    if !text.starts_with('[') {
        return super::value::name(text);
    }
    let reasons: Vec<String> = serde_json::from_str(text).ok()?;
    super::value::name(&reasons.join(","))
}
