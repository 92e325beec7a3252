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
from scipy import stats

from attacks.intervals import TAIL, Interval, share_quantile
from attacks.ranking import Roc

# With few non-members above the threshold the interval is wider than it need be: what lies between two of them varies too. The
# error of either limit is therefore set higher by MORE where FEW or fewer are expected there, and by less where more are. An
# interval that has an upper limit only has the error ONE_SIDED. All three were chosen on simulations as in test_coverage.py.
MORE, FEW, ONE_SIDED = 0.01, 4, 0.045


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
    assumed of the distributions. Ties need no care: of non-members that share one score a threshold takes none or all, and
    "above" says so.

    Where none of the non-members may well be above the threshold (with fewer than some 270 at 1 %, or 2,700 at 0.1 %), no method
    knows a lower limit but 0; the interval goes from 0.
    """
    above, weight = _ranks(curve.others, rate)
    hits, inverse = np.unique(_hits(curve, above), return_inverse=True)
    gathered = np.asarray(np.bincount(inverse, weight), dtype=np.float64)
    tails = _tails(curve.others, rate)
    low, middle, high = (share_quantile(hits, gathered, curve.members, level) for level in (tails[0], 0.5, 1 - tails[1]))
    return RateInterval((low, high), middle)


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
    chance = stats.binom.pmf(number, others, rate) / 2
    return np.concatenate([number, number + 1]), np.concatenate([chance, chance]) / (2 * chance.sum())


def _hits(curve: Roc, rank: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many members are above the non-member of each rank (k,), 1 the highest; none above rank 0, all above n + 1."""
    return curve.hits[np.maximum(np.searchsorted(curve.alarms, rank) - 1, 0)]
