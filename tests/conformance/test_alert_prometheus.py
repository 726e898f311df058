"""`semantics: prometheus` against Debian's Prometheus: a thousand random series, the same inputs at the same
timestamps, every state of every alert compared.

One recording rule copies what the alerts of an evaluation look at, so both machines see the same whatever
is scraped meanwhile; the alerting rules read that copy. What is compared is `ALERTS` as Prometheus stored it, and what it posted to its Alertmanager.
"""

import collections
import datetime
import http.server
import json
import math
import random
import subprocess
import threading
import time
import urllib.parse
import urllib.request

import pytest
from conftest import CACHE, binary, free_port, wait_for

PROMETHEUS = CACHE / "conformance/debian/prometheus/usr/bin/prometheus"
SERIES = 1_000
SCRAPE_MS, INTERVAL_MS = 200, 250
# A minute of evaluations, after the five seconds until Prometheus begins to scrape.
EVALUATIONS = 65_000 // INTERVAL_MS
# Samples with a timestamp of their own are not marked stale when they stop; they fade after this.
LOOKBACK_MS = 1_500
# A firing alert is posted again after so long; a minute by default, which a minute of test would not show.
RESEND_MS = 2_000
# `for` and `keep_firing_for`, in ms; every rule has its share of the series.
RULES = [(hold, keep) for hold in (0, 1_000, 2_000) for keep in (0, 1_000, 2_000)]


class Signal:
    """One series: over the limit, under it, not a number or gone, for random lengths around those of the rules."""

    def __init__(self, number, dice):
        self.name = f"{number:04d}"
        self.rule = number % len(RULES)
        self.dice = random.Random(dice.random())
        # How many scrapes it stays as it is, on average: some flap, some are calm.
        self.length = self.dice.choice([1, 3, 6, 12, 25])
        self.own_time = self.dice.random() < 0.2
        self.left, self.kind = 0, "under"

    def next(self, now_ms):
        if self.left <= 0:
            self.kind = self.dice.choices(["over", "under", "gone", "nan"], [6, 3, 2, 1])[0]
            self.left = 1 + int(self.dice.expovariate(1 / self.length))
        self.left -= 1
        if self.kind == "gone":
            return None
        value = {"over": self.dice.uniform(0.5001, 9), "under": self.dice.uniform(0, 0.5), "nan": math.nan}
        stamp = f" {now_ms}" if self.own_time else ""
        return f'signal{{series="{self.name}",rule="{self.rule}"}} {value[self.kind]}{stamp}\n'


class Exposition(http.server.ThreadingHTTPServer):
    """What is scraped; one scrape in fifty fails, which makes every series stale."""

    def __init__(self, port=0):
        super().__init__(("127.0.0.1", port), Handler)
        self.dice = random.Random(20_260_118)
        self.series = [Signal(number, self.dice) for number in range(SERIES)]
        self.lock = threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def stop(self):
        self.shutdown()
        self.server_close()

    def handle_error(self, request, address):
        # A scrape that is too slow is given up by the other side.
        pass

    def scrape(self):
        with self.lock:
            now = time.time_ns() // 1_000_000
            lines = [one.next(now) for one in self.series]
            fails = self.dice.random() < 0.02
        return None if fails else "".join(line for line in lines if line)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = self.server.scrape()
        self.send_response(500 if body is None else 200)
        self.send_header("content-type", "text/plain; version=0.0.4")
        self.send_header("content-length", str(len(body or "")))
        self.end_headers()
        self.wfile.write((body or "").encode())

    def log_message(self, *_):
        pass


class Sink(http.server.ThreadingHTTPServer):
    """An Alertmanager that keeps what is posted: series, start, end, whether that is past."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Inlet)
        self.posted = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def stop(self):
        self.shutdown()
        self.server_close()


class Inlet(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        alerts = json.loads(self.rfile.read(int(self.headers["content-length"])))
        now = time.time_ns() // 1_000_000
        for alert in alerts:
            starts, ends = millis(alert["startsAt"]), millis(alert["endsAt"])
            self.server.posted.append((alert["labels"]["series"], starts, ends, ends <= now))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def millis(text):
    """Whole ms of a moment in RFC 3339, rounded down as Prometheus does for what it stores."""
    whole, _, rest = text.removesuffix("Z").partition(".")
    seconds = datetime.datetime.fromisoformat(whole + "+00:00").timestamp()
    return int(seconds) * 1_000 + int(rest.ljust(3, "0")[:3])


class Prometheus:
    """A running Prometheus on a directory of its own."""

    def __init__(self, directory, config, *options):
        (directory / "prometheus.yml").write_text(json.dumps(config))
        self.url = f"http://127.0.0.1:{free_port()}"
        self.log = open(directory / "prometheus.log", "w+")
        self.process = subprocess.Popen(
            [
                PROMETHEUS, f"--config.file={directory / 'prometheus.yml'}",
                f"--storage.tsdb.path={directory / 'tsdb'}",
                f"--web.listen-address={self.url.removeprefix('http://')}", *options,
            ],
            stderr=self.log, stdout=self.log,
        )
        wait_for("Prometheus ready", self.ready)

    def ready(self):
        if self.process.poll() is not None:
            self.log.seek(0)
            pytest.fail(f"Prometheus ended with {self.process.returncode}: {self.log.read()}")
        try:
            with urllib.request.urlopen(self.url + "/-/ready") as answer:
                return answer.status == 200
        except OSError:
            return False

    def get(self, path, **parameters):
        with urllib.request.urlopen(f"{self.url}{path}?{urllib.parse.urlencode(parameters)}") as answer:
            return json.load(answer)["data"]

    def query(self, text):
        return self.get("/api/v1/query", query=text)["result"]

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.log.close()


def rule_file():
    rules = [{"record": "over", "expr": "signal > 0.5"}]
    for number, (hold, keep) in enumerate(RULES):
        rules.append({
            "alert": f"rule{number}", "expr": f'over{{rule="{number}"}}',
            "for": f"{hold}ms", "keep_firing_for": f"{keep}ms",
        })
    # Last, so that what is recorded at its moments is complete.
    rules.append({"record": "evaluated", "expr": "vector(1)"})
    return {"groups": [{"name": "all", "interval": f"{INTERVAL_MS}ms", "rules": rules}]}


@pytest.fixture
def recorded(tmp_path):
    """Moments of evaluations in ms, the series over the limit at each, the states at each, what was posted."""
    exposition, sink = Exposition(), Sink()
    (tmp_path / "rules.yml").write_text(json.dumps(rule_file()))
    target = f"127.0.0.1:{exposition.server_address[1]}"
    prometheus = Prometheus(
        tmp_path,
        {
            "global": {"scrape_interval": f"{SCRAPE_MS}ms", "scrape_timeout": f"{SCRAPE_MS}ms"},
            "rule_files": [str(tmp_path / "rules.yml")],
            "scrape_configs": [{"job_name": "signals", "static_configs": [{"targets": [target]}]}],
            "alerting": {"alertmanagers": [
                {"static_configs": [{"targets": [f"127.0.0.1:{sink.server_address[1]}"]}]},
            ]},
        },
        f"--rules.alert.resend-delay={RESEND_MS}ms",
        f"--query.lookback-delta={LOOKBACK_MS}ms",
    )
    try:
        # A machine that is busy evaluates less often; what counts is how often it did.
        end = time.monotonic() + 600
        while True:
            counted = prometheus.query("count_over_time(evaluated[15m])")
            if counted and int(counted[0]["value"][1]) >= EVALUATIONS:
                break
            assert time.monotonic() < end, "Prometheus evaluates too slowly"
            time.sleep(1)
        [evaluated] = prometheus.query("evaluated[15m]")
        moments = [ms(sample) for sample in evaluated["values"]]
        until = moments[-1] / 1_000
        over, states = collections.defaultdict(list), collections.defaultdict(dict)
        for series in prometheus.get("/api/v1/query", query="over[15m]", time=until)["result"]:
            for sample in series["values"]:
                over[ms(sample)].append((series["metric"]["rule"], series["metric"]["series"]))
        for series in prometheus.get("/api/v1/query", query="ALERTS[15m]", time=until)["result"]:
            metric = series["metric"]
            for sample in series["values"]:
                assert metric["series"] not in states[ms(sample)], "two states at a time"
                states[ms(sample)][metric["series"]] = metric["alertstate"]
    finally:
        prometheus.stop()
        exposition.stop()
        sink.stop()
    assert set(over) <= set(moments) and set(states) <= set(moments)
    return moments, over, states, sink.posted


def ms(sample):
    return round(sample[0] * 1_000)


def ours(number, moments, over):
    """States of one rule and what is sent, at each moment, by our machine."""
    hold, keep = RULES[number]
    lines = [{
        "interval_us": INTERVAL_MS * 1_000, "for_us": hold * 1_000, "keep_firing_for_us": keep * 1_000,
        "resend_us": RESEND_MS * 1_000,
    }]
    for at in moments:
        active = sorted(series for rule, series in over[at] if rule == str(number))
        lines.append({"at_us": at * 1_000, "active": active})
    ended = subprocess.run(
        [binary("PROMETHEUS_STATES_BIN")], input="".join(json.dumps(line) + "\n" for line in lines),
        capture_output=True, text=True, timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    answers = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [answer["at_us"] for answer in answers] == [at * 1_000 for at in moments]
    return [(answer["states"], answer["sent"]) for answer in answers]


def transitions(moments, states):
    """(series, moment, from, to) of every change, in order."""
    found, before = [], {}
    for at, now in zip(moments, states):
        for series in sorted(before.keys() | now.keys()):
            was, is_now = before.get(series, "inactive"), now.get(series, "inactive")
            if was != is_now:
                found.append((series, at, was, is_now))
        before = now
    return found


def test_a_thousand_random_series_fire_and_end_as_in_prometheus(recorded):
    moments, over, states, posted = recorded
    # `ALERTS` is written once the state of before the start was looked for, at the second evaluation.
    first = moments.index(min(states))
    assert first <= max(3, moments.index(min(over)))
    mine, sent = collections.defaultdict(dict), []
    for number in range(len(RULES)):
        for at, (now, sends) in zip(moments, ours(number, moments, over)):
            mine[at].update(now)
            sent += [(series, starts // 1_000, ends // 1_000, is_over) for series, starts, ends, is_over in sends]
    compared = moments[first:]
    theirs = transitions(compared, [states[at] for at in compared])
    same = transitions(compared, [mine[at] for at in compared])
    fired, fired_here = fire_times(theirs), fire_times(same)
    assert fired.keys() == fired_here.keys()
    apart = max(abs(at - fired_here[key]) for key, at in fired.items())
    assert apart <= INTERVAL_MS
    assert same == theirs
    seen = {series for series, *_ in theirs}
    kinds = collections.Counter((was, now) for _, _, was, now in theirs)
    # Every way there is, and almost every series, or the comparison means little.
    assert {("inactive", "pending"), ("inactive", "firing"), ("pending", "firing"),
            ("pending", "inactive"), ("firing", "inactive")} <= set(kinds)
    assert len(seen) > 0.95 * SERIES and len(fired) > SERIES
    posts = same_posts(moments, sent, posted)
    print(
        f"\n{SERIES} series, {len(compared)} evaluations, {len(theirs)} transitions of {len(seen)} series identical, "
        f"{len(fired)} fire times, at most {apart} ms apart, {posts} posts identical; {dict(kinds)}"
    )


def same_posts(moments, sent, posted):
    """Asserts that Alertmanager is told the same; how many messages were compared.

    The end of a firing alert is four resend delays after the evaluation that posted it. Prometheus learns of
    its Alertmanager some seconds after its start, and what it posts last may be on its way still: what lies
    within two seconds of either is left out.
    """
    lasts = 4 * max(INTERVAL_MS, RESEND_MS)
    margin = 2_000
    begin = min(ends - lasts for _, _, ends, is_over in posted if not is_over) + margin
    end = moments[-1] - margin
    firing = lambda found: {p for p in found if not p[3] and begin <= p[2] - lasts <= end}  # noqa: E731
    # An end is posted again and again; how often by the last evaluation is a matter of moments.
    over = lambda found: {p for p in found if p[3] and begin <= p[2] <= end}  # noqa: E731
    assert firing(posted) == firing(sent)
    assert over(posted) == over(sent)
    assert over(sent) and len(firing(sent)) > len(over(sent))
    return len(firing(sent)) + len(over(sent))


def fire_times(found):
    """When each series fired for the first time, the second time, …"""
    count, times = collections.Counter(), {}
    for series, at, _, now in found:
        if now == "firing":
            count[series] += 1
            times[series, count[series]] = at
    return times
