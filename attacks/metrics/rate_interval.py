"""The interval of the true positive rate at a fixed false positive rate: of the members *and* of the threshold.

The rate at alpha is the share of members above the threshold that a share alpha of all non-members is above. That threshold is
not known: the sample has to show it, and with 400 non-members at 1 % four of them do. An interval of the members alone, at the
threshold that the sample chose, covers half of what it claims.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attacks.metrics.intervals import TAIL, Interval, share_quantile
from attacks.metrics.ranking import Roc

# With few non-members above the threshold the interval is wider than it need be: what lies between two of them varies too. The
# error of either limit is therefore set higher by MORE where FEW or fewer are expected there, and by less where more are. An
# interval that has an upper limit only has the error ONE_SIDED. From SPLIT of the variance on, hits are in two parts. All four
# were chosen on simulations as in test_coverage.py.
MORE, FEW, ONE_SIDED, SPLIT = 0.01, 4, 0.045, 0.9


@dataclass(frozen=True)
class RateInterval:
    """The interval of a true positive rate, and its middle: the true rate is as likely below as above it."""

    ends: Interval
    middle: float


def of_rate(curve: Roc, rate: float) -> RateInterval:
    """Return the 95 % interval of the true positive rate at a false positive rate of at most `rate`.

    How many of n non-members are above the true threshold is a binomial number, Binomial(n, rate), whatever the distributions.
    If they are j, the threshold lies between the j-th and the next highest non-member, and as many members are above it as above
    the one, or the other, or some number between. That number is binomial too. So the confidence in a rate is that of a share
    that was counted (mid-P), averaged over j and, half and half, over these two ends. Nothing is drawn at random, and nothing is
    assumed of the distributions. Of non-members that share one score a threshold takes none or all, and "above" says so.

    Measured with 100 to 5,000 records on either side, at 1 % and 0.1 %, it covers 93 to 98 % where scores are normal,
    heavy-tailed, mixed or rounded, and more where fewer than ten members or three non-members are above the threshold. It covers
    least, down to 87 % with 400 non-members at 1 %, where a small step of the true ROC ends at just this rate.

    Where none of the non-members may well be above the threshold (with fewer than some 270 at 1 %, or 2,700 at 0.1 %), no method
    knows a lower limit but 0; the interval goes from 0.
    """
    above, weight = _ranks(curve.others, rate)
    hits, inverse = np.unique(_hits(curve, above), return_inverse=True)
    gathered = np.asarray(np.bincount(inverse, weight), dtype=np.float64)
    below, beyond = _tails(curve.others, rate)

    def quantile(hits: NDArray[np.int64], weight: NDArray[np.float64], level: float) -> float:
        return share_quantile(hits, weight / weight.sum(), curve.members, level)

    parts = _parts(hits, gathered)
    low = min(quantile(*part, below) for part in parts if part[1].sum() > below)
    high = max(quantile(*part, 1 - beyond) for part in parts if part[1].sum() > beyond)
    return RateInterval((low, high), quantile(hits, gathered, 0.5))


def _parts(hits: NDArray[np.int64], weight: NDArray[np.float64]) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Return the numbers of hits (k,) in two parts, if they are nearly two numbers, and else as they are.

    Where many share a score, the threshold lies on one side of a large step or on the other, with nothing between. An average
    over both sides would be too sure of either; so the interval reaches over that of each side where the threshold may well lie.
    """
    share, mean = np.cumsum(weight)[:-1], np.cumsum(weight * hits)[:-1]
    whole = float(weight @ hits)
    variance = float(weight @ (hits - whole) ** 2)
    between = (mean - share * whole) ** 2 / (share * (1 - share))
    if not len(between) or between.max() < SPLIT * variance:
        return [(hits, weight)]
    last = int(between.argmax()) + 1
    return [(hits[:last], weight[:last]), (hits[last:], weight[last:])]


def true_rate(others: int, rate: float) -> float:
    """Return the true false positive rate, on average, of a threshold that is chosen to have at most `rate` on a sample.

    Where k non-members are allowed, the threshold may come as near to the next one as it likes; and the share of all non-members
    that is above the k + 1st highest of n is (k + 1) / (n + 1) on average, whatever the distribution.
    """
    return (math.floor(rate * others + 1e-9) + 1) / (others + 1)


def has_lower_limit(others: int, rate: float) -> bool:
    """Return whether so many non-members can tell a rate from 0: whether some of them are surely above the true threshold."""
    return _tails(others, rate)[0] > 0


def _tails(others: int, rate: float) -> tuple[float, float]:
    """Return the error of the lower limit and of the upper one."""
    tail = TAIL + MORE * min(1.0, FEW / (rate * others))
    return (tail, tail) if (1 - rate) ** others / 2 < tail else (0.0, ONE_SIDED)


@functools.lru_cache(maxsize=64)
def _ranks(others: int, rate: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return ranks of non-members and the chance that the true threshold lies just at each, at its lower or upper side."""
    spread = 7 * math.sqrt(rate * others) + 7
    number = np.arange(max(0, math.floor(rate * others - spread)), min(others, math.ceil(rate * others + spread)) + 1)
    # Binomial chances by their ratios, from the likeliest number on: what all have in common is left out anyway.
    ratio = (others - number[:-1]) / number[1:] * (rate / (1 - rate))
    likeliest = int(np.searchsorted(-ratio, -1.0))
    below, above = np.cumprod(1 / ratio[:likeliest][::-1])[::-1], np.cumprod(ratio[likeliest:])
    chance = np.concatenate([below, np.ones(1), above])
    return np.concatenate([number, number + 1]), np.concatenate([chance, chance]) / (2 * chance.sum())


def _hits(curve: Roc, rank: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many members are above the non-member of each rank (k,), 1 the highest; none above rank 0, all above n + 1."""
    return curve.hits[np.maximum(np.searchsorted(curve.alarms, rank) - 1, 0)]
