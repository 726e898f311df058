"""S7: a model without a price is loud: no cost, counted, and never $0."""

import openai
import pytest

import spans
from conftest import wait_for
from prices import row as price_row

# $2 in, $8 out: a call of 1,000 in and 100 out is $0.0028.
PRICES = {"model-x": price_row(input=2, output=8)}
CALL_NANOS = 2_000_000 + 800_000


def call(model):
    return spans.Span({
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "scripted",
        "gen_ai.request.model": model, "gen_ai.response.model": model,
        "gen_ai.usage.input_tokens": 1_000, "gen_ai.usage.output_tokens": 100,
    })


def test_ten_unpriced_calls_of_a_thousand_are_counted_and_cost_nothing_known(start):
    server = start(prices=PRICES)
    spans.post(server.url, [call("model-x") for _ in range(990)] + [call("model-unheard-of") for _ in range(10)])
    wait_for("all calls", lambda: server.kpi("request_count", since="1h")["value"] == 1_000)
    assert server.kpi("unpriced_calls", since="1h")["value"] == 10
    # 990 × $0.0028.
    assert CALL_NANOS * 990 == 2_772_000_000
    assert round(server.kpi("total_cost", since="1h")["value"], 9) == 2.772
    unpriced = server.get("/api/v1/requests", limit=500, where="model=model-unheard-of")["items"]
    assert len(unpriced) == 10
    assert {(r["cost_nanos"], r["cost_usd"], r["cost_source"]) for r in unpriced} == {(None, None, "unknown")}
    assert {r["cost_unknown_reason"] for r in unpriced} == {"no_price"}


@pytest.mark.parametrize(
    "name", ["model-x", "model-x-20250930", "model-x@20250930", "scripted/model-x", "scripted/model-x-20250930"]
)
def test_a_date_or_a_provider_in_the_name_finds_the_price(start, name):
    server = start(prices=PRICES)
    spans.post(server.url, [call(name)])
    (row,) = server.rows(1)
    assert row["cost_nanos"] == CALL_NANOS == 2_800_000
    assert row["cost_unknown_reason"] is None


@pytest.mark.parametrize("name", ["model-x-mini", "model-x2", "model-x-2025", "model"])
def test_a_name_that_is_only_similar_has_no_price(start, name):
    server = start(prices=PRICES)
    spans.post(server.url, [call(name)])
    (row,) = server.rows(1)
    assert row["cost_nanos"] is None and row["cost_unknown_reason"] == "no_price"


def test_an_unpriced_call_through_the_gateway_is_answered_and_says_why_it_has_no_cost(start):
    server = start(prices=PRICES)
    with openai.OpenAI(base_url=server.url + "/v1", api_key="sk-test", max_retries=0) as client:
        answer = client.chat.completions.create(
            model="model-unheard-of", messages=[{"role": "user", "content": "hello"}]
        )
    assert answer.usage.total_tokens == 20
    (row,) = server.rows(1)
    assert (row["cost_nanos"], row["cost_unknown_reason"]) == (None, "no_price")
    assert (row["input_tokens"], row["output_tokens"]) == (12, 8), "tokens are known all the same"
    assert server.kpi("unpriced_calls", since="1h")["value"] == 1
