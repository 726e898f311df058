"""Servers with rule files of a test's own, and calls that stay in flight while a test wants them to."""

import json
import socket

from conftest import Flowgauge, script

# The fastest there is: tests take seconds.
TICK = "100ms"


def configuration(rules, tick=TICK, more="", sections=""):
    """A configuration with rule files; `more` goes into the section `alerts`."""
    files = "".join(f"    - {file}\n" for file in rules)
    return f"alerts:\n  tick: {tick}\n  eval_delay: 0s\n  rules:\n{files}{more}{sections}"


class Alerting(Flowgauge):
    """A server that judges by the rule text given."""

    def __init__(self, directory, upstream, rules, tick=TICK, more="", sections=""):
        directory.mkdir(exist_ok=True)
        self.calls = []
        self.rules = directory / "rules.yaml"
        self.rules.write_text(rules)
        config = configuration([self.rules], tick, more, sections)
        super().__init__(directory, upstream, config=config)

    def call(self, **what):
        """A call that stays in flight until it is given up, or the server is stopped."""
        self.calls.append(InFlight(self.port, **what))
        return self.calls[-1]

    def stop(self):
        for call in self.calls:
            call.give_up()
        super().stop()

    def rule(self, name):
        """How a rule stands."""
        return next(r for r in self.get("/api/v1/alerts")["rules"] if r["name"] == name)

    def episodes(self):
        """All episodes, newest first, page by page."""
        found, cursor = [], None
        while True:
            page = self.get(
                "/api/v1/alerts/episodes", limit=500, **({"cursor": cursor} if cursor else {})
            )
            found += page["items"]
            cursor = page["next_cursor"]
            if not cursor:
                return found

    def deliveries(self):
        return self.get("/api/v1/alerts/deliveries")

    def said(self):
        """What it has written to its log so far."""
        with open(self.log.name) as log:
            return log.read()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.log.close()


class InFlight:
    """One call that is on its way until it is given up."""

    def __init__(self, port, model="gpt-4o-mini", **what):
        body = json.dumps({"model": model, "messages": [{"role": "user", "content": "hello"}]})
        [(name, value)] = script(**(what or {"hang": "head"})).items()
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.sendall(
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\n"
            f"authorization: Bearer sk-test\r\n"
            f"content-type: application/json\r\n{name}: {value}\r\n"
            f"content-length: {len(body)}\r\n\r\n{body}".encode()
        )

    def give_up(self):
        self.socket.close()
