"""Means over seeds with their intervals, and how figures are rounded before they are written down."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from attacks.metrics.intervals import TAIL
from taxonomy.figures import Average, Interval

DIGITS = 5


def average(
    values: Sequence[float],
    intervals: Sequence[Sequence[float]],
    limits: Interval = (0.0, 1.0),
    middles: Sequence[float] | None = None,
) -> Average:
    """Return the mean over k seeds with a 95 % interval that counts both seeds and records, within the limits of the figure.

    Every seed has another split, target and shadow models. The interval is Student's t over seeds (k - 1 degrees of freedom);
    but on neither side narrower than what the intervals within the seeds give alone (square and add, Newcombe 1998), since few
    seeds may agree by chance. With one seed it is the interval of that seed. `middles` are given where the figures are biased:
    the interval is then about the mean of these, and is widened if it does not hold the mean of the figures. Seeds draw their
    candidates from one data set, so the interval says how the figure varies on this data, not on others.
    """
    ends, k = np.asarray(intervals, dtype=np.float64), len(values)
    found = np.asarray(values if middles is None else middles, dtype=np.float64)
    below, above = (float(np.hypot.reduce(found - ends[:, side])) / k for side in (0, 1))
    if k > 1:
        half_width = float(stats.t.ppf(1 - TAIL, k - 1)) * float(found.std(ddof=1)) / math.sqrt(k)
        below, above = max(below, half_width), max(above, half_width)
    mean, centre = float(np.mean(values)), float(found.mean())
    low, high = max(limits[0], min(centre - below, mean)), min(limits[1], max(centre + above, mean))
    return Average(mean=short(mean), ci=(short(low), short(high)))


def short(value: float) -> float:
    """Return a number to five decimals, and never a negative zero: what is finer differs between machines."""
    return round(value, DIGITS) + 0.0
