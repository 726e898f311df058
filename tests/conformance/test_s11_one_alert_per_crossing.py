"""S11: a thousand calls after a budget threshold and an outage of 500 failed ones: each is told once, and
the outage is resolved once."""

import concurrent.futures
import http.client
import json
import threading
import time

from alerting import Alerting
from conftest import script, wait_for
from prices import row as price_row
from receiver import Receiver

MODEL = "scenario-s11"
# One call of a million tokens of input at $0.91 per million: 91 % of a budget of $1.
LARGE = {"prompt_tokens": 1_000_000, "completion_tokens": 1, "total_tokens": 1_000_001}
SMALL = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
FAILED, AFTERWARDS = 500, 1_000
RULES = """
channels:
  stub: {type: webhook, url: "%s/stub"}
alerts:
- alert: outage
  condition: error_rate over 10s > 5%% min 20 samples for 1s
  severity: critical
  channels: [stub]
  message: "Error rate critically high: {{value}}%%, {{exceed}} of {{n}}"
- alert: cost_budget_warning
  condition: daily_cost > 90%% of budget
  severity: critical
  channels: [stub]
  message: "Daily cost approaching budget: {{value}}%% used"
"""


class Client(threading.local):
    """One connection for each thread."""

    connection = None

    def call(self, server, **what):
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        chat = {
            "model": MODEL, "max_tokens": 1, "messages": [{"role": "user", "content": "hello"}],
        }
        fields = {"content-type": "application/json", "authorization": "Bearer k", **script(**what)}
        self.connection.request("POST", "/v1/chat/completions", json.dumps(chat), fields)
        answer = self.connection.getresponse()
        answer.read()
        return answer.status


def test_two_crossings_are_told_once_each_and_the_outage_is_resolved_once(tmp_path, upstream):
    prices = tmp_path / "prices.json"
    prices.write_text(json.dumps({MODEL: price_row(input=0.91, output=0)}))
    receiver, client = Receiver(), Client()
    sections = f"""prices: {prices}
budgets:
  - {{name: all, period: day, limit: 1 USD}}
"""
    server = Alerting(tmp_path / "s11", upstream, RULES % receiver.url, sections=sections)

    def kinds(alert):
        return [m.data["kind"] for m in receiver.at("/stub") if m.data["alert"] == alert]

    try:
        assert client.call(server, usage_object=LARGE) == 200
        wait_for("the budget's alert", lambda: kinds("cost_budget_warning"))
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            fails = {"status": 503, "should_retry": False}
            statuses = list(pool.map(lambda _: client.call(server, **fails), range(FAILED)))
            assert statuses == [503] * FAILED
            wait_for("the outage's alert", lambda: kinds("outage"))
            # Half at once; the others until all failures have left the window, ten seconds long.
            statuses = list(pool.map(
                lambda _: client.call(server, usage_object=SMALL), range(AFTERWARDS // 2)
            ))
            for _ in range(AFTERWARDS // 2):
                statuses.append(client.call(server, usage_object=SMALL))
                time.sleep(0.025)
            assert statuses == [200] * AFTERWARDS
        wait_for("its end", lambda: "resolved" in kinds("outage"))
        wait_for("nothing waits", lambda: not server.deliveries()["waiting"])
        spent = server.get("/api/v1/budgets")[0]["spent_usd"]
        episodes = server.episodes()
    finally:
        server.stop()
        receiver.close()
    messages = receiver.at("/stub")
    assert kinds("outage") == ["fired", "resolved"]
    assert kinds("cost_budget_warning") == ["fired"], "the budget's alert lasts until its day ends"
    assert len(messages) == 3
    [outage] = [m.data for m in messages if (m.data["alert"], m.data["kind"]) == ("outage", "fired")]
    assert outage["exceeding"] >= 20 and f"{outage['exceeding']} of {outage['samples']}" in outage["text"]
    [budget] = [m.data for m in messages if m.data["alert"] == "cost_budget_warning"]
    assert budget["text"] == "Daily cost approaching budget: 91% used"
    assert float(spent) > 0.91, "the calls after the threshold cost nothing"
    assert sorted((e["rule"], e["end_reason"]) for e in episodes) == [
        ("cost_budget_warning", None), ("outage", "recovered"),
    ]
