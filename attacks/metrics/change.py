"""The difference of a figure between two measurements, and its interval: on the same records, or on others.

Each figure has an interval that holds near the ends of its range and with few records, so that of the difference is made from the
two (square and add, Newcombe 1998). On the same records both vary together, and the difference varies less (Zou 2007).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks.metrics import area_interval, rate_interval
from attacks.metrics.intervals import Interval, Z
from attacks.metrics.ranking import Scores, Truth, area, auc_difference_error, roc

# How two thresholds fall on the same non-members is seen from at least so many of the highest on either side.
LEAST_SEEN = 20


@dataclass(frozen=True)
class Change:
    """A figure of a first and of a second measurement, second less first, and the 95 % interval of that difference."""

    first: float
    second: float
    difference: float
    ci: Interval

    def as_json(self) -> dict[str, Any]:
        """Return the change as plain data."""
        return {"a": self.first, "b": self.second, "difference": self.difference, "ci": list(self.ci)}


@dataclass(frozen=True)
class _Known:
    """A figure with its interval, and the value that the interval lies around."""

    value: float
    middle: float
    ends: Interval


Measured = tuple[Scores, Truth]


def of_area(first: Measured, second: Measured, *, paired: bool) -> Change:
    """Return the difference of two AUCs, each of scores (n,) and the truth (n,).

    If they are paired, records stand in the same order on both sides, and the correlation of the areas is DeLong's (1988).
    """
    found = [(area(curve := roc(*side)), curve.members, curve.others) for side in (first, second)]
    together = error = 0.0
    if paired:
        variances = [each[0].variance for each in found]
        error = auc_difference_error(first[0], second[0], first[1])
        spread = 2 * math.sqrt(variances[0] * variances[1])
        together = (sum(variances) - error**2) / spread if spread else 0.0
    known = [_Known(each[0].value, each[0].value, area_interval.of_area(*each)) for each in found]
    return _difference(known[0], known[1], together, Z * error)


def of_rate(first: Measured, second: Measured, rate: float, *, paired: bool) -> Change:
    """Return the difference of two true positive rates at a false positive rate, each at a threshold of its own.

    The correlation is that of the members who are found, and of the non-members who decide the thresholds, each weighted by what
    it adds to the variance: an interval is wider than the members alone would make it.
    """
    curves = [roc(*side) for side in (first, second)]
    known, found, parts = [], [], []
    for (score, _), curve in zip((first, second), curves, strict=True):
        last = curve.within(rate)
        value, interval = float(curve.true_positive_rate[last]), rate_interval.of_rate(curve, rate)
        known.append(_Known(value, interval.middle, interval.ends))
        found.append(score >= curve.threshold[last])
        of_members = value * (1 - value) / curve.members
        whole = max(of_members, ((interval.ends[1] - interval.ends[0]) / (2 * Z)) ** 2)
        parts.append((of_members, whole - of_members, whole))
    together = 0.0
    if paired:
        member = first[1]
        of_members = _correlation(found[0][member], found[1][member])
        of_others = _correlation(*(_highest(score[~member], rate) for score, _ in (first, second)))
        shared = [math.sqrt(a * b) for a, b in zip(*parts, strict=True)]
        together = (of_members * shared[0] + of_others * shared[1]) / shared[2] if shared[2] else 0.0
    return _difference(known[0], known[1], together)


def _difference(first: _Known, second: _Known, together: float, least: float = 0.0) -> Change:
    """Return second less first, where the two have this correlation; the interval goes as far as `least` on either side.

    Two areas of different heights that vary nearly together vary by different amounts, which square and add sees too little of.
    """
    together = min(max(together, -1.0), 1.0)

    def beyond(one: float, other: float) -> float:
        return max(least, math.sqrt(max(0.0, one**2 + other**2 - 2 * together * one * other)))

    below = beyond(second.middle - second.ends[0], first.ends[1] - first.middle)
    above = beyond(second.ends[1] - second.middle, first.middle - first.ends[0])
    middle, difference = second.middle - first.middle, second.value - first.value
    ends = max(-1.0, min(middle - below, difference)), min(1.0, max(middle + above, difference))
    return Change(first.value, second.value, difference, ends)


def _highest(score: Scores, rate: float) -> Truth:
    """Return which of the non-members (n,) are among the highest, about as many as the threshold takes."""
    wanted = min(len(score), max(LEAST_SEEN, math.ceil(rate * len(score))))
    reached: Truth = score >= np.partition(score, len(score) - wanted)[len(score) - wanted]
    return reached


def _correlation(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Return the correlation of two bits (n,); 0 if one of them is the same for all."""
    p, q = float(first.mean()), float(second.mean())
    spread = math.sqrt(p * (1 - p) * q * (1 - q))
    return (float((first & second).mean()) - p * q) / spread if spread else 0.0
