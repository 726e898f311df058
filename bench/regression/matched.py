#!/usr/bin/env python3
"""Ours and Otava on the same series, with intervals that pair them, at the same rate of false alarms.

    cargo run --release -p flowgauge-logic --example regression_bench -- FOLDER 3000 7
    bench/regression/.venv/bin/python bench/regression/matched.py FOLDER [NOISE...]

Otava's p is the largest, in quarter decades, with no more false alarms on this noise than ours at its one setting: it is told the noise.
"Told" is ours with that advantage too: its statistic of one step, with the limit that gives Otava's rate on this noise.
"""
import json, math, sys
from pathlib import Path
from peers import NEAR, ORDER, matched, otava, share

ASKED = 1500  # series without change Otava's p is chosen on


def hit(places, row):
    return any(abs(place - row["at"]) <= NEAR for place in places)


def mcnemar(pairs):
    """Only the first, only the second, and z of their difference."""
    first = sum(a and not b for a, b in pairs)
    second = sum(b and not a for a, b in pairs)
    return f"{first} / {second}, z {(first - second) / math.sqrt(max(first + second, 1)):+.1f}"


def main(folder, names):
    print("| noise | false alarms: ours, Otava | step | ours | told | Otava | only ours / only Otava | only told / only Otava |")
    print("|---|---|---|---|---|---|---|---|")
    for name in names or ORDER:
        rows = [r for r in map(json.loads, (folder / f"{name}.jsonl").open()) if r["kind"] == "series"]
        still = [r for r in rows if r["step"] == 0]
        ours = share(bool(r["ours"]) for r in still)
        p = matched(still[:ASKED], ours)
        theirs = share(bool(otava(r["values"], p)) for r in still[:ASKED])
        limit = sorted((r["best"][1] for r in still), reverse=True)[int(theirs * len(still))]
        for step in (1.0, 1.5, 2.0):
            some = [r for r in rows if r["step"] == step]
            found = [(hit(r["ours"], r), r["best"][1] > limit and hit([r["best"][0]], r), hit(otava(r["values"], p), r)) for r in some]
            of = [f"{share(f[i] for f in found):.3f}".lstrip("0") for i in range(3)]
            print(f"| {name} | {ours:.3f}, {theirs:.3f} | {step} σ | {' | '.join(of)} | {mcnemar([(f[0], f[2]) for f in found])} "
                  f"| {mcnemar([(f[1], f[2]) for f in found])} |", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
