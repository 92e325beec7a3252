"""What any of several attacks finds at a false positive rate of the whole, so that choosing among attacks is not free.

The best of twenty attacks on a sample flatters: where all of them guess, one still looks good. So all that is chosen (which
attacks, and how their scores compare) is chosen on some records, and judged on others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks.metrics import rate_interval
from attacks.metrics.figures import FALSE_POSITIVE_RATES, unresolved
from attacks.metrics.ranking import Scores, Truth, last_of_groups, roc

FOLDS = 5
# An attack joins if it finds more members than it costs by so many standard errors of that difference.
GAIN = 2.0


@dataclass(frozen=True)
class Ensemble:
    """What the ensemble finds at each rate, named as `0.01` is; None where the rate is not resolved, with the reason.

    `chosen` says how many of the folds chose each attack at each rate. `exposed` are indices of the members that are found at
    the smallest rate that is resolved, the most exposed first. `union` and `intersection` are indices of the members that any
    attack, or every attack, finds at that rate by itself: thresholds of their own, which are chosen on the same records.
    """

    attacks: list[str]
    tpr_at_fpr: dict[str, float | None]
    tpr_at_fpr_ci: dict[str, list[float] | None]
    unresolved: dict[str, str]
    chosen: dict[str, dict[str, int]]
    exposed: list[int]
    union: list[int]
    intersection: list[int]

    def as_json(self) -> dict[str, Any]:
        """Return the ensemble as plain data."""
        return dict(vars(self))


def measure(
    scores: Mapping[str, Scores],
    member: Truth,
    rates: Sequence[float] = FALSE_POSITIVE_RATES,
    *,
    ids: Sequence[str] | None = None,
    seed: int = 0,
) -> Ensemble:
    """Return what any attack finds, from scores (n,) by attack and the truth (n,).

    Records are dealt into five folds by their `ids` and `seed` alone (without ids by their place), so that neither the order of
    records nor that of attacks matters. For each fold, with the records of the others: a score becomes the share of non-members
    that reach it (`shares_of_others`); attacks are chosen one by one, as long as the smallest share over those chosen finds more
    members at this rate; and that smallest share becomes the share of non-members that reach it. So each record is judged by what
    was learned from others, all by one measure, and the rate of the whole is counted on non-members that nothing was chosen by.
    Only ranks count: what keeps the order of an attack's scores changes nothing. Raises ValueError without an attack.

    In simulations the interval covers as that of one attack does (`tests/attacks/metrics/test_ensemble.py`). Where one or two
    non-members decide, some of a single strong attack's rate is lost: of .20 with 1,000 non-members at 0.1 % it found .11.
    """
    if not scores:
        raise ValueError("an ensemble needs at least one attack")
    names = sorted(scores)
    members, others = int(member.sum()), int((~member).sum())
    found = Ensemble(names, {}, {}, {}, {}, [], [], [])
    resolved = []
    for rate in sorted(rates, reverse=True):
        reason = unresolved(others, rate)
        if reason is None and min(members, others) < 2 * FOLDS:
            reason = f"an ensemble needs {2 * FOLDS} members and as many non-members (found {members:,} and {others:,})"
        if reason is None:
            resolved.append(rate)
        else:
            found.tpr_at_fpr[f"{rate:g}"] = found.tpr_at_fpr_ci[f"{rate:g}"] = None
            found.unresolved[f"{rate:g}"] = reason
    if resolved:
        _judge(found, [scores[name] for name in names], member, resolved, folds(member, ids, seed))
    return found


def _judge(found: Ensemble, scores: Sequence[Scores], member: Truth, rates: Sequence[float], fold: NDArray[np.int64]) -> None:
    """Add what is found at rates that can be resolved, from the highest rate to the smallest."""
    orders = [ranked(score) for score in scores]
    judged, counts = np.empty((len(rates), len(member))), np.zeros((len(rates), len(scores)), dtype=np.int64)
    for k in range(FOLDS):
        held_out = fold == k
        shares = shares_of_others(orders, ~held_out & ~member)
        for i, rate in enumerate(rates):
            share, chosen = learned(shares, member, ~held_out, rate)
            judged[i, held_out] = -share[held_out]
            counts[i, chosen] += 1
    for rate, score, count in zip(rates, judged, counts, strict=True):
        name, curve = f"{rate:g}", roc(score, member)
        found.tpr_at_fpr[name] = float(curve.true_positive_rate[curve.within(rate)])
        found.tpr_at_fpr_ci[name] = list(rate_interval.of_rate(curve, rate).ends)
        found.chosen[name] = {found.attacks[a]: int(count[a]) for a in np.flatnonzero(count)}
    # Of the smallest rate, which came last.
    caught = np.flatnonzero((score >= curve.threshold[curve.within(rate)]) & member)
    found.exposed.extend(caught[np.argsort(-score[caught], kind="stable")].tolist())
    alone = np.stack([score >= _threshold(score, member, rate) for score in scores]) & member
    found.union.extend(np.flatnonzero(alone.any(axis=0)).tolist())
    found.intersection.extend(np.flatnonzero(alone.all(axis=0)).tolist())


@dataclass(frozen=True)
class Ranked:
    """Records in the order of their scores, the highest first: their rows int64 (n,), and mean ranks float64 (n,) from 1 on."""

    rows: NDArray[np.int64]
    place: NDArray[np.float64]


def ranked(score: Scores) -> Ranked:
    """Return the order of records by their scores (n,), with the mean rank of those that have the same."""
    rows = np.argsort(-score, kind="stable")
    last = last_of_groups(score[rows])
    size = np.diff(last, prepend=-1)
    return Ranked(rows, np.repeat(last + 1 - (size - 1) / 2, size))


def shares_of_others(orders: Sequence[Ranked], others: Truth) -> NDArray[np.float64]:
    """Return the share of these non-members, bool (n,), that reach each record, float64 (attacks, n).

    Between two of them, and above the highest, it is told how far up a record stands among all records that lie there: many
    there are rarely non-members. So of a non-member that is none of these the share is no smaller than by chance, or nearly so.
    """
    shares = np.empty((len(orders), len(others)))
    for share, order in zip(shares, orders, strict=True):
        knots = order.place[others[order.rows]]
        last = last_of_groups(knots)
        places = np.concatenate([[0.0], knots[last], [len(others) + 1.0]])
        share[order.rows] = np.interp(order.place, places, np.concatenate([[0.0], last + 1.0, [len(knots) + 1.0]]))
    return shares / (int(others.sum()) + 1)


def learned(shares: NDArray[np.float64], member: Truth, train: Truth, rate: float) -> tuple[NDArray[np.float64], list[int]]:
    """Return the share of non-members that reach each record (n,) by the attacks that were chosen, and these attacks.

    `shares` (attacks, n) are those by each attack, of the non-members of `train`; of other records the truth changes nothing.
    """
    chosen = _chosen(shares[:, train], member[train], rate)
    (share,) = shares_of_others([ranked(-shares[chosen].min(axis=0))], train & ~member)
    return share, chosen


def _chosen(shares: NDArray[np.float64], member: Truth, rate: float) -> list[int]:
    """Return the attacks that together find most at this rate: the best one, and what adds to it beyond chance.

    Of those that add equally the first is taken. Gained members less lost ones vary as the root of their sum (McNemar 1947).
    """
    allowed = int(rate * int((~member).sum()) + 1e-9)
    # Whom no attack finds at this rate by itself, no choice of attacks finds: it only lowers the threshold.
    highest = max(float(np.partition(share[~member], allowed)[allowed]) for share in shares)
    near = (shares <= highest).any(axis=0)
    shares, member = shares[:, near], member[near]

    def found(share: NDArray[np.float64]) -> Truth:
        hits: Truth = share[member] < np.partition(share[~member], allowed)[allowed]
        return hits

    chosen = [int(np.argmax([found(share).sum() for share in shares]))]
    smallest = shares[chosen[0]]
    while True:
        now, best, gain = found(smallest), -1, GAIN
        for a in set(range(len(shares))) - {*chosen}:
            then = found(np.minimum(smallest, shares[a]))
            gained, lost = int((then & ~now).sum()), int((now & ~then).sum())
            if gained > lost and (gained - lost) / (gained + lost) ** 0.5 > gain:
                best, gain = a, (gained - lost) / (gained + lost) ** 0.5
        if best < 0:
            return sorted(chosen)
        chosen.append(best)
        smallest = np.minimum(smallest, shares[best])


def folds(member: Truth, ids: Sequence[str] | None, seed: int) -> NDArray[np.int64]:
    """Return the fold of each record (n,): members, and non-members, are dealt out evenly."""
    fold = np.empty(len(member), dtype=np.int64)
    names = np.arange(len(member)) if ids is None else np.asarray(ids)
    generator = np.random.default_rng(seed)
    for side in (member, ~member):
        rows = np.flatnonzero(side)
        rows = rows[np.argsort(names[rows], kind="stable")]
        fold[generator.permutation(rows)] = np.arange(len(rows)) % FOLDS
    return fold


def _threshold(score: Scores, member: Truth, rate: float) -> float:
    curve = roc(score, member)
    return float(curve.threshold[curve.within(rate)])
