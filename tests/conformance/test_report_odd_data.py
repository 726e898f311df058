"""Reports of data unlike what anybody hopes for: nothing, one call, no prices, only errors, odd names, odd days.

Every kind in every format: what is unknown is said to be, figures are equal, papers open, pages fit a phone.
"""

import csv
import datetime
import html
import io
import json
import pathlib
import random
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import pypdf
import pypdfium2
import pytest

import month
from conftest import binary

COLUMNS = "start_time model endpoint intent app tenant user latency_us ttft_us input_tokens output_tokens http_status".split()
PRICED, UNPRICED = "gpt-4o-mini", "house-model"
TEXTS = ("csv", "md", "txt", "html")
# Typesetting takes longest: those that hold the sections of the others.
ON_PAPER = ("monthly", "comprehensive", "executive", "cost")
# What no report may say of any data.
NONSENSE = re.compile(r"\b(NaN|nan|inf|Infinity|null|undefined)\b|\b(Some|None|Known)\(|\u2212\$?0(?![.,\d])")
PHONE = 360


@dataclass
class Case:
    """Calls, whose days they are counted in, which periods are asked for, and which key figures must be unknown."""

    calls: list
    zone: str = "UTC"
    day: str = "2025-10-15"
    week: str = "2025-10-13_2025-10-19"
    month: str = "2025-10"
    unknown: set = field(default_factory=set)
    known: dict = field(default_factory=dict)

    def periods(self):
        months = ("monthly", "cost", "executive", "recommendations", "comprehensive")
        return {"daily": self.day, "weekly": self.week} | dict.fromkeys(months, self.month)


def call(at, zone="UTC", **more):
    """A call at a time on the wall, or a moment."""
    moment = datetime.datetime.fromisoformat(at).replace(tzinfo=ZoneInfo(zone)) if isinstance(at, str) else at
    usual = {
        "model": PRICED, "endpoint": "/v1/chat", "intent": "ask", "app": "reader", "tenant": "red", "user": "ada",
        "latency_us": 800_000, "ttft_us": 200_000, "input_tokens": 1_000, "output_tokens": 100, "http_status": 200,
    }
    return {"start_time": moment.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")} | usual | more


def throughout(zone, first, after, every=datetime.timedelta(minutes=7), **more):
    """Calls at even distance from one local midnight to another."""
    at, end = (datetime.datetime.fromisoformat(d).replace(tzinfo=ZoneInfo(zone)) for d in (first, after))
    at, end, out = at.astimezone(datetime.timezone.utc), end.astimezone(datetime.timezone.utc), []
    while at < end:
        out.append(call(at, **{"latency_us": 500_000 + 1_000 * (len(out) % 997)} | more))
        at += every
    return out


def gaps():
    dice, days = random.Random(1), (1, 2, 14, 15, 31)
    hours = [f"2025-10-{d:02}T{h:02}:{dice.randrange(60):02}:00" for d in days for h in (0, 3, 4, 22) for _ in range(9)]
    return [call(at, latency_us=dice.randrange(100_000, 9_000_000)) for at in hours]


def names():
    # A word of letters alone does not break on paper: it has joints here.
    long, wide = "x" * 30 + "-y" * 113, "長い名前" * 20
    odd = ["größe/模型-✓", "مرحبا", "‮evil", "a|b`c`*d*_e_", "<b>&amp;</b>", "=1+1", "$x$ #let y", "100 % \\ 'q'", long, wide]
    day = "2025-10-15T10:00:00"
    return [
        call(day, model=name, endpoint=f"/{name}"[:256], intent=name, app=name, tenant=name, user=name)
        for name in odd for _ in range(30)
    ]


def many():
    dice = random.Random(2)
    return [
        call(f"2025-10-15T{dice.randrange(24):02}:{dice.randrange(60):02}:00", model=f"vendor/family-{n:03}-instruct",
             endpoint=f"/v1/route/{n % 90}", intent=f"intent {n % 70}", tenant=f"team {n % 60}",
             input_tokens=dice.randrange(9_000))
        for n in range(500) for _ in range(3)
    ]


def scattered(zone, *days, **more):
    return [c for day in days for c in throughout(zone, day, next_day(day), **more)]


def next_day(day):
    return (datetime.date.fromisoformat(day) + datetime.timedelta(days=1)).isoformat()


COSTS = {"total_cost_usd", "cost_per_request_usd"}
SPEEDS = {"p95_latency_ms", "p50_latency_ms", "p99_latency_ms", "mean_latency_ms", "ttft_p95_ms"}
CASES = {
    "nothing in the period": Case([call("2025-08-01T00:00:00")], unknown=SPEEDS | {"error_rate", "tokens_per_request"}),
    "before all clocks": Case(
        [call("2025-10-15T00:00:00")], day="1969-12-31", week="1969-12-22_1969-12-28", month="1969-12", unknown=SPEEDS,
    ),
    "the first days of computers": Case(
        scattered("UTC", "1970-01-02"), day="1970-01-02", week="1970-01-01_1970-01-07", month="1970-01",
    ),
    "one call": Case([call("2025-10-15T12:34:56")], unknown={"p99_latency_ms"}, known={"total_tokens": 1_100}),
    "a month with gaps": Case(gaps()),
    "no price known": Case(scattered("UTC", "2025-10-15", model=UNPRICED), unknown=COSTS),
    "only errors": Case(
        scattered("UTC", "2025-10-15", http_status=500, input_tokens="", output_tokens=""),
        unknown=SPEEDS | COSTS, known={"error_rate": 1},
    ),
    "nothing counted": Case(scattered("UTC", "2025-10-15", input_tokens=0, output_tokens=0, latency_us=0, ttft_us=0)),
    "as much as can be": Case(
        scattered("UTC", "2025-10-15", input_tokens=1 << 38, output_tokens=1 << 36, latency_us=31_535_999_000_000),
    ),
    "odd names": Case(names()),
    "five hundred models": Case(many(), known={"error_rate": 0}),
    "a leap day": Case(
        scattered("America/New_York", "2024-02-28", "2024-02-29", "2024-03-01"), "America/New_York",
        "2024-02-29", "2024-02-26_2024-03-03", "2024-02",
    ),
    "the end of a year": Case(
        scattered("Pacific/Auckland", "2025-12-31", "2026-01-01"), "Pacific/Auckland",
        "2025-12-31", "2025-12-29_2026-01-04", "2025-12",
    ),
    "a day of 23 hours": Case(
        scattered("Europe/Berlin", "2026-03-29"), "Europe/Berlin", "2026-03-29", "2026-03-23_2026-03-29", "2026-03",
    ),
    "a day of 25 hours": Case(
        scattered("America/New_York", "2025-11-02"), "America/New_York", "2025-11-02", "2025-10-27_2025-11-02", "2025-11",
    ),
    "a day of half an hour more": Case(
        scattered("Australia/Lord_Howe", "2026-04-05"), "Australia/Lord_Howe",
        "2026-04-05", "2026-03-30_2026-04-05", "2026-04",
    ),
    "hours that begin at half past": Case(
        scattered("Asia/Kolkata", "2025-10-15", "2025-10-16"), "Asia/Kolkata", known={"total_tokens": 1_100 * 206},
    ),
}


@dataclass
class Made:
    """What each kind of report says in each format."""

    case: Case
    files: dict

    def text(self, kind, form):
        return self.files[kind, form].read_text(encoding="utf-8")

    def document(self, kind):
        def refused(word):
            raise AssertionError(f"{word} is no JSON")

        return json.loads(self.text(kind, "json"), parse_constant=refused)


@pytest.fixture(scope="module", params=list(CASES))
def made(request, tmp_path_factory):
    case, folder = CASES[request.param], tmp_path_factory.mktemp("odd")
    with open(folder / "calls.csv", "w", newline="", encoding="utf-8") as file:
        lines = csv.DictWriter(file, COLUMNS)
        lines.writeheader()
        lines.writerows(case.calls)
    (folder / "prices.json").write_text(json.dumps(month.prices()))
    settings = month.SETTINGS | {"time_zone": case.zone, "prices": folder / "prices.json"}
    where = ["--data-dir", str(folder / "data"), *(f"--set={k}={v}" for k, v in settings.items())]
    run(["import", str(folder / "calls.csv"), *where], {0})
    files = {}
    for kind, period in case.periods().items():
        for form in ("json", *TEXTS, *(["pdf"] if kind in ON_PAPER else [])):
            files[kind, form] = folder / f"{kind}.{form}"
            run(["report", kind, "--period", period, "--output", str(files[kind, form]), *where], {0, 3})
    return Made(case, files)


def run(words, codes):
    done = subprocess.run([binary("FLOWGAUGE_BIN"), *words], capture_output=True, text=True)
    assert done.returncode in codes, (words, done.stderr)


def test_what_is_unknown_is_said_to_be_and_nothing_is_nonsense(made):
    for kind in made.case.periods():
        known = month.figures(made.document(kind))
        for name, figure in known.items():
            if figure["value"] is None:
                assert figure["text"].startswith("not measured") and figure["reason"], (kind, name)
            else:
                assert not figure["text"].startswith("not measured"), (kind, name)
        for name in made.case.unknown & set(known):
            assert known[name]["value"] is None, (kind, name, known[name]["text"])
        for name, value in made.case.known.items() if kind == "daily" else ():
            assert known[name]["value"] == value, (kind, name)
        for form in ("md", "txt"):
            found = NONSENSE.search(without_names(made, made.text(kind, form)))
            assert not found, (kind, form, made.text(kind, form)[found.start() - 60:found.end() + 40])
        assert not re.search(r"[:>] 0 ?%?\s*\(n 0", made.text(kind, "txt")), kind


def without_names(made, text):
    """Words from outside may say what they like."""
    for name in {str(c[k]) for c in made.case.calls for k in ("model", "intent", "app", "tenant")}:
        text = text.replace(name, "")
    return text


def test_figures_are_equal_in_every_format_and_parts_give_the_whole(made):
    for kind in made.case.periods():
        known = month.figures(made.document(kind))
        page, record = made.text(kind, "html"), {
            r["field"]: r for r in csv.DictReader(io.StringIO(made.text(kind, "csv"))) if r.get("table") == "key"
        }
        words = {form: " ".join(made.text(kind, form).split()) for form in ("md", "txt")}
        for name, figure in known.items():
            assert record[name]["text"] == figure["text"], (kind, name)
            assert (float(record[name]["value"]) if record[name]["value"] else None) == figure["value"], (kind, name)
            assert html.escape(figure["text"], quote=False) in page, (kind, name)
            assert all(" ".join(figure["text"].split()) in said.replace("\\", "") for said in words.values()), (kind, name)
        assert "do not add up" not in made.text(kind, "txt"), kind
    # The hours of the day, those of odd clocks too, hold all its requests.
    charts = [b for s in made.document("daily")["sections"] for b in s["blocks"] if b["type"] == "chart"]
    if chart := next((c for c in charts if c["name"] == "cost_by_hour"), None):
        total = month.figures(made.document("daily"))["total_cost_usd"]["value"]
        parts = [v for v in chart["series"][0]["values"] if v is not None]
        assert total is None or sum(parts) == pytest.approx(total, rel=1e-9)


@pytest.mark.parametrize("kind", ON_PAPER)
def test_the_paper_opens_and_nothing_leaves_its_margins(made, kind):
    file = made.files[kind, "pdf"]
    said = "".join("".join(p.extract_text() for p in pypdf.PdfReader(file).pages).split())
    document = made.document(kind)
    assert "".join(document["title"].split()) in said
    for name, figure in month.figures(document).items():
        assert "".join(figure["text"].split()) in said, name
    paper = pypdfium2.PdfDocument(file)
    try:
        assert kind != "executive" or len(paper) == 1
        for page in (paper[i] for i in range(len(paper))):
            text, (width, height) = page.get_textpage(), page.get_size()
            for n in range(text.count_rects()):
                left, bottom, right, top = text.get_rect(n)
                inside = 30 < left <= right < width - 30 and 20 < bottom <= top < height - 20
                assert inside, text.get_text_bounded(left, bottom, right, top)
    finally:
        paper.close()


def test_no_page_is_wider_than_a_phone(made, tmp_path):
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if not browser:
        pytest.fail("there is no chromium; tests/conformance/setup.sh installs it")
    pages = [f for (_, form), f in made.files.items() if form == "html"]
    frames = "".join(f'<iframe src="{f.as_uri()}" style="width:{PHONE}px;height:600px;border:0"></iframe>' for f in pages)
    probe = tmp_path / "probe.html"
    probe.write_text(
        f"<!DOCTYPE html><body>{frames}<pre id=out></pre><script>onload = () => {{ out.textContent = JSON.stringify("
        "[...document.querySelectorAll('iframe')].map(f => f.contentDocument.documentElement.scrollWidth)) }</script>"
    )
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files"]
    done = subprocess.run([*command, "--virtual-time-budget=9000", "--dump-dom", probe.as_uri()], capture_output=True, text=True)
    widths = json.loads(re.search(r'<pre id="out">(.*?)</pre>', done.stdout, re.S)[1])
    assert len(widths) == len(pages)
    wide = {pathlib.Path(f).name: w for f, w in zip(pages, widths) if w > PHONE}
    assert not wide, wide
