"""All figures of one attack with all their intervals, beside sorting its scores once, and beside a bootstrap."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import pytest
from records import Figure

from attacks import metrics
from attacks.evidence import comparisons
from attacks.metrics import set_membership

REPEATS, DRAWS = 5, 20
# CPU-seconds that set membership should take at most, by the number of records.
SET_GOALS = {10_000: 0.05, 100_000: 0.3, 200_000: 0.6}


def seconds(call: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return statistics.median(times)


@pytest.mark.benchmark
@pytest.mark.parametrize("count", [800, 1_000_000])
def test_all_intervals_beside_one_sort_and_a_bootstrap(record, count):
    generator = np.random.default_rng(0)
    member = np.arange(count) % 2 == 0
    score = generator.normal(size=count) + member

    def figures() -> None:
        # Another cut each time: nothing of the last call can be reused but what the numbers of records give.
        metrics.summarize(score, member, float(generator.random()))
        set_membership.summarize(score, member)

    figures()
    figure, draws = comparisons._figure_of_draw("tpr_at_fpr_0.01", score, None, member), comparisons._draws(member)
    sort, ours = seconds(lambda: np.argsort(score, kind="stable")), seconds(figures)
    bootstrap = seconds(lambda: [figure(next(draws)) for _ in range(DRAWS)]) / DRAWS * 1000
    figures = {"all figures": Figure(ours, goal=3 if count == 1_000_000 else None), "one sort": Figure(sort)}
    what = f"all figures of {count:,} records with their intervals"
    record(f"figures/all-{count}", what, "1,000 draws of a bootstrap of one rate", ours / bootstrap, 1, figures)
    assert ours < bootstrap


@pytest.mark.benchmark
@pytest.mark.parametrize("values", [None, 5], ids=["distinct", "tied"])
@pytest.mark.parametrize("count", SET_GOALS)
def test_set_membership_beside_one_sort(record, count, values):
    """Sets are as many and as large whatever the number of records, so what grows is to sort them."""
    generator = np.random.default_rng(0)
    member = np.arange(count) % 2 == 0
    score = generator.normal(size=count) + member
    if values:
        score = np.floor(score * values / 5)

    def afresh() -> None:
        set_membership._rows.cache_clear()
        set_membership.summarize(score, member)

    set_membership.summarize(score, member)
    sort, ours = seconds(lambda: np.argsort(score, kind="stable")), seconds(afresh)
    kind = "tied" if values else "distinct"
    figures = {"set membership": Figure(ours, goal=SET_GOALS[count]), "one sort": Figure(sort)}
    record(f"figures/sets-{count}-{kind}", f"set membership by {count:,} {kind} scores", "one sort", ours / sort, None, figures)
    if count == 200_000 and not values:
        assert ours < 10 * sort
