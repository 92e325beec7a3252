"""What stands in for scipy.optimize and scipy.stats gives the same figures."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy import optimize, stats

from attacks.metrics import rate_interval, roots


def test_roots_are_those_of_scipy_to_the_last_bit():
    generator = np.random.default_rng(0)
    for _ in range(300):
        a, b, c = generator.normal(size=3)
        r = generator.random()

        def f(x, a=a, b=b, c=c, r=r):
            return float((x - r) * (1 + (a * x) ** 2) + b**2 * (x - r) ** 3 * np.exp(c * x))

        for tolerance in (2e-12, 1e-10, 1e-4):
            assert roots.between(f, 0.0, 1.0, tolerance) == optimize.brentq(f, 0.0, 1.0, xtol=tolerance)
    assert roots.between(lambda x: x, 0.0, 1.0) == 0 and roots.between(lambda x: x - 1, 0.0, 1.0) == 1
    with pytest.raises(ValueError, match="same sign"):
        roots.between(lambda x: x + 1, 0.0, 1.0)


def test_the_quantile_is_students():
    for freedom in (1.0, 2.5, 30.0, 1e6):
        assert roots.t_quantile(0.975, freedom) == stats.t.ppf(0.975, freedom)


@pytest.mark.parametrize("others", [100, 400, 5_000, 1_000_000])
@pytest.mark.parametrize("rate", [0.001, 0.01])
def test_chances_of_ranks_are_binomial(others, rate):
    rank, weight = rate_interval._ranks(others, rate)
    number = rank[: len(rank) // 2]
    chance = stats.binom.pmf(number, others, rate)
    assert np.allclose(weight[: len(number)], chance / (2 * chance.sum()), rtol=1e-12, atol=0)


def test_figures_load_neither_scipy_stats_nor_its_optimizers():
    """Both take longer to load than a run takes to work out its figures."""
    code = (
        "import sys, numpy as np; from attacks import metrics; from attacks.metrics import set_membership as sets\n"
        "member = np.arange(400) < 200; score = np.sin(np.arange(400.0)) + member\n"
        "metrics.summarize(score, member, 0.5); sets.summarize(score, member)\n"
        "print([name for name in ('scipy.stats', 'scipy.optimize', 'sklearn', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
