"""Intervals of shares that were counted, of their difference, of a precision, and of a mean.

All hold with 95 % confidence, stay within the range of their figure, hold the figure itself, and have a width: whoever counted
ten of ten does not know that it is always so.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

Interval = tuple[float, float]
TAIL = 0.025
# The 97.5 % quantile of the normal distribution.
Z = float(special.ndtri(1 - TAIL))


def binomial_interval(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Return the exact interval of a proportion (Clopper & Pearson 1934). Whatever the proportion, it covers no less."""
    tail = (1 - confidence) / 2
    low = 0.0 if successes == 0 else float(special.betaincinv(successes, trials - successes + 1, tail))
    high = 1.0 if successes == trials else float(special.betaincinv(successes + 1, trials - successes, 1 - tail))
    return low, high


def share_quantile(hits: NDArray[np.int64], weight: NDArray[np.float64], trials: int, level: float) -> float:
    """Return the share below which the true one lies with this confidence, where `hits` of `trials` were counted.

    Which of `hits` (k,) were counted is not known: each has its `weight` (k,), and weights add up to 1. The confidence that the
    share is at most t is P[Binomial(trials, t) > hits] + P[Binomial(trials, t) = hits] / 2 (Lancaster's mid-P, 1961), averaged
    by weight.
    """
    # Half of P[Binomial >= hits] and half of P[Binomial >= hits + 1]: the former of none is 1, the latter of all is 0.
    least = np.concatenate([hits, hits + 1])
    half = np.concatenate([weight, weight]) / 2
    always, inner = float(half[least == 0].sum()), (least > 0) & (least <= trials)
    least, half = least[inner], half[inner]

    def beyond(share: float) -> float:
        return always + float(half @ special.betainc(least, trials - least + 1, share)) - level

    if beyond(0.0) >= 0:
        return 0.0
    return float(optimize.brentq(beyond, 0.0, 1.0, xtol=1e-10)) if beyond(1.0) > 0 else 1.0


@functools.lru_cache(maxsize=1024)
def counted(hits: int, trials: int) -> Interval:
    """Return the mid-P interval of a proportion, from which those of differences and ratios are made.

    It covers 95 % on average, where the exact one covers no less than that for every proportion.
    """
    found, whole = np.array([hits]), np.ones(1)
    return share_quantile(found, whole, trials, TAIL), share_quantile(found, whole, trials, 1 - TAIL)


def difference_interval(hits: int, members: int, alarms: int, others: int) -> Interval:
    """Return the interval of hits / members - alarms / others, within [-1, 1].

    Square and add of the distances to the ends of the two intervals (Newcombe 1998, method 10), which are mid-P here. On a grid
    of true shares from 0.001 to 0.999 it covers 94 to 97 % with 50 records or more on either side.
    """
    first, second = hits / members, alarms / others
    (low, high), (second_low, second_high) = counted(hits, members), counted(alarms, others)
    below, above = math.hypot(first - low, second_high - second), math.hypot(high - first, second - second_low)
    return first - second - below, first - second + above


def precision_interval(hits: int, members: int, alarms: int, others: int) -> Interval:
    """Return the interval of the precision hits / (hits + alarms) where members and non-members are as many as here.

    How many are called members is not fixed, so the precision is no share of a number of trials. For a precision p the
    difference (1 - p) hits - p alarms is 0 on average; the interval holds each p for which 0 lies in the interval of that
    difference by square and add (Donner & Zou 2012). `hits` and `alarms` are not both 0.
    """
    found = hits / (hits + alarms)
    (low, high), (others_low, others_high) = counted(hits, members), counted(alarms, others)
    spread = members * low, members * high, others * others_low, others * others_high

    def below(p: float) -> float:
        return (1 - p) * hits - p * alarms - math.hypot((1 - p) * (hits - spread[0]), p * (spread[3] - alarms))

    def above(p: float) -> float:
        return (1 - p) * hits - p * alarms + math.hypot((1 - p) * (spread[1] - hits), p * (alarms - spread[2]))

    return (
        float(optimize.brentq(below, 0.0, found)) if hits else 0.0,
        float(optimize.brentq(above, found, 1.0)) if alarms else 1.0,
    )


def mean_interval(values: NDArray[np.float64], lowest: float, highest: float) -> Interval:
    """Return the interval of the mean of values (n,) from a range: Student's t, cut off at the ends of the range.

    Where all values are the same, it is that of as many others as may have been missed, anywhere in the range.
    """
    found, count = float(values.mean()), len(values)
    if (values == values[0]).all():
        missed = 1 - TAIL ** (1 / count)
        return found - missed * (found - lowest), found + missed * (highest - found)
    half_width = float(special.stdtrit(count - 1, 1 - TAIL)) * float(values.std(ddof=1)) / math.sqrt(count)
    return max(lowest, found - half_width), min(highest, found + half_width)
