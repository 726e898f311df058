#!/usr/bin/env python3
"""Azure VM Noise: repeated benchmarks on unchanged machines, one series a machine in order of time, and the same shuffled.

    bench/regression/vm_noise.py write DATA > machines.jsonl
    cargo run --release -p flowgauge-logic --example regression_bench -- real machines.jsonl > ours.jsonl
    bench/regression/vm_noise.py table DATA ours.jsonl
"""
import csv, json, random, sys
from collections import defaultdict
from pathlib import Path

FEWEST = 20  # points of a machine that is looked at


def machines(path):
    groups = defaultdict(list)
    for row in csv.DictReader(path.open()):
        try:
            groups[row["VM_id"]].append((row["starttime"], float(row["value"])))
        except ValueError:
            continue
    for _, rows in sorted(groups.items()):
        if len(rows) >= FEWEST:
            yield [v for _, v in sorted(rows)]


def write(data):
    order = random.Random(1)
    for path in sorted(data.glob("*.csv")):
        for values in machines(path):
            shuffled = values[:]
            order.shuffle(shuffled)
            print(json.dumps(values))
            print(json.dumps(shuffled))


def table(data, ours):
    answers = iter([bool(json.loads(l)["ours"]) for l in open(ours)])
    print("| benchmark | machines | with a change, in order | with a change, shuffled |\n|---|---|---|---|")
    for path in sorted(data.glob("*.csv")):
        pairs = [(next(answers), next(answers)) for _ in machines(path)]
        n = max(len(pairs), 1)
        print(f"| {path.stem} | {len(pairs)} | {sum(a for a, _ in pairs) / n:.3f} | {sum(b for _, b in pairs) / n:.3f} |")


if __name__ == "__main__":
    write(Path(sys.argv[2])) if sys.argv[1] == "write" else table(Path(sys.argv[2]), sys.argv[3])
