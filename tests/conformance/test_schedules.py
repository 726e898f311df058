"""When timetables are due, over a year of a clock that stands still, in three zones: against Python's own calendar.

The clock is set by libfaketime, unpacked from Debian; `jobs list` says when each timetable is due next.
"""

import calendar
import datetime
import json
import os
import random
import subprocess
from zoneinfo import ZoneInfo

import pytest

import month
from conftest import CACHE, binary

UTC = datetime.timezone.utc
# Clocks of Lord Howe change by half an hour, and in the other half of the year.
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]
# Each with the hour and minute, the days of the week (Monday is 0), and the day of the month it is due on.
TIMETABLES = {
    "00:00": (0, 0, None, None),
    "01:45": (1, 45, None, None),
    "02:10": (2, 10, None, None),
    "daily_schedule": (8, 0, None, None),
    "weekly_schedule on sunday at 02:30": (2, 30, {6}, None),
    "monthly_schedule on 31 at 04:00": (4, 0, None, 31),
    "monthly_schedule on 29 at 02:30": (2, 30, None, 29),
    "30 2 * * *": (2, 30, None, None),
    "0 3 * * 1": (3, 0, {0}, None),
}
YEAR = 2026
MINUTE, DAY = datetime.timedelta(minutes=1), datetime.timedelta(days=1)


def changes(zone):
    """The two moments of a year at which clocks are changed."""
    moment = datetime.datetime(YEAR, 1, 1, tzinfo=UTC)
    found = []
    while moment.year == YEAR:
        after = moment + 15 * MINUTE
        if moment.astimezone(zone).utcoffset() != after.astimezone(zone).utcoffset():
            found.append(after)
        moment = after
    return found


def instant(wall, zone):
    """The moment of a time on the wall: of two the first; of none that of the next valid minute."""
    while True:
        moment = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None) == wall:
            return moment
        wall += MINUTE


def matches(date, weekdays, monthday):
    if weekdays is not None:
        return date.weekday() in weekdays
    if monthday is not None:
        return date.day == min(monthday, calendar.monthrange(date.year, date.month)[1])
    return True


def due(timetable, zone, now):
    """The first moment after now at which a timetable is due."""
    hour, minute, weekdays, monthday = TIMETABLES[timetable]
    date = now.astimezone(zone).date() - DAY
    while True:
        if matches(date, weekdays, monthday):
            moment = instant(datetime.datetime.combine(date, datetime.time(hour, minute)), zone)
            if moment > now:
                return moment
        date += DAY


def listed(config, now):
    """What the command says at a moment: when each timetable is due next, by its name."""
    [clock] = (CACHE / "conformance/debian/libfaketime").glob("usr/lib/*/faketime/libfaketimeMT.so.1")
    frozen = {
        **os.environ, "TZ": "UTC", "LD_PRELOAD": str(clock), "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME": now.strftime("%Y-%m-%d %H:%M:%S"),
    }
    command = [binary("FLOWGAUGE_BIN"), "jobs", "list", "--json", "--config", str(config)]
    done = subprocess.run([*command, "--data-dir", str(config.parent / "data")], capture_output=True, text=True, env=frozen)
    assert done.returncode == 0, done.stderr
    jobs = [job for job in json.loads(done.stdout) if job["schedule"]]
    return {job["schedule"]: datetime.datetime.fromisoformat(job["next"]) for job in jobs}


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    file = tmp_path_factory.mktemp("schedules") / "flowgauge.yaml"
    lines = [
        f"- {{name: '{name(timetable, zone)}', when: '{timetable}', time_zone: {zone}, job: {job(timetable)}}}"
        for zone in ZONES for timetable in TIMETABLES
    ]
    file.write_text("schedules:\n" + "\n".join(lines) + "\n")
    # A data directory has to be there; what is in it does not matter.
    month.write(file.parent / "one.csv", month.calls()[:1])
    command = [binary("FLOWGAUGE_BIN"), "import", str(file.parent / "one.csv"), "--data-dir", str(file.parent / "data")]
    assert subprocess.run(command, capture_output=True).returncode == 0
    return file


def name(timetable, zone):
    return f"{zone.rsplit('/')[-1]} {timetable}"


def job(timetable):
    """A report whose period is as long as the timetable's."""
    weekdays, monthday = TIMETABLES[timetable][2:]
    return "report-monthly" if monthday else "report-weekly" if weekdays else "report-daily"


@pytest.mark.parametrize("zone", ZONES)
def test_around_each_change_of_clocks_timetables_are_due_when_python_says(config, zone):
    moments = changes(ZoneInfo(zone))
    assert len(moments) == 2
    for change in moments:
        for hours in (-26, -3, -1.5, -0.25, 0, 0.25, 1, 2.5, 24):
            check(config, change + datetime.timedelta(hours=hours))


def test_over_the_year_timetables_are_due_when_python_says(config):
    dice = random.Random(5)
    first = datetime.datetime(YEAR, 1, 1, tzinfo=UTC)
    for _ in range(20):
        check(config, first + datetime.timedelta(seconds=dice.randrange(365 * 86_400)))
    # Ends of short months, and of the year.
    for number, day in ((1, 31), (2, 27), (2, 28), (3, 1), (4, 30), (12, 31)):
        check(config, datetime.datetime(YEAR, number, day, 12, tzinfo=UTC))


def check(config, now):
    said = listed(config, now)
    assert len(said) == len(ZONES) * len(TIMETABLES)
    for zone in ZONES:
        for timetable in TIMETABLES:
            right = due(timetable, ZoneInfo(zone), now)
            assert said[name(timetable, zone)] == right, (now, zone, timetable)


def test_what_is_due_is_not_due_again_and_a_second_before_it_still_is(config):
    now = changes(ZoneInfo("Europe/Berlin"))[0] - datetime.timedelta(hours=3)
    for _ in range(6):
        said = listed(config, now)
        soonest = min(said.values())
        assert soonest > now
        early = listed(config, soonest - datetime.timedelta(seconds=1))
        at = listed(config, soonest)
        for schedule, moment in said.items():
            assert early[schedule] == moment, schedule
            assert (at[schedule] == moment) == (moment > soonest), schedule
        now = soonest
