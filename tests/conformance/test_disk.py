"""What calls weigh on disk: the 18 attributes of a call that instrumentations send, ids and users among them."""

import random
import time

import spans
import sql
from conftest import wait_for

BATCH = 512
BATCHES = 140
# On disk, a sealed call; ids are random and cannot be made smaller.
MOST_BYTES = 90


def call(n, dice):
    attributes = {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.model": "gpt-4o-2024-08-06", "gen_ai.request.temperature": 0.7,
        "gen_ai.request.max_tokens": 1024, "gen_ai.response.id": f"chatcmpl-{n:029}",
        "gen_ai.response.finish_reasons": ["stop"], "gen_ai.usage.input_tokens": 800 + dice.randrange(900),
        "gen_ai.usage.output_tokens": 200 + dice.randrange(300), "server.address": "api.openai.com", "server.port": 443,
        "session.id": f"s-{dice.randrange(20_000)}", "user.id": f"u-{dice.randrange(5_000)}", "intent": "translate",
        "app.cache": "miss", "app.quality": 0.9132, "gen_ai.usage.cost": 0.0042,
    }
    assert len(attributes) == 18
    start = time.time_ns() - (BATCH * BATCHES - n) * 50_000_000
    return spans.Span(attributes, start_ns=start, duration_ns=dice.randrange(200_000, 4_000_000) * 1_000)


def test_a_call_of_eighteen_attributes_weighs_ninety_bytes_at_most(start):
    dice = random.Random(18)
    server = start(settings={"store.seal_age": "25s"})
    for batch in range(BATCHES):
        spans.post(server.url, [call(batch * BATCH + i, dice) for i in range(BATCH)])
    store = lambda: server.get("/api/v1/status")["store"]
    wait_for("all calls sealed", lambda: store()["unsealed_rows"] == 0 and store()["segment_rows"] == BATCH * BATCHES)
    weight = store()["segment_bytes"] / store()["segment_rows"]
    print(f"{weight:.1f} bytes a call, {store()['segments']} segments")
    assert weight <= MOST_BYTES, weight
    assert sql.run(server.url, "SELECT count(DISTINCT response_id), count(DISTINCT trace_id) FROM calls")[1]["rows"] == [
        [BATCH * BATCHES, BATCH * BATCHES]
    ]
