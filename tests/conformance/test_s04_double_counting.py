"""S4: what is told twice is counted once: an agent's sum over its calls, and one call seen from two sides."""

import pathlib
import subprocess

import openai
import pytest

import spans
from conftest import script, venv_python, wait_for
from prices import row as price_row

HERE = pathlib.Path(__file__).parent
MODEL = "scenario-model"
PRICES = {MODEL: price_row(input=5, output=30)}
TRACE, ROOT = "5c" * 16, "5d" * 8
# 14,426 × $5 + 771 × $30 per million.
NANOS = 72_130_000 + 23_130_000


def chat(tokens_in, tokens_out, parent, response_id):
    return spans.Span(
        {
            "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai",
            "gen_ai.request.model": MODEL, "gen_ai.response.model": MODEL,
            "gen_ai.response.id": response_id, "gen_ai.conversation.id": "conversation-7",
            "gen_ai.usage.input_tokens": tokens_in, "gen_ai.usage.output_tokens": tokens_out,
        },
        trace=TRACE, parent=parent,
    )


def agent():
    return spans.Span(
        {
            "gen_ai.operation.name": "invoke_agent", "gen_ai.provider.name": "openai",
            "gen_ai.agent.name": "reader", "gen_ai.request.model": MODEL,
            "gen_ai.usage.input_tokens": 14_426, "gen_ai.usage.output_tokens": 771,
        },
        name="invoke_agent reader", kind=1, trace=TRACE, span=ROOT,
    )


def counted(server):
    """Calls and dollars of everything the server holds, as the KPIs say."""
    calls = server.kpi("request_count", since="1h")["value"]
    return calls, round(server.kpi("total_cost", since="1h")["value"] or 0, 9)


@pytest.mark.parametrize("encoding", ["protobuf", "json"])
def test_an_agent_that_repeats_its_calls_adds_nothing(start, encoding):
    server = start(prices=PRICES)
    children = [chat(10_000, 500, ROOT, "r1"), chat(4_426, 271, ROOT, "r2")]
    spans.post(server.url, [agent(), *children], encoding)
    wait_for("rows", lambda: len(server.rows(3, spans="true")) == 3)
    rows = server.rows(3, spans="true", trace=TRACE)
    assert NANOS == 95_260_000
    assert sum(r["cost_nanos"] or 0 for r in rows if r["leaf"]) == NANOS
    (root,) = [r for r in rows if not r["leaf"]]
    assert root["cost_nanos"] is None
    assert (root["input_tokens"], root["output_tokens"]) == (14_426, 771), "shown, not summed"
    assert counted(server) == (2, 0.09526)
    assert server.kpi("total_tokens", since="1h")["value"] == 15_197


USAGE = {"prompt_tokens": 14_426, "completion_tokens": 771, "total_tokens": 15_197}


def through_gateway(server):
    """The call itself, as a client with tracing sends it."""
    headers = script(usage_object=USAGE, response_id="chatcmpl-s4")
    headers["traceparent"] = f"00-{TRACE}-{ROOT}-01"
    with openai.OpenAI(base_url=server.url + "/v1", api_key="sk-test", max_retries=0) as client:
        answer = client.chat.completions.create(model=MODEL, messages=[], extra_headers=headers)
    assert answer.id == "chatcmpl-s4"


def from_sdk(server):
    """The SDK's span of it, under the agent's, with what only the application knows."""
    spans.post(server.url, [agent(), chat(14_426, 771, ROOT, "chatcmpl-s4")], service="reader")


ORDERS = {
    "gateway alone": [through_gateway],
    "SDK alone": [from_sdk],
    "gateway, then SDK": [through_gateway, from_sdk],
    "SDK, then gateway": [from_sdk, through_gateway],
}


@pytest.mark.parametrize("order", list(ORDERS))
def test_a_call_seen_from_two_sides_is_one_call(start, order):
    server = start(prices=PRICES)
    for step in ORDERS[order]:
        step(server)
        wait_for("the step is counted", lambda: counted(server)[0] >= 1)
    if len(ORDERS[order]) == 2:
        told = lambda: server.get("/api/v1/requests", limit=100, trace=TRACE, spans="true")["items"]
        wait_for("both sides are told", lambda: any(r["merged_into"] for r in told()))
    wait_for("one call in the figures", lambda: counted(server) == (1, 0.09526))
    (row,) = server.rows(1, trace=TRACE)
    assert row["cost_nanos"] == NANOS == 95_260_000
    assert (row["input_tokens"], row["output_tokens"]) == (14_426, 771)
    if len(ORDERS[order]) == 1:
        return
    assert row["door"] == "gateway", "the gateway's row counts: its time and usage are measured"
    assert row["service"] == "reader" and row["conversation_id"] == "conversation-7"
    # The span lasts a second by its own word; the gateway measured far less.
    assert row["latency_us"] < 900_000
    rows = server.get("/api/v1/requests", limit=100, trace=TRACE, spans="true")["items"]
    (merged,) = [r for r in rows if r["merged_into"]]
    assert merged["merged_into"] == row["call_id"] and merged["leaf"] is False


# OpenInference sends no id of the answer: without a trace nothing tells its span and our row to be one.
@pytest.mark.parametrize("kind", ["otel", "traceloop"])
def test_real_instrumentations_behind_the_gateway_double_nothing(start, upstream, kind):
    """Five calls through the gateway under an instrumentation that exports to it: five calls."""
    settings = {"gateway.providers.0.name": "openai", "gateway.providers.0.base_url": upstream}
    server = start(settings=settings, upstream=None)
    command = [venv_python(kind), str(HERE / "emit.py"), kind, server.url, server.url]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    # Without a trace of the gateway's own, the answer's id and the provider tell them to be one. An answer
    # without id (embeddings, failures) has no such proof and stays two rows.
    withid = lambda: [r for r in server.get("/api/v1/requests", limit=100)["items"] if r["response_id"]]
    wait_for("three chats", lambda: len(withid()) == 3)
    assert {r["door"] for r in withid()} == {"gateway"}
