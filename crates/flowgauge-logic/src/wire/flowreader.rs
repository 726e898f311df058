//! The event dialect of the FlowReader application's own routes.
//!
//! Owns its events and the three shapes of its usage. Refuses to split a total into input and
//! output: the application guesses such splits, and a guess is not a measurement.

use super::json::{self, Count, Filled, Said, Word};
use super::openai::ErrorField;
use super::{Seen, SeenError};
use crate::price::decimal;
use crate::unit::Micros;
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawUsage<'a> {
    prompt_tokens: Count,
    completion_tokens: Count,
    total_tokens: Count,
    tokens_used: Count,
    tokens: Count,
    #[serde(borrow)]
    cost_usd: Option<&'a RawValue>,
    #[serde(borrow)]
    cost: Option<&'a RawValue>,
    model_used: Word,
    cached: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Token {
    #[serde(alias = "content", alias = "text")]
    token: Filled,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Failure {
    error: ErrorField,
    code: Word,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Done {
    cached: Option<bool>,
}

/// One event of a stream.
pub(super) fn event(seen: &mut Seen, name: &[u8], data: &[u8], at: Micros) {
    match name {
        b"token" | b"content" if has_text(data) => {
            seen.content(at);
            if seen.keeps_text {
                seen.say(&said(data));
            }
        }
        // A cached enhancement has no tokens: the enhancement is the first thing shown.
        b"enhancement" if !data.is_empty() => seen.content(at),
        b"usage" => usage(seen, data),
        b"done" => {
            seen.out.complete = true;
            let done = json::object::<Done>(data).unwrap_or_default();
            seen.out.cached |= done.cached == Some(true);
        }
        b"error" => seen.out.error = Some(error(data)),
        _ => {}
    }
}

/// A whole answer: an error before the stream began, or an answer with a usage object.
pub(super) fn whole(seen: &mut Seen, body: &[u8]) {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Answer<'a> {
        #[serde(borrow)]
        usage: Option<&'a RawValue>,
        error: ErrorField,
    }
    let Some(answer) = json::object::<Answer<'_>>(body) else {
        seen.unreadable();
        return;
    };
    seen.out.complete = true;
    seen.out.error = answer.error.0;
    if let Some(stated) = answer.usage {
        usage(seen, stated.get().as_bytes());
    }
}

/// The application builds `{"token":"…"}` without escaping, so a quote in the text breaks the JSON.
/// Broken JSON holds text for certain: an empty or whole token would parse.
fn has_text(data: &[u8]) -> bool {
    match json::object::<Token>(data) {
        Some(token) => token.token.0,
        None => !data.is_empty(),
    }
}

/// The text of a token; where a quote in it broke the JSON, what stands between the outer quotes.
fn said(data: &[u8]) -> Said<'_> {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Spoken<'a> {
        #[serde(borrow, alias = "content", alias = "text")]
        token: Said<'a>,
    }
    if let Some(spoken) = json::object::<Spoken<'_>>(data) {
        return spoken.token;
    }
    let text = std::str::from_utf8(data).unwrap_or_default().trim();
    let inner = text.split_once(':').map(|(_, rest)| rest.trim_start());
    let inner = inner.and_then(|rest| rest.strip_prefix('"')?.strip_suffix("\"}"));
    Said { text: inner.unwrap_or_default().into(), filled: true }
}

fn error(data: &[u8]) -> SeenError {
    let failure = json::object::<Failure>(data).unwrap_or_default();
    let mut error = failure.error.0.unwrap_or_default();
    error.code = error.code.or(failure.code.0);
    error
}

fn usage(seen: &mut Seen, data: &[u8]) {
    let Some(raw) = json::object::<RawUsage<'_>>(data) else {
        seen.unreadable();
        return;
    };
    let stated = super::buckets::Inclusive {
        input: raw.prompt_tokens,
        output: raw.completion_tokens,
        total: raw.total_tokens,
        ..Default::default()
    };
    seen.state_usage(stated.usage(false));
    let alone = raw.tokens_used.or_before(raw.tokens).or_before(raw.total_tokens);
    match (seen.out.usage.total(), alone) {
        (None, Count::Value(total)) => seen.out.unsplit_tokens = Some(total),
        (None, Count::Rejected) => seen.unreadable(),
        _ => {}
    }
    let cost = raw.cost_usd.or(raw.cost);
    seen.out.reported_cost = cost.and_then(|c| decimal::nano_usd(c.get()));
    if raw.model_used.0.is_some() {
        seen.out.model = raw.model_used.0;
    }
    seen.out.cached |= raw.cached == Some(true);
}
