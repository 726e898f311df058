"""The OpenAI SDK works unchanged behind the gateway, and every call has its row."""

import hashlib
import json

import openai
import pytest

from conftest import raw_post

MODEL = "gpt-4o-mini"
MESSAGES = [{"role": "user", "content": "hello"}]


@pytest.fixture
def client(flowgauge):
    with openai.OpenAI(base_url=flowgauge.url + "/v1", api_key="sk-test", max_retries=0) as c:
        yield c


def script(**what):
    return {"x-script": json.dumps(what)}


def check_ok(row, stream, input_tokens=12, output_tokens=8):
    assert row["status"] == "ok"
    assert row["http_status"] == 200
    assert row["model_requested"] == MODEL
    assert row["stream"] is stream
    assert row["input_tokens"] == input_tokens
    assert row["output_tokens"] == output_tokens
    assert row["usage_source"] == "provider"
    assert row["latency_us"] > 0
    assert 0 < row["upstream_us"] <= row["latency_us"]


def test_a_chat_completion_is_answered_and_recorded(client, flowgauge):
    answer = client.chat.completions.create(model=MODEL, messages=MESSAGES)
    assert answer.choices[0].message.content.startswith("word0 ")
    assert answer.usage.total_tokens == 20
    (row,) = flowgauge.rows(1)
    check_ok(row, stream=False)
    assert row["model_used"] == MODEL
    assert row["cache_read"] == 4
    assert row["finish_reason"] == "stop"
    assert row["ttft_us"] is None, "an answer in one piece has no first token"


def test_the_sdk_sees_our_id_and_the_row_has_it(client, flowgauge):
    raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=MESSAGES)
    (row,) = flowgauge.rows(1)
    assert raw.headers["x-flowgauge-request-id"].replace("-", "") == row["call_id"]
    assert raw.request_id == "req_fixed", "the upstream's own id stays"


def test_a_stream_with_usage_is_recorded_with_it(client, flowgauge):
    stream = client.chat.completions.create(
        model=MODEL, messages=MESSAGES, stream=True, stream_options={"include_usage": True},
        extra_headers=script(chunk_delay_ms=5),
    )
    chunks = list(stream)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)[:6] == "word0 "
    assert chunks[-1].usage.completion_tokens == 8
    (row,) = flowgauge.rows(1)
    check_ok(row, stream=True)
    assert 0 < row["ttft_us"] < row["latency_us"]
    assert row["ttft_source"] == "gateway"


def test_a_stream_that_did_not_ask_for_usage_is_not_shown_any(client, flowgauge):
    stream = client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True)
    chunks = list(stream)
    assert all(c.choices and c.usage is None for c in chunks)
    (row,) = flowgauge.rows(1)
    assert row["status"] == "ok" and row["stream"] is True and row["ttft_us"] > 0
    # Either the gateway asked for usage itself and kept it back, or nobody knows: never zero.
    assert (row["input_tokens"], row["output_tokens"]) in [(12, 8), (None, None)] or (
        row["usage_source"] == "estimated"
    )


def test_embeddings_have_input_tokens_and_no_output(client, flowgauge):
    answer = client.embeddings.create(model=MODEL, input="hello", encoding_format="float")
    assert answer.data[0].embedding == [0.5, -0.25, 0.125]
    (row,) = flowgauge.rows(1)
    check_ok(row, stream=False, input_tokens=5, output_tokens=0)
    assert row["operation"] == "embeddings"


def test_responses_are_answered_and_recorded(client, flowgauge):
    answer = client.responses.create(model=MODEL, input="hello")
    assert answer.output_text.startswith("word0 ")
    (row,) = flowgauge.rows(1)
    check_ok(row, stream=False)
    assert row["protocol"] == "responses"


def test_streamed_responses_are_answered_and_recorded(client, flowgauge):
    events = list(client.responses.create(model=MODEL, input="hello", stream=True))
    assert events[-1].type == "response.completed"
    (row,) = flowgauge.rows(1)
    check_ok(row, stream=True)
    assert row["ttft_us"] > 0


@pytest.mark.parametrize(
    ("status", "exception", "error_class"),
    [
        (400, openai.BadRequestError, "client_4xx"),
        (429, openai.RateLimitError, "upstream_429"),
        (500, openai.InternalServerError, "upstream_5xx"),
    ],
)
def test_an_error_reaches_the_sdk_as_its_own(client, flowgauge, status, exception, error_class):
    with pytest.raises(exception) as caught:
        client.chat.completions.create(
            model=MODEL, messages=MESSAGES, extra_headers=script(status=status)
        )
    assert caught.value.status_code == status
    assert caught.value.body["message"] == "scripted"
    (row,) = flowgauge.rows(1)
    assert (row["status"], row["http_status"]) == ("error", status)
    assert row["error_class"] == error_class
    assert row["input_tokens"] is None and row["output_tokens"] is None


def test_each_retry_of_the_sdk_is_a_row_that_says_so(client, flowgauge):
    with pytest.raises(openai.InternalServerError):
        client.with_options(max_retries=2).chat.completions.create(
            model=MODEL, messages=MESSAGES, extra_headers=script(status=500)
        )
    rows = flowgauge.rows(3)
    assert [r["client_retry"] for r in rows] == [0, 1, 2]


def test_a_stream_left_in_the_middle_is_cancelled_not_failed(client, flowgauge):
    stream = client.chat.completions.create(
        model=MODEL, messages=MESSAGES, stream=True,
        extra_headers=script(words=10_000, chunk_delay_ms=20),
    )
    next(iter(stream))
    stream.close()
    (row,) = flowgauge.rows(1)
    assert row["status"] == "cancelled"
    assert row["error_class"] == "none"


def test_an_error_inside_a_stream_is_an_error_row(client, flowgauge):
    stream = client.chat.completions.create(
        model=MODEL, messages=MESSAGES, stream=True, extra_headers=script(error_after=3)
    )
    with pytest.raises(openai.APIError):
        list(stream)
    (row,) = flowgauge.rows(1)
    assert (row["status"], row["error_class"]) == ("error", "in_stream")


@pytest.mark.parametrize(
    ("path", "extra", "headers"),
    [
        ("chat/completions", {"messages": MESSAGES}, {}),
        ("chat/completions", {"messages": MESSAGES, "stream": True}, {}),
        (
            "chat/completions",
            {"messages": MESSAGES, "stream": True, "stream_options": {"include_usage": True}},
            {},
        ),
        ("chat/completions", {"messages": MESSAGES, "stream": True}, script(split=7)),
        ("chat/completions", {"messages": MESSAGES}, script(encoding="gzip")),
        ("chat/completions", {"messages": MESSAGES}, script(status=400)),
        ("embeddings", {"input": "hello"}, {}),
        ("responses", {"input": "hello"}, {}),
        ("responses", {"input": "hello", "stream": True}, {}),
        ("messages", {"messages": MESSAGES, "max_tokens": 9, "stream": True}, {}),
    ],
)
def test_the_bytes_are_those_of_the_upstream(flowgauge, upstream, path, extra, headers):
    body = {"model": MODEL, **extra}
    direct_status, direct = raw_post(upstream, f"/v1/{path}", body, headers)
    status, through = raw_post(flowgauge.url, f"/v1/{path}", body, headers)
    assert status == direct_status
    assert hashlib.sha256(through).hexdigest() == hashlib.sha256(direct).hexdigest(), (
        f"direct {direct[:300]!r}\nthrough {through[:300]!r}"
    )


def test_own_headers_set_dimensions_and_never_reach_the_upstream(client, flowgauge, upstream):
    client.chat.completions.create(
        model=MODEL, messages=MESSAGES,
        extra_headers={"x-flowgauge-intent": "translate", "x-flowgauge-user": "ada",
                       "x-flowgauge-app": "reader", "x-flowgauge-tag-team": "red"},
    )
    (row,) = flowgauge.rows(1)
    assert (row["intent"], row["service"]) == ("translate", "reader")
    assert row["labels"] == {"team": "red"}
    assert row["user_key"] and "ada" not in row["user_key"]
    status, body = raw_post(flowgauge.url, "/v1/echo", {}, {"x-flowgauge-user": "ada"})
    assert status == 200
    assert not [n for n, _ in json.loads(body)["headers"] if n.startswith("x-flowgauge-")]
