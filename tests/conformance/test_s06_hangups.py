"""S6: a client that hangs up leaves a row: with the provider's usage if it came in time, else a flagged estimate."""

import asyncio
import json
import random
import urllib.parse

import openai
import pytest

from conftest import script, wait_for
from prices import row as price_row

MODEL = "scenario-model"
MESSAGES = [{"role": "user", "content": "hello"}]
PRICES = {MODEL: price_row(input=3, output=15)}
USAGE = {"prompt_tokens": 120, "completion_tokens": 80, "total_tokens": 200}
# 120 × $3 + 80 × $15 per million.
NANOS = 360_000 + 1_200_000
HANGUPS = 1_000


def hang_up(server, ask=False, **what):
    """Begins a stream, reads its first chunk and leaves."""
    more = {"stream_options": {"include_usage": True}} if ask else {}
    with openai.OpenAI(base_url=server.url + "/v1", api_key="sk-test", max_retries=0) as client:
        stream = client.chat.completions.create(
            model=MODEL, messages=MESSAGES, stream=True,
            extra_headers=script(**{"usage_object": USAGE, **what}), **more,
        )
        next(iter(stream))
        stream.close()
    (row,) = server.rows(1)
    assert row["status"] == "cancelled" and row["error_class"] == "none"
    return row


def is_providers(row, nanos=NANOS):
    assert (row["usage_source"], row["usage_flags"]) == ("provider", [])
    assert row["cost_nanos"] == nanos


def is_flagged_estimate(row):
    assert row["usage_source"] == "estimated"
    assert "not_awaited" in row["usage_flags"]
    assert row["input_tokens"] > 0 and row["cost_nanos"] > 0


@pytest.mark.parametrize("ask", [True, False], ids=["asked", "did not ask"])
def test_usage_100_ms_after_the_hang_up_is_the_providers(start, ask):
    row = hang_up(start(prices=PRICES), ask, words=3, usage_delay_ms=100)
    is_providers(row)
    assert (row["input_tokens"], row["output_tokens"]) == (120, 80)
    assert NANOS == 1_560_000


@pytest.mark.parametrize("ask", [True, False], ids=["asked", "did not ask"])
def test_usage_5_s_after_the_hang_up_is_not_awaited(start, ask):
    row = hang_up(start(prices=PRICES), ask, words=3, usage_delay_ms=5_000)
    is_flagged_estimate(row)
    assert row["output_tokens"] < 80, "three words are counted, not what the provider would have said"


def routed(upstream, window):
    return json.dumps({"gateway": {
        "providers": [{"name": "scripted", "base_url": upstream}],
        "routes": [{"model": "scenario-*", "provider": "scripted", "drain_window": window}],
    }})


def test_with_a_window_of_10_s_on_the_route_it_is_the_providers_again(start, upstream):
    server = start(prices=PRICES, config=routed(upstream, "10s"), upstream=None)
    row = hang_up(server, words=3, usage_delay_ms=5_000)
    is_providers(row)
    assert (row["input_tokens"], row["output_tokens"]) == (120, 80)


def test_an_explicit_zero_stays_zero(start):
    zero = {"prompt_tokens": 120, "completion_tokens": 0, "total_tokens": 120}
    row = hang_up(start(prices=PRICES), words=0, usage_delay_ms=100, usage_object=zero)
    is_providers(row, nanos=360_000)
    assert row["output_tokens"] == 0


@pytest.mark.parametrize(("delay_ms", "judge"), [(100, is_providers), (5_000, is_flagged_estimate)])
def test_it_is_the_same_before_the_first_token(start, delay_ms, judge):
    """The first chunk has a role only; content and usage come after the client has gone."""
    row = hang_up(start(prices=PRICES), words=3, content_delay_ms=delay_ms)
    assert row["ttft_us"] is None or judge is is_providers
    judge(row)


async def leave_at(server, headers, position, opened, leave):
    """One raw call that reads so many bytes of the answer, waits for all the others, and leaves."""
    address = urllib.parse.urlsplit(server.url)
    body = json.dumps({"model": MODEL, "messages": MESSAGES, "stream": True}).encode()
    head = ["POST /v1/chat/completions HTTP/1.1", f"host: {address.netloc}", "content-type: application/json",
            f"content-length: {len(body)}", *(f"{k}: {v}" for k, v in headers.items())]
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + body)
    await writer.drain()
    left = position
    while left > 0:
        piece = await reader.read(left)
        assert piece, "the stream ended before its client left"
        left -= len(piece)
    opened.release()
    await leave.wait()
    writer.transport.abort()


async def hang_up_together(server, positions, headers):
    opened, leave = asyncio.Semaphore(0), asyncio.Event()
    calls = [asyncio.create_task(leave_at(server, headers, p, opened, leave)) for p in positions]
    for _ in positions:
        await opened.acquire()
    leave.set()
    await asyncio.gather(*calls)


def every_row(server, count):
    """All rows, page by page, once there are `count`."""

    def enough():
        rows, cursor = [], None
        while True:
            more = {"cursor": cursor} if cursor else {}
            page = server.get("/api/v1/requests", limit=500, since="1h", **more)
            rows += page["items"]
            cursor = page["next_cursor"]
            if not cursor:
                return rows if len(rows) >= count else None

    return wait_for(f"{count} rows", enough)


def test_a_thousand_hang_ups_at_once_are_a_thousand_rows(start):
    server = start(prices=PRICES)
    dice = random.Random(6)
    # About 12 kB of events after a head of some 400 bytes, then silence until after the test: every client
    # leaves somewhere in head or events while its stream is open. No byte at all is a position too.
    positions = [dice.choice((0, dice.randint(1, 400), dice.randint(400, 9_000))) for _ in range(HANGUPS)]
    headers = script(words=60, usage_delay_ms=60_000, usage_object=USAGE)
    asyncio.run(hang_up_together(server, positions, headers))
    rows = every_row(server, HANGUPS)
    assert len(rows) == HANGUPS
    assert {r["status"] for r in rows} == {"cancelled"}
    unflagged = [r for r in rows if r["usage_source"] == "estimated" and "not_awaited" not in r["usage_flags"]]
    assert unflagged == []
    assert all(r["usage_source"] != "absent" for r in rows)
    assert server.kpi("request_count", since="1h")["value"] == HANGUPS
