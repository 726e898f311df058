"""Calls of weeks ago: imported, since telemetry may not be more than a week late."""

import csv
import subprocess

import sql
from conftest import binary

HOUR = 3600 * sql.SECOND


def bring(server, path, now, hours, each):
    """Imports `each(hour)` calls of every hour of the last `hours`, in a steady course: none is slower than 1.7 s."""
    with open(path, "w", newline="") as out:
        lines = csv.writer(out)
        lines.writerow(["timestamp", "model", "input_tokens", "output_tokens", "latency_ms"])
        for hour in range(1, hours):
            count = each(hour)
            for n in range(count):
                begun = sql.moment(now - hour * HOUR - n * HOUR // (count + 1))
                # Every hour has its own, and all of them the same spread.
                lines.writerow([begun, "gpt-4o-mini", 400 + n % 7 + hour % 5, 90 + n % 5, 600 + 9 * n % 700 + hour * 37 % 90])
    subprocess.run([binary("FLOWGAUGE_BIN"), "import", str(path), "--server", server.url], check=True, capture_output=True)
