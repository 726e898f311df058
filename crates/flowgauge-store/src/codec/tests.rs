//! Batches survive, and damage is refused.

use super::*;
use flowgauge_logic::call::*;
use flowgauge_logic::id::{CallId, SpanId, TraceId};
use flowgauge_logic::unit::{Micros, NanoUsd, Tokens, UnixMicros};
use proptest::prelude::*;

fn text() -> impl Strategy<Value = Option<Text>> {
    prop::option::of("[a-zé/ -]{0,40}".prop_map(Text::from))
}

fn one<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    prop::sample::select(all)
}

prop_compose! {
    fn shape()(
        codes in (one(Source::ALL), one(Door::ALL), one(Dialect::ALL), one(Protocol::ALL),
            one(TtftSource::ALL), one(UsageSource::ALL), one(CostSource::ALL)),
        codes2 in (one(CostUnknown::ALL), one(Status::ALL), one(ErrorClass::ALL),
            one(CacheOutcome::ALL)),
        ids in (any::<[u8; 16]>(), any::<Option<[u8; 16]>>(), any::<Option<[u8; 8]>>(),
            any::<Option<[u8; 8]>>()),
        start in any::<i64>(), received in any::<i64>(),
        leaf in any::<bool>(), stream in any::<Option<bool>>(),
    ) -> Call {
        let mut c = Call::begun(CallId(ids.0), UnixMicros(start), UnixMicros(received), codes.1);
        c.link.trace_id = ids.1.map(TraceId);
        c.link.span_id = ids.2.map(SpanId);
        c.link.parent_span_id = ids.3.map(SpanId);
        c.origin.source = codes.0;
        c.origin.dialect = codes.2;
        c.what.protocol = codes.3;
        c.time.ttft_source = codes.4;
        c.usage.source = codes.5;
        c.cost.source = codes.6;
        c.cost.unknown_reason = codes2.0;
        c.outcome.status = codes2.1;
        c.outcome.class = codes2.2;
        c.control.cache = codes2.3;
        c.what.leaf = leaf;
        c.what.stream = stream;
        c
    }
}

prop_compose! {
    fn attempt()(
        number in any::<u16>(), reason in one(AttemptReason::ALL), model in text(),
        input in any::<Option<u64>>(), cost in any::<Option<i64>>(), status in one(Status::ALL),
    ) -> Attempt {
        let input = input.map(|text| InputTokens { text, ..InputTokens::default() });
        Attempt {
            number,
            reason,
            model,
            usage: Usage { input, ..Usage::default() },
            cost: Cost { nanos: cost.map(NanoUsd), ..Cost::default() },
            status,
            ..Attempt::default()
        }
    }
}

prop_compose! {
    pub(crate) fn any_call()(
        later in (any::<Option<[u8; 16]>>(), text(), prop::collection::vec(attempt(), 0..3)),
        mut c in shape(),
        mut texts in prop::collection::vec(text(), 26),
        times in any::<[Option<u64>; 4]>(),
        input in any::<Option<[u64; 6]>>(), output in any::<Option<[u64; 5]>>(),
        money in any::<[Option<i64>; 3]>(),
        small in any::<(u8, u32, u8, Option<u16>, u16, u16, u8)>(),
        rest in (prop::option::of(-1f32..1f32), any::<Option<u64>>(), any::<u64>()),
        labels in prop::collection::vec(("[a-z]{0,5}", "[a-z]{0,5}"), 0..3),
        raw in prop::option::of("[{}\":a-z]{0,80}"),
    ) -> Call {
        let mut next = || texts.pop().flatten();
        c.link.response_id = next();
        c.link.upstream_request_id = next();
        c.link.conversation_id = next();
        c.link.previous_response_id = next();
        c.origin.scope = next();
        c.origin.service = next();
        c.origin.environment = next();
        c.origin.instance = next();
        c.origin.version = next();
        c.what.operation = next().unwrap_or_default();
        c.what.provider = next();
        c.what.model_requested = next();
        c.what.model_used = next();
        c.what.endpoint = next();
        c.what.intent = next();
        c.what.prompt_name = next();
        c.what.prompt_version = next();
        c.who.tenant = next();
        c.who.key_id = next();
        c.who.user_key = next();
        c.who.session_key = next();
        c.cost.price_version = next();
        c.cost.service_tier = next();
        c.outcome.error_type = next();
        c.outcome.finish_reason = next();
        c.control.arm = next();
        c.who.labels = labels.into_iter().map(|(k, v)| (k.into(), v.into())).collect();
        [c.time.latency, c.time.ttft, c.time.upstream, c.time.upstream_head] =
            times.map(|t| t.map(Micros));
        c.usage.input = input.map(|[text, audio, image, cache_read, cache_write_5m, cache_write_1h]|
            InputTokens { text, audio, image, cache_read, cache_write_5m, cache_write_1h });
        c.usage.output = output.map(|[visible, audio, image, reasoning, rejected]|
            OutputTokens { visible, audio, image, reasoning, rejected });
        [c.cost.nanos, c.cost.reported, c.cost.avoided] = money.map(|m| m.map(NanoUsd));
        (c.usage.flags, c.usage.web_searches, c.cost.flags) = (small.0, small.1, small.2);
        (c.usage.web_fetches, c.usage.code_sessions) = (small.1 / 2, small.1 / 3);
        (c.outcome.http_status, c.outcome.client_retry) = (small.3, small.4);
        (c.outcome.attempts, c.control.applied) = (small.5, small.6);
        c.control.similarity = rest.0;
        c.control.original_input_tokens = rest.1.map(Tokens);
        c.control.generation = rest.2;
        c.control.cache_age = rest.1.map(|n| Micros(n / 7));
        c.raw = raw.map(Into::into);
        c.link.merged_into = later.0.map(CallId);
        c.outcome.fallback_reason = later.1;
        c.attempts = later.2;
        c
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_batch_survives(calls in prop::collection::vec(any_call(), 0..12)) {
        let blob = encode(&calls.iter().collect::<Vec<_>>()).unwrap();
        prop_assert_eq!(decode(&blob, checksum(&blob)), Ok(calls));
    }

    #[test]
    fn columns_hold_every_field(calls in prop::collection::vec(any_call(), 1..12)) {
        let batch = crate::columns::batch_of(&calls).unwrap();
        prop_assert_eq!(crate::columns::calls_of(&batch), Ok(calls));
    }

    #[test]
    fn a_flipped_bit_is_refused(
        calls in prop::collection::vec(any_call(), 1..5), at in any::<prop::sample::Index>(), bit in 0u8..8
    ) {
        let mut blob = encode(&calls.iter().collect::<Vec<_>>()).unwrap();
        let crc = checksum(&blob);
        let i = at.index(blob.len());
        blob[i] ^= 1 << bit;
        prop_assert!(decode(&blob, crc).is_err());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        drop(decode(&bytes, checksum(&bytes)));
        drop(rows_of(&bytes));
    }

    #[test]
    fn a_damaged_body_with_a_right_checksum_is_read_or_refused(
        calls in prop::collection::vec(any_call(), 1..5), at in any::<prop::sample::Index>(), with in any::<u8>(),
        keep in any::<prop::sample::Index>(),
    ) {
        let blob = encode(&calls.iter().collect::<Vec<_>>()).unwrap();
        let mut raw = zstd::stream::decode_all(&blob[1..]).unwrap();
        let cut = rows_of(&raw[..keep.index(raw.len())]);
        prop_assert!(cut.is_err(), "a shortened body was read");
        let i = at.index(raw.len());
        raw[i] = with;
        drop(rows_of(&raw));
    }
}
