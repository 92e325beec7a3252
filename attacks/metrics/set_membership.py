"""Set membership: of two sets of records, which one was trained on? A metric over per-record scores, for every attack.

Hilprecht et al. 2019: there are two sets of M records, one of members and one of non-members. The set that has more of the M
highest scores is called the members; half a hit where both have as many. Beside it stands their accuracy on single records, for
which the M records with the highest scores are called members.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from attacks.metrics import Scores, Truth
from attacks.metrics.intervals import Interval, Z

SIZE, FEWEST = 100, 10
# How many sets are drawn of either side. Each of members meets two of the others, so that what both sides vary can be told apart.
DRAWS = 500


def summarize(score: Scores, member: Truth) -> dict[str, Any]:
    """Return how well scores (n,) do on sets, as plain data; None, with the reason, where there are too few records.

    Sets hold 100 records, or half of the members or non-members where there are fewer than 200 of these, so that draws differ.
    Both accuracies are means over 1,000 draws from a fixed generator. The draws share the records of one target, so that a small
    advantage that these records have by chance is in all of them: sets tell chance from leakage no better than records do. The
    95 % intervals (`_intervals`) therefore say how the figures would vary with other records on the same model.
    """
    # In order of the scores, so that the figures do not depend on the order of the records.
    inside, outside = np.sort(score[member]), np.sort(score[~member])
    fewest = min(len(inside), len(outside))
    size = min(SIZE, fewest // 2)
    if size < FEWEST:
        reason = f"sets of {FEWEST} records need {2 * FEWEST} members and as many non-members (found {fewest})"
        return {"set_membership": None, "unresolved": {"set_membership": reason}}
    members, others = inside[_rows(len(inside), size, 0)], outside[_rows(len(outside), size, 1)]
    met = [np.concatenate([members, others], axis=1), np.concatenate([members, np.roll(others, -1, axis=0)], axis=1)]
    found = accuracies(np.concatenate(met))
    figures: dict[str, Any] = {"size": size}
    for name, value, ends in zip(
        ("set_accuracy", "single_accuracy"),
        (float(found.of_sets.mean()), float(found.of_records.mean())),
        _intervals(found, size, len(inside), len(outside)),
        strict=True,
    ):
        figures |= {name: value, f"{name}_ci": list(ends)}
    return {"set_membership": figures, "unresolved": {}}


@functools.lru_cache(maxsize=8)
def _rows(count: int, size: int, side: int) -> NDArray[np.int64]:
    """Return 500 sets of rows out of `count`, (500, size), no row twice in one set (Floyd's method, all sets at once)."""
    generator, rows = np.random.default_rng(side), np.empty((DRAWS, size), dtype=np.int64)
    for k, last in enumerate(range(count - size, count)):
        drawn = generator.integers(last + 1, size=DRAWS)
        rows[:, k] = np.where((rows[:, :k] == drawn[:, None]).any(axis=1), last, drawn)
    return rows


@dataclass(frozen=True)
class Accuracies:
    """Of each pair of sets (draws,): whether the sets are told apart, and what share of their records is.

    Where records tie for the last of the highest places, these are expected values over all ways to fill them; `by_ties` is the
    variance of the share over these ways.
    """

    of_sets: NDArray[np.float64]
    of_records: NDArray[np.float64]
    by_ties: NDArray[np.float64]


def accuracies(drawn: Scores) -> Accuracies:
    """Return the accuracies of pairs of sets (draws, 2 size), members first."""
    size = drawn.shape[1] // 2
    last = np.partition(drawn, size, axis=1)[:, size, None]
    above, tied = drawn > last, drawn == last
    members, places = above[:, :size].sum(axis=1), size - above.sum(axis=1)
    ties, tied_members = tied.sum(axis=1), tied[:, :size].sum(axis=1)
    # The members need more than `missing` of the places for which records tie; how many they get is hypergeometric.
    missing = size / 2 - members
    wins = np.where(tied_members > missing, 1.0, np.where(tied_members == missing, 0.5, 0.0))
    open_ = np.flatnonzero(ties > places)
    if len(open_):
        # Loading it takes longer than all else, and few attacks tie.
        from scipy import stats

        chances = stats.hypergeom(ties[open_], tied_members[open_], places[open_])
        wins[open_] = chances.sf(np.floor(missing[open_])) + chances.pmf(missing[open_]) / 2
    share = tied_members / ties
    by_ties = places * share * (1 - share) * (ties - places) / np.maximum(ties - 1, 1) / size**2
    return Accuracies(wins, (members + places * share) / size, by_ties)


def _intervals(found: Accuracies, size: int, members: int, others: int) -> tuple[Interval, Interval]:
    """Return the intervals of the accuracy on sets and of that on single records, of draws as `summarize` makes them.

    The accuracy on records is a mean over members and over others. The variance of sets of `size`, drawn from m records without
    replacement, is to that of the mean over other m records as 1 / size - 1 / m to 1 / m. What members vary is seen in draws that
    share them (their covariance), and what others vary likewise. The interval of the share is Wilson's (1927) for as many trials
    as have this variance. A pair of fresh sets is told apart if the accuracy on its own records is above one half, and that
    accuracy is nearly normal: the interval of the accuracy on sets follows from that of its mean.
    """
    single, sets = float(found.of_records.mean()), float(found.of_sets.mean())
    first, second = np.split(found.of_records - single, 2)
    of_members, of_others = float(first @ second) / DRAWS, float(np.roll(first, -1) @ second) / DRAWS
    of_mean = sum(max(0.0, part) / (count / size - 1) for part, count in ((of_members, members), (of_others, others)))
    spread = math.sqrt(float(found.of_records.var() + found.by_ties.mean()) + of_mean)
    # One or two records may have been missed, even where all draws agree.
    nearest = 1 / (4 * min(members, others))
    of_mean = max(of_mean, 9 * nearest**2)

    inner = min(max(single, nearest), 1 - nearest)
    trials = inner * (1 - inner) / of_mean
    middle = (single + Z**2 / (2 * trials)) / (1 + Z**2 / trials)
    half_width = Z * math.sqrt(single * (1 - single) / trials + (Z / (2 * trials)) ** 2) / (1 + Z**2 / trials)
    low, high = (float(special.ndtr((single - 0.5 + sign * Z * math.sqrt(of_mean)) / max(spread, nearest))) for sign in (-1, 1))
    # Draws that all agree do not make certain (the rule of three); an interval holds its own figure.
    agreed = 3 / (2 * DRAWS)
    of_sets = (min(low, sets, 1 - agreed), max(high, sets, agreed))
    return of_sets, (max(0.0, min(middle - half_width, single)), min(1.0, max(middle + half_width, single)))
