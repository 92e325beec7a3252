"""A band around a ROC: at each of many false positive rates the interval of the true positive rate, for pictures.

Pointwise: each interval holds by itself, and no claim is made that all of them hold at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from attacks.metrics import rate_interval
from attacks.metrics.intervals import TAIL, Z
from attacks.metrics.ranking import Roc

# From so many expected false positives on, the place of the threshold is nearly normal, and a formula does.
MANY = 40
POINTS = 24


@dataclass(frozen=True)
class Band:
    """Ends of the 95 % intervals `low` and `high` at each of the false positive rates `rate`, all float64 (k,)."""

    rate: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def around(curve: Roc, points: int = POINTS) -> Band:
    """Return the band at rates from one non-member to nearly all of them, evenly spread in log scale.

    Where few false positives are expected it is `rate_interval.of_rate`. Where they are many, its cost grows with their number:
    there the distances to the ends of two intervals, that of the threshold's place (normal) and that of the members above it
    (Clopper & Pearson), are squared and added, as for a difference of shares (Newcombe 1998).
    """
    others = curve.others
    rate = np.unique(np.geomspace(1 / others, 1 - 1 / (2 * others), points))
    few = rate * others <= MANY
    # A split of the ranks with nothing on one side divides by zero there; such a side counts for nothing.
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = [rate_interval.of_rate(curve, float(one)).ends for one in rate[few]]
    low, high = (np.array([pair[side] for pair in ends], dtype=np.float64) for side in (0, 1))
    below, beyond = _where_many(curve, rate[~few])
    return Band(rate, np.concatenate([low, below]), np.concatenate([high, beyond]))


def _where_many(curve: Roc, rate: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    members, spread = curve.members, Z * np.sqrt(rate * (1 - rate) / curve.others)
    hits = _hits(curve, rate)
    low = np.where(hits == 0, 0.0, special.betaincinv(np.maximum(hits, 1), members - hits + 1, TAIL))
    high = np.where(hits == members, 1.0, special.betaincinv(hits + 1, np.maximum(members - hits, 1), 1 - TAIL))
    middle = hits / members
    fewer, more = _hits(curve, np.maximum(rate - spread, 0)) / members, _hits(curve, np.minimum(rate + spread, 1)) / members
    below, beyond = np.hypot(middle - low, middle - fewer), np.hypot(high - middle, more - middle)
    return np.maximum(middle - below, 0.0), np.minimum(middle + beyond, 1.0)


def _hits(curve: Roc, rate: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return how many members a threshold finds that lets at most this share of the non-members pass."""
    return curve.hits[np.searchsorted(curve.alarms, rate * curve.others + 1e-9, side="right") - 1]
