"""An outage of every receiver at once: one limits, one fails, one hangs, one refuses connections and one
refuses for good. What waits is delivered in order when they are back; the last is seen within a minute."""

import os
import time

import pytest

from alerting import Alerting
from conftest import wait_for
from receiver import Answer, Receiver
from test_alert_delivery import fire_and_clear, metric, told

# Ten minutes by hand; a few seconds prove the same ways.
OUTAGE_S = float(os.environ.get("FLOWGAUGE_OUTAGE_SECONDS", "4"))
# The longest pause between two attempts, the time-out of a send that hangs, and a loaded machine.
LONGEST_PAUSE_S = 300 + 15 + 15
# What is refused for good is visible at least so soon.
VISIBLE_S = 60
# Of a channel that refuses for good one message tries after 1, 3, 7 and 15 minutes whether it was mended:
# less often than this.
TRIED_AGAIN_S = 300
TROUBLES = {
    "limits": Answer(status=429, headers={"retry-after": "2"}, body=b"slow down"),
    "fails": Answer(status=503, body=b"not now"),
    "hangs": Answer(hang=True),
}


def rules(receivers):
    channels = "".join(
        f'  {name}: {{type: webhook, url: "{receiver.url}/hook"}}\n'
        for name, receiver in receivers.items()
    )
    return f"""
channels:
{channels}
alerts:
- alert: busy
  condition: inflight_requests >= 1
  severity: critical
  channels: [{", ".join(receivers)}]
  message: "{{{{value}}}} in flight"
"""


def settled(server, by):
    """Waits until nothing is queued any more, but for the channel that is left alone: its messages wait
    until somebody mends it."""
    while True:
        waiting = [d for d in server.deliveries()["waiting"] if d["channel"] != "gone"]
        if not waiting:
            return
        if time.monotonic() > by:
            pytest.fail(f"still waiting: {waiting[:3]}")
        time.sleep(0.5)


def test_an_outage_loses_nothing_and_what_is_refused_for_good_is_seen(tmp_path, upstream):
    receivers = {name: Receiver(lambda m, a=answer: a) for name, answer in TROUBLES.items()}
    receivers["refuses"] = away = Receiver()
    receivers["gone"] = gone = Receiver(lambda m: Answer(status=404, body=b"no such hook"))
    away.close()
    server = Alerting(tmp_path, upstream, rules(receivers))
    try:
        begun = time.monotonic()
        fire_and_clear(server)
        wait_for("a dead letter", lambda: server.deliveries()["dead"])
        assert metric(server, "alert_deliveries_dead") >= 1
        assert time.monotonic() - begun < VISIBLE_S
        # Some more episodes over the whole outage.
        while time.monotonic() - begun < OUTAGE_S:
            fire_and_clear(server)
            time.sleep(min(OUTAGE_S / 5, max(0.0, begun + OUTAGE_S - time.monotonic())))
        for name in TROUBLES:
            receivers[name].answers = lambda m: Answer()
        # A message that hangs is let go when its sender gives up.
        away.open()
        back = time.monotonic()
        settled(server, back + LONGEST_PAUSE_S)
        took = time.monotonic() - back
        episodes = sorted(e["id"] for e in server.episodes())
        dead = {d["channel"] for d in server.deliveries()["dead"]}
    finally:
        server.stop()
        for receiver in receivers.values():
            receiver.close()
    assert dead == {"gone"}
    tried = len(gone.at("/hook"))
    assert tried <= 2 + (OUTAGE_S + took) / TRIED_AGAIN_S, f"tried {tried} times"
    for name in [*TROUBLES, "refuses"]:
        heard = told(receivers[name].at("/hook", 200))
        assert list(dict.fromkeys(e for e, _ in heard)) == episodes, (name, heard)
        for episode in episodes:
            kinds = [kind for e, kind in heard if e == episode]
            assert kinds in (["fired", "resolved"], ["fired_and_resolved"]), (name, kinds)
    print(f"{OUTAGE_S:.0f} s, {len(episodes)} episodes, all told {took:.0f} s after the end")
