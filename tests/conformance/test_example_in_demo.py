"""The example application in the demo's place: readers, gateway and provider around it, and an incident of its own."""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import urllib.parse
import urllib.request

from conftest import binary, free_port, wait_for

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples/flowreader/flowreader.py"
# Answers so many times as fast as in life.
SPEED = "40"


@contextlib.contextmanager
def demo(incidents):
    gateway, reader = free_port(), free_port()
    environment = {
        **os.environ, "OPENAI_BASE_URL": f"http://127.0.0.1:{gateway}/v1", "FLOWREADER_CHEAP_MODEL": "demo-small",
        "FLOWREADER_DEAR_MODEL": "demo-large", "FLOWREADER_INCIDENTS": incidents, "ENABLE_RESPONSE_CACHING": "false",
    }
    command = [sys.executable, str(EXAMPLE), "--port", str(reader), "--per-hour", "1000000"]
    application = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    application.stdout.readline()
    command = [binary("FLOWGAUGE_BIN"), "demo", "--app", f"http://127.0.0.1:{reader}", "--listen", f"127.0.0.1:{gateway}",
               "--no-history", "--speed", SPEED]
    shown = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert shown.stderr.readline().startswith("flowgauge demo on ")
        yield f"http://127.0.0.1:{gateway}"
    finally:
        shown.terminate()
        application.terminate()
        shown.wait()
        application.wait()


def rows(url, **query):
    where = urllib.parse.urlencode({"limit": 100, "since": "10m", "spans": "true", "status": "ok", **query})
    with urllib.request.urlopen(f"{url}/api/v1/requests?{where}") as answer:
        return json.load(answer)["items"]


def enhanced(url):
    """Calls of the model for the intent `enhance`, and what the application said of those answers."""
    seen = rows(url, where="intent=enhance")
    model = [r for r in seen if r["protocol"] == "chat"]
    told = [r for r in seen if r["protocol"] == "flowreader"]
    return (model, told) if len(told) >= 5 and len(model) >= 5 else None


def test_the_demo_shows_the_example_application_with_tokens_cost_and_every_intent():
    with demo("") as url:
        intents = {"ask", "explain", "translate", "enhance", "analyze"}
        wait_for("calls of every intent", lambda: intents <= {r["intent"] for r in rows(url) if r["protocol"] == "chat"})
        model, told = wait_for("enhancements", lambda: enhanced(url))
        for row in model:
            assert row["model_requested"] in ("demo-small", "demo-large")
            assert row["input_tokens"] > 0 and row["usage_source"] == "provider"
        # One call of the model for each answer; some of either are still on their way.
        assert abs(len(model) - len(told)) <= 3


def test_calls_the_application_says_nothing_of_are_seen_by_the_gateway():
    with demo("hidden_calls") as url:
        model, told = wait_for("enhancements", lambda: enhanced(url))
        assert len(model) >= 2 * len(told) - 3
