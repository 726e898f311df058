"""Quantiles by hour over the same segments: DuckDB on the files, flowgauge's SQL on the files and on rollups.

    cargo run --release -p flowgauge-store --example panel -- 10000000 DIRECTORY
    python bench/sql/scan.py PROGRAM DIRECTORY

Needs `duckdb` and `psycopg`. Both sides have two threads. flowgauge is asked over its Postgres port, network and
encoding included; DuckDB in its own process.
"""

import pathlib
import socket
import statistics
import subprocess
import sys
import time
import urllib.request

import duckdb
import psycopg

RUNS = 7
QUANTILES = "percentile(latency, 0.5), percentile(latency, 0.95), percentile(latency, 0.99)"
MERGED = "hist_merge(latency_hist)"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def timed(name, ask):
    took, rows = [], 0
    for _ in range(RUNS):
        begun = time.perf_counter()
        rows = len(ask())
        took.append(time.perf_counter() - begun)
    took.sort()
    print(f"{name:44} median {statistics.median(took) * 1e3:8.1f} ms  fastest {took[0] * 1e3:8.1f} ms  {rows} rows")


def main(program, directory):
    files = str(pathlib.Path(directory) / "segments" / "*.parquet")
    size = sum(f.stat().st_size for f in pathlib.Path(directory).glob("segments/*.parquet"))
    db = duckdb.connect(config={"threads": 2})
    count = db.execute(f"SELECT count(*) FROM read_parquet('{files}')").fetchone()[0]
    print(f"{count} calls, {size / count:.1f} bytes each")
    hour = "epoch_us(start_time) // 3600000000"
    latency = "latency_us"
    names = {r[0] for r in db.execute(f"DESCRIBE SELECT * FROM read_parquet('{files}')").fetchall()}
    assert {"start_time", "latency_us"} <= names, sorted(names)
    timed("DuckDB, exact", lambda: db.execute(
        f"SELECT {hour}, quantile_cont({latency}, [0.5, 0.95, 0.99]) FROM read_parquet('{files}') GROUP BY 1").fetchall())
    timed("DuckDB, approximate", lambda: db.execute(
        f"SELECT {hour}, approx_quantile({latency}, [0.5, 0.95, 0.99]) FROM read_parquet('{files}') GROUP BY 1").fetchall())
    timed("DuckDB, filtered, exact", lambda: db.execute(
        f"SELECT {hour}, quantile_cont({latency}, [0.5, 0.95, 0.99]) FROM read_parquet('{files}') "
        "WHERE model_used = 'gpt-4o' GROUP BY 1").fetchall())
    port, sql = free_port(), free_port()
    server = subprocess.Popen(
        [program, "serve", "--data-dir", directory, "--listen", f"127.0.0.1:{port}", f"--set=postgres.listen=127.0.0.1:{sql}",
         "--set=otlp.http.enabled=false", "--set=otlp.grpc.enabled=false", "--set=retention.raw=100000d",
         "--set=retention.minutes=100000d", "--set=retention.hours=100000d"],
        stderr=subprocess.DEVNULL,
    )
    try:
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready").close()
                break
            except OSError:
                assert server.poll() is None, "flowgauge ended"
                time.sleep(0.1)
        with psycopg.connect(host="127.0.0.1", port=sql, user="bench", autocommit=True) as connection:
            ask = lambda text: connection.execute(text).fetchall()
            assert ask("SELECT count(*) FROM calls") == [(count,)]
            timed("flowgauge, raw", lambda: ask(f"SELECT date_trunc('hour', event_time), {QUANTILES} FROM calls GROUP BY 1"))
            timed("flowgauge, raw, filtered", lambda: ask(
                f"SELECT date_trunc('hour', event_time), {QUANTILES} FROM calls WHERE model_used = 'gpt-4o' GROUP BY 1"))
            timed("flowgauge, rollups", lambda: ask(
                f"SELECT timestamp, hist_quantile({MERGED}, 0.5), hist_quantile({MERGED}, 0.95), hist_quantile({MERGED}, 0.99)"
                " FROM rollups GROUP BY 1"))
            timed("flowgauge, nothing (SELECT 1)", lambda: ask("SELECT 1"))
        timed("flowgauge, KPI p95 over all (HTTP)", lambda: urllib.request.urlopen(
            f"http://127.0.0.1:{port}/api/v1/kpis/p95_latency?from=2023-11-14T00:00:00Z&to=2023-11-17T00:00:00Z").read())
    finally:
        server.terminate()
        server.wait()


main(*sys.argv[1:])
