"""Works out what the statements of *.slt should answer, with DuckDB over calls.csv, and writes it into them.

    python slt/expect.py

Each query of an .slt file may name in a comment (`# duckdb: …`) the statement DuckDB is asked; a query without one
is asked as it stands. Moments are written by their age: `{5}` is the minute that began five minutes before now.
"""

import pathlib
import sys

import duckdb

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
import slt_file  # noqa: E402

TABLES = """
CREATE TABLE rows AS SELECT * FROM read_csv('{file}');
CREATE VIEW performance_metrics AS SELECT -minutes_ago AS timestamp, latency_us / 1000.0 AS latency, input_tokens,
    output_tokens, intent AS intent_type FROM rows WHERE failed = 0;
CREATE VIEW calls AS SELECT -minutes_ago AS timestamp, CASE failed WHEN 0 THEN latency_us / 1000.0 END AS latency,
    latency_us / 1000.0 AS duration, CASE failed WHEN 0 THEN input_tokens END AS good_input,
    input_tokens, output_tokens, intent AS intent_type, CASE failed WHEN 0 THEN 'ok' ELSE 'error' END AS status FROM rows;
CREATE VIEW quality_metrics AS SELECT -minutes_ago AS timestamp, CAST(score AS DOUBLE) AS quality_score,
    intent AS intent_type FROM rows WHERE score IS NOT NULL;
"""


def main():
    db = duckdb.connect()
    db.execute(TABLES.format(file=HERE / "calls.csv"))
    for file in sorted(HERE.glob("*.slt")):
        queries = slt_file.read(file)
        for query in queries:
            rows = db.execute(query.duckdb or query.sql).fetchall()
            query.expected = [slt_file.line(query.types, [placed(t, v) for t, v in zip(query.types, row)]) for row in rows]
        file.write_text(slt_file.written(file, queries))
        print(f"{file.name}: {sum(len(q.expected) for q in queries)} rows")


def placed(kind, value):
    """A moment as the age it has, everything else as it is."""
    return f"{{{-value}}}" if kind in "MD" and value is not None else value


main()
