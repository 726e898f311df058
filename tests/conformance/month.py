"""A month of calls that is always the same: October 2025 in Berlin, with the long day of its clock change.

Owns the calls, their prices, and what reports must say of them, worked out here from the calls alone.
"""

import contextlib
import csv
import datetime
import json
import random
import subprocess
from collections import Counter
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from conftest import Flowgauge, binary

ZONE = ZoneInfo("Europe/Berlin")
UTC = datetime.timezone.utc
MONTH, WEEK, DAY = "2025-10", "2025-10-20_2025-10-26", "2025-10-26"
# What a report of each kind is asked for; 2025-10-26 has 25 hours.
PERIODS = {"daily": DAY, "weekly": WEEK, "monthly": MONTH, "cost": MONTH, "executive": MONTH}
# Calls of September stand behind every column "before".
COUNT, BEFORE = 2_600, 400
# Nano-dollars of an input and of an output token.
RATES = {"gpt-4o-mini": (150, 600), "gpt-4o": (2_500, 10_000)}
UNPRICED = "house-model"
# Nothing of a name from outside may be markup of any format.
ROUTES = ["/v1/chat", "/v1/sum|marise", '/v1/<b>"&amp;*x*_y_', "=1+1", "/v1/größe"]
# Rollups of minutes and hours are not to be dropped however late this runs.
SETTINGS = {
    "time_zone": "Europe/Berlin", "retention.raw": "240months", "retention.minutes": "240months",
    "retention.hours": "240months",
}


@dataclass(frozen=True)
class Call:
    """One call; times in microseconds."""

    id: str
    at: int
    latency: int
    ttft: int
    model: str
    route: str
    app: str
    tenant: str
    input: int
    output: int
    failed: bool

    @property
    def cost(self):
        """Nano-dollars; None without a price."""
        rates = RATES.get(self.model)
        return rates and self.input * rates[0] + self.output * rates[1]


def micros(text, days=0):
    """The first moment of a local day, and `days` later."""
    day = datetime.date.fromisoformat(text) + datetime.timedelta(days=days)
    return int(datetime.datetime.combine(day, datetime.time(), ZONE).timestamp()) * 1_000_000


def window(kind):
    """First and last moment of the period a kind of report is about."""
    period = PERIODS[kind]
    if kind == "weekly":
        first, last = period.split("_")
        return micros(first), micros(last, 1)
    if kind == "daily":
        return micros(period), micros(period, 1)
    return micros("2025-10-01"), micros("2025-11-01")


def made(dice, name, count, first, after):
    calls = []
    for i in range(count):
        latency = int(dice.lognormvariate(13.3, 0.55))
        calls.append(Call(
            f"{name}{i}", dice.randrange(first, after), latency, latency // dice.randrange(2, 9),
            dice.choices([*RATES, UNPRICED], (6, 3, 1))[0], dice.choice(ROUTES),
            dice.choice(["reader", "bot"]), dice.choice(["red", "blue"]),
            dice.randrange(10, 4_000), dice.randrange(1, 900), dice.random() < 0.03,
        ))
    return calls


def calls():
    """All of them, those of September first."""
    dice = random.Random(8)
    month = made(dice, "oct", COUNT, micros("2025-10-01"), micros("2025-11-01"))
    # The hour that comes twice is not left out.
    month += made(dice, "twice", 60, micros(DAY) + 2 * 3_600_000_000, micros(DAY) + 4 * 3_600_000_000)
    return made(dice, "sep", BEFORE, micros("2025-09-01"), micros("2025-10-01")) + month


def within(all_calls, kind):
    first, after = window(kind)
    return [c for c in all_calls if first <= c.at < after]


def prices():
    """The price table as the file of an operator."""
    return {
        model: {"input_cost_per_token": into / 1e9, "output_cost_per_token": out / 1e9}
        for model, (into, out) in RATES.items()
    }


def write(path, all_calls):
    """The calls as a file to import."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(
            "response_id start_time latency_us ttft_us model endpoint app tenant input_tokens output_tokens "
            "http_status".split()
        )
        for c in all_calls:
            at = datetime.datetime.fromtimestamp(c.at // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
            lines.writerow([
                c.id, f"{at}.{c.at % 1_000_000:06}Z", c.latency, c.ttft, c.model, c.route, c.app, c.tenant,
                c.input, c.output, 500 if c.failed else 200,
            ])


@contextlib.contextmanager
def served(directory, **more):
    """A server with the month in it, and the calls."""
    (directory / "prices.json").write_text(json.dumps(prices()))
    server, all_calls = Flowgauge(directory, None, {**SETTINGS, "prices": directory / "prices.json"}, **more), calls()
    try:
        write(directory / "history.csv", all_calls)
        command = [binary("FLOWGAUGE_BIN"), "import", str(directory / "history.csv"), "--server", server.url]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        yield server, all_calls
    finally:
        server.stop()


def report(server, kind, form, *words):
    """A report as the command writes it, bytes; each time a process of its own."""
    asked = ["report", kind, "--period", PERIODS[kind], "--format", form, *words]
    done = subprocess.run([binary("FLOWGAUGE_BIN"), *asked, "--server", server.url], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def document(server, kind):
    return json.loads(report(server, kind, "json"))


def quantile(values, share):
    """By linear interpolation at rank q·(n − 1)."""
    values = sorted(values)
    rank = share * (len(values) - 1)
    low = int(rank)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (rank - low)


@dataclass(frozen=True)
class Expected:
    """A figure worked out from the calls: its value, its samples, how near it must be."""

    value: float
    n: int | None
    near: float


# Rollups hold histograms, whose quantiles are right within half a percent; between two values a sample
# quantile leaves more room than that.
HISTOGRAM, EXACT = 0.02, 1e-9


def expected(of):
    """Key figures of some calls by their field."""
    good = [c for c in of if not c.failed]
    ms = [c.latency / 1e3 for c in good]
    ttft = [c.ttft / 1e3 for c in good]
    priced = [c.cost for c in of if c.cost is not None]
    tokens = sum(c.input + c.output for c in of)
    busiest = max(Counter(c.at // 60_000_000 for c in of).values())
    return {
        "p95_latency_ms": Expected(quantile(ms, 0.95), len(good), HISTOGRAM),
        "p50_latency_ms": Expected(quantile(ms, 0.5), len(good), HISTOGRAM),
        "p99_latency_ms": Expected(quantile(ms, 0.99), len(good), 2 * HISTOGRAM),
        "mean_latency_ms": Expected(sum(ms) / len(ms), len(good), EXACT),
        "ttft_p95_ms": Expected(quantile(ttft, 0.95), len(good), HISTOGRAM),
        "total_tokens": Expected(tokens, len(of), EXACT),
        # Tokens of failures were billed too: they are a cost of what succeeded.
        "tokens_per_request": Expected(tokens / len(good), len(good), EXACT),
        "total_cost_usd": Expected(sum(priced) / 1e9, None, EXACT),
        "cost_per_request_usd": Expected(round(sum(priced) / len(priced)) / 1e9, len(priced), EXACT),
        "error_rate": Expected(1 - len(good) / len(of), len(of), 1e-6),
        "peak_requests_per_minute": Expected(busiest, None, EXACT),
    }


def figures(told):
    """Key figures of a report in JSON by their field; parts of one row beside each other."""
    blocks = [b for s in told["sections"] for b in s["blocks"] if b["type"] == "key_table"]
    parts = [p for b in blocks for r in b["rows"] for p in r["parts"]]
    return {p["figure"]["field"]: p["figure"] for p in parts}
