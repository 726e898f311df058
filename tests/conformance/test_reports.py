"""Reports from the command, against figures worked out here and against SQL over the same days."""

import datetime
import json
import subprocess

import pytest

import spans
import sql
from conftest import binary, wait_for

COUNT = 400


@pytest.fixture
def yesterday(start):
    """A server with calls of the last days, those of yesterday, and which day that was."""
    made = sql.calls(COUNT, 23, sql.now_ns())
    server = start()
    spans.post(server.url, made)
    wait_for("all calls", lambda: sql.run(server.url, "SELECT count(*) FROM calls")[1]["rows"] == [[COUNT]])
    day = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)).strftime("%Y-%m-%d")
    return server, [s for s in made if sql.day(s.start_ns) == day], day


def report(server, *words, code=0):
    done = subprocess.run(
        [binary("FLOWGAUGE_BIN"), "report", *words, "--server", server.url], capture_output=True, check=False,
    )
    assert done.returncode == code, done.stderr.decode()
    return done.stdout


def figures(document):
    """Key figures of a report in JSON by their field."""
    blocks = [b for s in document["sections"] for b in s["blocks"] if b["type"] == "key_table"]
    parts = [p for b in blocks for r in b["rows"] for p in r["parts"]]
    return {p["figure"]["field"]: p["figure"] for p in parts}


def test_the_daily_report_says_what_was_sent_and_what_sql_says(yesterday, tmp_path):
    server, made, day = yesterday
    document = json.loads(report(server, "daily", "--date", day, "--json"))
    known = figures(document)
    latencies = [s.duration_ns / 1e6 for s in sql.good(made)]
    assert len(latencies) > 20, "a day with calls enough to mean something"
    assert known["p95_latency_ms"]["n"] == len(latencies)
    # Rollups hold histograms, whose quantiles are right within half a percent.
    assert known["p95_latency_ms"]["value"] == pytest.approx(sql.percentile(latencies, 0.95), rel=0.02)
    window = f"timestamp >= '{day}T00:00:00Z' AND timestamp < TIMESTAMP '{day}T00:00:00Z' + INTERVAL '1 day'"
    # What was billed for a request that failed is spent as well; a latency is that of a success.
    [all_of] = sql.table(server.url, f"SELECT sum(input_tokens + output_tokens) AS tokens FROM calls WHERE {window}")
    [good] = sql.table(server.url, f"SELECT avg(latency) AS mean FROM performance_metrics WHERE {window}")
    spent = sum(s.attributes["gen_ai.usage.input_tokens"] + s.attributes["gen_ai.usage.output_tokens"] for s in made)
    assert known["total_tokens"]["value"] == all_of["tokens"] == spent
    assert known["mean_latency_ms"]["value"] == pytest.approx(good["mean"], rel=1e-6)

    for form in ("md", "txt", "html", "csv"):
        text = report(server, "daily", "--date", day, "--format", form).decode()
        assert known["p95_latency_ms"]["text"] in text, form
    file = tmp_path / "report.pdf"
    assert report(server, "daily", "--date", day, "--output", str(file)) == b""
    assert file.read_bytes().startswith(b"%PDF-")
    # Once the day is over the same calls give the same bytes.
    assert report(server, "daily", "--date", day, "--json") == report(server, "daily", "--date", day, "--json")


def test_every_kind_is_made_and_a_period_that_does_not_fit_is_refused(yesterday, tmp_path):
    server, _, _ = yesterday
    for kind in ("weekly", "monthly", "cost", "executive", "recommendations", "comprehensive", "docs"):
        assert b"#" in report(server, kind, "--preview", "--format", "md"), kind
    report(server, "monthly", "--preview", "--all", "--output-dir", str(tmp_path))
    month = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m")
    names = {p.name for p in tmp_path.iterdir() if p.is_file()}
    files = ("cost-analysis-{}.csv", "executive-summary-{}.pdf", "monthly-review-{}.json", "monthly-review-{}.pdf",
             "optimization-recommendations-{}.md", "forecast-{}.md")
    assert names == {f.format(month) for f in files}
    report(server, "daily", "--date", "2026-10", code=64)
    report(server, "daily", "--format", "docx", code=64)
    # A day without requests is a report, and said.
    assert b"not measured" in report(server, "daily", "--date", "2020-02-02", code=3)
