//! OpenAI chat completions, legacy completions and embeddings, streamed and whole.
//!
//! Owns the shape of a chunk and of its usage object, and the error object that all OpenAI families
//! share. Refuses to hold text: a delta is asked only whether it is empty.

use super::buckets::Inclusive;
use super::json::{self, Count, Filled, Word};
use super::{Seen, SeenError, keep};
use crate::price::decimal;
use crate::unit::{Micros, NanoUsd};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Chunk {
    id: Word,
    model: Word,
    service_tier: Word,
    choices: Option<Vec<Choice>>,
    usage: Option<RawUsage>,
    error: ErrorField,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Choice {
    delta: Option<Delta>,
    text: Filled,
    finish_reason: Word,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Delta {
    content: Filled,
    refusal: Filled,
    reasoning: Filled,
    reasoning_content: Filled,
    tool_calls: Option<Vec<ToolCall>>,
    function_call: Option<Function>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ToolCall {
    function: Option<Function>,
    custom: Option<Custom>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Function {
    arguments: Filled,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Custom {
    input: Filled,
}

impl Choice {
    fn has_content(&self) -> bool {
        self.text.0 || self.delta.as_ref().is_some_and(Delta::has_content)
    }
}

impl Delta {
    fn has_content(&self) -> bool {
        if self.content.0 || self.refusal.0 || self.reasoning.0 || self.reasoning_content.0 {
            return true;
        }
        let arguments = |f: &Option<Function>| f.as_ref().is_some_and(|f| f.arguments.0);
        let custom = |c: &Option<Custom>| c.as_ref().is_some_and(|c| c.input.0);
        let called = |t: &ToolCall| arguments(&t.function) || custom(&t.custom);
        arguments(&self.function_call) || self.tool_calls.iter().flatten().any(called)
    }
}

/// The usage object. Chat and Responses name the same things differently, and some proxies send
/// both sets of names in one object.
#[derive(Deserialize, Default, Debug)]
#[serde(default)]
pub(super) struct RawUsage {
    prompt_tokens: Count,
    input_tokens: Count,
    completion_tokens: Count,
    output_tokens: Count,
    total_tokens: Count,
    prompt_tokens_details: Option<InputDetails>,
    input_tokens_details: Option<InputDetails>,
    completion_tokens_details: Option<OutputDetails>,
    output_tokens_details: Option<OutputDetails>,
    /// Stated by some routers, in dollars.
    cost: Option<Box<RawValue>>,
}

#[derive(Deserialize, Default, Debug)]
#[serde(default)]
struct InputDetails {
    cached_tokens: Count,
    cache_write_tokens: Count,
    audio_tokens: Count,
    image_tokens: Count,
}

#[derive(Deserialize, Default, Debug)]
#[serde(default)]
struct OutputDetails {
    reasoning_tokens: Count,
    audio_tokens: Count,
    rejected_prediction_tokens: Count,
}

impl RawUsage {
    /// As statements of an inclusive family, chat's names first.
    pub(super) fn chat(&self) -> Inclusive {
        let input = self.prompt_tokens_details.as_ref().or(self.input_tokens_details.as_ref());
        let output =
            self.completion_tokens_details.as_ref().or(self.output_tokens_details.as_ref());
        let stated = Inclusive {
            input: self.prompt_tokens.or_before(self.input_tokens),
            output: self.completion_tokens.or_before(self.output_tokens),
            total: self.total_tokens,
            ..Inclusive::default()
        };
        detailed(stated, input, output)
    }

    /// As statements of an inclusive family, the names of Responses first.
    pub(super) fn responses(&self) -> Inclusive {
        let input = self.input_tokens_details.as_ref().or(self.prompt_tokens_details.as_ref());
        let output =
            self.output_tokens_details.as_ref().or(self.completion_tokens_details.as_ref());
        let stated = Inclusive {
            input: self.input_tokens.or_before(self.prompt_tokens),
            output: self.output_tokens.or_before(self.completion_tokens),
            total: self.total_tokens,
            ..Inclusive::default()
        };
        detailed(stated, input, output)
    }

    /// The cost a router states.
    pub(super) fn cost(&self) -> Option<NanoUsd> {
        decimal::nano_usd(self.cost.as_ref()?.get())
    }
}

fn detailed(
    mut stated: Inclusive,
    input: Option<&InputDetails>,
    output: Option<&OutputDetails>,
) -> Inclusive {
    if let Some(details) = input {
        stated.cache_read = details.cached_tokens;
        stated.cache_write = details.cache_write_tokens;
        stated.input_audio = details.audio_tokens;
        stated.input_image = details.image_tokens;
    }
    if let Some(details) = output {
        stated.reasoning = details.reasoning_tokens;
        stated.output_audio = details.audio_tokens;
        stated.rejected = details.rejected_prediction_tokens;
    }
    stated
}

/// One `data:` payload of a stream.
pub(super) fn event(seen: &mut Seen, data: &[u8], at: Micros) {
    if data.starts_with(b"[DONE]") {
        seen.out.complete = true;
        return;
    }
    let Some(chunk) = json::object::<Chunk>(data) else {
        seen.unreadable();
        return;
    };
    if chunk.choices.iter().flatten().any(Choice::has_content) {
        seen.content(at);
    }
    take(seen, chunk, false);
}

/// A whole answer.
pub(super) fn whole(seen: &mut Seen, body: &[u8], embeddings: bool) {
    let Some(chunk) = json::object::<Chunk>(body) else {
        seen.unreadable();
        return;
    };
    seen.out.complete = true;
    take(seen, chunk, embeddings);
}

fn take(seen: &mut Seen, chunk: Chunk, embeddings: bool) {
    keep(&mut seen.out.response_id, chunk.id);
    keep(&mut seen.out.model, chunk.model);
    if chunk.service_tier.0.is_some() {
        // A later chunk names the tier that was really used.
        seen.out.service_tier = chunk.service_tier.0;
    }
    for choice in chunk.choices.into_iter().flatten() {
        seen.finish_reason(choice.finish_reason);
    }
    if let Some(usage) = chunk.usage {
        seen.state_usage(usage.chat().usage(embeddings));
        seen.out.reported_cost = usage.cost().or(seen.out.reported_cost);
    }
    if let Some(error) = chunk.error.0 {
        seen.out.error = Some(error);
    }
}

/// An `error` member: an object in most families, a bare message in some applications.
#[derive(Default, Debug)]
pub(super) struct ErrorField(pub Option<SeenError>);

impl<'de> Deserialize<'de> for ErrorField {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(ErrorVisitor)
    }
}

struct ErrorVisitor;

impl<'de> Visitor<'de> for ErrorVisitor {
    type Value = ErrorField;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an error object or message")
    }
    fn visit_unit<E>(self) -> Result<ErrorField, E> {
        Ok(ErrorField(None))
    }
    fn visit_bool<E>(self, failed: bool) -> Result<ErrorField, E> {
        Ok(ErrorField(failed.then(SeenError::default)))
    }
    fn visit_str<E>(self, message: &str) -> Result<ErrorField, E> {
        Ok(ErrorField((!message.is_empty()).then(SeenError::default)))
    }
    fn visit_u64<E>(self, code: u64) -> Result<ErrorField, E> {
        let code = Some(compact_str::format_compact!("{code}"));
        Ok(ErrorField(Some(SeenError { kind: None, code })))
    }
    fn visit_i64<E>(self, _: i64) -> Result<ErrorField, E> {
        Ok(ErrorField(Some(SeenError::default())))
    }
    fn visit_f64<E>(self, _: f64) -> Result<ErrorField, E> {
        Ok(ErrorField(Some(SeenError::default())))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<ErrorField, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(ErrorField(Some(SeenError::default())))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ErrorField, A::Error> {
        let mut error = SeenError::default();
        while let Some(key) = map.next_key::<std::borrow::Cow<'_, str>>()? {
            match key.as_ref() {
                "type" => error.kind = map.next_value::<Word>()?.0,
                "code" => error.code = map.next_value::<Word>()?.0,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(ErrorField(Some(error)))
    }
}
