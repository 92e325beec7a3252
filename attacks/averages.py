"""Means over seeds with their intervals, and how figures are rounded before they are written down."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from taxonomy.evidence import Average

DIGITS = 5


def average(values: Sequence[float], errors: Sequence[float], low: float = 0.0, high: float = 1.0) -> Average:
    """Return the mean over k seeds with a 95 % interval that counts both seeds and records.

    Every seed has another split, target and shadow models. The interval is Student's t over seeds (k - 1 degrees of freedom);
    but never narrower than what the standard errors within the seeds alone would give (normal), since few seeds may agree by
    chance. With one seed only the latter is known. Seeds draw their candidates from one data set, so the interval says how the
    figure varies on this data, not on others.
    """
    found, k = np.asarray(values, dtype=np.float64), len(values)
    half = float(stats.norm.ppf(0.975)) * math.sqrt(float(np.mean(np.square(errors))) / k)
    if k > 1:
        half = max(half, float(stats.t.ppf(0.975, k - 1)) * float(found.std(ddof=1)) / math.sqrt(k))
    mean = float(found.mean())
    return Average(mean=short(mean), ci=(short(max(low, mean - half)), short(min(high, mean + half))))


def error_of(error: float, interval: Sequence[float]) -> float:
    """Return a standard error, or a quarter of the interval's width where it is 0: at a figure of 0 or 1 nothing is certain."""
    return error or (interval[1] - interval[0]) / 4


def short(value: float) -> float:
    """Return a number to five decimals, and never a negative zero: what is finer differs between machines."""
    return round(value, DIGITS) + 0.0
