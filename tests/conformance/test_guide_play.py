"""The guide from top to bottom: its command blocks in its order, through the wrappers, against FlowReader behind a
gateway. Every command ends with an exit code the catalogue allows it. `FLOWGAUGE_TRANSCRIPT=FILE` keeps what was said.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import urllib.request

import pytest

import spans
import sql
from conftest import binary, wait_for

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
# Calls of the last days, and questions put to FlowReader.
HISTORY, QUESTIONS = 400, 12
# A live view is interrupted after so long.
LIVE_S = 3
# The longest of the others makes a month's PDFs on a loaded machine.
LIMIT_S = 300
# Wrong usage is what no command of the guide may be; bad configuration is what a channel without an address is.
EVERYWHERE = {78}

# (heading of the guide, commands; a live one is interrupted). The order is the guide's.
BLOCKS = [
    ("Performance Health Check", [
        "scripts/monitor-performance.sh --live", "scripts/performance-health-check.sh",
        "scripts/collect-performance-metrics.sh --interval 60",
    ]),
    ("Cache Monitoring", [
        "scripts/monitor-cache-performance.sh --real-time", "scripts/analyze-cache-effectiveness.sh --live",
        "scripts/monitor-cache-memory.sh",
    ]),
    ("Quality Monitoring", [
        "scripts/monitor-quality-scores.sh --live", "scripts/detect-quality-regression.sh --threshold 0.05",
        "scripts/monitor-user-satisfaction.sh",
    ]),
    ("Critical Alert Response", [
        "scripts/performance-health-check.sh --critical",
        "scripts/measure-perf-cost.sh --endpoint chat/stream --samples 20",
        "scripts/check-error-logs.sh --last 30min", "scripts/analyze-performance-trends.sh --last 2hours",
        "scripts/check-optimization-status.sh", "scripts/validate-performance-config.sh",
        "scripts/restart-optimization-services.sh", "scripts/clear-performance-cache.sh",
    ]),
    ("Warning Alert Response", [
        "scripts/monitor-performance.sh --interval 10 --duration 1800", "scripts/start-trend-analysis.sh --warning",
        "scripts/optimize-cache-settings.sh", "scripts/adjust-token-limits.sh --temporary",
        "scripts/scale-performance-resources.sh",
    ]),
    ("Email Integration", ["scripts/send-performance-alert.sh p95_latency_critical 2600ms 2500ms"]),
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
        "python3 scripts/regression_detector.py recent_performance.json recent_performance.json",
        "scripts/send-regression-alert.sh --type latency --magnitude 0.24 --severity warning",
        "scripts/monitor-performance-regressions.sh",
    ]),
    ("High Latency Troubleshooting", [
        "scripts/measure-perf-cost.sh --endpoint chat/stream --samples 20",
        "scripts/analyze-latency-distribution.sh --last 24h", "scripts/check-cache-status.sh",
        "scripts/validate-optimization-config.sh", "scripts/check-system-bottlenecks.sh",
        "scripts/restart-optimization-services.sh",
    ]),
    ("Token Usage Spike Troubleshooting", [
        "scripts/analyze-token-usage-patterns.sh --last 24h", "scripts/check-token-optimization-status.sh",
        "scripts/review-config-changes.sh --last 48h", "scripts/validate-token-limits.sh",
        "scripts/adjust-optimization-parameters.sh --token-focus",
    ]),
    ("Quality Regression Troubleshooting", [
        "scripts/analyze-quality-trends.sh --last 7d", "scripts/check-optimization-quality-impact.sh",
        "scripts/validate-quality-metrics.sh", "scripts/evaluate-optimization-rollback.sh --quality-focus",
    ]),
    ("Complete Optimization Rollback", [
        "scripts/clear-all-caches.sh", "scripts/restart-application-services.sh", "scripts/validate-rollback-status.sh",
        "scripts/emergency-optimization-rollback.sh",
    ]),
    ("Performance Emergency Response", [
        "scripts/performance-emergency-response.sh medium", "scripts/performance-emergency-response.sh high",
        "scripts/performance-emergency-response.sh critical", "scripts/notify-emergency-team.sh --severity critical",
        "scripts/start-incident-monitoring.sh --critical", "scripts/increase-monitoring-frequency.sh --high",
        "scripts/notify-operations-team.sh --severity high",
    ]),
    ("Weekly Maintenance", [
        "scripts/update-performance-baselines.sh", "scripts/optimize-cache-configurations.sh",
        "scripts/cleanup-performance-logs.sh --older-than 30days", "scripts/update-monitoring-thresholds.sh",
        "scripts/generate-weekly-performance-report.sh", "scripts/weekly-maintenance.sh",
    ]),
    ("Monthly Maintenance", [
        "scripts/comprehensive-performance-analysis.sh", "scripts/update-optimization-parameters.sh --data-driven",
        "scripts/archive-performance-data.sh --older-than 3months", "scripts/update-performance-documentation.sh",
        "scripts/generate-monthly-executive-report.sh", "scripts/monthly-maintenance.sh",
    ]),
    ("Performance Configuration Backup", ["scripts/backup-performance-configuration.sh"]),
]
LIVE = ("--live", "--real-time", "--interval 60", "--duration 1800")


@pytest.fixture
def stage(start, tmp_path):
    """A server with days of calls, FlowReader in front of its gateway, and the wrappers."""
    archive = tmp_path / "archive"
    server = start(config=f"retention:\n  archive: {archive}\n")
    spans.post(server.url, sql.calls(HISTORY, 23, sql.now_ns()))
    reader = subprocess.Popen(
        [sys.executable, str(REPOSITORY / "examples/flowreader/flowreader.py"), "--port", "0"],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "OPENAI_BASE_URL": server.url + "/v1"},
    )
    try:
        app = reader.stdout.readline().strip()
        for n in range(QUESTIONS):
            body = {"bookId": "book-1", "intent": "ask", "query": f"Who rings the bell, question {n}?"}
            asked = urllib.request.Request(app + "/api/chat/stream", json.dumps(body).encode())
            with urllib.request.urlopen(asked, timeout=60) as answer:
                answer.read()
        wait_for("the calls of FlowReader", lambda: len(
            server.get("/api/v1/requests", limit=100, where="endpoint=chat/stream")["items"]) >= QUESTIONS)
        subprocess.run([binary("FLOWGAUGE_BIN"), "shims", "install", "--dir", "scripts"], cwd=tmp_path, check=True)
        yield server, tmp_path
    finally:
        reader.kill()
        reader.wait()


def dated(command):
    day = 24 * 3600
    now = time.time()
    format_day = lambda t: time.strftime("%Y-%m-%d", time.gmtime(t))
    first = time.strptime(time.strftime("%Y-%m-01", time.gmtime(now)), "%Y-%m-%d")
    import calendar
    month = time.strftime("%Y-%m", time.gmtime(calendar.timegm(first) - day))
    for word, value in (("YESTERDAY", format_day(now - day)), ("TODAY", format_day(now)),
                        ("WEEK_START", format_day(now - 7 * day)), ("MONTH", month)):
        command = command.replace(word, value)
    return command


def play(command, directory, server):
    """Exit code and what was said."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FLOWGAUGE") or k == "FLOWGAUGE_CACHE"}
    environment |= {
        "FLOWGAUGE_BIN": binary("FLOWGAUGE_BIN"), "FLOWGAUGE_SERVER": server.url,
        "FLOWGAUGE_GUIDE_ROOT": str(directory / "root"), "FLOWGAUGE_DATA_DIR": str(directory / "server0" / "data"),
    }
    process = subprocess.Popen(
        command.split(), cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=LIVE_S if command.endswith(LIVE) else LIMIT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=LIMIT_S)
    return process.returncode, said.decode("utf-8", "replace")


def test_the_guide_is_played_from_top_to_bottom(stage):
    server, directory = stage
    (directory / "root" / "tmp").mkdir(parents=True)
    listed = subprocess.run([binary("FLOWGAUGE_BIN"), "shims", "list", "--json"], capture_output=True, check=True)
    allowed = {row["name"]: set(row["exit_codes"]) for row in json.loads(listed.stdout) if "exit_codes" in row}
    transcript, wrong, missing = [], [], []
    for heading, commands in BLOCKS:
        transcript.append(f"## {heading}\n")
        for command in map(dated, commands):
            code, said = play(command, directory, server)
            name = next(w for w in command.split() if w.startswith("scripts/")).removeprefix("scripts/")
            said = said.replace(str(directory), "…").replace(server.url, "http://127.0.0.1:4000")
            head = "\n".join(said.splitlines()[:12])
            transcript.append(f"```console\n$ {command}\n{head}\n```\n\nexit {code}\n")
            if "is not part of this version" in said:
                missing.append(name)
            elif code not in allowed[name] | EVERYWHERE:
                wrong.append(f"{command}: {code}: {said[-300:]}")
    if keep := os.environ.get("FLOWGAUGE_TRANSCRIPT"):
        note = f"\nCommands that are not part of this version: {', '.join(sorted(set(missing))) or 'none'}.\n"
        title = "# The guide, played from top to bottom\n\nWritten by `tests/conformance/test_guide_play.py`.\n\n"
        pathlib.Path(keep).write_text(title + "\n".join(transcript) + note)
    assert not wrong, "\n".join(wrong)
