"""Alerts that others post: told once when they begin, once when they end, a SIGKILL in between or not."""

import datetime
import json
import urllib.request


from alerting import Alerting
from conftest import wait_for

RULES = """
channels:
  hook: {type: webhook, url: "%s/hook"}
alerts:
- alert: busy
  condition: inflight_requests >= 1000
  severity: critical
  channels: [hook]
  message: "{{value}} in flight"
"""
LABELS = {"alertname": "DiskFull", "severity": "critical", "host": "a"}


def post(server, **more):
    alert = {"labels": LABELS, "annotations": {"summary": "the disk of a is full"}, **more}
    body = json.dumps([alert]).encode()
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(server.url + "/api/v2/alerts", body, headers)
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200


def test_a_posted_alert_is_told_and_so_is_its_end_after_a_kill(tmp_path, upstream, receiver):
    begin = lambda: Alerting(
        tmp_path, upstream, RULES % receiver.url, more="  posted_to: [hook]\n"
    )
    server = begin()
    try:
        post(server)
        [message] = wait_for("told", lambda: receiver.at("/hook"))
        post(server)
        wait_for("recorded", lambda: not server.deliveries()["waiting"])
        server.kill()
        server = begin()
        ticked = server.get("/api/v1/alerts")["at"]
        wait_for("ticks", lambda: server.get("/api/v1/alerts")["at"] != ticked)
        [episode] = server.episodes()
        assert episode["ended"] is None
        now = datetime.datetime.now(datetime.timezone.utc).isoformat()
        post(server, endsAt=now)
        wait_for("its end is told", lambda: len(receiver.at("/hook")) == 2)
        [episode] = server.episodes()
    finally:
        server.stop()
    first, last = receiver.at("/hook")
    assert [m.data["kind"] for m in (first, last)] == ["fired", "resolved"]
    assert message.data["episode"] == last.data["episode"] == episode["id"]
    assert message.data["text"] == "the disk of a is full", message.data
    assert episode["end_reason"] == "recovered"
