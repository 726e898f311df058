"""Queries and answers in slt/*.slt, over HTTP, the command line and psql. DuckDB worked the answers out: slt/expect.py."""

import csv
import io
import json
import os
import pathlib
import subprocess
import urllib.request

import pytest

import slt_file
import spans
import sql
from conftest import binary, wait_for

HERE = pathlib.Path(__file__).parent / "slt"
FILES = sorted(HERE.glob("*.slt"))


def sent(url, now):
    """The calls of calls.csv, and their scores."""
    made, scores = [], []
    with open(HERE / "calls.csv", newline="") as rows:
        for i, row in enumerate(csv.DictReader(rows)):
            attributes = {
                "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "scenario-model", "gen_ai.response.model": "scenario-model",
                "gen_ai.response.id": f"r{i}", "flowgauge.intent": row["intent"],
                "gen_ai.usage.input_tokens": int(row["input_tokens"]),
                "gen_ai.usage.output_tokens": int(row["output_tokens"]),
            }
            if row["failed"] == "1":
                attributes["error.type"] = "500"
            minute = now // sql.MINUTE * sql.MINUTE - int(row["minutes_ago"]) * sql.MINUTE
            start = minute + (i * 7_919_000) % sql.MINUTE
            made.append(spans.Span(attributes, start_ns=start, duration_ns=int(row["latency_us"]) * 1_000))
            if row["score"]:
                scores.append({
                    "evaluator": "judge", "evaluator_version": "1", "score": int(row["score"]) / 100,
                    "response_id": f"r{i}",
                })
    spans.post(url, made)
    wait_for("all calls", lambda: sql.run(url, "SELECT count(*) FROM calls")[1]["rows"] == [[len(made)]])
    request = urllib.request.Request(
        url + "/api/v1/scores", json.dumps(scores).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
    count = "SELECT count(*) FROM quality_metrics"
    wait_for("all scores", lambda: sql.run(url, count)[1]["rows"] == [[len(scores)]])


def over_http(server, statement):
    status, answer = sql.run(server.url, statement)
    assert status == 200 and answer["missing"] == [], answer
    return answer["rows"]


def by_command(server, statement):
    command = [binary("FLOWGAUGE_BIN"), "metrics", "query", statement, "--format", "csv", "--server", server.url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(csv.reader(io.StringIO(done.stdout)))[1:]


def by_psql(server, statement):
    told = f"host=127.0.0.1 port={server.pg_port} user=reader dbname=flowgauge"
    command = ["psql", "--no-psqlrc", "--csv", "-v", "ON_ERROR_STOP=1", "-c", statement, told]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PGPASSWORD": ""}, check=False)
    assert done.returncode == 0, done.stderr
    return list(csv.reader(io.StringIO(done.stdout)))[1:]



@pytest.fixture
def asked(start):
    now = sql.now_ns()
    server = start()
    sent(server.url, now)
    return server, now


@pytest.mark.parametrize("door", [over_http, by_command, by_psql])
def test_every_query_of_the_files_gives_what_duckdb_worked_out(asked, door):
    server, now = asked
    asked_of, wrong = 0, []
    for file in FILES:
        for query in slt_file.read(file):
            assert query.expected, f"{file.name}: no answer is written down for {query.sql}"
            got = [slt_file.line(query.types, row) for row in door(server, query.sql)]
            want = slt_file.expected(query, now)
            asked_of += 1
            if not alike(query.types, got, want):
                wrong.append((file.name, query.sql, got[:4], want[:4]))
    assert not wrong, wrong
    assert asked_of >= 19


def alike(types, got, want):
    """Real numbers differ by rounding in the last place at most."""
    if len(got) != len(want):
        return False
    for a, b in zip(got, want):
        for kind, x, y in zip(types, a.split("\t"), b.split("\t"), strict=True):
            if x != y and (kind != "R" or "NULL" in (x, y) or abs(float(x) - float(y)) > 0.0011):
                return False
    return True
