"""The interval of the change from one attack to another covers what it claims, over seeds that both share or not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t

from taxonomy.defense_matrix import less
from taxonomy.figures import Average

SEEDS, DRAWS = 5, 4_000


def average(values):
    half = t.ppf(0.975, SEEDS - 1) * values.std(ddof=1) / np.sqrt(SEEDS)
    return Average(mean=values.mean(), ci=(values.mean() - half, values.mean() + half))


@pytest.mark.parametrize("shared", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("spread", [1.0, 4.0])
def test_the_interval_covers(shared, spread):
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(DRAWS):
        common, own, others = generator.normal(size=(3, SEEDS))
        one = 0.6 + 0.01 * (np.sqrt(shared) * common + np.sqrt(1 - shared) * own)
        other = 0.7 + 0.01 * spread * (np.sqrt(shared) * common + np.sqrt(1 - shared) * others)
        low, high = less(average(one), average(other)).ci
        covered += low <= -0.1 <= high
    assert covered / DRAWS > 0.94
