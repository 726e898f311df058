//! OpenAI chat completions, legacy completions and embeddings, streamed and whole.
//!
//! Owns the shape of a chunk and of its usage object, and the error object that all OpenAI families
//! share. Refuses to hold text: a delta lends its text to whoever counts tokens.

use super::buckets::Inclusive;
use super::json::{self, Count, Said, Word};
use super::{Seen, SeenError, keep};
use crate::price::decimal;
use crate::unit::{Micros, NanoUsd};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Chunk<'a> {
    id: Word,
    model: Word,
    service_tier: Word,
    #[serde(borrow)]
    choices: Option<Vec<Choice<'a>>>,
    usage: Option<RawUsage>,
    error: ErrorField,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Choice<'a> {
    #[serde(borrow)]
    delta: Option<Delta<'a>>,
    #[serde(borrow)]
    message: Option<Delta<'a>>,
    #[serde(borrow)]
    text: Said<'a>,
    finish_reason: Word,
}

/// A part of a message, or all of it.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Delta<'a> {
    #[serde(borrow)]
    content: Said<'a>,
    #[serde(borrow)]
    refusal: Said<'a>,
    #[serde(borrow)]
    reasoning: Said<'a>,
    #[serde(borrow)]
    reasoning_content: Said<'a>,
    #[serde(borrow)]
    tool_calls: Option<Vec<ToolCall<'a>>>,
    #[serde(borrow)]
    function_call: Option<Function<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ToolCall<'a> {
    #[serde(borrow)]
    function: Option<Function<'a>>,
    #[serde(borrow)]
    custom: Option<Custom<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Function<'a> {
    #[serde(borrow)]
    arguments: Said<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Custom<'a> {
    #[serde(borrow)]
    input: Said<'a>,
}

impl<'a> Choice<'a> {
    /// Whatever of it is content, in order, and whether it is said to the user.
    fn each(&self, say: &mut impl FnMut(&Said<'a>, bool)) {
        say(&self.text, true);
        for part in [&self.delta, &self.message].into_iter().flatten() {
            part.each(say);
        }
    }
}

impl<'a> Delta<'a> {
    fn each(&self, say: &mut impl FnMut(&Said<'a>, bool)) {
        // Some servers send the same reasoning under both names.
        let reasoning =
            if self.reasoning.filled { &self.reasoning } else { &self.reasoning_content };
        say(reasoning, false);
        for said in [&self.content, &self.refusal] {
            say(said, true);
        }
        for call in self.tool_calls.iter().flatten() {
            call.function.iter().for_each(|f| say(&f.arguments, false));
            call.custom.iter().for_each(|c| say(&c.input, false));
        }
        self.function_call.iter().for_each(|f| say(&f.arguments, false));
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
    let Some(chunk) = json::object::<Chunk<'_>>(data) else {
        seen.unreadable();
        return;
    };
    if take(seen, chunk, false) {
        seen.content(at);
    }
}

/// A whole answer.
pub(super) fn whole(seen: &mut Seen, body: &[u8], embeddings: bool) {
    let Some(chunk) = json::object::<Chunk<'_>>(body) else {
        seen.unreadable();
        return;
    };
    seen.out.complete = true;
    take(seen, chunk, embeddings);
}

/// Says whether there was content.
fn take(seen: &mut Seen, chunk: Chunk<'_>, embeddings: bool) -> bool {
    keep(&mut seen.out.response_id, chunk.id);
    keep(&mut seen.out.model, chunk.model);
    if chunk.service_tier.0.is_some() {
        // A later chunk names the tier that was really used.
        seen.out.service_tier = chunk.service_tier.0;
    }
    let mut content = false;
    for choice in chunk.choices.into_iter().flatten() {
        choice.each(&mut |said, aloud| {
            content |= said.filled;
            seen.keep(said, aloud);
        });
        seen.finish_reason(choice.finish_reason);
    }
    if let Some(usage) = chunk.usage {
        seen.state_usage(usage.chat().usage(embeddings));
        seen.out.reported_cost = usage.cost().or(seen.out.reported_cost);
    }
    if let Some(error) = chunk.error.0 {
        seen.out.error = Some(error);
    }
    content
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
