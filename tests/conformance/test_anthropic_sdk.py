"""The Anthropic SDK works unchanged behind the gateway, and every call has its row."""

import anthropic
import pytest

MODEL = "claude-sonnet-4-5"
MESSAGES = [{"role": "user", "content": "hello"}]


@pytest.fixture
def client(flowgauge):
    with anthropic.Anthropic(base_url=flowgauge.url, api_key="sk-ant-test", max_retries=0) as c:
        yield c


def check_ok(row, stream):
    assert (row["status"], row["http_status"], row["protocol"]) == ("ok", 200, "messages")
    assert row["model_requested"] == row["model_used"] == MODEL
    assert row["stream"] is stream
    assert (row["input_tokens"], row["output_tokens"]) == (12, 8)
    assert row["finish_reason"] == "end_turn"


def test_a_message_is_answered_and_recorded(client, flowgauge):
    answer = client.messages.create(model=MODEL, max_tokens=50, messages=MESSAGES)
    assert answer.content[0].text.startswith("word0 ")
    (row,) = flowgauge.rows(1)
    check_ok(row, stream=False)


def test_a_stream_takes_its_output_tokens_from_the_last_delta(client, flowgauge):
    with client.messages.stream(model=MODEL, max_tokens=50, messages=MESSAGES) as stream:
        text = stream.get_final_text()
    assert text.startswith("word0 ")
    (row,) = flowgauge.rows(1)
    check_ok(row, stream=True)
    assert 0 < row["ttft_us"] <= row["latency_us"]


@pytest.mark.parametrize(
    ("status", "exception"),
    [(400, anthropic.BadRequestError), (429, anthropic.RateLimitError),
     (500, anthropic.InternalServerError)],
)
def test_an_error_reaches_the_sdk_as_its_own(client, flowgauge, status, exception):
    with pytest.raises(exception) as caught:
        client.messages.create(model=f"error-{status}", max_tokens=50, messages=MESSAGES)
    assert caught.value.body["error"]["message"] == "scripted"
    (row,) = flowgauge.rows(1)
    assert (row["status"], row["http_status"]) == ("error", status)
