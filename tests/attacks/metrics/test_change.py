"""The interval of a difference holds the true one, on the same records and on others."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from attacks import metrics
from attacks.metrics import change

N = stats.norm


def pair(generator, members, others, apart, together):
    """Two normal scores of the same records, so far apart between members and others, with this correlation."""
    member = np.arange(members + others) < members
    common = generator.normal(size=len(member))
    first, second = (
        math.sqrt(together) * common + math.sqrt(1 - together) * generator.normal(size=len(member)) + each * member
        for each in apart
    )
    return first, second, member


def covered(sizes, rate, apart, together, *, paired, simulations):
    """How often the interval holds the true difference, and how wide it is."""
    generator, held, width = np.random.default_rng(0), 0, 0.0
    for _ in range(simulations):
        first, second, member = pair(generator, *sizes, apart, together)
        if not paired:
            _, second, _ = pair(generator, *sizes, apart, together)
        if rate is None:
            found = change.of_area((first, member), (second, member), paired=paired)
            truth = N.cdf(apart[1] / 2**0.5) - N.cdf(apart[0] / 2**0.5)
        else:
            found = change.of_rate((first, member), (second, member), rate, paired=paired)
            truth = N.sf(N.isf(rate) - apart[1]) - N.sf(N.isf(rate) - apart[0])
        held, width = held + (found.ci[0] <= truth <= found.ci[1]), width + found.ci[1] - found.ci[0]
        assert -1 <= found.ci[0] <= found.difference <= found.ci[1] <= 1
    return held / simulations, width / simulations


APART = [(0.0, 0.0), (1.0, 1.0), (1.0, 2.0), (2.0, 2.5), (3.0, 3.0)]


@pytest.mark.slow
@pytest.mark.parametrize("apart", APART)
@pytest.mark.parametrize(
    ("members", "others", "rate"), [(50, 50, None), (400, 400, None), (400, 400, 0.01), (1000, 1000, 0.01), (200, 1000, 0.01)]
)
def test_the_interval_holds_the_true_difference(members, others, rate, apart):
    """It may hold it more often than it claims: both intervals are wider than need be where few records decide."""
    for together, paired in ((0.5, False), (0.0, True), (0.5, True), (0.9, True), (0.99, True)):
        found, _ = covered((members, others), rate, apart, together, paired=paired, simulations=200)
        assert found >= 0.93 - 3 * (0.93 * 0.07 / 200) ** 0.5, (together, paired, found)


@pytest.mark.parametrize("rate", [None, 0.01])
def test_the_same_records_tell_more(rate):
    """Where both scores see nearly the same, the paired interval is far narrower, and holds the truth too."""
    unpaired, wide = covered((400, 400), rate, (1.0, 1.5), 0.9, paired=False, simulations=30)
    paired, narrow = covered((400, 400), rate, (1.0, 1.5), 0.9, paired=True, simulations=30)
    assert min(unpaired, paired) >= 0.8
    assert narrow < (0.6 if rate is None else 0.85) * wide


def test_a_change_is_second_less_first():
    generator = np.random.default_rng(0)
    first, second, member = pair(generator, 400, 300, (0.5, 2.0), 0.3)
    found = change.of_area((first, member), (second, member), paired=True)
    assert (found.first, found.second) == (metrics.auc(first, member), metrics.auc(second, member))
    assert found.difference == found.second - found.first > 0 and found.ci[0] > 0
    turned = change.of_area((second, member), (first, member), paired=True)
    assert turned.ci == pytest.approx((-found.ci[1], -found.ci[0]))
    rate = change.of_rate((first, member), (second, member), 0.01, paired=True)
    assert rate.first == metrics.tpr_at_fpr(first, member, 0.01) and rate.second == metrics.tpr_at_fpr(second, member, 0.01)
    assert rate.as_json() == {"a": rate.first, "b": rate.second, "difference": rate.difference, "ci": list(rate.ci)}


def test_nothing_is_certain_of_scores_that_do_not_differ():
    """Other records may still differ; all tied, all infinite, and all ranked right."""
    member = np.arange(200) < 100
    for score in (member * 1.0, np.zeros(200), np.full(200, np.inf), np.arange(200.0)):
        for found in (
            change.of_area((score, member), (2 * score, member), paired=True),
            change.of_rate((score, member), (2 * score, member), 0.05, paired=True),
        ):
            assert found.difference == 0 and -0.35 < found.ci[0] <= 0 <= found.ci[1] < 0.35
