"""SIGKILL while reports are made, kept and sent: none is lost, none that was asked for or due is made twice, and a crash
repeats at most the letters on their way, each once, the same letter under the same Message-ID."""

import collections
import datetime
import json
import os
import random
import re
import subprocess
import threading
import time
import urllib.error
import urllib.request

import mailbox
import month
from conftest import DEADLINE_S, binary
from test_alert_kills import AtOnce, Unwaited

KILLS = int(os.environ.get("FLOWGAUGE_KILLS", "20"))
# Far longer than it takes to make a report and send it on a loaded machine.
LONGEST_REPORT_S = 120
# A life that is not ended by a letter ends within this.
LONGEST_LIFE_S = 3
# From the arrival of a letter until that is on disk, on a loaded machine.
ON_ITS_WAY_S = 5
# A run inside of which flowgauge ended so often is not begun again, and its recipients are told.
GIVEN_UP = 3
# Until the timetable is due, less the seconds of its minute: some kills come before it and some after.
AHEAD = datetime.timedelta(minutes=2)
# After it is due: timetables are looked at twice a minute, and between reports.
LATE = datetime.timedelta(minutes=1, seconds=LONGEST_REPORT_S)


class Assassin:
    """Ends a server at a random moment: of its start, of its work, or of a letter."""

    def __init__(self, dice):
        self.dice, self.lock, self.done = dice, threading.Lock(), threading.Event()
        self.server, self.at_letter, self.life = None, False, 0
        # Message-ID and life of each letter, in order.
        self.taken = []
        # When each letter came, and when each life was ended.
        self.came, self.ended = [], {}

    def before(self, raw):
        """For the mailbox: kills before the letter is acknowledged, or shortly after."""
        with self.lock:
            self.taken.append((mailbox.read(raw)["Message-ID"], self.life))
            self.came.append(time.monotonic())
            server, mine = self.server, self.at_letter and self.server is not None
            delay = self.dice.choice([0, 0, self.dice.uniform(0, 0.02)])
        if mine and not delay:
            self.strike(server)
        elif mine:
            threading.Timer(delay, self.strike, (server,)).start()

    def strike(self, server):
        self.ended.setdefault(self.life, time.monotonic())
        server.process.kill()
        self.done.set()

    def watch(self, server, asked, at_letter):
        """Returns when the server is dead; with something to do it may live until a letter of it comes."""
        with self.lock:
            self.done.clear()
            self.server, self.at_letter = server, bool(asked) and at_letter
            patience = LONGEST_REPORT_S if self.at_letter else self.dice.uniform(0, LONGEST_LIFE_S)
        self.done.wait(patience)
        with self.lock:
            self.server = None
            self.ended.setdefault(self.life, time.monotonic())
        server.kill()
        with self.lock:
            self.life += 1


def ask(server, period):
    """Whether the server said that it will make the report of a day."""
    body = json.dumps({"period": period, "channels": ["mail"], "by": "test"}).encode()
    request = urllib.request.Request(
        f"{server.url}/api/v1/jobs/report-daily/runs", body, {"content-type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
            return answer.status < 300
    except urllib.error.HTTPError:
        raise
    except OSError:
        # Killed meanwhile.
        return False


def settle(server):
    """Waits until every run is over and every letter is out, as long as it goes on."""

    def left():
        runs = server.get("/api/v1/jobs/history", limit=1000)
        deliveries = server.deliveries()
        assert deliveries["dead"] == [], deliveries["dead"]
        # A run that is over leaves a letter.
        open_runs = sum(r["state"] in ("pending", "running") for r in runs)
        return 2 * open_runs + sum(c["queued"] for c in deliveries["channels"])

    least, end = left(), time.monotonic() + LONGEST_REPORT_S
    while least:
        assert time.monotonic() < end, f"{least} things to do and none was done within {LONGEST_REPORT_S} s"
        time.sleep(0.1)
        now = left()
        if now < least:
            least, end = now, time.monotonic() + LONGEST_REPORT_S


def by_timetable(server, due):
    """Runs that nobody asked for, once it was due."""
    while True:
        found = [r for r in server.get("/api/v1/jobs/history", limit=1000) if r["by"] is None]
        if found:
            return found
        late = datetime.datetime.now(month.ZONE) - due
        assert late < LATE, "the timetable was forgotten"
        time.sleep(0.2)


def days():
    """Days to ask for, none twice."""
    day = datetime.date(2025, 10, 31)
    while True:
        yield day.isoformat()
        day -= datetime.timedelta(days=1)


def period_of(letter, given_up):
    """The day a letter is about: `Daily Performance Report - 2025-10-05: …`, or that its report was given up."""
    found = re.match(r"Daily Performance Report - (\d{4}-\d\d-\d\d)", letter["Subject"])
    if found:
        return found[1]
    words = letter.get_body(("plain",)).get_content()
    [period] = re.findall(r"report-daily for (\d{4}-\d\d-\d\d): failed", words)[:1]
    assert period in given_up, words
    return period


def contents(letter):
    """What stands in a letter, its date and the boundaries of its parts aside."""
    return [part.get_payload(decode=True) for part in letter.walk() if not part.is_multipart()]


def test_kills_lose_no_report_and_repeat_at_most_what_is_on_its_way(tmp_path, monkeypatch):
    monkeypatch.setenv("MAIL_PASSWORD", mailbox.PASSWORD)
    month.write(tmp_path / "history.csv", month.calls()[::20])
    imported = [binary("FLOWGAUGE_BIN"), "import", str(tmp_path / "history.csv"), "--data-dir", str(tmp_path / "data")]
    assert subprocess.run(imported, capture_output=True).returncode == 0
    dice = random.Random(23)
    assassin = Assassin(dice)
    box = mailbox.Mailbox(assassin.before)
    post = mailbox.serve(box)
    due = datetime.datetime.now(month.ZONE) + AHEAD
    sections = (
        "time_zone: Europe/Berlin\nretention: {raw: 240months, minutes: 240months, hours: 240months}\n"
        f"schedules:\n- {{name: daily, when: '{due:%H:%M}', job: report-daily, channels: [mail]}}\n"
    )
    asked = (mailbox.channel(["ops@flow.example"]), "100ms", mailbox.smtp(post.port), sections)
    wanted, day = [], days()
    try:
        for life in range(KILLS):
            # What was due before a timetable was first looked at is not missed: the first life sees to that.
            at_once = life > 0 and dice.random() < 0.15
            server = (AtOnce if at_once else Unwaited).begin(tmp_path, None, *asked)
            now = [] if at_once else [next(day) for _ in range(dice.choice([0, 1, 1, 2]) if life else 1)]
            now = [d for d in now if ask(server, d)]
            wanted += now
            assassin.watch(server, now, at_letter=life == 0 or dice.random() < 0.7)
        server = Unwaited.begin(tmp_path, None, *asked)
        try:
            [timed] = by_timetable(server, due)
            settle(server)
            runs = server.get("/api/v1/jobs/history", limit=1000)
        finally:
            server.stop()
    finally:
        post.stop()
    assert len(wanted) >= KILLS // 3, "too little was asked for the kills to mean anything"
    letters = [letter for _, letter in box.parsed()]
    assert [letter["Message-ID"] for letter in letters] == [i for i, _ in assassin.taken]
    # Nothing is lost: what was promised, and what was due, was made once and arrived.
    assert timed["period"] == (due.date() - datetime.timedelta(days=1)).isoformat()
    given_up = {run["period"] for run in runs if run["state"] == "failed"}
    for run in runs:
        assert run["again"] == 0 and run["state"] in ("done", "failed"), run
        assert run["state"] == "done" or f"ended inside it {GIVEN_UP} times" in run["note"], run
    assert len(runs) - len(given_up) >= KILLS // 4, "too many were killed in the making to prove anything"
    counted = collections.Counter(run["period"] for run in runs)
    assert max(counted.values()) == 1 and set(counted) >= {*wanted, timed["period"]}
    told = collections.defaultdict(list)
    for letter in letters:
        told[period_of(letter, given_up)].append(letter)
    assert set(told) == set(counted), "runs and letters differ"
    # A repeat is the same letter.
    for period, same in told.items():
        assert len({letter["Message-ID"] for letter in same}) == 1, period
        assert all(contents(letter) == contents(same[0]) for letter in same), period
    assert len({same[0]["Message-ID"] for same in told.values()}) == len(told)
    for i, (message, life) in enumerate(assassin.taken):
        later = [l for m, l in assassin.taken[i + 1:] if m == message]
        assert life not in later, "sent twice in one life"
        # Letters of several reports may be on their way at once; one that was delivered before is not sent again.
        before = assassin.ended.get(life, assassin.came[i]) - assassin.came[i]
        assert not later or before < ON_ITS_WAY_S, f"repeated, and came {before:.1f} s before the kill"
    repeats = len(letters) - len(told)
    assert repeats <= KILLS
    print(f"{KILLS} kills, {len(runs)} reports, {len(given_up)} of them given up and told of, {repeats} letters repeated")

