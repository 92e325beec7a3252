"""P-values by permutation: those of scipy where all choices are looked at, and never too small where there is nothing to find."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from attacks.metrics.permutation import p_value


def test_all_choices_are_those_of_scipy():
    source = np.random.default_rng(0)
    for shift in (-1.0, 0.0, 2.0):
        suspect, others = source.normal(size=5) + shift, source.normal(size=6)
        expected = stats.permutation_test(
            (suspect, others), lambda a, b: a.mean() - b.mean(), alternative="greater", n_resamples=np.inf
        )
        assert p_value(suspect, others, draws=1000, seed=0) == pytest.approx(expected.pvalue)
        drawn = p_value(suspect, others, draws=400, seed=0)
        assert drawn == pytest.approx(expected.pvalue, abs=4 * 0.5 / 20), "at random, four standard errors"


def test_the_highest_of_all_have_the_least_p_value_there_is():
    assert p_value(np.array([5.0, 6.0]), np.array([1.0, 2.0]), draws=100, seed=0) == 1 / 6
    assert p_value(np.arange(50.0) + 100, np.arange(50.0), draws=99, seed=0) == 1 / 100
    assert p_value(np.ones(4), np.ones(5), draws=1000, seed=0) == 1.0, "what is the same everywhere says nothing"


def test_the_order_of_records_changes_nothing():
    source = np.random.default_rng(1)
    suspect, others = source.normal(size=20), source.normal(size=30).round(1)
    found = {p_value(source.permutation(suspect), source.permutation(others), draws=500, seed=3) for _ in range(5)}
    assert len(found) == 1


@pytest.mark.parametrize("draws", [19, 199])
def test_p_values_are_never_too_small_where_there_is_nothing_to_find(draws):
    """At most t with probability at most t, whatever the distribution: heavy tails, ties and skew; three standard errors."""
    source, count = np.random.default_rng(2), 1500
    for draw in (
        lambda size: source.standard_cauchy(size),
        lambda size: source.integers(3, size=size).astype(float),
        lambda size: source.exponential(size=size) ** 3,
    ):
        found = np.array([p_value(draw(4), draw(4 + k % 3), draws=draws, seed=k) for k in range(count)])
        for level in (0.02, 0.05, 0.1, 0.5):
            assert (found <= level).mean() <= level + 3 * np.sqrt(level * (1 - level) / count)
