"""The life of an alert through the running server: a hung provider, the signed address, rule files read
again, the dead-man's switch."""

import html
import re
import signal
import sqlite3
import time
import urllib.error
import urllib.request

import pytest

from alerting import Alerting
from conftest import wait_for
from receiver import Answer, Receiver

BUSY = """
channels:
  hook: {type: webhook, url: "%(url)s/hook"}
alerts:
- alert: %(name)s
  condition: inflight_requests >= 1
  severity: critical
  channels: [hook, slack]
  message: "{{value}} in flight"
"""
SLOW = """
channels:
  hook: {type: webhook, url: "%s/hook"}
alerts:
- alert: slow
  condition: p95_latency > 500ms min 1 samples for 1s
  severity: critical
  channels: [hook]
  message: "P95 latency critically high: {{value}}ms"
"""


@pytest.fixture
def serve(tmp_path, upstream):
    servers = []

    def begin(rules, **more):
        servers.append(Alerting(tmp_path, upstream, rules, **more))
        return servers[-1]

    yield begin
    for server in servers:
        server.stop()


def ask(url, method="GET", body=None):
    """Status and text; an error status is an answer too."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, method=method)) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_a_hung_provider_is_told_of_while_the_call_hangs(serve, receiver):
    server = serve(SLOW % receiver.url)
    begun = time.time()
    call = server.call()
    [message] = wait_for("told", lambda: receiver.at("/hook"))
    assert server.get("/api/v1/requests")["items"] == [], "the call has not ended"
    took = message.at - begun
    # 0.5 s until it is slow, 1 s of `for`, a tick; the rest is a loaded machine.
    assert 1.5 <= took < 5, f"told after {took:.2f} s"
    assert (message.data["samples"], message.data["exceeding"]) == (1, 1), message.data
    call.give_up()


def test_the_address_in_a_message_acknowledges_when_its_form_is_sent(serve, receiver, monkeypatch):
    monkeypatch.setenv("SLACK_WEBHOOK_URL", f"{receiver.url}/slack")
    server = serve(BUSY % {"url": receiver.url, "name": "busy"})
    call = server.call()
    [message] = wait_for("told", lambda: receiver.at("/slack"))
    link = html.unescape(re.search(r"<(http[^|>]+/alerts/ack/[^|>]+)\|", str(message.body))[1])
    assert link.startswith(server.url + "/alerts/ack/"), link
    # Programs that look at every address in a message before its reader does.
    for _ in range(3):
        status, page = ask(link)
        assert status == 200 and '<form method="post">' in page
    [episode] = server.episodes()
    assert episode["acked"] is None
    assert ask(link[:-1] + ("A" if link[-1] != "A" else "B"), "POST", b"by=Eve")[0] == 404
    assert server.episodes()[0]["acked"] is None
    assert ask(link, "POST", b"by=Ada")[0] == 200
    [episode] = server.episodes()
    assert episode["acked_by"] == "Ada"
    call.give_up()
    wait_for("its end", lambda: "resolved" in [m.data["kind"] for m in receiver.at("/hook")])


def test_rules_that_cannot_be_read_leave_those_before_in_force(serve, receiver):
    server = serve(BUSY % {"url": receiver.url, "name": "busy"})
    wait_for("evaluated", lambda: server.get("/api/v1/alerts")["at"])

    def reload(text):
        server.rules.write_text(text)
        server.process.send_signal(signal.SIGHUP)

    reload("alerts:\n- alert: busy\n  condition: inflight_requests > 5%\n")
    why = wait_for("refused", lambda: server.get("/api/v1/alerts")["load_error"])
    assert "rules.yaml:3:" in why, why
    assert "rules.yaml:3:" in server.said()
    with urllib.request.urlopen(server.url + "/metrics") as answer:
        assert "\nflowgauge_alert_rules_loaded 0\n" in answer.read().decode()
    call = server.call()
    [message] = wait_for("the rule before fires", lambda: receiver.at("/hook"))
    assert message.data["alert"] == "busy"
    reload(BUSY % {"url": receiver.url, "name": "crowded"})
    wait_for("read again", lambda: server.get("/api/v1/alerts")["load_error"] is None)
    told = lambda: [(m.data["alert"], m.data["kind"]) for m in receiver.at("/hook")]
    wait_for("told of both", lambda: len(told()) == 3)
    assert set(told()[1:]) == {("busy", "resolved"), ("crowded", "fired")}
    assert next(e for e in server.episodes() if e["rule"] == "busy")["end_reason"] == "rule_removed"
    call.give_up()
    wait_for("its end", lambda: ("crowded", "resolved") in told())


def test_a_channel_that_is_put_right_is_used_at_once(serve, receiver):
    wrong = Receiver(lambda message: Answer(status=404, body=b"no such hook"))
    try:
        server = serve(BUSY % {"url": wrong.url, "name": "busy"})
        call = server.call()
        [dead] = wait_for("a dead letter", lambda: [
            d for d in server.deliveries()["dead"] if d["channel"] == "hook"
        ])
        server.rules.write_text(BUSY % {"url": receiver.url, "name": "busy"})
        assert ask(server.url + "/-/reload", "POST", b"")[0] == 202
        wait_for("read again", lambda: "were read again" in server.said())
        call.give_up()
        [message] = wait_for("told at the new address", lambda: receiver.at("/hook"))
    finally:
        wrong.close()
    assert message.data["episode"] == dead["episode"], "the rule is the same, so is its episode"
    assert message.data["kind"] == "resolved"
    assert len(wrong.at("/hook")) == 1


def test_the_heartbeat_comes_and_stops_with_the_process(serve, receiver):
    beats = f"  heartbeat: {{url: '{receiver.url}/beat', every: 1s}}\n"
    server = serve(BUSY % {"url": receiver.url, "name": "busy"}, more=beats)
    wait_for("two beats", lambda: len(receiver.at("/beat")) >= 2)
    first, second = receiver.at("/beat")[:2]
    assert first.body["alert"] == "flowgauge_watchdog" and first.body["status"] == "alive"
    assert 0.8 < second.at - first.at < 6
    assert "no heartbeat" not in server.said(), "a start is no fault"
    server.process.send_signal(signal.SIGSTOP)
    try:
        count = len(receiver.at("/beat"))
        time.sleep(2.5)  # Longer than between two beats.
        assert len(receiver.at("/beat")) == count
    finally:
        server.process.send_signal(signal.SIGCONT)
    wait_for("it beats again", lambda: len(receiver.at("/beat")) > count)


def test_the_heartbeat_stops_while_the_disk_stands_still(serve, receiver, tmp_path):
    beats = f"  heartbeat: {{url: '{receiver.url}/beat', every: 1s}}\n"
    server = serve(BUSY % {"url": receiver.url, "name": "busy"}, more=beats)
    wait_for("a beat", lambda: receiver.at("/beat"))
    other = sqlite3.connect(tmp_path / "data" / "state.db", isolation_level=None, timeout=30)
    other.execute("BEGIN IMMEDIATE")
    try:
        stalled = re.compile("no heartbeat.*stalled")
        end = time.monotonic() + 60
        while not stalled.search(server.said()):
            assert time.monotonic() < end, "it went on beating"
            time.sleep(0.5)
        count = len(receiver.at("/beat"))
        time.sleep(2.5)  # Longer than between two beats.
        assert len(receiver.at("/beat")) == count
    finally:
        other.execute("ROLLBACK")
        other.close()
    wait_for("it beats again", lambda: len(receiver.at("/beat")) > count)
