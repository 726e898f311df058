//! One line becomes one call, or a reason why not.

use super::field::Field;
use super::time;
use crate::logic::call::{
    Call, Door, ErrorClass, InputTokens, OutputTokens, Source, Status, Text, TtftSource, Usage,
    UsageSource,
};
use crate::logic::id::CallId;
use crate::logic::unit::{Micros, NanoUsd, UnixMicros};
use crate::receive::UserHasher;

/// Longest name, bytes.
const MAX_NAME: usize = 256;
/// Longest believable latency: a year, in microseconds.
const MAX_LATENCY_US: f64 = 365.0 * 86_400.0 * 1e6;
/// Most tokens of one call: beyond 2^53 JSON cannot count.
const MAX_TOKENS: u64 = 1 << 53;

/// Builds the call of one line; `random` is the id's lower part. Without a hasher users and sessions keep their names,
/// for a server that has the key.
pub(super) fn call(
    cells: &[(Field, &str)],
    received: UnixMicros,
    random: [u8; 10],
    hasher: Option<&UserHasher>,
) -> Result<Call, String> {
    let start = cells.iter().find(|(f, _)| *f == Field::Start);
    let (_, start) = start.ok_or("no start time")?;
    let start = time::parse(start).ok_or_else(|| "start time is not a time".to_owned())?;
    let mut call = Call::begun(CallId::new(start, random), start, received, Door::Import);
    call.origin.source = Source::Import;
    call.what.leaf = true;
    call.what.operation = Text::const_new("chat");
    call.outcome.attempts = 1;
    let mut tokens = Tokens::default();
    for (field, text) in cells {
        let text = text.trim();
        if !text.is_empty() {
            set(&mut call, &mut tokens, *field, text, hasher)?;
        }
    }
    usage(&mut call, &tokens)?;
    if call.outcome.error_type.is_some() && call.outcome.status == Status::Ok {
        call.outcome.status = Status::Error;
    }
    failure(&mut call);
    Ok(call)
}

#[derive(Debug, Default)]
struct Tokens {
    input: Option<u64>,
    output: Option<u64>,
    read: Option<u64>,
    write: Option<u64>,
    reasoning: Option<u64>,
}

fn set(
    call: &mut Call,
    tokens: &mut Tokens,
    field: Field,
    text: &str,
    hasher: Option<&UserHasher>,
) -> Result<(), String> {
    match field {
        Field::Start | Field::Ignore => {}
        Field::LatencyUs => call.time.latency = Some(duration(text, 1.0)?),
        Field::LatencyMs => call.time.latency = Some(duration(text, 1e3)?),
        Field::LatencyS => call.time.latency = Some(duration(text, 1e6)?),
        Field::TtftUs => ttft(call, duration(text, 1.0)?),
        Field::TtftMs => ttft(call, duration(text, 1e3)?),
        Field::TtftS => ttft(call, duration(text, 1e6)?),
        Field::Model => call.what.model_used = Some(name(text)?),
        Field::ModelRequested => call.what.model_requested = Some(name(text)?),
        Field::Provider => call.what.provider = Some(name(&text.to_ascii_lowercase())?),
        Field::Endpoint => call.what.endpoint = Some(name(text)?),
        Field::Intent => call.what.intent = Some(name(text)?),
        Field::Service => call.origin.service = Some(name(text)?),
        Field::Environment => call.origin.environment = Some(name(text)?),
        Field::Version => call.origin.version = Some(name(text)?),
        Field::Tenant => call.who.tenant = Some(name(text)?),
        Field::InputTokens => tokens.input = Some(count(text)?),
        Field::OutputTokens => tokens.output = Some(count(text)?),
        Field::CacheRead => tokens.read = Some(count(text)?),
        Field::CacheWrite => tokens.write = Some(count(text)?),
        Field::Reasoning => tokens.reasoning = Some(count(text)?),
        Field::CostUsd => call.cost.reported = Some(cost(text)?),
        Field::Status => status(call, text)?,
        Field::HttpStatus => {
            let code = text.parse().ok().filter(|c| (100..600).contains(c));
            call.outcome.http_status = Some(code.ok_or("http_status is not an HTTP status")?);
        }
        Field::ErrorType => call.outcome.error_type = Some(name(text)?),
        Field::FinishReason => call.outcome.finish_reason = Some(name(text)?),
        Field::User => call.who.user_key = Some(person(text, hasher)?),
        Field::Session => call.who.session_key = Some(person(text, hasher)?),
        Field::TraceId => call.link.trace_id = Some(text.parse().map_err(|_| "bad trace_id")?),
        Field::SpanId => call.link.span_id = Some(text.parse().map_err(|_| "bad span_id")?),
        Field::ResponseId => call.link.response_id = Some(name(text)?),
        Field::Conversation => call.link.conversation_id = Some(name(text)?),
        Field::Stream => call.what.stream = Some(truth(text)?),
        Field::Operation => call.what.operation = name(text)?,
    }
    Ok(())
}

fn ttft(call: &mut Call, ttft: Micros) {
    call.time.ttft = Some(ttft);
    call.time.ttft_source = TtftSource::Attribute;
    call.what.stream = call.what.stream.or(Some(true));
}

/// A status word of flowgauge, a word everybody knows, or an HTTP status.
fn status(call: &mut Call, text: &str) -> Result<(), String> {
    let word = text.to_ascii_lowercase();
    if let Ok(code) = word.parse::<u16>() {
        if !(100..600).contains(&code) {
            return Err("status is neither a word nor an HTTP status".to_owned());
        }
        call.outcome.http_status = Some(code);
        return Ok(());
    }
    call.outcome.status = match word.as_str() {
        "success" | "succeeded" | "true" => Status::Ok,
        "failed" | "failure" | "false" => Status::Error,
        other => Status::from_word(other).ok_or("status is not a known word")?,
    };
    Ok(())
}

/// An HTTP status beyond 399 is a failure; a failure gets the class its status names.
fn failure(call: &mut Call) {
    let outcome = &mut call.outcome;
    let class = outcome.http_status.map_or(ErrorClass::None, ErrorClass::of_status);
    if class != ErrorClass::None && outcome.status == Status::Ok {
        outcome.status = Status::Error;
    }
    if outcome.status == Status::Error {
        outcome.class = if class == ErrorClass::None { ErrorClass::Reported } else { class };
    }
}

/// Totals include their parts, as every export states them.
fn usage(call: &mut Call, tokens: &Tokens) -> Result<(), String> {
    // A part the file does not state is no part of its total.
    let (read, write) = (tokens.read.unwrap_or_default(), tokens.write.unwrap_or_default());
    let reasoning = tokens.reasoning.unwrap_or_default();
    if tokens.input.is_none() && tokens.output.is_none() {
        return Ok(());
    }
    call.usage = Usage { source: UsageSource::Provider, ..Usage::default() };
    if let Some(total) = tokens.input {
        let text = total.checked_sub(read.saturating_add(write));
        call.usage.input = Some(InputTokens {
            text: text.ok_or("cache tokens exceed input_tokens")?,
            cache_read: read,
            cache_write_5m: write,
            ..InputTokens::default()
        });
    }
    if let Some(total) = tokens.output {
        let visible = total.checked_sub(reasoning).ok_or("reasoning exceeds output_tokens")?;
        call.usage.output = Some(OutputTokens { visible, reasoning, ..OutputTokens::default() });
    }
    Ok(())
}

fn duration(text: &str, us: f64) -> Result<Micros, String> {
    let number: f64 = text.parse().map_err(|_| "a duration is not a number")?;
    let number = number * us;
    if !(0.0..=MAX_LATENCY_US).contains(&number) {
        return Err("a duration is negative or out of range".to_owned());
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
    Ok(Micros(number.round() as u64))
}

fn count(text: &str) -> Result<u64, String> {
    let whole = text.strip_suffix(".0").unwrap_or(text);
    let count = whole.parse::<u64>().ok().filter(|n| *n <= MAX_TOKENS);
    count.ok_or_else(|| "a token count is not a whole number of 0 or more".to_owned())
}

fn cost(text: &str) -> Result<NanoUsd, String> {
    let text = text.strip_prefix('$').unwrap_or(text);
    let usd: f64 = text.parse().map_err(|_| "cost_usd is not a number")?;
    if !(0.0..9e9).contains(&usd) {
        return Err("cost_usd is negative or out of range".to_owned());
    }
    #[expect(clippy::cast_possible_truncation, reason = "checked")]
    Ok(NanoUsd((usd * 1e9).round() as i64))
}

fn truth(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" => Ok(true),
        "false" | "0" | "no" => Ok(false),
        _ => Err("stream is neither true nor false".to_owned()),
    }
}

fn person(text: &str, hasher: Option<&UserHasher>) -> Result<Text, String> {
    hasher.map_or_else(|| name(text), |hasher| Ok(hasher.hash(text)))
}

fn name(text: &str) -> Result<Text, String> {
    if text.len() > MAX_NAME {
        return Err(format!("a name is longer than {MAX_NAME} bytes"));
    }
    Ok(Text::from(text))
}
