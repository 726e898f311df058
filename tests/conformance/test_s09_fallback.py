"""S9: every attempt is priced at its own model's rate, and a fallback says what it did."""

import json

import anthropic
import openai
import pytest

from conftest import script, seen_by
from prices import row as price_row

MODEL_A, MODEL_B = "scenario-model-a", "scenario-model-b"
PRICES = {MODEL_A: price_row(input=10, output=50), MODEL_B: price_row(input=5, output=25)}
MESSAGES = [{"role": "user", "content": "hello"}]
# 60,000 × $10 + 24 × $50 and 50,000 × $5 + 296 × $25 per million; all at the second rate would be $0.558.
A_NANOS = 600_000_000 + 1_200_000
B_NANOS = 250_000_000 + 7_400_000
USAGE = {
    "input_tokens": 50_000, "output_tokens": 296,
    "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
    "iterations": [
        {"type": "message", "model": MODEL_A, "input_tokens": 60_000, "output_tokens": 24},
        {"type": "fallback_message", "model": MODEL_B, "input_tokens": 50_000, "output_tokens": 296},
    ],
}


@pytest.mark.parametrize("stream", [False, True], ids=["unstreamed", "streamed"])
def test_a_declined_pass_costs_its_own_models_rate(start, stream):
    server = start(prices=PRICES)
    request = {"model": MODEL_B, "max_tokens": 512, "messages": MESSAGES,
               "extra_headers": script(usage_object=USAGE)}
    with anthropic.Anthropic(base_url=server.url, api_key="sk-ant-test", max_retries=0) as client:
        if stream:
            with client.messages.stream(**request) as events:
                assert events.get_final_message().usage.output_tokens == 296
        else:
            assert client.messages.create(**request).usage.output_tokens == 296
    (row,) = server.rows(1)
    assert row["cost_nanos"] == A_NANOS + B_NANOS == 858_600_000
    assert row["cost_usd"] == "0.858600000"
    attempts = row["attempt_rows"]
    assert [(a["model"], a["reason"]) for a in attempts] == [(MODEL_A, "iteration"), (MODEL_B, "iteration")]
    assert [a["cost"]["nanos"] for a in attempts] == [601_200_000, 257_400_000]
    assert row["input_tokens"] == 110_000 and row["output_tokens"] == 320
    assert row["model_used"] == MODEL_B


def test_a_gateway_fallback_says_what_it_did(start, upstream, tmp_path):
    """The first target answers 503; the next serves another model."""
    secret = tmp_path / "key"
    secret.write_text("sk-second")
    # The scripted upstream fails as this model's name says.
    asked = "error-503"
    config = json.dumps({"gateway": {
        "providers": [
            {"name": "first", "base_url": upstream},
            {"name": "second", "base_url": upstream, "api_key": f"file:{secret}"},
        ],
        "routes": [{"model": asked, "provider": "first", "fallback": [{"provider": "second", "model": MODEL_B}]}],
    }})
    server = start(prices=PRICES, config=config, upstream=None)
    with openai.OpenAI(base_url=server.url + "/v1", api_key="sk-test", max_retries=0) as client:
        raw = client.chat.completions.with_raw_response.create(model=asked, messages=MESSAGES)
    assert raw.parse().choices[0].message.content.startswith("word0 ")
    assert raw.headers["x-flowgauge-model"] == MODEL_B
    assert raw.headers["x-flowgauge-attempts"] == "2"
    (row,) = server.rows(1)
    assert (row["status"], row["http_status"]) == ("ok", 200)
    assert (row["model_requested"], row["model_used"]) == (asked, MODEL_B)
    assert (row["provider"], row["attempts"]) == ("second", 2)
    assert row["fallback_reason"] == "upstream_5xx"
    first, second = row["attempt_rows"]
    assert (first["provider"], first["http_status"], first["status"], first["reason"]) == ("first", 503, "error", "first")
    assert (second["provider"], second["http_status"], second["status"], second["reason"]) == ("second", 200, "ok", "fallback")
    # 12 × $5 + 8 × $25 per million; the failed attempt was billed nothing.
    assert row["cost_nanos"] == second["cost"]["nanos"] == 60_000 + 200_000
    assert first["cost"]["nanos"] in (None, 0)
    assert len(seen_by(upstream, MODEL_B)) >= 1


def test_a_call_of_one_attempt_has_no_attempt_rows_and_no_headers(start):
    server = start(prices=PRICES)
    with openai.OpenAI(base_url=server.url + "/v1", api_key="sk-test", max_retries=0) as client:
        raw = client.chat.completions.with_raw_response.create(model=MODEL_B, messages=MESSAGES)
    assert "x-flowgauge-attempts" not in raw.headers and "x-flowgauge-model" not in raw.headers
    (row,) = server.rows(1)
    assert (row["attempts"], row["attempt_rows"], row["fallback_reason"]) == (1, [], None)
