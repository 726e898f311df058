"""Receivers that limit, fail, hang or are away: all is delivered in order afterwards, what is refused
for good is seen and told elsewhere, and one channel delays no other."""

import re
import threading
import time
import urllib.request

import pytest

from alerting import Alerting
from conftest import wait_for
from receiver import Answer, Receiver


def rules(channels, names, severity="critical"):
    """The rule `busy`, told through the channels named."""
    return f"""
channels:
{channels}
alerts:
- alert: busy
  condition: inflight_requests >= 1
  severity: {severity}
  channels: [{names}]
  message: "{{{{value}}}} in flight"
"""


def fire_and_clear(server, times=1):
    """So many episodes, each of them stored before the next begins."""
    for count in range(times):
        before = len(server.episodes())
        call = server.call()
        wait_for("an episode", lambda: len(server.episodes()) == before + 1)
        call.give_up()
        wait_for("its end", lambda: all(e["ended"] for e in server.episodes()))


def metric(server, name):
    with urllib.request.urlopen(server.url + "/metrics") as answer:
        text = answer.read().decode()
    return float(re.search(rf"^flowgauge_{name} (\S+)$", text, re.M)[1])


def told(messages):
    """Episodes and kinds in order."""
    return [(m.data["episode"], m.data["kind"]) for m in messages]


class Troubled:
    """A receiver in trouble until `well`: each message is answered by `trouble`."""

    def __init__(self, trouble):
        self.trouble, self.well = trouble, threading.Event()
        self.receiver = Receiver(lambda m: Answer() if self.well.is_set() else self.trouble)


@pytest.mark.parametrize("status, headers", [
    (429, {"retry-after": "1"}), (503, {}), (503, {"retry-after": "1"}), (502, {}),
])
def test_what_is_put_off_is_delivered_in_order_afterwards(tmp_path, upstream, status, headers):
    troubled = Troubled(Answer(status=status, headers=headers, body=b"not now"))
    receiver = troubled.receiver
    hook = f'  hook: {{type: webhook, url: "{receiver.url}/hook"}}'
    server = Alerting(tmp_path, upstream, rules(hook, "hook"))
    try:
        fire_and_clear(server, 3)
        wait_for("an attempt", lambda: receiver.at("/hook"))
        assert not receiver.at("/hook", 200)
        troubled.well.set()
        wait_for("all told", lambda: not server.deliveries()["waiting"])
        episodes = sorted(e["id"] for e in server.episodes())
        deliveries = [server.get(f"/api/v1/alerts/episodes/{id}")["deliveries"] for id in episodes]
        assert server.deliveries()["dead"] == []
    finally:
        server.stop()
        receiver.close()
    heard = told(receiver.at("/hook", 200))
    # An episode that was over before anybody heard of it is told once, as that.
    assert [e for e, _ in heard] == sorted(e for e, _ in heard)
    for episode in episodes:
        kinds = [kind for e, kind in heard if e == episode]
        assert kinds in (["fired", "resolved"], ["fired_and_resolved"]), (episode, heard)
    for rows in deliveries:
        assert {row["state"] for row in rows} <= {"delivered", "merged"}, rows
    if "retry-after" in headers:
        times = [m.at for m in receiver.at("/hook")]
        gaps = [b - a for a, b in zip(times, times[1:]) if not troubled.well.is_set() or b < times[-1]]
        assert all(gap >= 0.95 for gap in gaps[: len(receiver.at("/hook", status)) - 1]), gaps


def test_a_receiver_that_is_away_hears_everything_when_it_is_back(tmp_path, upstream):
    receiver = Receiver()
    hook = f'  hook: {{type: webhook, url: "{receiver.url}/hook"}}'
    receiver.close()
    server = Alerting(tmp_path, upstream, rules(hook, "hook"))
    try:
        fire_and_clear(server, 2)
        waiting = wait_for(
            "attempts", lambda: [d for d in server.deliveries()["waiting"] if d["attempts"]]
        )
        assert "refused" in waiting[0]["answer"].lower(), waiting
        receiver.open()
        wait_for("all told", lambda: not server.deliveries()["waiting"])
        episodes = sorted(e["id"] for e in server.episodes())
    finally:
        server.stop()
        receiver.close()
    heard = told(receiver.at("/hook"))
    assert [e for e, _ in heard] == episodes, heard
    assert {kind for _, kind in heard} == {"fired_and_resolved"}


def test_a_channel_that_hangs_delays_no_other(tmp_path, upstream):
    hanging, well = Receiver(lambda m: Answer(hang=True)), Receiver()
    channels = f"""  hangs: {{type: webhook, url: "{hanging.url}/hook"}}
  works: {{type: webhook, url: "{well.url}/hook"}}"""
    server = Alerting(tmp_path, upstream, rules(channels, "hangs, works"))
    try:
        begun = time.monotonic()
        fire_and_clear(server, 3)
        wait_for("told", lambda: len(well.at("/hook")) == 6)
        took = time.monotonic() - begun
        # The first message hangs: the others of its group wait behind it.
        assert len(hanging.at("/hook")) == 1
        # A send is given up after 15 s; the others were told long before.
        assert took < 12, f"took {took:.1f} s"
        hanging.answers = lambda m: Answer()
        wait_for("the hanging one recovers", lambda: not server.deliveries()["waiting"])
        episodes = sorted(e["id"] for e in server.episodes())
    finally:
        server.stop()
        hanging.close()
        well.close()
    assert told(well.at("/hook")) == [(e, k) for e in episodes for k in ("fired", "resolved")]
    first, again, *_ = hanging.at("/hook")
    assert first.key == again.key, "a message without an answer keeps its key"
    heard = told(hanging.at("/hook", 200))
    assert list(dict.fromkeys(e for e, _ in heard)) == episodes, heard


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 301])
def test_what_is_refused_for_good_is_seen_and_told_elsewhere(tmp_path, upstream, status):
    answer = Answer(status=status, headers={"location": "http://127.0.0.1:9/"}, body=b"no such hook")
    bad, good = Receiver(lambda m: answer), Receiver()
    channels = f"""  bad: {{type: webhook, url: "{bad.url}/hook", fallback: [good]}}
  good: {{type: webhook, url: "{good.url}/hook"}}"""
    server = Alerting(tmp_path, upstream, rules(channels, "bad"))
    try:
        call = server.call()
        [message] = wait_for("told elsewhere", lambda: good.at("/hook"))
        [dead] = wait_for("seen", lambda: server.deliveries()["dead"])
        channel = next(c for c in server.deliveries()["channels"] if c["name"] == "bad")
        assert metric(server, "alert_deliveries_dead") == 1
        # Both within seconds of the refusal.
        assert message.at - bad.at("/hook")[0].at < 5
        call.give_up()
        given_up = time.time()
        wait_for("the end is told elsewhere", lambda: len(good.at("/hook")) == 2)
        assert good.at("/hook")[1].at - given_up < 5, "a channel that is left alone delays nothing"
        wait_for("nothing waits", lambda: not server.deliveries()["waiting"])
        [episode] = server.episodes()
    finally:
        server.stop()
        bad.close()
        good.close()
    assert dead["channel"] == "bad" and dead["state"] == "dead"
    assert f"HTTP {status}" in dead["answer"], dead
    assert channel["dead"] == 1 and f"HTTP {status}" in channel["answer"], channel
    assert message.data["annotations"]["instead_of"] == "bad"
    assert told(good.at("/hook")) == [(episode["id"], "fired"), (episode["id"], "resolved")]
    assert len(bad.at("/hook")) == 1, "a channel that refuses is left alone"


def test_a_dead_letter_is_tried_again_by_hand(tmp_path, upstream):
    troubled = Troubled(Answer(status=404, body=b"no_service"))
    receiver = troubled.receiver
    hook = f'  hook: {{type: webhook, url: "{receiver.url}/hook"}}'
    server = Alerting(tmp_path, upstream, rules(hook, "hook"))
    try:
        call = server.call()
        [dead] = wait_for("a dead letter", lambda: server.deliveries()["dead"])
        troubled.well.set()
        url = f"{server.url}/api/v1/alerts/deliveries/{dead['seq']}/retry"
        with urllib.request.urlopen(urllib.request.Request(url, b"", method="POST")) as answer:
            assert answer.status == 204
        [message] = wait_for("delivered", lambda: receiver.at("/hook", 200))
        wait_for("no dead letters", lambda: not server.deliveries()["dead"])
        call.give_up()
        wait_for("its end", lambda: len(receiver.at("/hook", 200)) == 2)
    finally:
        server.stop()
        receiver.close()
    assert message.key == receiver.at("/hook")[0].key


def test_slacks_limit_stops_the_whole_channel_for_as_long_as_it_asks(tmp_path, upstream, monkeypatch):
    limited = Answer(
        status=429, headers={"retry-after": "2"},
        body=b'{"retry_after":2,"ok":false,"error":"rate_limited"}',
    )
    troubled = Troubled(limited)
    receiver = troubled.receiver
    monkeypatch.setenv("SLACK_WEBHOOK_URL", f"{receiver.url}/slack")
    one = rules("", "slack").replace("channels:\n\n", "")
    two = one + one[one.index("- alert"):].replace("busy", "crowded")
    server = Alerting(tmp_path, upstream, two)
    try:
        call = server.call()
        [first, *_] = wait_for("an attempt", lambda: receiver.at("/slack"))
        troubled.well.set()
        wait_for("all told", lambda: not server.deliveries()["waiting"])
        call.give_up()
    finally:
        server.stop()
        receiver.close()
    # Those of the other group may have left together with the first.
    later = [m.at - first.at for m in receiver.at("/slack", 200)]
    assert all(after < 0.5 or after > 1.9 for after in later) and max(later) > 1.9, later
    told = [m.body["attachments"][0]["fields"][0]["value"] for m in receiver.at("/slack", 200)]
    assert {"busy", "crowded"} <= set(told), told
