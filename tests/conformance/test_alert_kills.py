"""SIGKILL between rule, outbox, send and record: no fired and no resolved message is lost, a crash
repeats at most the one on its way, with its key, and every episode is resolved once."""

import collections
import datetime
import os
import random
import re
import threading

from alerting import Alerting, InFlight
from conftest import DEADLINE_S, raw_post, script, wait_for
from receiver import Answer, Receiver

KILLS = int(os.environ.get("FLOWGAUGE_KILLS", "25"))
# So many messages are put off by their receiver, so that some episodes are over before they are told.
PUT_OFF = 0.25
# A life without a message to be killed at ends after this.
LONGEST_LIFE_S = 2.5


def rules(url):
    """One group on each channel, so that at most one message of a channel is on its way."""
    return f"""
channels:
  hook: {{type: webhook, url: "{url}/hook"}}
  pager: {{type: pagerduty, routing_key: env:ROUTING_KEY, url: "{url}"}}
alerts:
- alert: busy
  condition: inflight_requests >= 1
  severity: critical
  channels: [hook, pager]
  message: "{{{{value}}}} in flight"
"""


# How the server ends when a port it was given is in use.
UNAVAILABLE = 69


class PortTaken(Exception):
    """Somebody else took the port between its choice and its use."""


class Unwaited(Alerting):
    """A server that may be killed before it is ready."""

    wait = True

    def ready(self):
        if self.process.poll() == UNAVAILABLE and "in use" in self.said():
            raise PortTaken
        return not self.wait or super().ready()

    @classmethod
    def begin(cls, *arguments):
        while True:
            try:
                return cls(*arguments)
            except PortTaken:
                continue


class AtOnce(Unwaited):
    wait = False


class Traffic(threading.Thread):
    """Calls that come and go, so that the rule fires and clears again, until its server dies."""

    def __init__(self, port, dice):
        super().__init__()
        self.port, self.dice, self.over = port, dice, threading.Event()

    def run(self):
        while not self.over.is_set():
            try:
                call = InFlight(self.port)
            except OSError:
                # Not ready yet, or dead.
                self.over.wait(0.05)
                continue
            self.over.wait(self.dice.uniform(0.1, 0.4))
            call.give_up()
            self.over.wait(self.dice.uniform(0.25, 0.6))


class Assassin:
    """Ends a server at a random moment: of its start, of its life, or of a message."""

    def __init__(self, dice):
        self.dice, self.lock = dice, threading.Lock()
        self.server, self.left, self.before = None, 0, False
        self.done = threading.Event()
        # Whether messages are put off.
        self.putting_off = True

    def answers(self, message):
        """For the receiver: kills before the answer, or just after it went out."""
        with self.lock:
            mine = self.server is not None and self.left == 1
            self.left = max(0, self.left - 1)
            server, before, after = self.server, self.before, self.dice.uniform(0, 0.004)
            taken = self.dice.random() >= PUT_OFF or not self.putting_off
            # What fired and was over says two events of PagerDuty's; were the second put off, both
            # would be said again, and no crash would be why.
            taken |= message.body.get("event_action") == "resolve"
        if mine and before:
            self.strike(server)
        elif mine:
            threading.Timer(after, self.strike, (server,)).start()
        return Answer(status=202 if taken else 503, body=b'{"status":"success"}')

    def strike(self, server):
        server.process.kill()
        self.done.set()

    def watch(self, server):
        """Returns when the server is dead."""
        with self.lock:
            self.done.clear()
            self.server, self.before = server, self.dice.random() < 0.5
            # Most kills at a message, the others at any moment.
            self.left = self.dice.choice([0, 1, 2, 3, 4, 5])
            patience = LONGEST_LIFE_S if self.left else self.dice.uniform(0.0, 1.5)
        self.done.wait(patience)
        with self.lock:
            self.server = None
        server.kill()


def settle(server):
    """Waits until nothing is firing any more and everything was told, as long as it goes on."""
    wait_for("nothing fires", lambda: server.rule("busy")["state"] == "inactive")

    def queued():
        deliveries = server.deliveries()
        assert deliveries["dead"] == []
        return sum(channel["queued"] for channel in deliveries["channels"])

    left = queued()
    while left:
        wait_for(f"fewer than {left} messages", lambda: queued() < left)
        left = queued()


def check_webhook(messages, episodes, kills):
    """Every episode is told of, in order; the repeats and what was told as one message."""
    counted = collections.Counter(m.key for m in messages)
    repeats = sum(counted.values()) - len(counted)
    assert repeats <= kills, f"{repeats} repeats after {kills} kills"
    told = collections.defaultdict(list)
    for message in messages:
        step = (message.key, message.body["type"], message.data["kind"])
        assert message.key.startswith(message.data["episode"]), step
        if step not in told[message.data["episode"]]:
            told[message.data["episode"]].append(step)
    assert set(told) == {e["id"] for e in episodes}, "episodes and messages differ"
    joined = 0
    for episode, steps in told.items():
        kinds = [kind for _, _, kind in steps]
        assert kinds in (["fired", "resolved"], ["fired_and_resolved"]), (episode, steps)
        assert len({key for key, _, _ in steps}) == len(steps), (episode, steps)
        joined += kinds == ["fired_and_resolved"]
    # The order of episodes is that of their time-ordered ids.
    firsts = list(dict.fromkeys(m.data["episode"] for m in messages))
    assert firsts == sorted(firsts), "episodes were told out of order"
    return repeats, joined


def check_pagerduty(messages, episodes, most):
    """What PagerDuty's state would be: one incident after another under one key."""
    assert len({m.body["dedup_key"] for m in messages}) == 1
    current, told, closed, repeats = None, [], set(), 0
    for message in messages:
        if message.body["event_action"] == "trigger":
            episode = re.search(r"[0-9a-f]{32}", message.body["client_url"])[0]
            if episode == current or episode in closed:
                repeats += 1
            else:
                assert current is None, "an incident was never resolved"
                told.append(episode)
            current = episode
        else:
            assert message.body["event_action"] == "resolve"
            if current is None:
                repeats += 1
            else:
                closed.add(current)
            current = None
    assert current is None, "the last incident stays open"
    assert told == sorted(e["id"] for e in episodes), "episodes and incidents differ"
    assert repeats <= most, f"{repeats} repeats, {most} at most"
    return repeats


def test_kills_lose_nothing_and_repeat_one_message_at_most(tmp_path, upstream, monkeypatch):
    monkeypatch.setenv("ROUTING_KEY", "0123456789abcdef0123456789abcdef")
    dice = random.Random(11)
    assassin = Assassin(dice)
    receiver = Receiver(assassin.answers)
    witnessed = set()
    try:
        for life in range(KILLS):
            kind = AtOnce if dice.random() < 0.15 else Unwaited
            server = kind.begin(tmp_path, upstream, rules(receiver.url))
            traffic = Traffic(server.port, random.Random(life))
            traffic.start()
            assassin.watch(server)
            traffic.over.set()
            traffic.join(DEADLINE_S)
            witnessed |= {m.data["episode"] for m in receiver.at("/hook")}
        assassin.putting_off = False
        server = Unwaited.begin(tmp_path, upstream, rules(receiver.url))
        try:
            settle(server)
            episodes = server.episodes()
        finally:
            server.stop()
    finally:
        receiver.close()
    assert len(episodes) >= KILLS // 4, "too little fired for the kills to mean anything"
    assert witnessed <= {e["id"] for e in episodes}, "episodes that were told of are gone"
    assert {e["end_reason"] for e in episodes} == {"recovered"}, "an episode stays open"
    hooks, joined = check_webhook(receiver.at("/hook", 202), episodes, KILLS)
    pages = check_pagerduty(receiver.at("/v2/enqueue", 202), episodes, KILLS)
    print(
        f"{KILLS} kills, {len(episodes)} episodes, {joined} told as fired and resolved at once; "
        f"repeated: {hooks} webhooks, {pages} events"
    )


FAILING = """
channels:
  hook: {type: webhook, url: "%s/hook"}
alerts:
- alert: failing
  condition: error_rate > 50%% min 5 samples for %s
  severity: critical
  channels: [hook]
  message: "{{value}}%% fail"
"""


def fail(server, times=10):
    """Calls that the provider answers with 500."""
    for _ in range(times):
        chat = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}]}
        fails = script(status=500, should_retry=False)
        raw_post(server.url, "/v1/chat/completions", chat, fails.items())


def seconds(text):
    return datetime.datetime.fromisoformat(text).timestamp()


def test_a_restart_while_a_condition_is_watched_delays_no_alert(tmp_path, upstream):
    receiver = Receiver()
    # Three ticks of absence take no time away, and a start takes less.
    begin = lambda: Alerting(tmp_path, upstream, FAILING % (receiver.url, "6s"), tick="1s")
    server = begin()
    try:
        fail(server)
        pending = lambda: server.rule("failing")["state"] == "pending"
        wait_for("the condition holds", pending)
        before = server.rule("failing")["instances"][0]
        due = seconds(before["evaluated"]) + before["fires_in_s"]
        server.kill()
        server = begin()
        [message] = wait_for("told", lambda: receiver.at("/hook"))
        [episode] = server.episodes()
    finally:
        server.stop()
        receiver.close()
    assert abs(seconds(episode["fired"]) - due) <= 1, (before, episode)
    # Told at once: the tick, its commit and a send on a loaded machine.
    assert message.at - seconds(episode["fired"]) < 5, (message, episode)


def test_a_kill_while_an_alert_fires_neither_ends_nor_repeats_it(tmp_path, upstream):
    receiver = Receiver()
    begin = lambda: Alerting(tmp_path, upstream, FAILING % (receiver.url, "0s"))
    server = begin()
    try:
        fail(server)
        wait_for("told", lambda: receiver.at("/hook"))
        wait_for("recorded", lambda: not server.deliveries()["waiting"])
        [before] = server.episodes()
        for _ in range(3):
            server.kill()
            server = begin()
            # Evaluated anew, on calls of before the kill.
            ticked = server.get("/api/v1/alerts")["at"]
            wait_for("ticks", lambda: server.get("/api/v1/alerts")["at"] != ticked)
            assert server.rule("failing")["state"] == "firing"
        [after] = server.episodes()
    finally:
        server.stop()
        receiver.close()
    assert (after["id"], after["ended"]) == (before["id"], None)
    assert [m.data["kind"] for m in receiver.at("/hook")] == ["fired"]
