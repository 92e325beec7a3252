"""Figures of attacks on sets, counted by hand; the interval of an error covers what it claims."""

from __future__ import annotations

import numpy as np
import pytest

from attacks.metrics import binomial_interval, sets


def test_sets_are_found_and_accused_at_the_level():
    found = sets.found(np.array([0.01, 0.2, 0.05, 0.04, 0.5, 0.9]), np.array([1.0, 0.5, 1.0, 0.0, 0.0, 0.0]), 0.05)
    assert found.value == 2 / 3 and found.ci == binomial_interval(2, 3) and found.chance == 0.05
    accused = found.details["accused_low"], found.details["accused_high"]
    assert found.details["accused"] == 1 / 3 and accused == binomial_interval(1, 3)
    assert found.details["auc"] == 7 / 9 and found.details["level"] == 0.05


def test_closeness_is_one_less_the_mean_error():
    found = sets.closeness(np.array([0.0, 0.4, 0.9]), np.array([0.0, 0.5, 1.0]))
    assert found.value == pytest.approx(1 - 0.2 / 3) and found.chance == pytest.approx(2 / 3)
    assert found.details["absolute_error"] == pytest.approx(0.2 / 3)
    assert found.details["bias"] == pytest.approx(-0.2 / 3) and found.details["largest_error"] == pytest.approx(0.1)


def test_the_interval_of_closeness_covers_the_true_error():
    source = np.random.default_rng(0)
    used = np.repeat([0.0, 0.25, 0.5, 0.75, 1.0], 8)
    for spread in (0.03, 0.15):
        truth = np.abs(np.clip(used + spread * source.normal(size=(4000, 40)), 0, 1) - used).mean()
        hits = 0
        for _ in range(1000):
            low, high = sets.closeness(np.clip(used + spread * source.normal(size=40), 0, 1), used).ci
            hits += low <= 1 - truth <= high
        assert 0.93 <= hits / 1000 <= 0.98
