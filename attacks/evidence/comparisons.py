"""How an ordering that papers report did: the difference of its two sides over seeds, its error, and a verdict."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks import metrics
from attacks.engine.outcome import Outcome
from attacks.evidence.averages import average, short
from attacks.metrics.intervals import TAIL, Z
from attacks.metrics.ranking import last_of_groups
from taxonomy.figures import Average, Ordered, SeedDifference
from taxonomy.orderings import Ordering, Side
from taxonomy.verdicts import of_interval

RESAMPLES = 1000


def compare(ordering: Ordering, sides: tuple[Side, Side], fingerprint: str, pairs: Sequence[tuple[Outcome, Outcome]]) -> Ordered:
    """Return how an ordering did: the difference of its two sides, seed by seed, and a verdict.

    Within a seed the standard error is paired where both sides are attacks on membership of the same records (`paired_error`),
    and else that of the difference of two independent figures, which is too wide where they are not. The interval over seeds is
    that of `average`. The ordering holds if the interval lies on its side of zero, and does not if it lies on the other; one that
    claims equality holds if the interval lies within the margin, and does not if it lies outside.
    """
    target, against = sides[0].target, sides[1].target
    parts: dict[str, Any] = {"ordering": ordering.id, "target": target, "fingerprint": fingerprint}
    parts |= {"against": against} if against != target else {}
    found = difference(ordering.metric, pairs, paired=target == against)
    if found is None:
        lacking = next(pair for pair in pairs if None in [_figure(outcome, ordering.metric) for outcome in pair])
        return Ordered(**parts, verdict="undecided", unresolved=_why_not(ordering, lacking))
    mean, rows = found
    return Ordered(**parts, difference=mean, verdict=of_interval(mean.ci, ordering.within), seeds=rows)


def difference(
    metric: str, pairs: Sequence[tuple[Outcome, Outcome]], *, paired: bool
) -> tuple[Average, list[SeedDifference]] | None:
    """Return by how much a figure of the first of two outcomes is higher, over seeds and seed by seed; None if one lacks it.

    `paired` says that both are of the same records.
    """
    seeds = []
    for better, worse in pairs:
        values = [_figure(outcome, metric) for outcome in (better, worse)]
        if values[0] is None or values[1] is None:
            return None
        seeds.append((better.seed, values[0], values[1], values[0] - values[1], _error(metric, (better, worse), paired=paired)))
    ends = [(higher - Z * error, higher + Z * error) for *_, higher, error in seeds]
    mean = average([seed[3] for seed in seeds], ends, metrics.DIFFERENCE)
    rows = [SeedDifference(seed=s, better=short(b), worse=short(w), difference=short(d), se=short(e)) for s, b, w, d, e in seeds]
    return mean, rows


def _figure(outcome: Outcome, metric: str) -> float | None:
    result = outcome.results[0]
    if metric == "judged":
        return float(result["metric"]["value"]) if "metric" in result else None
    if metric == "precision":
        if result.get("cut") is None:
            return None
        called = outcome.scores[result["attack"]] >= result["cut"]
        return float(outcome.member[called].mean()) if called.any() else None
    rate = metric.removeprefix("tpr_at_fpr_")
    value: float | None = result.get("tpr_at_fpr", {}).get(rate) if rate != metric else result.get(metric)
    return value


def _why_not(ordering: Ordering, outcomes: Sequence[Outcome]) -> str:
    reasons = [reason for outcome in outcomes for reason in outcome.results[0].get("unresolved", {}).values()]
    lacking = [outcome.results[0]["attack"] for outcome in outcomes if _figure(outcome, ordering.metric) is None]
    return reasons[0] if reasons and ordering.metric.startswith("tpr") else f"{', '.join(lacking)} has no {ordering.metric}"


def _error(metric: str, outcomes: tuple[Outcome, Outcome], *, paired: bool) -> float:
    """Return the standard error of the difference of a figure of two outcomes."""
    results = [outcome.results[0] for outcome in outcomes]
    if metric == "judged":
        # As where judged figures are averaged: a quarter of an interval's width is near enough to a standard error.
        return math.hypot(*((r["metric"]["ci"][1] - r["metric"]["ci"][0]) / 4 for r in results))
    first, second = ((o.scores[r["attack"]], r.get("cut")) for o, r in zip(outcomes, results, strict=True))
    if paired:
        return paired_error(metric, first, second, outcomes[0].member)
    return math.hypot(*(own_error(metric, each, o.member) for each, o in zip((first, second), outcomes, strict=True)))


Judged = tuple[NDArray[np.float64], float | None]


def own_error(metric: str, judged: Judged, member: NDArray[np.bool_]) -> float:
    """Return the standard error of a figure of one attack: DeLong's of an area, else that of a bootstrap as in `paired_error`."""
    if metric == "auc":
        return _not_certain(math.sqrt(metrics.auc_variance(judged[0], member)), member)
    figure = _figure_of_draw(metric, *judged, member)
    return _not_certain(float(np.std([figure(times) for times in _draws(member)], ddof=1)), member)


def paired_error(metric: str, first: Judged, second: Judged, member: NDArray[np.bool_]) -> float:
    """Return the standard error of the difference of a figure of two attacks on the same records.

    Of areas it is DeLong's (1988) for correlated curves; of other figures that of a paired bootstrap of 1,000 draws (Efron
    1979), members and non-members drawn apart, from a fixed generator. Every draw chooses its own threshold.
    """
    if metric == "auc":
        return _not_certain(metrics.auc_difference_error(first[0], second[0], member), member)
    figures = [_figure_of_draw(metric, *judged, member) for judged in (first, second)]
    return _not_certain(float(np.std([figures[0](times) - figures[1](times) for times in _draws(member)], ddof=1)), member)


def _not_certain(error: float, member: NDArray[np.bool_]) -> float:
    """Return a standard error, or that of a figure that no record changes where that is larger: others still may."""
    fewer = min(int(member.sum()), int((~member).sum()))
    return max(error, (1 - math.pow(TAIL, 1 / fewer)) / (2 * Z))


def _draws(member: NDArray[np.bool_]) -> Iterator[NDArray[np.int64]]:
    """Yield how often each record is drawn in every resample, int64 (n,)."""
    inside, outside = np.flatnonzero(member), np.flatnonzero(~member)
    generator = np.random.default_rng(0)
    for _ in range(RESAMPLES):
        times = np.zeros(len(member), dtype=np.int64)
        for rows in (inside, outside):
            times[rows] = np.bincount(generator.integers(len(rows), size=len(rows)), minlength=len(rows))
        yield times


def _figure_of_draw(
    metric: str, score: NDArray[np.float64], cut: float | None, member: NDArray[np.bool_]
) -> Callable[[NDArray[np.int64]], float]:
    """Return a function of how often each record was drawn that gives the figure of that draw; scores are sorted only once."""
    members, others = int(member.sum()), int((~member).sum())
    if metric in ("balanced_accuracy", "precision"):
        assert cut is not None, "it has a balanced accuracy or a precision, so it has a cut"
        found, alarmed = (score >= cut) & member, (score >= cut) & ~member
        if metric == "precision":
            return lambda times: float(times[found].sum() / max(1, times[found].sum() + times[alarmed].sum()))
        return lambda times: float(times[found].sum() / members + 1 - times[alarmed].sum() / others) / 2
    order = np.argsort(-score, kind="stable")
    truth, last = member[order], last_of_groups(score[order])
    allowed = float(metric.removeprefix("tpr_at_fpr_")) * others + 1e-9

    def rate(times: NDArray[np.int64]) -> float:
        drawn = times[order]
        alarms, hits = np.cumsum(drawn * ~truth)[last], np.cumsum(drawn * truth)[last]
        within = int(np.searchsorted(alarms, allowed, side="right"))
        return float(hits[within - 1]) / members if within else 0.0

    return rate
