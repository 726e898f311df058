"""Files of queries and answers after sqllogictest: `query TYPES`, the statement, `----`, one line a row.

Types are I (whole number), R (real, three decimals), T (text), M (minute) and D (day). Cells stand apart by tabs.
"""

import dataclasses
import datetime
import re


@dataclasses.dataclass
class Query:
    types: str
    sql: str
    head: list
    duckdb: str = ""
    expected: list = dataclasses.field(default_factory=list)


def read(file):
    queries = []
    for block in re.split(r"\n\n(?=#|query )", file.read_text().strip()):
        head = [line for line in block.splitlines() if line.startswith("#")]
        lines = block.splitlines()[len(head):]
        if not lines:
            continue
        word, types = lines[0].split()
        assert word == "query", block
        end = lines.index("----")
        duckdb = [line.removeprefix("# duckdb: ") for line in head if line.startswith("# duckdb: ")]
        queries.append(Query(types, "\n".join(lines[1:end]), head, "\n".join(duckdb), lines[end + 1:]))
    return queries


def written(file, queries):
    first = file.read_text().split("\n\n", 1)[0]
    head = [first] if first.startswith("#") and "\nquery " not in "\n" + first else []
    blocks = ["\n".join([*q.head, f"query {q.types}", q.sql, "----", *q.expected]) for q in queries]
    return "\n\n".join(head + blocks) + "\n"


def line(types, cells):
    return "\t".join(cell(kind, value) for kind, value in zip(types, cells, strict=True))


def cell(kind, value):
    """A value as the files write it, whichever client gave it."""
    if value is None or value == "":
        return "NULL"
    if kind == "I":
        return str(int(value))
    if kind == "R":
        return f"{float(value):.3f}"
    if kind in "MD" and str(value).startswith("{"):
        return str(value)
    if kind == "M":
        moment = datetime.datetime.fromisoformat(re.sub(r"\+00$", "+00:00", str(value).replace("Z", "+00:00")))
        return moment.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%MZ")
    if kind == "D":
        return str(value)[:10]
    return str(value)


def at(minutes_ago, now_ns, kind):
    """The minute of that age, or its day."""
    moment = datetime.datetime.fromtimestamp(now_ns // 10**9 // 60 * 60 - minutes_ago * 60, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%MZ" if kind == "M" else "%Y-%m-%d")


def expected(query, now_ns):
    """The lines that should come, their ages made moments."""
    out = []
    for text in query.expected:
        cells = text.split("\t")
        for i, kind in enumerate(query.types):
            if kind in "MD" and cells[i].startswith("{"):
                cells[i] = at(int(cells[i].strip("{}")), now_ns, kind)
        out.append("\t".join(cells))
    return out
