#!/usr/bin/env python3
"""Processor time of adding up millions of scores, by the statements the store uses (`SUMS` of crates/flowgauge-store/src/scores/read.rs,
`SUMS_OF_HOURS` of hours.rs beside it) on its own tables and indexes, read from the sources.

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
hours = (SOURCE / "scores/hours.rs").read_text()
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
    db.executescript(constant(hours, "TABLES"))
    begin = time.process_time()
    for hour in range(DAYS * 24):
        db.execute(f"INSERT INTO score_hours SELECT ?4, * FROM ({sums})", (hour * HOUR, (hour + 1) * HOUR, 60, 0))
    db.commit()
    print(f"summing up an hour: {(time.process_time() - begin) / DAYS / 24 * 1e3:.1f} ms")
    print(f"{COUNT:,} scores of {DAYS} days, 40 series, 2 evaluators; SQLite {sqlite3.sqlite_version}")
    for name, days, step in [("7 days, whole", 7, 2**63 - 1), ("7 days by 3 h", 7, 180), ("30 days, whole", 30, 2**63 - 1),
                             ("30 days by the hour", 30, 60), ("1 day, whole", 1, 2**63 - 1)]:
        end = DAYS * 24 * HOUR
        for how, statement, unit in [("score by score", sums, 1), ("from hours", constant(hours, "SUMS_OF_HOURS"), 60_000_000)]:
            took = []
            for _ in range(3):
                begin = time.process_time()
                rows = db.execute(statement, ((end - days * 24 * HOUR) // unit, end // unit, step, 0)).fetchall()
                took.append(time.process_time() - begin)
            each = sorted(took)[1] * 1e9 * DAYS / days / COUNT
            print(f"{name}, {how}: {sorted(took)[1] * 1e3:.0f} ms, {len(rows)} groups, {each:.0f} ns a score")
