"""The guide from top to bottom: its command blocks in its order, through the wrappers, while people use FlowReader behind
the gateway. Each command ends with the one exit code the stage leads to, which is among those the catalogue allows it.

`FLOWGAUGE_TRANSCRIPT=FILE` keeps what was said.
"""

import calendar
import csv
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.request

import pytest

import history
import mailbox
import sql
from conftest import CACHE, binary, free_port, wait_for
from receiver import Receiver
from wrappers import Wrappers

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
EXITS = pathlib.Path(__file__).with_name("guide-exits.tsv")
# Days of calls; those of late are as many as verdicts about hours want (100), those before as say that there were some.
DAYS, LATELY, EACH_HOUR_LATELY, EACH_HOUR = 63, 9, 110, 3
# Calls of each of these hours that were scored, calls that were rated, and questions that are asked before the play begins.
SCORED, RATED, QUESTIONS = 25, 60, 120
# Scores of one request.
BATCH = 1_000
# A live view is interrupted after so long.
LIVE_S = 3
# Where the guide keeps its baseline.
F6 = "root/var/lib/flowreader/baseline_performance.json"
LIVE = ("--live", "--real-time", "--interval 60", "--duration 1800")
# Lines of an answer that a transcript keeps.
KEPT = 12

FINDING, TOO_LITTLE, WRONG_USE, ON_ITS_WAY, INTERRUPTED = 1, 3, 64, 75, 130
# Whether enough were held out by then, and whether a message has gone when the command ends, is a matter of seconds.
DEPENDS, SENT = {0, TOO_LITTLE}, {0, ON_ITS_WAY}
# Every command that cannot tell says so, where the catalogue forgot it too: proving a rollback where there is none, and
# proposing bounds of a cache that was hardly asked.
FORGOTTEN = {"C55": {TOO_LITTLE}, "C63": {TOO_LITTLE}}
# (heading of the guide, commands; those that end with anything but 0 with their code). The order is the guide's.
BLOCKS = [
    ("Performance Health Check", [
        ("scripts/monitor-performance.sh --live", INTERRUPTED),
        "scripts/performance-health-check.sh",
        ("scripts/collect-performance-metrics.sh --interval 60", INTERRUPTED),
    ]),
    ("Cache Monitoring", [
        ("scripts/monitor-cache-performance.sh --real-time", INTERRUPTED),
        "scripts/analyze-cache-effectiveness.sh --live",
        "scripts/monitor-cache-memory.sh",
    ]),
    ("Quality Monitoring", [
        ("scripts/monitor-quality-scores.sh --live", INTERRUPTED),
        "scripts/detect-quality-regression.sh --threshold 0.05",
        "scripts/monitor-user-satisfaction.sh",
    ]),
    ("Critical Alert Response", [
        "scripts/performance-health-check.sh --critical",
        "scripts/measure-perf-cost.sh --endpoint chat/stream --samples 20",
        "scripts/check-error-logs.sh --last 30min",
        "scripts/analyze-performance-trends.sh --last 2hours",
        "scripts/check-optimization-status.sh",
        "scripts/validate-performance-config.sh",
        "scripts/restart-optimization-services.sh",
        "scripts/clear-performance-cache.sh",
    ]),
    ("Warning Alert Response", [
        ("scripts/monitor-performance.sh --interval 10 --duration 1800", INTERRUPTED),
        "scripts/start-trend-analysis.sh --warning",
        # Lookups of minutes say nothing about lives of a quarter of an hour.
        ("scripts/optimize-cache-settings.sh", TOO_LITTLE),
        "scripts/adjust-token-limits.sh --temporary",
        "scripts/scale-performance-resources.sh",
    ]),
    ("Email Integration", [
        # A warning waits for company, longer than the command.
        ("scripts/send-performance-alert.sh p95_latency_critical 2600ms 2500ms", ON_ITS_WAY),
    ]),
    ("Daily Performance Report", [
        "scripts/daily-performance-analysis.sh --date YESTERDAY --format html",
        "scripts/generate-daily-performance-report.sh",
    ]),
    ("Weekly Performance Analysis", [
        "scripts/collect-weekly-metrics.sh --start WEEK_START --end TODAY --output weekly-metrics.json",
        "scripts/analyze-weekly-trends.sh --input weekly-metrics.json --output weekly-analysis.html",
        "scripts/detect-weekly-regressions.sh --input weekly-metrics.json --output regression-analysis.json",
        "scripts/send-weekly-report.sh --analysis weekly-analysis.html --regressions regression-analysis.json",
        "scripts/generate-weekly-performance-analysis.sh",
    ]),
    ("Monthly Performance Review", [
        "scripts/monthly-performance-analysis.sh --month MONTH --include-trends --include-costs --include-forecasts"
        " --output monthly-review.pdf",
        "scripts/monthly-cost-analysis.sh --month MONTH --include-savings --include-roi --output cost-analysis.csv",
        "scripts/generate-optimization-recommendations.sh --month MONTH --output recommendations.md",
        "scripts/generate-executive-summary.sh --month MONTH --output executive-summary.pdf",
        "scripts/generate-monthly-performance-review.sh",
    ]),
    ("Automated Regression Monitoring", [
        "scripts/collect-recent-performance-data.sh --days 7 --output recent_performance.json",
        "python3 scripts/regression_detector.py BASELINE recent_performance.json",
        ("scripts/send-regression-alert.sh --type latency --magnitude 0.24 --severity warning", ON_ITS_WAY),
        ("scripts/send-regression-alert.sh --type token --magnitude 0.12 --severity warning", ON_ITS_WAY),
        "scripts/send-regression-alert.sh --type quality --magnitude -0.06 --severity critical",
        "scripts/monitor-performance-regressions.sh",
    ]),
    ("High Latency Troubleshooting", [
        "scripts/measure-perf-cost.sh --endpoint chat/stream --samples 20",
        "scripts/analyze-latency-distribution.sh --last 24h",
        "scripts/check-cache-status.sh",
        # PagerDuty has no key.
        ("scripts/validate-optimization-config.sh", FINDING),
        "scripts/check-system-bottlenecks.sh",
        "scripts/restart-optimization-services.sh",
    ]),
    ("Token Usage Spike Troubleshooting", [
        "scripts/analyze-token-usage-patterns.sh --last 24h",
        # Of all tokens of the day, most of which nothing was taken off, less than the target is saved.
        ("scripts/check-token-optimization-status.sh", FINDING),
        "scripts/review-config-changes.sh --last 48h",
        # Answers are longer than the limits that were just lowered.
        ("scripts/validate-token-limits.sh", FINDING),
        "scripts/adjust-optimization-parameters.sh --token-focus",
    ]),
    ("Quality Regression Troubleshooting", [
        # The scripted model talks nonsense.
        ("npx tsx api/_spikes/knowledge-quality-mock-test.ts", FINDING),
        "scripts/analyze-quality-trends.sh --last 7d",
        # Nobody who was held out has a scored answer.
        ("scripts/check-optimization-quality-impact.sh", TOO_LITTLE),
        "scripts/validate-quality-metrics.sh",
        ("scripts/evaluate-optimization-rollback.sh --quality-focus", DEPENDS),
    ]),
    ("Complete Optimization Rollback", [
        "scripts/clear-all-caches.sh",
        "scripts/restart-application-services.sh",
        # Nothing is switched off yet.
        ("scripts/validate-rollback-status.sh", TOO_LITTLE),
        "scripts/emergency-optimization-rollback.sh",
        ("scripts/monitor-performance.sh --interval 30 --duration 1800", INTERRUPTED),
        "scripts/validate-rollback-status.sh",
    ]),
    ("Performance Emergency Response", [
        "scripts/performance-emergency-response.sh medium",
        "scripts/performance-emergency-response.sh high",
        "scripts/performance-emergency-response.sh critical",
        ("scripts/performance-emergency-response.sh dreadful", WRONG_USE),
        "scripts/notify-emergency-team.sh --severity critical",
        "scripts/start-incident-monitoring.sh --critical",
        "scripts/adjust-optimization-parameters.sh --conservative",
        "scripts/increase-monitoring-frequency.sh --high",
        ("scripts/notify-operations-team.sh --severity high", SENT),
        ("scripts/optimize-cache-settings.sh", TOO_LITTLE),
        "scripts/increase-monitoring-frequency.sh --medium",
        ("scripts/notify-operations-team.sh --severity medium", SENT),
    ]),
    ("Weekly Maintenance", [
        "scripts/update-performance-baselines.sh",
        ("scripts/optimize-cache-configurations.sh", TOO_LITTLE),
        "scripts/cleanup-performance-logs.sh --older-than 30days",
        # Thresholds far above what is seen.
        ("scripts/update-monitoring-thresholds.sh", FINDING),
        "scripts/generate-weekly-performance-report.sh",
        ("scripts/weekly-maintenance.sh", FINDING),
    ]),
    ("Monthly Maintenance", [
        "scripts/comprehensive-performance-analysis.sh",
        # Limits of tokens that would fit.
        ("scripts/update-optimization-parameters.sh --data-driven", FINDING),
        "scripts/archive-performance-data.sh --older-than 3months",
        "scripts/update-performance-documentation.sh",
        "scripts/generate-monthly-executive-report.sh",
        ("scripts/monthly-maintenance.sh", FINDING),
    ]),
    ("Performance Configuration Backup", [
        "scripts/backup-performance-configuration.sh",
    ]),
    ("Functions of the reports", [
        "get_daily_avg_p95",
        # Nothing was optimised yesterday.
        ("get_token_reduction", TOO_LITTLE),
        "get_quality_score",
        ("get_cache_hit_rate", TOO_LITTLE),
        "get_cost_per_request",
        "get_status p95_latency",
        "get_current_p95_latency",
        "get_current_token_reduction",
        # Nothing of the last minutes was scored.
        ("get_current_quality_score", TOO_LITTLE),
        "get_current_cache_hit_rate",
    ]),
]


# Asked again and again, so that the gateway may answer from memory.
QUERIES = ["Who rings the bell?", "Where does the ferry land?", "Who keeps the lamps?", "What is in the letter?"]


class Readers:
    """People who put questions to FlowReader until they are told that it is over."""

    def __init__(self, url):
        self.url, self.over, self.failures, self.asked = url, threading.Event(), [], 0
        self.thread = threading.Thread(target=self.read, daemon=True)

    def ask(self):
        self.asked += 1
        body = {"bookId": "book-1", "intent": "ask", "query": QUERIES[self.asked % len(QUERIES)]}
        asked = urllib.request.Request(self.url + "/api/chat/stream", json.dumps(body).encode())
        with urllib.request.urlopen(asked, timeout=60) as answer:
            text = answer.read().decode()
        if "event: done" not in text or "event: error" in text:
            self.failures.append(text[-300:])

    def read(self):
        while not self.over.wait(0.5):
            try:
                self.ask()
            except OSError as error:
                self.failures.append(str(error))

    def end(self):
        self.over.set()
        self.thread.join()


@pytest.fixture
def stage(start, tmp_path, monkeypatch):
    """A server with days of calls and every channel, FlowReader in front of its gateway and in use, and the wrappers."""
    box, team = mailbox.Mailbox(), Receiver()
    post = mailbox.serve(box)
    monkeypatch.setenv("MAIL_PASSWORD", mailbox.PASSWORD)
    monkeypatch.setenv("ADMIN_EMAIL", "ops@flow.example")
    monkeypatch.setenv("SLACK_WEBHOOK_URL", team.url + "/slack")
    reader = free_port()
    server = start(config=(
        f"alerts:\n  posted_to: [slack, email]\n{mailbox.smtp(post.port)}"
        f"retention: {{raw: 90d, archive: {tmp_path / 'archive'}}}\n"
        "budgets: [{name: all, per: all, period: month, limit: 1000 USD}]\n"
        "hooks: {restart: ['true'], scale: ['true']}\n"
        f"apps: [{{name: reader, prefix: /api/chat, upstream: 'http://127.0.0.1:{reader}', strip: /api/, dialect: flowreader}}]\n"
    ))
    fill(server, tmp_path)
    application = subprocess.Popen(
        [sys.executable, str(REPOSITORY / "examples/flowreader/flowreader.py"), "--port", str(reader), "--per-hour", "100000"],
        stdout=subprocess.PIPE, text=True, 
        env={**os.environ, "OPENAI_BASE_URL": server.url + "/v1", "ENABLE_RESPONSE_CACHING": "false"},
    )
    application.stdout.readline()
    readers = Readers(server.url)
    try:
        for _ in range(QUESTIONS):
            readers.ask()
        wait_for("the calls of FlowReader", lambda: len(
            server.get("/api/v1/requests", limit=100, where="endpoint=chat/stream")["items"]) >= 100)
        # Commands that need no server read the configuration where they are run.
        shutil.copy(tmp_path / "server0/flowgauge.yaml", tmp_path / "flowgauge.yaml")
        wrappers = Wrappers(tmp_path, server)
        rules = wrappers.path("/etc/monitoring/performance-alerts.yml")
        rules.parent.mkdir(parents=True)
        shutil.copy(REPOSITORY / "rules/guide.yaml", rules)
        baseline = wrappers.path("/var/lib/flowreader/baseline_performance.json")
        baseline.parent.mkdir(parents=True)
        show = [binary("FLOWGAUGE_BIN"), "regression", "baseline", "show", "--lists", "--server", server.url]
        baseline.write_bytes(subprocess.run(show, cwd=tmp_path, check=True, capture_output=True).stdout)
        settings = wrappers.path("/app/api/_lib/performance-config.ts")
        settings.parent.mkdir(parents=True)
        settings.write_text("export const config = {};\n")
        readers.thread.start()
        yield wrappers, readers, box, team
    finally:
        if readers.thread.is_alive():
            readers.end()
        application.kill()
        application.wait()
        post.stop()
        team.close()


def fill(server, directory):
    """Calls, what people and an evaluator think of those of late, a promoted baseline, and a cache that is on."""
    now = sql.now_ns()
    history.bring(server, directory / "past.csv", now, DAYS * 24,
                  lambda hour: EACH_HOUR_LATELY if hour < LATELY * 24 else EACH_HOUR)
    dice = random.Random(11)
    ids = [history.name(hour, n) for hour in range(1, LATELY * 24) for n in range(SCORED)]
    scores = [{"evaluator": "judge", "evaluator_version": "1", "score": dice.uniform(0.84, 0.94), "response_id": i} for i in ids]
    for at in range(0, len(scores), BATCH):
        send(server, "scores", scores[at:at + BATCH])
    for n, i in enumerate(ids[:RATED]):
        send(server, "feedback", {"response_id": i, "user": f"reader-{n}", "rating": 4 + n % 2})
    for command in (
        "regression baseline propose --name accepted --promote --why stage",
        "opt rollout response_caching --mode on --holdout 5% --yes --reason stage",
    ):
        subprocess.run(
            [binary("FLOWGAUGE_BIN"), *command.split(), "--server", server.url], cwd=directory, check=True,
            capture_output=True,
        )


def send(server, what, body):
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(f"{server.url}/api/v1/{what}", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request) as answer:
        answer.read()


def dated(command):
    day, now = 24 * 3600, time.time()
    format_day = lambda t: time.strftime("%Y-%m-%d", time.gmtime(t))
    first = calendar.timegm(time.strptime(time.strftime("%Y-%m-01", time.gmtime(now)), "%Y-%m-%d"))
    month = time.strftime("%Y-%m", time.gmtime(first - day))
    for word, value in (("YESTERDAY", format_day(now - day)), ("TODAY", format_day(now)),
                        ("WEEK_START", format_day(now - 7 * day)), ("MONTH", month), ("BASELINE", F6)):
        command = command.replace(word, value)
    return command


def play(command, wrappers):
    """Exit code, and all that was said."""
    live = command.endswith(LIVE)
    if command.startswith("npx tsx "):
        # Node reads the wrapper as tsx does.
        command = command.replace("npx tsx", str(CACHE / "conformance/node/bin/node24"), 1)
    if command.startswith("get_"):
        return shell(command, wrappers)
    code, out, told = wrappers.run(command, *((LIVE_S, True) if live else ()))
    return code, out, told


def shell(function, wrappers):
    """A function of the guide, in a shell that knows them."""
    script = wrappers.directory / "function.sh"
    script.write_text(f'eval "$("$FLOWGAUGE_BIN" shims shell-init)"\n{function}\n')
    return wrappers.run(f"sh {script}")


def the_guides_own_monitor(wrappers):
    """The guide's text of monitor-performance.sh, as it stands, for some rounds over our measure-perf-cost.sh."""
    code, out, told = wrappers.run(f"bash {pathlib.Path(__file__).with_name('guide-monitor-performance.sh')} 1 5")
    assert code == 0, told
    return out


def allowed():
    """Codes by the guide's name."""
    with open(EXITS) as lines:
        rows = [r for r in csv.reader(lines, delimiter="\t") if r and not r[0].startswith("#")]
    by_id = {i: {int(c) for c in codes.split()} | FORGOTTEN.get(i, set()) for i, codes in rows}
    listed = subprocess.run([binary("FLOWGAUGE_BIN"), "shims", "list", "--json"], capture_output=True, check=True)
    return {row["name"].rsplit("/")[-1]: by_id[row["id"]] for row in json.loads(listed.stdout)}


def name_of(command):
    words = [w for w in command.split() if w.startswith(("scripts/", "api/", "get_"))]
    return words[0].rsplit("/")[-1]


# What differs from one day and machine to the next.
TIMES = [
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?(Z|\+00:00| UTC)?"), "DATE TIME"),
    (re.compile(r"\d{8}_\d{6}"), "DATE_TIME"), (re.compile(r"\d{4}-\d\d-\d\d"), "DATE"),
    (re.compile(r"\b\d\d:\d\d(:\d\d)?\b"), "TIME"), (re.compile(r"\b\d{4}-\d\d\b"), "MONTH"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}\b|\b[0-9a-f]{12,}\b"), "ID"),
]


def normal(text, wrappers):
    # The guide's paths stand as they are in the guide.
    text = text.replace(str(wrappers.root), "").replace(F6, F6.removeprefix("root"))
    text = text.replace(str(wrappers.directory), "…").replace(wrappers.server.url, "http://127.0.0.1:4000")
    text = re.sub(r"127\.0\.0\.1:\d{4,5}", "127.0.0.1:4000", text)
    for pattern, word in TIMES:
        text = pattern.sub(word, text)
    return text


def test_the_guide_is_played_from_top_to_bottom(stage):
    wrappers, readers, box, team = stage
    codes = allowed()
    transcript, wrong, played = [], [], set()
    for heading, commands in BLOCKS:
        transcript.append(f"## {heading}\n")
        for command in commands:
            command, expected = (command, 0) if isinstance(command, str) else command
            code, out, told = play(dated(command), wrappers)
            said = normal(out + told, wrappers)
            head = "\n".join(line.rstrip() for line in said.splitlines()[:KEPT])
            transcript.append(f"```console\n$ {normal(dated(command), wrappers)}\n{head}\n```\n\nexit {code}\n")
            played.add(name_of(command))
            expected = expected if isinstance(expected, set) else {expected}
            if code not in expected:
                wrong.append(f"{command}: {code}, not {expected}: {said[-300:]}")
            if expected != {WRONG_USE} and not expected <= codes[name_of(command)]:
                wrong.append(f"{command}: the catalogue knows no {expected}")
    said = the_guides_own_monitor(wrappers)
    assert re.search(r"^\[[-\d]+ [:\d]+\] P95: \d+ms \| Tokens: \d+ \| Quality: \S+% \| Cache: \d+%$", said, re.MULTILINE), said
    readers.end()
    if keep := os.environ.get("FLOWGAUGE_TRANSCRIPT"):
        title = (
            "# The guide, played from top to bottom\n\nWritten by `tests/conformance/test_guide_play.py`: the guide's blocks in"
            " its order, by the wrappers, while FlowReader is used behind the gateway. The first lines of what each says; days"
            " and times are taken out.\n\n"
        )
        (REPOSITORY / keep).write_text(title + "\n".join(transcript))
    assert not wrong, "\n".join(wrong)
    assert codes.keys() == played, codes.keys() ^ played
    assert readers.failures == [], "nobody who reads sees any of it"
    letters = [letter["Subject"] for _, letter in box.parsed()]
    assert any(s.startswith("FlowReader Performance Alert: p95_latency_critical") for s in letters), letters
    assert team.at("/slack"), "the team heard of the emergency"
