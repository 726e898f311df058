//! One row of a batch: a word of presence bits, then what is present.
//!
//! Reading and writing name the fields in the same order; a change of either is a new version.

use super::Dictionary;
use crate::bytes::{Damage, Take, put_bytes, put_i64, put_u64};
use flowgauge_logic::call::*;
use flowgauge_logic::id::{CallId, SpanId, TraceId};
use flowgauge_logic::unit::{Micros, NanoUsd, Tokens, UnixMicros};

struct Out<'o, 'd> {
    bits: u64,
    next: u32,
    body: Vec<u8>,
    dictionary: &'o mut Dictionary<'d>,
}

impl<'d> Out<'_, 'd> {
    fn flag(&mut self, on: bool) {
        self.bits |= u64::from(on) << self.next;
        self.next += 1;
    }

    fn text(&mut self, text: &'d str) {
        put_u64(&mut self.body, self.dictionary.index_of(text));
    }

    fn opt_text(&mut self, text: &'d Option<Text>) {
        self.flag(text.is_some());
        if let Some(text) = text {
            self.text(text);
        }
    }

    fn opt_u64(&mut self, value: Option<u64>) {
        self.flag(value.is_some());
        if let Some(v) = value {
            put_u64(&mut self.body, v);
        }
    }

    fn opt_i64(&mut self, value: Option<NanoUsd>) {
        self.flag(value.is_some());
        if let Some(v) = value {
            put_i64(&mut self.body, v.0);
        }
    }

    fn opt_bytes(&mut self, value: Option<&[u8]>) {
        self.flag(value.is_some());
        if let Some(v) = value {
            self.body.extend_from_slice(v);
        }
    }

    /// A number that is mostly zero.
    fn rare(&mut self, value: u64) {
        self.opt_u64((value > 0).then_some(value));
    }
}

/// Appends a row. `previous` is the start time of the row before.
pub(super) fn put<'d>(
    rows: &mut Vec<u8>,
    dictionary: &mut Dictionary<'d>,
    call: &'d Call,
    previous: i64,
) {
    let mut out = Out { bits: 0, next: 0, body: Vec::with_capacity(192), dictionary };
    out.body.extend_from_slice(&call.id.0);
    put_codes(&mut out, call);
    put_links(&mut out, call);
    put_times(&mut out, call, previous);
    put_usage(&mut out, call);
    put_ending(&mut out, call);
    put_u64(rows, out.bits);
    rows.extend_from_slice(&out.body);
}

fn put_codes(out: &mut Out<'_, '_>, call: &Call) {
    out.body.extend_from_slice(&[
        call.origin.source.code(),
        call.origin.door.code(),
        call.origin.dialect.code(),
        call.what.protocol.code(),
        call.time.ttft_source.code(),
        call.usage.source.code(),
        call.cost.source.code(),
        call.cost.unknown_reason.code(),
        call.outcome.status.code(),
        call.outcome.class.code(),
        call.control.cache.code(),
    ]);
}

fn put_links<'d>(out: &mut Out<'_, 'd>, call: &'d Call) {
    out.opt_bytes(call.link.trace_id.as_ref().map(|i| i.0.as_slice()));
    out.opt_bytes(call.link.span_id.as_ref().map(|i| i.0.as_slice()));
    out.opt_bytes(call.link.parent_span_id.as_ref().map(|i| i.0.as_slice()));
    out.opt_text(&call.link.response_id);
    out.opt_text(&call.link.upstream_request_id);
    out.opt_text(&call.link.conversation_id);
    out.opt_text(&call.link.previous_response_id);
    out.opt_text(&call.origin.scope);
    out.opt_text(&call.origin.service);
    out.opt_text(&call.origin.environment);
    out.opt_text(&call.origin.instance);
    out.opt_text(&call.origin.version);
    out.flag(call.what.leaf);
    out.text(&call.what.operation);
    out.opt_text(&call.what.provider);
    out.opt_text(&call.what.model_requested);
    out.opt_text(&call.what.model_used);
    out.opt_text(&call.what.endpoint);
    out.opt_text(&call.what.intent);
    out.flag(call.what.stream.is_some());
    out.flag(call.what.stream == Some(true));
    out.opt_text(&call.what.prompt_name);
    out.opt_text(&call.what.prompt_version);
    out.opt_text(&call.who.tenant);
    out.opt_text(&call.who.key_id);
    out.opt_text(&call.who.user_key);
    out.opt_text(&call.who.session_key);
    out.rare(call.who.labels.len() as u64);
    for (name, value) in &call.who.labels {
        out.text(name);
        out.text(value);
    }
}

fn put_times(out: &mut Out<'_, '_>, call: &Call, previous: i64) {
    let start = call.time.start.0;
    put_i64(&mut out.body, start.wrapping_sub(previous));
    put_i64(&mut out.body, call.time.received.0.wrapping_sub(start));
    out.opt_u64(call.time.latency.map(|t| t.0));
    out.opt_u64(call.time.ttft.map(|t| t.0));
    out.opt_u64(call.time.upstream.map(|t| t.0));
    out.opt_u64(call.time.upstream_head.map(|t| t.0));
}

fn put_usage(out: &mut Out<'_, '_>, call: &Call) {
    out.flag(call.usage.input.is_some());
    if let Some(i) = call.usage.input {
        for v in [i.text, i.audio, i.image, i.cache_read, i.cache_write_5m, i.cache_write_1h] {
            put_u64(&mut out.body, v);
        }
    }
    out.flag(call.usage.output.is_some());
    if let Some(o) = call.usage.output {
        for v in [o.visible, o.audio, o.image, o.reasoning, o.rejected] {
            put_u64(&mut out.body, v);
        }
    }
    out.rare(u64::from(call.usage.flags));
    out.rare(u64::from(call.usage.web_searches));
}

fn put_ending<'d>(out: &mut Out<'_, 'd>, call: &'d Call) {
    out.opt_i64(call.cost.nanos);
    out.rare(u64::from(call.cost.flags));
    out.opt_text(&call.cost.price_version);
    out.opt_i64(call.cost.reported);
    out.opt_i64(call.cost.avoided);
    out.opt_text(&call.cost.service_tier);
    out.opt_u64(call.outcome.http_status.map(u64::from));
    out.opt_text(&call.outcome.error_type);
    out.opt_text(&call.outcome.finish_reason);
    out.rare(u64::from(call.outcome.client_retry));
    out.rare(u64::from(call.outcome.attempts));
    out.flag(call.control.similarity.is_some());
    if let Some(s) = call.control.similarity {
        out.body.extend_from_slice(&s.to_le_bytes());
    }
    out.rare(u64::from(call.control.applied));
    out.opt_text(&call.control.arm);
    out.opt_u64(call.control.original_input_tokens.map(|t| t.0));
    out.rare(call.control.generation);
    out.flag(call.raw.is_some());
    if let Some(raw) = &call.raw {
        put_bytes(&mut out.body, raw.as_bytes());
    }
    put_later(out, call);
}

/// Fields that came later: rows without them have none of their bits.
fn put_later<'d>(out: &mut Out<'_, 'd>, call: &'d Call) {
    out.opt_bytes(call.link.merged_into.as_ref().map(|i| i.0.as_slice()));
    out.opt_text(&call.outcome.fallback_reason);
    // Few calls have several attempts, so that their form may be wordy.
    let attempts =
        if call.attempts.is_empty() { None } else { serde_json::to_vec(&call.attempts).ok() };
    out.flag(attempts.is_some());
    if let Some(json) = attempts {
        put_bytes(&mut out.body, &json);
    }
    // Presence has 64 bits and 55 were used: fields that are rare together share one.
    let uses = [call.usage.web_fetches, call.usage.file_searches, call.usage.code_sessions];
    out.flag(uses != [0; 3]);
    if uses != [0; 3] {
        uses.iter().for_each(|n| put_u64(&mut out.body, u64::from(*n)));
    }
    out.opt_u64(call.control.cache_age.map(|t| t.0));
}

struct In<'i, 'a> {
    bits: u64,
    take: &'i mut Take<'a>,
    texts: &'i [Text],
}

impl In<'_, '_> {
    fn flag(&mut self) -> bool {
        let on = self.bits & 1 == 1;
        self.bits >>= 1;
        on
    }

    fn text(&mut self) -> Result<Text, Damage> {
        let i: usize = self.take.narrow()?;
        self.texts.get(i).cloned().ok_or(Damage("names a text it does not have"))
    }

    fn opt_text(&mut self) -> Result<Option<Text>, Damage> {
        if self.flag() { self.text().map(Some) } else { Ok(None) }
    }

    fn opt_u64(&mut self) -> Result<Option<u64>, Damage> {
        if self.flag() { self.take.u64().map(Some) } else { Ok(None) }
    }

    fn opt_money(&mut self) -> Result<Option<NanoUsd>, Damage> {
        if self.flag() { Ok(Some(NanoUsd(self.take.i64()?))) } else { Ok(None) }
    }

    fn opt_array<const N: usize>(&mut self) -> Result<Option<[u8; N]>, Damage> {
        if self.flag() { self.take.array().map(Some) } else { Ok(None) }
    }

    fn rare<T: TryFrom<u64> + Default>(&mut self) -> Result<T, Damage> {
        if self.flag() { self.take.narrow() } else { Ok(T::default()) }
    }
}

fn known<T>(value: Option<T>) -> Result<T, Damage> {
    value.ok_or(Damage("holds a code this version does not know"))
}

/// Reads a row. `previous` is the start time of the row before.
pub(super) fn take(take: &mut Take<'_>, texts: &[Text], previous: i64) -> Result<Call, Damage> {
    let bits = take.u64()?;
    let id = CallId(take.array()?);
    let mut call = Call::begun(id, UnixMicros(0), UnixMicros(0), Door::Gateway);
    let mut from = In { bits, take, texts };
    take_codes(&mut from, &mut call)?;
    take_links(&mut from, &mut call)?;
    take_times(&mut from, &mut call, previous)?;
    take_usage(&mut from, &mut call)?;
    take_ending(&mut from, &mut call)?;
    Ok(call)
}

fn take_codes(from: &mut In<'_, '_>, call: &mut Call) -> Result<(), Damage> {
    call.origin.source = known(Source::from_code(from.take.byte()?))?;
    call.origin.door = known(Door::from_code(from.take.byte()?))?;
    call.origin.dialect = known(Dialect::from_code(from.take.byte()?))?;
    call.what.protocol = known(Protocol::from_code(from.take.byte()?))?;
    call.time.ttft_source = known(TtftSource::from_code(from.take.byte()?))?;
    call.usage.source = known(UsageSource::from_code(from.take.byte()?))?;
    call.cost.source = known(CostSource::from_code(from.take.byte()?))?;
    call.cost.unknown_reason = known(CostUnknown::from_code(from.take.byte()?))?;
    call.outcome.status = known(Status::from_code(from.take.byte()?))?;
    call.outcome.class = known(ErrorClass::from_code(from.take.byte()?))?;
    call.control.cache = known(CacheOutcome::from_code(from.take.byte()?))?;
    Ok(())
}

fn take_links(from: &mut In<'_, '_>, call: &mut Call) -> Result<(), Damage> {
    call.link.trace_id = from.opt_array()?.map(TraceId);
    call.link.span_id = from.opt_array()?.map(SpanId);
    call.link.parent_span_id = from.opt_array()?.map(SpanId);
    call.link.response_id = from.opt_text()?;
    call.link.upstream_request_id = from.opt_text()?;
    call.link.conversation_id = from.opt_text()?;
    call.link.previous_response_id = from.opt_text()?;
    call.origin.scope = from.opt_text()?;
    call.origin.service = from.opt_text()?;
    call.origin.environment = from.opt_text()?;
    call.origin.instance = from.opt_text()?;
    call.origin.version = from.opt_text()?;
    call.what.leaf = from.flag();
    call.what.operation = from.text()?;
    call.what.provider = from.opt_text()?;
    call.what.model_requested = from.opt_text()?;
    call.what.model_used = from.opt_text()?;
    call.what.endpoint = from.opt_text()?;
    call.what.intent = from.opt_text()?;
    let (has_stream, stream) = (from.flag(), from.flag());
    call.what.stream = has_stream.then_some(stream);
    call.what.prompt_name = from.opt_text()?;
    call.what.prompt_version = from.opt_text()?;
    call.who.tenant = from.opt_text()?;
    call.who.key_id = from.opt_text()?;
    call.who.user_key = from.opt_text()?;
    call.who.session_key = from.opt_text()?;
    let labels: usize = from.rare()?;
    if labels > from.take.left() {
        return Err(Damage("claims more labels than it has bytes"));
    }
    for _ in 0..labels {
        call.who.labels.push((from.text()?, from.text()?));
    }
    Ok(())
}

fn take_times(from: &mut In<'_, '_>, call: &mut Call, previous: i64) -> Result<(), Damage> {
    let start = previous.wrapping_add(from.take.i64()?);
    call.time.start = UnixMicros(start);
    call.time.received = UnixMicros(start.wrapping_add(from.take.i64()?));
    call.time.latency = from.opt_u64()?.map(Micros);
    call.time.ttft = from.opt_u64()?.map(Micros);
    call.time.upstream = from.opt_u64()?.map(Micros);
    call.time.upstream_head = from.opt_u64()?.map(Micros);
    Ok(())
}

fn take_usage(from: &mut In<'_, '_>, call: &mut Call) -> Result<(), Damage> {
    if from.flag() {
        call.usage.input = Some(InputTokens {
            text: from.take.u64()?,
            audio: from.take.u64()?,
            image: from.take.u64()?,
            cache_read: from.take.u64()?,
            cache_write_5m: from.take.u64()?,
            cache_write_1h: from.take.u64()?,
        });
    }
    if from.flag() {
        call.usage.output = Some(OutputTokens {
            visible: from.take.u64()?,
            audio: from.take.u64()?,
            image: from.take.u64()?,
            reasoning: from.take.u64()?,
            rejected: from.take.u64()?,
        });
    }
    call.usage.flags = from.rare()?;
    call.usage.web_searches = from.rare()?;
    Ok(())
}

fn take_ending(from: &mut In<'_, '_>, call: &mut Call) -> Result<(), Damage> {
    call.cost.nanos = from.opt_money()?;
    call.cost.flags = from.rare()?;
    call.cost.price_version = from.opt_text()?;
    call.cost.reported = from.opt_money()?;
    call.cost.avoided = from.opt_money()?;
    call.cost.service_tier = from.opt_text()?;
    call.outcome.http_status = if from.flag() { Some(from.take.narrow()?) } else { None };
    call.outcome.error_type = from.opt_text()?;
    call.outcome.finish_reason = from.opt_text()?;
    call.outcome.client_retry = from.rare()?;
    call.outcome.attempts = from.rare()?;
    call.control.similarity = from.opt_array()?.map(f32::from_le_bytes);
    call.control.applied = from.rare()?;
    call.control.arm = from.opt_text()?;
    call.control.original_input_tokens = from.opt_u64()?.map(Tokens);
    call.control.generation = from.rare()?;
    if from.flag() {
        call.raw = Some(from.take.text()?.into());
    }
    take_later(from, call)
}

fn take_later(from: &mut In<'_, '_>, call: &mut Call) -> Result<(), Damage> {
    call.link.merged_into = from.opt_array()?.map(CallId);
    call.outcome.fallback_reason = from.opt_text()?;
    if from.flag() {
        let json = from.take.text()?;
        call.attempts =
            serde_json::from_str(json).map_err(|_| Damage("has unreadable attempts"))?;
    }
    if from.flag() {
        call.usage.web_fetches = from.take.narrow()?;
        call.usage.file_searches = from.take.narrow()?;
        call.usage.code_sessions = from.take.narrow()?;
    }
    call.control.cache_age = from.opt_u64()?.map(Micros);
    Ok(())
}
