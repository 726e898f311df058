#!/usr/bin/env python3
"""Prints the numbers that crates/flowgauge-logic/tests/change_points.rs expects, from scipy and ruptures."""
import math
import numpy as np
import ruptures
from scipy import stats

# The series of the tests: a sawtooth of whole numbers, so that both sides have the same bytes.
saw = [((i * i * 37 + i * 11) % 101) / 10 for i in range(60)]
step = [v + (8 if i >= 37 else 0) for i, v in enumerate(saw)]
rising = [v + 0.25 * i for i, v in enumerate(saw)]

print("ruptures Dynp l2, one break:", ruptures.Dynp(model="l2", min_size=3, jump=1).fit(np.array(step)).predict(n_bkps=1)[0])
print("scipy theilslopes:", stats.theilslopes(rising, np.arange(60), 0.95))
print("scipy norm.ppf(k/10), k = 1..3:", [stats.norm.ppf(k / 10) for k in (1, 2, 3)])
s, n, t, a = 4, 100, 0.25, 0.05
print("normal mixture half-width:", math.sqrt(2 * s * (s + n * t) / (n * n * t) * math.log(math.sqrt((s + n * t) / s) / a)))
print("Howard-Ramdas band, n 1000:", 0.85 * math.sqrt((math.log(math.log(math.e * 1000)) + 0.8 * math.log(1612 / a)) / 1000))
