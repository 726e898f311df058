"""Calls of weeks ago: imported, since telemetry may not be more than a week late."""

import csv
import random
import subprocess

import sql
from conftest import binary

HOUR = 3600 * sql.SECOND


def bring(server, path, now, hours, each):
    """Imports `each(hour)` calls of every hour of the last `hours`, all of one kind: none is slower than 1.4 s."""
    dice = random.Random(7)
    with open(path, "w", newline="") as out:
        lines = csv.writer(out)
        lines.writerow(["timestamp", "response_id", "model", "input_tokens", "output_tokens", "latency_ms"])
        for hour in range(1, hours):
            count = each(hour)
            for n in range(count):
                begun = sql.moment(now - hour * HOUR - n * HOUR // (count + 1))
                lines.writerow([begun, name(hour, n), "gpt-4o-mini", dice.randrange(380, 420), dice.randrange(80, 100),
                                dice.randrange(600, 1400)])
    command = [binary("FLOWGAUGE_BIN"), "import", str(path), "--server", server.url]
    subprocess.run(command, cwd=path.parent, check=True, capture_output=True)


def name(hour, n):
    """The response id of a call."""
    return f"past-{hour}-{n}"
