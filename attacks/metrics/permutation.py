"""The exact p-value of a difference of means: what share of all ways to deal the values out would differ as much."""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
# Sums of the same values in another order differ in the last digits, and are ties.
ROUNDING = 1e-12


def p_value(suspect: Values, others: Values, *, draws: int, seed: int) -> float:
    """Return the p-value that `suspect` (m,) is no higher on average than `others` (n,), one-sided.

    If both are draws of one distribution, every choice of m of the m + n values is as likely to be the suspects. Where there are
    no more choices than `draws`, all are looked at, and the p-value is exact; else it is so many at random and the one at hand,
    with which the p-value is at most t with probability at most t all the same (Phipson and Smyth 2010). Neither asks how the
    values are distributed, as a t-test does. The order of the values within either side changes nothing.
    """
    pooled = np.sort(np.concatenate([suspect, others]))
    count, whole = len(suspect), len(pooled)
    found = float(np.sort(suspect).sum()) - ROUNDING * float(np.abs(pooled).sum())
    if math.comb(whole, count) <= draws:
        sums = [float(pooled[list(choice)].sum()) for choice in itertools.combinations(range(whole), count)]
        return sum(one >= found for one in sums) / len(sums)
    keys = np.random.default_rng(seed).random((draws, whole))
    chosen = np.argpartition(keys, count - 1, axis=1)[:, :count]
    return float(1 + (pooled[chosen].sum(axis=1) >= found).sum()) / (1 + draws)
