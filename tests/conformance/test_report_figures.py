"""Figures of one report in its formats: each equal to the others, to SQL, and to the calls themselves."""

import csv
import html.parser
import io
import re

import pytest

import month
import sql

KEY_KINDS = ["daily", "weekly", "monthly", "executive"]
# What a report says where nothing is known.
UNKNOWN = "not measured"
# Figures of the key table that a statement over raw calls answers; those of successes from the table of them.
SUCCESSES = """
SELECT percentile(latency, 0.95) AS p95_latency_ms, percentile(latency, 0.50) AS p50_latency_ms,
    percentile(latency, 0.99) AS p99_latency_ms, avg(latency) AS mean_latency_ms, count(*) AS n
FROM performance_metrics WHERE {window}
"""
ALL = """
SELECT sum(input_tokens + output_tokens) AS total_tokens, sum(cost_nanos) AS total_cost_nanos,
    count(cost_nanos) AS priced, count(*) AS n,
    sum(CASE WHEN status = 'ok' THEN 0 ELSE 1 END) AS failed
FROM calls WHERE {window}
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with month.served(tmp_path_factory.mktemp("figures")) as (server, calls):
        yield server, calls


@pytest.fixture(scope="module")
def told(served):
    """Every kind of report in every format of text."""
    server, _ = served
    forms = ("csv", "md", "txt", "html")
    return {
        kind: {"json": month.document(server, kind)}
        | {form: month.report(server, kind, form).decode() for form in forms}
        for kind in month.PERIODS
    }


class Cells(html.parser.HTMLParser):
    """Exact values of an HTML report by field, and every table row as words."""

    def __init__(self, text):
        super().__init__()
        self.exact, self.words, self.rows, self.field, self.cell = {}, {}, [], None, None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th") and self.rows:
            self.rows[-1].append("")
            self.cell = True
        if tag == "data" and "data-field" in attributes:
            self.field = attributes["data-field"]
            self.exact[self.field], self.words[self.field] = attributes["value"], ""

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.cell = None
        if tag == "data":
            self.field = None

    def handle_data(self, data):
        if self.cell:
            self.rows[-1][-1] += data
        if self.field:
            self.words[self.field] += data


def markdown_rows(text):
    """Cells of every table row, without the signs that only Markdown needs."""
    rows = []
    for line in text.splitlines():
        if line.startswith("| ") and not re.fullmatch(r"[|\s:-]+", line):
            cells = re.split(r"(?<!\\)\|", line)[1:-1]
            rows.append([plain(c.strip()) for c in cells])
    return rows


def plain(cell):
    """What a reader of Markdown sees."""
    cell = re.sub(r"\[(.*?)\]\(<.*?>\)", r"\1", cell)
    # Between backticks nothing is escaped but the bar of a table.
    parts = re.split(r"(?<!\\)`", cell)
    return "".join(re.sub(r"\\(.)" if i % 2 == 0 else r"\\(\|)", r"\1", p) for i, p in enumerate(parts))


def exact(figure):
    """What JSON says, as HTML and CSV write it."""
    if figure["value"] is None:
        return None
    return figure["nano_usd"] / 1e9 if "nano_usd" in figure else figure["value"]


def same(words, figure):
    return float(words) == exact(figure) if words else figure["value"] is None


@pytest.mark.parametrize("kind", KEY_KINDS)
def test_every_key_figure_is_what_the_calls_give(served, told, kind):
    _, calls = served
    known = month.figures(told[kind]["json"])
    expected = month.expected(month.within(calls, kind))
    # One page has fewer of them.
    wanted = {"p95_latency_ms", "total_cost_usd"} if kind == "executive" else set(expected)
    for field in wanted:
        figure, right = known[field], expected[field]
        assert exact(figure) == pytest.approx(right.value, rel=right.near), field
        if right.n is not None:
            assert figure["n"] == right.n, field


@pytest.mark.parametrize("kind", KEY_KINDS)
def test_every_key_figure_is_what_sql_says_of_the_same_window(served, told, kind):
    server, _ = served
    known = month.figures(told[kind]["json"])
    first, after = (f"to_timestamp_micros({t})" for t in month.window(kind))
    at = f"event_time >= {first} AND event_time < {after}"
    [good] = sql.table(server.url, SUCCESSES.format(window=at))
    [whole] = sql.table(server.url, ALL.format(window=at))
    said = {
        **{f: good[f] for f in ("p95_latency_ms", "p50_latency_ms", "p99_latency_ms", "mean_latency_ms")},
        "total_tokens": whole["total_tokens"],
        "tokens_per_request": whole["total_tokens"] / good["n"],
        "total_cost_usd": whole["total_cost_nanos"] / 1e9,
        "cost_per_request_usd": whole["total_cost_nanos"] / whole["priced"] / 1e9,
        "error_rate": whole["failed"] / whole["n"],
    }
    expected = month.expected(month.within(served[1], kind))
    for field in said.keys() & known.keys():
        # Money is kept in whole nano-dollars.
        near = {"abs": 1e-9} if field.endswith("_usd") else {}
        assert exact(known[field]) == pytest.approx(said[field], rel=expected[field].near, **near), field
    assert known.get("total_tokens", {"value": whole["total_tokens"]})["value"] == whole["total_tokens"]


@pytest.mark.parametrize("kind", KEY_KINDS)
def test_csv_html_markdown_and_text_have_every_key_figure_of_json(told, kind):
    document = told[kind]["json"]
    known = month.figures(document)
    lines = list(csv.DictReader(io.StringIO(told[kind]["csv"])))
    in_csv = {line["field"]: line for line in lines if line["table"] == "key"}
    page = Cells(told[kind]["html"])
    methods = {row[0]: row for row in markdown_rows(told[kind]["md"]) if len(row) == 4 and row[0] in known}
    assert set(in_csv) == set(page.exact) == set(methods) == set(known)
    text = told[kind]["txt"]
    for field, figure in known.items():
        line = in_csv[field]
        assert same(line["value"], figure), (field, line)
        assert (line["unit"] or None, line["text"]) == (figure["unit"], figure["text"]), field
        assert line["n"] == ("" if figure["n"] is None else str(figure["n"])), field
        assert line["method"] == (figure["method"] or ""), field
        assert bool(line["reason"]) == (figure["value"] is None) == bool(figure["reason"]), field
        assert same(page.exact[field], figure), field
        assert figure["text"] in page.words[field], field
        shown = [figure["text"], "–" if figure["n"] is None else f"{figure['n']:,}", figure["method"] or "–"]
        assert methods[field][1:] == shown, field
        lines_of = f"  Field: {field}\n  Value: {figure['text']}\n  n: {shown[1]}\n"
        assert lines_of in text, field
    for row in (r for s in document["sections"] for b in s["blocks"] if b["type"] == "key_table" for r in b["rows"]):
        [words] = [r for r in markdown_rows(told[kind]["md"]) if r[0] == row["metric"] and len(r) == 6]
        [cells] = [r for r in page.rows if r and r[0] == row["metric"] and len(r) == 6]
        assert words == cells, row["metric"]


def cells_of(document):
    """Tables of a report in JSON: name, columns, and each row's cells in their order."""
    for section in document["sections"]:
        for block in section["blocks"]:
            if block["type"] == "table" and block["rows"]:
                names = [c["name"] for c in block["columns"]]
                yield section["name"], block["name"], names, [[row[n] for n in names] for row in block["rows"]]


@pytest.mark.parametrize("kind", list(month.PERIODS))
def test_every_cell_of_every_table_reads_alike_in_markdown_and_html(told, kind):
    document = told[kind]["json"]
    page, words = Cells(told[kind]["html"]).rows, markdown_rows(told[kind]["md"])
    seen = 0
    for _, name, columns, rows in cells_of(document):
        for row in rows:
            texts = [cell.get("text", "–") if cell else "–" for cell in row]
            with_n = [
                f"{t} (n {c['n']:,})" if c and c["type"] == "figure" and c["value"] is not None and c["n"] is not None
                else t for t, c in zip(texts, row)
            ]
            for shown in (page, words):
                matching = [r for r in shown if len(r) == len(row) and r[0] == texts[0]]
                assert any(r in (texts, with_n) for r in matching), (kind, name, with_n, matching[:3])
            seen += len(row)
    assert seen > 10 or kind == "executive", "tables with something in them"


@pytest.mark.parametrize("kind", [k for k in month.PERIODS if k != "cost"])
def test_every_figure_of_every_table_is_in_csv(told, kind):
    lines = list(csv.DictReader(io.StringIO(told[kind]["csv"])))
    for section, name, columns, rows in cells_of(told[kind]["json"]):
        for column_at, column in enumerate(columns):
            mine = [x for x in lines if (x["section"], x["table"], x["field"]) == (section, name, column)]
            cells = [row[column_at] for row in rows if row[column_at]]
            assert len(mine) == len(cells), (name, column)
            for line, cell in zip(mine, cells):
                # A word that a spreadsheet would run has an apostrophe before it.
                if cell["type"] in ("figure", "shift", "words"):
                    assert line["text"] in (cell["text"], "'" + cell["text"]), (name, column, line)
                if cell["type"] == "figure":
                    assert same(line["value"], cell), (name, column, line)
                if cell["type"] == "words":
                    assert not line["text"].startswith(("=", "+", "-", "@")), line


def test_the_cost_analysis_counts_what_has_a_price(served, told):
    """Its CSV is its table; its sums are those of the calls, by route, intent and model."""
    of = month.within(served[1], "cost")
    rows = list(csv.DictReader(io.StringIO(told["cost"]["csv"])))
    [whole] = [r for r in rows if r["name"] == "all"]
    priced = [c.cost for c in of if c.cost is not None]
    assert float(whole["cost_usd"]) == sum(priced) / 1e9
    assert int(whole["requests"]) == len(priced), "they are called priced requests"
    each = month.figures(told["monthly"]["json"])["cost_per_request_usd"]
    assert float(whole["actual_usd_per_request"]) == pytest.approx(each["value"], abs=1e-9)
    for row in rows[1:]:
        route, _, model = row["name"].lstrip("'").split(" · ")
        mine = [c.cost for c in of if (c.route, c.model) == (route, model) and c.cost is not None]
        assert float(row["cost_usd"] or 0) == sum(mine) / 1e9, row["name"]


def test_days_of_a_month_give_the_month(served, told):
    """Clock change included: the chart's days are the calls of each local day."""
    document = told["monthly"]["json"]
    [chart] = [b for s in document["sections"] for b in s["blocks"] if b["type"] == "chart" and b["name"] == "cost_by_day"]
    of, [series] = month.within(served[1], "monthly"), chart["series"]
    days = {}
    for call in of:
        day = month.datetime.datetime.fromtimestamp(call.at / 1e6, month.ZONE).strftime("%Y-%m-%d")
        days[day] = days.get(day, 0) + (call.cost or 0)
    assert chart["places"] == sorted(days) and len(days) == 31
    values = series["values"] if "values" in series else series["points"]
    assert values == pytest.approx([days[d] / 1e9 for d in sorted(days)], abs=1e-9)
    assert sum(values) == pytest.approx(month.figures(document)["total_cost_usd"]["value"], abs=1e-6)
    [note] = [b["text"] for s in document["sections"] if s["name"] == "how_sure" for b in s["blocks"] if "add up" in b.get("text", "")]
    assert note.startswith("The figures add up"), note
