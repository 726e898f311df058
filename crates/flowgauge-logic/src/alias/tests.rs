//! Spans of every dialect become the same call.

use super::*;
use crate::call::{Call, Dialect, Door, ErrorClass, Status, TtftSource, Usage};
use crate::id::{CallId, SpanId, TraceId};
use crate::unit::{Micros, UnixMicros};
use proptest::prelude::*;

const NOW: UnixMicros = UnixMicros(1_763_000_000_000_000);
const START_NS: u64 = 1_762_999_000_000_000_000;

fn core() -> SpanCore<'static> {
    SpanCore {
        name: "chat m",
        trace_id: Some(TraceId([1; 16])),
        span_id: Some(SpanId([2; 8])),
        parent_span_id: None,
        start_ns: START_NS,
        end_ns: START_NS + 12_000_000_000,
        failed: false,
    }
}

fn build(
    core: SpanCore<'static>,
    scope: &str,
    attributes: &[(&str, Value<'static>)],
    events: &[(&str, u64)],
) -> Result<Call, Rejected> {
    let hash = |s: &str| crate::call::Text::from(format!("h{}", s.len()));
    let rules = Rules { hash: &hash, store_content: false, metrics_only: false };
    let (resource, scope) = (Resource::default(), Scope::new(scope, ""));
    let mut b = Builder::new(core, &resource, &scope, &rules);
    for (key, value) in attributes {
        b.attr(key, value.clone());
    }
    for (name, time) in events {
        b.event(name, *time);
    }
    b.finish(NOW, Door::OtlpHttp, CallId([0; 16]))
}

fn chat(more: &[(&str, Value<'static>)]) -> Call {
    let mut all = vec![("gen_ai.operation.name", Value::Str("chat"))];
    all.extend(more.iter().cloned());
    build(core(), "", &all, &[]).expect("valid")
}

#[test]
fn one_call_in_five_dialects_is_one_row() {
    use Value::{Int, Str};
    let sem = |read: &'static str, write: &'static str| {
        vec![
            ("gen_ai.operation.name", Str("chat")),
            ("gen_ai.provider.name", Str("anthropic")),
            ("gen_ai.request.model", Str("m")),
            ("gen_ai.response.model", Str("m")),
            ("gen_ai.usage.input_tokens", Int(130_213)),
            ("gen_ai.usage.output_tokens", Int(550)),
            (read, Int(128_955)),
            (write, Int(1_253)),
        ]
    };
    let read = "gen_ai.usage.cache_read.input_tokens";
    let spans = [
        (Dialect::SemconvG2, sem(read, "gen_ai.usage.cache_creation.input_tokens")),
        (Dialect::SemconvG3, sem(read, "gen_ai.usage.cache_write.input_tokens")),
        (
            Dialect::OpenLlmetry,
            sem("gen_ai.usage.cache_read_input_tokens", "gen_ai.usage.cache_creation_input_tokens"),
        ),
        (
            Dialect::PydanticAi,
            sem("gen_ai.usage.details.cache_read_tokens", "gen_ai.usage.cache_write_tokens"),
        ),
        (
            Dialect::OpenInference,
            vec![
                ("openinference.span.kind", Str("LLM")),
                ("llm.system", Str("anthropic")),
                ("llm.invocation_parameters", Str(r#"{"model":"m"}"#)),
                ("llm.model_name", Str("m")),
                ("llm.token_count.prompt", Int(130_213)),
                ("llm.token_count.completion", Int(550)),
                ("llm.token_count.total", Int(130_763)),
                ("llm.token_count.prompt_details.cache_read", Int(128_955)),
                ("llm.token_count.prompt_details.cache_write", Int(1_253)),
            ],
        ),
    ];
    let mut rows = Vec::new();
    for (dialect, attributes) in spans {
        let mut call = build(core(), "", &attributes, &[]).expect("valid");
        assert_eq!(call.origin.dialect, dialect);
        call.origin.dialect = Dialect::Native;
        call.raw = None;
        rows.push(call);
    }
    let input = rows[0].usage.input.expect("input");
    assert_eq!((input.text, input.cache_read, input.cache_write_5m), (5, 128_955, 1_253));
    assert_eq!(input.total().0, 130_213);
    assert!(rows.iter().all(|r| r == &rows[0] && r.what.leaf));
}

#[test]
fn reasoning_is_a_part_of_the_output() {
    let call = chat(&[
        ("gen_ai.usage.output_tokens", Value::Int(1_970)),
        ("gen_ai.usage.reasoning_tokens", Value::Int(956)),
    ]);
    let output = call.usage.output.expect("output");
    assert_eq!((output.visible, output.reasoning, output.total().0), (1_014, 956, 1_970));
    assert_eq!(call.usage.flags, 0);
    assert_eq!(call.usage.input, None);
}

#[test]
fn usage_of_an_agent_span_is_shown_but_is_no_leaf() {
    for (key, word) in [
        ("gen_ai.operation.name", "invoke_agent"),
        ("openinference.span.kind", "CHAIN"),
        ("traceloop.span.kind", "workflow"),
        ("ai.operationId", "ai.generateText"),
    ] {
        let tokens = ("gen_ai.usage.input_tokens", Value::Int(14_426));
        let call = build(core(), "", &[(key, Value::Str(word)), tokens], &[]).expect("valid");
        assert!(!call.what.leaf, "{word}");
        assert_eq!(call.usage.input_total().map(|t| t.0), Some(14_426));
        assert_eq!(call.what.operation, "chat m");
    }
}

#[test]
fn every_way_to_tell_the_first_token_gives_two_seconds() {
    let two = |attributes: &[(&str, Value<'static>)], events: &[(&str, u64)], source| {
        let mut all = vec![("gen_ai.operation.name", Value::Str("chat"))];
        all.extend(attributes.iter().cloned());
        let call = build(core(), "", &all, events).expect("valid");
        assert_eq!(call.time.ttft, Some(Micros(2_000_000)));
        assert_eq!(call.time.ttft_source, source);
        assert_eq!(call.time.latency, Some(Micros(12_000_000)));
        assert_eq!(call.what.stream, Some(true));
    };
    let at = START_NS + 2_000_000_000;
    use TtftSource::{Attribute, CompletionStart, Event};
    two(&[("gen_ai.response.time_to_first_chunk", Value::Double(2.0))], &[("x", 1)], Attribute);
    two(&[("gen_ai.server.ttft", Value::Double(2.0))], &[], Attribute);
    two(&[("ai.response.msToFirstChunk", Value::Double(2_000.0))], &[], Attribute);
    two(&[], &[("First Token Stream Event", at)], Event);
    two(
        &[],
        &[("gen_ai.content.completion.chunk", at), ("gen_ai.content.completion.chunk", at + 9)],
        Event,
    );
    let time = "\"2025-11-13T01:56:42.000Z\"";
    two(&[("langfuse.observation.completion_start_time", Value::Str(time))], &[], CompletionStart);
}

#[test]
fn an_answer_that_was_not_streamed_has_no_first_token() {
    let call = chat(&[
        ("gen_ai.request.stream", Value::Bool(false)),
        ("gen_ai.server.ttft", Value::Double(12.0)),
    ]);
    assert_eq!((call.time.ttft, call.time.ttft_source), (None, TtftSource::None));
    assert_eq!(chat(&[]).what.stream, None);
}

#[test]
fn the_newest_name_wins_whatever_the_order() {
    let (new, old) = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens");
    for pair in [[(new, 7), (old, 9)], [(old, 9), (new, 7)]] {
        let call = chat(&pair.map(|(k, v)| (k, Value::Int(v))));
        assert_eq!(call.usage.input_total().map(|t| t.0), Some(7));
    }
}

#[test]
fn cache_parts_beyond_the_total_are_read_as_added_and_flagged() {
    let call = chat(&[
        ("gen_ai.usage.input_tokens", Value::Int(3)),
        ("gen_ai.usage.cache_creation_input_tokens", Value::Int(12_304)),
    ]);
    let input = call.usage.input.expect("input");
    assert_eq!((input.text, input.cache_write_5m), (3, 12_304));
    assert_eq!(call.usage.flags, Usage::ADDITIVE_GUARD);
}

#[test]
fn a_stated_total_that_disagrees_is_flagged_and_never_added() {
    let call = chat(&[
        ("gen_ai.usage.input_tokens", Value::Int(3)),
        ("gen_ai.usage.output_tokens", Value::Int(4)),
        ("gen_ai.usage.total_tokens", Value::Int(9)),
    ]);
    assert_eq!(call.usage.flags, Usage::TOTAL_DISAGREES);
    assert_eq!(call.usage.total().map(|t| t.0), Some(7));
}

#[test]
fn impossible_times_and_counts_are_rejected_with_a_reason() {
    let at = |start_ns, end_ns| build(SpanCore { start_ns, end_ns, ..core() }, "", &[], &[]);
    assert!(at(0, 1).is_err() && at(START_NS, 0).is_err());
    assert!(at(START_NS, START_NS - 1).is_err());
    assert!(at(i64::MAX as u64, u64::MAX).is_err());
    assert!(at(START_NS - 8 * 86_400_000_000_000, START_NS).is_err(), "8 days late");
    assert!(at(START_NS - 6 * 86_400_000_000_000, START_NS).is_ok());
    for value in [Value::Int(-1), Value::Double(f64::NAN), Value::Int((1 << 53) + 1)] {
        let pair = ("gen_ai.usage.input_tokens", value);
        let refused = build(core(), "", &[pair], &[]).expect_err("rejected");
        assert!(refused.reason.contains("gen_ai.usage.input_tokens"), "{refused}");
    }
}

#[test]
fn a_span_from_the_future_is_clamped_and_marked() {
    let start_ns = (NOW.0 as u64) * 1_000 + 11 * 60 * 1_000_000_000;
    let ahead = SpanCore { start_ns, end_ns: start_ns + 5_000, ..core() };
    let call = build(ahead, "", &[], &[]).expect("kept");
    assert_eq!(call.time.start, NOW);
    assert!(call.raw.expect("note").contains("flowgauge.clamped_start_us"));
    assert_eq!(call.time.latency, Some(Micros(5)));
}

#[test]
fn failures_get_their_class() {
    let class = |failed, attributes: &[(&str, Value<'static>)]| {
        let call = build(SpanCore { failed, ..core() }, "", attributes, &[]).expect("valid");
        (call.outcome.status, call.outcome.class)
    };
    let kind = |s| [("error.type", Value::Str(s))];
    assert_eq!(class(false, &[]), (Status::Ok, ErrorClass::None));
    assert_eq!(class(true, &[]), (Status::Error, ErrorClass::Reported));
    assert_eq!(class(false, &kind("429")), (Status::Error, ErrorClass::Upstream429));
    assert_eq!(class(false, &kind("openai.RateLimitError")).1, ErrorClass::Upstream429);
    assert_eq!(class(false, &kind("APITimeoutError")).1, ErrorClass::Timeout);
    assert_eq!(class(false, &kind("503")).1, ErrorClass::Upstream5xx);
    assert_eq!(class(false, &kind("404")).1, ErrorClass::Client4xx);
    assert_eq!(class(true, &kind("asyncio.CancelledError")).0, Status::Cancelled);
}

#[test]
fn raw_attributes_hold_no_content_and_no_names_of_people() {
    let call = chat(&[
        ("gen_ai.input.messages", Value::Str("SECRET prompt")),
        ("gen_ai.prompt.0.content", Value::Str("SECRET")),
        ("gen_ai.prompt.name", Value::Str("greeting")),
        ("user.id", Value::Str("SECRET-ada")),
        ("x.note", Value::Str("SECRET with spaces")),
        ("x.code", Value::Str("a-1")),
        ("x.count", Value::Int(3)),
    ]);
    let raw = call.raw.expect("raw");
    assert!(!raw.contains("SECRET"), "{raw}");
    let map: serde_json::Value = serde_json::from_str(&raw).expect("JSON");
    assert_eq!(map["x.note"]["len"], 18);
    assert_eq!((&map["x.code"], &map["x.count"]), (&"a-1".into(), &3.into()));
    assert_eq!(call.what.prompt_name.as_deref(), Some("greeting"));
    assert_eq!(call.who.user_key.as_deref(), Some("h10"));
    assert_eq!(map["user.id"], serde_json::json!({"len": 10}), "its hash is in user_key");
}

#[test]
fn attributes_beyond_the_limit_are_counted_and_marked() {
    let one = ("x.n", Value::Int(1));
    let at = |n| build(core(), "", &vec![one.clone(); n], &[]).expect("valid").raw.expect("raw");
    assert!(!at(MAX_ATTRIBUTES).contains("flowgauge.truncated"));
    assert!(at(MAX_ATTRIBUTES + 1).contains("\"flowgauge.truncated\":1"));
}

#[test]
fn providers_have_one_spelling() {
    for (said, one) in [("AWS", "aws.bedrock"), ("xai", "x_ai"), ("OpenAI", "openai")] {
        let call = chat(&[("gen_ai.system", Value::Str(said))]);
        assert_eq!(call.what.provider.as_deref(), Some(one));
    }
}

proptest! {
    #[test]
    fn parts_sum_to_the_total_or_a_flag_says_why(
        input in 0i64..1_000_000, read in 0i64..1_000_000, write in 0i64..1_000_000,
        output in 0i64..1_000_000, reasoning in 0i64..1_000_000,
    ) {
        let call = chat(&[
            ("gen_ai.usage.input_tokens", Value::Int(input)),
            ("gen_ai.usage.output_tokens", Value::Int(output)),
            ("gen_ai.usage.cache_read.input_tokens", Value::Int(read)),
            ("gen_ai.usage.cache_write.input_tokens", Value::Int(write)),
            ("gen_ai.usage.reasoning.output_tokens", Value::Int(reasoning)),
        ]);
        let additive = call.usage.flags & Usage::ADDITIVE_GUARD != 0;
        let expected = if additive { input + read + write } else { input };
        prop_assert_eq!(call.usage.input_total().map(|t| t.0), u64::try_from(expected).ok());
        prop_assert_eq!(call.usage.output_total().map(|t| t.0), u64::try_from(output).ok());
    }

    #[test]
    fn any_text_makes_valid_json(key in "\\PC{0,20}", text in any::<String>()) {
        let hash = |_: &str| crate::call::Text::const_new("h");
        let rules = Rules { hash: &hash, store_content: true, metrics_only: false };
        let mut map = RawMap::new(&rules);
        map.attr(&key, &Value::Str(&text));
        if let Some(raw) = map.finish(&[]) {
            prop_assert!(serde_json::from_str::<serde_json::Value>(&raw).is_ok());
        }
    }
}
