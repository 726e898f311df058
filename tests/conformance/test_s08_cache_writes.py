"""S8: cache writes for an hour, and cache writes of providers whose totals include them."""

import anthropic
import openai
import pytest

from conftest import script
from prices import ADDITIVE, row as price_row

MODEL = "scenario-model"
MESSAGES = [{"role": "user", "content": "hello"}]

HOUR = {
    "input_tokens": 10, "cache_creation_input_tokens": 3_000, "cache_read_input_tokens": 0,
    "cache_creation": {"ephemeral_5m_input_tokens": 1_000, "ephemeral_1h_input_tokens": 2_000},
    "output_tokens": 100,
}
# 10 × $3 + 1,000 × $3.75 + 2,000 × $6 + 100 × $15 per million; all of it at $3.75 would be $0.01278.
HOUR_NANOS = 30_000 + 3_750_000 + 12_000_000 + 1_500_000

CHAT = {
    "prompt_tokens": 5_000, "completion_tokens": 200, "total_tokens": 5_200,
    "prompt_tokens_details": {"cached_tokens": 1_000, "cache_write_tokens": 3_000},
}
RESPONSES = {
    "input_tokens": 5_000, "output_tokens": 200, "total_tokens": 5_200,
    "input_tokens_details": {"cached_tokens": 1_000, "cache_write_tokens": 3_000},
    "output_tokens_details": {"reasoning_tokens": 0},
}
WITH_WRITE = price_row(input=2, output=8, read=0.50, write=2.50)
WITHOUT_WRITE = price_row(input=2, output=8, read=0.50)
# 1,000 × $2 + 1,000 × $0.50 + 3,000 × $2.50 + 200 × $8 per million; without a write rate 3,000 × $2.
INCLUSIVE = [
    (WITH_WRITE, 2_000_000 + 500_000 + 7_500_000 + 1_600_000, 11_600_000, []),
    (WITHOUT_WRITE, 2_000_000 + 500_000 + 6_000_000 + 1_600_000, 10_100_000, ["rate_substituted"]),
]
both = pytest.mark.parametrize("stream", [False, True], ids=["unstreamed", "streamed"])
rates = pytest.mark.parametrize(
    ("price", "sum_nanos", "nanos", "flags"), INCLUSIVE, ids=["write rate", "no write rate"]
)


@both
def test_an_hour_costs_its_own_rate(start, stream):
    flowgauge = start(prices={MODEL: ADDITIVE})
    request = {"model": MODEL, "max_tokens": 200, "messages": MESSAGES,
               "extra_headers": script(usage_object=HOUR)}
    with anthropic.Anthropic(base_url=flowgauge.url, api_key="sk-ant-test", max_retries=0) as c:
        if stream:
            with c.messages.stream(**request) as events:
                events.until_done()
        else:
            c.messages.create(**request)
    (row,) = flowgauge.rows(1)
    assert row["cost_nanos"] == HOUR_NANOS == 17_280_000
    assert (row["input_text"], row["cache_write_5m"], row["cache_write_1h"]) == (10, 1_000, 2_000)
    assert (row["input_tokens"], row["output_tokens"]) == (3_010, 100)
    assert row["usage_flags"] == [] and row["cost_flags"] == []


def check_inclusive(row, sum_nanos, nanos, flags):
    assert row["cost_nanos"] == sum_nanos == nanos
    assert row["cost_flags"] == flags
    assert (row["input_text"], row["cache_read"], row["cache_write_5m"]) == (1_000, 1_000, 3_000)
    assert (row["input_tokens"], row["output_tokens"]) == (5_000, 200)
    assert row["usage_flags"] == []


@both
@rates
def test_a_write_inside_the_prompt_of_a_chat_is_charged_once(start, price, sum_nanos, nanos, flags, stream):
    flowgauge = start(prices={MODEL: price})
    more = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    with openai.OpenAI(base_url=flowgauge.url + "/v1", api_key="sk-test", max_retries=0) as c:
        answer = c.chat.completions.create(
            model=MODEL, messages=MESSAGES, extra_headers=script(usage_object=CHAT), **more
        )
        usage = list(answer)[-1].usage if stream else answer.usage
    assert usage.prompt_tokens == 5_000
    check_inclusive(flowgauge.rows(1)[0], sum_nanos, nanos, flags)


@both
@rates
def test_a_write_inside_the_input_of_a_response_is_charged_once(start, price, sum_nanos, nanos, flags, stream):
    flowgauge = start(prices={MODEL: price})
    with openai.OpenAI(base_url=flowgauge.url + "/v1", api_key="sk-test", max_retries=0) as c:
        answer = c.responses.create(
            model=MODEL, input="hello", stream=stream, extra_headers=script(usage_object=RESPONSES)
        )
        usage = list(answer)[-1].response.usage if stream else answer.usage
    assert usage.input_tokens == 5_000
    check_inclusive(flowgauge.rows(1)[0], sum_nanos, nanos, flags)
