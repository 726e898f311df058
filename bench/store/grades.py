#!/usr/bin/env python3
"""Processor time of adding up millions of scores, by the statement the store uses (`SUMS` of crates/flowgauge-store/src/scores/read.rs) on
its own tables and indexes, read from the sources.

    bench/store/grades.py [SCORES]

The statement runs in the SQLite of Python; flowgauge brings its own, and turns one row a group into sums.
"""
import random, re, sqlite3, sys, tempfile, time
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "crates/flowgauge-store/src"
COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000
HOUR = 3_600_000_000
DAYS = 30

constant = lambda text, name: re.search(rf'const {name}: &str =\s*"(.*?)";', text, re.S).group(1)
tables, reading = (SOURCE / "scores.rs").read_text(), (SOURCE / "scores/read.rs").read_text()
sums = constant(reading, "SUMS").replace("WEIGHT", "ifnull(weight, 1.0)")
draw = random.Random(1)
with tempfile.TemporaryDirectory() as folder:
    db = sqlite3.connect(f"{folder}/state.db")
    db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;")
    db.executescript(constant(tables, "TABLES") + constant(tables, "WEIGHT"))
    judges = ['{"name":"flowgauge.local","version":"1"}', '{"name":"judge:gpt-4o-mini","version":"3f2a"}']
    def row(i):
        start = DAYS * 24 * HOUR * i // COUNT
        key = i.to_bytes(16, "big")
        return (key, judges[i % 8 == 0], key.hex(), start, start, 0, draw.uniform(40, 100), 0, "{}", key, start,
                draw.randrange(40), draw.randrange(200, 3000), draw.randrange(10**5, 10**7), 20.0)
    columns = "id, judge, about, time_us, received_us, kind, quality, thumb, json, call, start_us, series, tokens, cost_nanos, weight"
    db.executemany(f"INSERT INTO scores ({columns}) VALUES ({','.join('?' * 15)})", map(row, range(COUNT)))
    db.commit()
    db.executescript(constant(tables, "INDEXES"))
    print(f"{COUNT:,} scores of {DAYS} days, 40 series, 2 evaluators; SQLite {sqlite3.sqlite_version}")
    for name, days, step in [("7 days, whole", 7, 2**63 - 1), ("7 days by 3 h", 7, 180), ("30 days, whole", 30, 2**63 - 1),
                             ("30 days by the hour", 30, 60), ("1 day, whole", 1, 2**63 - 1)]:
        end = DAYS * 24 * HOUR
        took = []
        for _ in range(3):
            begin = time.process_time()
            rows = db.execute(sums, (end - days * 24 * HOUR, end, step, 0)).fetchall()
            took.append(time.process_time() - begin)
        print(f"{name}: {sorted(took)[1] * 1e3:.0f} ms, {len(rows)} groups, {sorted(took)[1] * 1e9 * DAYS / days / COUNT:.0f} ns a score")
