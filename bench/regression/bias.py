#!/usr/bin/env python3
"""How far the 95th percentile of few requests lies below that of many: relative bias times n, the figure `BIAS` of
crates/flowgauge-logic/src/regression/bias.rs must cover.

    bench/regression/.venv/bin/python bench/regression/bias.py
"""
import numpy as np

DRAWS = 40_000
rng = np.random.default_rng(1)
KINDS = {
    "lognormal(.3)": (lambda shape: rng.lognormal(0, 0.3, shape), np.exp(0.3 * 1.6448536269514722)),
    "lognormal(.6)": (lambda shape: rng.lognormal(0, 0.6, shape), np.exp(0.6 * 1.6448536269514722)),
    "lognormal(1)": (lambda shape: rng.lognormal(0, 1, shape), np.exp(1.6448536269514722)),
    "exponential": (lambda shape: rng.exponential(1, shape), np.log(20)),
    "gamma(2)": (lambda shape: rng.gamma(2, 1, shape), 4.743864518390595),
    "Pareto(3)": (lambda shape: rng.pareto(3, shape) + 1, 20 ** (1 / 3)),
    "two modes, 10 % five times as slow": (
        lambda shape: np.where(rng.random(shape) < 0.1, 5, 1) * rng.lognormal(0, 0.3, shape), None),
}
print("| latencies | n 20 | 30 | 50 | 100 | 200 | 1000 |\n|---|---|---|---|---|---|---|")
for name, (draw, true) in KINDS.items():
    if true is None:
        true = np.percentile(draw((20_000_000,)), 95)
    cells = []
    for n in (20, 30, 50, 100, 200, 1000):
        draws = DRAWS if n < 1000 else DRAWS // 5
        linear = np.percentile(draw((draws, n)), 95, axis=1)
        cells.append(f"{(1 - linear.mean() / true) * n:.1f} ± {2 * linear.std() / true * n / np.sqrt(draws):.1f}")
    print(f"| {name} | " + " | ".join(cells) + " |")
