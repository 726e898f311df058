"""`alert replay` over a production hour that was imported, with and without a server on the directory;
`alert drill` through a running one."""

import collections
import csv
import datetime
import json
import subprocess

import pytest

from alerting import Alerting
from conftest import binary, shared_data
from receiver import Answer, Receiver

HOUR = ["--from", "2023-11-16T18:00:00Z", "--to", "2023-11-16T20:00:00Z"]
# Rules for a trace that knows when calls came and their tokens, and no durations.
OWN = """
alerts:
- alert: busy
  condition: throughput > 150rpm for 2m
  severity: warning
  channels: [slack]
  message: "{{value}} rpm"
- alert: very_busy
  condition: throughput > 200rpm for 2m
  severity: critical
  channels: [slack]
  message: "{{value}} rpm"
"""


def flowgauge(directory, *arguments, expect=0):
    """Runs a command over the directory of a server, whether it runs or not."""
    where = ["--config", str(directory / "flowgauge.yaml"), "--data-dir", str(directory / "data")]
    done = subprocess.run(
        [binary("FLOWGAUGE_BIN"), *arguments, *where], cwd=directory, capture_output=True,
        text=True, timeout=300, check=False,
    )
    assert done.returncode == expect, (arguments, done.returncode, done.stderr[-2000:])
    return done.stdout


def trace(directory):
    """The production hour as a file `import` reads: latency made up from the tokens."""
    source = shared_data("azure-llm-2023/code.csv")
    path = directory / "hour.csv"
    with open(source, newline="") as rows, open(path, "w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["timestamp", "model", "input_tokens", "output_tokens", "latency_ms"])
        for row in csv.DictReader(rows):
            prompt, answer = int(row["ContextTokens"]), int(row["GeneratedTokens"])
            # Vaguely as a large model is: so much before the first token, so much for each.
            took = 200 + prompt // 10 + 30 * answer
            at = row["TIMESTAMP"][:26].replace(" ", "T") + "Z"
            writer.writerow([at, "gpt-4", prompt, answer, took])
    return path


MINUTE = 60


def fires(ends, limit, slack=0.05, hold=2 * MINUTE, keep=2 * MINUTE):
    """When a rule over calls a minute fires and is over, worked out from the table of alerting 8.1."""
    counts = collections.Counter(int(end // MINUTE) for end in ends)
    state, elapsed, found = "inactive", 0, []
    for minute in range(min(counts) + 1, max(counts) + 60):
        count = counts[minute - 1]
        if count == 0:
            continue
        high, clear = count > limit, count < limit * (1 - slack)
        if state == "inactive" and high:
            state, elapsed = "pending", 0
        elif state == "pending":
            elapsed += MINUTE
            state = state if high else "inactive"
            if high and elapsed >= hold:
                state = "firing"
                found.append([minute * MINUTE, None])
        elif state == "firing" and clear:
            state, elapsed = "recovering", 0
        elif state == "recovering":
            elapsed += MINUTE
            if high:
                state = "firing"
            elif clear and elapsed >= keep:
                state = "inactive"
                found[-1][1] = minute * MINUTE
    return found


def moment(text):
    return text and datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def ends(path):
    """When each call of the trace was over."""
    with open(path, newline="") as rows:
        return [moment(r["timestamp"]) + int(r["latency_ms"]) / 1_000 for r in csv.DictReader(rows)]


def test_an_hour_that_was_imported_is_replayed_by_its_server_and_without_one(tmp_path, upstream):
    path = trace(tmp_path)
    replay = ["alert", "replay", *HOUR, "--json"]
    server = Alerting(tmp_path, upstream, OWN)
    try:
        flowgauge(tmp_path, "import", str(path))
        served = json.loads(flowgauge(tmp_path, *replay))
        edited = tmp_path / "edited.yaml"
        edited.write_text(OWN.replace("150rpm", "1000rpm"))
        other = json.loads(flowgauge(tmp_path, *replay, "--rules", str(edited)))
        edited.write_text(OWN.replace("150rpm", "150ms"))
        flowgauge(tmp_path, *replay, "--rules", str(edited), expect=65)
    finally:
        server.stop()
    alone = json.loads(flowgauge(tmp_path, *replay))
    assert alone == served
    rules = {rule["rule"]: rule for rule in served["rules"]}
    for name, limit in [("busy", 150), ("very_busy", 200)]:
        found = [[moment(e["fired"]), moment(e["resolved"])] for e in rules[name]["episodes"]]
        assert found == fires(ends(path), limit), name
        assert rules[name]["fired"] == len(found)
        # Two hours: pages a day are twelve times the pages.
        assert rules[name]["per_day"] == pytest.approx(12 * rules[name]["pages"])
    assert rules["busy"]["fired"] > 0
    # What the stricter rule says the milder one need not say too.
    assert rules["busy"]["pages"] <= rules["busy"]["fired"]
    assert {r["rule"]: r["fired"] for r in other["rules"]}["busy"] == 0


def test_a_drill_takes_the_real_way_and_says_what_its_receivers_said(tmp_path, upstream):
    well, bad = Receiver(), Receiver(lambda m: Answer(status=404, body=b"no such hook"))
    rules = f"""
channels:
  well: {{type: webhook, url: "{well.url}/hook"}}
  bad: {{type: webhook, url: "{bad.url}/hook"}}
alerts:
- alert: busy
  condition: inflight_requests >= 1000
  severity: critical
  channels: [well]
  message: "{{{{value}}}} in flight"
"""
    server = Alerting(tmp_path, upstream, rules)
    try:
        drill = json.loads(flowgauge(tmp_path, "alert", "drill", "busy", "--json"))
        refused = json.loads(
            flowgauge(tmp_path, "alert", "drill", "--channel", "bad", "--json", expect=2)
        )
        flowgauge(tmp_path, "alert", "drill", "bussy", expect=64)
        assert server.episodes() == [], "a drill is no episode"
    finally:
        server.stop()
        well.close()
        bad.close()
    [delivery] = drill["deliveries"]
    assert (delivery["channel"], delivery["state"]) == ("well", "delivered")
    [message] = well.at("/hook")
    assert message.data["kind"] == "drill" and message.key.startswith(drill["id"])
    [delivery] = refused["deliveries"]
    assert delivery["state"] == "dead" and "HTTP 404" in delivery["answer"], delivery
