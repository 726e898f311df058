"""Clients of Postgres against the port: what they are told equals what was sent, and nobody comes in who may not."""

import asyncio
import csv
import datetime
import errno
import io
import json
import os
import pathlib
import socket
import struct
import subprocess
import threading
import urllib.request

import adbc_driver_postgresql.dbapi
import asyncpg
import pandas
import polars
import psycopg
import psycopg2
import pytest
import sqlalchemy

import spans
import sql
from conftest import CACHE, wait_for

COUNT = 600
DEBIAN = CACHE / "conformance" / "debian"
SLOW = "SELECT sum(a.value * b.value) FROM generate_series(1, 1000000) a(value), generate_series(1, 1000000) b(value)"


def sent(start, **more):
    now = sql.now_ns()
    made = sql.calls(COUNT, 11, now)
    server = start(**more)
    spans.post(server.url, made)
    wait_for("all calls", lambda: sql.run(server.url, "SELECT count(*) FROM calls")[1]["rows"] == [[COUNT]])
    return server, made, now


@pytest.fixture
def asked(start):
    """A server with calls, and what was sent to it."""
    return sent(start)


def where(server, **more):
    return {"host": "127.0.0.1", "port": server.pg_port, "user": "reader", "dbname": "flowgauge", **more}


def url(server, driver, secret=""):
    return f"{driver}://reader{secret}@127.0.0.1:{server.pg_port}/flowgauge"


def psql(server, *statements, password=None, **settings):
    """What psql prints as CSV, or raises."""
    command = ["psql", "--no-psqlrc", "--csv", "-v", "ON_ERROR_STOP=1"]
    for statement in statements:
        command += ["-c", statement]
    told = " ".join(f"{k}={v}" for k, v in where(server, **settings).items())
    environment = {**os.environ, "PGPASSWORD": password or "", "PGCONNECT_TIMEOUT": "10"}
    return subprocess.run([*command, told], capture_output=True, text=True, env=environment, check=False)


def answered(server, *statements, **more):
    done = psql(server, *statements, **more)
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout)))


def key(server, name, scope, admin=None):
    """Makes an API key."""
    body = json.dumps({"name": name, "scope": scope}).encode()
    headers = {"content-type": "application/json"}
    if admin:
        headers["authorization"] = f"Bearer {admin}"
    with urllib.request.urlopen(urllib.request.Request(server.url + "/api/v1/keys", body, headers)) as answer:
        return json.load(answer)


def test_psql_answers_the_guides_queries_word_for_word(asked):
    server, made, now = asked
    by_minute = sql.latencies_by_minute(made, now)
    rows = answered(server, sql.LATENCY_TRENDS)
    told = [r["timestamp"].replace(" ", "T").replace("+00", "Z") for r in rows]
    assert told == sorted(by_minute) and len(told) > 50
    for minute, row in zip(told, rows):
        latencies = by_minute[minute]
        assert float(row["p95_latency"]) == pytest.approx(sql.percentile(latencies, 0.95))
        assert float(row["p50_latency"]) == pytest.approx(sql.percentile(latencies, 0.50))
        assert float(row["mean_latency"]) == pytest.approx(sum(latencies) / len(latencies))

    by_day = sql.tokens_by_day(made, now)
    rows = answered(server, sql.TOKEN_USAGE)
    assert [(r["date"], int(r["total_tokens"]), int(r["request_count"])) for r in rows] == [
        (date, sum(tokens), len(tokens)) for date, tokens in sorted(by_day.items())
    ]

    recent = [s for s in sql.good(made) if s.start_ns > now - 20 * 60 * sql.MINUTE][:40]
    scored = sql.scored_by_day(server.url, recent)
    rows = answered(server, sql.QUALITY_BY_INTENT)
    assert [r["date"] for r in rows] == sorted(scored)
    for row in rows:
        values = scored[row["date"]]
        assert int(row["sample_count"]) == len(values)
        assert (float(row["min_quality"]), float(row["max_quality"])) == (min(values), max(values))
        assert float(row["avg_quality"]) == pytest.approx(sum(values) / len(values))


def test_psql_describes_tables_copies_them_and_points_at_mistakes(asked, tmp_path):
    server, _, _ = asked
    tables = [r["Name"] for r in answered(server, r"\dt")]
    assert {"calls", "performance_metrics", "quality_metrics", "rollups", "alerts"} <= set(tables)
    columns = {r["Column"]: r["Type"] for r in answered(server, r"\d calls")}
    assert columns["timestamp"] == "timestamp with time zone" and columns["cost_usd"] == "numeric"
    assert any("ms" in r["Description"] for r in answered(server, r"\d+ calls") if r["Column"] == "latency")

    file = tmp_path / "calls.csv"
    answered(server, rf"\copy (SELECT call_id, latency FROM calls) TO '{file}' CSV HEADER")
    with open(file, newline="") as lines:
        assert len(list(csv.DictReader(lines))) == COUNT
    refused = psql(server, "SELECT call_id,\n  latencey FROM calls")
    assert refused.returncode != 0
    assert "did you mean latency?" in refused.stderr and "LINE 2:   latencey" in refused.stderr, refused.stderr
    for statement in ("DELETE FROM calls", "CREATE TABLE x (a int)", "COPY calls FROM STDIN", "COPY calls TO '/tmp/x'"):
        refused = psql(server, statement)
        assert refused.returncode != 0 and "possible here" in refused.stderr, refused.stderr
    # A transaction that has failed says so until it ends.
    failed = psql(server, "BEGIN", "SELECT 1/0")
    assert failed.returncode != 0 and "ivide by zero" in failed.stderr, failed.stderr


@pytest.mark.parametrize("binary", [False, True])
def test_psycopg_gives_back_every_type_it_is_given(asked, binary):
    server, _, _ = asked
    when = datetime.datetime(2026, 2, 3, 4, 5, 6, 789_000, tzinfo=datetime.timezone.utc)
    with psycopg.connect(**where(server)) as connection:
        cursor = connection.cursor(binary=binary)
        values = (True, 7, -(2**40), 1.5, "é'\\", b"\x00\xff", when, when.date(), datetime.timedelta(days=2, seconds=3), None)
        text = "SELECT %s::bool, %s::int4, %s::int8, %s::float8, %s::text, %s::bytea, %s::timestamptz, %s::date, %s::interval, %s::text"
        assert cursor.execute(text, values).fetchone() == values
        assert cursor.execute("SELECT 'NaN'::float8 = 'NaN'::float8, 1e300::float8, ARRAY['a b', NULL, 'null']").fetchone() == (
            True, 1e300, ["a b", None, "null"],
        )
        # More columns of one name than an engine has room for.
        assert cursor.execute("SELECT 1, 2, NULL, 'x'").fetchone() == (1, 2, None, "x")
        assert [c.name for c in cursor.description] == ["?column?"] * 4
        assert [c.type_code for c in cursor.description[:2]] == [23, 23], "integer, as Postgres has it"


def test_psycopg_asks_with_values_in_pipelines_cursors_and_copies(asked):
    server, made, now = asked
    since = datetime.datetime.fromtimestamp(now / 1e9, datetime.timezone.utc) - datetime.timedelta(hours=24)
    want = [s for s in made if s.start_ns >= since.timestamp() * 1e9]
    with psycopg.connect(**where(server)) as connection:
        text = "SELECT count(*), sum(input_tokens) FROM calls WHERE event_time >= %s AND model = %s"
        tokens = sum(s.attributes["gen_ai.usage.input_tokens"] for s in want)
        assert connection.execute(text, (since, "scenario-model")).fetchone() == (len(want), tokens)
        assert len(connection.execute("SELECT call_id FROM calls LIMIT %s", (5,)).fetchall()) == 5
        with connection.pipeline():
            one, two = connection.execute("SELECT 1"), connection.execute("SELECT %s::int", (2,))
            assert (one.fetchone(), two.fetchone()) == ((1,), (2,))
        with connection.cursor("walk") as cursor:
            cursor.itersize = 100
            ids = [row[0] for row in cursor.execute("SELECT call_id FROM calls WHERE input_tokens > %s", (0,))]
        assert len(set(ids)) == COUNT
        for form in ("binary", "text"):
            with connection.cursor().copy(f"COPY (SELECT call_id, input_tokens FROM calls) TO STDOUT (FORMAT {form})") as copy:
                copy.set_types(["text", "int8"])
                assert {row[0] for row in copy.rows()} == set(ids)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("INSERT INTO calls VALUES (1)")
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            connection.execute("SELECT 1")
        connection.rollback()
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_running_statement_is_cancelled_by_its_client_alone(asked):
    server, _, _ = asked
    with psycopg.connect(**where(server)) as connection, psycopg.connect(**where(server)) as other:
        ended = []

        def run():
            with pytest.raises(psycopg.errors.QueryCanceled) as told:
                connection.execute(SLOW)
            ended.append(str(told.value))

        thread = threading.Thread(target=run)
        thread.start()
        # Another session's wish, with a guessed secret, changes nothing.
        process = connection.info.backend_pid
        with socket.create_connection(("127.0.0.1", server.pg_port)) as guess:
            guess.sendall(struct.pack("!iiii", 16, 80877102, process, 12345))
            assert guess.recv(1) == b""
        assert other.execute("SELECT 1").fetchone() == (1,) and not ended
        wait_for("its end", lambda: connection.cancel() or ended)
        thread.join()
        assert "cancelled by its client" in ended[0]
        connection.rollback()
        connection.execute("SET statement_timeout = '300ms'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute(SLOW)


def test_asyncpg_fetches_prepared_statements_and_cursors(asked):
    server, made, _ = asked

    async def ask():
        settings = {"host": "127.0.0.1", "port": server.pg_port, "user": "reader", "database": "flowgauge"}
        pool = await asyncpg.create_pool(**settings, min_size=1, max_size=2)
        async with pool.acquire() as connection:
            begin = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
            rows = await connection.fetch(
                "SELECT event_time, latency, cost_usd, status FROM calls WHERE timestamp >= $1 AND input_tokens > $2",
                begin, 2_000,
            )
            async with connection.transaction(readonly=True):
                walked = [row async for row in connection.cursor("SELECT call_id FROM calls", prefetch=50)]
        again = await pool.fetchval("SELECT max(input_tokens) FROM calls WHERE status = $1", "ok")
        await pool.close()
        return rows, walked, again

    rows, walked, most = asyncio.run(ask())
    want = [s for s in made if s.attributes["gen_ai.usage.input_tokens"] > 2_000]
    assert sorted(r["latency"] for r in rows) == pytest.approx(sorted(s.duration_ns / 1e6 for s in want))
    assert {int(r["event_time"].timestamp() * 1e6) for r in rows} == {s.start_ns // 1_000 for s in want}
    assert len(walked) == COUNT
    assert most == max(s.attributes["gen_ai.usage.input_tokens"] for s in sql.good(made))


@pytest.mark.parametrize("driver", ["postgresql+psycopg", "postgresql+psycopg2"])
def test_pandas_and_sqlalchemy_reflect_and_read(asked, driver):
    server, made, _ = asked
    engine = sqlalchemy.create_engine(url(server, driver))
    found = sqlalchemy.inspect(engine)
    assert {"calls", "rollups"} <= set(found.get_table_names())
    kinds = {c["name"]: str(c["type"]) for c in found.get_columns("calls")}
    assert (kinds["timestamp"], kinds["latency"]) == ("TIMESTAMP", "DOUBLE PRECISION")
    assert found.get_pk_constraint("calls")["constrained_columns"] == []
    text = sqlalchemy.text("SELECT event_time, latency, status FROM calls WHERE input_tokens > :n")
    frame = pandas.read_sql(text, engine, params={"n": 2_000})
    want = [s for s in made if s.attributes["gen_ai.usage.input_tokens"] > 2_000]
    assert frame["latency"].sum() == pytest.approx(sum(s.duration_ns for s in want) / 1e6)
    assert str(frame["event_time"].dtype).startswith("datetime64") and len(frame) == len(want)
    with engine.connect().execution_options(stream_results=True) as connection:
        parts = pandas.read_sql("SELECT call_id FROM calls", connection, chunksize=128)
        assert sum(len(part) for part in parts) == COUNT
    assert list(pandas.read_sql_table("series", engine).columns)[:1] == ["source"]


def test_adbc_reads_arrow_by_binary_copies(asked):
    server, made, _ = asked
    with adbc_driver_postgresql.dbapi.connect(url(server, "postgresql")) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SELECT event_time, latency, input_tokens, model FROM calls")
            table = cursor.fetch_arrow_table()
            cursor.execute("SELECT count(*) FROM calls WHERE input_tokens > $1", (2_000,))
            [(more,)] = cursor.fetchall()
        schema = connection.adbc_get_table_schema("calls")
    assert table.num_rows == COUNT
    assert sum(table["input_tokens"].to_pylist()) == sum(s.attributes["gen_ai.usage.input_tokens"] for s in made)
    assert more == sum(s.attributes["gen_ai.usage.input_tokens"] > 2_000 for s in made)
    assert str(schema.field("timestamp").type) == "timestamp[us, tz=UTC]"


def java(server, *arguments):
    jar = DEBIAN / "libpostgresql-jdbc-java/usr/share/java/postgresql.jar"
    program = pathlib.Path(__file__).parent / "java" / "Ask.java"
    address = f"jdbc:postgresql://127.0.0.1:{server.pg_port}/flowgauge"
    done = subprocess.run(
        ["java", "-cp", jar, program, address, *arguments], capture_output=True, text=True, check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_jdbc_reads_rows_in_both_formats_and_parts(asked):
    server, made, _ = asked
    lines = java(server)
    assert {"table calls", "table performance_metrics", "column latency float8"} <= set(lines)
    want = [s for s in made if s.attributes["gen_ai.usage.input_tokens"] > 2_000]
    tokens = sum(s.attributes["gen_ai.usage.input_tokens"] for s in want)
    rows = [line.split() for line in lines if line.startswith("rows")]
    assert [(int(r[1]), int(r[3])) for r in rows] == [(len(want), tokens)] * 6
    assert all(abs(int(r[5]) - sum(s.duration_ns for s in want) / 1e6) < 2 for r in rows)
    assert lines[-2:] == ["refused 25006", "cancelled 57014"]


@pytest.mark.parametrize("mode", ["simple", "extended", "prepared"])
def test_pgbench_runs_in_every_protocol(asked, mode, tmp_path):
    server, _, _ = asked
    script = tmp_path / "ask.sql"
    script.write_text(
        "\\set n random(1, 4000)\n"
        "SELECT count(*), percentile(latency, 0.95) FROM calls WHERE input_tokens > :n;\n"
    )
    pgbench = DEBIAN / "postgresql-15/usr/lib/postgresql/15/bin/pgbench"
    done = subprocess.run(
        [pgbench, "-n", "-M", mode, "-f", script, "-c", "4", "-t", "10", "-h", "127.0.0.1",
         "-p", str(server.pg_port), "-U", "reader", "flowgauge"],
        capture_output=True, text=True, check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "number of transactions actually processed: 40/40" in done.stdout, done.stdout
    assert "number of failed transactions: 0" in done.stdout


def test_a_key_is_proven_once_there_is_one_and_no_longer_when_it_is_revoked(asked):
    server, _, _ = asked
    admin = key(server, "first", "admin")["key"]
    viewer = key(server, "reader", "viewer", admin)
    sender = key(server, "app", "gateway", admin)["key"]
    refused = psql(server, "SELECT 1")
    assert refused.returncode != 0 and "password" in refused.stderr, refused.stderr
    wrong = viewer["key"][:-1] + ("0" if viewer["key"][-1] != "0" else "1")
    assert "not known" in psql(server, "SELECT 1", password=wrong).stderr
    assert "scope gateway" in psql(server, "SELECT 1", password=sender).stderr
    for secret in (admin, viewer["key"]):
        assert answered(server, "SELECT current_user AS who", password=secret) == [{"who": "reader"}]
    assert java(server, viewer["key"])[-1] == "cancelled 57014"
    with psycopg.connect(**where(server, password=viewer["key"])) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        revoke = urllib.request.Request(
            f"{server.url}/api/v1/keys/{viewer['id']}", method="DELETE", headers={"authorization": f"Bearer {admin}"}
        )
        urllib.request.urlopen(revoke).close()
        with pytest.raises(psycopg.OperationalError, match="revoked"):
            connection.execute("SELECT 1")
    assert "not known" in psql(server, "SELECT 1", password=viewer["key"]).stderr


def certificate(directory):
    pem, secret = directory / "cert.pem", directory / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", secret, "-out", pem],
        check=True, capture_output=True,
    )
    return pem, secret


def test_connections_are_encrypted_where_there_is_a_certificate(start, tmp_path):
    pem, secret = certificate(tmp_path)
    settings = {"postgres.tls.certificate": pem, "postgres.tls.key": secret, "postgres.password": "plain"}
    server, _, _ = sent(start, settings=settings)
    token = key(server, "first", "admin")["key"]
    for mode in ("disable", "prefer", "require", "verify-full"):
        with psycopg.connect(**where(server, sslmode=mode, sslrootcert=str(pem), password=token)) as connection:
            assert connection.pgconn.ssl_in_use == (mode != "disable"), mode
            assert connection.execute("SELECT count(*) FROM calls").fetchone() == (COUNT,)
    # The proof is bound to the certificate where both sides can, and cannot be where there is none.
    bound = start(settings={"postgres.tls.certificate": pem, "postgres.tls.key": secret})
    token = key(bound, "first", "admin")["key"]
    for wish in ("require", "prefer", "disable"):
        with psycopg.connect(**where(bound, sslmode="require", channel_binding=wish, password=token)) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,), wish
    with pytest.raises(psycopg.OperationalError, match="channel binding"):
        psycopg.connect(**where(bound, sslmode="disable", channel_binding="require", password=token))
    # What is stuffed in behind the wish for TLS is not taken for part of it.
    with socket.create_connection(("127.0.0.1", server.pg_port)) as stuffed:
        stuffed.sendall(struct.pack("!ii", 8, 80877103) + b"Q\0\0\0\x0dSELECT 1\0")
        assert stuffed.recv(1) == b"S"
        assert b"SELECT" not in stuffed.recv(1_000)
    without = start()
    with pytest.raises(psycopg.OperationalError, match="does not support SSL"):
        psycopg.connect(**where(without, sslmode="require"))


def test_what_is_no_protocol_ends_its_own_connection_only(asked):
    server, _, _ = asked
    begin = struct.pack("!ii", 21, 196608) + b"user\0reader\0\0"
    for bytes_ in (
        b"GET / HTTP/1.1\r\n\r\n", struct.pack("!ii", 2**31 - 1, 196608), struct.pack("!ii", 8, 1),
        begin + b"Q\xff\xff\xff\xff", begin + b"B\0\0\0\x06\0\0", begin + b"?\0\0\0\x04", begin + b"P\0\0\0\x05\0",
    ):
        with socket.create_connection(("127.0.0.1", server.pg_port), timeout=20) as connection:
            connection.sendall(bytes_)
            try:
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65_536):
                    pass
            except OSError as ended:
                # As good as an end: the rest of what was sent was not read.
                assert ended.errno in (errno.ECONNRESET, errno.ENOTCONN), bytes_
    held = [psycopg.connect(**where(server)) for _ in range(100)]
    with pytest.raises(psycopg.OperationalError, match="100 sessions are open"):
        psycopg.connect(**where(server))
    for connection in held:
        connection.close()
    wait_for("room again", lambda: psql(server, "SELECT 1").returncode == 0)


def by_status(made):
    parts = (("error", [s for s in made if "error.type" in s.attributes]), ("ok", sql.good(made)))
    return [(word, len(part), sum(s.attributes["gen_ai.usage.input_tokens"] for s in part)) for word, part in parts]


def test_javascript_clients_bind_values_read_in_parts_and_go_on_after_a_mistake(asked, node):
    server, made, _ = asked
    told = node("postgres/ask.mjs", server.pg_port)
    longer = sum(s.duration_ns > 2_500_000_000 for s in sql.good(made))
    for name in ("pg", "postgres"):
        said = told[name]
        assert [(r["status"], r["n"], int(r["tokens"])) for r in said["rows"]] == by_status(made), name
        assert (said["bound"], said["parts"]) == (longer, [250, 250, 100]), name
        assert said["refused"] == {"code": "42703", "position": "8"}, name
    assert (told["pg"]["again"], told["pg"]["after"]) == (longer, 1)
    first = min(s.start_ns for s in made) // 1_000_000
    assert told["postgres"]["first"] == datetime.datetime.fromtimestamp(
        first / 1_000, datetime.timezone.utc
    ).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.mark.parametrize("engine", ["connectorx", "adbc"])
def test_polars_reads_a_frame_by_either_of_its_engines(asked, engine):
    server, made, _ = asked
    statement = "SELECT status, count(*) AS n, sum(input_tokens) AS tokens FROM calls GROUP BY status ORDER BY status"
    frame = polars.read_database_uri(statement, url(server, "postgresql"), engine=engine)
    assert [(row["status"], row["n"], int(row["tokens"])) for row in frame.to_dicts()] == by_status(made)
