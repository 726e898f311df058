#!/usr/bin/env python3
"""Asks other detectors about the series that `regression_bench` wrote, and prints the tables of docs/regression-benchmark.md.

    cargo run --release -p flowgauge-logic --example regression_bench -- FOLDER 400 1
    bench/regression/.venv/bin/python bench/regression/peers.py FOLDER [LIMIT [NOISE...]]

LIMIT is how many series of a kind Otava, PELT and Bencher's rules are asked about; the others are asked about all.
"""
import json, math, sys, time
from pathlib import Path
from statistics import median
import numpy as np
import ruptures
from scipy import stats
from otava.analysis import compute_change_points

ORDER = ["iid normal", "lognormal(.3)", "t(3)", "AR .3", "AR .6", "daily cycle", "weekly cycle", "mix shift",
         "variable n", "outliers"]
NEAR = 3  # points a found place may be off


KNOWN = {}  # answers of Otava, kept in FOLDER/otava.json: a second run asks only what is new


def otava(values, p):
    key = f"{p:.6e} {values[0]} {values[-1]} {sum(values)}"
    if key not in KNOWN:
        found, _ = compute_change_points(values, window_len=50, max_pvalue=p, min_magnitude=0.0)
        KNOWN[key] = [int(c.index) for c in found]
    return KNOWN[key]


def pelt(values):
    x = np.asarray(values)
    sigma = 1.4826 * np.median(np.abs(np.diff(x) - np.median(np.diff(x)))) / math.sqrt(2)
    penalty = 3 * math.log(len(x)) * sigma ** 2  # BIC with noise by differences
    return ruptures.Pelt(model="l2", min_size=3, jump=1).fit(x).predict(pen=penalty)[:-1]


# Two samples: before and after a known moment (a deploy).
def guide(a, b):
    return stats.ttest_ind(a, b).pvalue < 0.05


def welch(a, b):
    return stats.ttest_ind(a, b, equal_var=False).pvalue < 0.05


def mann_whitney(a, b):
    return stats.mannwhitneyu(a, b).pvalue < 0.05


def kayenta(a, b):
    """98 % Hodges-Lehmann interval beyond a quarter of the estimate."""
    d = np.sort(np.subtract.outer(b, a).ravel())
    m, n = len(a), len(b)
    k = int(max(m * n / 2 - 2.326 * math.sqrt(m * n * (m + n + 1) / 12), 0))
    hl, low, high = np.median(d), d[k], d[m * n - 1 - k]
    return low > 0.25 * abs(hl) or high < -0.25 * abs(hl)


# The newest point against those before.
def bencher_t(history, x):
    n = len(history)
    spread = np.std(history, ddof=1) * math.sqrt(1 + 1 / n)
    return abs(x - np.mean(history)) > stats.t.ppf(0.99, n - 1) * spread


def bencher_iqr(history, x):
    q1, q2, q3 = np.percentile(history, [25, 50, 75])
    return abs(x - q2) > 3 * (q3 - q1)


def share(flags):
    flags = list(flags)
    return sum(flags) / len(flags) if flags else float("nan")


def wilson(flags):
    """Share and its 95 % interval (Wilson 1927)."""
    flags = [bool(f) for f in flags]
    n, z = len(flags), 1.959964
    if n == 0:
        return "–"
    p = sum(flags) / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = ((middle + way * half) / (1 + z * z / n) for way in (-1, 1))
    text = lambda v, d: f"{v:.{d}f}".lstrip("0") if v < 1 else "1"
    return f"{text(p, 3)} ({text(max(low, 0), 2)}–{text(high, 2)})"


def located(rows, find):
    """Found within NEAR points, with its interval, and the share with a wrong or misplaced point."""
    hits, wrong = [], []
    for r in rows:
        found = find(r)
        hit = any(abs(f - r["at"]) <= NEAR for f in found)
        hits.append(hit)
        wrong.append(len(found) > hit)
    return f"{wilson(hits)}, {share(wrong):.2f}".replace(", 0.", ", .")


def matched(rows, limit):
    """The largest Otava p, in quarter decades, with no more false alarms than `limit`."""
    low, high = 0, 36
    while low < high:
        middle = (low + high) // 2
        if share(bool(otava(r["values"], 10 ** (-1 - middle / 4))) for r in rows) <= limit:
            high = middle
        else:
            low = middle + 1
    return 10 ** (-1 - low / 4)


def newest(rows, rule):
    """Alarm at any of the last 40 points (no change), or within 4 points from the step."""
    out = []
    for r in rows:
        v = r["values"]
        places = range(60, 100) if r["step"] == 0 else range(r["at"], min(r["at"] + NEAR + 1, len(v)))
        out.append(any(rule(v[:t], v[t]) for t in places))
    return share(out)


def cells(values):
    return " | ".join("–" if v != v else f"{v:.3f}".lstrip("0").replace(".000", "0") if v < 1 else "1" for v in values)


def main(folder, limit, names):
    answers = folder / "otava.json"
    if answers.exists():
        KNOWN.update(json.loads(answers.read_text()))
    tables = {k: [] for k in ("false", "recall", "pairs", "stream")}
    times = {"ours": [], "Otava": [], "PELT": []}
    for name in names or ORDER:
        path = folder / f"{name}.jsonl"
        if not path.exists():
            continue
        lines = [json.loads(l) for l in path.open()]
        series = [l for l in lines if l["kind"] == "series"]
        still = [r for r in series if r["step"] == 0]
        some = still[:limit]  # what the slow peers are asked
        ours_false = share(bool(r["ours"]) for r in still)
        times["ours"] += [r["ms"] for r in still]
        begin = time.perf_counter()
        default = [bool(otava(r["values"], 1e-3)) for r in some]
        times["Otava"].append((time.perf_counter() - begin) * 1e3 / len(some))
        p = matched(some, ours_false)
        begin = time.perf_counter()
        pelt_false = [bool(pelt(r["values"])) for r in some]
        times["PELT"].append((time.perf_counter() - begin) * 1e3 / len(some))
        tables["false"].append(f"| {name} | {wilson(r['ours'] for r in still)} | {wilson(default)} | {wilson(pelt_false)} "
                               f"| {p:.1e} | {wilson(otava(r['values'], p) for r in some)} |")
        row = []
        for step in (1.0, 1.5, 2.0):
            rows = [r for r in series if r["step"] == step]
            for find, asked in ((lambda r: r["ours"], rows), (lambda r: otava(r["values"], p), rows[:limit // 2]),
                                (lambda r: otava(r["values"], 1e-3), rows[:limit // 2]),
                                (lambda r: pelt(r["values"]), rows[:limit // 2])):
                row.append(located(asked, find))
        tables["recall"].append(f"| {name} | " + " | ".join(row) + " |")
        both = lambda rows, test: share(
            bool(test(np.array(r["values"][:r["at"]]), np.array(r["values"][r["at"]:]))) for r in rows)
        moved = [r for r in series if r["step"] == 1.0]
        pairs = [f(rows, t) for t in (guide, welch, mann_whitney, kayenta) for f, rows in ((both, still), (both, moved))]
        late = [r for r in series if r["step"] == 2.0]
        single = [newest(rows, t) for t in (bencher_t, bencher_iqr) for rows in (some, late[:limit // 2])]
        tables["pairs"].append(f"| {name} | {cells(pairs + single)} |")
        streams = [l for l in lines if l["kind"] == "stream"]
        quiet = [l for l in streams if l["step"] == 0]
        stepped = [l for l in streams if l["step"] > 0 and not l["before"]]
        delays = [l["told"] - l["at"] for l in stepped if l["told"]]
        tables["stream"].append(f"| {name} | {share(l['told'] is not None for l in quiet):.3f} | "
                                f"{median(delays) if delays else float('nan'):.0f} | {len(delays) / max(len(stepped), 1):.2f} |")
        answers.write_text(json.dumps(KNOWN))
        print(name, file=sys.stderr, flush=True)
    print("### False alarms: share of series without change with any point\n")
    print("| noise | ours | Otava .001 | PELT | Otava's p at our rate | its false alarms there |\n|---|---|---|---|---|---|")
    print("\n".join(tables["false"]))
    print("\n### One step: found within ± 3 points (95 % interval), then the share with a wrong or misplaced point\n")
    print("| noise |" + "".join(f" {s} σ: {m} |" for s in ("1", "1.5", "2") for m in
                               ("ours", "Otava matched", "Otava .001", "PELT")))
    print("|---|" + "---|" * 12)
    print("\n".join(tables["recall"]))
    print("\n### Before and after a known moment: false alarms / found at 1 σ; newest point only: 40 looks / found at 2 σ\n")
    print("| noise | t-test, false | found | Welch, false | found | Mann–Whitney, false | found | Kayenta, false | found "
          "| Bencher t, false | found | Bencher IQR, false | found |")
    print("|---|" + "---|" * 12)
    print("\n".join(tables["pairs"]))
    print("\n### As a stream: 60 points of history, 40 looks\n")
    print("| noise | ours, false in 40 looks | median delay at 2 σ | found |\n|---|---|---|---|")
    print("\n".join(tables["stream"]))
    print("\n### Time per series of 100 points\n")
    print(", ".join(f"{k} {median(v):.2f} ms" for k, v in times.items() if v))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 10**9, sys.argv[3:])
