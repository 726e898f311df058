#!/usr/bin/env python3
"""Hourly medians of the Numenta Anomaly Benchmark's series, and our change points against its labelled windows.

    bench/regression/nab.py write DATA > hours.jsonl
    cargo run --release -p flowgauge-logic --example regression_bench -- real hours.jsonl > ours.jsonl
    bench/regression/nab.py table DATA ours.jsonl

DATA is a folder with NAB's csv files and combined_windows.json.
"""
import csv, json, sys
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from statistics import median


def hours(path):
    groups = defaultdict(list)
    for row in csv.DictReader(path.open()):
        groups[row["timestamp"][:13]].append(float(row["value"]))
    return [(datetime.strptime(h, "%Y-%m-%d %H"), median(v)) for h, v in sorted(groups.items())]


def files(data):
    return sorted(data.glob("*.csv"))


def write(data):
    for path in files(data):
        print(json.dumps([v for _, v in hours(path)]))


def table(data, ours):
    windows = json.loads((data / "combined_windows.json").read_text())
    print("| series | hours | windows hit | points outside | first delay, hours |\n|---|---|---|---|---|")
    for path, line in zip(files(data), open(ours)):
        times = [t for t, _ in hours(path)]
        found = [times[i] for i in json.loads(line)["ours"]]
        spans = next((w for k, w in windows.items() if k.endswith(path.name)), [])
        spans = [[datetime.strptime(t[:19], "%Y-%m-%d %H:%M:%S") for t in w] for w in spans]
        hit = [[f for f in found if a.replace(minute=0, second=0) <= f <= b] for a, b in spans]
        outside = sum(not any(a.replace(minute=0, second=0) <= f <= b for a, b in spans) for f in found)
        delays = [f"{(h[0] - a).total_seconds() / 3600:.0f}" for h, (a, _) in zip(hit, spans) if h]
        print(f"| {path.stem} | {len(times)} | {sum(map(bool, hit))} of {len(spans)} | {outside} | {', '.join(delays) or '–'} |")


if __name__ == "__main__":
    write(Path(sys.argv[2])) if sys.argv[1] == "write" else table(Path(sys.argv[2]), sys.argv[3])
