"""S2: one call told in five dialects is five equal rows: 130,213 input tokens, of them 5 uncached."""

import time

import pytest

import spans
from prices import ADDITIVE

MODEL = "scenario-model"
TOTAL, READ, WRITTEN, OUTPUT = 130_213, 128_955, 1_253, 100
# 5 × $3 + 128,955 × $0.30 + 1,253 × $3.75 per million is $0.04340025; the output adds 100 × $15.
INPUT_NANOS = 15_000 + 38_686_500 + 4_698_750
COST_NANOS = INPUT_NANOS + 1_500_000

COMMON = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "anthropic",
    "gen_ai.request.model": MODEL,
    "gen_ai.response.model": MODEL,
    "gen_ai.response.finish_reasons": ["end_turn"],
    "gen_ai.usage.input_tokens": TOTAL,
    "gen_ai.usage.output_tokens": OUTPUT,
}
# Scope, dialect it is recognised as, attributes.
DIALECTS = {
    "semconv 1.41": ("opentelemetry.instrumentation.anthropic_v1", "semconv_g2", {
        **COMMON,
        "gen_ai.usage.cache_read.input_tokens": READ,
        "gen_ai.usage.cache_creation.input_tokens": WRITTEN,
    }),
    "semconv new": ("opentelemetry.instrumentation.anthropic_v2", "semconv_g3", {
        **COMMON,
        "gen_ai.usage.cache_read.input_tokens": READ,
        "gen_ai.usage.cache_write.input_tokens": WRITTEN,
    }),
    "openinference": ("openinference.instrumentation.anthropic", "openinference", {
        "openinference.span.kind": "LLM",
        "llm.provider": "anthropic",
        "llm.system": "anthropic",
        "llm.model_name": MODEL,
        "llm.invocation_parameters": f'{{"model": "{MODEL}", "max_tokens": 600}}',
        "llm.finish_reason": "end_turn",
        "llm.token_count.prompt": TOTAL,
        "llm.token_count.prompt_details.cache_read": READ,
        "llm.token_count.prompt_details.cache_write": WRITTEN,
        "llm.token_count.completion": OUTPUT,
        "llm.token_count.total": TOTAL + OUTPUT,
    }),
    "openllmetry": ("opentelemetry.instrumentation.anthropic", "openllmetry", {
        "llm.request.type": "chat",
        "gen_ai.system": "anthropic",
        "gen_ai.request.model": MODEL,
        "gen_ai.response.model": MODEL,
        "gen_ai.response.stop_reason": "end_turn",
        "gen_ai.usage.prompt_tokens": TOTAL,
        "gen_ai.usage.completion_tokens": OUTPUT,
        "gen_ai.usage.cache_read_input_tokens": READ,
        "gen_ai.usage.cache_creation_input_tokens": WRITTEN,
        "llm.usage.total_tokens": TOTAL + OUTPUT,
    }),
    "pydantic-ai": ("pydantic-ai", "pydantic_ai", {
        **COMMON,
        "gen_ai.usage.details.cache_read_tokens": READ,
        "gen_ai.usage.details.cache_write_tokens": WRITTEN,
    }),
}
# What may differ: which dialect it was, who is who, when we heard of it, and what was sent.
FREE = {"call_id", "dialect", "trace_id", "span_id", "received_time", "attributes"}


def told(dialect, start_ns):
    scope, _, attributes = DIALECTS[dialect]
    return spans.Span(attributes, scope=scope, start_ns=start_ns)


@pytest.mark.parametrize("encoding", ["protobuf", "json"])
@pytest.mark.parametrize("dialect", list(DIALECTS))
def test_a_dialect_is_read_to_the_nano_dollar(start, dialect, encoding):
    flowgauge = start(prices={MODEL: ADDITIVE})
    spans.post(flowgauge.url, [told(dialect, time.time_ns() - spans.SECOND_NS)], encoding)
    (row,) = flowgauge.rows(1)
    assert row["dialect"] == DIALECTS[dialect][1]
    assert row["input_text"] == 5
    assert (row["cache_read"], row["cache_write_5m"]) == (128_955, 1_253)
    assert row["input_tokens"] == 130_213
    assert INPUT_NANOS == 43_400_250
    assert row["cost_nanos"] == COST_NANOS == 44_900_250
    assert row["usage_flags"] == [] and row["cost_flags"] == []


@pytest.mark.parametrize("encoding", ["protobuf", "json"])
def test_five_dialects_are_five_equal_rows(start, encoding):
    flowgauge = start(prices={MODEL: ADDITIVE})
    start_ns = time.time_ns() - spans.SECOND_NS
    spans.post(flowgauge.url, [told(dialect, start_ns) for dialect in DIALECTS], encoding)
    rows = flowgauge.rows(5)
    assert {row["dialect"] for row in rows} == {dialect for _, dialect, _ in DIALECTS.values()}
    first, *others = rows
    for other in others:
        differ = {n: (first[n], other[n]) for n in first if n not in FREE and first[n] != other[n]}
        assert not differ, (first["dialect"], other["dialect"])
