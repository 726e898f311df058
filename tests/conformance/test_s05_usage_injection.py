"""S5: a stream that did not ask for usage is recorded with the provider's, and its client sees no difference."""

import hashlib
import json

import openai
import pytest

from conftest import raw_post, script, seen_by
from prices import row as price_row

MESSAGES = [{"role": "user", "content": "hello"}]
# 8 × $3 + 4 cached × $0.30 + 8 × $15 per million.
NANOS = 24_000 + 1_200 + 120_000
PRICE = price_row(input=3, output=15, read=0.30)

# How providers write their streams, and how the network cuts them.
CORPUS = {
    "plain": {},
    "one byte a write": {"split": 1},
    "seven bytes a write": {"split": 7},
    "all in one write": {"split": 1_000_000},
    "spaces in JSON": {"style": "spaced"},
    "spaces in JSON, cut": {"style": "spaced", "split": 13},
    "CR LF": {"style": "crlf"},
    "CR LF, cut": {"style": "crlf", "split": 5},
    "no space after data:": {"style": "tight"},
    "padding members": {"style": "padded"},
    "padding members, cut": {"style": "padded", "split": 11},
    "comments": {"style": "comments"},
    "no content": {"words": 0},
    "long": {"words": 500},
    "an error inside": {"error_after": 4},
    "ends early": {"stop_after": 4},
}
# Ways of not asking.
UNASKED = {
    "no options": {},
    "null options": {"stream_options": None},
    "empty options": {"stream_options": {}},
    "other options": {"stream_options": {"include_obfuscation": False}},
    "asked not to": {"stream_options": {"include_usage": False}},
}
COMPLETE = [name for name in CORPUS if name not in ("an error inside", "ends early")]


def body(model, **more):
    return {"model": model, "messages": MESSAGES, "stream": True, **more}


def same_bytes(server, upstream, sent, headers):
    direct_status, direct = raw_post(upstream, "/v1/chat/completions", sent, headers)
    status, through = raw_post(server.url, "/v1/chat/completions", sent, headers)
    assert status == direct_status == 200
    assert hashlib.sha256(through).hexdigest() == hashlib.sha256(direct).hexdigest(), (
        f"direct {direct[-400:]!r}\nthrough {through[-400:]!r}"
    )
    return direct


@pytest.mark.parametrize("case", COMPLETE)
def test_the_client_sees_the_providers_bytes_and_the_row_its_usage(start, upstream, case):
    server = start(prices={"scenario-model": PRICE})
    direct = same_bytes(server, upstream, body("scenario-model"), script(**CORPUS[case]))
    assert b"usage" not in direct, "the provider tells nobody who does not ask"
    (row,) = server.rows(1)
    words = CORPUS[case].get("words", 8)
    assert (row["usage_source"], row["usage_flags"]) == ("provider", [])
    assert (row["input_tokens"], row["cache_read"], row["output_tokens"]) == (12, 4, words)
    assert row["cost_nanos"] == 25_200 + words * 15_000
    assert words != 8 or row["cost_nanos"] == NANOS == 145_200
    assert row["status"] == "ok"


@pytest.mark.parametrize("case", ["an error inside", "ends early"])
def test_a_broken_stream_is_passed_on_as_it_came(start, upstream, case):
    server = start(prices={"scenario-model": PRICE})
    same_bytes(server, upstream, body("scenario-model"), script(**CORPUS[case]))
    (row,) = server.rows(1)
    assert row["usage_source"] != "provider", "usage that never came is not the provider's"
    assert row["status"] != "ok"


@pytest.mark.parametrize("way", list(UNASKED))
def test_only_the_one_member_is_added_to_the_request(start, upstream, way):
    server = start(prices={"scenario-model": PRICE})
    model = f"scenario-s5-{way.replace(' ', '-')}"
    sent = body(model, **UNASKED[way])
    same_bytes(server, upstream, sent, {})
    (row,) = server.rows(1)
    assert row["usage_source"] == "provider"
    direct, through = seen_by(upstream, model)
    assert direct == sent
    assert through.pop("stream_options") == {**(UNASKED[way].get("stream_options") or {}), "include_usage": True}
    direct.pop("stream_options", None)
    assert through == direct


def test_a_client_that_asks_sees_its_usage_chunk(start, upstream):
    server = start(prices={"scenario-model": PRICE})
    asking = body("scenario-model", stream_options={"include_usage": True})
    direct = same_bytes(server, upstream, asking, {})
    assert b'"usage":null' in direct and b'"completion_tokens":8' in direct
    (row,) = server.rows(1)
    assert (row["usage_source"], row["cost_nanos"]) == ("provider", NANOS)


def test_the_sdk_sees_no_usage_it_did_not_ask_for(start):
    server = start(prices={"scenario-model": PRICE})
    with openai.OpenAI(base_url=server.url + "/v1", api_key="sk-test", max_retries=0) as client:
        chunks = list(client.chat.completions.create(model="scenario-model", messages=MESSAGES, stream=True))
    assert all(c.choices and c.usage is None for c in chunks)
    assert len(chunks) == 10, "role, eight words, stop"
    (row,) = server.rows(1)
    assert (row["usage_source"], row["cost_nanos"]) == ("provider", NANOS)


def test_a_provider_that_rejects_the_option_is_asked_once_more_and_then_left_alone(start, upstream):
    model = "scenario-s5-refuses"
    server = start(prices={model: PRICE})
    with openai.OpenAI(base_url=server.url + "/v1", api_key="sk-test", max_retries=0) as client:
        for _ in range(3):
            stream = client.chat.completions.create(
                model=model, messages=MESSAGES, stream=True, extra_headers=script(refuses_usage=True)
            )
            assert "".join(c.choices[0].delta.content or "" for c in stream).startswith("word0 ")
    asked = ["stream_options" in request for request in seen_by(upstream, model)]
    assert asked == [True, False, False, False], "one retry, then left alone"
    rows = server.rows(3)
    for row in rows:
        assert row["status"] == "ok"
        assert row["usage_source"] == "estimated"
        assert "include_usage_refused" in row["usage_flags"]
        assert row["output_tokens"] > 0 and row["cost_nanos"] > 0
    # Another model of the same provider is asked again.
    with openai.OpenAI(base_url=server.url + "/v1", api_key="sk-test", max_retries=0) as client:
        list(client.chat.completions.create(model=model + "-other", messages=MESSAGES, stream=True))
    assert server.rows(4)[-1]["usage_source"] == "provider"


def test_a_client_that_asks_a_provider_that_rejects_sees_the_rejection(start, upstream):
    server = start()
    with openai.OpenAI(base_url=server.url + "/v1", api_key="sk-test", max_retries=0) as client:
        with pytest.raises(openai.BadRequestError) as caught:
            client.chat.completions.create(
                model="scenario-s5-own", messages=MESSAGES, stream=True,
                stream_options={"include_usage": True}, extra_headers=script(refuses_usage=True),
            )
    assert "stream_options" in caught.value.body["message"]
    assert len(seen_by(upstream, "scenario-s5-own")) == 1, "what the client wants is not ours to take away"


def test_without_injection_the_request_is_the_clients(start, upstream):
    server = start(settings={"gateway.usage.inject": "false"})
    model = "scenario-s5-off"
    same_bytes(server, upstream, body(model), {})
    (row,) = server.rows(1)
    assert row["usage_source"] == "estimated", "counted here, and said so"
    direct, through = seen_by(upstream, model)
    assert json.dumps(through) == json.dumps(direct)
