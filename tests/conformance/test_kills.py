"""SIGKILL while two senders post spans: what was acknowledged is there, once, and the next start is quick."""

import json
import random
import threading
import time
import urllib.error
import urllib.request

from conftest import Flowgauge

KILLS = 50
SPANS = 20
# The promise of a restart: ready within two seconds.
READY_S = 2.0


def batch(sender, number):
    """A request of SPANS chat spans whose ids say who sent them, and those ids; a sender of 0 would make ids of zeros."""
    ids = [f"{sender:04x}{number:08x}{i:04x}" for i in range(SPANS)]
    start = time.time_ns() - 1_000_000_000
    spans = [
        {
            "traceId": f"{sender:016x}{number:016x}",
            "spanId": span,
            "name": "chat gpt-4o-mini",
            "kind": 3,
            "startTimeUnixNano": str(start),
            "endTimeUnixNano": str(start + 5_000_000),
            "attributes": [
                {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
                {"key": "gen_ai.request.model", "value": {"stringValue": "gpt-4o-mini"}},
                {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "3"}},
                {"key": "gen_ai.usage.output_tokens", "value": {"intValue": "2"}},
            ],
        }
        for span in ids
    ]
    return {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}, ids


class Sender(threading.Thread):
    """Posts until its server dies; keeps the ledger of what was acknowledged. Resends the last batch
    of the life before, whose answer may have been lost."""

    def __init__(self, url, name, ledger):
        super().__init__()
        self.url, self.sender, self.ledger = url, name, ledger

    def run(self):
        while True:
            body, ids = batch(self.sender, self.ledger["next"])
            request = urllib.request.Request(
                self.url + "/v1/traces",
                json.dumps(body).encode(),
                {"content-type": "application/json"},
            )
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:
                    said = json.load(answer)
            except (urllib.error.URLError, ConnectionError, OSError, ValueError):
                return
            assert "partialSuccess" not in said or not said["partialSuccess"], said
            self.ledger["acknowledged"].update(ids)
            self.ledger["next"] += 1


def stored(server):
    """Span ids of all rows, page by page."""
    spans, cursor = [], None
    while True:
        more = {"cursor": cursor} if cursor else {}
        page = server.get("/api/v1/requests", limit=500, since="1h", **more)
        spans += [row["span_id"] for row in page["items"]]
        cursor = page["next_cursor"]
        if not cursor:
            return spans


def test_fifty_kills_lose_and_double_nothing(tmp_path, upstream):
    dice = random.Random(7)
    ledgers = [{"next": 0, "acknowledged": set()} for _ in range(2)]
    slowest = 0.0
    for _ in range(KILLS):
        begun = time.monotonic()
        server = Flowgauge(tmp_path, upstream)
        slowest = max(slowest, time.monotonic() - begun)
        senders = [Sender(server.url, n, ledger) for n, ledger in enumerate(ledgers, start=1)]
        for sender in senders:
            sender.start()
        # The moment of the kill is what is random here, not a wait for anything.
        time.sleep(dice.uniform(0.02, 0.25))
        server.process.kill()
        server.process.wait()
        server.log.close()
        for sender in senders:
            sender.join()
    server = Flowgauge(tmp_path, upstream)
    spans = stored(server)
    counted = server.get("/api/v1/kpis/request_count", since="1h")["value"]
    server.stop()
    acknowledged = set().union(*(ledger["acknowledged"] for ledger in ledgers))
    assert len(acknowledged) > KILLS * SPANS, "too little was sent for the kills to mean anything"
    assert acknowledged <= set(spans), "acknowledged spans are missing"
    assert len(spans) == len(set(spans)), "spans are there twice"
    assert counted == len(spans), "rollups and rows differ"
    assert slowest <= READY_S, f"a start took {slowest:.2f} s"
    print(f"{len(acknowledged)} acknowledged, {len(spans)} stored, slowest start {slowest:.2f} s")
