"""The guide's emergency, drilled: users ask through the gateway while `performance-emergency-response.sh critical` runs.
People hear of it within five seconds, the rollback is proven by the requests since, and no request fails.
"""

import json
import os
import threading
import time
import urllib.error
import urllib.request

import pytest

from alerting import configuration
from conftest import DEADLINE_S, wait_for
from wrappers import Wrappers

USERS = 8
# The time the guide's team may be left in the dark.
TOLD_WITHIN_S = 5
# Asked by everybody, so that answers come from memory while caching is on.
QUESTIONS = ["Who rings the bell?", "Where is the lighthouse?", "What does Ada read?"]
SWITCHED = ("response_caching", "prompt_optimization")


class Traffic:
    """Users who ask one question after another, half of them streaming, and keep what came back."""

    def __init__(self, url):
        self.url, self.ended = url, threading.Event()
        self.lock, self.answers, self.failures = threading.Lock(), [], []
        self.users = [threading.Thread(target=self.use, args=(n,), daemon=True) for n in range(USERS)]
        for user in self.users:
            user.start()

    def use(self, user):
        asked = 0
        while not self.ended.is_set():
            begun, question = time.time(), QUESTIONS[asked % len(QUESTIONS)]
            asked += 1
            try:
                headers, body = self.ask(user, question, stream=user % 2 == 0)
                complete = b"[DONE]" in body if user % 2 == 0 else bool(json.loads(body)["choices"])
                with self.lock:
                    self.answers.append((begun, headers))
                    if not complete:
                        self.failures.append(body[-200:])
            except (OSError, ValueError, KeyError) as error:
                with self.lock:
                    self.failures.append(error)

    def ask(self, user, question, stream):
        body = {"model": "gpt-4o-mini", "stream": stream, "temperature": 0,
                "messages": [{"role": "user", "content": question}]}
        headers = {"content-type": "application/json", "authorization": "Bearer sk-test", "x-flowgauge-user": f"user-{user}"}
        request = urllib.request.Request(self.url + "/v1/chat/completions", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
            return {k.lower(): v for k, v in answer.headers.items()}, answer.read()

    def touched(self, since=0.0):
        """Answers to questions asked since then that an optimisation touched, and how many there were."""
        with self.lock:
            asked = [headers for begun, headers in self.answers if begun >= since]
        return [h for h in asked if is_touched(h)], len(asked)

    def end(self):
        self.ended.set()
        for user in self.users:
            user.join()


def is_touched(headers):
    return headers.get("x-flowgauge-cache", "").startswith("hit") or bool(headers.get("x-flowgauge-applied"))


@pytest.fixture
def drilled(start, tmp_path, receiver):
    """A server whose team hears by webhook, with the usual tick, and the wrappers."""
    rules = tmp_path / "rules.yaml"
    rules.write_text(f'channels:\n  duty: {{type: webhook, url: "{receiver.url}/duty"}}\nalerts: []\n')
    server = start(config=configuration([rules], tick="10s", more="  posted_to: [duty]\n"))
    return server, Wrappers(tmp_path, server)


def flowgauge(wrappers, command):
    code, out, told = wrappers.run(f"{os.environ['FLOWGAUGE_BIN']} {command}")
    assert code == 0, (command, out, told)
    return out


def test_an_emergency_on_live_traffic_is_told_within_five_seconds_and_no_request_fails(drilled, receiver):
    server, wrappers = drilled
    for mechanism in SWITCHED:
        flowgauge(wrappers, f"opt rollout {mechanism} --mode on --yes --reason drill")
    traffic = Traffic(server.url)
    try:
        wait_for("answers from memory", lambda: traffic.touched()[0])
        begun = time.time()
        code, out, told = wrappers.run("scripts/performance-emergency-response.sh critical")
        ended = time.time()
        assert code == 0, told
        # Enough of what is asked after it to say that it holds.
        wait_for("requests after the rollback", lambda: traffic.touched(ended)[1] >= 10 * USERS)
        proof, checks, why = wrappers.run("scripts/validate-rollback-status.sh")
        [first, *_] = wait_for("the team's message", lambda: receiver.at("/duty"))
    finally:
        traffic.end()
    assert traffic.failures == []
    assert proof == 0, checks + why
    assert traffic.touched(ended)[0] == [], "nothing is touched that was asked after it"
    assert begun <= first.at <= begun + TOLD_WITHIN_S, first.at - begun
    assert first.data["severity"] == "critical", first.data
    assert out.startswith("🚨 Performance Emergency Response - Severity: critical\n"), out
    [line] = wrappers.path("/var/log/flowreader/emergency-responses.log").read_text().splitlines()
    assert line.endswith("Emergency response executed for critical severity issue"), line
    [incident] = [i for i in server.get("/api/v1/incidents") if i["closed"] is None]
    assert incident["severity"] == "critical", incident


@pytest.mark.parametrize("command, team, grade", [
    ("notify-emergency-team.sh --severity critical", "emergency-team", "critical"),
    ("notify-operations-team.sh --severity high", "operations-team", "high"),
    ("notify-operations-team.sh --severity medium", "operations-team", "medium"),
])
def test_each_team_is_told_by_its_name_with_how_things_stand(drilled, receiver, command, team, grade):
    _, wrappers = drilled
    code, out, told = wrappers.run(f"scripts/{command}")
    # A warning waits for company; the command says that it is on its way.
    assert code == (0 if grade == "critical" else 75), told
    [message] = wait_for("the team's message", lambda: receiver.at("/duty"))
    words = json.dumps(message.body)
    assert f'"team": "{team}"' in words and f"{team}, {grade}" in words, words
    assert "no requests in the last 15 minutes" in words, "how things stand goes with it"
    assert out.strip(), "its id is printed"
