#!/usr/bin/env python3
"""How much could be found at most by a test of one step that holds 5 % at every autocorrelation, 100 points?

    bench/regression/.venv/bin/python bench/regression/bound.py

A test that holds its level at every φ holds it given what is sufficient for φ where nothing changed (Neyman structure; Lehmann and Romano
2005, 4.3), nearly: the estimate without a step. Given it, the best use of the ratio and of both estimates of φ is learnt from simulated
series with and without a step (logistic regression, second order), its limit taken per estimate. "Table" is the limit the program has.
"Told" knows φ, so its limit is one number.
"""
import re
from pathlib import Path
import numpy as np
from scipy.special import expit
from scipy.stats import norm

N, LEAST, PHI_MAX, LEVEL, NEAR = 100, 3, 0.95, 0.05, 3
PHIS, STEPS = [i / 10 for i in range(10)], (1.0, 1.5, 2.0)
SHOWN = (0.0, 0.3, 0.6, 0.8)
TABLE = Path(__file__).parents[2] / "crates/flowgauge-logic/src/change_point/null_table.rs"
PLACES = np.arange(LEAST, N - LEAST + 1)
rng = np.random.default_rng(5)


def series(many, phi, step):
    noise = rng.standard_normal((many, N + 50))
    for t in range(1, N + 50):
        noise[:, t] = phi * noise[:, t - 1] + np.sqrt(1 - phi * phi) * noise[:, t]
    at = rng.integers(N // 5, N - N // 5, many)
    values = noise[:, 50:] + step * (np.arange(N) >= at[:, None])
    return norm.ppf((values.argsort(1).argsort(1) + 1) / (N + 1)), at


def moments(z):
    now, before = (s - s.mean(1, keepdims=True) for s in (z[:, 1:], z[:, :-1]))
    return (now * now).sum(1), (before * before).sum(1), (now * before).sum(1)


def estimate(m):
    return np.clip(m[2] / m[1], 0, PHI_MAX)


def left(m, phi):
    return m[0] - 2 * phi * m[2] + phi * phi * m[1]


def scan(z, phi):
    white = z[:, 1:] - phi[:, None] * z[:, :-1]
    white -= white.mean(1, keepdims=True)
    after = np.concatenate([np.cumsum(white[:, ::-1], 1)[:, ::-1], np.zeros((len(z), 1))], 1)
    later, first = (1 - phi)[:, None], PLACES - 1
    overlap = white[:, first] + later * after[:, first + 1]
    points = (N - 1 - PLACES)[None, :].astype(float)
    weight = 1 + points * later**2 - (1 + points * later) ** 2 / (N - 1)
    best, row = (overlap**2 / weight).argmax(1), np.arange(len(z))
    return PLACES[best], (overlap / weight)[row, best], (overlap**2 / weight)[row, best]


def statistic(many, phi, step):
    """Ratio, φ after the step, φ without one, whether the place is right."""
    z, true = series(many, phi, step)
    m = moments(z)
    flat = with_step = estimate(m)
    at, height, gain = scan(z, flat)
    for _ in range(2):
        with_step = estimate(moments(z - height[:, None] * (np.arange(N) >= at[:, None])))
        at, height, gain = scan(z, with_step)
    ratio = N * np.log(left(m, flat) / np.maximum(left(m, with_step) - gain, 1e-9 * m[0]))
    return np.c_[ratio, with_step, flat, abs(at - true) <= NEAR]


def terms(x):
    root, a, b = np.sqrt(x[:, 0]), x[:, 1], x[:, 2]
    return np.c_[np.ones(len(x)), root, x[:, 0], a, a * a, b, b * b, root * a, root * b, a * b, x[:, 0] * a, x[:, 0] * b]


def fit(x, y, weight):
    beta = np.zeros(x.shape[1])
    for _ in range(40):
        mean = expit(x @ beta)
        curve = weight * mean * (1 - mean) + 1e-9
        beta += np.linalg.solve(x.T @ (x * curve[:, None]) + 1e-6 * np.eye(len(beta)), x.T @ (weight * (y - mean)))
    return beta


def table():
    text = TABLE.read_text()
    row = [float(x) for x in re.search(r"LENGTHS: &\[f64\] = &\[([^]]+)\]", text)[1].split(",") if x.strip()].index(N)
    numbers = lambda name, width: [r for r in ([float(v) for v in found.split(",") if v.strip()] for found in re.findall(
        r"\[([0-9., \n]+)\]", text[text.index(name):])) if len(r) == width]
    level = [0.5, 0.3, 0.2, 0.1, 0.07, 0.05].index(LEVEL)
    return numbers("MEDIAN_PHI:", 10)[row], [r[level] for r in numbers("QUANTILES:", 12)[10 * row:10 * row + 10]]


def main():
    still = {phi: statistic(20_000, phi, 0) for phi in PHIS}
    moved = {(phi, step): statistic(10_000, phi, step) for phi in SHOWN for step in STEPS}
    null, other = np.concatenate(list(still.values())), np.concatenate([moved[phi, s] for phi in SHOWN for s in (1.5, 2.0)])
    bin_of = lambda x: np.clip((x[:, 2] * 40).astype(int), 0, 38)
    counts = [np.bincount(bin_of(x), minlength=39) for x in (null, other)]
    weight = np.r_[np.ones(len(null)), (counts[0] / np.maximum(counts[1], 1))[bin_of(other)]]
    beta = fit(terms(np.concatenate([null, other])), np.r_[np.zeros(len(null)), np.ones(len(other))], weight)
    limits = np.array([np.quantile(terms(null[bin_of(null) == b]) @ beta, 1 - LEVEL) for b in range(39)])
    medians, quantiles = table()
    told = {phi: np.quantile(still[phi][:, 0], 1 - LEVEL) for phi in SHOWN}
    tests = {
        "table": lambda x, _: x[:, 0] > np.interp(x[:, 1], medians, quantiles),
        "best that holds 5 % at every φ": lambda x, _: terms(x) @ beta > limits[bin_of(x)],
        "told φ": lambda x, phi: x[:, 0] > told[phi],
    }
    print("| noise | test | false alarms | 1 σ | 1.5 σ | 2 σ |\n|---|---|---|---|---|---|")
    for phi in SHOWN:
        for name, test in tests.items():
            found = [(test(moved[phi, s], phi) & (moved[phi, s][:, 3] > 0)).mean() for s in STEPS]
            print(f"| AR {phi:g} | {name} | {test(still[phi], phi).mean():.3f} | " + " | ".join(f"{f:.3f}" for f in found) + " |")


if __name__ == "__main__":
    main()
