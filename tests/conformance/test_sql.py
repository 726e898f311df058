"""The guide's queries and others over HTTP and the command line, against figures worked out here."""

import csv
import io
import json
import os
import pathlib
import re
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections import defaultdict

import duckdb
import pytest

import spans
import sql
from conftest import binary, wait_for

COUNT = 600


@pytest.fixture
def asked(start):
    """A server with calls, some of them sealed, and what was sent to it."""
    now = sql.now_ns()
    made = sql.calls(COUNT, 7, now)
    # Small segments, so that questions read sealed and unsealed rows together.
    server = start(settings={"store.seal_age": "1s"})
    spans.post(server.url, made[: COUNT // 2])
    wait_for("a segment", lambda: server.get("/api/v1/status")["store"]["segments"] > 0)
    spans.post(server.url, made[COUNT // 2 :])
    wait_for("all calls", lambda: sql.run(server.url, "SELECT count(*) FROM calls")[1]["rows"] == [[COUNT]])
    return server, made, now


def test_latency_trends_of_the_guide_word_for_word(asked):
    server, made, now = asked
    by_minute = sql.latencies_by_minute(made, now)
    rows = sql.table(server.url, sql.LATENCY_TRENDS)
    assert [r["timestamp"] for r in rows] == sorted(by_minute)
    assert len(rows) > 50, "the window holds minutes enough to mean something"
    for row in rows:
        latencies = by_minute[row["timestamp"]]
        assert row["p95_latency"] == pytest.approx(sql.percentile(latencies, 0.95))
        assert row["p50_latency"] == pytest.approx(sql.percentile(latencies, 0.50))
        assert row["mean_latency"] == pytest.approx(sum(latencies) / len(latencies))


def test_token_usage_of_the_guide_word_for_word_equals_the_kpis(asked):
    server, made, now = asked
    by_day = sql.tokens_by_day(made, now)
    rows = sql.table(server.url, sql.TOKEN_USAGE)
    assert [r["date"] for r in rows] == sorted(by_day)
    for row in rows:
        tokens = by_day[row["date"]]
        assert (row["total_tokens"], row["request_count"]) == (sum(tokens), len(tokens))
        assert row["avg_tokens_per_request"] == pytest.approx(sum(tokens) / len(tokens))


def test_quality_by_intent_of_the_guide_word_for_word(asked):
    server, made, now = asked
    recent = [s for s in sql.good(made) if s.start_ns > now - 20 * 60 * sql.MINUTE][:40]
    assert len(recent) == 40
    by_day = sql.scored_by_day(server.url, recent)
    rows = sql.table(server.url, sql.QUALITY_BY_INTENT)
    assert [r["date"] for r in rows] == sorted(by_day)
    for row in rows:
        values = by_day[row["date"]]
        assert row["sample_count"] == len(values)
        assert (row["min_quality"], row["max_quality"]) == (min(values), max(values))
        assert row["avg_quality"] == pytest.approx(sum(values) / len(values))


def test_the_command_gives_the_same_with_a_server_and_without(asked, tmp_path):
    server, made, _ = asked
    statement = "SELECT status, count(*) AS n, sum(input_tokens) AS tokens FROM calls GROUP BY status ORDER BY status"
    want = [
        {
            "status": word, "n": len(part),
            "tokens": sum(s.attributes["gen_ai.usage.input_tokens"] for s in part),
        }
        for word, part in (
            ("error", [s for s in made if "error.type" in s.attributes]), ("ok", sql.good(made)),
        )
    ]
    command = [binary("FLOWGAUGE_BIN"), "metrics", "query", statement, "--json"]

    def say(*where):
        done = subprocess.run([*command, *where], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    assert say("--server", server.url) == want
    file = tmp_path / "answer.csv"
    subprocess.run([*command[:-1], "--server", server.url, "--output", str(file)], check=True)
    with open(file, newline="") as lines:
        read = list(csv.DictReader(lines))
    assert read == [{k: str(v) for k, v in row.items()} for row in want]
    data = pathlib_of(server)
    server.stop()
    assert say("--data-dir", data) == want


def pathlib_of(server):
    return server.process.args[server.process.args.index("--data-dir") + 1]


def test_segments_open_in_duckdb_without_us_and_count_the_same(asked):
    server, made, _ = asked
    wait_for("all sealed", lambda: server.get("/api/v1/status")["store"]["unsealed_rows"] == 0)
    ours = duckdb.sql(
        f"SELECT count(*), sum(input_tokens), max(latency_us) FROM '{pathlib_of(server)}/segments/*.parquet' WHERE leaf"
    ).fetchall()[0]
    tokens = sum(s.attributes["gen_ai.usage.input_tokens"] for s in made)
    assert ours == (COUNT, tokens, max(s.duration_ns for s in made) // 1_000)


def test_a_parquet_answer_opens_in_duckdb(asked):
    server, made, _ = asked
    body = json.dumps({"sql": "SELECT event_time, latency FROM performance_metrics", "format": "parquet"}).encode()
    request = urllib.request.Request(server.url + "/api/v1/sql", body)
    with urllib.request.urlopen(request) as answer:
        got = answer.read()
    file = pathlib_of(server) + "/answer.parquet"
    with open(file, "wb") as out:
        out.write(got)
    [(count, total)] = duckdb.sql(f"SELECT count(*), sum(latency) FROM '{file}'").fetchall()
    assert count == len(sql.good(made))
    assert total == pytest.approx(sum(s.duration_ns for s in sql.good(made)) / 1e6)


def test_rollups_give_the_same_quantiles_within_half_a_percent(asked):
    server, made, _ = asked
    statement = """SELECT hist_quantile(hist_merge(latency_hist), 0.95) / 1000 AS p95, sum(requests) AS requests,
        sum(input_tokens) AS tokens FROM rollups WHERE minutes = {minutes} AND source = 'observed'"""
    want = sql.percentile([s.duration_ns / 1e6 for s in sql.good(made)], 0.95)
    for minutes in (1, 60):
        (row,) = sql.table(server.url, statement.format(minutes=minutes))
        assert row["requests"] == COUNT
        assert row["tokens"] == sum(s.attributes["gen_ai.usage.input_tokens"] for s in made)
        assert row["p95"] == pytest.approx(want, rel=0.01)


def test_totals_of_rollups_are_the_sums_of_their_series(asked):
    server, _, now = asked
    others = sql.calls(COUNT, 8, now)
    for span in others:
        span.attributes["gen_ai.request.model"] = span.attributes["gen_ai.response.model"] = "gpt-4o"
    spans.post(server.url, others)
    wait_for("the calls of the other model", lambda: sql.run(server.url, "SELECT count(*) FROM calls")[1]["rows"] == [[2 * COUNT]])
    sums = """timestamp, source, sum(requests) AS n, sum(input_tokens) AS tokens, sum(cost_usd) AS cost,
        hist_count(hist_merge(latency_hist)) AS measured, hist_quantile(hist_merge(latency_hist), 0.95) AS p95,
        hist_mean(hist_merge(output_hist)) AS output"""
    for minutes in (1, 60):
        # A count of rows looks at each series.
        series, totals = (
            sql.table(server.url, f"SELECT {sums}{more} FROM rollups WHERE minutes = {minutes} GROUP BY 1, 2 ORDER BY 1, 2")
            for more in (", count(*) AS series", "")
        )
        rows = sum(row.pop("series") for row in series)
        assert totals == series and rows >= len(series) > 0
    assert rows > len(series), "two models in an hour"


# Every so many bytes of a segment are flipped; `FLOWGAUGE_FLIP_EVERY=1` flips them all, in some minutes.
FLIP_EVERY = int(os.environ.get("FLOWGAUGE_FLIP_EVERY", "211"))


def test_no_flipped_byte_of_a_segment_is_a_wrong_answer_of_a_running_server(start):
    server = start(settings={"store.seal_age": "1s"})
    spans.post(server.url, sql.calls(40, 13, sql.now_ns()))
    wait_for("a segment", lambda: server.get("/api/v1/status")["store"]["segments"] > 0)
    wait_for("no row unsealed", lambda: server.get("/api/v1/status")["store"]["unsealed_rows"] == 0)
    statement = "SELECT * FROM calls ORDER BY call_id"
    truth = sql.run(server.url, statement)[1]
    assert len(truth["rows"]) == 40 and truth["missing"] == []
    [file, *_] = pathlib.Path(pathlib_of(server), "segments").iterdir()
    whole = file.read_bytes()
    told = 0
    for place in range(0, len(whole), FLIP_EVERY):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << (place % 8)
        file.write_bytes(flipped)
        status, answer = sql.run(server.url, statement)
        said = status != 200 or "error" in answer or answer["missing"] != []
        assert said or answer["rows"] == truth["rows"], place
        told += said
    file.write_bytes(whole)
    assert told > 50, "a flipped byte is noticed, wherever it is"
    after = sql.run(server.url, statement)[1]
    assert (after["rows"], after["missing"]) == (truth["rows"], []), "what is whole again is told as such"


def test_a_refusal_names_place_and_way_out(asked):
    server, _, _ = asked
    status, problem = sql.run(server.url, "SELECT latency\nFROM performance_metrics\nWHERE )")
    assert status == 422 and problem["detail"].startswith("line 3, column 7:"), problem
    status, problem = sql.run(server.url, "SELECT latncy FROM performance_metrics")
    assert status == 422 and "latncy" in problem["detail"] and "latency" in problem["detail"], problem
    status, problem = sql.run(server.url, "DELETE FROM calls")
    assert status == 422 and "SELECT" in problem["detail"], problem
    status, problem = sql.run(server.url, "SELECT percentile(latency, 95) FROM performance_metrics")
    assert status == 422 and "0.95" in problem["detail"], problem


PLACES = ["/etc/passwd", "file:///etc/passwd", "http://127.0.0.1:1/x", "s3://bucket/x", "../../etc/passwd", "hot.db", "/proc/self/environ", "~/.ssh/id_rsa"]
REACHING = [
    "SELECT * FROM '{}'",
    "SELECT * FROM \"{}\"",
    "SELECT * FROM read_csv('{}')",
    "SELECT * FROM read_parquet('{}')",
    "SELECT * FROM parquet_metadata('{}')",
    "SELECT pg_read_file('{}')",
    "SELECT * FROM pg_read_file('{}')",
    "SELECT lo_import('{}')",
    "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '{}'",
    "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '{}' OPTIONS ('has_header' 'true')",
    "COPY calls TO '{}'",
    "COPY (SELECT 1) TO '{}' STORED AS CSV",
    "COPY calls FROM '{}'",
    "COPY calls TO PROGRAM '{}'",
    "INSERT INTO '{}' SELECT 1",
    "SELECT 1 INTO OUTFILE '{}'",
    "ATTACH DATABASE '{}' AS x",
    "LOAD '{}'",
    "EXPLAIN ANALYZE COPY calls TO '{}'",
    "WITH x AS (INSERT INTO calls SELECT '{}' RETURNING *) SELECT * FROM x",
    "SELECT * FROM stored.call_rows WHERE call_id = '{}'",
    "SELECT * FROM flowgauge.stored.call_rows WHERE call_id = '{}'",
    "SELECT load_extension('{}')",
    "SELECT * FROM dblink('{}', 'SELECT 1')",
    "SELECT * FROM LATERAL pg_ls_dir('{}')",
    "SET search_path = '{}'",
    "SET datafusion.execution.listing_table_ignore_subdirectory = '{}'",
    "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS '{}'",
    "DO '{}'",
    "PREPARE p AS SELECT '{}'",
    "DECLARE c CURSOR FOR SELECT '{}'",
    "SELECT * FROM sqlite_scan('{}', 't')",
    "VACUUM INTO '{}'",
    "SELECT * FROM calls; COPY calls TO '{}'",
    "/* '{}' */ DROP TABLE calls",
    "SELECT * FROM arrow_cast('{}', 'Binary')",
    "SELECT system('{}')",
    "IMPORT FOREIGN SCHEMA x FROM SERVER y INTO '{}'",
    "CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (host '{}')",
    "SELECT * FROM glob('{}')",
    "NOTIFY x, '{}'",
]
GREEDY = [
    "SELECT count(*) FROM generate_series(1, 100000000000) a",
    "SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b",
    "SELECT * FROM generate_series(1, 100000000)",
    "SELECT repeat('x', 1000000000)",
    "SELECT repeat(repeat('x', 100000), 100000)",
    "SELECT array_agg(value) FROM generate_series(1, 300000000)",
    "SELECT string_agg(repeat('x', 10000), '') FROM generate_series(1, 10000000)",
    "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r",
    "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n FROM r) SELECT * FROM r",
    "SELECT value FROM generate_series(1, 200000000) ORDER BY value DESC",
    "SELECT value % 100000000, count(*) FROM generate_series(1, 1000000000) GROUP BY 1",
    "SELECT percentile(value, 0.5) FROM generate_series(1, 100000000000)",
    "SELECT lpad('x', 2000000000, 'y')",
    "SELECT regexp_replace(repeat('a', 100000), '(a*)*b', '')",
    "SELECT " + "(" * 20_000 + "1" + ")" * 20_000,
    "SELECT " + "+".join(["1"] * 60_000),
    "SELECT " + "NOT " * 60_000 + "true",
    "SELECT " + "CASE WHEN true THEN " * 5_000 + "1" + " END" * 5_000,
    "SELECT * FROM " + "(SELECT * FROM " * 2_000 + "calls" + ")" * 2_000,
    " UNION ALL ".join(["SELECT 1"] * 20_000),
    "SELECT " + ", ".join(f"count(*) AS c{i}" for i in range(8_000)) + " FROM calls",
    "WITH " + ", ".join(f"c{i} AS (SELECT * FROM {'calls' if i == 0 else f'c{i - 1}, c{i - 1} AS d{i}'})" for i in range(40))
    + " SELECT count(*) FROM c39",
    "SELECT '" + "x" * 1_000_000 + "'",
    "SELECT * FROM calls a, calls b, calls c, calls d",
    "SELECT 1" + "\0",
    "",
]
LIMIT_S = 2


def worst_of(workers):
    most = 0
    for pid in workers:
        try:
            with open(f"/proc/{pid}/status") as text:
                found = re.search(r"VmRSS:\s+(\d+) kB", text.read())
            most = max(most, int(found.group(1)) if found else 0)
        except (OSError, ProcessLookupError):
            pass
    return most


def children_of(pid):
    """Every process below one, itself not."""
    out = []
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return out
    for task in tasks:
        try:
            with open(f"/proc/{pid}/task/{task}/children") as text:
                children = text.read().split()
        except OSError:
            continue
        for child in children:
            out += [child, *children_of(child)]
    return out


def named(pids, word):
    out = []
    for pid in pids:
        try:
            with open(f"/proc/{pid}/cmdline") as text:
                if word in text.read().split("\0"):
                    out.append(pid)
        except OSError:
            pass
    return out


def test_hostile_statements_reach_nothing_and_end_in_time(start, tmp_path, monkeypatch):
    """Traced by strace: what the worker opens, connects to or starts after it has locked itself in."""
    trace = tmp_path / "trace"
    wrapper = tmp_path / "traced"
    wrapper.write_text(
        f"#!/bin/sh\nexec strace -f -qq -e trace=%file,socket,connect,bind,execve,execveat,clone,clone3,landlock_restrict_self "
        f"-e signal=none -o {trace} {binary('FLOWGAUGE_BIN')} \"$@\"\n"
    )
    wrapper.chmod(0o755)
    monkeypatch.setenv("FLOWGAUGE_BIN", str(wrapper))
    server = start(settings={"store.seal_age": "1s"})
    spans.post(server.url, sql.calls(100, 9, sql.now_ns()))
    wait_for("a segment", lambda: server.get("/api/v1/status")["store"]["segments"] > 0)
    wait_for("answers", lambda: sql.run(server.url, "SELECT count(*) FROM calls")[0] == 200)
    statements = [text.format(place) for text in REACHING for place in PLACES] + GREEDY
    assert len(statements) >= 300
    most, done = 0, threading.Event()

    def watch():
        nonlocal most
        while not done.wait(0.02):
            most = max(most, worst_of(named(children_of(server.process.pid), "sql-worker")))

    watching = threading.Thread(target=watch)
    watching.start()
    slow = []
    try:
        for statement in statements:
            begun = time.monotonic()
            status, answer = sql.run(server.url, statement, timeout_s=LIMIT_S)
            took = time.monotonic() - begun
            # Tracing, a worker that starts anew and reading a million rows here take their time too.
            if took > LIMIT_S + 8:
                slow.append((round(took, 1), statement[:80]))
            assert status in (200, 422, 503), (status, answer, statement[:80])
            assert (status, statement in GREEDY) != (200, False), statement
    finally:
        done.set()
        watching.join()
    assert not slow, slow
    assert most <= (512 + 256 + 256) * 1024, f"{most} kB"
    assert sql.run(server.url, "SELECT count(*) FROM calls")[1]["rows"] == [[100]]
    # strace ends with the server, and as it does.
    for pid in named(children_of(server.process.pid), "serve"):
        os.kill(int(pid), signal.SIGTERM)
    server.process.wait()
    assert reached(trace.read_text(), pathlib_of(server)) == []


def test_greedy_statements_end_within_their_limit_and_a_second(start):
    server = start(settings={"store.seal_age": "1s"})
    spans.post(server.url, sql.calls(100, 9, sql.now_ns()))
    wait_for("answers", lambda: sql.run(server.url, "SELECT count(*) FROM calls")[0] == 200)
    slow = []
    for statement in GREEDY:
        begun = time.monotonic()
        ended_with(server.url, statement)
        took = time.monotonic() - begun
        if took > LIMIT_S + 1:
            slow.append((round(took, 2), statement[:80]))
    assert not slow, slow
    assert sql.run(server.url, "SELECT count(*) FROM calls")[1]["rows"] == [[100]]


def ended_with(url, statement):
    """Reads the answer to its end, or its refusal; a million rows are not looked at here, which takes longer than they do."""
    body = json.dumps({"sql": statement, "timeout_s": LIMIT_S}).encode()
    request = urllib.request.Request(url + "/api/v1/sql", body, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request) as answer:
            while answer.read(1 << 20):
                pass
    except urllib.error.HTTPError as error:
        assert error.code in (422, 503), (error.code, statement[:80])


FILES = ("open", "stat", "newfstatat", "access", "readlink", "unlink", "rename", "mkdir", "chdir", "truncate")


def reached(text, data):
    """Lines of locked-in workers, all their threads, that touch anything but segments."""
    locked, out, begun = set(), [], {}
    for line in text.splitlines():
        pid, _, call = line.partition(" ")
        call = call.strip()
        # A call during which another thread was told of is told in two parts.
        if call.endswith("<unfinished ...>"):
            begun[pid] = call.removesuffix("<unfinished ...>")
            continue
        if call.startswith("<..."):
            call = begun.pop(pid, "") + call.partition("resumed>")[2]
        if "landlock_restrict_self" in call and call.endswith("= 0"):
            locked.add(pid)
        if pid not in locked:
            continue
        thread = re.search(r"clone.*= (\d+)$", call)
        if thread:
            locked.add(thread.group(1))
        # A call that the kernel refused reached nothing.
        refused = "= -1 E" in call
        if call.startswith(FILES) and f"{data}/segments" not in call and not refused:
            out.append(line)
        if call.startswith(("socket", "connect", "bind", "execve")) and not refused:
            out.append(line)
    assert len(locked) > 1, "no worker locked itself in: the trace proves nothing"
    return out
