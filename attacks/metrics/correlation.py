"""Spearman's rank correlation and its interval."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from attacks.metrics.intervals import Interval, Z

Figures = NDArray[np.float64]


def spearman(first: Figures, second: Figures) -> tuple[float, Interval]:
    """Return the rank correlation of two figures (n,) of the same records, and its interval. Ties share their mean rank.

    A figure that is the same for all records ranks none, so its correlation is 0. The interval is normal on Fisher's z scale. Its
    variance is the larger of two: Bonett and Wright's (2000), (1 + r^2 / 2) / (n - 3), which holds for normal figures and claims
    no certainty, and that of the records' influence on the correlation (Croux and Dehon 2010), which holds for any. Raises
    ValueError for fewer than four records.
    """
    count = len(first)
    if count < 4:
        raise ValueError(f"a rank correlation with an interval needs at least four records (found {count})")
    found, influence = 0.0, np.zeros(count)
    if not ((first == first[0]).all() or (second == second[0]).all()):
        found, influence = _influence(first, second)
    # Fisher's z of a perfect correlation is infinite; one swap of two neighbours is as near to it as an interval needs to come.
    nearest = 1 - 12 / (count * (count**2 - 1))
    inner = max(-nearest, min(nearest, found))
    of_influence = float(influence @ influence) / (count * (count - 1)) / (1 - inner**2) ** 2
    half_width = Z * math.sqrt(max((1 + found**2 / 2) / (count - 3), of_influence))
    low, high = math.tanh(math.atanh(inner) - half_width), math.tanh(math.atanh(inner) + half_width)
    return found, (min(low, found), max(high, found))


def _influence(first: Figures, second: Figures) -> tuple[float, Figures]:
    """Return the correlation and each record's influence on it (n,): by its own ranks, and as one that others are ranked by."""
    u, v = _rank(first), _rank(second)
    together, own, others = float((u * v).mean()), float((u * u).mean()), float((v * v).mean())
    of_together = u * v + _as_another(first, v) + _as_another(second, u) - 3 * together
    of_own = u * u + 2 * _as_another(first, u) - 3 * own
    of_others = v * v + 2 * _as_another(second, v) - 3 * others
    found = max(-1.0, min(1.0, together / math.sqrt(own * others)))
    return found, of_together / math.sqrt(own * others) - found / 2 * (of_own / own + of_others / others)


def _rank(figure: Figures) -> Figures:
    """Return the share of records below each less that of records above it."""
    from scipy import stats

    return np.asarray((2 * stats.rankdata(figure) - len(figure) - 1) / len(figure))


def _as_another(figure: Figures, weight: Figures) -> Figures:
    """Return for each record the mean over all others of their weight, negative for those below it."""
    order = np.argsort(figure, kind="stable")
    ordered, total = figure[order], np.concatenate([[0.0], np.cumsum(weight[order])])
    below, up_to = total[np.searchsorted(ordered, figure, "left")], total[np.searchsorted(ordered, figure, "right")]
    return np.asarray((total[-1] - up_to - below) / len(figure))
