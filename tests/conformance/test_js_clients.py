"""The JavaScript SDKs work unchanged behind the gateway, and every call has its row."""

import collections

import pytest

WORDS = "".join(f"word{i} " for i in range(8))


def facts(row):
    return (row["protocol"], row["stream"], row["input_tokens"], row["output_tokens"])


@pytest.fixture(scope="module")
def told(node, upstream, tmp_path_factory):
    """What each SDK said of its answers, and the rows."""
    from conftest import Flowgauge

    out = {}
    for kind, count in (("openai", 8), ("anthropic", 3), ("vercel", 3)):
        server = Flowgauge(tmp_path_factory.mktemp(kind), upstream)
        try:
            out[kind] = (node(f"clients/{kind}.mjs", server.url), server.rows(count))
        finally:
            server.stop()
    return collections.namedtuple("Told", out)(**out)


def test_the_versions_are_those_the_tests_are_written_for(told):
    assert told.openai[0]["version"] == "7.57.0"
    assert told.openai[0]["node"] == "v24.19.0"
    assert told.anthropic[0]["version"] == "1.10.0"
    assert (told.vercel[0]["ai"], told.vercel[0]["compatible"]) == ("7.0.173", "3.0.92")


def test_openai_chat_is_answered_and_recorded(told):
    said, rows = told.openai
    assert said["chat"]["text"] == WORDS
    assert said["chat"]["usage"]["total_tokens"] == 20
    assert facts(rows[0]) == ("chat", False, 12, 8)
    assert rows[0]["ttft_us"] is None


def test_an_openai_stream_that_did_not_ask_sees_no_usage(told):
    said, rows = told.openai
    assert said["stream"]["text"] == WORDS
    assert set(said["stream"]["usages"]) == {None} and said["stream"]["empty"] == 0
    assert (rows[1]["protocol"], rows[1]["stream"], rows[1]["status"]) == ("chat", True, "ok")
    assert 0 < rows[1]["ttft_us"] <= rows[1]["latency_us"]


def test_an_openai_stream_that_asked_sees_its_usage(told):
    said, rows = told.openai
    assert said["stream_usage"]["text"] == WORDS
    assert said["stream_usage"]["usage"]["completion_tokens"] == 8
    assert facts(rows[2]) == ("chat", True, 12, 8)


def test_openai_responses_are_answered_and_recorded(told):
    said, rows = told.openai
    assert said["responses"]["text"] == WORDS
    assert said["responses"]["usage"]["total_tokens"] == 20
    assert said["responses_stream"]["last"] == "response.completed"
    assert facts(rows[3]) == ("responses", False, 12, 8)
    assert facts(rows[4]) == ("responses", True, 12, 8)


def test_openai_embeddings_are_answered_and_recorded(told):
    said, rows = told.openai
    assert said["embeddings"]["vector"] == [0.5, -0.25, 0.125]
    assert facts(rows[5])[2:] == (5, 0)
    assert rows[5]["operation"] == "embeddings"


def test_an_openai_error_is_the_sdks_own(told):
    said, rows = told.openai
    assert said["error"] == {"name": "RateLimitError", "status": 429, "message": "scripted"}
    assert (rows[6]["status"], rows[6]["http_status"]) == ("error", 429)
    assert rows[6]["error_class"] == "upstream_429"
    assert rows[6]["input_tokens"] is None


def test_the_openai_sdk_sees_our_id(told):
    said, rows = told.openai
    assert said["id"].replace("-", "") == rows[7]["call_id"]


def test_anthropic_messages_are_answered_and_recorded(told):
    said, rows = told.anthropic
    assert said["message"]["text"] == said["stream"]["text"] == WORDS
    assert said["message"]["usage"]["output_tokens"] == 8
    assert said["stream"]["usage"]["output_tokens"] == 8
    assert facts(rows[0]) == ("messages", False, 12, 8)
    assert facts(rows[1]) == ("messages", True, 12, 8)
    assert said["error"] == {"name": "InternalServerError", "status": 500, "message": "scripted"}
    assert (rows[2]["status"], rows[2]["http_status"]) == ("error", 500)


def test_the_strict_parser_of_the_vercel_sdk_takes_our_streams(told):
    said, rows = told.vercel
    assert said["generate"] == {"text": WORDS, "input": 12, "output": 8}
    assert said["stream"]["text"] == said["stream_usage"]["text"] == WORDS
    assert said["stream"]["errors"] == said["stream_usage"]["errors"] == []
    assert (said["stream"]["input"], said["stream"]["output"]) == (None, None)
    assert (said["stream_usage"]["input"], said["stream_usage"]["output"]) == (12, 8)
    assert facts(rows[0]) == ("chat", False, 12, 8)
    assert rows[1]["stream"] is True and rows[1]["status"] == "ok"
    assert facts(rows[2]) == ("chat", True, 12, 8)
