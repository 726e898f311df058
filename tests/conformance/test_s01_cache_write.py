"""S1: a cache write is charged once, at its own rate: 3 + 12,304 written + 550 out is $0.054399."""

import anthropic
import pytest

from conftest import script
from prices import ADDITIVE

MODEL = "scenario-model"
MESSAGES = [{"role": "user", "content": "hello"}]
# 3 × $3 + 12,304 × $3.75 + 550 × $15 per million. Charged as input too it would be $0.0913.
COST_NANOS = 9_000 + 46_140_000 + 8_250_000
USAGE = {
    "input_tokens": 3,
    "cache_creation_input_tokens": 12_304,
    "cache_read_input_tokens": 0,
    "output_tokens": 550,
}
SPLIT = {"ephemeral_5m_input_tokens": 12_304, "ephemeral_1h_input_tokens": 0}


@pytest.fixture
def ask(start):
    """Makes one call with the Anthropic SDK and gives back what the SDK says was used, and the row."""
    flowgauge = start(prices={MODEL: ADDITIVE})

    def ask(usage, stream):
        request = {"model": MODEL, "max_tokens": 600, "messages": MESSAGES}
        with anthropic.Anthropic(base_url=flowgauge.url, api_key="sk-ant-test", max_retries=0) as c:
            headers = script(usage_object=usage)
            if stream:
                with c.messages.stream(**request, extra_headers=headers) as events:
                    said = events.get_final_message().usage
            else:
                said = c.messages.create(**request, extra_headers=headers).usage
        return said, flowgauge.rows(1)[0]

    return ask


@pytest.mark.parametrize("stream", [False, True], ids=["unstreamed", "streamed"])
@pytest.mark.parametrize(
    "usage", [USAGE, {**USAGE, "cache_creation": SPLIT}], ids=["total", "split"]
)
def test_a_cache_write_costs_its_own_rate_once(ask, usage, stream):
    said, row = ask(usage, stream)
    assert (said.input_tokens, said.cache_creation_input_tokens, said.output_tokens) == (3, 12_304, 550)
    assert COST_NANOS == 54_399_000
    assert row["cost_nanos"] == 54_399_000
    assert row["cost_usd"] == "0.054399000"
    assert (row["cost_source"], row["cost_flags"]) == ("computed", [])
    assert (row["input_text"], row["cache_read"]) == (3, 0)
    assert (row["cache_write_5m"], row["cache_write_1h"]) == (12_304, 0)
    assert (row["input_tokens"], row["output_tokens"]) == (12_307, 550)
    assert (row["usage_source"], row["usage_flags"]) == ("provider", [])
    assert row["stream"] is stream


def test_streamed_and_unstreamed_rows_are_equal_where_money_is_concerned(start):
    flowgauge = start(prices={MODEL: ADDITIVE})
    headers = script(usage_object={**USAGE, "cache_creation": SPLIT})
    request = {"model": MODEL, "max_tokens": 600, "messages": MESSAGES, "extra_headers": headers}
    with anthropic.Anthropic(base_url=flowgauge.url, api_key="sk-ant-test", max_retries=0) as c:
        c.messages.create(**request)
        with c.messages.stream(**request) as events:
            events.until_done()
    # What is measured differs, and what says that one was streamed.
    differ = {"call_id", "start_time", "event_time", "received_time", "stream"}
    one, other = flowgauge.rows(2)
    for name in one:
        if name not in differ and not name.endswith("_us") and name != "ttft_source":
            assert one[name] == other[name], name
