"""Set membership: of two sets of records, which one was trained on? A metric over per-record scores, for every attack.

Hilprecht et al. 2019: there are two sets of M records, one of members and one of non-members. The set that has more of the M
highest scores is called the members; half a hit where both have as many. Beside it stands their accuracy on single records, for
which the M records with the highest scores are called members.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from attacks.metrics import Scores, Truth

SIZE, FEWEST = 100, 10
DRAWS, RESAMPLES, TOGETHER = 1000, 200, 20


def summarize(score: Scores, member: Truth) -> dict[str, Any]:
    """Return how well scores (n,) do on sets, as plain data; None, with the reason, where there are too few records.

    Sets hold 100 records, or half of the members or non-members where there are fewer than 200 of these, so that draws differ.
    Both accuracies are means over 1,000 draws from a fixed generator. The draws share the records of one target, so that a small
    advantage that these records have by chance is in all of them: sets tell chance from leakage no better than records do. The
    95 % intervals are therefore of a bootstrap of records (Efron 1979; 200 resamples, members and non-members apart, 20 draws
    each), and say how the figures would vary with other records on the same model.
    """
    # In order of the scores, so that the figures do not depend on the order of the records.
    inside, outside = np.sort(score[member]), np.sort(score[~member])
    fewest = min(len(inside), len(outside))
    size = min(SIZE, fewest // 2)
    if size < FEWEST:
        reason = f"sets of {FEWEST} records need {2 * FEWEST} members and as many non-members (found {fewest})"
        return {"set_membership": None, "unresolved": {"set_membership": reason}}
    generator = np.random.default_rng(0)
    found = accuracies(np.concatenate([_drawn(inside, outside, size, generator) for _ in range(DRAWS // TOGETHER)])).mean(axis=0)
    resampled = [
        _drawn(generator.choice(inside, len(inside)), generator.choice(outside, len(outside)), size, generator)
        for _ in range(RESAMPLES)
    ]
    spread = accuracies(np.concatenate(resampled)).reshape(RESAMPLES, TOGETHER, 2).mean(axis=1)
    # Draws that all agree do not make certain (the rule of three); an interval holds its own figure.
    low = np.minimum(np.quantile(spread, 0.025, axis=0), np.minimum(found, 1 - 3 / DRAWS))
    high = np.maximum(np.quantile(spread, 0.975, axis=0), np.maximum(found, 3 / DRAWS))
    figures: dict[str, Any] = {"size": size}
    for k, name in enumerate(("set_accuracy", "single_accuracy")):
        figures |= {name: float(found[k]), f"{name}_ci": [float(low[k]), float(high[k])]}
    return {"set_membership": figures, "unresolved": {}}


def _drawn(inside: Scores, outside: Scores, size: int, generator: np.random.Generator) -> Scores:
    """Return the scores of 20 pairs of sets, (20, 2 size), members first; no record twice in one pair."""
    sides = []
    for side in (inside, outside):
        picked = np.argpartition(generator.random((TOGETHER, len(side))), size, axis=1)[:, :size]
        sides.append(side[picked])
    return np.concatenate(sides, axis=1)


def accuracies(drawn: Scores) -> NDArray[np.float64]:
    """Return of each pair of sets (draws, 2 size) whether the sets, and what share of records, are told apart, (draws, 2).

    Where records tie for the last of the highest places, these are expected values over all ways to fill them.
    """
    size = drawn.shape[1] // 2
    last = np.partition(drawn, size, axis=1)[:, size, None]
    above, tied = drawn > last, drawn == last
    members, places = above[:, :size].sum(axis=1), size - above.sum(axis=1)
    ties, tied_members = tied.sum(axis=1), tied[:, :size].sum(axis=1)
    # The members need more than `missing` of the places for which records tie; how many they get is hypergeometric.
    missing = size / 2 - members
    wins = np.where(tied_members > missing, 1.0, np.where(tied_members == missing, 0.5, 0.0))
    open_ = np.flatnonzero(ties > places)
    chances = stats.hypergeom(ties[open_], tied_members[open_], places[open_])
    wins[open_] = chances.sf(np.floor(missing[open_])) + chances.pmf(missing[open_]) / 2
    return np.stack([wins, (members + places * tied_members / ties) / size], axis=1)
