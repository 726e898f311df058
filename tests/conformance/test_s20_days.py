"""S20: in two zones that are never UTC, the days of a year add up to it, to the nano-dollar."""

import datetime as dt
import json
import subprocess
import zoneinfo

import pytest

from conftest import Flowgauge, binary
from prices import row as price_row

MODEL = "scenario-model"
PRICES = {MODEL: price_row(input=1, output=1)}
UTC = dt.timezone.utc
FIRST, LAST = dt.date(2025, 1, 1), dt.date(2025, 12, 31)
ZONES = ["Asia/Kolkata", "America/Los_Angeles"]


def days():
    return [FIRST + dt.timedelta(n) for n in range((LAST - FIRST).days + 1)]


def midnight(day, zone):
    return dt.datetime(day.year, day.month, day.day, tzinfo=zoneinfo.ZoneInfo(zone)).astimezone(UTC)


def moments(zone):
    """Calls of every day: at its first minute, at noon, at 23:30, in its last minute, and each hour of the
    days of a clock change."""
    for day in days():
        begin, end = midnight(day, zone), midnight(day + dt.timedelta(1), zone)
        late = dt.datetime(day.year, day.month, day.day, 23, 30, tzinfo=zoneinfo.ZoneInfo(zone))
        yield from (begin, begin + dt.timedelta(hours=12), late.astimezone(UTC), end - dt.timedelta(seconds=1))
        if end - begin != dt.timedelta(hours=24):
            yield from (begin + dt.timedelta(hours=h, minutes=20) for h in range((end - begin) // dt.timedelta(hours=1)))


def ledger(zone):
    """The calls, and what each local day costs in nano-dollars: call n has n input tokens at $1 per million."""
    calls, costs, counts = [], {}, {}
    for n, moment in enumerate(sorted(moments(zone)), start=1):
        calls.append({
            "start_time": moment.strftime("%Y-%m-%dT%H:%M:%SZ"), "model": MODEL, "latency_ms": 10,
            "input_tokens": n, "output_tokens": 0, "status": "ok", "trace_id": f"{n:032x}",
        })
        day = moment.astimezone(zoneinfo.ZoneInfo(zone)).date()
        costs[day] = costs.get(day, 0) + n * 1_000
        counts[day] = counts.get(day, 0) + 1
    return calls, costs, counts


def load(server, directory, calls):
    """Imports the calls by the program's own command."""
    file = directory / "year.jsonl"
    file.write_text("\n".join(json.dumps(call) for call in calls))
    command = [binary("FLOWGAUGE_BIN"), "import", str(file), "--server", server.url]
    ended = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr


@pytest.fixture(scope="module", params=ZONES)
def year(request, tmp_path_factory, upstream):
    """A server in the zone with the year's calls, and the year as it should be."""
    directory = tmp_path_factory.mktemp("year")
    prices = directory / "prices.json"
    prices.write_text(json.dumps(PRICES))
    server = Flowgauge(directory, upstream, {"time_zone": request.param, "prices": prices})
    calls, costs, counts = ledger(request.param)
    load(server, directory, calls)
    yield server, request.param, costs, counts
    server.stop()


def nanos(value):
    return round(value * 1e9)


def test_every_day_costs_what_its_calls_cost_and_all_days_are_the_year(year):
    server, zone, costs, counts = year
    total = 0
    for day in days():
        cost = nanos(server.kpi("total_cost", day=day.isoformat())["value"])
        assert cost == costs[day], day
        assert server.kpi("request_count", day=day.isoformat())["value"] == counts[day], day
        total += cost
    edges = {"from": midnight(FIRST, zone).isoformat(), "to": midnight(LAST + dt.timedelta(1), zone).isoformat()}
    whole = nanos(server.kpi("total_cost", **edges)["value"])
    assert total == whole == sum(costs.values())


def test_a_call_at_half_past_eleven_lands_on_its_local_day(year):
    server, zone, *_ = year
    day = dt.date(2025, 7, 4)
    late = dt.datetime(2025, 7, 4, 23, 30, tzinfo=zoneinfo.ZoneInfo(zone)).astimezone(UTC)
    assert late.date() != day or zone == "Asia/Kolkata", "in UTC it is another day"
    rows = server.get("/api/v1/requests", limit=100, day=day.isoformat())["items"]
    assert late.strftime("%Y-%m-%dT%H:%M:%S") in {r["start_time"][:19] for r in rows}


def test_the_days_of_a_clock_change_have_23_and_25_hours(year):
    server, zone, costs, counts = year
    changes = {"Asia/Kolkata": {}, "America/Los_Angeles": {dt.date(2025, 3, 9): 23, dt.date(2025, 11, 2): 25}}
    found = {d: (midnight(d + dt.timedelta(1), zone) - midnight(d, zone)) // dt.timedelta(hours=1) for d in days()}
    assert {d: h for d, h in found.items() if h != 24} == changes[zone]
    for day, hours in changes[zone].items():
        # Four calls as on every day, and one in each hour.
        assert counts[day] == 4 + hours
        assert server.kpi("request_count", day=day.isoformat())["value"] == 4 + hours
