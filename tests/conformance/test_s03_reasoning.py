"""S3: reasoning is part of the output, not on top of it: 1,970 tokens, of them 956 reasoning."""

import anthropic
import openai
import pytest

import spans
from conftest import script
from prices import ADDITIVE

MODEL = "scenario-model"
MESSAGES = [{"role": "user", "content": "hello"}]
# 1,000 × $3 + 1,970 × $15 per million; with reasoning on top it would be $0.04689.
COST_NANOS = 3_000_000 + 29_550_000

CHAT = {
    "prompt_tokens": 1_000, "completion_tokens": 1_970, "total_tokens": 2_970,
    "completion_tokens_details": {"reasoning_tokens": 956},
}
RESPONSES = {
    "input_tokens": 1_000, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 1_970,
    "output_tokens_details": {"reasoning_tokens": 956}, "total_tokens": 2_970,
}
ANTHROPIC = {
    "input_tokens": 1_000, "output_tokens": 1_970, "output_tokens_details": {"thinking_tokens": 956},
}


def check(row):
    assert row["output_visible"] == 1_014
    assert row["reasoning"] == 956
    assert row["output_tokens"] == 1_970
    assert row["input_tokens"] == 1_000
    assert row["cost_nanos"] == COST_NANOS == 32_550_000
    assert row["usage_flags"] == []


@pytest.fixture
def flowgauge(start):
    return start(prices={MODEL: ADDITIVE})


@pytest.fixture
def client(flowgauge):
    with openai.OpenAI(base_url=flowgauge.url + "/v1", api_key="sk-test", max_retries=0) as c:
        yield c


@pytest.mark.parametrize("stream", [False, True], ids=["unstreamed", "streamed"])
def test_chat_completions_count_reasoning_inside(client, flowgauge, stream):
    more = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    answer = client.chat.completions.create(
        model=MODEL, messages=MESSAGES, extra_headers=script(usage_object=CHAT), **more
    )
    usage = list(answer)[-1].usage if stream else answer.usage
    assert usage.completion_tokens_details.reasoning_tokens == 956
    (row,) = flowgauge.rows(1)
    check(row)


@pytest.mark.parametrize("stream", [False, True], ids=["unstreamed", "streamed"])
def test_responses_count_reasoning_inside(client, flowgauge, stream):
    answer = client.responses.create(
        model=MODEL, input="hello", stream=stream, extra_headers=script(usage_object=RESPONSES)
    )
    usage = list(answer)[-1].response.usage if stream else answer.usage
    assert usage.output_tokens_details.reasoning_tokens == 956
    (row,) = flowgauge.rows(1)
    check(row)


@pytest.mark.parametrize("stream", [False, True], ids=["unstreamed", "streamed"])
def test_anthropic_messages_count_thinking_inside(flowgauge, stream):
    request = {"model": MODEL, "max_tokens": 2_000, "messages": MESSAGES,
               "extra_headers": script(usage_object=ANTHROPIC)}
    with anthropic.Anthropic(base_url=flowgauge.url, api_key="sk-ant-test", max_retries=0) as c:
        if stream:
            with c.messages.stream(**request) as events:
                assert events.get_final_message().usage.output_tokens == 1_970
        else:
            assert c.messages.create(**request).usage.output_tokens == 1_970
    (row,) = flowgauge.rows(1)
    check(row)


DIALECTS = {
    "semconv": {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai",
        "gen_ai.request.model": MODEL, "gen_ai.usage.input_tokens": 1_000,
        "gen_ai.usage.output_tokens": 1_970, "gen_ai.usage.reasoning.output_tokens": 956,
    },
    "openinference": {
        "openinference.span.kind": "LLM", "llm.system": "openai", "llm.model_name": MODEL,
        "llm.token_count.prompt": 1_000, "llm.token_count.completion": 1_970,
        "llm.token_count.completion_details.reasoning": 956, "llm.token_count.total": 2_970,
    },
    "openllmetry": {
        "llm.request.type": "chat", "gen_ai.system": "openai", "gen_ai.request.model": MODEL,
        "gen_ai.usage.input_tokens": 1_000, "gen_ai.usage.output_tokens": 1_970,
        "gen_ai.usage.reasoning_tokens": 956, "gen_ai.usage.total_tokens": 2_970,
    },
    "openllmetry, older": {
        "llm.request.type": "chat", "gen_ai.system": "openai", "gen_ai.request.model": MODEL,
        "gen_ai.usage.prompt_tokens": 1_000, "gen_ai.usage.completion_tokens": 1_970,
        "llm.usage.reasoning_tokens": 956, "llm.usage.total_tokens": 2_970,
    },
    "vercel": {
        "ai.operationId": "ai.generateText.doGenerate", "ai.model.id": MODEL,
        "ai.usage.inputTokens": 1_000, "ai.usage.outputTokens": 1_970, "ai.usage.reasoningTokens": 956,
    },
}


@pytest.mark.parametrize("dialect", list(DIALECTS))
def test_a_span_counts_reasoning_inside(flowgauge, dialect):
    spans.post(flowgauge.url, [spans.Span(DIALECTS[dialect])])
    (row,) = flowgauge.rows(1)
    check(row)
